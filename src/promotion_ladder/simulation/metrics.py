"""The Prometheus metrics of every variant, read from the state at each scrape."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import product

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from promotion_ladder.core.platform import Mode
from promotion_ladder.simulation.book import BUCKETS
from promotion_ladder.simulation.faults import OVERLOADS
from promotion_ladder.simulation.measures import FEATURE_EDGES, TRAINING
from promotion_ladder.simulation.world import Row, World

LABELS = ("bot", "release", "variant")
COUNTS = {
    "fills": ("quantbot_fills", "Orders filled, entries and exits"),
    "slippage_predicted": ("quantbot_slippage_predicted_bps", "Sum of the slippage the model predicts for its fills"),
    "slippage_real": ("quantbot_slippage_real_bps", "Sum of the slippage the fills had"),
    "slippage_squared_error": ("quantbot_slippage_squared_error_bps2", "Sum of squares of real less predicted"),
    "brier": ("quantbot_brier_score", "Sum of the Brier scores of forecasts whose outcome is known"),
    "forecasts": ("quantbot_forecasts", "Number of those forecasts"),
    "slo_good": ("quantbot_slo_good", "Decisions that became an order within 250 ms which nobody rejected"),
    "slo_events": ("quantbot_slo_events", "Decisions that became an order"),
    "policy_decisions": ("quantbot_policy_decisions", "Decisions put to the bot's policy and limits"),
    "policy_denied": ("quantbot_policy_denied", "Of those, denied"),
}
"""Counters with no label of their own: the name in the file, that of the metric, and what it is."""


class SimulationCollector(Collector):
    """Turns rows into metric families; counters come from the file and so outlive the process."""

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape."""
        rows = self._world.rows("SELECT * FROM variants ORDER BY bot, variant")
        yield from self._gauges(rows)
        yield from self._counters(rows)
        yield from self._now(rows)
        yield from self._counts(rows)

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

    def _now(self, rows: list[Row]) -> Iterator[Metric]:
        """What is true at this moment: the age of each market's data, and which codes of overload stand."""
        ages = GaugeMetricFamily(
            "quantbot_data_age_seconds", "Age of a market's newest price", labels=(*LABELS, "market")
        )
        overloaded = GaugeMetricFamily(
            "quantbot_overloaded", "1 while this code of overload stands, else 0", labels=(*LABELS, "code")
        )
        now = self._world.now()
        for row in rows:
            labels = (row["bot"], row["version"], row["variant"])
            for market, at in json.loads(row["market_data"]).items():
                age = (now - datetime.fromisoformat(at)).total_seconds()
                ages.add_metric((*labels, market), max(age, 0.0))
            for code in OVERLOADS:
                overloaded.add_metric((*labels, code), float(self._world.fault(row["bot"], code)))
        yield from (ages, overloaded)

    def _counts(self, rows: list[Row]) -> Iterator[Metric]:
        """Counters by name; each is there from the start, as 0, or its first event could not be seen to happen."""
        counted = {
            (row["bot"], row["version"], row["variant"], row["name"], row["label"]): row["value"]
            for row in self._world.rows("SELECT * FROM counts")
        }
        for name, (metric, about) in COUNTS.items():
            family = CounterMetricFamily(metric, about, labels=LABELS)
            for row in rows:
                labels = (row["bot"], row["version"], row["variant"])
                family.add_metric(labels, counted.get((*labels, name, ""), 0))
            yield family
        gaps = CounterMetricFamily("quantbot_data_gaps", "Times a market's data stopped", labels=(*LABELS, "market"))
        violations = CounterMetricFamily(
            "quantbot_violations", "Broken rules of a parser or schema", labels=(*LABELS, "source", "severity")
        )
        recent = HistogramMetricFamily("quantbot_feature", "Values of the model's feature", labels=LABELS)
        training = HistogramMetricFamily("quantbot_feature_training", "The same in its training data", labels=LABELS)
        for row in rows:
            labels = (row["bot"], row["version"], row["variant"])
            for market in json.loads(row["market_data"]):
                gaps.add_metric((*labels, market), counted.get((*labels, "data_gaps", market), 0))
            for source, severity in product(("parser", "schema"), ("warning", "critical")):
                found = counted.get((*labels, "violations", f"{source} {severity}"), 0)
                violations.add_metric((*labels, source, severity), found)
            seen = [int(counted.get((*labels, "feature", str(place)), 0)) for place in range(len(TRAINING))]
            recent.add_metric(labels, _cumulative(seen, FEATURE_EDGES), None)
            training.add_metric(labels, _cumulative(list(TRAINING), FEATURE_EDGES), None)
        yield from (gaps, violations, recent, training)


def _cumulative(counts: list[int], edges: tuple[float, ...] = BUCKETS) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in edges), "+Inf"]
    return [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]


def text(world: World) -> bytes:
    """All metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(SimulationCollector(world))
    return generate_latest(registry)
