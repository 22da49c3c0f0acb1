"""Replay: the candidate twice and stable once over the recorded prices, with the same decisions as live ticks."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from promotion_ladder.core.canonical import digest
from promotion_ladder.core.platform import ClosedTrade, Mode, ReplayOrder, ReplayResult, ReplayRun, Variant
from promotion_ladder.core.release import Release
from promotion_ladder.simulation.behaviour import Behaviour, conduct
from promotion_ladder.simulation.prices import Prices
from promotion_ladder.simulation.strategy import Decision, Story, decide, quantity
from promotion_ladder.simulation.world import World

STEPS = 500
"""Steps of the recorded series that are replayed."""


@dataclass(frozen=True)
class ReplayJob:
    """Everything a replay needs, so that it can run in a thread without touching the simulation's state."""

    replay_id: str
    bot: str
    seed: int
    capital: Decimal
    instruments: tuple[str, ...]
    prices: Prices
    candidate: tuple[Release, Behaviour]
    stable: tuple[Release, Behaviour]


def start(world: World, name: str, order: ReplayOrder) -> str:
    """Note the replay; its id, the same for the same key. ``OPS_UNKNOWN_RELEASE`` if it was not published."""

    def act() -> str:
        world.release(name, order.release.digest)
        again = world.value("SELECT count(*) FROM replays") if "keys" in world.without else 0
        replay_id = digest({"bot": name, "key": order.key, **({"again": again} if again else {})})[:16]
        world.run("INSERT INTO replays VALUES (?, ?, ?, NULL)", replay_id, name, order.release.digest)
        world.effect("start_replay", name, Variant.CANDIDATE, order.key, replay_id=replay_id)
        return replay_id

    world.bot(name)
    return str(world.once("start_replay", name, order.key, order, act))


def waiting(world: World) -> list[ReplayJob]:
    """The replays that were asked for and have no result yet, also those a killed process left behind."""
    rows = world.rows(
        "SELECT replays.*, total_capital, instruments, stable FROM replays JOIN bots USING (bot) WHERE result IS NULL"
    )
    return [
        ReplayJob(
            replay_id=row["replay_id"],
            bot=row["bot"],
            seed=world.seed,
            capital=Decimal(row["total_capital"]),
            instruments=tuple(json.loads(row["instruments"])),
            prices=world.prices.tail(STEPS),
            candidate=(world.release(row["bot"], row["digest"]), world.behaviour(row["bot"], row["digest"])),
            stable=(world.release(row["bot"], row["stable"]), world.behaviour(row["bot"], row["stable"])),
        )
        for row in rows
    ]


def run(job: ReplayJob) -> ReplayResult:
    """Run all three passes."""
    return ReplayResult(
        replay_id=job.replay_id,
        done=True,
        candidate=_pass(job, *job.candidate, Variant.CANDIDATE, ""),
        repeat=_pass(job, *job.candidate, Variant.CANDIDATE, "again" if job.candidate[1].nondeterministic else ""),
        stable=_pass(job, *job.stable, Variant.STABLE, ""),
    )


def finish(world: World, result: ReplayResult) -> None:
    """Store what a replay found."""
    with world.transaction():
        world.run("UPDATE replays SET result = ? WHERE replay_id = ?", result.model_dump_json(), result.replay_id)


def result(world: World, name: str, replay_id: str) -> ReplayResult | None:
    """What the replay found so far; None when there is no such replay."""
    row = world.row("SELECT result FROM replays WHERE bot = ? AND replay_id = ?", name, replay_id)
    if row is None:
        return None
    if row["result"] is None:
        return ReplayResult(replay_id=replay_id, done=False)
    return ReplayResult.model_validate_json(row["result"])


@dataclass
class _Ledger:
    """What one pass has done so far."""

    decisions: int = 0
    lines: list[str] = field(default_factory=list)
    closed: list[tuple[int, Decimal]] = field(default_factory=list)
    trades: list[ClosedTrade] = field(default_factory=list)
    wake: dict[str, int] = field(default_factory=dict)


def _pass(job: ReplayJob, release: Release, behaviour: Behaviour, variant: Variant, salt: str) -> ReplayRun:
    story = Story(job.seed, job.bot, release.digest, Mode.REPLAY, salt)
    now = conduct(behaviour, Mode.REPLAY, {})
    ledger = _Ledger()
    for tick in range(len(job.prices.values)):
        for instrument in job.instruments:
            if ledger.wake.get(instrument, 0) > tick:
                continue
            decision = decide(story, ledger.decisions, instrument, tick, job.prices, now)
            over = tick + decision.rest + decision.hold
            if over >= len(job.prices.values):
                continue
            ledger.decisions += 1
            ledger.lines.append(decision.line(tick))
            ledger.wake[instrument] = over + 1
            if not decision.rejected:
                _trade(job, ledger, release, variant, decision, tick)
    trades = sorted(ledger.trades, key=lambda trade: (trade.closed_at, trade.instrument))
    return ReplayRun(
        decisions_sha256=hashlib.sha256("\n".join(ledger.lines).encode()).hexdigest(),
        decisions=ledger.decisions,
        pnl=sum((trade.pnl for trade in trades), Decimal(0)),
        max_drawdown=_drawdown([trade.pnl for trade in trades]),
        trades=tuple(trades),
    )


def _trade(job: ReplayJob, ledger: _Ledger, release: Release, variant: Variant, decision: Decision, tick: int) -> None:
    opened = tick + decision.rest
    closed = opened + decision.hold
    size = quantity(job.capital, job.prices.at(tick))
    entered = job.prices.at(opened)
    ledger.trades.append(
        ClosedTrade(
            trade_id=f"r{decision.number}",
            bot=job.bot,
            variant=variant,
            release=release.version,
            mode=Mode.REPLAY,
            instrument=decision.instrument,
            pnl=(job.prices.at(closed) - entered) * size * decision.direction,
            size=size * entered,
            # Trades of the second instrument would share their moment with those of the first.
            opened_at=job.prices.days[opened],
            closed_at=job.prices.days[closed] + timedelta(seconds=job.instruments.index(decision.instrument)),
        )
    )


def _drawdown(pnls: list[Decimal]) -> Decimal:
    """Largest fall of the running profit below its highest so far, at least 0."""
    running = peak = worst = Decimal(0)
    for pnl in pnls:
        running += pnl
        peak = max(peak, running)
        worst = max(worst, peak - running)
    return worst
