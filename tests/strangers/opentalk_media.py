"""The streams of `opentalk_client`. It finds the stream of an answer by source and type (media.md § 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from stranger_media import Camera, Microphone, Peer
from stranger_wire import Bell, Json, Wire

HIGH: Final = 2
"""The best layer (media.md § 5)."""
Key = tuple[str, str]
"""The id of the publisher, and the `media_session_type`."""


class OpenTalkMedia:
    """Publishes, and subscribes to each stream as soon as it is announced."""

    def __init__(self, wire: Wire, bell: Bell) -> None:
        self.own_id = ""
        self.subscribers: dict[Key, Peer] = {}
        self._publisher: Peer | None = None
        self._wire = wire
        self._bell = bell
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: list[Peer] = []

    # -- publishing (media.md § 4.1) ---
    async def publish(self, grey: int, *, audio: bool = True) -> None:
        """Publish camera and microphone; return when the others are told."""
        peer = self._publisher = Peer(self._bell)
        since = len(self._wire.log)
        source = {"source": self.own_id, "media_session_type": "video"}
        sdp, candidates = await peer.offer(Microphone(), Camera(grey))
        await self._say("publish", (self.own_id, "video"), sdp=sdp)
        await self._trickle((self.own_id, "video"), candidates)
        answer = await self._wire.heard("media", "sdp_answer", since, **source)
        await peer.take_answer(answer["sdp"])
        await self._wire.heard("media", "media_status", since, receiving=True, **source)
        await self._set_state("publish_complete", audio=audio, video=True)

    async def unpublish(self) -> None:
        """End camera and microphone."""
        await self._wire.send("media", {"action": "unpublish", "media_session_type": "video"})
        if self._publisher is not None:
            self._closing.append(self._publisher)
            self._publisher = None

    async def mute(self, *, audio: bool, video: bool) -> None:
        """Switch camera and microphone on or off."""
        await self._set_state("update_media_session", audio=audio, video=video)

    async def _set_state(self, action: str, *, audio: bool, video: bool) -> None:
        state = {"audio": audio, "video": video, "video_settings": HIGH}
        body = {"action": action, "media_session_type": "video", "media_session_state": state}
        await self._wire.send("media", body)

    # -- subscribing (media.md § 4.4) ---
    def announced(self, who: str, media: Json) -> None:
        """``media`` are the streams of a participant now: subscribe to new ones, close those that are missing."""
        for kind in ("video", "screen"):
            if kind not in media:
                self.forget(who, kind)
            elif (who, kind) not in self.subscribers:
                peer = self.subscribers[who, kind] = Peer(self._bell)
                task = asyncio.create_task(self._subscribe((who, kind), peer))
                self._tasks.add(task)

    async def _subscribe(self, key: Key, peer: Peer) -> None:
        since = len(self._wire.log)
        source = {"source": key[0], "media_session_type": key[1]}
        await self._say("subscribe", key, without_video=False)
        offer = await self._wire.heard("media", "sdp_offer", since, **source)
        await peer.take_offer(offer["sdp"])
        sdp, candidates = await peer.answer()
        await self._say("sdp_answer", key, sdp=sdp)
        await self._trickle(key, candidates)
        await self._wire.heard("media", "webrtc_up", since, **source)
        await self._say("configure", key, configuration={"video": True, "substream": HIGH})

    async def received(self, who: str, grey: int, kind: str = "video") -> None:
        """Wait until a new picture of this grey, and a new piece of the tone, come from a participant."""
        peer = await self._wire.find(lambda: self.subscribers.get((who, kind)))
        pictures, chunks = len(peer.received.greys), len(peer.received.loudness)
        await self._wire.find(
            lambda: True if peer.received.shows(grey, pictures) and peer.received.sounds(chunks) else None
        )

    async def sees(self, who: str, grey: int) -> None:
        """Wait until a new picture of this grey comes from a participant, with or without sound."""
        peer = await self._wire.find(lambda: self.subscribers.get((who, "video")))
        pictures = len(peer.received.greys)
        await self._wire.find(lambda: True if peer.received.shows(grey, pictures) else None)

    def forget(self, who: str, kind: str) -> None:
        """A stream ended: close its peer connection later."""
        peer = self.subscribers.pop((who, kind), None)
        if peer is not None:
            self._closing.append(peer)
            self._bell.ring()

    def forget_all(self, who: str) -> None:
        """A participant left."""
        for kind in ("video", "screen"):
            self.forget(who, kind)

    async def gone(self, who: str, kind: str = "video") -> None:
        """Wait until a stream of a participant ended."""
        await self._wire.find(lambda: True if (who, kind) not in self.subscribers else None)

    # -- both ---
    async def _say(self, action: str, key: Key, **more: Any) -> None:
        await self._wire.send("media", {"action": action, "target": key[0], "media_session_type": key[1], **more})

    async def _trickle(self, key: Key, candidates: Iterable[Json]) -> None:
        for candidate in candidates:
            await self._say("sdp_candidate", key, candidate=candidate)
        await self._say("sdp_end_of_candidates", key)

    def stop(self) -> None:
        """Begin no more subscriptions."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close all peer connections; raise what went wrong in a subscription."""
        failed = [one for one in await asyncio.gather(*self._tasks, return_exceptions=True) if one is not None]
        peers = [*self._closing, *self.subscribers.values(), *([self._publisher] if self._publisher else [])]
        await asyncio.gather(*(peer.close() for peer in peers))
        for error in failed:
            if not isinstance(error, asyncio.CancelledError):
                raise error
