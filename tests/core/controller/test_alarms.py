"""Alarms of the controller: their order, and what becomes of cancelled ones."""

from __future__ import annotations

import weakref

from m3core.controller.alarms import Alarms


def test_alarms_ring_in_order_and_once() -> None:
    alarms, rung = Alarms(), list[str]()
    alarms.at(2.0, lambda: rung.append("second"))
    alarms.at(1.0, lambda: rung.append("first"))
    alarms.at(2.0, lambda: rung.append("third"))
    alarms.at(1.5, lambda: rung.append("never")).cancel()
    alarms.ring_due(2.0)
    assert rung == ["first", "second", "third"]
    alarms.ring_due(9.0)
    assert rung == ["first", "second", "third"]
    assert alarms.deadline is None


def test_an_alarm_that_is_set_for_the_past_rings_at_once() -> None:
    alarms, rung = Alarms(), list[str]()

    def set_another() -> None:
        alarms.at(0.5, lambda: rung.append("late"))

    alarms.at(1.0, set_another)
    alarms.ring_due(1.0)
    assert rung == ["late"]


def test_cancelled_alarms_are_dropped_before_their_time() -> None:
    """A client that starts and stops timers in a loop must not fill the memory with them."""
    alarms = Alarms()
    alarms.at(0.0, lambda: None)  # remains at the top of the heap, so that no look at the deadline drops the others
    cancelled = []
    for _ in range(1_000):
        alarm = alarms.at(3_600.0, lambda: None)
        alarm.cancel()
        cancelled.append(weakref.ref(alarm))
        del alarm
    assert sum(one() is not None for one in cancelled) < 200
    assert alarms.deadline == 0.0
