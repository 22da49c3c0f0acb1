"""Preflight results that are there, passed and young, and approvals that wait: at limits, and when nobody says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from tests.workflows.conftest import LADDER

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import AttestationEvidence, NumberEvidence, ProbeResult, TradesEvidence
from promotion_ladder.core.gates import AttestationGate, BacklogGate, OnFail
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.verdict import Outcome

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
GATE = AttestationGate(name="proved")
BACKLOG = BacklogGate(name="backlog", max=2, older_than=timedelta(minutes=30))


def result(name: str, age: timedelta = timedelta(0), **fields: Any) -> ProbeResult:
    return ProbeResult.model_validate({"name": name, "passed": True, "at": NOON - age} | fields)


def evidence(*results: ProbeResult, probes: tuple[str, ...] = ("config", "margin")) -> AttestationEvidence:
    return AttestationEvidence(results=results, now=NOON, probes=probes)


def test_all_probes_of_the_ladder_must_have_passed() -> None:
    verdict = GATE.judge(evidence(result("config", timedelta(hours=2)), result("margin")))
    assert (verdict.outcome, verdict.value, verdict.limit, verdict.n) == (Outcome.PASS, Decimal(2), Decimal(2), 2)
    assert verdict.sentence == "preflight probes that passed: 2, the first 2h ago"
    assert GATE.on_fail is OnFail.HOLD, "it does not pass by being looked at again"


@pytest.mark.parametrize(
    ("gate", "given", "missing"),
    [
        (GATE, evidence(), "config, margin"),
        (GATE, evidence(result("config")), "margin"),
        (GATE, evidence(probes=()), "of any name"),
        (AttestationGate(name="g", of=("margin",)), evidence(result("config"), probes=()), "margin"),
    ],
)
def test_a_missing_result_is_no_data(gate: AttestationGate, given: AttestationEvidence, missing: str) -> None:
    verdict = gate.judge(given)
    assert (verdict.outcome, verdict.code) == (Outcome.NO_DATA, Code.NOT_ATTESTED)
    assert verdict.sentence.endswith(missing)


def test_only_the_probes_asked_for_count() -> None:
    given = evidence(result("config"), result("margin", passed=False, problem="exited 3"))
    assert AttestationGate(name="g", of=("config",)).judge(given).passed
    verdict = GATE.judge(given)
    assert (verdict.outcome, verdict.code) == (Outcome.FAIL, Code.PREFLIGHT_FAILED)
    assert verdict.sentence == "preflight probe margin failed: exited 3"


def test_a_failure_does_not_wear_off_and_no_later_pass_of_the_same_name_covers_it() -> None:
    old = result("config", 2 * WEEK, passed=False)
    assert GATE.judge(evidence(old)).outcome is Outcome.FAIL
    assert GATE.judge(evidence(old, result("config"), result("margin"))).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (WEEK, Outcome.PASS),
        (WEEK + timedelta(microseconds=1), Outcome.NO_DATA),
        (timedelta(microseconds=-1), Outcome.NO_DATA),
    ],
)
def test_an_old_result_and_one_from_the_future_say_nothing(age: timedelta, outcome: Outcome) -> None:
    verdict = GATE.judge(evidence(result("config", age), result("margin")))
    assert verdict.outcome is outcome
    assert verdict.passed or (verdict.code is Code.NOT_ATTESTED and "preflight probe config is" in verdict.sentence)


def test_what_could_not_be_gathered_is_no_pass() -> None:
    both = (result("config"), result("margin"))
    bad = AttestationEvidence(results=both, now=NOON, problem=Code.SOURCE_DOWN)
    assert GATE.judge(bad).outcome is Outcome.ERROR
    other = TradesEvidence(candidate=(), stage_entered_at=NOON, now=NOON)
    for gate in (GATE, BACKLOG):
        assert gate.judge(other).code is Code.WRONG_EVIDENCE


def ladder(preflight: list[dict[str, Any]], **gate: Any) -> Ladder:
    plain = Ladder.model_validate(LADDER).model_dump(mode="json") | {"preflight": preflight}
    plain["stages"][1]["gates"].append({"kind": "attestation", "name": "proved"} | gate)
    return Ladder.model_validate(plain)


CONFIG = {"name": "config", "command": ["true"]}


@pytest.mark.parametrize(
    ("preflight", "gate", "at", "says"),
    [
        ([], {}, ("stages", 1, "gates", 1, "kind"), "no 'preflight'"),
        ([CONFIG], {"of": ["config", "margn"]}, ("stages", 1, "gates", 1, "of", 1), "'margn', only config"),
        ([CONFIG, CONFIG], {}, ("preflight", 1, "name"), "'config' stands twice"),
    ],
)
def test_a_ladder_names_probes_that_it_has(
    preflight: list[dict[str, Any]], gate: dict[str, Any], at: tuple[str | int, ...], says: str
) -> None:
    assert ladder([CONFIG], of=["config"]).stages[1].gates[1].kind == "attestation"
    with pytest.raises(ValidationError) as caught:
        ladder(preflight, **gate)
    (error,) = caught.value.errors()
    assert says in error["msg"]
    assert error["ctx"]["at"] == at


def number(value: int | None, **fields: Any) -> NumberEvidence:
    return NumberEvidence(value=None if value is None else Decimal(value), **fields)


@pytest.mark.parametrize(("waiting", "outcome"), [(0, Outcome.PASS), (2, Outcome.PASS), (3, Outcome.FAIL)])
def test_so_many_approvals_may_wait(waiting: int, outcome: Outcome) -> None:
    verdict = BACKLOG.judge(number(waiting))
    assert (verdict.outcome, verdict.value, verdict.limit) == (outcome, Decimal(waiting), Decimal(2))
    assert verdict.sentence == f"approvals of other bots that wait for longer than 30m: {waiting}, at most 2"
    assert verdict.passed or verdict.code is Code.APPROVALS_WAIT


def test_nobody_who_can_say_who_waits_is_no_empty_backlog() -> None:
    assert BACKLOG.judge(number(None, problem=Code.TEMPORAL_DOWN)).outcome is Outcome.ERROR
    assert BACKLOG.judge(number(0, problem=Code.TEMPORAL_DOWN)).outcome is Outcome.ERROR
    assert BACKLOG.judge(number(None)).outcome is Outcome.NO_DATA
