"""Faults in the media of the controller: streams, what they cost, who may be heard, where packets may go."""

from __future__ import annotations

from mutants import Mutant

_TESTS = "tests/core/controller"
_ENGINE = (f"{_TESTS}/test_controller_engine.py",)
_ENTRIES = (f"{_TESTS}/test_entries.py",)
_LATER = (f"{_TESTS}/test_media_later.py",)
_MEDIA = (*_LATER, f"{_TESTS}/test_media_announced.py", *_ENGINE)
_ONE_BY_ONE = (f"{_TESTS}/test_one_by_one.py",)
_RECORDING = (f"{_TESTS}/test_recording.py",)
_COSTS = (f"{_TESTS}/test_media_costs.py",)
_ICE = (f"{_TESTS}/test_ice_policy.py",)
_PERMISSIONS = ("tests/core/test_permissions.py",)
_PAIR = ("tests/core/conference/test_pair_media.py",)
_FOCUS = ("tests/core/conference/test_pair_meeting.py::test_focus_is_the_head_of_each_listener_s_queue",)


def _in(module: str, name: str, old: str, new: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(f"{module}: {name}", f"m3core/controller/{module}.py", old, new, tests)


def _rule(command: str, level: str = "capture") -> tuple[str, ...]:
    """The test of one rule of `tables.authorisation`."""
    return (f"{_TESTS}/test_authorisation_matrix.py::test_commands[{level}-{command}]",)


MUTANTS: tuple[Mutant, ...] = (
    # -- media ---
    _in(
        "media",
        "anybody shares the screen",
        "        if kind is MediaSessionType.SCREEN and not may_share(participant):",
        "        if False:",
        _PERMISSIONS,
    ),
    _in(
        "subscribing",
        "the old subscription is kept beside a new one",
        "            self._streams.end_subscription(participant, old)\n",
        "            pass\n",
        _PAIR,
    ),
    _in(
        "media_moderation",
        "force mute leaves the sound of streams that were not announced",
        "            if kind not in participant.announced:",
        "            if False:",
        _MEDIA,
    ),
    _in(
        "media_moderation",
        "a share goes on without its permission",
        "                self._streams.end_publisher(target, screen)\n",
        "",
        _MEDIA,
    ),
    _in(
        "media_reports",
        "media_status comes before webrtc_up",
        "            if stream.is_up:  #",
        "            if stream:  #",
        _PAIR,
    ),
    _in(
        "media_reports",
        "a muted participant becomes the focus",
        "        elif report.talking and not ((state := participant.announced.get(kind)) and state.audio):",
        "        elif report.talking and not participant.announced.get(kind):",
        _FOCUS,
    ),
    _in(
        "streams",
        "a stream that ended leaves its receivers",
        "        self._end_receivers(participant, publisher)\n",
        "",
        _PAIR,
    ),
    _in(
        "streams",
        "a silent screen ends the talk by the camera",
        "        if not any(other.is_talking for other in participant.publishers.values()):",
        "        if True:",
        _FOCUS,
    ),
    _in(
        "one_by_one",
        "two streams are told at once",
        "        if known.busy:\n            return None\n",
        "",
        _ONE_BY_ONE,
    ),
    _in(
        "one_by_one",
        "a step of a negotiation gets no time of its own",
        "            self._free(known, key)\n            self._wait(participant, known, key)\n",
        "            pass\n",
        _ONE_BY_ONE,
    ),
    _in(
        "one_by_one",
        "a stream without media is told",
        "                if publisher.is_up and _is_on(",
        "                if _is_on(",
        _MEDIA,
    ),
    _in(
        "entries",
        "recorders are listed",
        "        if other is not joiner and other.is_visible:\n",
        "        if other is not joiner:\n",
        _RECORDING,
    ),
    _in(
        "entries",
        "an entry is kept although the participant has changed",
        "if known is None or known.version != version:",
        "if known is None:",
        _ENTRIES,
    ),
    _in(
        "entries",
        "an entry is kept although what modules keep of the room has changed",
        "version = (other.version, other.states.version, room_version)",
        "version = (other.version, other.states.version, 0)",
        _ENTRIES,
    ),
    _in(
        "entries",
        "an entry is kept although what modules keep of the participant has changed",
        "version = (other.version, other.states.version, room_version)",
        "version = (other.version, 0, room_version)",
        _ENTRIES,
    ),
    _in(
        "entries",
        "members of all groups get the entry that was made for the first",
        "form: Hashable = joiner.groups",
        "form: Hashable = None",
        _ENTRIES,
    ),
    _in(
        "entries",
        "a client that learns of streams one by one gets the entry of the others",
        "            if one_by_one:\n",
        "            if False:\n",
        _ENTRIES,
    ),
    _in(
        "entries",
        "entries are kept for any number of groups",
        "if len(known.forms) >= MAX_ENTRY_FORMS:",
        "if False:",
        _ENTRIES,
    ),
    _in(
        "entries",
        "entries are encoded for each joiner",
        "data = known.forms[form] = encode_value(self._entry(other, joiner))",
        "data = encode_value(self._entry(other, joiner))",
        _ENTRIES,
    ),
    # -- who may, and when ---
    _in(
        "media_moderation",
        "everybody moderates media",
        "        return sender.is_moderator\n",
        "        return True\n",
        _rule("media.moderator_mute"),
    ),
    # -- what peer connections cost, and where they lead ---
    _in(
        "subscribing",
        "whoever waits longest comes last",
        "next(iter(waiting.begins))",
        "next(reversed(waiting.begins))",
        _COSTS,
    ),
    _in(
        "subscribing",
        "peer connections cost nothing",
        "            budget.take(now, PEER_COST)\n",
        "",
        _COSTS,
    ),
    _in(
        "subscribing",
        "subscriptions leave nothing for messages",
        "budget.wait(now, PEER_COST + PEER_RESERVE)",
        "budget.wait(now, PEER_COST)",
        _COSTS,
    ),
    _in(
        "subscribing",
        "what waits begins for a participant that left",
        "            waiting.alarm.cancel()\n",
        "            pass\n",
        _COSTS,
    ),
    _in(
        "subscribing",
        "a restart costs nothing",
        "            self._pay(participant, key, lambda: self._restart(participant, subscription))",
        "            self._restart(participant, subscription)",
        _COSTS,
    ),
    _in(
        "subscribing",
        "a stream that ended meanwhile is subscribed to",
        "        if publisher is None:  # it ended",
        "        if False:  # it ended",
        _COSTS,
    ),
    _in(
        "media",
        "publishing costs nothing",
        "not participant.session.budget.take(self._around.now, PEER_COST)",
        "not participant",
        _COSTS,
    ),
    _in(
        "media",
        "every offer costs as much as a peer connection",
        "if publisher.offers_anew(command.sdp) and not",
        "if not",
        _COSTS,
    ),
    _in(
        "streams",
        "credentials of an offer are forgotten",
        "            publisher.credentials = credentials_of(operation.offer)\n",
        "",
        _COSTS,
    ),
    _in(
        "streams",
        "a peer connection may take for ever",
        "        stream.is_new = True\n        self._limit(participant, stream)\n",
        "        stream.is_new = True\n",
        _COSTS,
    ),
    _in(
        "streams",
        "an early `Up` of the old connection ends the wait for the new one",
        "            stream.is_new = False\n            self._limit(participant, stream)\n",
        "            stream.is_new = False\n",
        _COSTS,
    ),
    _in(
        "streams",
        "a stream that ended is ended again",
        "        self.came_up(stream)\n        self.peers.pop",
        "        self.peers.pop",
        _COSTS,
    ),
    _in(
        "media_reports",
        "a peer that came up is closed",
        "        self._streams.came_up(stream)\n        if isinstance",
        "        if isinstance",
        _COSTS,
    ),
    _in(
        "streams",
        "refused candidates reach the media server",
        "if may_use(one[0], policy, config.own_ports))",
        "if one)",
        _COSTS,
    ),
    _in(
        "streams",
        "candidates end although some were refused",
        "        end = end and not stream.is_incomplete\n",
        "",
        _COSTS,
    ),
    _in(
        "ice_policy",
        "the port of the server is a candidate",
        "found.port not in own_ports",
        "found.port",
        _ICE,
    ),
    _in(
        "ice_policy",
        "an IPv6 address may hold a multicast address",
        "not _is_unicast(address.ipv4_mapped)",
        "not address.ipv4_mapped",
        _ICE,
    ),
    _in(
        "ice_policy",
        "multicast addresses are used",
        "address.is_multicast or ",
        "",
        _ICE,
    ),
    _in(
        "ice_policy",
        "reserved addresses are used",
        "(address.is_reserved or address.packed[0] == 0)",
        "address.packed[0] == 0",
        _ICE,
    ),
    _in(
        "ice_policy",
        "`private` is `all`",
        "            return not is_public(address)\n",
        "            return True\n",
        _ICE,
    ),
    _in(
        "ice_policy",
        "a server of all addresses counts as private",
        "address.is_unspecified or is_public(address)",
        "is_public(address)",
        _ICE,
    ),
)
