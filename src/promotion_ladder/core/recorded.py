"""What a gate or guard is shown of a recorded history: the same evidence it would have been given at that time.

A history says what was measured and which trades were closed. It does not say what replays, orders and open positions
were like: those are taken to be well (:func:`assumed`), as are the signs of life where none were recorded. A kind that
wants anything else is shown nothing, and nothing is never a pass.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import NamedTuple

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import (
    AttestationEvidence,
    Evidence,
    HistogramEvidence,
    HoldingsEvidence,
    NumberEvidence,
    NumbersEvidence,
    PairEvidence,
    ProbeResult,
    ReplayEvidence,
    SamplesEvidence,
    Slice,
    SlicesEvidence,
    StandingEvidence,
    TradeOutcome,
    TradesEvidence,
)
from promotion_ladder.core.gates import (
    AttestationGate,
    DriftGate,
    Gate,
    Guard,
    MannWhitneyGate,
    NonInferiorityGate,
    OnTrip,
    Wants,
)
from promotion_ladder.core.gates.check import Asked
from promotion_ladder.core.gates.comparison import ComparisonCheck
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.histograms import histogram
from promotion_ladder.core.history import History, Key, Track
from promotion_ladder.core.ladder import ApprovalExit, Ladder, Stage, VetoExit
from promotion_ladder.core.platform import ReplayResult, ReplayRun, Variant
from promotion_ladder.core.slicing import Span, newly_sealed, of_trades
from promotion_ladder.core.statistics.carried import Carried

BEATS = {Wants.HEARTBEAT_AGE: "bot", Wants.MARKET_DATA_AGE: "market_data"}
TAKEN_TO_BE_WELL = {
    Wants.ATTESTATION: "preflight probes are taken to have passed at each look",
    Wants.BACKLOG: "no approval is taken to have waited for people",
    Wants.REPLAY: "replays are taken to end twice the same, and as stable's",
    Wants.REJECTS: "no order is taken to have been rejected by the venue",
    Wants.ORDERS: "orders are taken to have come at a normal rate",
    Wants.POSITIONS: "nothing is taken to have been held: closed trades do not say what was",
    Wants.HEARTBEAT_AGE: "the bot is taken to have lived all the time: no heartbeats were recorded",
    Wants.MARKET_DATA_AGE: "market data are taken to have been fresh: none of their times were recorded",
}
_RUN = ReplayRun(decisions_sha256="", decisions=1, pnl=Decimal(0), max_drawdown=Decimal(0), trades=())
_REPLAYED = ReplayEvidence(result=ReplayResult(replay_id="", done=True, candidate=_RUN, repeat=_RUN, stable=_RUN))


class Look(NamedTuple):
    """From where one look at a stage is taken."""

    stage: Stage
    entered: datetime
    begun: datetime
    """When observation began: the pause is over."""
    now: datetime
    capital: Decimal
    """The candidate's."""


Source = Callable[[Look], Evidence]
"""What a check is shown in each look."""


def source(check: Gate | Guard, history: History, stage: Stage) -> Source:
    """What ``check`` is shown of ``history`` in ``stage``; slices come from :func:`slices`, which needs the sums."""
    match check:
        case ComparisonCheck():
            return _pair(check, history, stage)
        case MetricCheck():
            return _number(check, history, stage, Variant.CANDIDATE)
        case MannWhitneyGate():
            return partial(_samples, check, history)
        case AttestationGate():
            return partial(_attested, check)
        case DriftGate():
            return partial(_histogram, check, history)
        case _:
            return _of_kind(check, history)


def _of_kind(check: Gate | Guard, history: History) -> Source:
    match check.wants:
        case Wants.NUMBERS:
            return partial(_numbers, check, history)
        case Wants.TRADES:
            return partial(_trades, history.trades(Variant.CANDIDATE))
        case Wants.HEARTBEAT_AGE | Wants.MARKET_DATA_AGE:
            return partial(_age, history.beats.get(BEATS[check.wants]))
        case Wants.REPLAY:
            return lambda _: _REPLAYED
        case Wants.POSITIONS:
            return lambda _: HoldingsEvidence(values={})
        case Wants.REJECTS | Wants.ORDERS | Wants.BACKLOG:
            return lambda look: NumberEvidence(value=Decimal(0), at=look.now, samples=1)
        case _:
            detail = f"a recorded history does not hold what a gate of kind '{check.kind}' wants"
            return lambda _: NumberEvidence(value=None, problem=Code.NO_DATA, detail=detail)


def _attested(check: AttestationGate, look: Look) -> AttestationEvidence:
    passed = [ProbeResult(name=name, passed=True, at=look.now) for name in check.of or ("all",)]
    return AttestationEvidence(results=tuple(passed), now=look.now)


def _trades(track: Track, look: Look) -> TradesEvidence:
    """The candidate's trades since the stage was entered."""
    places = track.places(look.entered, look.now)
    return TradesEvidence(
        candidate=tuple(track.trades[places.start : places.stop]), stage_entered_at=look.entered, now=look.now,
        capital=look.capital,
    )  # fmt: skip


class Purse:
    """The candidate's profit in one stage and its peak, trade by trade; it reads on where it stopped."""

    def __init__(self, track: Track, entered: datetime, capital: Decimal) -> None:
        self._track, self._capital = track, capital
        self._first = self._next = track.places(entered, entered).start
        self._peak, self._pnl = Decimal(0), track.pnl(self._first, self._first)
        self._standing = StandingEvidence(pnl=self._pnl, peak_pnl=self._peak, capital=self._capital or None)

    def standing(self, now: datetime) -> StandingEvidence:
        """Profit so far; what was open is not in it. The same object until another trade is closed."""
        times, begin = self._track.times, self._next
        while self._next < len(times) and times[self._next] <= now:
            self._next += 1
            self._pnl = self._track.pnl(self._first, self._next)
            self._peak = max(self._peak, self._pnl)
        if self._next != begin:
            self._standing = StandingEvidence.model_construct(
                pnl=self._pnl, peak_pnl=self._peak, capital=self._capital or None
            )
        return self._standing

    @property
    def closed(self) -> tuple[int, int]:
        """How many trades were closed in the stage until it was asked last, and the place behind them."""
        return self._next - self._first, self._next


def _number(check: MetricCheck, history: History, stage: Stage, variant: Variant) -> Callable[[Look], NumberEvidence]:
    series, step = history.timeline(Key(check.name, "query", variant, stage.name), check.query), stage.observe.every
    return lambda look: series.number(look.begun, look.now, step)


def _pair(check: ComparisonCheck, history: History, stage: Stage) -> Source:
    mine, theirs = (_number(check, history, stage, variant) for variant in (Variant.CANDIDATE, check.against))

    @lru_cache(maxsize=1)
    def against(mine: Decimal) -> Decimal | None:
        return mine / stage.share * stage.against_capital(check.against) if stage.share else None

    def pair(look: Look) -> PairEvidence:
        capital = against(look.capital)
        return PairEvidence.model_construct(
            candidate=mine(look), baseline=theirs(look),
            candidate_capital=look.capital if capital is not None else None, baseline_capital=capital,
        )  # fmt: skip

    return pair


def _numbers(check: Gate | Guard, history: History, look: Look) -> NumbersEvidence:
    """Every number the check asks for; the first that is missing is the problem of all."""
    found: dict[str, Decimal] = {}
    for name, asked in check.queries().items():
        told = _spread(check, history, look, (name, asked))
        if told.problem is not None:
            return told
        found |= {f"{name} {label}".strip(): value for label, value in told.numbers.items()}
    return NumbersEvidence(numbers=found)


def _spread(check: Gate | Guard, history: History, look: Look, question: tuple[str, Asked]) -> NumbersEvidence:
    """The answer to one question, by the values of the label it asks for."""
    name, asked = question
    key, found = Key(check.name, name, asked.variant, look.stage.name), dict[str, Decimal]()
    for label in sorted({*history.labels(key), *asked.expected}) if asked.by else [""]:
        named = f"{name} {label}".strip()
        series = history.timeline(key._replace(field=named), asked.query)
        one = series.number(look.begun, look.now, look.stage.observe.every)
        if one.problem is not None or one.value is None:
            return NumbersEvidence(problem=one.problem or Code.NO_DATA, detail=f"{named}: {one.detail}")
        found[label] = one.value
    return NumbersEvidence(numbers=found)


def _histogram(check: DriftGate, history: History, look: Look) -> HistogramEvidence:
    return histogram(*(_spread(check, history, look, question) for question in check.queries().items()))


def _samples(check: MannWhitneyGate, history: History, look: Look) -> SamplesEvidence:
    sides = [
        history.timeline(Key(check.name, "query", asked.variant, look.stage.name), asked.query).between(
            look.begun, look.now
        )
        for asked in check.queries().values()
    ]
    if not all(sides):
        detail = f"nothing was recorded for {check.name}"
        return SamplesEvidence(candidate=(), baseline=(), problem=Code.NO_DATA, detail=detail)
    return SamplesEvidence(candidate=sides[0], baseline=sides[1])


def silence(beats: Sequence[datetime] | None, now: datetime) -> timedelta | None:
    """How long there was no sign of life; None before the first. Nothing where none were recorded."""
    if beats is None:
        return timedelta(0)
    newest = newest_before(beats, now)
    return now - newest if newest is not None else None


def _age(beats: Sequence[datetime] | None, look: Look) -> NumberEvidence:
    now = look.now
    if beats is None:
        return NumberEvidence(value=Decimal(0), at=now, samples=1)
    newest = newest_before(beats, now)
    if newest is None:
        return NumberEvidence(value=None, problem=Code.NO_DATA, detail="never seen")
    return NumberEvidence(value=Decimal(str(round((now - newest).total_seconds(), 3))), at=newest)


def newest_before(beats: Sequence[datetime], now: datetime) -> datetime | None:
    """The last of ``beats`` until ``now``."""
    place = bisect_right(beats, now)
    return beats[place - 1] if place else None


def slices(gate: NonInferiorityGate, history: History, look: Look, before: Carried | None) -> SlicesEvidence:
    """The slices sealed since the last look."""
    span = newly_sealed(look.begun, before.until if before else None, look.now, gate.slice, gate.late)
    if span.since == span.until:
        return SlicesEvidence.model_construct(before=before, since=span.since, until=span.until, slices=())
    if gate.of_trades:
        mine, theirs = (_closed_in(history.trades(variant), span) for variant in (Variant.CANDIDATE, gate.against))
        return SlicesEvidence.model_construct(
            before=before, since=span.since, until=span.until, slices=of_trades(mine, theirs, span, gate.slice)
        )
    found, starts = [], span.starts(gate.slice)
    for start in starts:
        arms_of = [
            gate.arm(*(_added(history, gate, look, (field, variant), start) for field in ("sum", "count")))
            for variant in (Variant.CANDIDATE, gate.against)
        ]
        if arms_of[0] is not None and arms_of[1] is not None:
            found.append(Slice.model_construct(start=start, candidate=arms_of[0], baseline=arms_of[1]))
    return SlicesEvidence.model_construct(
        before=before, since=span.since, until=span.until, slices=tuple(found), missing=len(starts) - len(found)
    )


def _closed_in(track: Track, span: Span) -> Sequence[TradeOutcome]:
    places = track.places(span.since, span.until)
    return track.trades[places.start : places.stop]


def _added(
    history: History, gate: NonInferiorityGate, look: Look, which: tuple[str, Variant], start: datetime
) -> float | None:
    series = history.find(Key(gate.name, which[0], which[1], look.stage.name))
    return series.added(start, start + gate.slice) if series is not None else None


def assumed(ladder: Ladder, history: History) -> list[str]:
    """What a walk of ``ladder`` over ``history`` takes for granted, in sentences."""
    checks: list[Gate | Guard] = [gate for stage in ladder.stages for gate in stage.gates]
    guards = [guard for stage in ladder.stages if stage.guards for guard in stage.guards.checks]
    checks += guards
    wanted = {check.wants for check in checks}
    found = [
        sentence for wants, sentence in TAKEN_TO_BE_WELL.items()
        if wants in wanted and BEATS.get(wants) not in history.beats
    ]  # fmt: skip
    found.append("no critical incident is open")
    exits = [stage.exit for stage in ladder.stages]
    if any(isinstance(leaving, ApprovalExit) for leaving in exits):
        found.append("approvals are given at once")
    if any(isinstance(leaving, VetoExit) for leaving in exits):
        found.append("veto windows run out, their notices delivered at once; gates are judged again at their end")
    if any(stage.pause == "until_resumed" for stage in ladder.stages):
        found.append("stages that wait 'until_resumed' are resumed at once")
    if Wants.STANDING in wanted:
        found.append("profit is that of closed trades: what was open is not known, so loss and drawdown come later")
    if any(guard.on_trip is OnTrip.PAUSE_SCOPE for guard in guards):
        found.append("guards that pause a scope are left out: they bring nothing down")
    return found
