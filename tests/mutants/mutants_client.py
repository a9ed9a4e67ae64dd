"""Faults in `m3core.client`: the driver, its timer, what users hold, and how they get into a conference."""

from __future__ import annotations

from mutants import Mutant

DRIVER = "m3core/client/driver.py"
ALARM = "m3core/client/alarm.py"
SESSION = "m3core/client/session.py"
JOINING = "m3core/client/joining.py"
STREAMS = "m3core/client/streams.py"
CONFERENCE = "m3core/client/conference.py"
PUBLICATION = "m3core/client/publication.py"
ACCOUNT = "m3core/client/account.py"
WATCHING = "m3core/client/watching.py"
_DRIVER = ("tests/adapter/test_adapter_driver.py",)
_CONFERENCE = ("tests/adapter/test_adapter_conference.py",)
_JOINING = ("tests/adapter/test_adapter_joining.py",)
_MOMENTS = ("tests/adapter/test_adapter_moments.py",)
_ALARM = ("tests/adapter/test_alarm.py",)
_STREAMS = ("tests/adapter/test_adapter_streams.py",)
_ACCOUNT = ("tests/adapter/test_adapter_account_sockets.py",)
_PARITY = ("tests/adapter/test_parity.py",)
_LEAKS = ("tests/adapter/test_adapter_leaks.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "driver: what was written still counts as waiting",
        DRIVER,
        "                        entry.waiting -= len(data)\n",
        "",
        _DRIVER,
    ),
    Mutant(
        "driver: the engine is not told of a queue that is full",
        DRIVER,
        "self._late.append(lambda now: self.engine.connection_lost(connection, now, code=None))",
        "pass",
        _DRIVER,
    ),
    Mutant(
        "driver: a call that ends within its input is waited for",
        DRIVER,
        "self._early[done.call] = done",
        "pass",
        _DRIVER,
    ),
    Mutant(
        "driver: a cancelled caller does not cancel the call",
        DRIVER,
        "self.feed(lambda now: self.engine.cancel(call, now))",
        "pass",
        _DRIVER,
    ),
    Mutant(
        "driver: a closed driver opens connections",
        DRIVER,
        "if self._closed and not isinstance(output, CallDone | Notify):",
        "if self._closed and isinstance(output, CallDone | Notify):",
        _DRIVER,
    ),
    Mutant(
        "driver: the socket of a lost connection is not closed",
        DRIVER,
        "await self._backend.shielded(socket.close(None))",
        "pass",
        _DRIVER,
    ),
    Mutant(
        "driver: calls wait for ever after a bug of a transport",
        DRIVER,
        "            for waiting in self._calls.values():\n",
        "            for waiting in ():\n",
        _PARITY,
    ),
    Mutant(
        "driver: a bug that came before a call is forgotten",
        DRIVER,
        "            if self._bug is not None:\n                raise self._bug\n",
        "",
        _DRIVER,
    ),
    Mutant(
        "alarm: an earlier deadline does not wake the timer",
        ALARM,
        "self._next = due\n        if self._task is None:\n"
        "            self._task = self._tasks.spawn(self._run())\n        self._changed.set()",
        "self._next = due\n        if self._task is None:\n            self._task = self._tasks.spawn(self._run())",
        _ALARM,
    ),
    Mutant(
        "alarm: it rings once",
        ALARM,
        "                    self._ring()\n                self.arm()\n",
        "                    self._ring()\n",
        _ALARM,
    ),
    Mutant(
        "alarm: it rings for a deadline that was moved",
        ALARM,
        "if due is not None and due <= self._backend.now():",
        "if True:",
        _ALARM,
    ),
    Mutant(
        "session: the reader before is not told",
        SESSION,
        "            before()\n",
        "            pass\n",
        _LEAKS,
    ),
    Mutant(
        "session: the media engine outlives the conference",
        SESSION,
        "await self.backend.in_thread(self._media_engine.close)",
        "pass",
        _PARITY,
    ),
    Mutant(
        "session: iterators go on after the end",
        SESSION,
        "            stream.put(event)\n            if isinstance(event, Ended):\n                stream.end()\n",
        "            stream.put(event)\n",
        _CONFERENCE,
    ),
    Mutant(
        "session: media begins after the end",
        SESSION,
        "            if self._closed:\n",
        "            if False:\n",
        _LEAKS,
    ),
    Mutant(
        "joining: its own HTTP is not closed",
        JOINING,
        "            resources.when_closed(http.aclose)\n",
        "",
        _LEAKS,
    ),
    Mutant(
        "joining: a kick is not raised",
        JOINING,
        "ended is not None and ended is not EndReason.LEFT",
        "ended is not None and ended is EndReason.LOST",
        _PARITY,
    ),
    Mutant(
        "joining: the address of the API that was found is not used",
        JOINING,
        "base_url=found.base_url, api_url=found.api_url,",
        "base_url=found.base_url, api_url=None,",
        _JOINING,
    ),
    Mutant(
        "streams: one event more than the limit",
        STREAMS,
        "if len(self._waiting) >= self._limit:",
        "if len(self._waiting) > self._limit:",
        _CONFERENCE,
    ),
    Mutant(
        "streams: a detached reader waits on",
        STREAMS,
        "        self._detached = True\n        self._changed.set()\n",
        "        self._detached = True\n",
        _STREAMS,
    ),
    Mutant(
        "streams: who reads a full queue lets nobody else run",
        STREAMS,
        "await self._backend.checkpoint()",
        "pass",
        _STREAMS,
    ),
    Mutant(
        "conference: a publish that succeeds while it is cancelled remains live",
        CONFERENCE,
        "                await publication.stop()\n",
        "                pass\n",
        _MOMENTS,
    ),
    Mutant(
        "conference: sources of a failed publish are not closed",
        CONFERENCE,
        "await self._session.backend.in_thread(lambda: media.set_sources(peer))",
        "pass",
        _MOMENTS,
    ),
    Mutant(
        "publication: unmute forgets the track that was muted before",
        PUBLICATION,
        "            self._sending = wanted\n",
        "            pass\n",
        _MOMENTS,
    ),
    Mutant(
        "publication: the end of an old subscription parks the new one",
        PUBLICATION,
        "if peer is None or not self._session.is_read_by(peer, self.detach):",
        "if peer is None:",
        _MOMENTS,
    ),
    Mutant(
        "publication: a cancelled subscribe is not parked",
        PUBLICATION,
        "            self._park()\n            raise\n",
        "            raise\n",
        _MOMENTS,
    ),
    Mutant(
        "account: a job of a cancelled caller is lost",
        ACCOUNT,
        "                self._jobs.appendleft(job)\n",
        "                pass\n",
        (*_PARITY, *_ACCOUNT),
    ),
    Mutant(
        "account: a closed account takes requests",
        ACCOUNT,
        '        if self._closed:\n            raise LocalProtocolError("this account was closed before the request',
        '        if False:\n            raise LocalProtocolError("this account was closed before the request',
        _ACCOUNT,
    ),
    Mutant(
        "account: a refresh that fails is waited for for ever",
        ACCOUNT,
        "            self._feed(lambda: self._engine.refresh_failed(unknown))\n",
        "            pass\n",
        _ACCOUNT,
    ),
    Mutant(
        "watching: a recorder that failed is called again",
        WATCHING,
        "                self.error = error\n",
        "                pass\n",
        ("tests/strangers/test_manners_sockets.py::test_an_error_of_the_wire_function_is_raised_at_the_end",),
    ),
)
