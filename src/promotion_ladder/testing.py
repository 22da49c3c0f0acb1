"""A ladder in your own unit test: how it takes a streak of trades, with no server and no clock.

>>> climb(ladder, trades, started_at=monday).ended
'live'

It walks the stages with the same judges and the same decisions as the real thing. People are taken to agree: veto
windows run out and approvals are given, at the moment the gates pass. The platform is taken to be well: fresh data,
a live heartbeat, no rejects, a deterministic replay.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from promotion_ladder.core.capital import split
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision, Step, decide
from promotion_ladder.core.evidence import (
    Evidence,
    HistogramEvidence,
    HoldingsEvidence,
    NumberEvidence,
    NumbersEvidence,
    PairEvidence,
    ReplayEvidence,
    SamplesEvidence,
    StandingEvidence,
    TradeOutcome,
    TradesEvidence,
)
from promotion_ladder.core.gates import Gate, Guard, MannWhitneyGate, OnTrip, Wants
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.ladder import Ladder, Stage, VetoExit
from promotion_ladder.core.platform import ReplayResult, ReplayRun
from promotion_ladder.core.verdict import Outcome, Verdict

Ended = Literal["live", "held", "aborted", "running"]
Metrics = Callable[[str, datetime], Decimal | None]


class Moment(NamedTuple):
    """One judgement of the climb."""

    at: datetime
    stage: str
    decision: Decision


class Climb(NamedTuple):
    """How a ladder took the trades."""

    ended: Ended
    """``live``: passed every stage. ``held``: a person would be asked. ``aborted``: a guard or gate brought it down.
    ``running``: the trades ran out before that."""
    reached: str
    """The stage it stood on last."""
    why: str
    """The sentence of the last decision or of the guard that tripped."""
    decisions: tuple[Moment, ...]


def climb(
    ladder: Ladder,
    trades: Iterable[TradeOutcome],
    *,
    started_at: datetime,
    metrics: Metrics = lambda _query, _at: None,
    capital: Decimal = Decimal(100_000),
) -> Climb:
    """Walk ``ladder`` over ``trades`` (closed by the candidate in whatever stage it was in then).

    ``metrics(query, at)`` answers the ladder's queries as they stand in its file; None is no data, which never passes.
    The walk ends at the last trade's time.
    """
    ordered = sorted(trades, key=lambda trade: trade.closed_at)
    walk = _Walk(ordered, metrics, ordered[-1].closed_at if ordered else started_at, [])
    now = started_at
    for stage in ladder.stages:
        ended, why, now = walk.stand(stage, now, split(capital, stage).candidate)
        if ended is not None:
            return Climb(ended, stage.name, why, tuple(walk.moments))
    return Climb("live", ladder.stages[-1].name, walk.moments[-1].decision.sentence, tuple(walk.moments))


class _Look(NamedTuple):
    """One look at a stage."""

    entered: datetime
    now: datetime
    capital: Decimal


class _Walk(NamedTuple):
    """What is the same on every stage."""

    trades: Sequence[TradeOutcome]
    metrics: Metrics
    end: datetime
    moments: list[Moment]

    def stand(self, stage: Stage, entered: datetime, capital: Decimal) -> tuple[Ended | None, str, datetime]:
        """Stand on one stage until it is left or ended; how it ended (None: upwards), why, and when."""
        begun = entered + (stage.pause if isinstance(stage.pause, timedelta) else timedelta(0))
        now = begun
        while True:
            look = _Look(entered, now, capital)
            tripped = self._guards(stage, look)
            if tripped is not None:
                return tripped[0], tripped[1].sentence, now
            decision = decide(stage, [self._judge(gate, look) for gate in stage.gates], now - begun)
            self.moments.append(Moment(now, stage.name, decision))
            match decision.step:
                case Step.ADVANCE:
                    window = stage.exit.window if isinstance(stage.exit, VetoExit) else timedelta(0)
                    return None, decision.sentence, now + window
                case Step.ABORT:
                    return "aborted", decision.sentence, now
                case Step.HOLD:
                    return "held", decision.sentence, now
                case Step.CONTINUE if now >= self.end:
                    return "running", decision.sentence, now
                case _:
                    now += stage.observe.every

    def _guards(self, stage: Stage, look: _Look) -> tuple[Ended, Verdict] | None:
        for guard in stage.guards.checks if stage.guards else ():
            verdict = guard.judge(self._evidence(guard, look))
            if verdict.outcome is Outcome.FAIL:
                return ("aborted" if guard.on_trip is OnTrip.ABORT else "held"), verdict
        return None

    def _judge(self, gate: Gate, look: _Look) -> Verdict:
        if isinstance(gate, MetricCheck | MannWhitneyGate):
            gate = gate.model_copy(update={"min_samples": 1})  # a function has no samples to count
        return gate.judge(self._evidence(gate, look))

    def _evidence(self, check: Gate | Guard, look: _Look) -> Evidence:
        seen = tuple(trade for trade in self.trades if look.entered <= trade.closed_at <= look.now)
        match check.wants:
            case Wants.METRIC | Wants.METRIC_PAIR if isinstance(check, MetricCheck):
                number = _number(self.metrics(check.query, look.now), look.now)
                both = {"candidate_capital": look.capital, "baseline_capital": look.capital}
                return (
                    number if check.wants is Wants.METRIC else PairEvidence(candidate=number, baseline=number, **both)
                )
            case Wants.SAMPLES if isinstance(check, MannWhitneyGate):
                value = self.metrics(check.query or "", look.now)
                same = () if value is None else (float(value),)
                return SamplesEvidence(candidate=same, baseline=same)
            case Wants.NUMBERS:
                return _numbers(check, lambda query: self.metrics(query, look.now))
            case Wants.HISTOGRAM:
                detail = "a number for each query makes no histogram"
                return HistogramEvidence(edges=(), candidate=(), baseline=(), problem=Code.NO_DATA, detail=detail)
            case Wants.TRADES:
                return TradesEvidence(candidate=seen, stage_entered_at=look.entered, now=look.now, capital=look.capital)
            case Wants.STANDING:
                return _standing(seen, look.capital)
            case Wants.POSITIONS:
                return HoldingsEvidence(values={})  # trades say what was closed, not what was held
            case Wants.REPLAY:
                run = ReplayRun(decisions_sha256="", decisions=1, pnl=Decimal(0), max_drawdown=Decimal(0), trades=())
                return ReplayEvidence(
                    result=ReplayResult(replay_id="", done=True, candidate=run, repeat=run, stable=run)
                )
            case _:
                return NumberEvidence(value=Decimal(0), at=look.now, samples=1)


def _number(value: Decimal | None, now: datetime) -> NumberEvidence:
    problem = Code.NO_DATA if value is None else None
    return NumberEvidence(value=value, at=now, samples=1, problem=problem)


def _numbers(check: Gate | Guard, metrics: Callable[[str], Decimal | None]) -> NumbersEvidence:
    """What each query answers; one that asks for the values of a label gets the same for each that is expected."""
    found: dict[str, Decimal] = {}
    for name, asked in check.queries().items():
        value = metrics(asked.query)
        if value is None:
            return NumbersEvidence(problem=Code.NO_DATA, detail=f"no number for '{name}'")
        found |= {f"{name} {label}".strip(): value for label in asked.expected or (asked.by and "any",)}
    return NumbersEvidence(numbers=found)


def _standing(trades: Sequence[TradeOutcome], capital: Decimal) -> StandingEvidence:
    pnl = peak = Decimal(0)
    for trade in trades:
        pnl += trade.pnl
        peak = max(peak, pnl)
    return StandingEvidence(pnl=pnl, peak_pnl=peak, capital=capital or None)
