"""Faults in who may come in, and under which name: authorisation, tickets, resumption, REST resources, names."""

from __future__ import annotations

from mutants import Mutant

_TESTS = "tests/core/controller"
_API = (f"{_TESTS}/test_controller_api.py",)
_BREAKOUT = (f"{_TESTS}/test_breakout.py",)
_ENGINE = (f"{_TESTS}/test_controller_engine.py",)
_RESUMPTION = (f"{_TESTS}/test_resumption.py",)
_AUTHORISATION = (f"{_TESTS}/test_authorisation.py",)
_REST_MATRIX = (f"{_TESTS}/test_authorisation_matrix.py::test_resources",)
_NAMES = ("tests/core/test_names.py",)


def _in(module: str, name: str, old: str, new: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(f"{module}: {name}", f"m3core/controller/{module}.py", old, new, tests)


MUTANTS: tuple[Mutant, ...] = (
    # -- tickets and resumption ---
    _in(
        "tickets",
        "a ticket can be used twice",
        "admission = self._out.pop(digest(ticket), None)",
        "admission = self._out.get(digest(ticket))",
        _ENGINE,
    ),
    _in(
        "tickets",
        "a ticket never expires",
        "return admission if admission is not None and now < admission.expires else None",
        "return admission",
        _ENGINE,
    ),
    _in(
        "tickets",
        "expired tickets are kept",
        "            del self._out[oldest]",
        "            return",
        _ENGINE,
    ),
    _in(
        "resumptions",
        "a guest continues the session of a user",
        "(session.room, session.user, session.kind) == asked",
        "session.room == room",
        _RESUMPTION,
    ),
    _in(
        "resumptions",
        "a token lives from its loss, and not from its last refresh",
        "refreshed = now - (now - session.since) % RESUMPTION_REFRESH",
        "refreshed = now",
        _RESUMPTION,
    ),
    _in(
        "resumptions",
        "one session too many is kept",
        "if len(self._lost) < MAX_LEAVERS and",
        "if len(self._lost) <= MAX_LEAVERS and",
        _RESUMPTION,
    ),
    # -- REST ---
    _in(
        "resources/access",
        "strangers see the rooms of others",
        "(room.owner != user.id and not is_open)",
        "False",
        _API,
    ),
    _in(
        "resources/access",
        "guests need no password",
        "        if room.password is None:",
        "        if room.password is None or given is None:",
        _API,
    ),
    _in(
        "resources/start",
        "an invitation opens every room",
        '        if room.id != incoming.match.ids["room_id"]:',
        "        if False:",
        _API,
    ),
    _in(
        "resources/start",
        "a refusal for a breakout room uses the token up",
        "        self._access.check_breakout(room.id, request.breakout_room)\n        resumed = None\n",
        "        resumed = None\n",
        _BREAKOUT,
    ),
    _in(
        "resources/turn",
        "strangers get the passwords of TURN servers",
        "tuple(server for server in servers if server.password is None)",
        "tuple(servers)",
        _API,
    ),
    _in(
        "store",
        "one object too many is kept",
        "    if size >= MAX_REST_OBJECTS:",
        "    if size > MAX_REST_OBJECTS:",
        _API,
    ),
    # -- who may, and when ---
    _in(
        "authorisation",
        "a room that was deleted is entered",
        "    if room.id not in around.store.rooms:",
        "    if False:",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "a banned user comes in",
        "    if user is not None and meeting is not None and user.id in meeting.banned:",
        "    if False:",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "an invitation that has expired opens the room",
        "is_over = has_expired(around, invite) and not was_inside",
        "is_over = False",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "an invitation that expires keeps out who was inside",
        "has_expired(around, invite) and not was_inside",
        "has_expired(around, invite)",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "an invitation that was removed opens the room",
        "if is_over or invite.code not in around.store.invites:",
        "if is_over:",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "the first level looks at the expiration",
        "return around.has(Feature.INVITES_EXPIRE) and not",
        "return not",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "who waits is a stranger again",
        "was_inside = admission.is_resumed or session.participant is not None",
        "was_inside = admission.is_resumed",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "who comes back is a stranger",
        "was_inside = admission.is_resumed or session.participant is not None",
        "was_inside = session.participant is not None",
        _AUTHORISATION,
    ),
    _in(
        "resumptions",
        "a guest continues a recording",
        "(session.room, session.user, session.kind) == asked",
        "(session.room, session.user) == asked[:2]",
        _AUTHORISATION,
    ),
    _in(
        "resumptions",
        "a token that is too old is known",
        "session is not None and (session.expires is None or now < session.expires)",
        "session is not None",
        _AUTHORISATION,
    ),
    _in(
        "resources/start",
        "any token helps an expired invitation",
        "comes_back = token is not None and self._resumptions",
        "comes_back = token is not None or self._resumptions",
        _AUTHORISATION,
    ),
    _in(
        "resources/start",
        "a ticket forgets its invitation",
        "            invite=invite,\n            participant_id",
        "            participant_id",
        _AUTHORISATION,
    ),
    _in(
        "resources/start",
        "a banned user gets a ticket",
        "        denied = denial(self._around, room, user, None)\n        if denied is not None:",
        "        denied = denial(self._around, room, user, None)\n        if False:",
        _AUTHORISATION,
    ),
    _in(
        "resources/turn",
        "an expired invitation brings TURN servers",
        "if invite is None or has_expired(self._around, invite):",
        "if invite is None:",
        _AUTHORISATION,
    ),
    _in(
        "resources/turn",
        "anybody gets TURN servers",
        "            self._access.user(incoming)\n        return GET_TURN",
        "            pass\n        return GET_TURN",
        _REST_MATRIX,
    ),
    _in(
        "resources/access",
        "a user needs no login here",
        "        if user.id not in self._around.store.users:",
        "        if False:",
        _REST_MATRIX,
    ),
    _in(
        "resources/access",
        "open rooms show themselves to all users",
        "(room.owner != user.id and not is_open)",
        "(room.owner != user.id and not self._around.config.open_rooms)",
        _REST_MATRIX,
    ),
    _in(
        "resources/start",
        "rooms are open though they are not",
        "is_open=self._around.config.open_rooms",
        "is_open=True",
        _REST_MATRIX,
    ),
    _in(
        "resources/events",
        "users see the events of others",
        "        if event is None or event.room.owner != user.id:",
        "        if event is None:",
        _REST_MATRIX,
    ),
    _in(
        "resources/services",
        "anybody records",
        "        if bearer != token:",
        "        if bearer is None:",
        _REST_MATRIX,
    ),
    _in(
        "tickets",
        "a resumed session is a new one",
        "is_resumed=participant_id is not None",
        "is_resumed=False",
        _AUTHORISATION,
    ),
    # -- names ---
    Mutant(
        "names: one mark too many",
        "m3core/names.py",
        "for char in run) > MAX_MARKS:",
        "for char in run) > MAX_MARKS + 1:",
        _NAMES,
    ),
    Mutant(
        "names: marks inside of letters do not count",
        "m3core/names.py",
        'groupby(normalize("NFD", text),',
        'groupby(normalize("NFC", text),',
        _NAMES,
    ),
    Mutant(
        "names: a joiner begins a new count",
        "m3core/names.py",
        "lambda char: category(char) in _MARKS or char in _JOINERS",
        "lambda char: category(char) in _MARKS",
        _NAMES,
    ),
    Mutant(
        "names: fillers look like letters",
        "m3core/names.py",
        "kinds <= _PLAIN and _BLANK.isdisjoint(name)",
        "kinds <= _PLAIN",
        _NAMES,
    ),
    Mutant(
        "names: joiners are taken anywhere",
        "m3core/names.py",
        "            if not _is_needed(char, base, before, after):",
        "            if False:",
        _NAMES,
    ),
    Mutant(
        "names: new emoji are refused",
        "m3core/names.py",
        "kind in _INVISIBLE and not _COMING_EMOJI.match(char)",
        "kind in _INVISIBLE",
        _NAMES,
    ),
    Mutant(
        "names: format characters are taken",
        "m3core/names.py",
        'frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})',
        'frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})',
        _NAMES,
    ),
    Mutant(
        "names: a word may begin with a mark",
        "m3core/names.py",
        '    if category(before) == "Zs":',
        "    if False:",
        _NAMES,
    ),
    Mutant(
        "names: variation selectors follow Latin letters",
        "m3core/names.py",
        "    if _VARIATION.match(mark) and (follows_cased or ",
        "    if _VARIATION.match(mark) and (",
        _NAMES,
    ),
    Mutant(
        "names: a joiner ends a name",
        "m3core/names.py",
        '    if category(after)[0] not in "LM" and not _is_picture(after):',
        "    if False:",
        _NAMES,
    ),
    Mutant(
        "names: any flag of tags is taken",
        "m3core/names.py",
        '{1,6}\\U000e007f")',
        '{1,6}\\U000e007f?")',
        _NAMES,
    ),
    Mutant(
        "names: a name may show nothing",
        "m3core/names.py",
        "    if kinds.isdisjoint(_INK) and",
        "    if False and",
        _NAMES,
    ),
    Mutant(
        "names: one byte too many",
        "m3core/names.py",
        '        raise InvalidName(f"a display name has at most',
        '        pass\n    if len(name) > MAX_DISPLAY_NAME:\n        raise InvalidName(f"a display name has at most',
        _NAMES,
    ),
    Mutant(
        "life: a name that servers refuse is sent",
        "m3core/conference/life.py",
        "        display_name(self._display_name)",
        "        pass",
        ("tests/core/conference/test_pair_meeting.py",),
    ),
    Mutant(
        "moderation: a new name that servers refuse is sent",
        "m3core/conference/modules/moderation.py",
        "        display_name(new_name)\n",
        "",
        ("tests/core/conference/test_module_moderation.py",),
    ),
    Mutant(
        "breakout: a start that servers ignore is sent",
        "m3core/conference/modules/breakout.py",
        "            check_room_name(plan.name)",
        "            pass",
        ("tests/core/conference/test_module_breakout.py",),
    ),
)
