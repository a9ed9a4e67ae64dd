"""Mutants of what an address may ask of the server, of proxies that tell it, and of clients that are told to wait."""

from __future__ import annotations

from mutants import Mutant

_ADDRESSES = "tests/core/controller/test_addresses.py"
_LIMITS = "tests/core/controller/test_address_limits.py"
_PROXY = "tests/core/controller/test_proxy_protocol.py"
_BUSY = "tests/core/rest/test_busy.py"
_JOIN = "tests/core/conference/test_server_busy.py"
_ACCOUNT = "tests/core/test_account.py"
_LOOPS = "tests/parity/test_busy_server.py"


def _in(module: str, name: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, f"m3core/{module}.py", old, new, tests)


MUTANTS = (
    # -- budgets ---
    _in(
        "controller/addresses",
        "addresses of IPv4 in the form of IPv6 count together",
        "return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address",
        "return address",
        _ADDRESSES,
    ),
    _in("controller/addresses", "a /48 is one address", "_SITE: Final = 64", "_SITE: Final = 48", _ADDRESSES),
    _in(
        "controller/addresses",
        "a table grows without an end",
        "            if len(self._budgets) >= self._limit:",
        "            if False:",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "a table keeps budgets that are full, and drops those that are not",
        "if budget.wait(now, self._size) > 0}",
        "if budget.wait(now, self._size) == 0}",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "a budget that was just used is dropped first",
        "        budget = self._budgets.pop(key, None)",
        "        budget = self._budgets.get(key)",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "loopback is limited without being asked",
        "            return str(address) if self._limit_loopback else None",
        "            return str(address)",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "wrong passwords count for all rooms",
        "            self._passwords.take((site, room), now)",
        '            self._passwords.take((site, RoomId("")), now)',
        _ADDRESSES,
    ),
    _in(
        "controller/resources/access",
        "a blocked guesser is told the right password",
        "        if wait := addresses.password_wait(address, room.id, now):",
        "        if given != room.password and (wait := addresses.password_wait(address, room.id, now)):",
        _LIMITS,
    ),
    _in(
        "controller/resources/access",
        "a guesser is never blocked",
        "            addresses.wrong_password(address, room.id, now)",
        "            pass",
        _LIMITS,
    ),
    _in(
        "controller/resources/access",
        "a question whether there is a password counts as a guess",
        "        if given is not None:  # clients",
        "        if True:  # clients",
        _LIMITS,
    ),
    _in(
        "controller/resources/access",
        "the secret of a recorder is shown to the port to the users",
        "        if endpoint is START_RECORDING or (",
        "        if (",
        _LIMITS,
    ),
    _in(
        "controller/resources/access",
        "an invitation is shown to the port to the users",
        "(endpoint.accepts_invite and self.invite(bearer.reveal()) is not None)",
        "False",
        _LIMITS,
    ),
    _in(
        "controller/api",
        "users are limited by the address of others",
        "        if user is None and (busy := self._too_many(address)):",
        "        if busy := self._too_many(address):",
        _LIMITS,
    ),
    _in(
        "controller/api",
        "paths that do not exist have no limit",
        "            return self._too_many(address) or match",
        "            return match",
        _LIMITS,
    ),
    _in(
        "controller/api",
        "discovery has no limit",
        "            if busy := self._too_many(address):\n                return busy\n            return",
        "            return",
        _LIMITS,
    ),
    _in(
        "controller/engine",
        "handshakes without a ticket have no limit",
        "        if wait := self.addresses.request(address, self.now):\n            problem",
        "        if wait := 0:\n            problem",
        _LIMITS,
    ),
    _in(
        "rest/errors",
        "a client is told to come back too early",
        "max(1, math.ceil(seconds))",
        "int(seconds)",
        _BUSY,
        _LIMITS,
    ),
    # -- proxies ---
    _in(
        "controller/addresses",
        "everybody is believed about the address",
        "        if not self.trusts(address):\n            return address",
        "        pass",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "the leftmost address counts, which the client chose",
        "        for entry in reversed(told",
        "        for entry in (told",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "the address before a stranger's is believed",
        "            if not self._contains(found):\n                break",
        "            pass",
        _ADDRESSES,
    ),
    _in(
        "controller/addresses",
        "only the first field of several is read",
        'told = ",".join(value for name, value in headers if name == "x-forwarded-for")',
        'told = next((value for name, value in headers if name == "x-forwarded-for"), "")',
        _ADDRESSES,
    ),
    _in(
        "controller/front",
        "everybody may send a header of the PROXY protocol",
        "ProxyPreface() if self._proxies.trusts(address) else None",
        "ProxyPreface()",
        _PROXY,
    ),
    _in(
        "controller/front",
        "a header by itself ends the connection",
        "socket.has_ended |= not data",
        "socket.has_ended |= not rest",
        _PROXY,
    ),
    _in(
        "controller/front",
        "a malformed header is answered, or waited out",
        "        except RemoteProtocolError:\n            socket.http.close(None)\n            return",
        "        except RemoteProtocolError:\n            return",
        _PROXY,
    ),
    _in(
        "controller/proxy_protocol",
        "the address of a LOCAL header is believed",
        "        if command == _PROXY and transport",
        "        if transport",
        _PROXY,
    ),
    _in(
        "controller/proxy_protocol",
        "a header may be as long as its length field can say",
        "        if size > MAX_PROXY_HEADER:",
        "        if False:",
        _PROXY,
    ),
    _in(
        "controller/proxy_protocol",
        "a line without an end is waited for",
        "            if len(data) >= _TEXT_LENGTH:",
        "            if False:",
        _PROXY,
    ),
    _in(
        "controller/proxy_protocol",
        "addresses may be shorter than their family says",
        "            if length < least:",
        "            if False:",
        _PROXY,
    ),
    _in(
        "controller/proxy_protocol",
        "the two addresses of a line may be of different families",
        "    if source.version != version or target.version != version:",
        "    if False:",
        _PROXY,
    ),
    # -- clients ---
    _in("rest/busy", "503 is final", "BUSY: Final = frozenset({429, 503})", "BUSY: Final = frozenset({429})", _BUSY),
    _in(
        "rest/busy",
        "a server may send a client away for a day",
        "    return min(told or 0.0, MAX_RETRY_AFTER)",
        "    return told or 0.0",
        _BUSY,
        _JOIN,
    ),
    _in("rest/busy", "a client never gives up", "        self._left -= wait\n", "", _BUSY),
    _in(
        "rest/busy",
        "a client asks at once, again and again",
        "max(asked_wait(error), RECONNECT_MIN)",
        "asked_wait(error)",
        _BUSY,
    ),
    _in("rest/busy", "the waits do not grow", "            self._next *= 2\n", "", _BUSY),
    _in(
        "conference/backoff",
        "a 429 on the way back ends the conference",
        "or is_busy(error) or not 400",
        "or not 400",
        _JOIN,
    ),
    _in(
        "conference/recovery",
        "the way back does not wait for what a busy server asks for",
        "now + asked_wait(error))",
        "now)",
        _JOIN,
    ),
    _in(
        "conference/entrance",
        "an invitation is verified again after each wait",
        "        if self._room_id:  # an",
        "        if False:  # an",
        _JOIN,
    ),
    _in(
        "conference/life",
        "the request after a wait is sent at every deadline",
        "            self._step_deadline = None  # the request has its own\n            self._entering.again()",
        "            self._entering.again()",
        _JOIN,
    ),
    _in(
        "conference/life",
        "nobody is told that the client waits",
        "            self._context.outbox.notify(ServerBusy(seconds=wait))\n",
        "",
        _JOIN,
    ),
    _in(
        "conference/engine",
        "the wait that a refused handshake asks for is dropped",
        "HttpResponse(status, headers, body)",
        "HttpResponse(status, (), body)",
        _JOIN,
    ),
    _in(
        "conference/turn",
        "a busy server is never asked for ICE servers again",
        "        if is_busy(error) or (",
        "        if (",
        _JOIN,
    ),
    _in(
        "conference/turn",
        "ICE servers are asked for too early",
        ", TURN_RETRY_CAP), at_least)",
        ", TURN_RETRY_CAP), 0)",
        _JOIN,
    ),
    _in(
        "account",
        "a login that is refused for now is refused for ever",
        "            if error.status >= SERVER_TROUBLE or is_busy(error):",
        "            if error.status >= SERVER_TROUBLE:",
        _ACCOUNT,
    ),
    _in(
        "account",
        "the API of a busy server is never looked for again",
        "        if response.status in BUSY:",
        "        if False:",
        _ACCOUNT,
    ),
    _in(
        "client/account",
        "a request of an account is not repeated",
        "                if wait is None:\n                    raise",
        "                raise",
        _LOOPS,
    ),
    _in(
        "client/joining",
        "discovery does not wait for a busy server",
        "            if wait is None:\n                return response",
        "            return response",
        _LOOPS,
    ),
)
