"""Namespace `protocol`, later called `meeting_notes`: a pad for the minutes of the meeting (signaling.md § 13)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from attrs import evolve, field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, rule
from m3core.errors import WrongValue
from m3core.messages import Event, meeting_notes, minutes, protocol
from m3core.messages.base import hide
from m3core.messages.control import JoinSuccess
from m3core.values import ParticipantId


# -- state ---
@frozen(kw_only=True)
class MinutesState:
    """Our session at the pad. `Participant.may_write_minutes` says who may write, also of ourselves."""

    namespace: str = "protocol"
    """The name that the server uses: `protocol`, until it has shown that it uses `meeting_notes`."""
    write_url: str | None = field(default=None, repr=hide)
    read_url: str | None = field(default=None, repr=hide)
    """At most one of the two URLs is set. It is our personal session at the pad, and so a secret."""

    @property
    def url(self) -> str | None:
        """The URL of our session; None: there are no minutes yet."""
        return self.write_url or self.read_url

    @property
    def may_write(self) -> bool:
        """Whether we may write the minutes."""
        return self.write_url is not None


# -- events ---
@frozen(kw_only=True)
class MinutesWritable(ConferenceEvent):
    """We may write the minutes. ``url`` is our personal session at the pad."""

    url: str = field(repr=hide)


@frozen(kw_only=True)
class MinutesReadable(ConferenceEvent):
    """We may read the minutes, but not write. ``url`` is our personal session at the pad."""

    url: str = field(repr=hide)


# -- the module ---
_NEW_NAME: Final = "meeting_notes"
_SELECT = rule(
    "insufficient_permissions", "invalid_participant_selection", "currently_initializing", "failed_initialization"
)
_DESELECT = rule(
    "insufficient_permissions", "invalid_participant_selection", "currently_initializing", "not_initialized"
)
_PDF = rule("insufficient_permissions", "not_initialized", "storage_exceeded", answered=True)


class MinutesModule(ClientModule[MinutesState]):
    """The minutes, under both names of the namespace."""

    NAMESPACE = "protocol"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            protocol.SelectWriter: _SELECT,
            meeting_notes.SelectWriter: _SELECT,
            protocol.DeselectWriter: _DESELECT,
            meeting_notes.DeselectWriter: _DESELECT,
            protocol.GeneratePdf: _PDF,
            meeting_notes.GeneratePdf: _PDF,
        }
    )
    _state = MinutesState()

    def build(self) -> MinutesState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            protocol.WriteUrl: self._write_url,
            meeting_notes.WriteUrl: self._write_url,
            protocol.ReadUrl: self._read_url,
            meeting_notes.ReadUrl: self._read_url,
            protocol.PdfAsset: self._pdf_asset,
            meeting_notes.PdfAsset: self._pdf_asset,
            protocol.Error: self._error,
            meeting_notes.Error: self._error,
        }

    def entered(self, join: JoinSuccess) -> None:
        # `join_success` has no data of this namespace; if there is a pad, `read_url` follows (signaling.md § 13). The
        # name of the namespace is in the tariff, or in the entries of participants who have a session.
        names = set[str]()
        if join.tariff is not None:
            names |= {*(join.tariff.enabled_modules or ()), *(join.tariff.modules or ())}
        is_new = _NEW_NAME in names or any(one.meeting_notes is not None for one in join.participants)
        self._state = MinutesState(namespace=_NEW_NAME if is_new else self.NAMESPACE)

    def left(self) -> None:
        self._state = MinutesState(namespace=self._state.namespace)

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        if self._state.write_url is not None:
            return (MinutesWritable(url=self._state.write_url),)
        return () if self._state.read_url is None else (MinutesReadable(url=self._state.read_url),)

    def _write_url(self, event: minutes.WriteUrl) -> None:
        is_first = self._access(event, write_url=event.url)
        self._notify(MinutesWritable(url=event.url))
        own = self._own().id
        self._acknowledge(minutes.SelectWriter, lambda command: is_first or own in command.participant_ids)

    def _read_url(self, event: minutes.ReadUrl) -> None:
        is_first = self._access(event, read_url=event.url)
        self._notify(MinutesReadable(url=event.url))
        if is_first:  # the first `select_writer` makes the pad, and sends a URL to everybody (signaling.md § 13)
            self._acknowledge(minutes.SelectWriter)
        else:
            own = self._own().id
            self._acknowledge(minutes.DeselectWriter, lambda command: own in command.participant_ids)

    def _access(self, event: Event, *, write_url: str | None = None, read_url: str | None = None) -> bool:
        """Take over our new session at the pad. Gives whether it is our first."""
        is_first = self._state.url is None
        self._around.own = evolve(self._own(), may_write_minutes=write_url is not None)
        self._state = MinutesState(namespace=event.NAMESPACE, write_url=write_url, read_url=read_url)
        return is_first

    def _pdf_asset(self, event: minutes.PdfAsset) -> None:
        self._state = evolve(self._state, namespace=event.NAMESPACE)
        ready = AssetReady(namespace=event.NAMESPACE, asset_id=event.asset_id, filename=event.filename)
        self._notify(ready)
        self._acknowledge(minutes.GeneratePdf, result=ready)

    def _error(self, event: minutes.Error) -> None:
        self._around.refuse(event.NAMESPACE, event.error.value)


# -- commands ---
class MinutesCommands(CommandGroup[T]):
    """All commands are for moderators. They use the name of the namespace in `MinutesState.namespace`."""

    def select_writer(self, *participants: Someone) -> T:
        """Let participants write. The first time this makes the pad, and everybody gets a URL.

        Raises `LocalProtocolError` if nobody is named. Refused: `invalid_participant_selection`,
        `currently_initializing`, `failed_initialization`, `insufficient_permissions`.
        """
        command = meeting_notes.SelectWriter if self._has_new_name else protocol.SelectWriter
        return self._perform(command(participant_ids=_ids(participants)))

    def deselect_writer(self, *participants: Someone) -> T:
        """Let participants read, but not write.

        Raises as `select_writer`. Refused: `not_initialized`, `invalid_participant_selection`,
        `currently_initializing`, `insufficient_permissions`.
        """
        command = meeting_notes.DeselectWriter if self._has_new_name else protocol.DeselectWriter
        return self._perform(command(participant_ids=_ids(participants)))

    def generate_pdf(self) -> T:
        """Make a PDF of the minutes; done with an `AssetReady`.

        Refused: `not_initialized`, `storage_exceeded` (L), `insufficient_permissions`.
        """
        return self._perform((meeting_notes.GeneratePdf if self._has_new_name else protocol.GeneratePdf)())

    @property
    def _has_new_name(self) -> bool:
        return self._state().of(MinutesModule).namespace == _NEW_NAME


def _ids(participants: tuple[Someone, ...]) -> tuple[ParticipantId, ...]:
    if not participants:
        raise WrongValue("the command is about nobody: name at least one participant")
    return tuple(map(id_of, participants))
