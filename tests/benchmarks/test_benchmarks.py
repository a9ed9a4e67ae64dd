"""The benchmarks run, and their own checks pass. No test asserts a ratio."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from benchmarks import __main__ as command
from benchmarks import attacks, codec, delivery, fanout, joins, sdp, start
from benchmarks.timing import Comparison, Cost, Delay, Load, Wait, compare, delay


@pytest.mark.parametrize("run", [codec.run, sdp.run, fanout.run, joins.run])
def test_it_runs(run: Callable[[int], tuple[Comparison, ...]]) -> None:
    comparisons = run(1)
    assert any(each.target is not None for each in comparisons)
    assert all(each.ratio > 0 for each in comparisons)


def test_the_command_starts() -> None:
    (figure,) = start.run(1)
    assert figure.milliseconds > 0


def test_deliveries_and_joins_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each receiver must get each message, and each participant must hear of each other; else the clients wait."""
    monkeypatch.setattr(delivery, "RECEIVERS", 5)
    monkeypatch.setattr(delivery, "JOINS", 5)
    costs, loads = delivery.delivery(2), delivery.storm(1)
    assert [each.name for each in costs] == ["chat to 5 on asyncio", "chat to 5 on trio"]
    assert all(each.factor > 0 for each in costs)
    assert all(each.milliseconds > 0 for each in loads)


@pytest.mark.parametrize(("factor", "ok"), [(1.4, True), (1.41, False)])
def test_a_cost_is_kept_below_its_promise(factor: float, ok: bool) -> None:
    figure = Cost("a", "b", factor, 1.4)
    assert (figure.ok, figure.measured, figure.promised) == (ok, f"x {factor:.2f}", "x 1.40")
    assert (Load("a", "b", 0.5).ok, Load("a", "b", 0.5).measured, Load("a", "b", 0.5).promised) == (True, "0.50 ms", "")


@pytest.mark.parametrize(("target", "ok"), [(120.0, True), (119.0, False)])
def test_a_delay_is_kept_below_its_promise(target: float, ok: bool) -> None:
    figure = Delay("a", "b", 120.0, target)
    assert (figure.ok, figure.measured, figure.promised) == (ok, "+120 ms", f"+{target:.0f} ms")


def test_the_delay_is_ours_over_theirs() -> None:
    fast, slow = (lambda: sum(range(100))), (lambda: sum(range(100_000)))
    assert delay("a", slow, "b", fast, rounds=3, target=1.0).milliseconds > 0


def test_the_ratio_is_ours_to_theirs() -> None:
    fast, slow = (lambda: sum(range(100))), (lambda: sum(range(10_000)))
    assert compare("a", fast, "b", slow, rounds=3).ratio > 1 > compare("a", slow, "b", fast, rounds=3).ratio


@pytest.mark.parametrize(("ratio", "code", "word"), [(2.0, 0, "ok"), (1.9, 1, "SHORT")])
def test_promises_decide_the_exit_code(
    ratio: float, code: int, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = (Comparison("x", "y", ratio, 2.0), Comparison("z", "y", 0.1))
    for module in (codec, sdp, fanout, delivery, joins, start):
        monkeypatch.setattr(module, "run", lambda rounds, module=module: found if module is sdp else ())
    monkeypatch.setattr(attacks, "run", lambda loops: ())
    assert command.main([]) == code
    assert capsys.readouterr().out.splitlines()[1].split() == ["x", "y", f"{ratio:.2f}", "2.0", word]
    assert command.main(["--json"]) == code
    assert json.loads(capsys.readouterr().out)[0] == {
        "name": "x",
        "peer": "y",
        "ratio": ratio,
        "target": 2.0,
        "ok": not code,
    }


@pytest.mark.parametrize("loop", attacks.LOOPS)
def test_an_attack_is_measured(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "SECONDS", 0.05)
    (wait,) = attacks.run((loop,), only=("pings",))
    assert (wait.name, wait.peer, wait.target) == ("pings", f"idle, {loop}", attacks.TARGET)
    assert wait.seconds > 0 < wait.idle


def test_a_crowd_and_a_storm_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "SECONDS", 0.05)
    monkeypatch.setattr(attacks, "CROWD", 3)
    monkeypatch.setattr(attacks, "SUBSCRIBES", 3)
    assert all(wait.seconds > 0 for wait in attacks.run(("asyncio",), only=("chat to a crowd", "subscriptions")))


@pytest.mark.parametrize(("seconds", "code", "word"), [(0.5, 0, "ok"), (0.51, 3, "SHORT")])
def test_attacks_have_an_exit_code_of_their_own(
    seconds: float, code: int, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(loops: tuple[str, ...]) -> tuple[Wait, ...]:
        asked.append(loops)
        return (Wait("pings", "idle", seconds, 0.01, 50.0),)

    monkeypatch.setattr(attacks, "run", run)
    assert command.main(["--attacks"]) == code
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "pings",
        "idle",
        *f"{seconds * 100:.0f} x 50 x".split(),
        word,
    ]
    assert command.main(["--attacks", "--loop", "trio"]) == code
    assert asked == [("asyncio", "trio"), ("trio",)]
    for module in (codec, sdp, fanout, joins, start):
        monkeypatch.setattr(module, "run", lambda rounds: (Comparison("x", "y", 1.0, 2.0),))
    assert command.main([]) == 1
