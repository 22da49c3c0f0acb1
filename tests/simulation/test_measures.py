"""What the simulation shows to the gates on metrics: there from the start, right in numbers, and bad on order."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.simulation.desk import BOT, Desk, win_rate

from promotion_ladder.core.platform import Mode, OrderStatus
from promotion_ladder.core.query import DEFAULT_METRICS
from promotion_ladder.core.statistics import kl_divergence
from promotion_ladder.simulation import faults, measures, metrics
from promotion_ladder.simulation.behaviour import Kind
from promotion_ladder.simulation.faults import Fault, FaultKind


def shown(desk: Desk, name: str, variant: str = "candidate", **labels: str) -> float:
    """The sum of all series of a metric with these labels."""
    wanted = {"bot": BOT, "variant": variant, **labels}.items()
    found = [
        sample.value
        for family in text_string_to_metric_families(metrics.text(desk.world).decode())
        for sample in family.samples
        if sample.name == name and wanted <= sample.labels.items()
    ]
    assert found, f"no {name} with {dict(wanted)}"
    return sum(found)


def buckets(desk: Desk, name: str = "quantbot_feature_bucket") -> list[float]:
    """Counts, not cumulative, in the order of the edges."""
    edges = [*(str(edge) for edge in measures.FEATURE_EDGES), "+Inf"]
    cumulative = [shown(desk, name, le=edge) for edge in edges]
    return [count - below for count, below in zip(cumulative, [0.0, *cumulative], strict=False)]


@pytest.mark.parametrize("name", [name for name in DEFAULT_METRICS.values() if name != "quantbot_realized_pnl_usd"])
def test_every_documented_metric_is_there_before_anything_happened(desk: Desk, name: str) -> None:
    desk.expose()
    desk.ticks(1)
    for variant in ("stable", "baseline", "candidate"):
        assert shown(desk, name, variant) >= 0


def test_what_is_counted_is_what_happened(desk: Desk) -> None:
    desk.expose(Kind.REJECTING)
    desk.ticks(200)
    orders = desk.orders()
    entries = [order for order in orders if not order["reduces"]]
    assert shown(desk, "quantbot_fills_total") == sum(order["status"] == OrderStatus.FILLED for order in orders)
    assert shown(desk, "quantbot_policy_decisions_total") == len(entries) == sum(buckets(desk))
    assert shown(desk, "quantbot_policy_denied_total") == 0
    assert shown(desk, "quantbot_slo_events_total") == len(entries)
    rejected = sum(order["status"] == OrderStatus.REJECTED for order in entries)
    assert shown(desk, "quantbot_slo_good_total") == len(entries) - rejected < len(entries)
    assert shown(desk, "quantbot_forecasts_total") == len(desk.trades())


def test_in_shadow_nothing_fills_and_everything_else_is_counted(desk: Desk) -> None:
    desk.expose(mode=Mode.SHADOW)
    desk.ticks(100)
    assert shown(desk, "quantbot_fills_total") == 0
    assert shown(desk, "quantbot_forecasts_total") > 5
    assert shown(desk, "quantbot_policy_decisions_total") > 5


def test_a_good_release_forecasts_better_than_a_bleeding_one(desk: Desk) -> None:
    desk.expose(Kind.BLEEDING, after=0)
    desk.ticks(300)
    brier = {
        variant: shown(desk, "quantbot_brier_score_total", variant) / shown(desk, "quantbot_forecasts_total", variant)
        for variant in ("candidate", "baseline")
    }
    assert win_rate(desk.trades()) < 0.2
    assert brier["candidate"] > 0.35
    assert brier["baseline"] < 0.26


@pytest.mark.parametrize(("kind", "error"), [(Kind.GOOD, 0.0), (Kind.MISPRICING, 10.0)])
def test_slippage_is_off_by_what_was_ordered(desk: Desk, kind: Kind, error: float) -> None:
    desk.expose(kind)
    desk.ticks(200)
    fills = shown(desk, "quantbot_fills_total")
    real, predicted = (shown(desk, f"quantbot_slippage_{name}_bps_total") for name in ("real", "predicted"))
    assert (real - predicted) / fills == pytest.approx(error, abs=0.1)
    rmse = (shown(desk, "quantbot_slippage_squared_error_bps2_total") / fills) ** 0.5
    assert rmse == pytest.approx((error**2 + 1 / 12) ** 0.5, abs=0.1)


@pytest.mark.parametrize(("kind", "drifts"), [(Kind.GOOD, False), (Kind.DRIFTING, True)])
def test_the_feature_drifts_on_order(desk: Desk, kind: Kind, *, drifts: bool) -> None:
    desk.expose(kind, Mode.SHADOW)
    desk.ticks(600)
    assert (kl_divergence(buckets(desk), buckets(desk, "quantbot_feature_training_bucket")) > 0.2) is drifts


def test_violations_are_told_by_source_and_severity(desk: Desk) -> None:
    desk.expose(Kind.VIOLATING)
    desk.ticks(200)
    assert shown(desk, "quantbot_violations_total", severity="critical") > 3
    assert shown(desk, "quantbot_violations_total", "baseline", severity="critical") == 0
    assert shown(desk, "quantbot_violations_total", "baseline", severity="warning") < 10


def test_the_policy_denies_on_order_and_what_it_denies_the_venue_never_sees(desk: Desk) -> None:
    desk.expose(Kind.DENIED, share=0.3)
    desk.ticks(300)
    denied, decided = (shown(desk, f"quantbot_policy_{what}_total") for what in ("denied", "decisions"))
    assert 0.2 < denied / decided < 0.4
    assert denied == sum(order["status"] == OrderStatus.DENIED for order in desk.orders())
    assert shown(desk, "quantbot_slo_events_total") == decided - denied


def test_a_market_that_stops_is_one_gap_however_long_and_its_data_grows_old(desk: Desk) -> None:
    desk.expose()
    desk.ticks(2)
    for _ in range(2):
        faults.inject(desk.world, Fault(kind=FaultKind.DATA_STOP, bot=BOT, instrument="WTI"))
        desk.ticks(5)
        faults.clear(desk.world)
        desk.ticks(5)
    assert shown(desk, "quantbot_data_gaps_total", market="WTI") == 2
    assert shown(desk, "quantbot_data_gaps_total", market="WTI-MINI") == 0
    desk.world.run("UPDATE variants SET market_data = json_set(market_data, '$.WTI', '2026-01-01T00:00:00+00:00')")
    assert shown(desk, "quantbot_data_age_seconds", market="WTI") > 3600
    assert shown(desk, "quantbot_data_age_seconds", market="WTI-MINI") < 60


def test_an_overload_stands_while_it_is_ordered(desk: Desk) -> None:
    desk.expose()
    desk.ticks(1)
    faults.inject(desk.world, Fault(kind=FaultKind.NO_WORKERS, bot=BOT))
    assert shown(desk, "quantbot_overloaded", code="no_workers") == 1
    assert shown(desk, "quantbot_overloaded", code="pool_overloaded") == 0
    faults.clear(desk.world)
    assert shown(desk, "quantbot_overloaded", code="no_workers") == 0
