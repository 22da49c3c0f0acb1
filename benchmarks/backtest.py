"""How long ``ladder backtest`` walks over thirty days of one-minute looks: eight gates, four guards, every trade.

Beside it the same history written down as lines of JSON and read again with ``json.loads``: less than any backtest
could do with what was recorded.
"""

import asyncio
import gc
import json
import random
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from benchmarks.measure import Benchmark, Result, Tell
from tests.core.histories import BEGIN, LIMITS, MINUTE

from promotion_ladder.core.backtest import enter, walk
from promotion_ladder.core.evidence import TradeOutcome
from promotion_ladder.core.history import History, Key, Timeline, Track
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant

DAYS = 30
LOOKS = DAYS * 1440
TRADES = 28_800
ARMS = (Variant.CANDIDATE, Variant.BASELINE)
CAPITAL = Decimal(1_000_000)
GATES: list[dict[str, Any]] = [
    {"kind": "non_inferiority", "name": "earns", "margin": "0.002", "slice": "5m"},
    {
        "kind": "non_inferiority", "name": "rejects", "measure": "rate", "max_ratio": "1.5", "slice": "5m",
        "sum": "sum(increase($orders_rejected{$labels}[$window]))", "count": "sum(increase($orders{$labels}[$window]))",
    },
    {"kind": "threshold", "name": "p99", "query": "p99{$labels}", "max": 1},
    {"kind": "ratio", "name": "calls", "query": "calls{$labels}", "against": "baseline", "max": 9},
    {"kind": "trades", "name": "worth-it", "min_n": 30, "min_win_rate": "40%", "min_ev_per_dollar": "-0.001"},
    {"kind": "drawdown", "name": "fall", "max_share": "90%"},
    {"kind": "heartbeat", "name": "alive", "max_age": "2m"},
    {"kind": "staleness", "name": "fresh", "max_age": "2m"},
]  # fmt: skip
GUARDS: list[dict[str, Any]] = [
    {"kind": "loss", "name": "loss", "max_share": "90%"},
    {"kind": "drawdown", "name": "drawdown", "max_share": "90%"},
    {"kind": "streak", "name": "streak", "win_rate_lookback": 20, "min_win_rate": "1%"},
    {"kind": "heartbeat", "name": "beats", "max_age": "3m"},
]  # fmt: skip
CANARY: dict[str, Any] = {
    "mode": "canary", "capital": "10%", "baseline": True, "limits": LIMITS, "gates": GATES,
    "observe": {"min": "1d", "max": "33h", "every": "1m"}, "guards": {"checks": GUARDS},
}  # fmt: skip
LADDER = Ladder.model_validate({
    "ladder": "thirty-days",
    "stages": [
        *({"name": f"canary-{day}", **CANARY} for day in range(1, DAYS + 1)),
        {"name": "live", "mode": "live", "limits": LIMITS, "guards": {"checks": GUARDS}, "gates": GATES[4:5]},
    ],
})  # fmt: skip
"""A stage may not have more than 2000 looks, so each day is one."""


def recorded() -> History:
    """Trades, series of each minute and signs of life of both arms, alike but for chance."""
    dice = random.Random(1)  # noqa: S311 - made-up measurements, no secrets
    moments = [BEGIN + place * MINUTE for place in range(LOOKS + 1)]
    series: dict[Key, Timeline] = {}
    for arm in ARMS:
        drawn = {
            ("rejects", "sum"): [float(sum(dice.random() < 0.02 for _ in range(20))) for _ in moments],
            ("rejects", "count"): [20.0] * len(moments),
            ("p99", "query"): [dice.uniform(0.1, 0.9) for _ in moments],
            ("calls", "query"): [dice.uniform(5, 10) for _ in moments],
        }
        series |= {Key(*name, arm): Timeline(zip(moments, values, strict=True)) for name, values in drawn.items()}
    return History({arm: Track(_trades(dice)) for arm in ARMS}, series, {"bot": moments, "market_data": moments})


def _trades(dice: random.Random) -> list[TradeOutcome]:
    return [
        TradeOutcome(
            pnl=Decimal(f"{dice.gauss(0.5, 8):.2f}"), size=Decimal(1000),
            closed_at=BEGIN + timedelta(seconds=round(dice.uniform(0, DAYS * 86400), 3)),
        )
        for _ in range(TRADES)
    ]  # fmt: skip


def written(history: History) -> list[str]:
    """The same as lines of JSON, as docs/backtest.md has them."""
    lines = [
        {"closed_at": one.closed_at.isoformat(), "pnl": str(one.pnl), "size": str(one.size), "variant": arm}
        for arm in ARMS
        for one in history.trades(arm).trades
    ]
    lines += [
        {"at": at.isoformat(), "gate": key.gate, "field": key.field, "variant": key.variant, "value": str(value)}
        for key, one in history.series.items()
        for at, value in zip(one.times, one.values, strict=True)
    ]
    lines += [{"at": at.isoformat(), "of": of} for of, moments in history.beats.items() for at in moments]
    return [json.dumps(line) for line in lines]


def read(lines: list[str]) -> float:
    """Seconds for reading them, without looking at what they say."""
    began = time.perf_counter()
    for line in lines:
        json.loads(line)
    return time.perf_counter() - began


def walked(history: History) -> float:
    """Seconds for the walk over all of it."""
    began = time.perf_counter()
    looks = sum(1 for _ in walk(LADDER, history, enter(LADDER, 0, BEGIN), BEGIN + timedelta(days=DAYS), CAPITAL))
    took = time.perf_counter() - began
    if looks < LOOKS:
        raise RuntimeError(f"the walk ended after {looks} of {LOOKS} looks")
    return took


def _measure(n: int) -> list[Result]:
    history = recorded()
    lines = written(history)
    gc.freeze()  # as the command does
    samples, floor = [], []
    for _ in range(n):
        samples.append(walked(history))
        floor.append(read(lines))
    pace = LOOKS / sorted(samples)[len(samples) // 2]
    note = (
        f"{pace:,.0f} looks a second at the median; the floor is json.loads of the same history, {len(lines):,} lines"
    )
    return [Result("backtest_30_days", "s", samples, floor, note)]


async def _run(n: int, tell: Tell) -> list[Result]:
    tell(f"{LOOKS:,} looks")
    return await asyncio.to_thread(_measure, n)


BENCHMARKS = (Benchmark(("backtest_30_days",), 5, _run),)
