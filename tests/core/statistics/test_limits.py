"""Service levels, drift and plain deltas: published answers, and what must hold for every input."""

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core import statistics

COUNTS = st.lists(st.integers(min_value=0, max_value=10**6), min_size=2, max_size=12).filter(any)


@given(st.integers(min_value=1, max_value=10**12), st.integers(min_value=0, max_value=10**4))
def test_a_service_level_is_compared_in_integers(total: int, per_ten_thousand: int) -> None:
    target = per_ten_thousand / 10**4
    most = total * (10**4 - per_ten_thousand) // 10**4
    assert statistics.slo(total - most, total, target)["met"] is True
    if most < total:
        assert statistics.slo(total - most - 1, total, target)["met"] is False


def test_no_events_are_no_service_level_and_impossible_counts_are_refused() -> None:
    assert statistics.slo(0, 0, 0.9) == {"sli": None, "met": None, "alert": False}
    assert statistics.slo(9, 9, 1)["burn"] == 0
    assert statistics.slo(8, 9, 1)["burn"] == math.inf
    for good, total, target in ((2, 1, 0.9), (-1, 1, 0.9), (1, 1, 1.1)):
        with pytest.raises(ValueError, match="cannot be"):
            statistics.slo(good, total, target)


@given(st.fractions(min_value=0, max_value=1), st.integers(min_value=0, max_value=999))
def test_no_error_ratio_burns_faster_than_the_fastest(error: Fraction, per_mille: int) -> None:
    target = per_mille / 1000
    assert not statistics.burn_alert(float(error), float(error), target, math.ceil(statistics.burn_max(target)))


@given(COUNTS)
def test_a_histogram_does_not_differ_from_itself(counts: list[int]) -> None:
    assert statistics.kl_divergence(counts, counts) == pytest.approx(0, abs=1e-12)
    assert statistics.psi(counts, counts) == pytest.approx(0, abs=1e-12)
    assert statistics.jensen_shannon_distance(counts, counts) == pytest.approx(0, abs=1e-7)
    assert statistics.wasserstein(counts, counts) == 0


@given(st.data())
def test_divergences_are_never_negative(data: st.DataObject) -> None:
    one = data.draw(COUNTS)
    other = data.draw(st.lists(st.integers(0, 10**6), min_size=len(one), max_size=len(one)).filter(any))
    assert statistics.kl_divergence(one, other) >= -1e-12
    assert 0 <= statistics.jensen_shannon_distance(one, other) <= 1 + 1e-12
    assert statistics.wasserstein(one, other) == pytest.approx(statistics.wasserstein(other, one))


def test_an_empty_or_negative_histogram_is_refused() -> None:
    for counts in ([], [0, 0], [1, -1]):
        with pytest.raises(ValueError, match="counts of at least zero"):
            statistics.kl_divergence(counts, counts, 0)
    with pytest.raises(ValueError, match="zip"):
        statistics.kl_divergence([1, 2], [1, 2, 3])


@pytest.mark.parametrize(
    ("le", "cumulative", "q", "expected"),
    [
        ([1, "+Inf"], [0, 0], 0.5, math.nan),
        ([1, 2], [1, 2], 0.5, math.nan),
        ([1, "+Inf"], [1, 2], -1, -math.inf),
        ([1, "+Inf"], [1, 2], 2, math.inf),
        ([-1, 1, "+Inf"], [5, 9, 10], 0.2, -1),
        ([1, 2, "+Inf"], [0, 4, 4], 1, 2),
    ],
)
def test_a_quantile_at_its_edges(le: list[Any], cumulative: list[float], q: float, expected: float) -> None:
    found = statistics.histogram_quantile(le, cumulative, q)
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_chance_alone() -> None:
    assert statistics.chi_square_quantile(9, 0.99) == pytest.approx(21.665994, rel=1e-7)  # any table of χ²
    assert statistics.effective_samples(1440, 0.9) == pytest.approx(75.789, rel=1e-4)
