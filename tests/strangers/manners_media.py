"""The media namespace of the test controller (media.md): who publishes, who subscribes, and what ends when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeAlias

from manners_people import Person
from manners_switches import Down, Json, Sfu

if TYPE_CHECKING:
    from collections.abc import Callable

    from manners_room import Room

Key: TypeAlias = tuple[str, str]
"""The id of the publisher, and the `media_session_type`."""
Pair: TypeAlias = tuple[str, Key]
"""One peer connection: the id of the client, and the stream, which is its own (published) or another's (subscribed)."""


class Answering(Protocol):
    """A media server. It calls ``up`` when a peer connection is connected, but never before the method returns; and
    ``over`` when the peer connection ended."""

    async def publish(self, pair: Pair, offer: str, up: Callable[[], None], over: Callable[[], None]) -> str:
        """Take the offer of a publisher; return the answer."""
        ...

    async def subscribe(self, pair: Pair, up: Callable[[], None], over: Callable[[], None]) -> str:
        """Return an offer for a subscriber."""
        ...

    async def answered(self, pair: Pair, answer: str) -> None:
        """Take the answer of a subscriber."""
        ...

    async def candidate(self, pair: Pair, candidate: Json) -> None:
        """Take a trickled candidate of a client."""
        ...

    async def close(self, pair: Pair, *, silently: bool = False) -> None:
        """Close a peer connection, if there is one. ``silently``: as when the process dies, without a DTLS alert."""
        ...


class Media:
    """All streams of a meeting."""

    def __init__(self, sfu: Sfu, down: Down, room: Room) -> None:
        self.published: set[Key] = set()
        self.pairs: set[Pair] = set()
        """Peer connections that are open, or are being made."""

        self._down = down
        self._held: list[tuple[Person, Key]] = []
        self._room = room
        self._sfu = sfu
        self._answering: Answering | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Close all peer connections."""
        for pair in list(self.pairs):
            await self._close(pair)
        await asyncio.gather(*self._tasks)

    def _sfu_side(self) -> Answering:
        if self._answering is None:
            if self._sfu is Sfu.RELAY:
                from manners_sfu import Relay  # here, since the import of aiortc takes a moment

                self._answering = Relay()
            else:
                from manners_script import Script

                self._answering = Script()
        return self._answering

    async def take(self, person: Person, payload: Json) -> None:
        """Obey one command of the namespace."""
        kind = payload.get("media_session_type", "")
        key = (payload.get("target", person.id), kind)
        pair = (person.id, key)
        match payload["action"]:
            case "publish":
                await self._publish(person, key, payload["sdp"])
            case "publish_complete" | "update_media_session":
                state = payload["media_session_state"]
                person.streams[kind] = {"audio": state["audio"], "video": state["video"]}
                self._room.tell_others(person)
            case "unpublish":
                await self._unpublish(person, (person.id, kind))
            case "subscribe" | "resubscribe":
                await self._subscribe(person, key)
            case "sdp_answer":
                await self._sfu_side().answered(pair, payload["sdp"])
            case "sdp_candidate" if pair in self.pairs:
                await self._sfu_side().candidate(pair, payload["candidate"])

    # -- publishing ---
    async def _publish(self, person: Person, key: Key, offer: str) -> None:
        if self._down is Down.BEFORE_ANSWER:
            self.release_downs()
        pair = (person.id, key)
        self.published.add(key)
        self.pairs.add(pair)

        def up() -> None:
            if self._down is Down.AFTER_ANSWER:
                self.release_downs()
            self._say(person, key, "webrtc_up")
            for kind in ("audio", "video"):
                if f"m={kind} " in offer:
                    self._say(person, key, "media_status", kind=kind, receiving=True)
            if self._down is Down.AFTER_UP:
                self.release_downs()

        answer = await self._sfu_side().publish(pair, offer, up, lambda: self._over(pair))
        self._say(person, key, "sdp_answer", sdp=answer)

    async def _unpublish(self, person: Person, key: Key) -> None:
        person.streams.pop(key[1], None)
        self._room.tell_others(person)
        if key in self.published:
            self.published.discard(key)
            self._end(person, key)
        await self._close((person.id, key))
        for pair in self._subscriptions(key):
            await self._close(pair)
            self._say(self._room.people[pair[0]], key, "webrtc_down")

    def _end(self, person: Person, key: Key) -> None:
        """Send `webrtc_down` to the publisher of a stream that ended, at the moment that the `Down` switch names."""
        if self._down is not Down.NEVER:
            self._held.append((person, key))
        if self._down is Down.AT_ONCE:
            self.release_downs()

    def release_downs(self) -> None:
        """Send each `webrtc_down` that is held back."""
        held, self._held = self._held, []
        for person, key in held:
            self._say(person, key, "webrtc_down")

    # -- subscribing ---
    async def _subscribe(self, person: Person, key: Key) -> None:
        pair = (person.id, key)
        if key not in self.published or pair in self.pairs:
            self._say(person, key, "error", error="invalid_request_offer")
            return
        self.pairs.add(pair)

        def up() -> None:
            self._say(person, key, "webrtc_up")

        offer = await self._sfu_side().subscribe(pair, up, lambda: self._over(pair))
        self._say(person, key, "sdp_offer", sdp=offer)

    def _subscriptions(self, key: Key) -> list[Pair]:
        return [pair for pair in self.pairs if pair[1] == key and pair[0] != key[0]]

    # -- ends ---
    def _over(self, pair: Pair) -> None:
        """A peer connection ended without a command: tell the client, and the others if it was a publisher."""
        if pair in self.pairs:
            self.pairs.discard(pair)
            who, key = pair
            self._say(self._room.people[who], key, "webrtc_down")
            if who == key[0]:
                self.published.discard(key)
                self._room.people[who].streams.pop(key[1], None)
                self._room.tell_others(self._room.people[who])

    def forget(self, person: Person) -> None:
        """A participant left: end their streams and their subscriptions."""
        for key in [key for key in self.published if key[0] == person.id]:
            self.published.discard(key)
            for pair in self._subscriptions(key):
                self._drop(pair)
                self._say(self._room.people[pair[0]], key, "webrtc_down")
        for pair in [pair for pair in self.pairs if pair[0] == person.id]:
            self._drop(pair)
        person.streams.clear()

    def forget_all(self) -> None:
        """The controller crashed: nobody can subscribe to the old streams."""
        self.published.clear()
        for pair in list(self.pairs):
            self._drop(pair)

    async def restart(self) -> None:
        """The media server dies, and a new one takes its place."""
        pairs, self.pairs = self.pairs, set()
        self.published.clear()
        self._held.clear()
        for who, key in pairs:
            await self._sfu_side().close((who, key), silently=True)
            self._say(self._room.people[who], key, "webrtc_down")
        for who in {key[0] for _, key in pairs}:
            self._room.people[who].streams.clear()
            self._room.tell_others(self._room.people[who])

    def _drop(self, pair: Pair) -> None:
        task = asyncio.get_running_loop().create_task(self._close(pair))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, pair: Pair) -> None:
        self.pairs.discard(pair)
        await self._sfu_side().close(pair)

    def _say(self, person: Person, key: Key, message: str, **more: object) -> None:
        source = {"source": key[0], "media_session_type": key[1]}
        self._room.tell(person, "media", {"message": message, **source, **more})
