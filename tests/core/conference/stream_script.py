"""A `Script` that publishes and subscribes, with the messages of namespace `media` that a server sends."""

from __future__ import annotations

from typing import Any

from scripted import ME, ON, OTHER, Script, person
from worlds import VIDEO

from m3core.conference.state import PublicationState, SubscriptionState
from m3core.io import CallId, MediaCommand, MediaReport
from m3core.testing.descriptions import make_answer, make_offer
from m3core.testing.fakes import FakeMedia
from m3core.values import MediaSessionType, ParticipantId


def entry(identity: str = OTHER, name: str = "Bob", *, is_live: bool = True, left: bool = False) -> dict[str, Any]:
    """A participant who publishes the camera, or nothing."""
    return person(identity, name, left=left, video=ON) if is_live else person(identity, name, left=left)


class HeldMedia(FakeMedia):
    """A media engine that is slow: with ``holds``, its next reports are kept until `describe` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = False
        self.held: list[MediaReport] = []

    def perform(self, command: MediaCommand) -> list[MediaReport]:
        reports = super().perform(command)
        if self.holds and reports:
            self.holds = False
            self.held += reports
            return []
        return reports


class Streams(Script):
    """Ada in the room, with Bob, who publishes his camera."""

    def __init__(self, *people: dict[str, Any]) -> None:
        super().__init__()
        self.media: HeldMedia = HeldMedia()
        self.number = 0
        self.offers: list[str] = []
        """Our offers that were answered."""
        self.people = people or (entry(),)
        self.enter(*self.people)

    def says(self, message: str, source: str = ME, kind: MediaSessionType = VIDEO, **fields: Any) -> None:
        """The server sends ``message`` about a stream."""
        self.hear("media", message=message, source=source, media_session_type=kind.value, **fields)

    def reports(self, report: MediaReport) -> None:
        """Our media engine sends ``report``."""
        self.give(lambda c, now: c.media_report(report, now))

    def describe(self) -> None:
        """Our media engine sends the reports that it kept."""
        reports, self.media.held = self.media.held, []
        for report in reports:
            self.reports(report)

    def update(self, *, is_live: bool = False, identity: str = OTHER, name: str = "Bob") -> None:
        """The server says that a participant publishes the camera now, or no stream at all."""
        self.hear("control", message="update", **entry(identity, name, is_live=is_live))

    def left(self, identity: str = OTHER) -> None:
        self.hear("control", message="left", id=identity, timestamp="2024-03-05T09:32:00Z")

    def comes(self, *, is_live: bool = False, identity: str = OTHER, name: str = "Bob") -> None:
        self.hear("control", message="joined", **entry(identity, name, is_live=is_live))

    def take(self, action: str) -> dict[str, Any]:
        """Remove the first message with ``action`` from those that we sent, and give it."""
        payload = next(one for one in self.sent if one["action"] == action)
        self.sent.remove(payload)
        return payload

    def actions(self) -> list[str]:
        """The actions of the messages sent since the last call, without candidates."""
        found = [one["action"] for one in self.sent if "candidate" not in one["action"]]
        self.sent.clear()
        return found

    def back(self, *people: dict[str, Any], me: str = ME) -> None:
        """Lose the connection, and enter again."""
        self.lose()
        self.await_attempt()
        self.sent.clear()
        self.enter(*people, me=me)

    def idle(self, seconds: float) -> None:
        """Let time pass on a connection that lives."""
        for _ in range(int(seconds)):
            self.sleep(1.0)
            self.hear("echo", action="pong")
        self.sleep(seconds % 1.0)

    # ours ---
    def publish(self, kind: MediaSessionType = VIDEO) -> CallId:
        call: CallId = self.give(lambda c, now: c.publish(kind, audio=True, video=True, now=now)[0])
        return call

    def answer_offer(self, kind: MediaSessionType = VIDEO, me: str = ME) -> None:
        """The server answers our offer."""
        self.number += 1
        offer = self.take("publish")
        assert offer["target"] == me
        self.offers.append(offer["sdp"])
        self.says("sdp_answer", me, kind, sdp=make_answer(offer["sdp"], self.number, lite=True))

    def comes_up(self, kind: MediaSessionType = VIDEO, me: str = ME) -> None:
        self.says("webrtc_up", me, kind)
        fields = {"source": me, "media_session_type": kind.value, "kind": "audio", "receiving": True}
        self.hear("media", message="media_status", **fields)

    def live(self, kind: MediaSessionType = VIDEO, me: str = ME) -> None:
        """The server answers our offer, and receives the stream."""
        self.answer_offer(kind, me)
        self.comes_up(kind, me)
        assert self.take("publish_complete")["media_session_type"] == kind.value

    def stop(self, kind: MediaSessionType = VIDEO) -> None:
        self.give(lambda c, now: c.unpublish(kind, now))

    # theirs ---
    def subscribe(self, source: str = OTHER) -> CallId:
        call: CallId = self.give(lambda c, now: c.subscribe(ParticipantId(source), VIDEO, now=now)[0])
        return call

    def offer(self, source: str = OTHER, action: str = "subscribe") -> None:
        """The server offers the stream that we asked for, and it comes up."""
        self.number += 1
        assert self.take(action)["target"] == source
        self.says("sdp_offer", source, sdp=make_offer(("audio", "video"), self.number, lite=True))
        assert self.take("sdp_answer")["target"] == source
        self.says("webrtc_up", source)

    def refuse_request(self, source: str = OTHER) -> None:
        self.says("error", source, error="invalid_request_offer")

    @property
    def publications(self) -> tuple[PublicationState, ...]:
        return self.conference.state.publications

    @property
    def subscriptions(self) -> tuple[SubscriptionState, ...]:
        return self.conference.state.subscriptions

    @property
    def flows(self) -> list[bool]:
        """Which of our publications and subscriptions are live."""
        return [one.is_live for one in self.publications] + [one.is_live for one in self.subscriptions]
