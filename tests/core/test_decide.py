"""From verdicts to a decision: only a full set of passes, long enough, goes up."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step, decide
from promotion_ladder.core.gates import OnFail
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.verdict import Outcome, Verdict

MINUTE = timedelta(minutes=1)


def stage(*on_fails: OnFail) -> Stage:
    gates = [
        {"kind": "threshold", "name": f"g{i}", "query": "up", "min": 0, "on_fail": on_fail}
        for i, on_fail in enumerate(on_fails)
    ]
    return Stage.model_validate(
        {"name": "shadow", "mode": "shadow", "gates": gates, "observe": {"min": "10m", "max": "60m", "every": "1m"}}
    )


def verdict(name: str, outcome: Outcome) -> Verdict:
    return Verdict(
        name=name, kind="threshold", outcome=outcome, code=Code.GATE_PASSED, value=Decimal(1), sentence=f"{name} says"
    )


@given(
    st.lists(st.tuples(st.sampled_from(Outcome), st.sampled_from(OnFail)), min_size=1, max_size=6),
    st.integers(0, 120),
    st.integers(0, 5),
)
def test_nothing_but_every_gate_passing_for_long_enough_advances(
    gates: list[tuple[Outcome, OnFail]], minutes: int, missing: int
) -> None:
    outcomes = [outcome for outcome, _ in gates]
    said = [verdict(f"g{i}", outcome) for i, outcome in enumerate(outcomes)][: len(gates) - missing or None]
    decision = decide(stage(*(on_fail for _, on_fail in gates)), said, minutes * MINUTE)
    whole = len(said) == len(gates) and all(v.passed for v in said)
    assert (decision.step is Step.ADVANCE) == (whole and minutes >= 10)
    if any(v.outcome is Outcome.FAIL and gates[i][1] is OnFail.ABORT for i, v in enumerate(said)):
        assert decision.step is Step.ABORT
    if decision.step is Step.CONTINUE:
        assert minutes < 60 or whole


@pytest.mark.parametrize(
    ("outcome", "on_fail", "minutes", "step", "code"),
    [
        (Outcome.PASS, OnFail.WAIT, 9, Step.CONTINUE, Code.NOT_LONG_ENOUGH),
        (Outcome.PASS, OnFail.WAIT, 10, Step.ADVANCE, Code.GATES_PASSED),
        (Outcome.FAIL, OnFail.WAIT, 10, Step.CONTINUE, Code.GATES_OPEN),
        (Outcome.FAIL, OnFail.WAIT, 60, Step.HOLD, Code.OBSERVE_EXHAUSTED),
        (Outcome.FAIL, OnFail.HOLD, 0, Step.HOLD, Code.GATE_FAILED),
        (Outcome.FAIL, OnFail.ABORT, 0, Step.ABORT, Code.HARM_SHOWN),
        (Outcome.NO_DATA, OnFail.ABORT, 59, Step.CONTINUE, Code.GATES_OPEN),
        (Outcome.ERROR, OnFail.ABORT, 60, Step.HOLD, Code.OBSERVE_EXHAUSTED),
        (Outcome.INCONCLUSIVE, OnFail.HOLD, 60, Step.HOLD, Code.OBSERVE_EXHAUSTED),
    ],
)
def test_what_one_gate_does(outcome: Outcome, on_fail: OnFail, minutes: int, step: Step, code: Code) -> None:
    decision = decide(stage(on_fail), [verdict("g0", outcome)], minutes * MINUTE)
    assert (decision.step, decision.code) == (step, code)


def test_harm_comes_before_a_hold_whatever_the_order() -> None:
    both = [verdict("g0", Outcome.FAIL), verdict("g1", Outcome.FAIL)]
    for order in (both, both[::-1]):
        assert decide(stage(OnFail.HOLD, OnFail.ABORT), order, MINUTE).step is Step.ABORT


def test_an_extension_moves_the_hold() -> None:
    waiting = [verdict("g0", Outcome.NO_DATA)]
    assert decide(stage(OnFail.WAIT), waiting, 90 * MINUTE, longest=120 * MINUTE).step is Step.CONTINUE
