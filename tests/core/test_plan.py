"""How long a stage must watch: against the boundary itself, and against the bot's own history."""

import math
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.histories import NON_INFERIORITY, SCORED, history, ladder, scored

from promotion_ladder.core.gates import NonInferiorityGate
from promotion_ladder.core.gates.bounds import Bounds
from promotion_ladder.core.history import History
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.plan import Known, Planned, _bet_slices, known_of, plan, sliced, stated
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.statistics.many import Question, ask
from promotion_ladder.core.statistics.mixture import mixture_rho
from promotion_ladder.core.statistics.planning import anytime_margin, anytime_power, anytime_slices


def known(up: Ladder) -> dict[tuple[str, str], Known]:
    recorded, found = history(), {}
    for gate in up.stages[1].gates:
        if isinstance(gate, NonInferiorityGate):
            of = known_of(sliced(gate, recorded, "canary", Variant.BASELINE), "baseline")
            assert of is not None
            found["canary", gate.name] = of
    return found


def planned(up: Ladder) -> list[Planned]:
    return list(plan(up, known(up)))


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 3), st.floats(0.01, 10), st.sampled_from([0.05, 0.025]), st.integers(20, 400))
def test_the_fewest_slices_are_the_fewest(margin: float, v1: float, alpha: float, most: int) -> None:
    rho = mixture_rho(most / 2, alpha)
    enough = [k for k in range(1, most + 1) if anytime_power(margin, v1, k, alpha, rho) >= 0.8]
    assert anytime_slices(margin, v1, alpha, rho, power=0.8, most=most) == (enough[0] if enough else None)


@pytest.mark.parametrize("slices", [20, 60, 720])
def test_the_margin_that_is_said_to_be_reachable_is_reached_and_a_tighter_one_is_not(slices: int) -> None:
    rho = mixture_rho(slices / 2, 0.05)
    margin = anytime_margin(2.0, slices, 0.05, rho, power=0.8)
    assert math.isclose(anytime_power(margin, 2.0, slices, 0.05, rho), 0.8, rel_tol=1e-9)
    assert anytime_slices(margin * 1.0001, 2.0, 0.05, rho, power=0.8, most=slices) == slices
    assert anytime_slices(margin * 0.9999, 2.0, 0.05, rho, power=0.8, most=slices) is None


def test_the_published_boundary_at_the_horizon() -> None:
    """z of about 2.78 at alpha 5 %: twice the samples of a test with one look."""
    rho = mixture_rho(30, 0.05)
    slices = anytime_slices(1.0, 1.0, 0.05, rho, power=0.8, most=60)
    assert slices is not None
    assert 11 <= slices <= 14  # one look: (1.645 + 0.842)² = 6.2


def test_a_history_and_the_rate_and_spread_it_came_from_agree() -> None:
    gate = NonInferiorityGate.model_validate(NON_INFERIORITY[0])
    recorded = known_of(sliced(gate, history(), "canary", Variant.BASELINE), "")
    told = stated(gate, 60, 0.008)
    assert recorded is not None
    assert told is not None
    assert math.isclose(recorded.v1, told.v1, rel_tol=0.15)
    assert math.isclose(recorded.samples, told.samples, rel_tol=0.05)
    assert math.isclose(recorded.filled, told.filled, rel_tol=0.02)


def test_each_gate_is_told_its_time_and_a_wider_margin_never_takes_longer() -> None:
    for one in planned(ladder()):
        assert one.watch is not None, one.because
        assert timedelta(hours=2) <= one.watch <= one.longest
        times = [each.watch or timedelta.max for each in one.margins]
        assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("place", [0, 1])
def test_too_tight_a_margin_is_said_to_be_with_the_one_that_is_reachable(place: int) -> None:
    tight = NON_INFERIORITY[place] | ({"margin": "0.0002"} if place == 0 else {"max_ratio": "1.02"})
    one = planned(ladder(gates=[tight]))[0]
    assert one.watch is None
    assert one.reachable is not None
    assert one.reachable > one.margin
    assert "could be shown by then" in one.because
    wider = NON_INFERIORITY[place] | {("margin", "max_ratio")[place]: str(round(one.reachable * 1.01, 6))}
    assert planned(ladder(gates=[wider]))[0].watch is not None


def test_few_trades_and_a_session_take_their_time() -> None:
    gate = NON_INFERIORITY[0] | {"margin": "1"}
    counted = planned(ladder(gates=[gate | {"min_samples": 300}]))[0]
    covered = planned(ladder(gates=[gate | {"cover": "7h"}]))[0]
    assert counted.watch is not None
    assert counted.watch > timedelta(hours=4.5)  # 60 trades an hour
    assert covered.watch == timedelta(hours=7)


def test_what_nothing_is_known_of_is_said_not_to_be() -> None:
    one = next(plan(ladder(), {}))
    assert (one.watch, one.reachable) == (None, None)
    assert "--history" in one.because
    gate = NonInferiorityGate.model_validate(NON_INFERIORITY[1])
    assert stated(gate, 60, 0.008) is None
    assert known_of([], "") is None


def of_scores(up: Ladder, over: History) -> Planned:
    gate = up.stages[1].gates[0]
    assert isinstance(gate, NonInferiorityGate)
    found = known_of(sliced(gate, over, "canary", Variant.BASELINE), "baseline", gate.bounds)
    assert found is not None
    return next(iter(plan(up, {("canary", gate.name): found})))


def test_scores_with_bounds_are_planned_by_their_bets() -> None:
    one = of_scores(ladder(gates=[SCORED]), scored())
    assert one.watch is not None
    assert timedelta(hours=2) <= one.watch <= timedelta(hours=8)
    tight = of_scores(ladder(gates=[SCORED | {"margin": "0.02"}]), scored())
    assert tight.watch is None, "96 slices: no bet can gain more than 2 % in one of them"
    assert tight.reachable == one.reachable
    assert tight.reachable is not None
    assert 0.03 < tight.reachable < 0.1
    wide = of_scores(ladder(gates=[SCORED | {"margin": "0.5"}]), scored())
    assert [each.margin for each in wide.margins] == [0.25, 0.5], "a margin of all there is shows nothing"
    outside = of_scores(ladder(gates=[SCORED]), scored(worst=5))
    assert "a mean lies outside 'bounds'" in outside.because
    assert outside.watch is None


def test_the_power_that_is_planned_for_bets_is_the_power_they_have() -> None:
    dice, v1 = np.random.default_rng(1), 0.15**2
    known_ = Known(v1=v1, ratio=0.5, filled=1, samples=1, source="")
    slices = _bet_slices(Bounds(low=Decimal(0), high=Decimal(1)), known_, 0.1, 0.05, 1000)
    assert slices is not None
    arms = np.clip(0.5 + 0.15 * dice.standard_normal((2, 4000, slices)), 0, 1)
    ones = np.ones((4000, slices))
    asked = Question(0.1, 1, 1, 0.05, 0.05, slices, 10, math.inf, exact=False, bounds=(0.0, 1.0))
    fine = ask(np.stack([arms[0], ones, arms[1], ones], axis=-1), asked).fine
    assert fine[:, -1].mean() == pytest.approx(0.8, abs=0.05)
