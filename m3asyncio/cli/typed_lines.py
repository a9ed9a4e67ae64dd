"""What people type into `m3 join`: chat, and a small set of commands that begin with a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from attrs import frozen

from m3asyncio.cli.breakout_names import breakout_room
from m3asyncio.cli.catalogue import people_of
from m3core.client.conference import Conference
from m3core.conference.state import Participant
from m3core.errors import LocalProtocolError
from m3core.values import Role

POLL_DURATION: Final = 60
"""Seconds of a poll that is started with `/poll`."""


@frozen
class _Slash:
    usage: str
    what: str
    perform: Callable[[str], Awaitable[object]]
    for_moderators: bool = False


class TypedLines:
    """Carries out typed lines. ``say`` shows a line to the person."""

    def __init__(self, conference: Conference, say: Callable[[str], None]) -> None:
        self._conference = conference
        self._say = say
        self._find = people_of(lambda: conference.state)
        self._slashes = {
            "private": _Slash("NAME TEXT", "write to one participant", self._private),
            "group": _Slash("NAME TEXT", "write to a group", self._group),
            "hand": _Slash("", "raise your hand", lambda _: conference.raise_hand()),
            "lower": _Slash("", "lower your hand", lambda _: conference.lower_hand()),
            "vote": _Slash("NUMBER", "vote in the poll that runs", self._vote),
            "who": _Slash("", "list the participants, and who is in the waiting room", self._who),
            "room": _Slash("[NAME]", "go into a breakout room, or back into the main room", self._room),
            "kick": _Slash("NAME", "remove a participant", self._kick, for_moderators=True),
            "accept": _Slash("NAME", "let somebody in from the waiting room", self._accept, for_moderators=True),
            "mute": _Slash("NAME", "ask a participant to mute", self._mute, for_moderators=True),
            "poll": _Slash('"TOPIC" A | B | C', f"start a poll of {POLL_DURATION} s", self._poll, for_moderators=True),
            "quit": _Slash("", "leave (or Ctrl-D)", lambda _: conference.leave()),
            "help": _Slash("", "this list", self._help),
        }

    async def enter(self, text: str) -> None:
        """Carry out a line. Raises `M3Error` if it is not understood, or the server refuses it."""
        if not text.strip():
            return
        if not text.startswith("/"):
            await self._conference.chat(text)
            return
        name, _, rest = text[1:].partition(" ")
        slash = self._slashes.get(name)
        if slash is None:
            raise LocalProtocolError(f"there is no /{name}; /help lists what can be typed")
        await slash.perform(rest.strip())

    async def _private(self, rest: str) -> None:
        name, text = self._name_and_text(rest, [one.display_name for one in self._here()])
        await self._conference.chat(text, to=self._find(name))

    async def _group(self, rest: str) -> None:
        groups = {group for one in self._here() for group in one.groups}
        name, text = self._name_and_text(rest, [*groups, *self._conference.state.chat.groups])
        await self._conference.chat(text, group=name)

    async def _vote(self, rest: str) -> None:
        poll = self._conference.state.polls.running
        if poll is None:
            raise LocalProtocolError("no poll is running")
        if not (rest.isascii() and rest.isdigit() and 1 <= int(rest[:4]) <= len(poll.choices)):
            raise LocalProtocolError(f"vote with /vote NUMBER, from 1 to {len(poll.choices)}")
        await self._conference.polls.vote(poll.choices[int(rest[:4]) - 1])

    async def _poll(self, rest: str) -> None:
        topic, _, choices = rest[1:].partition('"')
        several = [choice.strip() for choice in choices.split("|")]
        if not rest.startswith('"') or len(several) < 2:
            raise LocalProtocolError('start a poll with /poll "TOPIC" A | B | C')
        await self._conference.polls.start(topic, several, duration=POLL_DURATION)

    async def _room(self, rest: str) -> None:
        named = _unquoted(rest) if rest else None
        await self._conference.switch_room(breakout_room(self._conference.state.breakout, named))

    async def _kick(self, rest: str) -> None:
        await self._conference.moderation.kick(self._find(_unquoted(rest)))

    async def _accept(self, rest: str) -> None:
        await self._conference.moderation.accept(self._find(_unquoted(rest)))

    async def _mute(self, rest: str) -> None:
        await self._conference.mute(self._find(_unquoted(rest)))

    async def _who(self, _: str) -> None:
        own = self._conference.own
        self._say(f"{own.display_name} (you, {own.role.value})")
        for one in self._here():
            self._say(f"{one.display_name} ({one.role.value})" + (", hand is up" if one.hand_is_up else ""))
        for one in self._conference.state.moderation.waiting.values():
            self._say(f"{one.display_name} (waits)")

    async def _help(self, _: str) -> None:
        self._say("a line without a slash goes to the chat")
        is_moderator = self._conference.own.role is Role.MODERATOR
        for name, slash in self._slashes.items():
            if is_moderator or not slash.for_moderators:
                self._say(f"{f'/{name} {slash.usage}':26} {slash.what}")

    def _here(self) -> Iterator[Participant]:
        return (one for one in self._conference.state.participants.values() if one.is_here)

    def _name_and_text(self, rest: str, names: list[str]) -> tuple[str, str]:
        """A name, which is in quotes, the longest of ``names`` that fits, or the first word; and the text after it."""
        if rest.startswith('"'):
            name, _, text = rest[1:].partition('"')
        else:
            known = [name for name in names if rest.casefold().startswith(f"{name} ".casefold())]
            name = max(known, key=len, default=rest.partition(" ")[0])
            text = rest[len(name) :]
            name = rest[: len(name)]
        if not name or not text.strip():
            raise LocalProtocolError("write a name (in quotes if it has spaces), and then the text")
        return name, text.strip()


def _unquoted(name: str) -> str:
    name = name.removeprefix('"').removesuffix('"').strip()
    if not name:
        raise LocalProtocolError("the name of a participant is missing")
    return name
