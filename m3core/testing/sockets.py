"""`check_adapter_over_sockets`: a conference with real sockets, a real server and real media."""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar

from m3core.account import Tokens
from m3core.client.account import Account, Meeting
from m3core.client.conference import Conference
from m3core.client.joining import Joiner, Joining
from m3core.client.loop import Backend, Event
from m3core.client.media import Source
from m3core.client.publication import Subscription
from m3core.client.streams import EventStream
from m3core.conference.events import (
    ConferenceEvent,
    ConnectionLost,
    Ended,
    HandLowered,
    HandRaised,
    ParticipantJoined,
    ParticipantLeft,
    Resumed,
    StreamStarted,
    StreamStopped,
)
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.moderation import WaitingRoomJoined
from m3core.conference.state import EndReason
from m3core.errors import ConferenceEnded
from m3core.testing.adapter import check

EventT = TypeVar("EventT")
Heard: TypeAlias = EventStream[ConferenceEvent]

FRAMES = 3
"""Pictures after which a stream counts as flowing."""
PATIENCE = 60.0
"""Seconds after which the check fails."""


class Place(Protocol):
    """A controller that is served elsewhere: in another thread, in another process, or on another event loop."""

    @property
    def base_url(self) -> str:
        """The address of the controller."""
        ...

    @property
    def guest_url(self) -> str:
        """Another address of the controller, whose connections `cut` can cut."""
        ...

    @property
    def owner(self) -> Tokens:
        """The tokens of a user who may create meetings."""
        ...

    @property
    def source(self) -> Source:
        """A source to publish, with pictures."""
        ...

    async def cut(self) -> None:
        """Break the TCP connections over ``guest_url`` without closing them properly. New ones are accepted."""
        ...

    async def restart(self) -> None:
        """End the controller, and start another one at its address. It knows the meetings, but no participants."""
        ...


class _Notes:
    """The events of one participant, without ids and times, which differ from run to run."""

    def __init__(self, name: str) -> None:
        self.told: list[str] = []
        self._name = name

    def observe(self, event: ConferenceEvent) -> None:
        """Note one event."""
        details = [self._name, type(event).__name__]
        if (participant := getattr(event, "participant", None)) is not None:
            details.append(participant.display_name)
        match event:
            case ChatMessage():
                details.append(event.content)
            case Resumed():
                details.append("the same" if event.same_id else "another")
            case Ended():
                details.append(event.reason.value)
        self.told.append(" ".join(details))


async def check_adapter_over_sockets(backend: Backend, place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold one conference: waiting room, chat, hands, a stream, a cut connection, a server that starts again, a kick.

    Returns the events of the owner and of the guest, as text; they are equal for all adapters and all servers. Raises
    `AssertionError`, or an error of the adapter. Takes some ten seconds, because clients wait before they reconnect.
    """
    olga, gus = _Notes("Olga"), _Notes("Gus")
    owner_account = type("OwnerAccount", (Account,), {"backend": backend})
    async with backend.timeout(PATIENCE), owner_account(place.base_url, place.owner) as account:
        meeting = await account.create_meeting(title="Parity")
        link = await meeting.invite(web_url=place.guest_url)
        try:
            await _visit(
                backend, place, meeting, Joiner(backend).join(link, display_name="Gus", observe=gus.observe), olga
            )
        except ConferenceEnded as error:
            check(error.reason == EndReason.KICKED.value, "the reason of the end is the kick")
        else:
            raise AssertionError("a kick is raised at the end of the block")
    return tuple(olga.told), tuple(gus.told)


async def _visit(backend: Backend, place: Place, meeting: Meeting, guest_joins: Joining, olga: _Notes) -> None:
    owner_joins = meeting.start(display_name="Olga", observe=olga.observe)
    async with owner_joins as owner, owner.events() as owner_hears, backend.tasks() as tasks:
        await owner.moderation.enable_waiting_room()
        is_open = backend.event()
        tasks.spawn(_accept_guest(owner, owner_hears, is_open))
        async with guest_joins as guest, guest.events() as guest_hears:
            await is_open.wait()
            await _talk(owner, owner_hears, guest, guest_hears)
            await _watch(place, owner, guest, guest_hears)
            await owner.leave()
            await _until(guest_hears, ParticipantLeft)
            await place.restart()
            await _until(guest_hears, ConnectionLost)
            back = await _until(guest_hears, Resumed)
            check(not back.same_id, "after a restart of the server, the guest has a new id")
            owner_comes_back = meeting.start(display_name="Olga", observe=olga.observe)
            async with owner_comes_back as owner, owner.events() as owner_hears:
                await _until(guest_hears, ParticipantJoined)
                await owner.moderation.kick(guest.own)
                await _until(guest_hears, Ended)
                await _until(owner_hears, ParticipantLeft)


async def _accept_guest(owner: Conference, owner_hears: Heard, is_open: Event) -> None:
    """Accept the first participant who waits, and switch the waiting room off."""
    waiting = await _until(owner_hears, WaitingRoomJoined)
    await owner.moderation.accept(waiting.participant)
    await _until(owner_hears, ParticipantJoined)
    await owner.moderation.disable_waiting_room()
    is_open.set()


async def _talk(owner: Conference, owner_hears: Heard, guest: Conference, guest_hears: Heard) -> None:
    await guest.raise_hand()
    await _until(owner_hears, HandRaised)
    await guest.chat("may I?")
    await _until(owner_hears, ChatMessage)
    await _until(guest_hears, ChatMessage)
    await owner.chat("you may")
    await _until(guest_hears, ChatMessage)
    await guest.lower_hand()
    await _until(owner_hears, HandLowered)


async def _watch(place: Place, owner: Conference, guest: Conference, guest_hears: Heard) -> None:
    """A stream in one subscription, before and after the connection is cut."""
    publication = await owner.publish(video=place.source)
    await _until(guest_hears, StreamStarted)
    async with guest.subscribe(owner.own) as stream:
        await _flows(stream)
        own = guest.own.id
        await place.cut()
        await _until(guest_hears, ConnectionLost)
        back = await _until(guest_hears, Resumed)
        check(back.same_id and guest.own.id == own, "after a cut connection, the guest has the same id")
        received = stream.stats.video.frames_received
        while stream.stats.video.frames_received < received + FRAMES:  # frames that waited were sent before the cut
            await _flows(stream)
    await publication.stop()
    await _until(guest_hears, StreamStopped)


async def _flows(stream: Subscription) -> None:
    frames = aiter(stream.video)
    times = [(await anext(frames)).time for _ in range(FRAMES)]
    check(times == sorted(set(times)), "pictures come in order")


async def _until(heard: Heard, kind: type[EventT]) -> EventT:
    async for event in heard:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"there was no {kind.__name__}")
