"""``bounds`` of ``non_inferiority``: scores are bet on, exact however skewed, and what cannot be is never a pass."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.core.test_non_inferiority import stage

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step, carry, decide, judge
from promotion_ladder.core.evaluate import verdict as evaluated
from promotion_ladder.core.evidence import Arm, Slice, SlicesEvidence
from promotion_ladder.core.gates.bounds import Bounds
from promotion_ladder.core.gates.non_inferiority import NonInferiorityGate
from promotion_ladder.core.gates.terms import Terms
from promotion_ladder.core.statistics.many import Question, ask
from promotion_ladder.core.verdict import Outcome

BEGIN = datetime(2026, 6, 1, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BRIER: dict[str, Any] = {
    "kind": "non_inferiority", "name": "brier", "margin": "0.1", "better": "lower", "sum": "s", "count": "n",
    "bounds": {"low": 0, "high": 1},
}  # fmt: skip
ARMS = ("candidate", "baseline")
Means = Sequence[tuple[float, float]]


def gate(**fields: Any) -> NonInferiorityGate:
    return NonInferiorityGate.model_validate(BRIER | fields)


def arm(mean: float, count: int = 20) -> Arm:
    return Arm.model_validate({"sum": repr(mean * count), "count": count})


def told(means: Means) -> SlicesEvidence:
    """Slices of twenty scores an arm with these means of candidate and baseline."""
    made = [Slice(start=BEGIN + i * MINUTE, candidate=arm(c), baseline=arm(b)) for i, (c, b) in enumerate(means)]
    return SlicesEvidence(slices=tuple(made), since=BEGIN, until=BEGIN + len(made) * MINUTE)


def scores(worse: float, k: int = 60, seed: int = 1) -> list[tuple[float, float]]:
    """Means of skewed scores around 0.15, those of the candidate higher by ``worse``."""
    dice = random.Random(seed)
    return [(min(max(dice.betavariate(3, 17) + worse, 0.0), 1.0), dice.betavariate(3, 17)) for _ in range(k)]


@pytest.mark.parametrize(("worse", "outcome"), [(-0.05, Outcome.PASS), (0.0, Outcome.PASS), (0.2, Outcome.FAIL)])
def test_equal_scores_pass_and_worse_ones_fail(worse: float, outcome: Outcome) -> None:
    verdict = gate().judge(told(scores(worse)))
    assert verdict.outcome is outcome
    assert verdict.n == 60


def test_which_way_is_good_turns_the_verdict_round() -> None:
    good = [(1 - c, 1 - b) for c, b in scores(0.2)]
    lower, higher = gate().judge(told(scores(0.2))), gate(better="higher").judge(told(good))
    assert (lower.outcome, higher.outcome) == (Outcome.FAIL, Outcome.FAIL)
    assert higher.details["harm"] == pytest.approx(lower.details["harm"])
    assert gate(better="higher").judge(told(scores(0.2))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("worse", "sentence"),
    [
        (0.0, "0.00372 below baseline; 95 % sure within 0.0892 above; limit 0.1"),
        (0.2, "shown to be worse: 0.196 above baseline; 95 % sure within 0.274 above; limit 0.1"),
        (-0.2, "0.14 below baseline; 95 % sure not above; limit 0.1"),
    ],
)
def test_the_sentence_says_what_the_bets_are_sure_of(worse: float, sentence: str) -> None:
    assert gate().judge(told(scores(worse))).sentence == sentence


def test_neither_shown_is_no_pass_and_few_slices_conclude_nothing() -> None:
    verdict = gate(margin="0.01").judge(told(scores(0.0)))
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, Code.NOT_SHOWN)
    hopeless = gate(margin="0.01").judge(told(scores(0.0, k=40)))
    assert "by observe.max it would be with a chance of 0%" in hopeless.sentence
    early = gate().judge(told(scores(0.5, k=19)))
    assert (early.outcome, early.code) == (Outcome.INCONCLUSIVE, Code.TOO_FEW_SAMPLES)
    assert gate().judge(told([])).outcome is Outcome.NO_DATA


def test_scores_that_are_all_alike_show_something_since_no_spread_is_estimated() -> None:
    assert gate().judge(told([(1.0, 1.0)] * 60)).outcome is Outcome.PASS
    assert gate().judge(told([(1.0, 0.0)] * 20)).outcome is Outcome.FAIL
    assert gate().judge(told([(0.0, 0.0)])).outcome is Outcome.INCONCLUSIVE


def test_slices_that_follow_one_another_prove_nothing() -> None:
    level, dice, made = 0.0, random.Random(3), []
    for _ in range(60):
        level = 0.9 * level + dice.gauss(0, 0.05)
        made.append((min(max(0.5 + level, 0.0), 1.0), 0.3))
    assert gate().judge(told(made)).code is Code.SLICES_DEPEND


# --- what cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beyond", [-0.001, 1.001, 1e300])
@pytest.mark.parametrize("place", [0, 30, 59])
def test_a_mean_outside_the_bounds_is_an_error_for_good_and_changes_no_bet(beyond: float, place: int) -> None:
    means = scores(0.0)
    means[place] = (beyond, means[place][1])
    others = told(means[:place] + means[place + 1 :])
    verdict = gate().judge(told(means))
    assert (verdict.outcome, verdict.code) == (Outcome.ERROR, Code.OUT_OF_BOUNDS)
    assert verdict.sentence == "a mean lies outside 'bounds', 0 to 1 (slices: 1): clip the score in its query"
    carried, without = gate().carry(told(means), Terms()), gate().carry(others, Terms())
    assert (carried.sums, carried.scores) == (
        without.sums, without.scores and without.scores.model_copy(update={"outside": 1}),
    )  # fmt: skip
    more = told(scores(0.0)).model_copy(update={"before": carried})
    assert gate().judge(more).outcome is Outcome.ERROR, "that it lay there once is not forgotten"


def test_harm_that_the_other_slices_show_still_brings_it_down() -> None:
    assert gate().judge(told([*scores(0.3), (7.0, 0.1)])).outcome is Outcome.FAIL


def test_a_bound_that_rounding_misses_is_the_bound() -> None:
    exact, off = told([(1.0, 1.0)] * 60), told([(1.0 + 1e-12, 1.0)] * 60)
    assert gate().judge(off).details == gate().judge(exact).details


def test_a_slice_without_both_arms_tells_nothing_unless_it_contradicts() -> None:
    whole = told(scores(0.0)).slices
    empty = Arm(sum=Decimal(0), count=Decimal(0))
    alone = [whole[5].model_copy(update={name: empty}) for name in ARMS]
    for one in alone:
        gone = SlicesEvidence(slices=(*whole[:5], one, *whole[6:]))
        less = SlicesEvidence(slices=whole[:5] + whole[6:])
        assert gate().carry(gone, Terms()).scores == gate().carry(less, Terms()).scores
    wild = whole[5].model_copy(update={"candidate": arm(1.5), "baseline": empty})
    assert gate().judge(SlicesEvidence(slices=(*whole[:5], wild, *whole[6:]))).code is Code.OUT_OF_BOUNDS


@given(st.sampled_from(["NaN", "Infinity", "-Infinity"]), st.integers(0, 59), st.sampled_from(ARMS))
def test_what_is_no_number_never_passes(word: str, place: int, side: str) -> None:
    data = told(scores(0.0)).model_dump(mode="json")
    data["slices"][place][side]["sum"] = word
    assert evaluated(gate(), data).outcome is Outcome.NO_DATA
    within = Bounds(low=Decimal(0), high=Decimal(1))
    assert within.means([(math.nan, 1.0, 0.5, 1.0), (0.5, 1.0, math.inf, 1.0)]) == ([], 2)


# --- whatever the order, the unit or the process ----------------------------------------------------------------------

anywhere = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50)


@given(anywhere, st.integers(0, 50))
def test_a_worker_that_dies_between_looks_changes_nothing(means: Means, cut: int) -> None:
    whole, terms = told(means), Terms(tests=2)
    first = gate().carry(whole.model_copy(update={"slices": whole.slices[:cut]}), terms)
    thawed = type(first).model_validate_json(first.model_dump_json())
    rest = whole.model_copy(update={"slices": whole.slices[cut:], "before": thawed})
    assert gate().carry(rest, terms) == gate().carry(whole, terms)
    assert gate().judge(rest, terms) == gate().judge(whole, terms)


@given(
    st.sampled_from([(10_000.0, 0.0), (0.001, 0.0), (7.0, -3.0), (100.0, 40.0), (1.0, 1e6)]),
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_another_unit_or_zero_of_the_score_changes_nothing(scale: tuple[float, float], worse: float) -> None:
    by, plus = scale
    low, high, margin = plus, plus + by, 0.1 * by
    other = gate(bounds={"low": low, "high": high}, margin=margin)
    moved = [(by * c + plus, by * b + plus) for c, b in scores(worse)]
    one, two = gate().judge(told(scores(worse))), other.judge(told(moved))
    assert one.outcome is two.outcome
    for name in ("harm", "fine", "likely"):
        assert two.details[name] == pytest.approx(one.details[name], rel=1e-5, abs=1e-5)
    assert two.details["sure"] == pytest.approx(by * float(str(one.details["sure"])), rel=1e-4)


@given(st.permutations(range(12)))
def test_the_order_of_scores_within_a_slice_does_not_matter(order: list[int]) -> None:
    each = [Decimal(i) / 12 for i in range(12)]

    def one(of: list[Decimal]) -> SlicesEvidence:
        mine = Arm(sum=sum(of, Decimal(0)), count=Decimal(len(of)))
        return SlicesEvidence(slices=(Slice(start=BEGIN, candidate=mine, baseline=arm(0.5)),))

    assert gate().carry(one([each[i] for i in order]), Terms()) == gate().carry(one(each), Terms())


@settings(max_examples=50)
@given(st.integers(0, 59), st.floats(0, 1), st.sampled_from([0.0, 0.08, 0.2]))
def test_a_worse_score_never_makes_it_better(place: int, worse: float, by: float) -> None:
    steps = {Step.ABORT: 0, Step.HOLD: 1, Step.CONTINUE: 2, Step.ADVANCE: 3}
    up, before = stage(BRIER), scores(by)
    after = [(max(c, worse), b) if i == place else (c, b) for i, (c, b) in enumerate(before)]
    first, second = (
        decide(up, judge(up, {"brier": told(means)}), timedelta(minutes=30)).step for means in (before, after)
    )
    assert steps[second] <= max(steps[first], steps[Step.CONTINUE])
    if first is Step.ABORT:
        assert second is not Step.ADVANCE
    one, two = (gate().carry(told(means), Terms()).scores for means in (before, after))
    assert one is not None
    assert two is not None
    assert two.harm.log_e >= one.harm.log_e
    assert two.fine.log_e <= one.fine.log_e


def test_what_a_stage_carries_goes_on_where_it_stopped_and_gates_share_the_error() -> None:
    up = stage(BRIER, {"kind": "non_inferiority", "name": "pnl", "margin": 1})
    whole = told(scores(0.0))
    first = {"brier": whole.model_copy(update={"slices": whole.slices[:30], "until": BEGIN + 30 * MINUTE})}
    second = {"brier": whole.model_copy(update={"slices": whole.slices[30:], "before": carry(up, first, 1)["brier"]})}
    assert judge(up, second) == judge(up, {"brier": whole})
    [verdict] = judge(up, second, attempt=2)
    assert verdict.details["harm_needed"] == pytest.approx(math.log(2 / 0.025), abs=1e-4)
    assert verdict.details["fine_needed"] == pytest.approx(math.log(1 / 0.025), abs=1e-4)


# --- how often it is wrong ------------------------------------------------------------------------------------------


def test_equal_arms_of_rare_bad_scores_abort_and_bad_ones_pass_within_alpha() -> None:
    """One slice in thirty has a bad score; the arms are alike, or worse by the whole margin. Bets looked at 200 times.

    With 2 000 paths three standard errors of a true 5 % are 1.5 points.
    """
    dice, paths, looks = np.random.default_rng(20260601), 2_000, 200
    asked = Question(
        margin=0.02, scale=1, good=-1, alpha=0.05, shared=0.05, horizon=looks, least=10, dependent=math.inf,
        exact=False, bounds=(0.0, 1.0),
    )  # fmt: skip

    def arms(share: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(dice.random((paths, looks)) < share, dtype=np.float64)

    ones = np.ones((paths, looks))
    equal = ask(np.stack([arms(1 / 30), ones, arms(1 / 30), ones], axis=-1), asked)
    worse = ask(np.stack([arms(1 / 30 + 0.02), ones, arms(1 / 30), ones], axis=-1), asked)
    assert 0 < equal.harm.any(axis=1).mean() <= 0.065
    assert 0 < worse.fine.any(axis=1).mean() <= 0.065


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bounds": {"low": 1, "high": 1}}, "'low' must be below 'high' in 'bounds'; low is 1, high is 1"),
        ({"bounds": {"low": 1, "high": 0}}, "'low' must be below 'high'"),
        ({"bounds": {"low": 0, "high": "inf"}}, "finite number"),
        ({"bounds": {"low": "nan", "high": 1}}, "finite number"),
        ({"bounds": {"low": -1.7e308, "high": 1.7e308}}, "'low' must be below 'high'"),
        ({"bounds": {"low": 0}}, "Field required"),
        ({"bounds": {"low": 0, "high": 1, "clip": True}}, "Extra inputs"),
        ({"margin": 1}, "'margin' must be below high - low of 'bounds', 1; 1 allows anything"),
        ({"margin": "0.99999999999999999999"}, "'margin' must be below"),
        ({"design": "fixed_horizon"}, "'bounds' is for 'design: anytime'"),
        (
            {"measure": "rate", "margin": None, "max_ratio": 2, "better": "higher"},
            "'bounds' belongs to 'measure: mean'; a rate is between 0 and 1 anyway",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_field(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        gate(**fields)
    assert any(words in error["msg"] for error in raised.value.errors())


def test_in_a_ladder_bounds_need_a_score_of_their_own() -> None:
    with pytest.raises(ValidationError, match="profit of closed trades has no bounds"):
        stage({key: value for key, value in BRIER.items() if key not in ("sum", "count")})
