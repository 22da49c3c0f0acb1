"""What one look at a stage with eight gates costs, after a hundred trades and after a million.

Beside it quant-rollout's tick on as many trades: the closest thing there is, two thresholds and a kill switch.
"""

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from benchmarks.arms import Floats
from benchmarks.measure import Benchmark, Result, Tell
from quant_rollout import Gate, KillSwitch, Rollout, RolloutAction
from quant_rollout import Stage as PeersStage
from quant_rollout import TradeOutcome as PeersTrade

from promotion_ladder.core.decide import Step, carry, decide, judge
from promotion_ladder.core.evidence import (
    Arm,
    Evidence,
    NumberEvidence,
    PairEvidence,
    Slice,
    SlicesEvidence,
    StandingEvidence,
    TradeOutcome,
    TradesEvidence,
)
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.statistics.carried import Carried, TradeSums
from promotion_ladder.core.statistics.rates import RateBets
from promotion_ladder.core.statistics.slices import SliceSums
from promotion_ladder.core.verdict import Outcome

GATES = 8
SIZES = {"100": 100, "10k": 10_000, "1m": 1_000_000}
PACE = 20
"""Trades in a slice of five minutes: the pace of docs/gates/calibration.md."""
SLICE = timedelta(minutes=5)
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
STAGE = Stage.model_validate({
    "name": "shadow", "mode": "shadow", "observe": {"min": "1h", "max": "30d", "every": "30m"},
    "gates": [
        {"kind": "non_inferiority", "against": "stable", "name": "profit", "margin": "0.002", "slice": "5m"},
        {
            "kind": "non_inferiority", "against": "stable", "name": "rejects", "slice": "5m",
            "measure": "rate", "max_ratio": "1.5",
            "sum": "sum(increase(rejected[$window]))", "count": "sum(increase(orders[$window]))",
        },
        {
            "kind": "non_inferiority", "against": "stable", "name": "p99", "slice": "5m",
            "measure": "quantile", "max_ratio": 2,
            "histogram": "tick_to_trade", "above": "0.25",
        },
        {"kind": "threshold", "name": "errors", "query": "errors", "max": 3},
        {"kind": "ratio", "against": "stable", "name": "calls", "query": "calls", "max": "1.2"},
        {"kind": "trades", "name": "closed", "min_n": 50, "min_win_rate": "40%", "min_ev_per_dollar": "-0.001"},
        {"kind": "drawdown", "name": "fall", "max": 500},
        {"kind": "staleness", "name": "fresh", "max_age": "10s"},
    ],
})  # fmt: skip


def look(trades: int) -> dict[str, Evidence]:
    """The evidence of a look after ``trades`` trades: what is carried, and one new slice."""
    slices = trades // PACE
    now = BEGIN + (slices + 1) * SLICE
    dice = np.random.default_rng(1)
    number = NumberEvidence(value=Decimal(1), at=now, samples=60)
    closed = tuple(
        TradeOutcome(pnl=Decimal(f"{dice.normal(0.5, 10):.2f}"), size=Decimal(1000), closed_at=now - i * SLICE / PACE)
        for i in range(3 * PACE, 0, -1)
    )
    carried = Carried(
        closed=TradeSums(n=trades, wins=trades * 52 // 100, pnl=Decimal(trades) / 2, size=Decimal(1000 * trades)),
        since=BEGIN, until=closed[0].closed_at,
    )  # fmt: skip
    return {
        "profit": _sums(dice.normal(10, 45, (slices + 1, 2)), PACE * 1000, now, None),
        "rejects": _sums(dice.binomial(100, 0.02, (slices + 1, 2)).astype(float), 100, now, RateBets.below(1.5)),
        "p99": _sums(dice.binomial(100, 0.01, (slices + 1, 2)).astype(float), 100, now, RateBets.below(2)),
        "errors": number,
        "calls": PairEvidence(candidate=number, baseline=number),
        "closed": TradesEvidence(before=carried, candidate=closed, stage_entered_at=BEGIN, now=now),
        "fall": StandingEvidence(pnl=Decimal(100), peak_pnl=Decimal(120), capital=Decimal(10_000)),
        "fresh": NumberEvidence(value=Decimal(1), at=now),
    }


def _sums(sums: Floats, count: int, now: datetime, bets: RateBets | None) -> SlicesEvidence:
    """All slices but the last as they are carried, and that one."""
    quads = [(c, count, b, count) for c, b in sums[:-1].tolist()]
    before = Carried(
        sums=SliceSums().plus(quads), bets=bets.plus(quads) if bets else None, samples=Decimal(PACE * len(quads)),
        since=BEGIN, until=now - SLICE,
    )  # fmt: skip
    arms = [Arm(sum=Decimal(f"{value:.2f}"), count=Decimal(count), samples=PACE) for value in sums[-1].tolist()]
    last = Slice(start=now - SLICE, candidate=arms[0], baseline=arms[1])
    return SlicesEvidence(before=before, slices=(last,), since=now - SLICE, until=now)


def judged(items: dict[str, Evidence]) -> Step:
    """One look as a worker judges it, without asking anybody: verdicts, sums to carry, decision."""
    verdicts = judge(STAGE, items, 1, carry(STAGE, items, 1))
    if any(verdict.outcome in (Outcome.ERROR, Outcome.NO_DATA) for verdict in verdicts):
        raise RuntimeError(f"a gate could not be judged: {verdicts}")
    return decide(STAGE, verdicts, timedelta(hours=2)).step


def peer(trades: int, folder: Path) -> Callable[[], None]:
    """A tick of quant-rollout on ``trades`` trades, its state file included; it neither kills nor advances."""
    dice = np.random.default_rng(1)
    seen = [PeersTrade(float(pnl), 100.0, "2026-01-05T00:00:00Z") for pnl in dice.normal(5, 1, trades)]
    rollout = Rollout(
        stages=[PeersStage(0, {}), PeersStage(1, {}, Gate(min_n=50, min_win_rate=0.4, min_total_pnl=1e12))],
        kill_switch=KillSwitch(), state_path=folder / "state.json",
    )  # fmt: skip

    def tick() -> None:
        if rollout.tick(seen).action is not RolloutAction.NOOP:
            raise RuntimeError("the tick was meant to find nothing to do")

    return tick


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1e6 * (time.perf_counter() - began)


def _measure(name: str, trades: int, n: int) -> Result:
    items = look(trades)
    with tempfile.TemporaryDirectory() as folder:
        tick = peer(trades, Path(folder))
        gc.freeze()  # the peer's million trades must not be walked by collections in our share of the time
        samples, floor = [], []
        for _ in range(n):
            judged(items)  # or the peer's million trades, gone through just before, would be what is measured
            samples.append(_took(lambda: judged(items)))
            floor.append(_took(tick))
        gc.unfreeze()
    each = sorted(samples)[len(samples) // 2] / GATES
    note = f"{GATES} gates, {each:.0f} microseconds each at the median; the floor is a tick of quant-rollout 0.1.0"
    return Result(name, "µs", samples, floor, note)


def _of(name: str, trades: int) -> Benchmark:
    async def run(n: int, tell: Tell) -> list[Result]:
        tell(f"{trades:,} trades")
        return [await asyncio.to_thread(_measure, name, trades, n)]

    return Benchmark((name,), 20 if trades > 100_000 else 300, run)


BENCHMARKS = tuple(_of(f"judge_8_gates_{name}", trades) for name, trades in SIZES.items())
