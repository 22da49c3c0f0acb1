"""Capital is shared out to the cent; the parts sum to the whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.capital import split
from promotion_ladder.core.ladder import Stage

LIMITS = {
    "instruments": ["WTI"], "price_band": "1%", "max_order_value": 1, "max_orders_per_minute": 1,
    "max_position_value": 1, "venues": ["sim"],
}  # fmt: skip
GUARDS = {"checks": [{"kind": "loss", "name": "loss", "max": 1}]}
GATES = [{"kind": "heartbeat", "name": "alive", "max_age": "5s"}]


def stage(mode: str, **fields: object) -> Stage:
    return Stage.model_validate(
        {"name": "s", "mode": mode, "gates": GATES, "limits": LIMITS, "guards": GUARDS, **fields}
    )


cents = st.integers(1, 10**14).map(lambda n: Decimal(n) / 100)


@given(cents, st.integers(1, 5000), st.booleans())
def test_the_parts_of_a_canary_sum_to_the_whole_and_none_is_negative(
    total: Decimal, points: int, baseline: bool
) -> None:
    shares = split(total, stage("canary", capital=Decimal(points) / 10000, baseline=baseline))
    parts = (shares.stable, shares.baseline, shares.candidate)
    assert sum(parts) == total
    assert all(part >= 0 and part == part.quantize(Decimal("0.01")) for part in parts)
    assert shares.candidate <= total * Decimal(points) / 10000
    assert shares.baseline == (shares.candidate if baseline else 0)


@given(cents)
def test_live_has_all_and_before_canary_there_is_nothing(total: Decimal) -> None:
    assert split(total, stage("live")).candidate == total
    assert split(total, stage("paper")).stable == total


@pytest.mark.parametrize("total", ["0", "-1", "10.001", "0.001"])
def test_capital_that_is_not_whole_cents_is_refused(total: str) -> None:
    with pytest.raises(ValueError, match="whole cents"):
        split(Decimal(total), stage("live"))
