"""A recorded history: closed trades, series of metrics and signs of life, sorted once and looked up by time.

What a walk asks (core/backtest.py) costs what is new since it asked before: places are found by bisection, and sums
are kept as running totals.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence, TradeOutcome
from promotion_ladder.core.gates.trades import Totals
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.statistics.carried import TradeSums

LEAST_FRESHNESS = timedelta(seconds=15)
"""A number counts as fresh for three looks, at least for this long, as it does for Prometheus."""
SECONDS_A_DAY = 86400


class Track:
    """The closed trades of one variant in order of time, with totals up to each."""

    def __init__(self, trades: Iterable[TradeOutcome] = ()) -> None:
        self.trades = sorted(trades, key=lambda trade: (trade.closed_at, trade.pnl, trade.size))
        self.times = [trade.closed_at for trade in self.trades]
        self._wins = list(accumulate((trade.pnl > 0 for trade in self.trades), initial=0))
        self._pnl = list(accumulate((trade.pnl for trade in self.trades), initial=Decimal(0)))
        self._size = list(accumulate((trade.size for trade in self.trades), initial=Decimal(0)))

    def places(self, since: datetime, until: datetime) -> range:
        """Where the trades closed from ``since`` to ``until`` stand, both included."""
        return range(bisect_left(self.times, since), bisect_right(self.times, until))

    def count(self, since: datetime, until: datetime) -> int:
        """How many trades were closed from ``since`` to ``until``."""
        return bisect_right(self.times, until) - bisect_left(self.times, since)

    def totals(self, since: datetime, now: datetime) -> Totals:
        """What was closed from ``since`` to ``now``."""
        i, j = bisect_left(self.times, since), bisect_right(self.times, now)
        days = Decimal(str((now - since).total_seconds())) / SECONDS_A_DAY
        return Totals(
            n=j - i, wins=self._wins[j] - self._wins[i], pnl=self.pnl(i, j), size=self._size[j] - self._size[i],
            days=days,
        )  # fmt: skip

    def newest(self, end: int, n: int) -> TradeSums:
        """The ``n`` trades before place ``end``, added up."""
        i = end - n
        return TradeSums.model_construct(
            n=n, wins=self._wins[end] - self._wins[i], pnl=self.pnl(i, end), size=self._size[end] - self._size[i]
        )

    def pnl(self, first: int, end: int) -> Decimal:
        """Profit of the trades from place ``first`` to the one before ``end``."""
        return self._pnl[end] - self._pnl[first]


class Timeline:
    """One metric of one variant in order of time; None is a moment at which it was no number."""

    def __init__(
        self, points: Iterable[tuple[datetime, float | None]], empty: str = "nothing was recorded yet"
    ) -> None:
        """``empty`` is what is said where nothing was recorded."""
        self._empty = empty
        ordered = sorted(points, key=lambda point: point[0])
        self.times = [at for at, _ in ordered]
        self.values = [value for _, value in ordered]
        self._asked: tuple[datetime | None, timedelta | None, int, timedelta] = (None, None, 0, LEAST_FRESHNESS)
        self._finite = list(accumulate((value is not None for value in self.values), initial=0))

    def added(self, since: datetime, until: datetime) -> float | None:
        """What was added up after ``since`` and until ``until``; None where that was not told, or not all of it."""
        told = self.values[bisect_right(self.times, since) : bisect_right(self.times, until)]
        known = [value for value in told if value is not None]
        return sum(known) if known and len(known) == len(told) else None

    def between(self, since: datetime, until: datetime) -> tuple[float | None, ...]:
        """Every value from ``since`` to ``until``, both included."""
        return tuple(self.values[bisect_left(self.times, since) : bisect_right(self.times, until)])

    def number(self, since: datetime, now: datetime, step: timedelta) -> NumberEvidence:
        """The newest value from ``since`` to ``now``, as a source of metrics would tell it."""
        if since is not self._asked[0] or step is not self._asked[1]:  # the same in every look of a stage
            self._asked = (since, step, bisect_left(self.times, since), max(3 * step, LEAST_FRESHNESS))
        _, _, first, fresh = self._asked
        end = bisect_right(self.times, now)
        if first >= end:
            return NumberEvidence(value=None, problem=Code.NO_DATA, detail=self._empty, samples=0)
        at, value = self.times[end - 1], self.values[end - 1]
        samples = min(self._finite[end] - self._finite[first], (now - since) // step + 1)
        if now - at > fresh:
            detail = f"the newest value is {(now - at).total_seconds():g} s old"
            return NumberEvidence(value=None, at=at, samples=samples, problem=Code.STALE_DATA, detail=detail)
        if value is None:
            return NumberEvidence(value=None, at=at, samples=samples, problem=Code.NOT_A_NUMBER)
        return NumberEvidence.model_construct(value=Decimal(repr(value)), at=at, samples=samples)


class Key(NamedTuple):
    """Which series: of which gate's field and which variant; of one stage, or of every one that has the gate."""

    gate: str
    field: str
    """The gate's field that asks, with the value of the label where it asks for each (``gaps WTI``); of a gate in
    slices ``sum`` or ``count``: what was added since the line before."""
    variant: Variant
    stage: str = ""


class History:
    """Everything that was recorded."""

    def __init__(
        self,
        trades: Mapping[Variant, Track] | None = None,
        series: Mapping[Key, Timeline] | None = None,
        beats: Mapping[str, Sequence[datetime]] | None = None,
    ) -> None:
        self._trades = dict(trades or {})
        self.series = dict(series or {})
        self.beats = {of: sorted(moments) for of, moments in (beats or {}).items()}
        """Signs of life of the ``bot`` and of its ``market_data``, where they were recorded."""

    def trades(self, variant: Variant) -> Track:
        """The closed trades of ``variant``; none if none were recorded."""
        return self._trades.get(variant) or Track()

    def find(self, key: Key) -> Timeline | None:
        """The series of this stage, or the one of every stage that has the gate."""
        return self.series.get(key) or self.series.get(Key(key.gate, key.field, key.variant))

    def with_series(self, series: Mapping[Key, Timeline]) -> "History":
        """The same history with further series; they replace those of the same key."""
        return History(self._trades, self.series | dict(series), self.beats)

    def timeline(self, key: Key, query: str) -> Timeline:
        """What ``query`` answered, recorded as ``key``; an empty one that says so where nothing was recorded."""
        del query
        what = key.gate if key.field == "query" else f"{key.field} of {key.gate}"
        return self.find(key) or Timeline((), f"nothing was recorded for {what}")

    def labels(self, key: Key) -> list[str]:
        """The label values for which a field was recorded: the second words of fields such as ``gaps WTI``."""
        fields = (one.field for one in self.series if one.gate == key.gate and one.stage in ("", key.stage))
        return sorted({field.partition(" ")[2] for field in fields if field.startswith(f"{key.field} ")})

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last moment of anything; None when nothing was recorded."""
        times = [track.times for track in self._trades.values()] + [one.times for one in self.series.values()]
        known = [each for each in (*times, *self.beats.values()) if each]
        return (min(each[0] for each in known), max(each[-1] for each in known)) if known else None
