"""Which gates cry wolf: the vectorised tests are those of the gates, and a noisy gate is called noisy."""

import random
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.core.histories import BEGIN, MINUTE, NON_INFERIORITY, POINTS, SCORED, history, ladder, scored, trades

from promotion_ladder.core.evidence import Arm, Slice, SlicesEvidence, TradesEvidence
from promotion_ladder.core.gates import NonInferiorityGate, StreakGuard
from promotion_ladder.core.gates.non_inferiority import DEPENDENT
from promotion_ladder.core.gates.terms import Measure, Terms
from promotion_ladder.core.history import History, Track
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.resampled import _broken
from promotion_ladder.core.statistics.many import Question, ask, blocks
from promotion_ladder.core.tuning import Setting, Tuned, Untuned, tune
from promotion_ladder.core.verdict import Outcome

ARM = Variant.BASELINE
HISTORY = history(hours=48)
STREAK: dict[str, Any] = {"kind": "streak", "name": "streak", "win_rate_lookback": 20, "min_win_rate": "40%"}


def tuned(up: Ladder, seed: int = 1, splits: int = 100, over: History = HISTORY) -> dict[str, Tuned | Untuned]:
    return {one.gate: one for one in tune(up, Setting(over, ARM, splits, seed)) if one.stage == "canary"}


@pytest.mark.parametrize("worse", [0.0, 0.6])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_many_sequences_are_judged_as_the_gate_judges_one(which: int, worse: float) -> None:
    """Slice by slice, harm and good enough, with empty slices in between."""
    gate = NonInferiorityGate.model_validate([*NON_INFERIORITY, SCORED][which] | {"min_samples": 1})
    mean, terms, dice = gate.measure is Measure.MEAN, Terms(0.05, 2, 80), random.Random(which)

    def arm(bad: float) -> tuple[float, float]:
        if gate.bounds is not None:
            return 20 * min(dice.betavariate(1, 6) + bad / 2, 1.0), 20
        if mean:
            return dice.gauss(-12_000 * 0.01 * bad, 60), 12_000
        return float(sum(dice.random() < 0.03 * (1 + 2 * bad) for _ in range(150))), 150

    rows = [[(*arm(worse), *arm(0)) if dice.random() < 0.9 else (0.0,) * 4 for _ in range(80)] for _ in range(6)]
    asked = Question(
        margin=float(gate.margin or 0), scale=float(gate.max_ratio or 1), good=1 if which == 0 else -1,
        alpha=0.05, shared=0.025, horizon=80, least=gate.min_slices, dependent=DEPENDENT, exact=not mean,
        bounds=None if gate.bounds is None else (0.0, 1.0),
    )  # fmt: skip
    answers = ask(np.array(rows), asked)
    seen = set()
    for row, slices in enumerate(rows):
        carried = None
        for place, slot in enumerate(answers.slot[row]):
            y_c, n_c, y_b, n_b = slices[slot]
            if not n_c:
                assert not answers.harm[row, place]
                assert not answers.fine[row, place]
                continue
            start = BEGIN + place * MINUTE
            one = Slice(
                start=start, candidate=Arm.model_validate({"sum": repr(y_c), "count": repr(n_c)}),
                baseline=Arm.model_validate({"sum": repr(y_b), "count": repr(n_b)}),
            )  # fmt: skip
            carried = gate.carry(
                SlicesEvidence(before=carried, since=start, until=start + MINUTE, slices=(one,)), terms
            )
            outcome = gate.conclude(carried, terms).outcome
            seen.add(outcome)
            assert answers.harm[row, place] == (outcome is Outcome.FAIL)
            assert answers.fine[row, place] == (outcome is Outcome.PASS)
    assert seen == {Outcome.INCONCLUSIVE, Outcome.FAIL if worse else Outcome.PASS}


def test_blocks_stay_together_and_come_from_everywhere() -> None:
    places = blocks(np.random.default_rng(1), 30, 23, 5, 200)
    assert places.shape == (200, 23)
    assert set(places.flat) == set(range(30))
    inside = places[:, :20].reshape(200, 4, 5)
    assert (np.diff(inside, axis=2) % 30 == 1).all()


def test_gates_with_evidence_rarely_stop_a_good_release_and_find_a_bad_one() -> None:
    found = tuned(ladder())
    for name in ("earns", "rejects"):
        one = found[name]
        assert isinstance(one, Tuned)
        assert one.false.rate <= 0.05
        assert not one.noisy
        assert one.power[-1].rate >= 0.9
        assert one.power[-1].after is not None
        assert timedelta(minutes=100) <= one.power[-1].after <= timedelta(hours=8)
        rates = [each.rate for each in one.power]
        assert rates == sorted(rates)
        assert 0 < one.false.error < 0.05


def test_scores_with_bounds_are_tuned_and_those_outside_are_said_to_be() -> None:
    one, late = tuned(ladder(gates=[SCORED]), over=scored())["brier"], SCORED | {"on_fail": "wait"}
    assert isinstance(one, Tuned)
    assert one.false.rate <= 0.05
    assert one.power[-1].rate > one.false.rate
    waits = tuned(ladder(gates=[late]), over=scored())["brier"]
    assert isinstance(waits, Tuned)
    assert waits.false.rate < 0.2
    outside = tuned(ladder(gates=[SCORED]), over=scored(worst=5))["brier"]
    assert isinstance(outside, Untuned)
    assert "a mean lies outside 'bounds', 0 to 1" in outside.why


def test_a_noisy_gate_is_named_with_the_remedies_in_their_order() -> None:
    noisy: list[dict[str, Any]] = [
        {"kind": "threshold", "name": "p99", "query": "p99", "max": 0.85, "min_samples": 5, "on_fail": "abort"},
        {"kind": "delta", "name": "apart", "query": "p99", "max": 0.3, "against": "baseline", "on_fail": "hold"},
        {"kind": "ratio", "name": "times", "query": "p99", "max": 20, "against": "baseline", "on_fail": "hold"},
    ]
    whole = history(hours=48)
    p99 = next(series for key, series in whole.series.items() if key.gate == "p99")
    key = next(key for key in whole.series if key.gate == "p99")
    series = {key._replace(gate=each["name"], variant=ARM): p99 for each in noisy}
    found = tuned(ladder(gates=noisy), over=History({}, series))
    for name, loud in (("p99", True), ("apart", True), ("times", False)):
        one = found[name]
        assert isinstance(one, Tuned), one
        assert one.noisy is loud, one
    loudest = found["p99"]
    assert isinstance(loudest, Tuned)
    assert [remedy.split()[0] for remedy in loudest.remedies] == ["tighten", "lengthen", "only"]


def test_a_gate_that_waits_is_counted_by_the_climbs_it_holds() -> None:
    hard = POINTS[1] | {"min_win_rate": "70%", "name": "hard"}  # the bot wins 60 %
    found = tuned(ladder(gates=[POINTS[1], hard]))
    easy, never = found["worth-it"], found["hard"]
    assert isinstance(easy, Tuned)
    assert isinstance(never, Tuned)
    assert (easy.false.rate, never.false.rate) == (0, 1)
    assert never.false.after == timedelta(hours=8)
    assert easy.power[0].rate < easy.power[-1].rate


def test_a_short_streak_trips_on_bad_luck() -> None:
    short, long = (
        tuned(ladder(guards={"checks": [STREAK | {"win_rate_lookback": n, "min_win_rate": "45%"}]}))["streak"]
        for n in (10, 200)
    )
    assert isinstance(short, Tuned)
    assert isinstance(long, Tuned)
    assert short.noisy
    assert not long.noisy


def test_a_streak_is_broken_where_the_guard_trips() -> None:
    guard = StreakGuard.model_validate(
        STREAK | {"win_rate_lookback": 5, "ev_lookback": 8, "min_ev_per_dollar": "-0.001"}
    )
    closed = sorted(trades(0.5, 3, 2), key=lambda trade: trade.closed_at)
    pnl, size = (np.array([[float(getattr(trade, name)) for trade in closed]]) for name in ("pnl", "size"))
    broken = _broken(guard, pnl, size)[0]
    for place in range(1, len(closed) + 1):
        told = TradesEvidence(candidate=tuple(closed[:place]), stage_entered_at=BEGIN, now=closed[place - 1].closed_at)
        assert broken[place - 1] == (guard.judge(told).outcome is Outcome.FAIL), place
    assert 0 < broken.sum() < len(closed)


def test_the_same_seed_gives_the_same_answer_and_another_one_does_not() -> None:
    up = ladder(guards={"checks": [STREAK]})
    assert tuned(up) == tuned(up)
    assert tuned(up) != tuned(up, seed=2)


def test_another_gate_in_the_ladder_changes_nothing() -> None:
    assert tuned(ladder(gates=POINTS[1:2]))["worth-it"] == tuned(ladder(gates=POINTS[1:3]))["worth-it"]


def test_what_cannot_be_tuned_is_listed_with_why() -> None:
    found = tuned(ladder(), over=History({ARM: Track(trades(2.0, 1, 1, 5))}))
    assert all(isinstance(one, Untuned) for one in found.values())
    why = {name: one.why for name, one in found.items() if isinstance(one, Untuned)}
    assert "hard limit" in why["drawdown"]
    assert "fixed limit" in why["alive"]
    assert "needed" in why["worth-it"]
    assert "needed" in why["streak"]
    assert "nothing was recorded" in why["p99"]
    assert len(why) == 9
