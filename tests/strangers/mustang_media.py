"""The streams of `mustang_client.MustangClient`, which waits for names: the first message of the name ends the wait.

If it is about another stream, the real client waits for ever (media.md § 10 row 4), and this one raises `Failure`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from stranger_media import Camera, Microphone, Peer
from stranger_wire import Bell, Failure, Json, Wire

AWAITED: Final = ("sdp_offer", "sdp_answer", "webrtc_up", "media_status")
Key = tuple[str, str]
"""The id of the publisher, and the `media_session_type`."""


class MustangMedia:
    """Publishes, and subscribes to every stream that has sound or video on."""

    def __init__(self, wire: Wire, bell: Bell) -> None:
        self.own_id = ""
        self.subscribers: dict[Key, Peer | None] = {}
        """The subscriptions; None until the offer has come."""
        self._publishers: dict[str, Peer] = {}
        self._wire = wire
        self._bell = bell
        self._waiting: dict[str, list[tuple[Key, asyncio.Future[Json]]]] = {}
        """The "once" listeners of each message name."""
        self._missed: set[tuple[str, Key]] = set()
        """Messages that came when no listener waited for them."""
        self._tasks: list[asyncio.Task[None]] = []
        self._all: list[Peer] = []
        self._failure: Failure | None = None

    # -- waiting (row 4) ---
    def take(self, payload: Json) -> None:
        """Handle a message. It ends all waits for its name, whichever stream they are about."""
        name = payload["message"]
        key = (payload["source"], payload["media_session_type"]) if "source" in payload else ("", "")
        if name == "webrtc_down" and self.subscribers.get(key) is not None:  # row 9; it may be closed already
            self._close(key)
        if name not in AWAITED:
            return
        listeners = self._waiting.pop(name, [])
        if not listeners:
            self._missed.add((name, key))
        for wanted, future in listeners:
            if future.done():
                continue
            if wanted == key:
                future.set_result(payload)
            else:
                future.set_exception(Failure(f"waits for ever for the {name} of a stream: that of another came first"))

    def _once(self, name: str, key: Key) -> asyncio.Future[Json]:
        """Wait for the next message of this name."""
        if (name, key) in self._missed:
            raise Failure(f"waits for ever for {name}: it came before anybody listened")
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, []).append((key, future))
        return future

    def _begin(self, key: Key) -> None:
        self._missed -= {(name, key) for name in AWAITED}

    # -- publishing (rows 5, 6, 7) ---
    async def publish(self, grey: int, kind: str = "video") -> None:
        """Publish the camera with a microphone, or the screen; return when the others are told."""
        key, peer = (self.own_id, kind), self._peer()
        self._publishers[kind] = peer
        self._begin(key)
        is_camera = kind == "video"
        sdp, candidates = await peer.offer(*([Microphone()] if is_camera else []), Camera(grey))
        answer = self._once("sdp_answer", key)
        await self._say("publish", key, sdp=sdp)
        await self._trickle(key, candidates)
        await peer.take_answer((await answer)["sdp"])
        await self._once("webrtc_up", key)
        status = await self._once("media_status", key)
        if status["receiving"] is not True:
            raise Failure("the first media_status says that nothing is received")
        await self._set_state("publish_complete", kind, audio=is_camera, video=True)

    async def mute(self, *, audio: bool, video: bool) -> None:
        """Switch camera and microphone on or off (row 14)."""
        await self._set_state("update_media_session", "video", audio=audio, video=video)

    async def _set_state(self, action: str, kind: str, *, audio: bool, video: bool) -> None:
        state = {"audio": audio, "video": video, "video_settings": 2}
        await self._wire.send("media", {"action": action, "media_session_type": kind, "media_session_state": state})

    async def unpublish(self) -> None:
        """Unpublish both streams; the client confuses their types (row 13)."""
        for kind in self._publishers:
            other = "screen" if kind == "video" else "video"
            await self._wire.send("media", {"action": "unpublish", "media_session_type": other})

    # -- subscribing (rows 9, 10, 11, 12) ---
    def announced(self, who: str, media: Json | None) -> None:
        """``media`` are the streams of a participant now."""
        if media is None:
            return
        if "video" in media:
            self._want((who, "video"), on=media["video"]["audio"] or media["video"]["video"])
        self._want((who, "screen"), on=media.get("screen", {}).get("video", False))

    def _want(self, key: Key, *, on: bool) -> None:
        if not on:
            self._close(key)
        elif key not in self.subscribers:
            self.subscribers[key] = None
            self._begin(key)
            self._tasks.append(asyncio.create_task(self._try(key)))

    async def _try(self, key: Key) -> None:
        try:
            await self._subscribe(key)
        except Failure as failure:
            self._failure = failure
            self._bell.ring()

    async def _subscribe(self, key: Key) -> None:
        offer = self._once("sdp_offer", key)
        await self._say("subscribe", key)
        sdp = (await offer)["sdp"]
        peer = self.subscribers[key] = self._peer()
        await peer.take_offer(sdp)
        sdp, candidates = await peer.answer()
        await self._trickle(key, candidates)
        await self._say("sdp_answer", key, sdp=sdp)
        await self._once("webrtc_up", key)
        await self._say("configure", key, configuration={"video": True})

    async def subscribed(self) -> None:
        """Wait until all subscriptions that were begun are done."""
        await self._find(lambda: True if all(task.done() for task in self._tasks) else None)

    async def received(self, who: str, grey: int, *, sound: bool = True, kind: str = "video") -> None:
        """Wait until a new picture of this grey, and a new piece of the tone, come from a participant."""
        peer = await self._find(lambda: self.subscribers.get((who, kind)))
        received = peer.received
        pictures, chunks = len(received.greys), len(received.loudness)
        await self._find(
            lambda: True if received.shows(grey, pictures) and (not sound or received.sounds(chunks)) else None
        )

    async def closed(self, who: str, kind: str = "video") -> None:
        """Wait until the subscription to a stream is closed."""
        await self._find(lambda: True if (who, kind) not in self.subscribers else None)

    def forget(self, who: str) -> None:
        """A participant left."""
        for kind in ("video", "screen"):
            self._close((who, kind))

    def _close(self, key: Key) -> None:
        """Close a subscription; the server is not told (row 10)."""
        peer = self.subscribers.pop(key, None)
        if peer is not None:
            self._tasks.append(asyncio.create_task(peer.close()))

    # -- both ---
    def _peer(self) -> Peer:
        peer = Peer(self._bell)
        self._all.append(peer)
        return peer

    async def _find(self, find: Any) -> Any:
        """As `Wire.find`, but also raises what made a subscription fail."""

        def look() -> Any:
            if self._failure is not None:
                raise self._failure
            return find()

        return await self._wire.find(look)

    async def _say(self, action: str, key: Key, **more: Any) -> None:
        await self._wire.send("media", {"action": action, "target": key[0], "media_session_type": key[1], **more})

    async def _trickle(self, key: Key, candidates: Iterable[Json]) -> None:
        """No end of candidates follows: this client sends that only for an empty candidate, and none comes (row 15)."""
        for candidate in candidates:
            await self._say("sdp_candidate", key, candidate=candidate)

    def stop(self) -> None:
        """Begin no more subscriptions."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close all peer connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(peer.close() for peer in self._all))
