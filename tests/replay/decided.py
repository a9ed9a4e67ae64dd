"""Where our controller differs from the recorded one on purpose: by reason, and for each scenario.

A reason is the title of a section of docs/differences.md. A scenario passes if its differences are exactly those that
are listed here; each line is a `Difference.line`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from replay_compare import Difference

DECIDED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "echo": {
        "namespaces/echo before and after join": (
            "missing at owner: control.error(invalid_namespace)",
            "missing at owner: control.error(invalid_namespace)",
            "missing at owner: control.error(invalid_namespace)",
            "extra at owner: echo.ping",
            "extra at owner: echo.ping",
        ),
        "namespaces/echo in the waiting room": ("extra at guest: echo.ping",),
    },
    "two-names-of-the-sub-protocol": {
        "handshake/later protocol name only": ("missing at owner: <rejected>", "extra at owner: <open>"),
        "handshake/both protocol names": ('value at owner: <open> <open> = "opentalk-signaling-json-v1.0"',),
    },
    "two-spellings-of-the-path": {
        "handshake/other path": ("missing at owner: <rejected>", "extra at owner: <open>"),
    },
    "names-that-are-refused": {
        **dict.fromkeys(
            ("names/empty", "names/blanks", "names/100 characters of 2 bytes", "names/10 000 bytes"),
            (
                "missing at owner: control.joined",
                "missing at owner: control.update",
                "missing at owner: control.left",
                "missing at guest: control.join_success",
                "extra at guest: control.error(not_yet_joined)",
            ),
        ),
        **dict.fromkeys(
            ("names/right to left", "names/zero width"),
            (
                "missing at owner: control.joined",
                "missing at owner: control.update",
                "missing at owner: control.left",
                "missing at guest: control.join_success",
                "extra at guest: control.error(invalid_username)",
                "extra at guest: control.error(not_yet_joined)",
            ),
        ),
        "names/owner's empty": ("missing at owner: control.join_success",),
    },
    "who-is-not-in-the-room": {
        **dict.fromkeys(
            ("join/before: raise_hand", "join/before: lower_hand"),
            ("missing at owner: control.update", "extra at guest: control.error(not_yet_joined)"),
        ),
        "waiting/what one may do": (
            "missing at owner: control.update",
            "step at guest: control.error(not_yet_joined)",
            "extra at guest: control.error(not_yet_joined)",
        ),
    },
    "bans": {
        "moderation/ban user with two sessions": (
            "missing at owner: chat.message_sent",
            "extra at owner: control.left",
            "missing at user2: control.left",
            "missing at user2: chat.message_sent",
            "extra at user2: moderation.banned",
            "extra at user2: <not sent>",
            "closed at user2: close = 1000",
        ),
    },
    "one-vote-for-each": {
        "polls/voter leaves, comes again": (
            "missing at owner: polls.live_update",
            "value at owner: polls.done payload.results[].count = 0",
            "missing at guest: polls.live_update",
            "value at guest: polls.done payload.results[].count = 0",
            "extra at guest: polls.error(voted_already)",
        ),
    },
    "the-end-of-the-room": {
        "forgets/timer": (
            "field missing at owner: control.join_success payload.timer",
            "field missing at guest: control.join_success payload.timer",
        ),
        "forgets/breakout rooms": (
            "field missing at owner: control.join_success payload.breakout",
            "field missing at guest: control.join_success payload.breakout",
        ),
        "timer/outlives its room and expires": (
            "field missing at owner: control.join_success payload.timer",
            "missing at owner: timer.stopped",
        ),
    },
    "the-end-of-breakout-rooms": {
        **dict.fromkeys(
            ("breakout/duration 1", "breakout/joined after expiry"),
            ("extra at owner: breakout.expired", "extra at guest: breakout.expired"),
        ),
        "breakout/expired with people in it": ("extra at owner: breakout.expired",),
    },
    "breakout-rooms-that-are-over": {
        "breakout/stopped, then joined again elsewhere": (
            "missing at owner: breakout.left",
            "missing at guest: control.join_success",
        ),
    },
    "subscriptions-that-never-came-about": {
        "media/subscription without media": ("missing at guest: media.error(invalid_configure_request)",),
    },
    "joining-without-a-name": dict.fromkeys(
        ("frames/join without name", "frames/join name null"),
        ("missing at guest: control.error(invalid_json)", "extra at guest: control.error(already_joined)"),
    ),
    "durations-without-end": {
        "timer/duration 4611686018427387904": ("extra at owner: timer.error(invalid_duration)",),
    },
    "a-namespace-twice": {
        "frames/namespace twice": (
            "extra at owner: control.update",
            "missing at guest: control.error(invalid_json)",
        ),
    },
    "escapes-in-json": {
        "frames/escapes in names": (
            "extra at owner: control.update",
            "missing at guest: control.error(invalid_json)",
        ),
    },
    "limits": {
        "frames/fragments of 990 kB": (
            "missing at owner: control.update",
            "missing at owner: control.update",
            "extra at owner: control.left",
            "extra at guest: <not sent>",
            "closed at guest: close = 1009",
        ),
        "frames/nesting 120": (
            "missing at owner: control.update",
            "extra at guest: control.error(invalid_json)",
        ),
        "breakout/long name": ("missing at owner: breakout.started", "missing at guest: breakout.started"),
        "polls/duration 9223372036854775808": ("missing at owner: polls.error(invalid_duration)",),
    },
    "the-close-code-of-what-is-too-large": {
        **dict.fromkeys(
            ("frames/one frame of 1 MB", "frames/one frame of 16 MB"),
            ("closed at guest: close = 1009",),
        ),
        "frames/fragments of 1.1 MB": ("closed at guest: close = 1008",),
    },
    "a-socket-that-does-not-join": {
        "heartbeat/silent socket before join stays": (
            "missing at owner: control.join_success",
            "extra at owner: <not sent>",
            "closed at owner: close = 1008",
        ),
    },
    "deleting-a-room": {
        "room/deleted by the owner": ("value at owner: <rest> <rest>.status = 405",),
    },
    "the-order-of-lowered-hands": {
        "hands/reset with a target": ("order at owner: control.update",),
    },
    "what-came-too-late-for-its-recording": {
        "resume/after 130 s": ("extra at owner: control.joined",),
    },
}


def complaints(name: str, found: Iterable[Difference]) -> list[str]:
    """Differences of a scenario that are not decided, and decided ones that it does not show."""
    found = tuple(found)
    shown = Counter(difference.line for difference in found)
    decided = Counter(line for scenarios in DECIDED.values() for line in scenarios.get(name, ()))
    undecided = [str(difference) for difference in found if shown[difference.line] > decided[difference.line]]
    return undecided + [f"decided, but not so: {line}" for line in sorted((decided - shown).elements())]
