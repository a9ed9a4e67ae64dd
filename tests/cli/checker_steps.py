"""Every message after the login that the checked conference must show on the wire, in the order of the capture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from attrs import frozen
from checker_wire import RECEIVED, SENT, Note

Facts: TypeAlias = tuple[tuple[str, object], ...]


@frozen
class Step:
    """One message that must be there. ``facts`` are among those of the message."""

    who: str
    arrow: str
    name: str
    media_session_type: str = ""
    facts: Facts = ()

    def fits(self, note: Note) -> bool:
        """Whether ``note`` is this step."""
        return (
            (note.who, note.arrow, note.name) == (self.who, self.arrow, self.name)
            and note.media_session_type == self.media_session_type
            and set(self.facts) <= set(note.facts)
        )

    def __str__(self) -> str:
        kind = f" ({self.media_session_type})" if self.media_session_type else ""
        facts = "".join(f" {key}={value}" for key, value in self.facts)
        return f"{self.who} {self.arrow} {self.name}{kind}{facts}"


def missing_steps(notes: Iterable[Note], owner: str, guest: str, *, speaking_is_told: bool = False) -> list[str]:
    """The steps that are not on the wire in the order of the capture, each as one line."""
    noted = list(notes)
    lines: list[str] = []
    for sequence in sequences(owner, guest, speaking_is_told=speaking_is_told):
        at = 0
        for step in sequence:
            found = next((index for index in range(at, len(noted)) if step.fits(noted[index])), None)
            if found is None:
                lines.append(str(step))
            else:
                at = found + 1
    return lines


def sequences(owner: str, guest: str, *, speaking_is_told: bool = False) -> list[list[Step]]:
    """Steps that follow each other; different sequences may interleave. ``speaking_is_told``: see `Speaking`."""
    both = (owner, guest)
    found = [_enter(owner, _OWNER_ENTERS, after) for after in ("GET /v1/turn", "GET /v1/rooms/<id>")]
    found.append(_enter(guest, _GUEST_ENTERS, "GET /v1/turn"))
    found += [_join(who) for who in both]
    found += [_publish(who, "video", ("audio", "video")) for who in both]
    found += [
        _trickle(who, description, "video") for who in both for description in ("media.publish", "media.sdp_answer")
    ]
    found += [_trickle(owner, "media.publish", "screen"), _trickle(guest, "media.sdp_answer", "screen")]
    found += [_told(who) if speaking_is_told else _found_out(who) for who in both]
    found += [_share_screen(owner), _muted(owner, "video"), _muted(guest, "audio")]
    for who in both:
        found.append([Step(who, SENT, "control.raise_hand"), Step(who, SENT, "control.lower_hand")])
        found.append(_subscribe(who, "video"))
        found.append([Step(who, SENT, "media.unpublish", "video")])
    found += [_subscribe(guest, "screen"), _leave_out(owner), _seen_by(owner), _seen_by_guest(guest)]
    return found


def _found_out(who: str) -> list[Step]:
    nobody = (("focus", None),)
    return [Step(who, RECEIVED, "media.focus_update"), Step(who, RECEIVED, "media.focus_update", facts=nobody)]


def _told(who: str) -> list[Step]:
    return [
        Step(who, arrow, f"media.{name}", facts=(("is_speaking", is_speaking),))
        for is_speaking in (True, False)
        for arrow, name in ((SENT, "update_speaking_state"), (RECEIVED, "speaker_updated"))
    ]


def _enter(who: str, requests: tuple[str, ...], after: str) -> list[Step]:
    """REST, the WebSocket with its ticket, and one request after that."""
    connected = Step(who, SENT, "WebSocket /signaling", facts=(("ticket", True),))
    return [*(Step(who, SENT, request) for request in requests), connected, Step(who, SENT, after)]


_OWNER_ENTERS: Final = (
    "GET /v1/users/me",
    "POST /v1/events",
    "POST /v1/rooms/<id>/invites",
    "POST /v1/rooms/<id>/start",
)
_GUEST_ENTERS: Final = ("POST /v1/invite/verify", "POST /v1/rooms/<id>/start_invited")


def _join(who: str) -> list[Step]:
    return [Step(who, SENT, "control.join"), Step(who, RECEIVED, "control.join_success")]


def _publish(who: str, kind: str, tracks: tuple[str, ...]) -> list[Step]:
    state = (("audio", "audio" in tracks), ("video", "video" in tracks))
    return [
        Step(who, SENT, "media.publish", kind),
        Step(who, RECEIVED, "media.sdp_answer", kind),
        Step(who, RECEIVED, "media.webrtc_up", kind),
        Step(who, RECEIVED, "media.media_status", kind, (("receiving", True),)),
        Step(who, SENT, "media.publish_complete", kind, state),
    ]


def _trickle(who: str, description: str, kind: str) -> list[Step]:
    """Candidates follow a description as they are found: what the server says meanwhile may come before the last."""
    names = (description, "media.sdp_candidate", "media.sdp_end_of_candidates")
    return [Step(who, SENT, name, kind) for name in names]


def _share_screen(who: str) -> list[Step]:
    return [
        *_publish(who, "screen", ("video",)),
        Step(who, RECEIVED, "media.media_status", "screen", (("receiving", False), ("kind", "video"))),
        Step(who, SENT, "media.unpublish", "screen"),
    ]


def _muted(who: str, kind: str) -> list[Step]:
    off = Step(who, SENT, "media.update_media_session", "video", ((kind, False),))
    return [off, Step(who, SENT, "media.update_media_session", "video", (("audio", True), ("video", True)))]


def _subscribe(who: str, kind: str) -> list[Step]:
    return [
        Step(who, SENT, "media.subscribe", kind),
        Step(who, RECEIVED, "media.sdp_offer", kind),
        Step(who, SENT, "media.sdp_answer", kind),
        Step(who, RECEIVED, "media.webrtc_up", kind),
    ]


def _leave_out(who: str) -> list[Step]:
    return [Step(who, SENT, "media.configure", "video", (("video", on),)) for on in (False, True)]


def _seen_by(who: str) -> list[Step]:
    """How the owner sees the guest come, publish, and go."""
    return [
        Step(who, RECEIVED, "control.joined"),
        Step(who, RECEIVED, "control.update", facts=(("has_video", True),)),
        Step(who, RECEIVED, "media.webrtc_down", "video"),
        Step(who, RECEIVED, "control.update"),
        Step(who, RECEIVED, "control.left"),
    ]


def _seen_by_guest(who: str) -> list[Step]:
    return [
        Step(who, RECEIVED, "control.update", facts=(("has_screen", True),)),
        Step(who, RECEIVED, "media.webrtc_down", "screen"),
    ]
