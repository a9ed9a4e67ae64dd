"""Faults in the embedded SFU of `m3asyncio`."""

from __future__ import annotations

from mutants import Mutant

SFU = "m3asyncio/sfu.py"
STREAMS = "m3asyncio/sfu_streams.py"
TURNS = "m3asyncio/turns.py"
AIORTC = "m3asyncio/aiortc_private.py"
_LIMITS = "tests/media/test_sfu_limits.py"
_TURNS = (_LIMITS,)
_CLOSING = "tests/media/test_sfu_closing.py"
_SOURCES = (f"{_LIMITS}::test_packets_of_more_sources_than_the_limit_are_dropped_and_those_of_known_ones_are_not",)
_FAIR = (f"{_LIMITS}::test_nobody_waits_behind_the_many_subscriptions_of_somebody_else",)
_KEYFRAMES = (f"{_LIMITS}::test_a_subscriber_gets_a_few_keyframes_at_once_and_one_more_later",)
_OWN = (f"{_LIMITS}::test_two_peers_of_the_server_cannot_be_connected_to_each_other",)
_FREED = (f"{_CLOSING}::test_what_is_being_closed_at_the_end_is_freed",)
_ENDING = (f"{_CLOSING}::test_nobody_subscribes_to_a_publisher_that_is_being_closed",)
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
        "                pass\n",
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
        "aiortc_private.on_keyframe_request(transceiver.sender, track.request_keyframe)",
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
        "            sdp = await self._connect(subscriber, command.owner)\n        except BaseException:\n"
        "            await self._close(command.peer)\n            raise\n",
        "            sdp = await self._connect(subscriber, command.owner)\n"
        "        except BaseException:\n            raise\n",
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
    Mutant(
        "turns: whoever asked last comes first",
        TURNS,
        "owner = next(iter(self._waiting))",
        "owner = next(reversed(self._waiting))",
        _TURNS,
    ),
    Mutant(
        "turns: one owner has all turns until it wants no more",
        TURNS,
        "                self._waiting[owner] = queue",
        "                self._waiting = {owner: queue, **self._waiting}",
        _TURNS,
    ),
    Mutant(
        "turns: a turn that was given to cancelled work is lost",
        TURNS,
        "                self._pass_on()\n            raise",
        "                pass\n            raise",
        _TURNS,
    ),
    Mutant("turns: a turn is not given back", TURNS, "        self._free += 1", "        pass", _TURNS),
    Mutant(
        "sfu: subscriptions have no owner",
        SFU,
        "async with self._turns.turn(owner):",
        "async with self._turns.turn(0):",
        _FAIR,
    ),
    Mutant(
        "sfu: publishers have no owner",
        SFU,
        "async with self._turns.turn(command.owner):",
        "async with self._turns.turn(1):",
        _FAIR,
    ),
    Mutant(
        "sfu: one source more than the limit is taken",
        AIORTC,
        "len(self._known) >= MAX_SSRCS",
        "len(self._known) > MAX_SSRCS",
        _SOURCES,
    ),
    Mutant(
        "sfu: packets with a wrong key count as sources",
        AIORTC,
        "        plain = unprotect(packet)\n        self._known.add(ssrc)\n",
        "        self._known.add(ssrc)\n        plain = unprotect(packet)\n",
        _SOURCES,
    ),
    Mutant(
        "sfu: sources of publishers are not counted",
        "m3asyncio/connection.py",
        "        self._limit_sources()\n        self._described = True\n",
        "        self._described = True\n",
        (f"{_LIMITS}::test_a_flood_of_sources_makes_no_state",),
    ),
    Mutant(
        "sfu: every lost packet is sent again",
        AIORTC,
        "        if may_send():\n",
        "        if may_send() or True:\n",
        (f"{_LIMITS}::test_lost_packets_are_sent_again_up_to_a_limit",),
    ),
    Mutant(
        "sfu: retransmissions of a real subscriber are not limited",
        SFU,
        "                aiortc_private.limit_retransmissions(transceiver.sender, track.may_retransmit)\n",
        "                pass\n",
        (f"{_LIMITS}::test_feedback_of_a_real_subscriber_is_limited",),
    ),
    Mutant(
        "sfu: keyframes of one subscriber are not counted",
        STREAMS,
        "        self._requests.take(asyncio.get_running_loop().time())\n",
        "",
        _KEYFRAMES,
    ),
    Mutant(
        "sfu: each keyframe request that is too early is carried out later",
        STREAMS,
        "        if self._request is not None:\n            return\n        loop",
        "        loop",
        _KEYFRAMES,
    ),
    Mutant(
        "sfu: a subscriber that is gone asks for a keyframe",
        STREAMS,
        "            self._request.cancel()\n",
        "            pass\n",
        (f"{_LIMITS}::test_a_subscriber_that_is_gone_asks_for_nothing",),
    ),
    Mutant(
        "sfu: its own sockets are candidates",
        SFU,
        "if not self._is_own_socket(one[0])",
        "if one",
        _OWN,
    ),
    Mutant(
        "sfu: candidates end although one was left out",
        SFU,
        "end = operation.end and len(others) == len(operation.candidates)",
        "end = operation.end",
        _OWN,
    ),
    Mutant(
        "sfu: a publisher is forgotten before it is freed",
        SFU,
        "            publisher.is_ending = True\n",
        "            publisher.is_ending = True\n            del self._publishers[peer]\n",
        _FREED,
    ),
    Mutant(
        "sfu: a subscription restarts although its publisher is being closed",
        SFU,
        "            if subscriber.publisher.is_ending:",
        "            if not subscriber.publisher:",
        _ENDING,
    ),
    Mutant(
        "sfu: the end of an old connection takes the new tracks",
        SFU,
        "        if subscriber.connection is connection:  # and",
        "        if True:  # and",
        _STREAMS,
    ),
    Mutant(
        "sfu: its thread starts tasks at its end",
        "m3asyncio/engine_thread.py",
        "        if self._finished:\n            coroutine.close()",
        "        if not self._name:\n            coroutine.close()",
        (f"{_CLOSING}::test_nothing_is_started_at_the_end_of_the_thread",),
    ),
)
