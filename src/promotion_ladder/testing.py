"""A ladder in your own unit test: how it takes a streak of trades, with no server and no clock.

>>> climb(ladder, trades, started_at=monday).ended
'live'

It is the walk of ``ladder backtest`` (core/backtest.py): the same judges and the same decisions as the real thing.
People are taken to agree: veto windows run out and approvals are given, at the moment the gates pass. The platform is
taken to be well: fresh data, a live heartbeat, no rejects, a deterministic replay.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Literal, NamedTuple

from promotion_ladder.core.backtest import enter, walk
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision
from promotion_ladder.core.evidence import NumberEvidence, TradeOutcome
from promotion_ladder.core.history import History, Key, Timeline, Track
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant

ENOUGH = 1000
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
    baseline: Iterable[TradeOutcome] = (),
    metrics: Metrics = lambda _query, _at: None,
    capital: Decimal = Decimal(100_000),
) -> Climb:
    """Walk ``ladder`` over ``trades`` (closed by the candidate in whatever stage it was in then).

    ``baseline`` are the trades of what the candidate is compared with, baseline or stable. ``metrics(query, at)``
    answers the ladder's queries as they stand in its file; None is no data, which never passes. The walk ends with the
    first look after the last trade.
    """
    mine, theirs = Track(trades), Track(baseline)
    history = _Answered({Variant.CANDIDATE: mine, Variant.BASELINE: theirs, Variant.STABLE: theirs}, metrics)
    end = (mine.times[-1] if mine.times else started_at) + max(stage.observe.every for stage in ladder.stages)
    moments = list(walk(ladder, history, enter(ladder, 0, started_at), end, capital))
    decisions = tuple(Moment(one.at, one.stage, one.decision) for one in moments if one.decision is not None)
    if not moments:
        return Climb("running", ladder.stages[0].name, "the trades ran out before the first judgement", decisions)
    last = moments[-1]
    why = last.tripped.sentence if last.tripped is not None else last.sentence
    return Climb(last.ended or "running", ladder.stages[last.position.stage].name, why, decisions)


class _Answered(History):
    """A history whose queries a function answers."""

    def __init__(self, trades: dict[Variant, Track], metrics: Metrics) -> None:
        super().__init__(trades)
        self._metrics = metrics

    def timeline(self, key: Key, query: str) -> Timeline:
        """The function's answers, whenever they are asked for."""
        del key
        return _Answers(partial(self._metrics, query))


class _Answers(Timeline):
    """What a function answers to one query."""

    def __init__(self, answer: Callable[[datetime], Decimal | None]) -> None:
        super().__init__(())
        self._answer = answer

    def number(self, since: datetime, now: datetime, step: timedelta) -> NumberEvidence:
        """The function's answer; it has no samples to count, so there are always enough."""
        del since, step
        value = self._answer(now)
        problem = Code.NO_DATA if value is None else None
        return NumberEvidence(value=value, at=now, samples=ENOUGH, problem=problem)

    def between(self, since: datetime, until: datetime) -> tuple[float | None, ...]:
        """The function's answer, as often as any gate may ask for."""
        del since
        value = self._answer(until)
        return () if value is None else (float(value),) * ENOUGH
