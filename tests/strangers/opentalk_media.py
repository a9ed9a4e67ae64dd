"""The streams of `opentalk_client`: answers are told apart by whose stream they are of (media.md § 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from stranger_media import Camera, Microphone, Peer
from stranger_wire import Bell, Json, Wire

HIGH: Final = 2
"""The best layer (media.md § 5)."""
Key = tuple[str, str]
"""Whose stream, and which."""


class OpenTalkMedia:
    """Publishes, and subscribes to whatever is announced as soon as it is."""

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
        """Camera and microphone, until the others are told."""
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
        """Camera and microphone are no more."""
        await self._wire.send("media", {"action": "unpublish", "media_session_type": "video"})
        if self._publisher is not None:
            self._closing.append(self._publisher)
            self._publisher = None

    async def mute(self, *, audio: bool, video: bool) -> None:
        """What of camera and microphone is on from now on."""
        await self._set_state("update_media_session", audio=audio, video=video)

    async def _set_state(self, action: str, *, audio: bool, video: bool) -> None:
        state = {"audio": audio, "video": video, "video_settings": HIGH}
        body = {"action": action, "media_session_type": "video", "media_session_state": state}
        await self._wire.send("media", body)

    # -- subscribing (media.md § 4.4) ---
    def announced(self, who: str, media: Json) -> None:
        """Somebody's streams are these."""
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
        """Wait for a picture and a tone of somebody who sends them, from now on."""
        peer = await self._wire.find(lambda: self.subscribers.get((who, kind)))
        pictures, chunks = len(peer.received.greys), len(peer.received.loudness)
        await self._wire.find(
            lambda: True if peer.received.shows(grey, pictures) and peer.received.sounds(chunks) else None
        )

    async def sees(self, who: str, grey: int) -> None:
        """Wait for a picture of somebody who may be silent, from now on."""
        peer = await self._wire.find(lambda: self.subscribers.get((who, "video")))
        pictures = len(peer.received.greys)
        await self._wire.find(lambda: True if peer.received.shows(grey, pictures) else None)

    def forget(self, who: str, kind: str) -> None:
        """A stream is gone."""
        peer = self.subscribers.pop((who, kind), None)
        if peer is not None:
            self._closing.append(peer)
            self._bell.ring()

    def forget_all(self, who: str) -> None:
        """Somebody is gone."""
        for kind in ("video", "screen"):
            self.forget(who, kind)

    async def gone(self, who: str, kind: str = "video") -> None:
        """Wait until somebody's stream has ended."""
        await self._wire.find(lambda: True if (who, kind) not in self.subscribers else None)

    # -- both ---
    async def _say(self, action: str, key: Key, **more: Any) -> None:
        await self._wire.send("media", {"action": action, "target": key[0], "media_session_type": key[1], **more})

    async def _trickle(self, key: Key, candidates: Iterable[Json]) -> None:
        for candidate in candidates:
            await self._say("sdp_candidate", key, candidate=candidate)
        await self._say("sdp_end_of_candidates", key)

    def stop(self) -> None:
        """Begin nothing more."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """End all."""
        failed = [one for one in await asyncio.gather(*self._tasks, return_exceptions=True) if one is not None]
        peers = [*self._closing, *self.subscribers.values(), *([self._publisher] if self._publisher else [])]
        await asyncio.gather(*(peer.close() for peer in peers))
        for error in failed:
            if not isinstance(error, asyncio.CancelledError):
                raise error
