"""Faults in the embedded SFU of `m3asyncio`."""

from __future__ import annotations

from mutants import Mutant

SFU = "m3asyncio/sfu.py"
STREAMS = "m3asyncio/sfu_streams.py"
_STREAMS = ("tests/media/test_sfu_streams.py",)
_CALL = "tests/media/test_media_call.py"
_DEAD = (f"{_CALL}::test_a_dead_camera_is_told_and_comes_back",)
_WITHOUT = (f"{_CALL}::test_subscriptions_without_video_end_with_their_publisher",)
_RESTART = (f"{_CALL}::test_a_subscription_is_restarted_and_its_publisher_renegotiates",)
_LOSS = (f"{_CALL}::test_a_receiver_that_loses_pictures_gets_a_keyframe_and_losses_are_told",)
_JANUS = (f"{_CALL}::test_answers_look_like_those_of_janus",)
_FAILED = (f"{_CALL}::test_what_cannot_be_done_is_failed",)
_ONE = (f"{_CALL}::test_only_one_section_of_each_kind_is_accepted",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "sfu: video that comes back begins without a keyframe",
        STREAMS,
        "            self.restart()  # the subscriber lacks",
        "            pass  # the subscriber lacks",
        _STREAMS,
    ),
    Mutant(
        "sfu: a publisher that is relayed again is asked for no keyframe",
        STREAMS,
        "                track.restart()\n",
        "                pass\n",
        _STREAMS,
    ),
    Mutant(
        "sfu: the queue of a subscriber holds one more than its limit",
        STREAMS,
        "if self._queue.qsize() >= MAX_QUEUE[self.kind]:",
        "if self._queue.qsize() > MAX_QUEUE[self.kind]:",
        _STREAMS,
    ),
    Mutant(
        "sfu: pictures go on in the midst after an overflow",
        STREAMS,
        "                self._queue.get_nowait()\n            self.restart()\n",
        "                self._queue.get_nowait()\n",
        _STREAMS,
    ),
    Mutant(
        "sfu: a reader of a stopped track waits for ever",
        STREAMS,
        "        super().stop()\n        self._queue.put_nowait(None)",
        "        super().stop()\n",
        _STREAMS,
    ),
    Mutant(
        "sfu: a stopped track is fed",
        STREAMS,
        "        self._source.tracks.discard(self)\n",
        "",
        _STREAMS,
    ),
    Mutant(
        "sfu: late audio is sent",
        STREAMS,
        "(packet.sequence_number - self._sequence - 1) & 0xFFFF >= 0x8000",
        "packet.sequence_number == self._sequence",
        _STREAMS,
    ),
    Mutant(
        "sfu: the clock of a new source jumps",
        STREAMS,
        "                self._restart_clock()\n                self._ssrc = packet.ssrc\n",
        "                self._ssrc = packet.ssrc\n",
        _STREAMS,
    ),
    Mutant(
        "sfu: keyframes and others are taken for each other",
        STREAMS,
        "keyframe=not frame.data[0] & 1",
        "keyframe=bool(frame.data[0] & 1)",
        _STREAMS,
    ),
    Mutant(
        "sfu: keyframes are asked for without a limit",
        STREAMS,
        "        elif delay is not None:\n            loop.call_later(delay, self._request_due)\n",
        "        else:\n            self._request_due()\n",
        _STREAMS,
    ),
    Mutant(
        "sfu: a keyframe that was put off is never asked for",
        STREAMS,
        "            loop.call_later(delay, self._request_due)\n",
        "            pass\n",
        _STREAMS,
    ),
    Mutant(
        "sfu: muted sound still counts as talking",
        SFU,
        "        if not operation.audio:\n            self._silent(publisher)\n",
        "",
        (f"{_CALL}::test_sound_that_is_not_relayed_is_no_talking",),
    ),
    Mutant(
        "sfu: a camera that is dead is not told",
        SFU,
        "receiving=False))\n",
        "receiving=True))\n",
        _DEAD,
    ),
    Mutant(
        "sfu: subscribers of a publisher that is gone are not told",
        SFU,
        "                self._report(Down(orphan.peer))\n",
        "",
        _WITHOUT,
    ),
    Mutant(
        "sfu: subscriptions without video get video",
        SFU,
        'if source is None or (kind == "video" and subscriber.without_video):',
        "if source is None:",
        _WITHOUT,
    ),
    Mutant(
        "sfu: a restart forgets that video is configured off",
        SFU,
        'track.enable(kind == "audio" or subscriber.video)',
        "track.enable(True)",
        (f"{_CALL}::test_a_restarted_subscription_is_configured_as_before",),
    ),
    Mutant(
        "sfu: a restarted publisher keeps its old connection",
        SFU,
        "        if before is not None and before is not connection:\n            await before.close()\n",
        "",
        _RESTART,
    ),
    Mutant(
        "sfu: losses are compared with the first count",
        SFU,
        "        entry.lost = lost\n",
        "",
        _STREAMS,
    ),
    Mutant(
        "sfu: a requested keyframe is not passed on",
        SFU,
        "aiortc_private.on_keyframe_request(transceiver.sender, source.request_keyframe)",
        "pass",
        _LOSS,
    ),
    Mutant(
        "sfu: a second section of a kind is accepted",
        SFU,
        '            transceiver.direction = "inactive"\n',
        "            pass\n",
        _ONE,
    ),
    Mutant(
        "sfu: a failed offer leaves its subscription",
        SFU,
        "            sdp = await self._connect(subscriber)\n        except BaseException:\n"
        "            await self._close(command.peer)\n            raise\n",
        "            sdp = await self._connect(subscriber)\n        except BaseException:\n            raise\n",
        _FAILED,
    ),
    Mutant(
        "sfu: media is told before the connection is up",
        SFU,
        "if monitor is None or not connection.up:",
        "if monitor is None:",
        _STREAMS,
    ),
    Mutant(
        "sfu: answers name no bitrate",
        SFU,
        'f"{found.group()}b=TIAS:{bitrate}\\r\\n"',
        "found.group()",
        _JANUS,
    ),
)
