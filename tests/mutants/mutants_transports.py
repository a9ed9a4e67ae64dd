"""Faults in the WebSocket of all loops, in its way through a proxy, and in the limits of HTTP responses."""

from __future__ import annotations

from mutants import Mutant

WEBSOCKET = "m3core/client/websocket.py"
TUNNEL = "m3core/client/tunnel.py"
EXCHANGE = "m3core/conference/http.py"
FRAMES = "m3core/frames.py"
HTTPX = "m3asyncio/http.py"
_STREAM = ("tests/adapter/test_websocket_stream.py",)
_ODD = ("tests/parity/test_odd_servers.py",)
_PROXIES = ("tests/adapter/test_adapter_http_transport.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "websocket: the reader does not wait until pongs are written",
        WEBSOCKET,
        "            await self._flush()  # pongs\n",
        "            pass\n",
        _STREAM,
    ),
    Mutant(
        "websocket: no other task runs while much is read",
        WEBSOCKET,
        "                    await self._backend.checkpoint()\n",
        "                    pass\n",
        _STREAM,
    ),
    Mutant(
        "websocket: the engine is told of every ping",
        WEBSOCKET,
        "            self._is_heard = True\n",
        "",
        _STREAM,
    ),
    Mutant(
        "websocket: the engine is told of one ping only",
        WEBSOCKET,
        "        self._is_heard = False\n        self._exchange.receive_data",
        "        self._exchange.receive_data",
        _STREAM,
    ),
    Mutant(
        "websocket: two tasks write at a time",
        WEBSOCKET,
        "        while self._is_writing:\n",
        "        while False:\n",
        _STREAM,
    ),
    Mutant(
        "websocket: a frame follows half of another one",
        WEBSOCKET,
        "            self._is_broken = self._is_ending = True\n",
        "            pass\n",
        _STREAM,
    ),
    Mutant(
        "websocket: a pong answers only its own ping",
        WEBSOCKET,
        "        for earlier in list(self._pongs):\n",
        "        for earlier in [payload]:\n",
        _STREAM,
    ),
    Mutant(
        "websocket: a pong that nobody asked for answers all pings",
        WEBSOCKET,
        "        if payload not in self._pongs:\n            return\n",
        "",
        _STREAM,
    ),
    Mutant(
        "websocket: a ping waits for ever when the connection ends",
        WEBSOCKET,
        "        for waiting in self._pongs.values():\n            waiting.set()\n",
        "",
        _STREAM,
    ),
    Mutant(
        "websocket: a close waits for a reader that is not there",
        WEBSOCKET,
        "        if self._is_reading:\n            await",
        "        if True:\n            await",
        _STREAM,
    ),
    Mutant(
        "websocket: the close frame of the server is not answered",
        WEBSOCKET,
        "                await self._flush()\n                while await",
        "                while await",
        _STREAM,
    ),
    Mutant(
        "websocket: a refused connection is not closed",
        WEBSOCKET,
        "        await backend.shielded(stream.close())\n",
        "",
        _STREAM,
    ),
    Mutant(
        "websocket: the server that broke a rule is not named",
        WEBSOCKET,
        "        if self._exchange.failure:\n",
        "        if False:\n",
        _ODD,
    ),
    Mutant(
        "websocket: no TLS behind a proxy",
        WEBSOCKET,
        "            if origin.tls:\n",
        "            if first is origin:\n",
        _STREAM,
    ),
    Mutant(
        "websocket: no TLS with a proxy that wants it",
        WEBSOCKET,
        "        if first.tls:\n",
        "        if origin.tls:\n",
        ("tests/parity/test_tls.py",),
    ),
    Mutant(
        "tunnel: any answer of the proxy will do",
        TUNNEL,
        "    if not 200 <= status < 300:\n",
        "    if status < 200:\n",
        _STREAM,
    ),
    Mutant(
        "tunnel: the proxy gets no password",
        TUNNEL,
        "    if proxy.user is not None:\n",
        "    if proxy.user is None:\n",
        _STREAM,
    ),
    Mutant(
        "exchange: a second subprotocol hides the first",
        EXCHANGE,
        'f"{headers[name]}, {value}" if name in headers else value',
        "value",
        _ODD,
    ),
    Mutant(
        "exchange: the ticket may be the subprotocol",
        EXCHANGE,
        '        if not handshake.accepts(headers.get("sec-websocket-protocol"), self._offered):\n',
        '        if headers.get("sec-websocket-protocol") is None:\n',
        _ODD,
    ),
    Mutant(
        "http: a compressed response is taken",
        EXCHANGE,
        'if any(name.lower() == "content-encoding"',
        'if all(name.lower() == "content-encoding"',
        _ODD,
    ),
    Mutant(
        "http: pieces of a body are not counted",
        EXCHANGE,
        "    if pieces > MAX_HTTP_PIECES:\n",
        "    if False:\n",
        _ODD,
    ),
    Mutant(
        "http: a server may take its time, byte by byte",
        HTTPX,
        "self._backend.timeout(REQUEST_TIMEOUT)",
        "self._backend.timeout(None)",
        ("tests/adapter/test_adapter_http_transport.py",),
    ),
    Mutant(
        "http: compression is not declined",
        HTTPX,
        "[*request.headers, *IDENTITY]",
        "[*request.headers]",
        _ODD,
    ),
    Mutant(
        "http: cookies are kept",
        HTTPX,
        "DefaultCookiePolicy(allowed_domains=())",
        "DefaultCookiePolicy()",
        _ODD,
    ),
    Mutant(
        "http: a proxy is used for this machine",
        HTTPX,
        "is_local(f\"{'https' if origin.tls else 'http'}://{host}\") or proxy_bypass",
        "proxy_bypass",
        _PROXIES,
    ),
    Mutant(
        "frames: the bytes of a long message are waited for",
        FRAMES,
        "            if self._announces_too_much(frame):\n",
        "            if False:\n",
        ("tests/core/test_frames.py",),
    ),
    Mutant(
        "frames: a ping between fragments counts as part of the message",
        FRAMES,
        "header is None or header.opcode.iscontrol() or",
        "header is None or",
        ("tests/core/test_frames.py",),
    ),
    Mutant(
        "frames: the part of a long frame that has come is counted twice",
        FRAMES,
        "arrived + header.payload_len - self._decoder.payload_consumed",
        "arrived + header.payload_len",
        ("tests/core/test_frames.py",),
    ),
)
