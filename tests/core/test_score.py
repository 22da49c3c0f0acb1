"""``score`` weighs gates as Kayenta's scorer does, and is never a pass without data."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import JudgedGate, VerdictsEvidence
from promotion_ladder.core.gates import ScoreGate
from promotion_ladder.core.verdict import Outcome, Verdict

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "kayenta.json").read_text())["cases"]
KAYENTAS = ["Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"]


def gate(**fields: Any) -> ScoreGate:
    return ScoreGate.model_validate({"name": "g", **fields})


def one(classification: str, *groups: str, critical: bool = False) -> JudgedGate:
    return JudgedGate(name=classification, classification=classification, critical=critical, groups=groups or ("all",))


def judged(gates: Sequence[JudgedGate], **fields: Any) -> Verdict:
    return gate(**fields).judge(VerdictsEvidence(gates=tuple(gates)))


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] == "weighted_sum_score"])
def test_the_score_is_kayentas(case: dict[str, Any]) -> None:
    gates = [JudgedGate.model_validate(metric | {"name": f"m{i}"}) for i, metric in enumerate(case["metrics"])]
    verdict, expected = judged(gates, groups=case["params"]["groupWeights"]), case["expected"]
    assert verdict.value == Decimal(str(expected["summaryScore"]))
    assert verdict.passed == (expected["summaryScore"] >= 95)
    groups = verdict.details["groups"]
    assert isinstance(groups, dict)
    if "groupScoresSorted" in expected:
        assert sorted(score or 0.0 for score in groups.values()) == expected["groupScoresSorted"]  # type: ignore[type-var]


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["kind"] == "final_judgment"])
def test_the_end_is_kayentas_but_for_a_judgement_without_limit(case: dict[str, Any]) -> None:
    params = case["params"]
    passing = round(params["finalScore"])
    limits = {name: params[name] for name in ("pass", "marginal") if params[name] is not None}
    verdict = judged([one("Pass")] * passing + [one("Low")] * (100 - passing), **limits)
    assert verdict.value == passing
    differs = verdict.passed != case["expected"]["didPass"]
    assert differs == (case["id"] == "K093")  # docs/gates-peers.md


@pytest.mark.parametrize(
    ("passing", "outcome", "code"),
    [
        (100, Outcome.PASS, Code.GATE_PASSED),
        (95, Outcome.PASS, Code.GATE_PASSED),
        (94, Outcome.INCONCLUSIVE, Code.SCORE_MARGINAL),
        (75, Outcome.INCONCLUSIVE, Code.SCORE_MARGINAL),
        (74, Outcome.FAIL, Code.GATE_FAILED),
    ],
)
def test_limits_are_inclusive(passing: int, outcome: Outcome, code: Code) -> None:
    verdict = judged([one("Pass")] * passing + [one("High")] * (100 - passing))
    assert (verdict.outcome, verdict.code, verdict.value, verdict.limit) == (
        outcome,
        code,
        Decimal(passing),
        Decimal(95),
    )


def test_a_critical_gate_that_did_not_pass_makes_it_zero() -> None:
    for word in (*KAYENTAS[1:], "fail", "inconclusive", "no_data", "error"):
        verdict = judged([*[one("Pass")] * 99, one(word, critical=True)])
        assert (verdict.outcome, verdict.value) == (Outcome.FAIL, Decimal(0)), word
        assert f"critical gate {word} did not pass" in verdict.sentence
    assert judged([one("Pass", critical=True)]).passed


def test_half_of_the_gates_without_data_make_it_zero() -> None:
    assert judged([one("Pass"), one("Pass"), one("Nodata")]).value == 100
    verdict = judged([one("Pass"), one("Nodata")])
    assert (verdict.outcome, verdict.value) == (Outcome.FAIL, Decimal(0))
    assert "1 of 2 gates have no data" in verdict.sentence


def test_our_words_are_weighed_like_kayentas_but_an_error_is_not_left_out() -> None:
    pairs = {"pass": "Pass", "fail": "High", "no_data": "Nodata", "inconclusive": "NodataFailMetric"}
    for ours, kayentas in pairs.items():
        mine, theirs = (judged([one("Pass"), one("Pass"), one(word)]).value for word in (ours, kayentas))
        assert mine == theirs, ours
    assert judged([one("Pass"), one("Error")]).value == 100
    assert judged([one("pass"), one("error")]).value == 50


def test_groups_without_weight_share_what_is_left() -> None:
    gates = [one("Pass", "a"), one("High", "b"), one("Pass", "c")]
    assert judged(gates, groups={"a": 50}).value == 75
    assert judged([*gates, one("Nodata", "d")], groups={"a": 40}).value == 80


def test_a_gate_in_no_group_is_weighed_nowhere_and_said_so() -> None:
    alone = JudgedGate(name="x", classification="Pass")
    verdict = judged([alone])
    assert (verdict.outcome, verdict.sentence) == (Outcome.NO_DATA, "score is 0: no gate stands in a group")
    assert judged([alone, one("Pass")]).passed


def test_an_unknown_word_is_an_error_that_lists_the_known() -> None:
    verdict = judged([one("Pass"), one("Marginal")])
    assert verdict.outcome is Outcome.ERROR
    assert "gate Marginal is 'Marginal'; known are Pass, High" in verdict.sentence


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pass": 101}, "'pass' must be above 0 and at most 100, was 101"),
        ({"pass": 0, "marginal": 0}, "'pass' must be above 0"),
        ({"marginal": 96}, r"'marginal' must be 0 or more and at most 'pass' \(95\), was 96"),
        ({"groups": {"a": 60, "b": 50}}, "'groups' may weigh at most 100 together, were 110"),
        ({"groups": {"a": 0}}, "'groups' must have weights above 0, 'a' has 0"),
    ],
)
def test_limits_and_weights_that_make_no_sense_are_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        gate(**fields)


def test_it_is_read_back_from_either_form() -> None:
    asked = gate(**{"pass": 90})
    for form in (asked.model_dump_json(), asked.model_dump_json(by_alias=True)):
        assert ScoreGate.model_validate_json(form) == asked


WORDS = st.sampled_from([*KAYENTAS, *Outcome])
MANY = st.lists(st.builds(one, WORDS, st.sampled_from("abc"), critical=st.booleans()), max_size=20)


@given(MANY, st.dictionaries(st.sampled_from("abc"), st.integers(1, 33)))
def test_the_score_is_within_bounds_and_no_pass_without_a_gate_that_passed(
    gates: list[JudgedGate], groups: dict[str, int]
) -> None:
    verdict = judged(gates, groups=groups)
    assert verdict.value is not None
    assert 0 <= verdict.value <= 100
    if verdict.passed:
        assert any(judged.classification in ("Pass", "pass") for judged in gates)
        assert not any(judged.critical and judged.classification not in ("Pass", "pass") for judged in gates)
