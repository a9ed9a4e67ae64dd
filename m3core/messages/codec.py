"""Bytes to typed messages and back. It imports the module of a namespace when the first message of it comes.

There are two ways to read a message, and they mean the same (a property test compares them). The fast one is msgspec
with shells (`shells`) that refuse keys which they do not know, so that nothing is skipped and nothing has to be checked
beforehand. What they refuse is read the careful way, by `m3core.strict_json` and `careful`, which decides: it finds
unknown kinds and the path of what is wrong. It ignores keys of later versions, and the shells learn them from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Struct, defstruct

from m3core import strict_json
from m3core.errors import LimitExceeded, LocalProtocolError, MalformedMessage
from m3core.limits import MAX_LATER_KEYS, MAX_MESSAGE, MAX_STRING
from m3core.messages.base import Command, Event
from m3core.messages.careful import structure_message
from m3core.messages.fields import cached, is_event, later_keys, tag_of, union_of
from m3core.messages.namespaces import FREE_NAMESPACES, NAMESPACES, UNTYPED_NAMESPACES
from m3core.messages.reading import message_reader
from m3core.messages.shells import RAW, LaterKeys, decode_shell, later_entries
from m3core.messages.source import Generated
from m3core.messages.unknown import UnknownCommand, UnknownEvent
from m3core.messages.writing import message_writer
from m3core.strict_json import Json
from m3core.structuring import UnknownValue
from m3core.values import Timestamp

NOT_SURE: Final = (msgspec.MsgspecError, MalformedMessage, RecursionError, UnicodeError)
"""What shells and readers raise for a message that is to be read the careful way."""
_NOTHING: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(defstruct("Nothing", [("nothing", bool)]))
Message: TypeAlias = Command | Event | UnknownCommand | UnknownEvent


def classes(namespace: str, base: type[Any]) -> dict[str, type[Any]]:
    """The classes of ``namespace`` that are a ``base`` (`Command` or `Event`), by wire name. Imports its module."""
    module = NAMESPACES.get(namespace)
    if module is None:
        return {}
    found = {}
    for cls in vars(import_module(module)).values():
        if isinstance(cls, type) and issubclass(cls, base) and cls.__dict__.get("NAMESPACE") == namespace:
            found[tag_of(cls)[1] or ""] = cls
    return found


@cached
def key(namespace: str, base: type[Any]) -> str:
    """The key in the payload that holds the name of a message. Imports the module of ``namespace``."""
    keys: str = next((cls.KEY for cls in classes(namespace, base).values()), base.KEY)
    return keys


def _tagged_union(shells: list[type[Struct]], tag_field: str) -> Any:
    """The union of ``shells``, told apart by ``tag_field``, which is required.

    For a single Struct, msgspec lets the tag be missing. So there is a second member, which no JSON value fits.
    """
    impossible = Annotated[int, msgspec.Meta(ge=1, le=0)]
    nothing = defstruct("Nothing", [("nothing", impossible)], tag_field=tag_field, tag="\0")
    return union_of([*shells, nothing])


class _ReadersByShell(dict[type[Any], Generated]):
    """The functions that make a message of an envelope, by the type of its payload. They are compiled at first use."""

    def __init__(self, unknown: Generated) -> None:
        super().__init__({dict: unknown})
        self.classes: dict[type[Struct], type[Any]] = {}

    def __missing__(self, shell: type[Struct]) -> Generated:
        read = self[shell] = message_reader(self.classes[shell])
        return read


class Decoder:
    """Decodes messages of one direction: events or commands, of the namespaces that were loaded so far.

    All engines of a process share two of them, also in several threads. There is no lock: while one thread compiles,
    another may load a namespace or learn keys. So each thread compares afterwards, and if it missed some, it compiles
    again.

    ``room``: the number of keys of later versions that the shells may learn. It bounds what peers, who choose the keys,
    can make us compile.
    """

    def __init__(self, base: type[Any], unknown: type[Any], room: int = MAX_LATER_KEYS) -> None:
        self.base = base
        self.unknown = unknown
        self.room = room
        self.loaded: dict[str, dict[str, type[Any]]] = {}
        self.later: LaterKeys = frozenset()
        self.is_event = is_event(base)
        self.readers = _ReadersByShell(self._read_unknown)
        self.decode: Callable[[bytes | str], Any] = _NOTHING.decode
        """An envelope; it raises one of `NOT_SURE` for what is to be read the careful way."""

    def load(self, namespace: str) -> None:
        """Compile the shells of ``namespace``, if it is a known one that was not loaded before."""
        if namespace not in self.loaded and (namespace in NAMESPACES or namespace in UNTYPED_NAMESPACES):
            self.loaded[namespace] = classes(namespace, self.base)
            self._compile()

    def learn(self, found: Iterable[tuple[type[Any], str]]) -> None:
        """Let the shells accept the keys of later versions that were ``found``, if there is room for all."""
        new = {(cls, key) for cls, key in found if strict_json.is_name(key)} - self.later
        if new and len(self.later) + len(new) <= self.room:
            self.later |= new
            self._compile()

    def _compile(self) -> None:
        while True:
            namespaces, later = tuple(self.loaded), self.later
            envelopes = [self._envelope(namespace, later) for namespace in namespaces]
            self.decode = msgspec.json.Decoder(_tagged_union(envelopes, "namespace")).decode
            if len(namespaces) == len(self.loaded) and later == self.later:
                return

    def _envelope(self, namespace: str, later: LaterKeys) -> type[Struct]:
        shells = {decode_shell(cls, later): cls for cls in self.loaded[namespace].values()}
        self.readers.classes |= shells
        payload = _tagged_union([*shells], key(namespace, self.base)) if shells else dict.__class_getitem__((str, RAW))
        entries, rename = later_entries(self.base, later)
        fields: list[Any] = [("payload", payload), *entries]
        if self.is_event:
            fields.append(("timestamp", str | None, None))
        return defstruct(
            f"{namespace.title()}Envelope",
            fields,
            rename=rename,
            tag_field="namespace",
            tag=namespace,
            gc=False,
            forbid_unknown_fields=True,
        )

    def _read_unknown(self, envelope: Any) -> Any:
        """A message of a namespace without classes."""
        name = envelope.payload.get(self.base.KEY)
        timestamp = {}
        if self.is_event:
            timestamp["timestamp"] = None if envelope.timestamp is None else Timestamp(envelope.timestamp)
        namespace = envelope.__struct_config__.tag
        return self.unknown(namespace, name if isinstance(name, str) else "", envelope.payload, **timestamp)

    def decode_carefully(self, data: bytes | str) -> Any:
        """The message that ``data`` is, of any length. Raises `MalformedMessage` and `LimitExceeded` with the path."""
        if isinstance(data, str):
            try:
                data = data.encode()
            except UnicodeEncodeError:
                raise MalformedMessage("half a surrogate pair") from None
        if len(data) > MAX_MESSAGE:
            raise LimitExceeded("message size", MAX_MESSAGE, len(data), "bytes")
        return self.structure(strict_json.read(data))

    def structure(self, tree: Json) -> Any:
        """The message that a checked tree is. Raises `MalformedMessage`."""
        namespace, payload, timestamp = _open(tree)
        stamp = _timestamp(timestamp) if self.is_event else None
        self.load(namespace)
        found = self.loaded.get(namespace, {})
        tag = key(namespace, self.base) if found else self.base.KEY
        name = payload.get(tag)
        if not isinstance(name, str):
            if found and namespace not in FREE_NAMESPACES:
                raise MalformedMessage("missing" if name is None else "not a string", f"$.payload.{tag}")
            name = ""
        path = None
        if name in found and not (namespace in FREE_NAMESPACES and len(payload) > 1):
            try:
                message = structure_message(found[name], payload, stamp)
            except UnknownValue as value:
                path = value.path("$.payload")
            else:
                self.learn(self._later_keys(found[name], tree, payload))
                return message
        envelope = {"timestamp": stamp} if self.is_event else {}
        return self.unknown(namespace, name, payload, path=path, **envelope)

    def _later_keys(self, cls: type[Any], tree: Json, payload: Json) -> Iterator[tuple[type[Any], str]]:
        if len(self.later) < self.room and isinstance(tree, dict):
            beside = ("namespace", "payload", "timestamp")[: 2 + self.is_event]
            yield from ((self.base, each) for each in tree if each not in beside)
            yield from later_keys(cls, payload)


def _open(tree: Json) -> tuple[str, dict[str, Json], Json]:
    """Namespace, payload and timestamp of an envelope. The timestamp is not checked: commands may have any value."""
    if not isinstance(tree, dict):
        raise MalformedMessage("not an object")
    for key in ("namespace", "payload"):
        if key not in tree:
            raise MalformedMessage("missing", f"$.{key}")
    namespace, payload = tree["namespace"], tree["payload"]
    if not isinstance(namespace, str):
        raise MalformedMessage("not a string", "$.namespace")
    if not isinstance(payload, dict):
        raise MalformedMessage("not an object", "$.payload")
    return namespace, payload, tree.get("timestamp")


def _timestamp(text: Json) -> Timestamp | None:
    if text is not None and not isinstance(text, str):
        raise MalformedMessage("not a string", "$.timestamp")
    return None if text is None else Timestamp(text)


_EVENTS: Final = Decoder(Event, UnknownEvent)
_COMMANDS: Final = Decoder(Command, UnknownCommand)

_EVENT_READERS: Final = _EVENTS.readers
_COMMAND_READERS: Final = _COMMANDS.readers


def _has_short_strings(data: bytes | str) -> bool:
    """Whether a message of more than `MAX_STRING` bytes keeps all limits. False means perhaps not."""
    return len(data) <= MAX_MESSAGE and isinstance(data, bytes) and not strict_json.may_hold_long_string(data)


def decode_event(data: bytes | str) -> Event | UnknownEvent:
    """One text message of a server as a typed event.

    Raises `MalformedMessage` with the path, or `LimitExceeded`; nothing else, whatever ``data`` holds.
    """
    if len(data) <= MAX_STRING or _has_short_strings(data):
        try:
            envelope = _EVENTS.decode(data)
            event: Event | UnknownEvent = _EVENT_READERS[type(envelope.payload)](envelope)
        except NOT_SURE:
            pass
        else:
            return event
    recovered: Event | UnknownEvent = _EVENTS.decode_carefully(data)
    return recovered


def decode_command(data: bytes | str) -> Command | UnknownCommand:
    """One text message of a client as a typed command. Raises as `decode_event`."""
    if len(data) <= MAX_STRING or _has_short_strings(data):
        try:
            envelope = _COMMANDS.decode(data)
            command: Command | UnknownCommand = _COMMAND_READERS[type(envelope.payload)](envelope)
        except NOT_SURE:
            pass
        else:
            return command
    recovered: Command | UnknownCommand = _COMMANDS.decode_carefully(data)
    return recovered


class _Envelope(Struct, gc=False, omit_defaults=True):
    namespace: str
    payload: dict[str, Json]
    timestamp: str | None = None


_ENCODE: Final = msgspec.json.Encoder().encode


def _write_unknown_event(message: UnknownEvent) -> bytes:
    timestamp: object = message.timestamp
    if timestamp is not None and not isinstance(timestamp, Timestamp):
        raise LocalProtocolError("UnknownEvent.timestamp is not a Timestamp")
    payload = _payload(Event, message.namespace, message.payload, message.message)
    return _ENCODE(_Envelope(message.namespace, payload, timestamp and timestamp.text))


def _write_unknown_command(message: UnknownCommand) -> bytes:
    payload = _payload(Command, message.namespace, message.payload, message.action)
    return _ENCODE(_Envelope(message.namespace, payload))


def _payload(base: type[Any], namespace: str, payload: Mapping[str, Json], name: str) -> dict[str, Json]:
    """``payload`` with its name. Without ``name`` it is unchanged: an `echo` may have none."""
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(payload, Mapping)):
        raise LocalProtocolError(f"namespace and {base.KEY} must be texts, and payload a Mapping")
    if not name:
        return dict(payload)
    tag = key(namespace, base) if namespace in NAMESPACES else base.KEY
    if payload.get(tag, name) != name:
        raise LocalProtocolError(
            f"payload.{tag} differs from the {base.KEY} of the message: omit it or make them equal"
        )
    return {tag: name, **payload}


_WRITERS: Final[dict[type[Any], Generated]] = {
    UnknownEvent: _write_unknown_event,
    UnknownCommand: _write_unknown_command,
}


def _writer(cls: type[Any]) -> Generated:
    """The function that encodes messages of ``cls``. It is compiled at first use."""
    if not issubclass(cls, Command | Event) or not cls.NAMESPACE:
        raise LocalProtocolError(f"{cls.__name__} is not a message: pass a Command or an Event of a namespace")
    write = _WRITERS[cls] = message_writer(cls)
    return write


def encode(message: Message) -> bytes:
    """A message as UTF-8 JSON, for one WebSocket text message.

    Raises `LocalProtocolError` for what is no message, raw values that JSON cannot hold, and more than `MAX_MESSAGE`
    bytes. Fields of the wrong type were refused when the message was made.
    """
    try:
        write = _WRITERS[type(message)]
    except KeyError:
        write = _writer(type(message))
    try:
        data: bytes = write(message)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        raise LocalProtocolError(
            f"the {type(message).__name__} is no JSON: it holds a lone surrogate or an object of another type"
        ) from None
    if len(data) > MAX_MESSAGE:
        raise LocalProtocolError(f"the message has {len(data)} bytes, and peers accept only {MAX_MESSAGE}: send less")
    return data


def kind(message: Message) -> tuple[str, str]:
    """Namespace, and action or message name, as on the wire."""
    if isinstance(message, Command):
        return message.NAMESPACE, message.ACTION
    if isinstance(message, Event):
        return message.NAMESPACE, message.MESSAGE
    return message.namespace, message.action if isinstance(message, UnknownCommand) else message.message
