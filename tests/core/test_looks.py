"""``looks`` decides when and what Argo Rollouts decides, with no more kept than a few numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import MeasurementsEvidence
from promotion_ladder.core.gates import LooksGate
from promotion_ladder.core.looks import LookCount, LookPolicy, Phase
from promotion_ladder.core.verdict import Outcome, Verdict

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "argo_looks.json").read_text())["cases"]
LETTERS = {"S": Outcome.PASS, "F": Outcome.FAIL, "I": Outcome.INCONCLUSIVE, "E": Outcome.ERROR}
FIELDS = {
    "count": "count",
    "failureLimit": "failure_limit",
    "inconclusiveLimit": "inconclusive_limit",
    "consecutiveErrorLimit": "consecutive_error_limit",
    "consecutiveSuccessLimit": "consecutive_success_limit",
}


DIFFERENT = {f"A{n:03}" for n in (9, 12, 27, 51, 64, 69, 72, 99, 134, 160, 177, 180, 210)}
"""docs/gates-peers.md says why."""


def gate(**fields: Any) -> LooksGate:
    return LooksGate.model_validate({"name": "g", **fields})


def judged(asked: LooksGate, letters: str) -> Verdict:
    return asked.judge(MeasurementsEvidence(verdicts=tuple(LETTERS[letter] for letter in letters)))


def once(metric: dict[str, Any]) -> bool:
    """Whether Argo measures once and never again: what has no interval and no count."""
    return not metric.get("count") and "interval" not in metric


def refused(metric: dict[str, Any]) -> bool:
    """What Argo's own ``ValidateMetric`` refuses, among the cases."""
    needed = max(metric.get("failureLimit", 0), 0) + metric.get("consecutiveSuccessLimit", 0)
    return bool(0 < metric.get("count", 0) < max(needed, metric.get("inconclusiveLimit", 0)))


def asked_by(metric: dict[str, Any]) -> LooksGate:
    return gate(**{ours: metric[argos] for argos, ours in FIELDS.items() if argos in metric})


def test_the_cases_cover_every_end_and_every_way_out() -> None:
    ends = {case["expected"]["finalPhase"] for case in CASES}
    assert ends == {"Successful", "Failed", "Inconclusive", "Error", None}
    assert sum(once(case["metric"]) for case in CASES) > 10
    assert sum(refused(case["metric"]) for case in CASES) > 10


def same(case: dict[str, Any]) -> bool:
    verdict, expected = judged(asked_by(case["metric"]), case["measurements"]), case["expected"]
    ends = (verdict.details["decided_after"], verdict.details["phase"], verdict.passed)
    return ends == (expected["decidedAfter"], expected["phaseNow"], expected["finalPhase"] == "Successful")


def test_exactly_the_stated_cases_differ_from_argo() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gates-peers.md").read_text()
    assert [
        case for case in {case["id"] for case in CASES if refused(case["metric"])} | DIFFERENT if case not in page
    ] == []
    assert {case["id"] for case in CASES if not refused(case["metric"]) and not same(case)} == DIFFERENT


def test_what_differs_is_measured_only_once_there_and_stays_open_here() -> None:
    """Gates are judged every ``observe.every``, so a policy without count has no end until a limit decides."""
    for case in CASES:
        if case["id"] in DIFFERENT:
            assert once(case["metric"])
            decided = case["expected"]["decidedAfter"]
            then = judged(asked_by(case["metric"]), case["measurements"][:decided])
            assert (then.details["phase"], then.outcome) == ("Running", Outcome.INCONCLUSIVE)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if refused(c["metric"])])
def test_what_argo_refuses_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="'count' must be at least"):
        asked_by(case["metric"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"count": 3, "failure_limit": 2, "consecutive_success_limit": 2}, r"'consecutive_success_limit' \(4\), was 3"),
        ({"count": 1, "failure_limit": -1, "consecutive_success_limit": 2}, r"\(2\), was 1"),
        ({"count": 2, "inconclusive_limit": 3}, r"'inconclusive_limit' \(3\), was 2"),
        ({"failure_limit": -1}, "'failure_limit' -1 needs a 'consecutive_success_limit'"),
        ({"failure_limit": -2}, "'failure_limit' must be 0 or more, or -1"),
        ({"count": -1}, "'count' must be 0 or more, was -1"),
        ({"consecutive_error_limit": -1}, "'consecutive_error_limit' must be 0 or more"),
    ],
)
def test_contradictory_policies_are_refused_by_name(fields: dict[str, int], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        gate(**fields)
    with pytest.raises(ValidationError, match=words):
        LookPolicy(**fields)


def test_looks_without_evidence_are_no_success_where_argo_says_they_are() -> None:
    verdict = judged(gate(count=3, inconclusive_limit=3), "III")
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, Code.LOOKS_INCONCLUSIVE)
    assert verdict.details["decided_after"] == 3
    assert judged(gate(count=3, inconclusive_limit=3), "IIS").passed


def test_failures_that_the_policy_bears_pass_as_in_argo() -> None:
    assert judged(gate(count=3, failure_limit=3), "FFF").passed


def test_a_look_without_data_could_not_say() -> None:
    asked = gate(count=3, inconclusive_limit=1)
    passed, nothing = Outcome.PASS, Outcome.NO_DATA
    assert asked.judge(MeasurementsEvidence(verdicts=(nothing, passed, passed))).passed
    verdict = asked.judge(MeasurementsEvidence(verdicts=(nothing, passed, nothing)))
    assert (verdict.details["phase"], verdict.details["decided_after"]) == ("Inconclusive", 3)


@pytest.mark.parametrize(
    ("letters", "outcome", "code"),
    [
        ("", Outcome.NO_DATA, Code.NO_DATA),
        ("S", Outcome.INCONCLUSIVE, Code.LOOKS_OPEN),
        ("SS", Outcome.PASS, Code.GATE_PASSED),
        ("F", Outcome.FAIL, Code.GATE_FAILED),
        ("I", Outcome.INCONCLUSIVE, Code.LOOKS_INCONCLUSIVE),
        ("EEEEE", Outcome.ERROR, Code.LOOKS_ERRED),
    ],
)
def test_each_end_has_its_verdict_and_reason(letters: str, outcome: Outcome, code: Code) -> None:
    verdict = judged(gate(count=2), letters)
    assert (verdict.outcome, verdict.code) == (outcome, code)


SMALL = st.integers(0, 4)
OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=30)


@st.composite
def policies(draw: st.DrawFn) -> LookPolicy:
    failures, in_a_row = draw(st.integers(-1, 4)), draw(SMALL)
    failures = 0 if failures == -1 and in_a_row == 0 else failures
    inconclusive = draw(SMALL)
    least = max(max(failures, 0) + in_a_row, inconclusive, 1)
    return LookPolicy(
        count=draw(st.one_of(st.just(0), st.integers(least, least + 6))),
        failure_limit=failures,
        inconclusive_limit=inconclusive,
        consecutive_error_limit=draw(SMALL),
        consecutive_success_limit=in_a_row,
    )


@given(policies(), OUTCOMES, st.data())
def test_looks_split_in_two_processes_come_to_the_same(policy: LookPolicy, seen: list[Outcome], data: Any) -> None:
    cut = data.draw(st.integers(0, len(seen)))
    whole = first = LookCount()
    for outcome in seen:
        whole = policy.look(whole, outcome)
    for outcome in seen[:cut]:
        first = policy.look(first, outcome)
    second = LookCount.model_validate_json(first.model_dump_json())
    for outcome in seen[cut:]:
        second = policy.look(second, outcome)
    assert second == whole
    assert second.standing(policy) == whole.standing(policy)


@given(policies(), OUTCOMES)
def test_nothing_passes_without_a_look_that_said_something(policy: LookPolicy, seen: list[Outcome]) -> None:
    counted = LookCount()
    for outcome in seen:
        counted = policy.look(counted, outcome)
    standing = counted.standing(policy)
    if standing.outcome is Outcome.PASS:
        assert counted.passed + counted.failed > 0
        assert standing.decided
    if policy.count == 0 and policy.consecutive_success_limit == 0:
        assert standing.phase is not Phase.SUCCESSFUL


@given(policies(), OUTCOMES, OUTCOMES)
def test_what_is_decided_stays(policy: LookPolicy, seen: list[Outcome], later: list[Outcome]) -> None:
    counted = LookCount()
    for outcome in seen:
        counted = policy.look(counted, outcome)
    end = counted
    for outcome in later:
        end = policy.look(end, outcome)
    assert end == counted or not counted.standing(policy).decided
