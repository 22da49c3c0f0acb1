"""Cutting what happened into slices of time, each sealed once."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from promotion_ladder.core.evidence import Arm, Slice, TradeOutcome

MOST_SLICES = 1000
"""In one look; what is left comes with the next one."""


class Span(NamedTuple):
    """Whole slices that are sealed and were not told yet: none where ``since`` is ``until``."""

    since: datetime
    until: datetime

    def starts(self, length: timedelta) -> list[datetime]:
        """When each of them begins."""
        return [self.since + place * length for place in range(round((self.until - self.since) / length))]


def newly_sealed(begin: datetime, until: datetime | None, now: datetime, length: timedelta, late: timedelta) -> Span:
    """The slices counted from ``begin`` that ended at least ``late`` ago, after those told ``until``."""
    since = until or begin
    whole = max((now - late - since) // length, 0)
    return Span(since, since + min(whole, MOST_SLICES) * length)


def of_trades(
    candidate: Iterable[TradeOutcome], other: Iterable[TradeOutcome], span: Span, length: timedelta
) -> tuple[Slice, ...]:
    """Profit and value traded of both arms in each slice; a trade belongs to the slice it was closed in."""
    arms = [_by_slice(trades, span, length) for trades in (candidate, other)]
    return tuple(
        Slice.model_construct(
            start=start, candidate=_arm(arms[0].get(place, ())), baseline=_arm(arms[1].get(place, ()))
        )
        for place, start in enumerate(span.starts(length))
        if place in arms[0] or place in arms[1]
    )


def _by_slice(trades: Iterable[TradeOutcome], span: Span, length: timedelta) -> dict[int, list[TradeOutcome]]:
    found: dict[int, list[TradeOutcome]] = {}
    for trade in trades:
        if span.since <= trade.closed_at < span.until:
            found.setdefault((trade.closed_at - span.since) // length, []).append(trade)
    return found


def _arm(trades: Sequence[TradeOutcome]) -> Arm:
    return Arm.model_construct(
        sum=sum((trade.pnl for trade in trades), Decimal(0)),
        count=sum((abs(trade.size) for trade in trades), Decimal(0)),
        samples=len(trades),
    )
