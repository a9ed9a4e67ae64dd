"""Lines of standard input, or of a file, for an event loop. A thread reads them.

Only a thread serves terminals, pipes, files and Windows alike, and leaves the terminal blocking for other programs that
share it. It reads only when a line is wanted. Nobody waits for it: it is a daemon, and it reads the descriptor, because
the interpreter cannot end while a thread holds the lock of `sys.stdin`.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from functools import partial
from typing import Final

from m3core.client.loop import Backend, Signal

MAX_LINE: Final = 1 << 20
"""Bytes of a line. What follows them is dropped."""
_CHUNK: Final = 1 << 16


class LineReader:
    """An async iterator of lines without line ends. It ends with the input, or after `close`."""

    def __init__(self, descriptor: int, backend: Backend) -> None:
        self._descriptor = descriptor
        self._portal = backend.portal()
        self._lines: deque[str] = deque()
        self._rest = bytearray()
        self._ready = Signal(backend)
        self._is_over = False
        self._is_reading = False
        self._wanted = threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def __aiter__(self) -> LineReader:
        return self

    async def __anext__(self) -> str:
        while not self._lines:
            if self._is_over:
                raise StopAsyncIteration
            self._read()
            await self._ready.wait()
        return self._lines.popleft()

    def close(self) -> None:
        """End the iteration. What is being read meanwhile is lost."""
        self._is_over = True
        self._lines.clear()
        self._wanted.release()
        self._ready.set()

    def _read(self) -> None:
        if self._is_reading:
            return
        self._is_reading = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="m3-lines", daemon=True)
            self._thread.start()
        self._wanted.release()

    def _work(self) -> None:
        chunk = b"-"
        while chunk:
            self._wanted.acquire()
            if self._is_over:
                return
            try:
                chunk = os.read(self._descriptor, _CHUNK)
            except OSError:  # the terminal was closed
                chunk = b""
            self._portal(partial(self._take, chunk))

    def _take(self, chunk: bytes) -> None:
        # In the event loop. The thread only hands over chunks, so nothing here needs a lock.
        self._is_reading = False
        if self._is_over:
            return
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._grow(part)
            self._end_line()
        self._grow(rest)
        if not chunk:
            self._is_over = True
            if self._rest:
                self._end_line()
        self._ready.set()

    def _grow(self, part: bytes) -> None:
        self._rest += part[: MAX_LINE - len(self._rest)]

    def _end_line(self) -> None:
        self._lines.append(self._rest.decode("utf-8", "replace").removesuffix("\r"))
        self._rest.clear()
