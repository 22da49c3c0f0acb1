"""Bets on a bounded mean: what they are worth, what they are sure of, and what is foreseen."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.statistics.betting import LAMS, MeanBets, betting_grid_log_e

values = st.lists(st.floats(-1, 1), max_size=60)
means = st.floats(-0.999, 0.9)


@given(values, means, st.integers(0, 60))
def test_bets_split_between_two_processes_give_the_same_number(g: list[float], m0: float, cut: int) -> None:
    first = MeanBets(m0=m0).plus(g[:cut])
    assert MeanBets.model_validate_json(first.model_dump_json()).plus(g[cut:]) == MeanBets(m0=m0).plus(g)


@given(values, means)
def test_no_value_costs_all_and_the_order_does_not_matter(g: list[float], m0: float) -> None:
    found = betting_grid_log_e(g, m0, LAMS)
    assert math.isfinite(found)
    assert found == pytest.approx(betting_grid_log_e(sorted(g), m0, LAMS), abs=1e-6)


@given(st.floats(-0.999, 0.999), st.floats(0, 1))
def test_one_bet_is_worth_no_more_than_it_costs_where_the_mean_is_not_above(m0: float, part: float) -> None:
    """All on the two ends, the most that a bounded value can spread, with a mean of at most ``m0``."""
    mean = -1 + (m0 + 1) * part
    up, down = (betting_grid_log_e([end], m0, LAMS) for end in (1.0, -1.0))
    assert (1 + mean) / 2 * math.exp(up) + (1 - mean) / 2 * math.exp(down) <= 1 + 1e-9


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(-0.99, 0.5), st.floats(0.001, 0.2))
def test_what_is_sure_is_where_the_same_bets_reach_the_boundary(g: list[float], m0: float, alpha: float) -> None:
    bets, needed = MeanBets(m0=m0).plus(g), math.log(1 / alpha)
    least = bets.least(alpha)
    parts = [lam / (1 + m0) for lam in LAMS]
    against = [math.prod((1 + b * (x - m0)) / (1 + b * (least - m0)) for x in g) for b in parts]
    log_e = math.log(sum(against) / len(against))
    if least > -1:
        assert log_e == pytest.approx(needed, abs=1e-6)
    else:
        assert log_e <= needed
    if abs(bets.log_e - needed) > 1e-9:
        assert (least >= m0) == (bets.log_e >= needed), "the sentence and the verdict agree"


def test_what_is_foreseen_is_what_comes() -> None:
    dice, alpha = random.Random(1), 0.05
    so_far = MeanBets(m0=-0.05).plus(dice.gauss(0, 0.1) for _ in range(30))
    shown = sum(so_far.plus(dice.gauss(0.01, 0.1) for _ in range(40)).log_e >= math.log(1 / alpha) for _ in range(2000))
    assert so_far.chance(0.01, 0.1**2, 40, alpha) == pytest.approx(shown / 2000, abs=0.04)
    assert so_far.chance(-0.2, 0.1**2, 40, alpha) < 0.01
    assert so_far.chance(0.5, 0.0, 40, alpha) > 0.99
