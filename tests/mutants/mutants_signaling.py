"""Faults around the state tables of signaling (`m3core.signaling`); the tables have a test for each row."""

from __future__ import annotations

from mutants import Mutant

_FILE = "m3core/signaling.py"
_TESTS = ("tests/core/test_signaling.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "signaling: the state changes although a message cannot be encoded",
        _FILE,
        "        data = encode(message)\n        self.state = to\n",
        "        self.state = to\n        data = encode(message)\n",
        _TESTS,
    ),
    Mutant(
        "signaling: a message that is fanned out does not change the state",
        _FILE,
        "        each.state = after\n",
        "",
        _TESTS,
    ),
    Mutant(
        "signaling: all receivers of a message get the state of the first one",
        _FILE,
        "        if each.state is not before:\n",
        "        if before is None:\n",
        _TESTS,
    ),
    Mutant(
        "signaling: a server may send commands of unknown names",
        _FILE,
        "if isinstance(message, (Event, UnknownEvent)) is (self.role is CLIENT):",
        "if isinstance(message, Event) is (self.role is CLIENT):",
        _TESTS,
    ),
    Mutant(
        "signaling: texts are kept after the close",
        _FILE,
        "        if self.state is not State.CLOSED:\n            self._received.append(data)\n",
        "        self._received.append(data)\n",
        _TESTS,
    ),
    Mutant(
        "signaling: texts that came before the close are decoded after it",
        _FILE,
        "        self.state = State.CLOSED\n        self._received.clear()\n",
        "        self.state = State.CLOSED\n",
        _TESTS,
    ),
    Mutant(
        "signaling: the last text comes first",
        _FILE,
        "self._received.popleft()",
        "self._received.pop()",
        _TESTS,
    ),
    Mutant(
        "signaling: a message that is too long is answered",
        _FILE,
        'reply=None if is_size else "invalid_json", fatal=is_size)',
        'reply="invalid_json", fatal=is_size)',
        _TESTS,
    ),
    Mutant(
        "signaling: a message that is nested too deeply ends the connection of a server",
        _FILE,
        'reply=None if is_size else "invalid_json", fatal=is_size)',
        'reply=None if is_size else "invalid_json", fatal=True)',
        _TESTS,
    ),
    Mutant(
        "signaling: a client goes on after a message that is too long",
        _FILE,
        "            return BadMessage(error, fatal=True)\n",
        "            return BadMessage(error)\n",
        _TESTS,
    ),
    Mutant(
        "signaling: one malformed message ends the connection of a client",
        _FILE,
        "        except RemoteProtocolError as error:\n            return BadMessage(error)\n",
        "        except RemoteProtocolError as error:\n            return BadMessage(error, fatal=True)\n",
        _TESTS,
    ),
    Mutant(
        "signaling: an unexpected event changes the state of a client",
        _FILE,
        '            return BadMessage(UnexpectedMessage(".".join(kind_of(event)), self.state.value))\n'
        "        self.state = to\n",
        "            self.state = State.JOINED\n"
        '            return BadMessage(UnexpectedMessage(".".join(kind_of(event)), self.state.value))\n'
        "        self.state = to\n",
        _TESTS,
    ),
    Mutant(
        "signaling: the refusal that is silence is sent",
        _FILE,
        "reply=None if slug == DROP else slug",
        "reply=slug",
        _TESTS,
    ),
    Mutant(
        "signaling: a server takes namespaces that it does not offer",
        _FILE,
        "if kind_of(command)[0] not in self.namespaces:",
        "if kind_of(command)[0] not in NAMESPACES:",
        _TESTS,
    ),
    Mutant(
        "signaling: a malformed message of a namespace that is not offered gets no answer",
        _FILE,
        "if self.state is State.JOINED and namespace not in self.namespaces:",
        "if self.state is State.JOINED and namespace not in NAMESPACES:",
        _TESTS,
    ),
    Mutant(
        "signaling: a malformed message of another namespace is answered before the room",
        _FILE,
        "if self.state is State.JOINED and namespace not in self.namespaces:",
        "if namespace not in self.namespaces:",
        _TESTS,
    ),
    Mutant(
        "signaling: the special row of an error is not asked first",
        _FILE,
        '    if isinstance(message, control.Error) and (to := rows.get(f"{kind}.{message.error.value}")) is not None:\n'
        "        return to\n",
        "",
        _TESTS,
    ),
    Mutant(
        "signaling: a refused command changes the state of a server",
        _FILE,
        "            slug = _refusal(REFUSALS[self.state], command)\n",
        "            slug, self.state = _refusal(REFUSALS[self.state], command), State.NEW\n",
        _TESTS,
    ),
    Mutant(
        "signaling: a closed connection answers",
        _FILE,
        "        return self.send(control.Error(error=control.ControlErrorCode(slug), timestamp=timestamp))\n",
        "        return encode(control.Error(error=control.ControlErrorCode(slug), timestamp=timestamp))\n",
        _TESTS,
    ),
)
