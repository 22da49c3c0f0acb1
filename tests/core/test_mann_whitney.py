"""``mann_whitney`` classifies as Kayenta does, whatever the unit and the order, and nothing missing passes."""

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import SamplesEvidence
from promotion_ladder.core.gates import MannWhitneyGate
from promotion_ladder.core.verdict import Outcome, Verdict

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "kayenta.json").read_text())["cases"]
JUDGED = [case for case in CASES if case["kind"] in ("mannwhitney_classify", "oracle")]

DIFFERENT = {"K026", "O008"}
"""docs/gates-peers.md says why."""


def gate(**fields: Any) -> MannWhitneyGate:
    return MannWhitneyGate.model_validate({"name": "g", **fields})


def samples(candidate: Any, baseline: Any, **more: Any) -> SamplesEvidence:
    return SamplesEvidence(candidate=tuple(candidate), baseline=tuple(baseline), **more)


def from_kayenta(case: dict[str, Any]) -> Verdict:
    params = case["params"]
    asked = gate(
        tolerance=params["tolerance"],
        confidence=params["confLevel"],
        effect={"meanRatio": "mean_ratio"}.get(params["effectSizeMeasure"], params["effectSizeMeasure"]),
        effect_limits=params["effectSizeThresholds"],
        critical_limits=params["criticalThresholds"],
        direction=case["direction"],
        nan=case["nanStrategy"],
        critical=case["critical"],
        must_have_data=case["mustHaveData"],
    )
    return asked.judge(samples(case["experiment"], case["control"]))


def same(case: dict[str, Any]) -> bool:
    verdict, expected = from_kayenta(case), case["expected"]
    alike = verdict.details["classification"] == expected.get("classification", verdict.details["classification"])
    alike &= verdict.details["critical"] == expected.get("critical", verdict.details["critical"])
    for kayentas, ours in (("deviation", "deviation"), ("effectSize", "effect")):
        if expected.get(kayentas) is not None:
            alike &= verdict.details[ours] == pytest.approx(expected[kayentas], rel=1e-11)
    return bool(alike and verdict.sentence)


def test_exactly_the_stated_cases_differ_from_kayenta() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gates-peers.md").read_text()
    assert [case for case in DIFFERENT if case not in page] == []
    assert {case["id"] for case in JUDGED if not same(case)} == DIFFERENT


def test_where_kayentas_answer_is_its_root_finders_noise_the_shift_is_zero() -> None:
    for case in JUDGED:
        if case["id"] in DIFFERENT - {"K026"}:
            assert abs(case["expected"]["hodgesLehmann"]) < 1e-4
            assert from_kayenta(case).details["shift"] == 0


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in JUDGED])
def test_only_what_kayenta_passes_on_numbers_passes(case: dict[str, Any]) -> None:
    verdict = from_kayenta(case)
    assert verdict.passed == (verdict.details["classification"] == "Pass")
    assert verdict.passed or verdict.outcome in (Outcome.FAIL, Outcome.NO_DATA)


HIGH, LOW = [20.0, 22.0, 21.0, 25.0, 30.0], [1.0, 2.2, 1.1, 2.5, 3.0]


def test_the_verdict_says_what_it_rests_on() -> None:
    verdict = gate().judge(samples(HIGH, LOW))
    assert (verdict.outcome, verdict.code, verdict.n) == (Outcome.FAIL, Code.GATE_FAILED, 5)
    assert verdict.value == Decimal(repr(sum(HIGH) / sum(LOW))).quantize(verdict.value or Decimal(1))
    assert verdict.limit == 1
    assert (
        verdict.sentence
        == "candidate is higher by rank: 5 of candidate against 5 of stable samples, ratio of means 12.04"
    )
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_a_change_in_the_other_direction_passes() -> None:
    assert gate(direction="decrease").judge(samples(HIGH, LOW)).passed
    assert not gate(direction="increase").judge(samples(HIGH, LOW)).passed


def test_an_effect_within_its_limits_passes_and_one_beyond_is_critical_only_beyond_those_limits() -> None:
    assert gate(effect_limits=[0.5, 13]).judge(samples(HIGH, LOW)).passed
    critical = gate(critical=True, critical_limits=[0.5, 12]).judge(samples(HIGH, LOW))
    milder = gate(critical=True, critical_limits=[0.5, 13]).judge(samples(HIGH, LOW))
    assert (critical.details["critical"], milder.details["critical"]) == (True, False)
    assert not milder.passed


def test_without_stated_limits_cles_is_measured_from_one_half() -> None:
    assert gate(effect="cles").judge(samples(HIGH, LOW)).value == 1
    overlapping = samples([*HIGH, *HIGH, 2.0], [*LOW, *LOW, 21.0])
    assert gate(effect="cles").judge(overlapping).outcome is Outcome.FAIL
    assert gate(effect="cles", effect_limits=[0, 1]).judge(overlapping).passed


@pytest.mark.parametrize("nan", ["remove", "replace"])
def test_a_side_without_any_number_is_no_data_and_with_must_have_data_a_failure(nan: str) -> None:
    for evidence in (samples([], [1.0]), samples([None] * 60, HIGH), samples([None], [None]), samples([], [])):
        verdict = gate(nan=nan).judge(evidence)
        assert (verdict.outcome, verdict.details["classification"]) == (Outcome.NO_DATA, "Nodata")
        verdict = gate(nan=nan, must_have_data=True).judge(evidence)
        assert (verdict.outcome, verdict.details["classification"]) == (Outcome.FAIL, "NodataFailMetric")
        verdict = gate(nan=nan, must_have_data=True, critical=True).judge(evidence)
        assert (verdict.outcome, verdict.details) == (Outcome.FAIL, {"classification": "Nodata", "critical": True})


def test_an_answer_without_samples_is_no_data_and_a_source_that_is_down_an_error() -> None:
    nothing = samples([], [], problem=Code.NO_DATA, detail="stable: nothing")
    assert gate(must_have_data=True).judge(nothing).outcome is Outcome.FAIL
    down = gate(must_have_data=True).judge(samples([], [], problem=Code.SOURCE_DOWN))
    assert (down.outcome, down.details["classification"]) == (Outcome.ERROR, "Error")


def test_one_number_a_side_concludes_nothing_unless_the_sides_are_equal() -> None:
    lonely = gate().judge(samples([5.0], [3.0]))
    assert (lonely.outcome, lonely.code) == (Outcome.INCONCLUSIVE, Code.TOO_FEW_SAMPLES)
    assert lonely.details["classification"] == "Error"
    assert gate().judge(samples([5.0], LOW)).outcome is Outcome.INCONCLUSIVE
    assert gate().judge(samples([5.0], [5.0])).passed


def test_fewer_numbers_than_asked_conclude_nothing_even_when_equal() -> None:
    evidence = samples([*HIGH, None], HIGH)
    assert gate(min_samples=5).judge(evidence).passed
    verdict = gate(min_samples=6, nan="replace").judge(evidence)
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, Code.TOO_FEW_SAMPLES)
    assert verdict.sentence == "candidate: 5 samples, 6 needed"


def test_kayentas_blindness_to_small_units_is_not_ours() -> None:
    base = [1 + 0.01 * (i * 37 % 50) for i in range(50)]
    for unit in (1e-9, 1e-6, 1e-3, 1.0, 1e6):
        verdict = gate().judge(samples([unit * (b + 0.3) for b in base], [unit * b for b in base]))
        assert verdict.details["classification"] == "High", unit


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tolerance": -0.1}, "'tolerance' must be 0 or more, was -0.1"),
        ({"tolerance": "NaN"}, "finite"),
        ({"confidence": 1}, "'confidence' must be above 0 and below 1, was 1"),
        ({"confidence": 0}, "'confidence' must be above 0 and below 1, was 0"),
        ({"effect_limits": [1.2, 0.8]}, r"'effect_limits' are \[low, high\], 0 or more and low at most high"),
        ({"critical_limits": [-1, 0.8]}, r"'critical_limits' are \[low, high\]"),
        ({"direction": "up"}, "direction"),
        ({"effect": "cohen"}, "effect"),
        ({"nan": "ignore"}, "nan"),
        ({"min_samples": 0}, "min_samples"),
        ({"outliers": "remove"}, "outliers"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        gate(**fields)


NUMBER = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e9, 1e9), st.sampled_from([0.0, 0.001, 1e-7]))
SAMPLE = st.one_of(NUMBER, st.none())
SIDE = st.lists(NUMBER, min_size=1, max_size=40)
ASKED = st.builds(
    gate,
    effect=st.sampled_from(["mean_ratio", "cles"]),
    direction=st.sampled_from(["either", "increase", "decrease"]),
    critical=st.booleans(),
    tolerance=st.sampled_from(["0", "0.25", "1"]),
    confidence=st.sampled_from(["0.9", "0.98"]),
)


@given(ASKED, st.lists(SAMPLE, max_size=20), st.lists(SAMPLE, max_size=20), st.booleans())
def test_what_is_no_number_counts_only_as_stated(
    asked: MannWhitneyGate, candidate: list[float | None], baseline: list[float | None], replace: bool
) -> None:
    """Removed it is as if it had never been; replaced it is a zero; and a pass rests on numbers, two on each side."""
    asked = asked.model_copy(update={"nan": "replace" if replace else "remove"})
    verdict = asked.judge(samples(candidate, baseline))
    real = [[sample for sample in side if sample is not None] for side in (candidate, baseline)]
    treated = [[0.0 if s is None else s for s in side] for side in (candidate, baseline)] if replace else real
    if verdict.passed:
        assert all(real)
        assert min(map(len, real)) >= 2 or sorted(treated[0]) == sorted(treated[1])
    if min(map(len, real)) >= 2:
        assert verdict.details == asked.judge(samples(*treated)).details


@given(ASKED, SIDE, SIDE, st.integers(-40, 40))
def test_the_unit_decides_nothing(asked: MannWhitneyGate, x: list[float], y: list[float], power: int) -> None:
    """By powers of two, which change no digit: for other factors see docs/gates-peers.md."""
    assume(not _on_the_edge(asked, x, y))
    one, other = (asked.judge(samples([k * v for v in x], [k * v for v in y])) for k in (1.0, 2.0**power))
    assert (one.outcome, one.details["classification"], one.details["critical"]) == (
        other.outcome, other.details["classification"], other.details["critical"],
    )  # fmt: skip


def _on_the_edge(asked: MannWhitneyGate, x: list[float], y: list[float]) -> bool:
    """Whether an end of the interval stands on its bound, so that where Kayenta's root finder stops decides."""
    interval = asked.compare(x, y).interval
    if interval is None:
        return False
    bound = float(asked.tolerance) * abs(interval.estimate)
    return bool(min(abs(interval.low - bound), abs(interval.high + bound)) <= 4e-2 * abs(interval.estimate))


@given(ASKED, SIDE, SIDE, st.randoms(use_true_random=False))
@example(gate(), [0.0, 2.7e-184], [1.0], Random(1))
def test_the_order_of_samples_does_not_matter(
    asked: MannWhitneyGate, x: list[float], y: list[float], dice: Any
) -> None:
    mixed = [dice.sample(side, len(side)) for side in (x, y)]
    assert asked.judge(samples(x, y)) == asked.judge(samples(*mixed))
