"""``non_inferiority``: three outcomes, whatever the order, the currency or the process."""

import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import carry, judge
from promotion_ladder.core.evidence import (
    Arm,
    CountLook,
    CountsEvidence,
    Events,
    NumberEvidence,
    Series,
    Slice,
    SlicesEvidence,
    TradeOutcome,
)
from promotion_ladder.core.gates.non_inferiority import NonInferiorityGate
from promotion_ladder.core.gates.terms import Terms
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.slicing import newly_sealed, of_trades
from promotion_ladder.core.statistics.rates import RateBets
from promotion_ladder.core.verdict import Outcome, Verdict

BEGIN = datetime(2026, 6, 1, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def gate(**fields: Any) -> NonInferiorityGate:
    return NonInferiorityGate.model_validate({"name": "pnl", "margin": "0.002"} | fields)


def rate(**fields: Any) -> NonInferiorityGate:
    return NonInferiorityGate.model_validate({"name": "rejects", "measure": "rate", "max_ratio": "1.5"} | fields)


def slices(worse: float, k: int = 60, seed: int = 1, first: int = 0) -> SlicesEvidence:
    """Twenty trades of 1 000 dollars a slice and arm, spread 10 dollars; the candidate's mean is lower by ``worse``."""
    dice = random.Random(seed)

    def arm(mean: float) -> Arm:
        total = sum(dice.gauss(mean, 10) for _ in range(20))
        return Arm(sum=Decimal(f"{total:.4f}"), count=Decimal(20_000), samples=20)

    made = [Slice(start=BEGIN + i * MINUTE, candidate=arm(-worse), baseline=arm(0)) for i in range(k)]
    return SlicesEvidence(slices=tuple(made[first:]), since=BEGIN + first * MINUTE, until=BEGIN + k * MINUTE)


def counts(candidate: float, baseline: float = 0.02, k: int = 60, orders: int = 200, seed: int = 1) -> CountsEvidence:
    dice = random.Random(seed)

    def arm(share: float) -> Events:
        return Events(events=Decimal(sum(dice.random() < share for _ in range(orders))), exposures=Decimal(orders))

    return CountsEvidence(looks=tuple(CountLook(candidate=arm(candidate), baseline=arm(baseline)) for _ in range(k)))


@pytest.mark.parametrize(("worse", "outcome"), [(-1, Outcome.PASS), (0, Outcome.PASS), (5, Outcome.FAIL)])
def test_equal_passes_and_worse_fails(worse: float, outcome: Outcome) -> None:
    verdict = gate().judge(slices(worse))
    assert verdict.outcome is outcome
    assert verdict.n == 60


def test_it_is_said_in_one_plain_line() -> None:
    verdict = gate().judge(slices(0))
    assert verdict.sentence == "0.448 bp/$ below baseline; 95 % sure within 11.3 below; limit 20"
    assert verdict.value == Decimal("-0.0000448158")
    assert verdict.limit == Decimal("-0.002")


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (gate().judge(slices(-20)), "200 bp/$ above baseline; 95 % sure not below; limit 20"),
        (gate().judge(slices(5)), "shown to be worse: 50.4 bp/$ below baseline; 95 % sure within 61.3 below; limit 20"),
        (
            gate(margin="0.001").judge(slices(0), Terms(horizon=80)),
            "not yet shown: 0.448 bp/$ below baseline; 95 % sure within 11.2 below; limit 10",
        ),
        (
            gate(margin="0.05", better="lower", sum="a", count="b").judge(slices(0)),
            "4.48e-05 below baseline; 95 % sure within 0.00104 above; limit 0.05",
        ),
        (rate().judge(counts(0.02)), "95 % sure: 1.99 % against baseline's 2.34 %; limit 1.5 times"),
        (rate().judge(counts(0.04)), "shown to be worse: 3.88 % against baseline's 2.34 %; limit 1.5 times"),
        (
            rate(measure="quantile", histogram="h", above="0.25").judge(counts(0.02), Terms(alpha=0.0125)),
            "98.8 % sure: 1.99 % above 0.25 against baseline's 2.34 %; limit 1.5 times",
        ),
    ],
)
def test_the_sentence_says_difference_confidence_and_limit(verdict: Verdict, sentence: str) -> None:
    assert verdict.sentence == sentence
    assert len(sentence) < 90


def test_neither_shown_is_no_pass() -> None:
    verdict = gate(margin=0).judge(slices(0))
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, Code.NOT_SHOWN)


def test_little_is_inconclusive_however_clear() -> None:
    verdict = gate().judge(slices(100, k=19))
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, Code.TOO_FEW_SAMPLES)
    assert "19 of 20 slices: " in verdict.sentence


def test_a_hopeless_wait_is_said_to_be_one() -> None:
    verdict = gate(margin="0.0001").judge(slices(0.7, k=40, seed=4), Terms(horizon=80))
    assert verdict.code is Code.NOT_SHOWN
    assert "by observe.max it would be with a chance of" in verdict.sentence


def test_no_slices_are_no_data_and_a_problem_is_named() -> None:
    assert gate().judge(SlicesEvidence(slices=())).outcome is Outcome.NO_DATA
    down = SlicesEvidence(slices=(), problem=Code.PLATFORM_DOWN, detail="no answer")
    assert (gate().judge(down).outcome, gate().judge(down).sentence) == (Outcome.ERROR, "no answer")
    assert gate().judge(NumberEvidence(value=Decimal(1))).outcome is Outcome.ERROR


def test_slices_without_any_spread_show_nothing() -> None:
    same = Arm(sum=Decimal(1), count=Decimal(100))
    flat = tuple(Slice(start=BEGIN + i * MINUTE, candidate=same, baseline=same) for i in range(60))
    assert gate().judge(SlicesEvidence(slices=flat)).outcome is Outcome.INCONCLUSIVE


def test_slices_that_follow_one_another_prove_nothing() -> None:
    level, dice, made = 0.0, random.Random(3), []
    for i in range(60):
        level = 0.9 * level + dice.gauss(0, 50)
        arms = (Arm(sum=Decimal(f"{v:.3f}"), count=Decimal(20_000)) for v in (level - 400, dice.gauss(0, 5)))
        made.append(Slice(start=BEGIN + i * MINUTE, candidate=next(arms), baseline=next(arms)))
    verdict = gate().judge(SlicesEvidence(slices=tuple(made)))
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, Code.SLICES_DEPEND)
    assert "lengthen 'slice'" in verdict.sentence


@pytest.mark.parametrize(
    ("candidate", "bound", "outcome"),
    [(0.02, "1.5", Outcome.PASS), (0.02, "1.1", Outcome.INCONCLUSIVE), (0.04, "1.5", Outcome.FAIL)],
)
def test_rates(candidate: float, bound: str, outcome: Outcome) -> None:
    assert rate(max_ratio=bound).judge(counts(candidate)).outcome is outcome


def test_few_events_pass_only_when_the_exact_comparison_agrees() -> None:
    evidence = counts(0.0, 0.0005, orders=100)  # the slices alone say: nothing on the candidate's side, so it is fine
    verdict = rate().judge(evidence)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.details["exact"] < verdict.details["fine_needed"]  # type: ignore[operator]  # both are numbers


@pytest.mark.parametrize(("bound", "events"), [(2.0, 30), (1.5, 95)])
def test_how_many_events_of_two_equal_arms_it_takes(bound: float, events: int) -> None:
    def shown(seen: int) -> bool:
        return RateBets.below(bound).plus([(seen, 50 * seen, seen, 50 * seen)]).log_e >= math.log(1 / 0.05)

    assert (shown(events - 1), shown(events)) == (False, True), (
        "docs/gates/non_inferiority.md and the shipped ladder say so"
    )


def test_a_reject_storm_in_one_slice_is_no_proof_of_harm() -> None:
    calm = list(counts(0.02, k=60).looks)
    storm = CountLook(candidate=Events(events=Decimal(180), exposures=Decimal(200)), baseline=calm[30].baseline)
    verdict = rate().judge(CountsEvidence(looks=(*calm[:30], storm, *calm[31:])))
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_two_flawless_arms_pass_when_it_is_shown_that_nothing_happens() -> None:
    nothing = counts(0, 0, orders=20)
    assert rate().judge(nothing).outcome is Outcome.INCONCLUSIVE
    assert rate(harmless="0.5%").judge(counts(0, 0, k=20, orders=20)).outcome is Outcome.INCONCLUSIVE, "400 are too few"
    verdict = rate(harmless="0.5%").judge(nothing)
    assert verdict.outcome is Outcome.PASS
    assert verdict.sentence == "95 % sure: 0 of 1200, harmless below 0.5 %"
    assert (verdict.value, verdict.limit) == (Decimal(0), Decimal("0.005"))


def test_rare_events_pass_though_the_other_arm_has_fewer_but_not_when_it_does_not_run() -> None:
    few = counts(0.001, 0.0, orders=100)
    assert rate().judge(few).outcome is not Outcome.PASS
    assert rate(harmless="1%").judge(few).outcome is Outcome.PASS
    assert rate(harmless="1%").judge(counts(0.03, 0.0, orders=100)).outcome is Outcome.FAIL
    alone = tuple(
        look.model_copy(update={"baseline": Events(events=Decimal(0), exposures=Decimal(0))}) for look in few.looks
    )
    assert rate(harmless="1%").judge(CountsEvidence(looks=alone)).outcome is Outcome.INCONCLUSIVE


def test_a_fixed_horizon_decides_at_its_looks_alone() -> None:
    fixed = gate(design="fixed_horizon", analyses=4)
    early = fixed.judge(slices(2, k=29), Terms(horizon=60))
    verdict = fixed.judge(slices(2, k=30), Terms(horizon=60))
    assert early.details["harm"] != verdict.details["harm"], "the second look is after thirty slices"
    late = fixed.judge(slices(2, k=44), Terms(horizon=60))
    assert late.details["harm"] == verdict.details["harm"]


@settings(deadline=None)  # the first fixed horizon imports scipy
@given(st.integers(0, 60), st.sampled_from(["anytime", "fixed_horizon"]))
def test_a_worker_that_dies_between_looks_changes_nothing(cut: int, design: str) -> None:
    judge_, terms = gate(design=design), Terms()
    carried = judge_.carry(slices(1, k=60).model_copy(update={"slices": slices(1).slices[:cut]}), terms)
    thawed = type(carried).model_validate_json(carried.model_dump_json())
    rest = slices(1).model_copy(update={"slices": slices(1).slices[cut:], "before": thawed})
    assert judge_.judge(rest, terms).model_dump(exclude={"sentence"}) == judge_.judge(slices(1), terms).model_dump(
        exclude={"sentence"}
    )


@given(st.permutations(range(12)))
def test_the_order_of_trades_within_a_slice_does_not_matter(order: list[int]) -> None:
    trades = [
        TradeOutcome(pnl=Decimal(i) / 7, size=Decimal(100 + i), closed_at=BEGIN + timedelta(seconds=i))
        for i in range(12)
    ]
    span = newly_sealed(BEGIN, None, BEGIN + 2 * MINUTE, MINUTE, timedelta(0))
    shuffled = [trades[i] for i in order]
    assert (
        of_trades(shuffled, trades, span, MINUTE)[0].candidate == of_trades(trades, shuffled, span, MINUTE)[0].baseline
    )


@given(st.integers(0, 59), st.floats(1, 500))
def test_a_losing_trade_more_never_makes_it_better(place: int, loss: float) -> None:
    rank = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}
    evidence = slices(4.2)
    one = evidence.slices[place]
    worse = one.model_copy(update={
        "candidate": one.candidate.model_copy(update={"sum": one.candidate.sum - Decimal(f"{loss:.2f}")})
    })  # fmt: skip
    changed = tuple(worse if i == place else s for i, s in enumerate(evidence.slices))
    before, after = gate().judge(evidence), gate().judge(evidence.model_copy(update={"slices": changed}))
    assert before.outcome is Outcome.FAIL
    assert after.outcome is not Outcome.PASS
    assert rank[after.outcome] <= rank[Outcome.INCONCLUSIVE]


@given(st.sampled_from(["0.001", "0.01", "7", "10000"]))
def test_another_unit_of_money_or_another_length_of_time_changes_nothing(factor: str) -> None:
    scale = Decimal(factor)
    plain = slices(0.7)
    dear = tuple(
        s.model_copy(update={
            "start": BEGIN + 60 * (s.start - BEGIN),
            "candidate": Arm(sum=s.candidate.sum * scale, count=s.candidate.count * scale, samples=20),
            "baseline": Arm(sum=s.baseline.sum * scale, count=s.baseline.count * scale, samples=20),
        })
        for s in plain.slices
    )  # fmt: skip
    one, other = gate().judge(plain), gate().judge(plain.model_copy(update={"slices": dear}))
    assert one.outcome is other.outcome
    assert one.details["harm"] == pytest.approx(other.details["harm"])
    assert one.details["fine"] == pytest.approx(other.details["fine"])


# --- in a stage -------------------------------------------------------------------------------------------------------


def stage(*gates: dict[str, Any], **fields: Any) -> Stage:
    return Stage.model_validate({
        "name": "canary-10", "mode": "canary", "capital": "10%", "baseline": True,
        "limits": {
            "instruments": ["WTI"], "price_band": "5%", "max_order_value": 1, "max_orders_per_minute": 1,
            "max_position_value": 1, "venues": ["sim"],
        },
        "guards": {"checks": [{"name": "loss", "kind": "loss", "max": 1}]},
        "observe": {"min": "20m", "max": "60m", "every": "1m"}, "gates": list(gates),
    } | fields)  # fmt: skip


PNL = {"kind": "non_inferiority", "name": "pnl", "margin": "0.002"}
REJECTS = {"kind": "non_inferiority", "name": "rejects", "measure": "rate", "max_ratio": 2, "sum": "a", "count": "b"}


def test_gates_share_the_error_of_their_stage_and_a_retry_has_half_of_it() -> None:
    both = stage(PNL, REJECTS)
    pnl = both.gates[0]
    assert isinstance(pnl, NonInferiorityGate)
    assert both.terms(pnl, 1) == Terms(alpha=0.05, tests=2, horizon=60)
    assert both.terms(pnl, 3).alpha == 0.0125
    [verdict] = judge(both, {"pnl": slices(0)}, attempt=3)
    assert verdict.details["harm_needed"] == pytest.approx(5.0752, abs=1e-4)  # log(2/0.0125)
    assert verdict.details["fine_needed"] == pytest.approx(4.3820, abs=1e-4)  # log(1/0.0125)


def test_what_is_carried_goes_on_where_it_stopped() -> None:
    one = stage(PNL)
    first = {"pnl": slices(0, k=30)}
    carried = carry(one, first, 1)
    second = slices(0, k=60, first=30)
    whole = slices(0, k=60)
    assert second.slices == whole.slices[30:]
    again = {"pnl": second.model_copy(update={"before": carried["pnl"]})}
    assert judge(one, again)[0].details == judge(one, {"pnl": whole})[0].details
    assert judge(one, again, 1, carry(one, again, 1)) == judge(one, again)


def problems(raised: pytest.ExceptionInfo[ValidationError]) -> Iterator[str]:
    return (json.dumps(error["msg"]) for error in raised.value.errors())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"margin": None}, "a mean needs 'margin'"),
        ({"margin": -1}, "greater than or equal to 0"),
        ({"measure": "rate"}, "a rate needs 'max_ratio'"),
        ({"measure": "rate", "margin": None, "max_ratio": 1}, "greater than 1"),
        ({"measure": "quantile", "margin": None, "max_ratio": 2}, "which needs both"),
        ({"sum": "x"}, "'sum' and 'count' go together"),
        ({"harmless": "1%"}, "'harmless' belongs to rates"),
        ({"sum": "$realized_pnl", "count": "sum(x)"}, "a metric's name alone is a counter, for 'measure: rate'"),
        ({"min_slices": 5}, "greater than or equal to 10"),
        ({"alpha": "50%"}, "less than or equal to Decimal('0.2')"),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_field(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        gate(**fields)
    assert any(words in text for text in problems(raised))


def test_in_a_ladder_the_error_is_the_stages_and_a_baseline_must_run() -> None:
    with pytest.raises(ValidationError, match="'alpha' belongs to the stage"):
        stage(PNL | {"alpha": "1%"})
    with pytest.raises(ValidationError, match="in a ladder a rate needs 'sum'"):
        stage({key: REJECTS[key] for key in REJECTS.keys() - {"sum", "count"}})
    with pytest.raises(ValidationError, match="the stage runs none"):
        stage(PNL, baseline=False)


def test_slices_out_of_order_or_twice_are_refused() -> None:
    two = slices(0, k=2).slices
    for wrong in ((two[1], two[0]), (two[0], two[0])):
        with pytest.raises(ValidationError, match="in order of 'start', each once"):
            SlicesEvidence(slices=wrong)


@pytest.mark.parametrize(
    ("now", "until", "sealed"),
    [(59, None, 0), (69, None, 0), (70, None, 1), (200, None, 3), (200, 120, 1), (60, 120, 0)],
)
def test_a_slice_is_sealed_when_it_is_late_enough(now: int, until: int | None, sealed: int) -> None:
    told = BEGIN + timedelta(seconds=until) if until is not None else None
    span = newly_sealed(BEGIN, told, BEGIN + timedelta(seconds=now), MINUTE, timedelta(seconds=10))
    assert len(span.starts(MINUTE)) == sealed


def test_a_step_that_a_source_could_not_tell_is_no_crash() -> None:
    assert Series.model_validate({"values": [None, 0.5, "nan"]}).values == (None, 0.5, None)
    with pytest.raises(ValidationError):
        Series(values=(float("inf"),))
