"""Our functions give what published libraries and closed forms give."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from promotion_ladder.core import statistics

CASES = [
    case
    for case in json.loads((Path(__file__).parents[2] / "vectors" / "statistics.json").read_text())["cases"]
    if hasattr(statistics, case["kind"])
]


def close(got: Any, expected: Any, tolerance: dict[str, float]) -> bool:
    """Equal within the case's tolerance, item by item."""
    if expected is None or isinstance(expected, bool | str):
        return bool(got == expected)
    if isinstance(expected, dict):
        return set(got) == set(expected) and all(close(got[key], expected[key], tolerance) for key in expected)
    if isinstance(expected, list):
        pairs = zip(got, expected, strict=True)
        return len(got) == len(expected) and all(close(one, other, tolerance) for one, other in pairs)
    return math.isclose(got, expected, rel_tol=tolerance["rel"], abs_tol=tolerance["abs"])


OF_KAYENTA = {"cles", "hodges_lehmann", "mannwhitney_ci", "mean_ratio", "normal_quantile", "wilcoxon_diff"}
"""Held against Kayenta's own cases, in test_ranks.py."""


OF_OURS = {"chi_square_quantile", "effective_samples"}
"""Held against closed forms, in test_limits.py."""


def test_every_function_has_a_golden_case() -> None:
    assert {case["kind"] for case in CASES} == set(statistics.__all__) - OF_KAYENTA - OF_OURS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["kind"])
def test_it_agrees_with_its_reference(case: dict[str, Any]) -> None:
    got = getattr(statistics, case["kind"])(**case["inputs"])
    assert close(got, case["expected"], case["tol"]), (got, case["reference"])
