"""Bytes to typed messages and back. Knows no namespace: it loads the module of one when its first message comes.

Decoding is tried three times, each only if the one before failed. First strict shells (`shells`), which refuse keys
that they do not know, so that nothing is skipped and nothing has to be checked beforehand. Then, after the guards of
`m3core.strict_json`, shells that skip unknown keys. Last its careful reader and `strict`, which find unknown kinds and
the path of what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Struct, defstruct

from m3core import strict_json
from m3core.errors import LimitExceeded, LocalProtocolError, MalformedMessage
from m3core.limits import MAX_MESSAGE, MAX_STRING
from m3core.messages import strict
from m3core.messages.base import Command, Event
from m3core.messages.fields import cached, is_event, tag_of, union_of
from m3core.messages.namespaces import FREE_NAMESPACES, NAMESPACES, UNTYPED_NAMESPACES
from m3core.messages.reading import message_reader
from m3core.messages.shells import RAW, decode_shell
from m3core.messages.source import Generated
from m3core.messages.unknown import UnknownCommand, UnknownEvent
from m3core.messages.writing import message_writer
from m3core.strict_json import Json
from m3core.values import Timestamp

_NOT_SURE: Final = (msgspec.MsgspecError, MalformedMessage, RecursionError, UnicodeError)
_NOTHING: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(defstruct("Nothing", [("nothing", bool)]))
Message: TypeAlias = Command | Event | UnknownCommand | UnknownEvent


def classes(namespace: str, base: type[Any]) -> dict[str, type[Any]]:
    """The message classes of ``namespace`` that are a ``base`` (`Command` or `Event`), by wire name; loads them."""
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
    """The key of the payload that names the messages of ``namespace`` that are a ``base``; loads their classes."""
    keys: str = next((cls.KEY for cls in classes(namespace, base).values()), base.KEY)
    return keys


def _tagged_union(shells: list[type[Struct]], tag_field: str) -> Any:
    """The union of ``shells``, told apart by ``tag_field``, which must be there.

    msgspec takes the tag of a lone Struct for granted when it is missing. A second member, which nothing can be, keeps
    it from that.
    """
    impossible = Annotated[int, msgspec.Meta(ge=1, le=0)]
    nothing = defstruct("Nothing", [("nothing", impossible)], tag_field=tag_field, tag="\0")
    return union_of([*shells, nothing])


class _Readers(dict[type[Any], Generated]):
    """What makes a message of an envelope, by the type of the payload; made when the first one comes."""

    def __init__(self, unknown: Generated) -> None:
        super().__init__({dict: unknown})
        self.classes: dict[type[Struct], type[Any]] = {}

    def __missing__(self, shell: type[Struct]) -> Generated:
        read = self[shell] = message_reader(self.classes[shell])
        return read


class _Direction:
    """One direction of messages: its shells, of the namespaces that were loaded so far.

    All engines of a process share it, and they may live in several threads. Nothing is locked: while one thread makes a
    decoder, another may load a namespace, and whoever made one looks afterwards whether all were in it.
    """

    def __init__(self, base: type[Any], unknown: type[Any]) -> None:
        self.base = base
        self.unknown = unknown
        self.loaded: dict[str, dict[str, type[Any]]] = {}
        self.is_event = is_event(base)
        self.readers = _Readers(self.read_unknown)
        self.strict: Callable[[bytes | str], Any] = _NOTHING.decode
        self.lenient: Callable[[bytes | str], Any] = _NOTHING.decode

    def load(self, namespace: str) -> None:
        """Compile ``namespace``, if it is one of ours and was not compiled before."""
        if namespace in self.loaded or not (namespace in NAMESPACES or namespace in UNTYPED_NAMESPACES):
            return
        self.loaded[namespace] = classes(namespace, self.base)
        while True:
            namespaces = tuple(self.loaded)
            self.strict = self._decoder(namespaces, is_strict=True).decode
            self.lenient = self.first_lenient
            if len(namespaces) == len(self.loaded):
                return

    def first_lenient(self, data: bytes | str) -> Any:
        """`lenient`, when it is called for the first time since `load`."""
        namespaces = tuple(self.loaded)
        decode = self.lenient = self._decoder(namespaces, is_strict=False).decode
        if len(namespaces) != len(self.loaded):
            self.lenient = self.first_lenient
        return decode(data)

    def _decoder(self, namespaces: tuple[str, ...], *, is_strict: bool) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(
            _tagged_union([self._envelope(namespace, is_strict) for namespace in namespaces], "namespace")
        )

    def _envelope(self, namespace: str, is_strict: bool) -> type[Struct]:
        # What may have any payload keeps the keys that its class does not know: it is an unknown message then.
        is_exact = is_strict or namespace in FREE_NAMESPACES
        shells = {decode_shell(cls, is_exact): cls for cls in self.loaded[namespace].values()}
        self.readers.classes |= shells
        payload = _tagged_union([*shells], key(namespace, self.base)) if shells else dict.__class_getitem__((str, RAW))
        fields: list[Any] = [("payload", payload)]
        if self.is_event:
            fields.append(("timestamp", str | None, None))
        return defstruct(
            f"{namespace.title()}Envelope",
            fields,
            tag_field="namespace",
            tag=namespace,
            gc=False,
            forbid_unknown_fields=is_strict,
        )

    def recover(self, data: bytes | str) -> Any:
        """Decode what is long, or what the strict shells refused; or raise, with the path."""
        if isinstance(data, str):
            try:
                data = data.encode()
            except UnicodeEncodeError:
                raise MalformedMessage("half a surrogate pair") from None
        if len(data) > MAX_MESSAGE:
            raise LimitExceeded("message size", MAX_MESSAGE, len(data), "bytes")
        text = strict_json.decode_utf8(data)
        strict_json.check_nesting(data)
        if strict_json.is_plain(data):
            try:
                envelope = self.lenient(data)
                return self.readers[type(envelope.payload)](envelope)
            except _NOT_SURE:
                pass
        return self.structure(strict_json.parse(text))

    def read_unknown(self, envelope: Any) -> Any:
        """A message of a namespace without classes."""
        name = envelope.payload.get(self.base.KEY)
        timestamp = {}
        if self.is_event:
            timestamp["timestamp"] = None if envelope.timestamp is None else Timestamp(envelope.timestamp)
        namespace = envelope.__struct_config__.tag
        return self.unknown(namespace, name if isinstance(name, str) else "", envelope.payload, **timestamp)

    def structure(self, tree: Json) -> Any:
        """A message of checked JSON, the careful way."""
        namespace, payload, timestamp = _open(tree)
        envelope = {"timestamp": _timestamp(timestamp)} if self.is_event else {}
        self.load(namespace)
        found = self.loaded.get(namespace, {})
        tag = key(namespace, self.base) if found else self.base.KEY
        name = payload.get(tag)
        if not isinstance(name, str):
            if found and namespace not in FREE_NAMESPACES:
                raise MalformedMessage("missing" if name is None else "not a string", f"$.payload.{tag}")
            name = ""
        if name not in found or (namespace in FREE_NAMESPACES and len(payload) > 1):
            return self.unknown(namespace, name, payload, **envelope)
        try:
            return strict.structure_class(found[name], payload, "$.payload", **envelope)
        except strict.UnknownEnumValue as error:
            return self.unknown(namespace, name, payload, path=error.path, **envelope)


def _open(tree: Json) -> tuple[str, dict[str, Json], Json]:
    """Namespace, payload and timestamp of an envelope; the last is unchecked, commands may have any."""
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


_EVENTS: Final = _Direction(Event, UnknownEvent)
_COMMANDS: Final = _Direction(Command, UnknownCommand)


_EVENT_READERS: Final = _EVENTS.readers
_COMMAND_READERS: Final = _COMMANDS.readers


def _has_short_strings(data: bytes | str) -> bool:
    """Whether no limit is passed by a message of more than `MAX_STRING` bytes; False means maybe."""
    return len(data) <= MAX_MESSAGE and isinstance(data, bytes) and not strict_json.may_hold_long_string(data)


def decode_event(data: bytes | str) -> Event | UnknownEvent:
    """One text message of a server as a typed event.

    Raises `MalformedMessage` with the path, or `LimitExceeded`; nothing else, whatever ``data`` holds.
    """
    if len(data) <= MAX_STRING or _has_short_strings(data):
        try:
            envelope = _EVENTS.strict(data)
            event: Event | UnknownEvent = _EVENT_READERS[type(envelope.payload)](envelope)
        except _NOT_SURE:
            pass
        else:
            return event
    recovered: Event | UnknownEvent = _EVENTS.recover(data)
    return recovered


def decode_command(data: bytes | str) -> Command | UnknownCommand:
    """One text message of a client as a typed command. Raises as `decode_event`."""
    if len(data) <= MAX_STRING or _has_short_strings(data):
        try:
            envelope = _COMMANDS.strict(data)
            command: Command | UnknownCommand = _COMMAND_READERS[type(envelope.payload)](envelope)
        except _NOT_SURE:
            pass
        else:
            return command
    recovered: Command | UnknownCommand = _COMMANDS.recover(data)
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
    """``payload`` with its name; without ``name`` it stays as it is, as `echo` and strange servers send it."""
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(payload, Mapping)):
        raise LocalProtocolError(f"namespace and {base.KEY} are texts, payload is a Mapping")
    if not name:
        return dict(payload)
    tag = key(namespace, base) if namespace in NAMESPACES else base.KEY
    if payload.get(tag, name) != name:
        raise LocalProtocolError(f"payload.{tag} is not the {base.KEY} of the message")
    return {tag: name, **payload}


_WRITERS: Final[dict[type[Any], Generated]] = {
    UnknownEvent: _write_unknown_event,
    UnknownCommand: _write_unknown_command,
}


def _writer(cls: type[Any]) -> Generated:
    """What encodes the messages of ``cls``; made when the first one comes."""
    if not issubclass(cls, Command | Event) or not cls.NAMESPACE:
        raise LocalProtocolError(f"{cls.__name__} is no message")
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
        raise LocalProtocolError(f"the {type(message).__name__} holds what JSON cannot") from None
    if len(data) > MAX_MESSAGE:
        raise LocalProtocolError(f"a message of {len(data)} bytes exceeds the limit of {MAX_MESSAGE}")
    return data


def kind(message: Message) -> tuple[str, str]:
    """Namespace, and action or message name, as on the wire."""
    if isinstance(message, Command):
        return message.NAMESPACE, message.ACTION
    if isinstance(message, Event):
        return message.NAMESPACE, message.MESSAGE
    return message.namespace, message.action if isinstance(message, UnknownCommand) else message.message
