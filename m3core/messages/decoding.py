"""Decoders: bytes to messages of one direction, with shells or the careful way.

The two ways mean the same (a property test compares them). The fast one is msgspec with shells (`shells`) that refuse
keys which they do not know, so that nothing is skipped and nothing has to be checked beforehand. What they refuse is
read the careful way, by `m3core.strict_json` and `careful`, which decides: it finds unknown kinds and the path of what
is wrong. It ignores keys of later versions, and the shells learn them from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import Struct, defstruct

from m3core import strict_json
from m3core.errors import LimitExceeded, MalformedMessage
from m3core.limits import MAX_LATER_KEYS, MAX_MESSAGE
from m3core.messages.careful import structure_message
from m3core.messages.fields import is_event, later_keys, union_of
from m3core.messages.kinds import classes, key
from m3core.messages.namespaces import FREE_NAMESPACES, NAMESPACES, UNTYPED_NAMESPACES
from m3core.messages.reading import message_reader
from m3core.messages.shells import RAW, LaterKeys, decode_shell, later_entries
from m3core.messages.source import Generated
from m3core.strict_json import Json
from m3core.structuring import UnknownValue
from m3core.values import Timestamp

NOT_SURE: Final = (msgspec.MsgspecError, MalformedMessage, RecursionError, UnicodeError)
"""What shells and readers raise for a message that is to be read the careful way."""
_NOTHING: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(defstruct("Nothing", [("nothing", bool)]))


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
    for required in ("namespace", "payload"):
        if required not in tree:
            raise MalformedMessage("missing", f"$.{required}")
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
