"""The Prometheus metrics of every variant, read from the state at each scrape."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from promotion_ladder.core.platform import Mode
from promotion_ladder.simulation.book import BUCKETS
from promotion_ladder.simulation.world import Row, World

LABELS = ("bot", "release", "variant")


class SimulationCollector(Collector):
    """Turns rows into metric families; counters come from the file and so outlive the process."""

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape."""
        rows = self._world.rows("SELECT * FROM variants ORDER BY bot, variant")
        yield from self._gauges(rows)
        yield from self._counters(rows)

    def _gauges(self, rows: list[Row]) -> Iterator[Metric]:
        families = {
            "realized": GaugeMetricFamily(
                "quantbot_realized_pnl_usd", "Realised profit since the variant entered its mode", labels=LABELS
            ),
            "capital": GaugeMetricFamily(
                "quantbot_capital_usd", "Capital that trades are sized by; notional in shadow and paper", labels=LABELS
            ),
            "heartbeat_at": GaugeMetricFamily(
                "quantbot_heartbeat_timestamp_seconds", "When the variant last showed a sign of life", labels=LABELS
            ),
            "data_at": GaugeMetricFamily(
                "quantbot_market_data_timestamp_seconds", "Time of the newest price it has seen", labels=LABELS
            ),
        }
        for row in rows:
            labels = (row["bot"], row["version"], row["variant"])
            money = Mode(row["mode"]).touches_money
            families["realized"].add_metric(labels, float(Decimal(row["realized"])))
            families["capital"].add_metric(labels, float(Decimal(row["capital"] if money else row["notional"])))
            for name in ("heartbeat_at", "data_at"):
                families[name].add_metric(labels, datetime.fromisoformat(row[name]).timestamp())
        yield from families.values()

    def _counters(self, rows: list[Row]) -> Iterator[Metric]:
        orders = CounterMetricFamily("quantbot_orders", "Orders sent to the venue or the paper book", labels=LABELS)
        rejected = CounterMetricFamily("quantbot_orders_rejected", "Of those, rejected", labels=LABELS)
        latency = HistogramMetricFamily(
            "quantbot_tick_to_trade_seconds", "From market data to the order it led to", labels=LABELS
        )
        series = {(row["bot"], row["version"], row["variant"]): row for row in self._world.rows("SELECT * FROM series")}
        empty = {"orders": 0, "rejected": 0, "latency_sum": 0.0, "buckets": json.dumps([0] * (len(BUCKETS) + 1))}
        for row in rows:
            labels = (row["bot"], row["version"], row["variant"])
            found = series.get(labels, empty)
            orders.add_metric(labels, found["orders"])
            rejected.add_metric(labels, found["rejected"])
            latency.add_metric(labels, _cumulative(json.loads(found["buckets"])), found["latency_sum"])
        yield from (orders, rejected, latency)


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    return [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]


def text(world: World) -> bytes:
    """All metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(SimulationCollector(world))
    return generate_latest(registry)
