"""`m3 join`: a participant in the terminal. It prints what happens, receives streams, and publishes if asked to."""

from __future__ import annotations

import argparse
import contextlib
import getpass
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from m3asyncio import StreamStarted, WaitingRoomEntered
from m3asyncio.cli.adapters import Adapter, adapter
from m3asyncio.cli.event_printer import EventPrinter
from m3asyncio.cli.line_input import LineInput, opened
from m3asyncio.cli.line_reader import LineReader
from m3asyncio.cli.output import Output
from m3asyncio.cli.publishing import OwnStreams
from m3asyncio.cli.receiver import COLUMNS, ReceivedStream, Receiver
from m3asyncio.cli.script import EventQueue
from m3asyncio.cli.trouble import only_error
from m3core.client.conference import Conference
from m3core.conference.events import ConferenceEvent, ConferenceJoined, Resumed, RoomChanged
from m3core.conference.state import Participant
from m3core.errors import InvalidName
from m3core.limits import MAX_DISPLAY_NAME
from m3core.names import display_name
from m3core.rest.invites import VERIFY_INVITE, VerifyInvite
from m3core.rest.link import InviteLink
from m3core.rest.users import PrivateUser
from m3core.values import MediaSessionKey, MediaSessionType


async def run(options: argparse.Namespace) -> int:
    """Join, and take part until cancelled, or until the conference or the input ends; the exit code."""
    printer = EventPrinter(Output(json=bool(options.events or options.commands)), as_json=bool(options.events))
    folder = _folder(options.save_frames)
    loop = adapter(options.loop)
    async with opened(options) as descriptor, _entered(loop, options, printer) as conference:
        lines = None if descriptor is None else LineReader(descriptor, loop.backend)
        visit = _Visit(conference, printer, folder, lines)
        try:
            with anyio.move_on_after(options.seconds):
                await visit.be_there(options)
        except BaseExceptionGroup as group:
            raise only_error(group) from None
        finally:  # also when a signal ends the visit
            visit.sum_up()
    return 1 if options.strict and visit.failed else 0


@contextlib.asynccontextmanager
async def _entered(loop: Adapter, options: argparse.Namespace, printer: EventPrinter) -> AsyncIterator[Conference]:
    """The conference, joined as a guest, or with an account."""
    is_inside = False

    def observe(event: ConferenceEvent) -> None:
        # `Conference.events` begins when we are in the room, so nothing else tells of the waiting room before.
        if isinstance(event, WaitingRoomEntered) and not is_inside:
            printer.event(event)

    async with contextlib.AsyncExitStack() as stack:
        if options.account:
            # The link only names the room. The account joins by its id, so the token goes to no address of the link.
            link = InviteLink.parse(options.url, controller=options.controller, allow_private=options.allow_private)
            account = await stack.enter_async_context(
                loop.account(options.controller, options.token, allow_private=options.allow_private)
            )
            invite = await account.ask(VERIFY_INVITE, VerifyInvite(invite_code=link.invite_code))
            name = options.name or _name_of(await account.me())
            joining = account.join(invite.room_id, display_name=name, observe=observe)
        else:
            joining = loop.joiner.join(
                options.url,
                display_name=options.name or _login_name(),
                password=options.password,
                controller=options.controller,
                allow_private=options.allow_private,
                observe=observe,
            )
        conference = await stack.enter_async_context(joining)
        is_inside = options.begun = True
        yield conference


class _Visit:
    """What happens between joining and leaving. ``lines`` are chat or commands to carry out."""

    def __init__(
        self, conference: Conference, printer: EventPrinter, folder: Path | None, lines: LineReader | None
    ) -> None:
        self._conference = conference
        self._printer = printer
        self._receiver = Receiver(conference, folder, first_frame=self._first_frame)
        self._receiving: set[MediaSessionKey] = set()
        self._queue = EventQueue(printer.elapsed)
        self._streams = OwnStreams(conference)
        self._input = None if lines is None else LineInput(conference, lines, printer, self._queue, self._streams)

    @property
    def failed(self) -> int:
        """How many commands failed."""
        return 0 if self._input is None else self._input.failed

    async def be_there(self, options: argparse.Namespace) -> None:
        """Print events, receive, publish, and carry out lines, until the conference ends."""
        self._tell(ConferenceJoined(participant=self._conference.own))
        async with anyio.create_task_group() as tasks:
            # A scope of its own, so that a stream that is still being published does not hold up the end.
            publishing = anyio.CancelScope()
            await tasks.start(self._publish, options, publishing)
            if self._input is not None:
                if options.commands is None:
                    self._printer.output.line(
                        ("what you type goes to the chat; /help lists what else can be typed", "dim")
                    )
                tasks.start_soon(self._input.run, options.commands is not None, options.stay)
            async for event in self._conference.events():
                self._tell(event)
                for participant, kind in _new_streams(event) if options.receive else []:
                    key = MediaSessionKey(participant.id, kind)
                    if key not in self._receiving:
                        self._receiving.add(key)
                        tasks.start_soon(self._receive, participant, kind)
            self._queue.end(self._conference.ended)
            if self._input is not None:
                self._input.close()
            publishing.cancel()

    async def _receive(self, participant: Participant, kind: MediaSessionType) -> None:
        try:
            await self._receiver.receive(participant, kind)
        finally:
            self._receiving.discard(MediaSessionKey(participant.id, kind))

    async def _publish(
        self,
        options: argparse.Namespace,
        scope: anyio.CancelScope,
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        with scope:
            await self._streams.begin(options.publish, options.screen, task_status=task_status)

    def _tell(self, event: ConferenceEvent) -> None:
        self._printer.event(event)
        self._queue.put(event)
        if isinstance(event, RoomChanged) and event.breakout_room is not None:
            self._printer.output.line(" " * 12, self._conference.state.breakout.room(event.breakout_room).name)

    def _first_frame(self, stream: ReceivedStream) -> None:
        seconds = stream.first_frame_s or 0.0
        self._printer.say(f"you see {stream.sender}'s {stream.kind.value}, after {seconds:.2f} s", stream.sender)

    def sum_up(self) -> None:
        """Print what was received."""
        output, streams = self._printer.output, self._receiver.streams
        for trouble in self._receiver.troubles:
            output.line(("not received: ", "yellow"), trouble)
        if streams:
            output.line("")
            rows = ((f"{one.sender} {one.kind.value}", *one.cells(), str(one.saved)) for one in streams)
            output.table("Received", ("stream", *COLUMNS, "pictures saved"), rows)


def _new_streams(event: ConferenceEvent) -> list[tuple[Participant, MediaSessionType]]:
    """The streams that ``event`` announces. After a lost connection some of them are received already."""
    match event:
        case StreamStarted(participant=participant, media_session_type=kind):
            return [(participant, kind)]
        case Resumed(joined=joined, changed=changed):
            return [(participant, kind) for participant in (*joined, *changed) for kind in participant.streams]
        case _:
            return []


def _folder(path: str | None) -> Path | None:
    if path is None:
        return None
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _name_of(user: PrivateUser) -> str:
    """The display name of ``user``, cut to what the server accepts; else the login name.

    Accounts may have longer names, blank ones, and names with other characters (rest.md § 4).
    """
    try:
        return display_name((user.display_name or "").encode()[:MAX_DISPLAY_NAME].decode(errors="ignore"))
    except InvalidName:
        return _login_name()


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the process runs as a user without a name, as in some containers
        return "Guest"
