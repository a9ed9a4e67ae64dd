"""Connections that offer only the first sub-protocol name learn of streams one at a time (media.md § 10, row 4)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis.strategies as st
from hypothesis import given
from stage import K3K, OPENTALK, Line, Stage

from m3core.controller.features import NEWEST
from m3core.controller.sfu import AcceptPublisher, RelayPublisher
from m3core.limits import STREAM_TOLD_TIMEOUT
from m3core.testing.descriptions import make_answer, make_offer

CANDIDATE = {"candidate": "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host", "sdpMLineIndex": 0}
OFFER = make_offer(("audio", "video"), 1)


def publish(line: Line, kind: str = "video", *, audio: bool = True, video: bool = True) -> None:
    """A stream that is announced."""
    offer(line, kind)
    state(line, "publish_complete", kind, audio=audio, video=video)


def offer(line: Line, kind: str = "video") -> None:
    """A stream that is negotiated, and not announced."""
    line.say("media", "publish", target=line.id, media_session_type=kind, sdp=OFFER)


def state(line: Line, action: str, kind: str, *, audio: bool, video: bool) -> None:
    sending = {"audio": audio, "video": video, "video_settings": 2}
    line.say("media", action, media_session_type=kind, media_session_state=sending)


def knock(stage: Stage, name: str, protocol: str) -> Line:
    """A guest that offers one sub-protocol, connected."""
    status, answer = stage.start(name)
    assert (status, stage.knock(name, answer["ticket"], protocol)) == (200, 101)
    return stage.lines[stage.connections[name]]


def mustang(stage: Stage) -> Line:
    """A client like Mustang's, in the room."""
    line = knock(stage, "Mustang", K3K)
    line.say("control", "join", display_name="Mustang")
    return line


def told(line: Line) -> list[list[str]]:
    """The streams that each message since the last time has shown."""
    return [streams(entry) for payload in line.heard() for entry in (payload, *payload.get("participants", ()))]


def streams(entry: dict[str, Any]) -> list[str]:
    """The streams of an entry that are on, by name and kind."""
    name = entry.get("control", {}).get("display_name", "")
    found = {kind: entry.get("media", {}).get(kind) for kind in ("video", "screen")}
    return [f"{name} {kind}" for kind, sending in found.items() if sending and (sending["audio"] or sending["video"])]


def configure(line: Line, target: Line, kind: str = "video") -> None:
    """Subscribe and configure, as a client does after a whole negotiation."""
    line.say("media", "subscribe", target=target.id, media_session_type=kind)
    line.say("media", "configure", target=target.id, media_session_type=kind, configuration={"video": True})


def quiet(line: Line) -> list[str]:
    """The streams that were shown since the last time, in order."""
    return [stream for message in told(line) for stream in message]


def test_at_join() -> None:
    """`join_success` has no stream; the next follows the `configure` for the last, or two seconds of nothing."""
    stage = Stage()
    ada, bob, cyd = stage.joined("Ada", "Bob", "Cyd")
    for line in (ada, bob, cyd):
        publish(line)
    stage.forget()
    line = mustang(stage)
    success, update = line.heard()
    assert [streams(entry) for entry in success["participants"]] == [[], [], []]
    assert (update["message"], streams(update)) == ("update", ["Ada video"])
    configure(line, ada)
    assert quiet(line) == ["Bob video"]
    stage.sleep(STREAM_TOLD_TIMEOUT - 0.1)
    assert quiet(line) == []
    stage.sleep(0.1)
    assert quiet(line) == ["Cyd video"]
    stage.sleep(60.0)
    assert quiet(line) == []
    stage.settle()


def test_later() -> None:
    """A stream that begins while another is negotiated: first an `update` without it, and in its turn one with it."""
    stage = Stage()
    ada, bob = stage.joined("Ada", "Bob")
    line = mustang(stage)
    stage.forget()
    publish(ada)
    publish(bob)
    publish(ada, "screen")
    assert told(line) == [["Ada video"], [], ["Ada video"]]
    bob.say("control", "raise_hand")
    assert told(line) == [[]]
    configure(line, ada)
    assert quiet(line) == ["Ada video", "Ada screen"]  # an update is complete
    configure(line, ada, "screen")
    assert quiet(line) == ["Bob video"]
    bob.say("control", "lower_hand")
    assert told(line) == [["Bob video"]]
    stage.settle()


def test_a_stream_that_ends_is_not_waited_for() -> None:
    stage = Stage()
    ada, bob, cyd = stage.joined("Ada", "Bob", "Cyd")
    for line in (ada, bob, cyd):
        publish(line)
    line = mustang(stage)
    line.heard()
    ada.say("media", "unpublish", media_session_type="video")
    assert told(line) == [[], ["Bob video"]]
    bob.leave()
    assert quiet(line) == ["Cyd video"]
    stage.settle()


def test_what_is_switched_off_is_told_at_once_and_on_again_in_its_turn() -> None:
    """That client closes its end of a stream whose sound and picture are off, and subscribes again (row 10)."""
    stage = Stage()
    ada, bob = stage.joined("Ada", "Bob")
    publish(ada)
    publish(bob, audio=False, video=False)
    line = mustang(stage)
    success, update = line.heard()
    assert success["participants"][1]["media"]["video"] == {"audio": False, "video": False}
    assert streams(update) == ["Ada video"]
    state(bob, "update_media_session", "video", audio=True, video=False)
    assert told(line) == [[]]
    state(ada, "update_media_session", "video", audio=False, video=False)
    assert told(line) == [[], ["Bob video"]]
    state(ada, "update_media_session", "video", audio=False, video=True)
    assert told(line) == [[]]
    configure(line, bob)
    assert quiet(line) == ["Ada video"]
    stage.settle()


def test_it_is_told_of_nothing_while_it_publishes() -> None:
    """While the client publishes, it waits for messages of the same names."""
    stage = Stage()
    (ada,) = stage.joined("Ada")
    line = mustang(stage)
    offer(line)
    stage.forget()
    publish(ada)
    assert told(line) == [[]]
    state(line, "publish_complete", "video", audio=True, video=True)
    assert quiet(line) == ["Ada video"]
    stage.settle()


def offers(stage: Stage) -> int:
    """How many offers the media server got."""
    return sum(isinstance(command.operation, AcceptPublisher) for command in stage.sfu.commands)


def test_its_own_stream_waits_for_its_turn() -> None:
    """The first `webrtc_up` would end both waits: so the media server gets the offer after the `configure`."""
    stage = Stage()
    ada, bob = stage.joined("Ada", "Bob")
    publish(ada)
    publish(bob)
    line = mustang(stage)
    before = offers(stage)
    offer(line)
    line.say("media", "sdp_candidate", target=line.id, media_session_type="video", candidate=CANDIDATE)
    assert offers(stage) == before
    configure(line, ada)
    assert "sdp_answer" in [payload["message"] for payload in line.heard("media")]
    assert offers(stage) == before + 1
    state(line, "publish_complete", "video", audio=True, video=True)
    assert quiet(line) == ["Bob video"]
    offer(line, "screen")
    line.say("media", "unpublish", media_session_type="screen")
    configure(line, bob)
    assert offers(stage) == before + 1  # it was given up before its turn came
    stage.settle()


def test_who_may_not_speak_is_not_heard_when_its_turn_comes() -> None:
    """No command about a stream goes to the media server before its offer: it would fail, and end the stream."""
    stage = Stage(NEWEST)
    (ada,) = stage.joined("Ada")
    publish(ada)
    line = mustang(stage)
    offer(line)
    before = len(stage.sfu.commands)
    ada.say("media", "moderator_enable_force_mute", allow_list=[ada.id])
    state(line, "publish_complete", "video", audio=True, video=True)
    assert len(stage.sfu.commands) == before
    stage.sleep(STREAM_TOLD_TIMEOUT)
    accepted, relayed, *_ = (command.operation for command in stage.sfu.commands[before:])
    assert isinstance(accepted, AcceptPublisher)
    assert relayed == RelayPublisher(audio=False, video=True)
    stage.settle()


def test_its_offer_waits_no_longer_than_for_a_stream() -> None:
    stage = Stage()
    (ada,) = stage.joined("Ada")
    publish(ada)
    line = mustang(stage)
    offer(line)
    before = offers(stage)
    stage.sleep(STREAM_TOLD_TIMEOUT)
    assert offers(stage) == before + 1
    offer(line)  # renegotiated while it is its turn
    stage.settle()


def test_a_slow_negotiation_is_waited_for_step_by_step() -> None:
    stage = Stage()
    ada, bob = stage.joined("Ada", "Bob")
    publish(ada)
    publish(bob)
    line = mustang(stage)
    line.heard()
    stage.sleep(STREAM_TOLD_TIMEOUT - 0.5)
    line.say("media", "subscribe", target=ada.id, media_session_type="video")
    (offered,) = line.heard("media")
    stage.sleep(STREAM_TOLD_TIMEOUT - 0.5)
    answer = make_answer(offered["sdp"], 1)
    line.say("media", "sdp_answer", target=ada.id, media_session_type="video", sdp=answer)
    stage.sleep(STREAM_TOLD_TIMEOUT - 0.5)
    assert quiet(line) == []
    stage.sleep(0.5)
    assert quiet(line) == ["Bob video"]
    stage.settle()


def test_others_hear_the_same_as_ever() -> None:
    """A client that offers the later name, or both, gets each change once, and all streams in `join_success`."""
    for protocol in (OPENTALK, f"{K3K}, {OPENTALK}", f"{OPENTALK}, {K3K}"):
        stage = Stage()
        ada, bob = stage.joined("Ada", "Bob")
        publish(ada)
        mustang(stage)
        line = knock(stage, "Webb", protocol)
        success = line.join()
        assert [streams(entry) for entry in success["participants"]] == [["Ada video"], [], []]
        publish(bob)
        publish(bob, "screen")
        bob.say("media", "unpublish", media_session_type="screen")
        stage.sleep(10.0)
        assert Counter(payload["message"] for payload in line.payloads) == {"join_success": 1, "update": 3}


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["publish", "on", "off", "unpublish", "leave", "configure", "sleep", "own"]),
        st.integers(0, 3),
        st.sampled_from(["video", "screen"]),
    ),
    max_size=40,
)


@given(_STEPS)
def test_whatever_happens_it_learns_all_and_never_two_at_once(steps: list[tuple[str, int, str]]) -> None:
    stage = Stage()
    lines = stage.joined("Ada", "Bob", "Cyd", "Dan")
    line = mustang(stage)
    known: set[str] = set()
    for step, number, kind in steps:
        other = lines[number]
        if not other.is_open:
            continue
        match step:
            case "publish":
                publish(other, kind)
            case "on" | "off":
                state(other, "update_media_session", kind, audio=step == "on", video=False)
            case "unpublish":
                other.say("media", "unpublish", media_session_type=kind)
            case "leave":
                other.leave()
            case "configure":
                configure(line, other, kind)
            case "sleep":
                stage.sleep(STREAM_TOLD_TIMEOUT)
            case "own":
                offer(line, kind)
        before = set(known)
        learn(known, line)
        assert len(known - before) <= 1
    for _ in range(10):
        stage.sleep(STREAM_TOLD_TIMEOUT)
        learn(known, line)
    witness = knock(stage, "Webb", OPENTALK)
    there = witness.join()["participants"]
    assert known == {stream for entry in there if entry["control"]["left_at"] is None for stream in streams(entry)}
    stage.settle()


def learn(known: set[str], line: Line) -> None:
    """The streams that such a client knows after the messages that came: an update is complete."""
    for payload in line.heard():
        if payload["message"] in {"update", "joined"}:
            name = payload["control"]["display_name"]
            known -= {f"{name} video", f"{name} screen"}
            known |= set(streams(payload))
