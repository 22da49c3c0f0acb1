"""What must hold for any data, not just for the golden cases."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.statistics.mixture import (
    conditional_power,
    log_normal_cdf,
    mixture_bound,
    mixture_log_e,
    mixture_rho,
)
from promotion_ladder.core.statistics.rates import RateBets
from promotion_ladder.core.statistics.slices import Quad, SliceSums

values = st.floats(-100, 100)
counts = st.floats(1, 1000)
quads = st.lists(st.tuples(values, counts, values, counts), min_size=3, max_size=40)
rows = st.lists(
    st.tuples(st.integers(0, 20), st.integers(20, 200), st.integers(0, 20), st.integers(20, 200)), min_size=1
)


@given(quads, st.integers(0, 40))
def test_slices_split_between_two_processes_give_the_same_number(data: list[Quad], cut: int) -> None:
    first = SliceSums().plus(data[:cut])
    second = SliceSums.model_validate_json(first.model_dump_json()).plus(data[cut:])
    assert second == SliceSums().plus(data)


@given(quads, st.floats(1e-3, 1e3))
def test_another_currency_changes_no_z(data: list[Quad], factor: float) -> None:
    plain = SliceSums().plus(data).difference()
    scaled = SliceSums().plus((y_c * factor, n_c, y_b * factor, n_b) for y_c, n_c, y_b, n_b in data).difference()
    assert plain is not None
    assert scaled is not None
    if plain.variance > 1e-6:  # below that, rounding is all there is
        z = plain.value / math.sqrt(plain.variance)
        assert scaled.value / math.sqrt(scaled.variance) == pytest.approx(z, rel=1e-6, abs=1e-6)


@given(quads)
def test_the_variance_is_that_of_the_linearised_ratios(data: list[Quad]) -> None:
    found = SliceSums().plus(data).difference()
    assert found is not None
    n_c, n_b = sum(x[1] for x in data), sum(x[3] for x in data)
    r_c, r_b = sum(x[0] for x in data) / n_c, sum(x[2] for x in data) / n_b
    residuals = [(x[0] - r_c * x[1]) / n_c - (x[2] - r_b * x[3]) / n_b for x in data]
    k, squares = len(data), sum(r * r for r in residuals)
    assert found.variance == pytest.approx(k / (k - 1) * squares, rel=1e-6, abs=1e-9)
    if squares > 1e-6:
        follow = sum(one * other for one, other in zip(residuals[1:], residuals, strict=False))
        assert found.autocorrelation == pytest.approx(follow / squares, rel=1e-4, abs=1e-4)


def test_an_empty_slice_tells_nothing() -> None:
    full: Quad = (1.0, 2.0, 3.0, 4.0)
    assert SliceSums().plus([full, (0.0, 0.0, 0.0, 0.0), full]).slices == 2
    assert SliceSums().plus([full]).difference() is None
    assert SliceSums().plus([(1.0, 2.0, 0.0, 0.0)] * 5).difference() is None


@given(rows, st.integers(0, 20))
def test_bets_split_between_two_processes_give_the_same_number(data: list[Any], cut: int) -> None:
    whole = RateBets.below(1.5).plus(data)
    first = RateBets.below(1.5).plus(data[:cut])
    assert RateBets.model_validate_json(first.model_dump_json()).plus(data[cut:]) == whole


def test_bets_need_exposure_on_both_sides() -> None:
    assert RateBets.below(1.5).plus([(3, 0, 1, 10), (3, 10, 1, 0)]).log_e == 0


@given(st.floats(1, 1e6), st.floats(0.001, 0.2), st.floats(1, 1e5))
def test_at_the_boundary_the_evidence_is_one_over_alpha(v: float, alpha: float, v_opt: float) -> None:
    rho = mixture_rho(v_opt, alpha)
    assert mixture_log_e(mixture_bound(v, alpha, rho), v, rho) == pytest.approx(math.log(1 / alpha), rel=1e-9)


@given(st.floats(-29.999, -25), st.floats(0, 0.01))
def test_the_logarithm_of_the_tail_has_no_step(z: float, step: float) -> None:
    assert log_normal_cdf(z - step) <= log_normal_cdf(z)
    assert log_normal_cdf(-30.0) == pytest.approx(log_normal_cdf(-29.9999999), rel=1e-6)
    assert log_normal_cdf(-200.0) == pytest.approx(-20006.217280898498, rel=1e-9)  # scipy.special.log_ndtr


def test_a_trend_that_reaches_nothing_is_futile() -> None:
    rho = mixture_rho(30, 0.05)
    assert conditional_power(0.0, 30, 60, 0.05, rho) < 0.05
    assert conditional_power(3.0, 30, 60, 0.05, rho) > 0.9
    assert conditional_power(3.0, 60, 60, 0.05, rho) == 0
