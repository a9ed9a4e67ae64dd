"""Faults in the media engine of `m3asyncio`: its thread, its peers, tracks, connections and candidates."""

from __future__ import annotations

from mutants import Mutant

THREAD = "m3asyncio/engine_thread.py"
PEERS = "m3asyncio/peers.py"
MEDIA = "m3asyncio/media.py"
RECEIVED = "m3asyncio/received.py"
TRACKS = "m3asyncio/tracks.py"
INPUTS = "m3asyncio/inputs.py"
CONNECTION = "m3asyncio/connection.py"
GATHERING = "m3asyncio/gathering.py"
SERVERS = "m3asyncio/ice_servers.py"
_ENGINE = ("tests/media/test_media_engine.py",)
_ANEW = ("tests/media/test_media_anew.py",)
_SOURCES = ("tests/media/test_media_sources.py",)
_ICE = "tests/media/test_media_ice.py"
_CALL = "tests/media/test_media_call.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "engine_thread: a crash is not told",
        THREAD,
        "            self._on_crash(error)\n",
        "",
        _ENGINE,
    ),
    Mutant(
        "engine_thread: sockets that are open at the end remain",
        THREAD,
        "                transport.abort()  #",
        "                pass  #",
        _ENGINE,
    ),
    Mutant(
        "engine_thread: calls are taken after the end",
        THREAD,
        "        if loop is None or self._finished:\n",
        "        if loop is None:\n",
        _ENGINE,
    ),
    Mutant(
        "engine_thread: an exit that hangs is waited for",
        THREAD,
        "async with asyncio.timeout(EXIT_TIMEOUT):",
        "async with asyncio.timeout(None):",
        _ENGINE,
    ),
    Mutant(
        "peers: a worker that was cancelled has no successor",
        PEERS,
        "        self._employ(peer, queue)\n        self._report(",
        "        self._report(",
        (f"{_ICE}::test_a_worker_that_is_cancelled_is_told_and_followed",),
    ),
    Mutant(
        "peers: the queue of a closed peer remains",
        PEERS,
        "                self._queues.pop(peer, None)\n",
        "",
        _ENGINE,
    ),
    Mutant(
        "peers: a command that failed is not told",
        PEERS,
        "        except M3Error as error:\n            self._fail(command, str(error))\n",
        "        except M3Error:\n            pass\n",
        (f"{_ENGINE[0]}::test_what_cannot_be_done_is_failed",),
    ),
    Mutant(
        "peers: half open peers outlive the engine",
        PEERS,
        "        await asyncio.gather(*(connection.close() for connection in list(self._open_connections)))\n",
        "",
        _ENGINE,
    ),
    Mutant(
        "media: a peer that begins anew unmutes",
        MEDIA,
        "track.muted, track.frames = old.muted, old.frames",
        "track.frames = old.frames",
        _ANEW,
    ),
    Mutant(
        "media: sources of a closed peer play on",
        MEDIA,
        "            _close_all(*self._sources.pop(peer, ()))\n",
        "            self._sources.pop(peer, ())\n",
        _ENGINE,
    ),
    Mutant(
        "received: a queue that is not read grows",
        RECEIVED,
        "self._queue.limit = 1 if wake is None else MAX_FRAMES",
        "self._queue.limit = MAX_FRAMES",
        _ENGINE,
    ),
    Mutant(
        "received: the end wakes nobody",
        RECEIVED,
        "            self._queue.end()\n            wake = self._wake\n",
        "            self._queue.end()\n            wake = None\n",
        _ENGINE,
    ),
    Mutant(
        "received: time begins at 0 again",
        RECEIVED,
        "            self._shift = told + (now - when) - frame_time\n",
        "            self._shift = 0.0\n",
        _ANEW,
    ),
    Mutant(
        "tracks: muted video sends the camera",
        TRACKS,
        "                frame = black(frame.width, frame.height)\n",
        "",
        (f"{_CALL}::test_video_is_configured_muted_replaced_and_relayed",),
    ),
    Mutant(
        "tracks: a source that fails is read again",
        TRACKS,
        "    def _fail(self, error: M3Error) -> None:\n        self._close_input()\n        self._opened = Opened()\n",
        "    def _fail(self, error: M3Error) -> None:\n        self._close_input()\n",
        (*_SOURCES, *_ENGINE),
    ),
    Mutant(
        "tracks: a later picture holds up the next source",
        TRACKS,
        "if delay > LONG_WAIT:",
        "if delay > 1e9:",
        _SOURCES,
    ),
    Mutant(
        "inputs: a full queue is not waited for",
        INPUTS,
        "return len(queue) >= (MAX_AHEAD * limit if other is not None and not len(other) else limit)",
        "return False",
        _SOURCES,
    ),
    Mutant(
        "inputs: the thread of a source does not end",
        INPUTS,
        "            raise _Quit\n",
        "            pass\n",
        (*_SOURCES, *_ENGINE),
    ),
    Mutant(
        "connection: early candidates are lost",
        CONNECTION,
        "                self._early.append(operation)\n",
        "                pass\n",
        (f"{_ENGINE[0]}::test_early_candidates_are_kept_up_to_a_limit",),
    ),
    Mutant(
        "connection: early candidates have no limit",
        CONNECTION,
        "if len(self._early) < MAX_CANDIDATES:",
        "if True:",
        _ENGINE,
    ),
    Mutant(
        "connection: what never was up is down",
        CONNECTION,
        "Down(self.peer) if self.up else",
        "Down(self.peer) if True else",
        _ENGINE,
    ),
    Mutant(
        "connection: no path is waited for for ever",
        CONNECTION,
        '        if not self.over and self.pc.iceConnectionState != "completed":\n',
        "        if self.over:\n",
        (f"{_ICE}::test_if_nothing_connects_every_server_is_named_with_what_it_said",),
    ),
    Mutant(
        "connection: mDNS names are looked up",
        CONNECTION,
        " or parsed.ip is None",
        "",
        _ENGINE,
    ),
    Mutant(
        "gathering: a redundant candidate is told",
        GATHERING,
        "is_new = mapped not in self._mapped and mapped != (own.host, own.port)",
        "is_new = True",
        (f"{_ICE}::test_if_nothing_connects_every_server_is_named_with_what_it_said",),
    ),
    Mutant(
        "gathering: ICE waits for ever",
        GATHERING,
        "            ice_private.let_go(self._connection)\n",
        "            pass\n",
        (f"{_ICE}::test_ice_fails_by_itself_once_all_servers_have_had_their_time",),
    ),
    Mutant(
        "gathering: all servers have no limit of time",
        GATHERING,
        "async with asyncio.timeout(GATHER_TIMEOUT):",
        "async with asyncio.timeout(None):",
        (f"{_ICE}::test_a_silent_server_is_left_out_as_long_as_media_flows",),
    ),
    Mutant(
        "ice_servers: a server that answered is left out after a silence",
        SERVERS,
        "        if str(address) not in self._answered:\n            self._silent.add(str(address))\n",
        "        self._silent.add(str(address))\n",
        (_ICE,),
    ),
    Mutant(
        "ice_servers: silent servers are never asked again",
        SERVERS,
        "        self._silent.clear()\n",
        "        pass\n",
        (f"{_ICE}::test_who_was_silent_is_asked_again_when_a_path_is_lost",),
    ),
    Mutant(
        "ice_servers: one address more than the limit",
        SERVERS,
        "len(found) < MAX_ICE_ADDRESSES",
        "len(found) <= MAX_ICE_ADDRESSES",
        (f"{_ICE}::test_addresses_of_servers",),
    ),
)
