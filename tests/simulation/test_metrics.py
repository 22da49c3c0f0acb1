from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.simulation.desk import BOT, Desk

from promotion_ladder.core.platform import Mode
from promotion_ladder.simulation import metrics
from promotion_ladder.simulation.behaviour import Kind

CANDIDATE = {"bot": BOT, "release": "2.0.0", "variant": "candidate"}


def sample(desk: Desk, name: str, **labels: str) -> float:
    wanted = {**CANDIDATE, **labels}
    found = [
        each.value
        for family in text_string_to_metric_families(metrics.text(desk.world).decode())
        for each in family.samples
        if each.name == name and each.labels == wanted
    ]
    assert len(found) == 1, f"{name}{wanted}: {found}"
    return float(found[0])


def counters(desk: Desk) -> list[str]:
    """Everything that does not grow older by being looked at."""
    return [line for line in metrics.text(desk.world).decode().splitlines() if "quantbot_data_age" not in line]


def test_every_variant_has_every_series(desk: Desk) -> None:
    desk.expose()
    desk.ticks(60)
    for variant, release in (("stable", "1.0.0"), ("baseline", "1.0.0"), ("candidate", "2.0.0")):
        labels = {"variant": variant, "release": release}
        assert sample(desk, "quantbot_orders_total", **labels) > 10
        assert sample(desk, "quantbot_tick_to_trade_seconds_bucket", le="+Inf", **labels) > 5
        assert sample(desk, "quantbot_heartbeat_timestamp_seconds", **labels) > 1.7e9
        assert sample(desk, "quantbot_market_data_timestamp_seconds", **labels) > 1.7e9
    profit = sum((Decimal(trade["pnl"]) for trade in desk.trades()), Decimal(0))
    assert sample(desk, "quantbot_realized_pnl_usd") == pytest.approx(float(profit))
    assert sample(desk, "quantbot_capital_usd") == 10000


def test_shadow_has_the_series_too_without_orders(desk: Desk) -> None:
    desk.expose(mode=Mode.SHADOW)
    desk.ticks(60)
    assert sample(desk, "quantbot_orders_total") == 0
    assert sample(desk, "quantbot_orders_rejected_total") == 0
    assert sample(desk, "quantbot_realized_pnl_usd") != 0
    assert sample(desk, "quantbot_tick_to_trade_seconds_count") > 5


def test_counters_outlive_the_process(desk: Desk) -> None:
    desk.expose()
    desk.ticks(60)
    before = counters(desk)
    desk.reopen()
    assert counters(desk) == before


def test_counted_orders_are_the_orders(desk: Desk) -> None:
    desk.expose(Kind.REJECTING)
    desk.ticks(100)
    assert sample(desk, "quantbot_orders_total") == len(desk.orders())
    rejected = [order for order in desk.orders() if order["status"] == "rejected"]
    assert sample(desk, "quantbot_orders_rejected_total") == len(rejected) > 5


def test_slow_shows_in_the_histogram(desk: Desk) -> None:
    desk.expose(Kind.SLOW)
    desk.ticks(60)
    assert sample(desk, "quantbot_tick_to_trade_seconds_bucket", le="0.25") == 0
    baseline = {"variant": "baseline", "release": "1.0.0"}
    count = sample(desk, "quantbot_tick_to_trade_seconds_count", **baseline)
    assert sample(desk, "quantbot_tick_to_trade_seconds_bucket", le="0.025", **baseline) == count
    mean = sample(desk, "quantbot_tick_to_trade_seconds_sum") / sample(desk, "quantbot_tick_to_trade_seconds_count")
    assert 0.4 < mean < 0.9
