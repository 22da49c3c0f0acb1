"""Rank statistics agree with SciPy, and with Kayenta down to where its root finder stops."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from promotion_ladder.core.statistics import (
    cles,
    hodges_lehmann,
    mann_whitney,
    mannwhitney_ci,
    mean_ratio,
    normal_quantile,
    wilcoxon_diff,
)

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "kayenta.json").read_text())["cases"]


def cases(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] == kind]


@pytest.mark.parametrize("case", cases("wilcoxon_diff"))
def test_the_standardised_statistic_is_kayentas(case: dict[str, Any]) -> None:
    found = wilcoxon_diff(x=case["x"], y=case["y"], **case["params"])
    assert found == pytest.approx(case["expected"]["value"], abs=case["expected"]["abs_tol"])


@pytest.mark.parametrize("case", cases("normal_quantile"))
def test_the_normal_quantile_is_kayentas(case: dict[str, Any]) -> None:
    assert normal_quantile(**case["params"]) == pytest.approx(case["expected"]["value"], abs=1e-6)


@pytest.mark.parametrize("case", cases("mannwhitney_ci"))
def test_the_interval_is_kayentas(case: dict[str, Any]) -> None:
    found = mannwhitney_ci(x=case["x"], y=case["y"], conf_level=case["params"]["confLevel"])
    expected = case["expected"]
    assert found[:2] == pytest.approx((expected["low"], expected["high"]), abs=expected["abs_tol"])
    assert found.estimate == pytest.approx(expected["estimate"], abs=expected["estimate_tol"])


@pytest.mark.parametrize("case", cases("mannwhitney_intermediate"))
def test_each_step_on_the_way_to_the_interval_is_kayentas(case: dict[str, Any]) -> None:
    x, y, expected = case["x"], case["y"], case["expected"]
    quantile = normal_quantile((1 - case["params"]["confLevel"]) / 2)
    lowest, highest = min(x) - max(y), max(x) - min(y)
    steps = {"muMin": lowest, "muMax": highest, "zqLower": -quantile, "zqUpper": quantile}
    for end, z in (("1", -quantile), ("2", quantile)):
        steps |= {f"fLower{end}": wilcoxon_diff(x, y, lowest, z), f"fUpper{end}": wilcoxon_diff(x, y, highest, z)}
    steps |= dict(zip(("ciLower", "ciUpper", "estimate"), mannwhitney_ci(x, y, 0.95), strict=True))
    assert steps == pytest.approx({name: expected[name] for name in steps}, abs=1e-6)
    assert steps["ciLower"] == pytest.approx(expected["ciLower"], abs=1e-12)  # the root finder's own last digits


@pytest.mark.parametrize("case", cases("oracle"))
def test_the_interval_is_the_one_that_kayenta_itself_computed(case: dict[str, Any]) -> None:
    expected = case["expected"]
    found = mannwhitney_ci(case["experiment"], case["control"], case["params"]["confLevel"])
    assert found == pytest.approx((expected["ciLow"], expected["ciHigh"], expected["hodgesLehmann"]), abs=1e-12)


@pytest.mark.parametrize("case", cases("effect_size"))
def test_effect_sizes_are_kayentas(case: dict[str, Any]) -> None:
    measure = {"meanRatio": mean_ratio, "cles": cles}[case["params"]["measure"]]
    expected = case["expected"]["value"]
    assert measure(case["experiment"], case["control"]) == (None if expected == "NaN" else pytest.approx(expected))


def test_without_numbers_on_a_side_there_is_no_test() -> None:
    with pytest.raises(ValueError, match="at least one number"):
        mann_whitney([], [1.0])


def test_without_any_difference_there_is_no_interval() -> None:
    with pytest.raises(ValueError, match="all numbers are equal"):
        mannwhitney_ci([2.0, 2.0], [1.0], 0.98)


TIED = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)
ANY = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(st.one_of(TIED, ANY), st.one_of(TIED, ANY))
def test_the_test_is_scipys(canary: list[float], base: list[float]) -> None:
    for alternative in ("two-sided", "greater", "less"):
        u, p = mann_whitney(canary, base, alternative)
        theirs = stats.mannwhitneyu(canary, base, alternative=alternative, method="asymptotic")
        assert u == theirs.statistic
        assert p == (1.0 if math.isnan(theirs.pvalue) else pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300))


@given(st.one_of(TIED, ANY), st.one_of(TIED, ANY))
def test_the_shift_is_the_median_of_all_differences(x: list[float], y: list[float]) -> None:
    differences = sorted(a - b for a in x for b in y)
    half = len(differences) // 2
    median = (differences[half] + differences[~half]) / 2
    assert hodges_lehmann(x, y) == pytest.approx(median, abs=1e-12 * (1 + max(map(abs, x + y))))
