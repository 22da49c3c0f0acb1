"""Which gates cry wolf: each gate on resampled copies of the bot's own history, good and made worse.

One arm's history is drawn anew in blocks of several slices, so that what depends on one another stays together. Gates
that compare get two arms of the same bot: every trade or event goes to one of them at random. A gate that stops such a
climb stops a good release. Then the candidate is made worse by a known amount, and what the gate does is its power.
"""

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from promotion_ladder.core.base import Duration, Record
from promotion_ladder.core.gates import Gate, Guard, NonInferiorityGate, OnFail, StreakGuard, TradesGate, Wants
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.history import History
from promotion_ladder.core.ladder import Ladder, Stage
from promotion_ladder.core.platform import Variant

NOISY = 0.10
"""Share of good releases that a gate may stop before it is called noisy."""
REMEDIES = (
    "tighten the query: measure less of what is not the bot's doing",
    "lengthen the window: a longer slice, min_samples, min_n, lookback or observe",
    "only then relax the limit",
)
"""In this order."""
LEAST = 20
"""Slices, looks or trades that a history must hold."""
WHY_NOT = {
    Wants.REPLAY: "it judges replays, which a history does not hold",
    Wants.STANDING: "a hard limit on money needs no statistics: choose it by what may be lost",
    Wants.MARKET_DATA_AGE: "an age is judged against a fixed limit, not against chance",
    Wants.HEARTBEAT_AGE: "an age is judged against a fixed limit, not against chance",
    Wants.REJECTS: "the history does not hold single orders",
    Wants.ORDERS: "the history does not hold single orders",
    Wants.ATTESTATION: "preflight probes are no matter of chance, and a history does not hold their results",
    Wants.BACKLOG: "a history does not hold who waited for an approval",
    Wants.POSITIONS: "the history does not hold positions",
}


class Found(Record):
    """How often something was stopped, and how soon."""

    degradation: str
    """What was done to the candidate; empty for a good one."""
    rate: float
    error: float
    """Standard error of the rate; of the resampling alone, not of the history."""
    after: Duration | None = None
    """Median time until it was stopped, among those that were."""


class Tuned(Record):
    """What tuning says of one gate or guard."""

    stage: str
    gate: str
    kind: str
    stops: str
    """What counted as being stopped."""
    false: Found
    power: tuple[Found, ...]
    noisy: bool
    remedies: tuple[str, ...] = ()


class Untuned(Record):
    """A gate or guard that could not be tuned."""

    stage: str
    gate: str
    kind: str
    why: str


class Stops(NamedTuple):
    """When each sequence was stopped, as time since observation began; None where it was not."""

    good: list[timedelta | None]
    worse: dict[str, list[timedelta | None]]


class Setting(NamedTuple):
    """What every tuning is given."""

    history: History
    arm: Variant
    splits: int
    seed: int


Judge = Callable[[], Stops | str]


def tune(ladder: Ladder, setting: Setting) -> Iterator[Tuned | Untuned]:
    """One answer for each gate and guard of each stage, in their order; the same for the same seed."""
    for stage in ladder.stages:
        for gate in stage.gates:
            yield _gate(stage, stage.filled_in(gate), setting)
        for guard in stage.guards.checks if stage.guards else ():
            yield _guard(stage, guard, setting)


def _gate(stage: Stage, gate: Gate, setting: Setting) -> Tuned | Untuned:
    from promotion_ladder.core import resampled  # noqa: PLC0415 - it imports numpy, which other commands need not pay

    stops = "it fails, and aborts" if gate.on_fail is OnFail.ABORT else "it fails, and holds"
    if gate.on_fail is OnFail.WAIT:
        stops = "it does not pass before observe.max, and the stage holds"
    match gate:
        case NonInferiorityGate():
            return _told(stage, gate, stops, resampled.non_inferiority(stage, gate, setting), setting)
        case TradesGate():
            return _told(stage, gate, stops, resampled.trades(stage, gate, setting), setting)
        case MetricCheck():
            return _told(stage, gate, stops, resampled.metric(stage, gate, setting), setting)
        case _:
            return _untuned(stage, gate)


def _guard(stage: Stage, guard: Guard, setting: Setting) -> Tuned | Untuned:
    from promotion_ladder.core import resampled  # noqa: PLC0415 - as above

    if isinstance(guard, StreakGuard):
        return _told(stage, guard, "it trips", resampled.streak(stage, guard, setting), setting)
    return _untuned(stage, guard)


def _untuned(stage: Stage, check: Gate | Guard, why: str | None = None) -> Untuned:
    why = why or WHY_NOT.get(check.wants, f"tuning does not know the kind '{check.kind}'")
    return Untuned(stage=stage.name, gate=check.name, kind=check.kind, why=why)


def _told(stage: Stage, check: Gate | Guard, stops: str, found: Stops | str, setting: Setting) -> Tuned | Untuned:
    if isinstance(found, str):
        return _untuned(stage, check, found)
    false = _rate("", found.good, setting.splits)
    noisy = false.rate > NOISY
    return Tuned(
        stage=stage.name, gate=check.name, kind=check.kind, stops=stops, false=false,
        power=tuple(_rate(word, times, setting.splits) for word, times in found.worse.items()),
        noisy=noisy, remedies=REMEDIES if noisy else (),
    )  # fmt: skip


def _rate(word: str, times: list[timedelta | None], splits: int) -> Found:
    known = sorted(time for time in times if time is not None)
    smoothed = (len(known) + 1) / (splits + 2)  # none in four hundred is not "never", and not without error
    error = math.sqrt(smoothed * (1 - smoothed) / splits)
    after = known[len(known) // 2] if known else None
    return Found(degradation=word, rate=len(known) / splits, error=error, after=after)
