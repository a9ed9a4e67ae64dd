"""A thread with an asyncio loop of its own, which can be used from any event loop or none.

The thread is started once and closed in bounded time. It is never leaked, and its death is always told. This module
does not know what runs in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from m3asyncio.loopback import Loopback, offering
from m3core.errors import LocalProtocolError, MediaError

logger = logging.getLogger("m3.media")

EXIT_TIMEOUT: Final = 5.0
"""Seconds that closing all peers may take."""
CLOSE_TIMEOUT: Final = 10.0
"""Seconds that closing may take in all: closing peers, cancelling tasks, joining the thread."""


class _Loop(asyncio.SelectorEventLoop):
    """Closes at its end the sockets that are still open.

    A crash in the middle of opening a peer connection leaves sockets that no object of aiortc closes any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._endpoints: weakref.WeakSet[asyncio.Transport | asyncio.DatagramTransport] = weakref.WeakSet()

    async def create_datagram_endpoint(self, *args: Any, **kwargs: Any) -> tuple[asyncio.DatagramTransport, Any]:
        transport, protocol = await super().create_datagram_endpoint(*args, **kwargs)
        self._endpoints.add(transport)
        return transport, protocol

    async def create_connection(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        transport, protocol = await super().create_connection(*args, **kwargs)
        self._endpoints.add(transport)
        return transport, protocol

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        """As asyncio's, but in a thread of its own.

        asyncio uses its pool of threads, and closing a loop waits for that pool. Without a network a resolver takes
        many seconds, so that closing a conference would take as long.
        """
        found = self.create_future()

        def tell(result: object, error: OSError | None) -> None:
            if found.cancelled():
                return
            if error is None:
                found.set_result(result)
            else:
                found.set_exception(error)

        def look_up() -> None:
            result, error = None, None
            try:
                result = socket.getaddrinfo(*args, **kwargs)
            except OSError as trouble:
                error = trouble
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self.call_soon_threadsafe(tell, result, error)

        threading.Thread(target=look_up, name="m3-resolver", daemon=True).start()
        return await found

    def close(self) -> None:
        if not self.is_closed():
            for transport in list(self._endpoints):
                transport.abort()  # `close` would wait until all is sent, and this loop runs one turn more
            self.run_until_complete(asyncio.sleep(0))  # asyncio closes the sockets in the next turn of the loop
        super().close()


class EngineThread:
    """A loop in a thread.

    ``on_exit`` runs in the loop at its end, whatever the reason; it gets `EXIT_TIMEOUT` seconds. ``on_crash`` is called
    afterwards in the thread, if the loop did not end by `close`.
    """

    def __init__(
        self,
        name: str,
        on_exit: Callable[[], Awaitable[None]],
        on_crash: Callable[[BaseException], None],
        *,
        loopback: Loopback = Loopback.NEVER,
    ) -> None:
        self._on_exit = on_exit
        self._on_crash = on_crash
        self._loopback = loopback
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._finished = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._name = name
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the loop takes calls."""
        return self._loop is not None and not self._finished

    def start(self) -> None:
        """Start the thread; its loop takes calls at once. Raises `LocalProtocolError` when it was started before.

        Does not wait for the thread, because the caller may run in an event loop.
        """
        if self._thread is not None:
            raise LocalProtocolError("this media engine was started before; an engine is started once, make a new one")
        self._loop = _Loop()
        self._thread = threading.Thread(target=self._main, args=(self._loop,), name=self._name)
        self._thread.start()

    def call(self, function: Callable[[], object]) -> None:
        """Run ``function`` in the loop soon, in order with other calls. Raises `MediaError` when no loop runs."""
        loop = self._loop
        if loop is None or self._finished:
            raise MediaError("the media engine is not running")
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop was closed meanwhile
            raise MediaError("the media engine is not running") from None

    def submit(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the coroutine that ``make`` gives as a task of the loop. Its error is logged."""
        self.call(lambda: self.spawn(make()))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """As `submit`; to be called in the loop. At its end nothing is started any more: None.

        What is closed at the end still calls back. A task that it starts then would never run.
        """
        if self._finished:
            coroutine.close()
            return None
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)  # asyncio itself keeps weak references only
        task.add_done_callback(self._task_done)
        return task

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Run ``on_exit``, cancel all tasks, and wait for the end of the thread. Blocks; may be called again.

        Raises `MediaError` when the thread does not end within ``timeout`` seconds.
        """
        if self._thread is None:
            return
        if threading.current_thread() is self._thread:
            raise LocalProtocolError("close the media engine from another thread: here it would wait for itself")
        with contextlib.suppress(MediaError):  # the loop may have ended by itself
            self.call(self._stop.set)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise MediaError(f"the thread of the media engine did not end within {timeout:g} s")

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a media task failed: %s", type(error).__name__, exc_info=error)

    def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            with (
                offering(self._loopback),
                asyncio.Runner(loop_factory=lambda: loop) as runner,
            ):
                try:
                    runner.run(self._run())
                finally:
                    # Before the runner cancels the tasks that are left: their reports would hide the reason.
                    self._finished = True
        except BaseException as error:
            logger.exception("the media thread died")
            self._finished = True
            self._on_crash(error)
        finally:
            self._finished = True
            loop.close()

    async def _run(self) -> None:
        try:
            await self._stop.wait()
        finally:
            self._finished = True
            try:
                async with asyncio.timeout(EXIT_TIMEOUT):
                    await self._on_exit()
            except TimeoutError:
                logger.warning("media peers did not close in time")
