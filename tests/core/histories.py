"""Recorded histories made up for tests of backtest, tune and plan."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from promotion_ladder.core.evidence import TradeOutcome
from promotion_ladder.core.history import History, Key, Timeline, Track
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMITS = {
    "instruments": ["WTI"], "price_band": "1%", "max_order_value": 1, "max_orders_per_minute": 1,
    "max_position_value": 1, "venues": ["sim"],
}  # fmt: skip
NON_INFERIORITY: list[dict[str, Any]] = [
    {"kind": "non_inferiority", "name": "earns", "margin": "0.004", "slice": "5m"},
    {
        "kind": "non_inferiority", "name": "rejects", "measure": "rate", "max_ratio": "1.5", "slice": "5m",
        "sum": "sum(increase($orders_rejected{$labels}[$window]))", "count": "sum(increase($orders{$labels}[$window]))",
    },
]  # fmt: skip
SCORED: dict[str, Any] = {
    "kind": "non_inferiority", "name": "brier", "slice": "5m", "margin": "0.1", "better": "lower",
    "bounds": {"low": 0, "high": 1}, "sum": "sum(increase(brier{$labels}[$window]))",
    "count": "sum(increase(forecasts{$labels}[$window]))",
}  # fmt: skip
"""A score between 0 and 1, with bounds."""
POINTS: list[dict[str, Any]] = [
    {"kind": "threshold", "name": "p99", "query": "p99{$labels}", "max": 1, "min_samples": 5},
    {"kind": "trades", "name": "worth-it", "min_n": 30, "min_win_rate": "40%"},
    {"kind": "drawdown", "name": "drawdown", "max_share": "90%"},
    {"kind": "heartbeat", "name": "alive", "max_age": "2m"},
]
GUARDS: dict[str, Any] = {
    "checks": [
        {"kind": "loss", "name": "loss", "max_share": "50%"},
        {"kind": "streak", "name": "streak", "win_rate_lookback": 20, "min_win_rate": "5%"},
        {"kind": "heartbeat", "name": "beats", "max_age": "3m"},
    ]
}


def ladder(**canary: Any) -> Ladder:
    stage = {
        "name": "canary", "mode": "canary", "capital": "10%", "baseline": True, "limits": LIMITS, "pause": "10m",
        "observe": {"min": "2h", "max": "8h", "every": "60s"}, "guards": GUARDS, "gates": NON_INFERIORITY + POINTS,
    }  # fmt: skip
    paper = {
        "name": "paper", "mode": "paper", "observe": {"min": "30m", "max": "2h"}, "gates": POINTS[1:2],
        "exit": {"kind": "veto", "window": "20m"},
    }  # fmt: skip
    live = {
        "name": "live", "mode": "live", "limits": LIMITS, "guards": GUARDS, "gates": POINTS[1:2],
        "observe": {"min": "1h", "max": "4h"},
    }  # fmt: skip
    return Ladder.model_validate({"ladder": "made-up", "stages": [paper, stage | canary, live]})


def trades(mean: float, seed: int, hours: int = 24, each_hour: int = 60, begin: datetime = BEGIN) -> list[TradeOutcome]:
    dice = random.Random(seed)
    return [
        TradeOutcome(
            pnl=Decimal(f"{dice.gauss(mean, 8):.2f}"), size=Decimal(1000),
            closed_at=begin + timedelta(seconds=round(dice.uniform(0, hours * 3600), 3)),
        )
        for _ in range(hours * each_hour)
    ]  # fmt: skip


def rates(events: float, seed: int, hours: int = 24, orders: int = 40) -> tuple[Timeline, Timeline]:
    """Events and orders of each minute."""
    dice = random.Random(seed)
    moments = [BEGIN + place * MINUTE for place in range(1, hours * 60 + 1)]
    told = [float(sum(dice.random() < events for _ in range(orders))) for _ in moments]
    return Timeline(zip(moments, told, strict=True)), Timeline((at, float(orders)) for at in moments)


def history(
    mean: float = 2.0, rejected: float = 0.02, hours: int = 24, beats: Sequence[datetime] | None = None
) -> History:
    """Candidate and baseline of a bot that earns 2 a trade and has 2 % of its orders rejected."""
    series: dict[Key, Timeline] = {}
    for variant, share, seed in ((Variant.CANDIDATE, rejected, 3), (Variant.BASELINE, 0.02, 4)):
        series[Key("rejects", "sum", variant)], series[Key("rejects", "count", variant)] = rates(share, seed, hours)
    dice = random.Random(5)
    minutes = [BEGIN + place * MINUTE for place in range(hours * 60)]
    series[Key("p99", "query", Variant.CANDIDATE)] = Timeline((at, dice.uniform(0.1, 0.9)) for at in minutes)
    both = {Variant.CANDIDATE: Track(trades(mean, 1, hours)), Variant.BASELINE: Track(trades(2.0, 2, hours))}
    return History(both, series, {"bot": minutes if beats is None else list(beats)})


def scored(worst: float = 1.0, hours: int = 48, forecasts: int = 4) -> History:
    """Brier scores of around 0.15, a few forecasts a minute; ``worst`` is what each is multiplied by."""
    dice = random.Random(6)
    moments = [BEGIN + place * MINUTE for place in range(1, hours * 60 + 1)]
    sums = [(at, worst * sum(dice.betavariate(1, 6) for _ in range(forecasts))) for at in moments]
    counts = Timeline((at, float(forecasts)) for at in moments)
    series = {Key("brier", "sum", Variant.BASELINE): Timeline(sums), Key("brier", "count", Variant.BASELINE): counts}
    return History({}, series)
