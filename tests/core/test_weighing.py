"""Policies over several looks and a score over several gates, in a stage."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step, decide, judge, judged
from promotion_ladder.core.evidence import NumberEvidence
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.looks import LookCount
from promotion_ladder.core.verdict import Outcome, Verdict

HOUR = timedelta(hours=1)


def below(name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "threshold", "name": name, "query": "q", "max": 10, "min_samples": 1} | fields


def stage(*gates: dict[str, Any]) -> Stage:
    return Stage.model_validate({"name": "paper", "mode": "paper", "gates": list(gates)})


def numbers(**values: int | None) -> dict[str, NumberEvidence]:
    return {
        name: NumberEvidence(
            value=None if value is None else Decimal(value),
            samples=9,
            problem=None if value is not None else Code.NO_DATA,
        )
        for name, value in values.items()
    }


SCORE = {"kind": "score", "name": "overall"}


def step(of: Stage, elapsed: timedelta = HOUR, **values: int | None) -> Step:
    return decide(of, judge(of, numbers(**values)), elapsed).step


# --- looks ------------------------------------------------------------------------------------------------------------


def series(of: Stage, values: list[int | None]) -> list[Verdict]:
    looks: dict[str, LookCount] = {}
    seen = []
    for value in values:
        settled = judged(of, numbers(a=value), looks=looks)
        looks = {name: LookCount.model_validate_json(count.model_dump_json()) for name, count in settled.looks.items()}
        seen.append(settled.verdicts[0])
    return seen


def test_a_failure_that_is_borne_fails_nothing_and_one_more_does() -> None:
    of = stage(below("a", looks={"count": 4, "failure_limit": 1}, on_fail="abort"))
    assert [v.outcome for v in series(of, [1, 99, 1, 1])] == ["inconclusive"] * 3 + ["pass"]
    assert series(of, [1, 99, 99])[-1].outcome is Outcome.FAIL
    assert "newest: value is 99" in series(of, [99, 99])[-1].sentence


def test_what_passed_its_looks_does_not_outvote_a_newest_one_that_fails() -> None:
    of = stage(below("a", looks={"count": 2}))
    assert [v.outcome for v in series(of, [1, 1, 99, 1])] == ["inconclusive", "pass", "inconclusive", "pass"]


@given(st.lists(st.sampled_from([1, 99, None]), min_size=1, max_size=12))
def test_no_evidence_is_never_a_pass_whatever_the_looks_before(values: list[int | None]) -> None:
    of = stage(below("a", looks={"count": 2, "failure_limit": 1, "inconclusive_limit": 2}))
    for value, verdict in zip(values, series(of, values), strict=True):
        assert value == 1 or not verdict.passed


# --- score ------------------------------------------------------------------------------------------------------------


def five(**first: Any) -> Stage:
    return stage(below("a", **first), *(below(name) for name in "bcde"), SCORE | {"pass": 80, "marginal": 60})


def test_a_score_outweighs_a_gate_that_fails() -> None:
    assert step(five(), a=99, b=1, c=1, d=1, e=1) is Step.ADVANCE
    assert step(five(), a=99, b=99, c=1, d=1, e=1) is Step.HOLD
    assert step(five(), a=99, b=99, c=99, d=1, e=1) is Step.ABORT


def test_but_no_critical_one_and_none_that_aborts() -> None:
    assert step(five(critical=True), a=99, b=1, c=1, d=1, e=1) is Step.ABORT, "the score is 0"
    assert step(five(on_fail="abort"), a=99, b=1, c=1, d=1, e=1) is Step.ABORT


def test_what_cannot_say_yet_is_waited_for_and_nothing_is_scored_before_the_least_time() -> None:
    of = five()
    assert step(of, a=None, b=99, c=99, d=99, e=99) is Step.CONTINUE
    assert step(of, timedelta(minutes=59), a=99, b=99, c=99, d=99, e=99) is Step.CONTINUE
    assert step(of, timedelta(hours=5), a=None, b=1, c=1, d=1, e=1) is Step.HOLD


def test_groups_have_weights() -> None:
    of = stage(below("a", group="money"), below("b"), SCORE | {"groups": {"money": 96}})
    assert judge(of, numbers(a=1, b=99))[-1].value == 96
    assert step(of, a=1, b=99) is Step.ADVANCE
    assert step(of, a=99, b=1) is Step.ABORT


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ([SCORE], "weighs the other gates of its stage"),
        ([below("a"), SCORE, SCORE | {"name": "again"}], "no second score"),
        ([below("a"), SCORE | {"groups": {"money": 50}}], "no gate of the stage has 'group: money'; there are rest"),
        ([below("a"), SCORE | {"looks": {"count": 2}}], "on the gates that are weighed"),
        ([{"kind": "looks", "name": "l"}], "state 'looks' on the gate they are of"),
    ],
)
def test_what_makes_no_sense_is_refused(gates: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        stage(*gates)
