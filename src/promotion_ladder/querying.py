"""Asking the source of metrics what checks want; what could not be had is evidence with a problem, never an error.

Gates wait for their answers. Guards may not: they look every second, at the platform first, so :class:`Eyes` asks
beside them and shows the newest answer.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import (
    Evidence,
    HistogramEvidence,
    NumberEvidence,
    NumbersEvidence,
    PairEvidence,
    SamplesEvidence,
    Series,
)
from promotion_ladder.core.gates.check import Asked, Check, Wants
from promotion_ladder.core.histograms import histogram
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.query import expand
from promotion_ladder.ports import MetricSource

SHORTEST = timedelta(seconds=1)
EVERY = 5.0
"""Seconds between two questions of one guard; Prometheus itself scrapes no faster."""
LATE = 20.0
"""Seconds after which an answer says nothing of now."""
FROM_METRICS = frozenset({Wants.METRIC, Wants.METRIC_PAIR, Wants.SAMPLES, Wants.NUMBERS, Wants.HISTOGRAM})


@dataclass(frozen=True)
class Questions:
    """Whom to ask, and what the words of a query stand for."""

    source: MetricSource
    names: Mapping[str, str]
    """The ladder's metric names."""
    labels: Callable[[Variant], dict[str, str]]
    """Labels of a variant's series."""

    async def evidence(self, check: Check, start: datetime, end: datetime, step: timedelta) -> Evidence:
        """What ``check`` judges, over [``start``, ``end``]."""
        asked = check.queries()
        match check.wants:
            case Wants.METRIC:
                return await self._newest(asked["query"], start, end, step)
            case Wants.METRIC_PAIR:
                return PairEvidence(
                    candidate=await self._newest(asked["query"], start, end, step),
                    baseline=await self._newest(asked["against"], start, end, step),
                )
            case Wants.SAMPLES:
                return await self._samples(asked, start, end, step)
            case Wants.HISTOGRAM:
                return await self._histogram(asked, start, end)
            case _:
                return await self._numbers(asked, start, end)

    async def slices(self, asked: Iterable[Asked], first: datetime, last: datetime, length: timedelta) -> list[Series]:
        """Each query at the end of every slice from ``first`` to ``last``; raises ValueError for one that is wrong."""
        queries = [self._filled(one, first, last) for one in asked]
        return await asyncio.gather(*(self.source.points(query, first, last, length) for query in queries))

    async def _samples(
        self, asked: Mapping[str, Asked], start: datetime, end: datetime, step: timedelta
    ) -> SamplesEvidence:
        sides: list[Series] = []
        for each in asked.values():
            try:
                query = self._filled(each, start, end)
            except ValueError as error:
                return SamplesEvidence(candidate=(), baseline=(), problem=Code.QUERY_REFUSED, detail=str(error))
            side = await self.source.samples(query, start, end, max(step, SHORTEST))
            if side.problem is not None:
                detail = f"{each.variant}: {side.detail or side.problem.sentence}"
                return SamplesEvidence(candidate=(), baseline=(), problem=side.problem, detail=detail)
            sides.append(side)
        candidate, other = sides
        return SamplesEvidence(candidate=candidate.values, baseline=other.values)

    async def _newest(self, asked: Asked, start: datetime, end: datetime, step: timedelta) -> NumberEvidence:
        try:
            query = self._filled(asked, start, end)
        except ValueError as error:
            return NumberEvidence(value=None, problem=Code.QUERY_REFUSED, detail=str(error), source=asked.query)
        return await self.source.measure(query, start, end, max(step, SHORTEST))

    async def _number(self, asked: Asked, start: datetime, end: datetime) -> NumberEvidence:
        """At ``end`` alone: sums over the window need no samples in between."""
        window = asked.window if asked.window is not None else end - start
        return await self._newest(asked._replace(window=max(window, SHORTEST)), end, end, SHORTEST)

    async def _numbers(self, questions: Mapping[str, Asked], start: datetime, end: datetime) -> NumbersEvidence:
        """Every number at ``end``; the first problem is the problem of all."""
        found = await asyncio.gather(*(self._at(name, asked, start, end) for name, asked in questions.items()))
        bad = next((each for each in found if each.problem is not None), None)
        if bad is not None:
            return bad
        return NumbersEvidence(numbers={name: value for each in found for name, value in each.numbers.items()})

    async def _at(self, name: str, asked: Asked, start: datetime, end: datetime) -> NumbersEvidence:
        if asked.by:
            spread = await self._spread(asked, start, end)
            numbers = {f"{name} {label}": value for label, value in spread.numbers.items()}
            detail = f"{name}: {spread.detail}" if spread.problem is not None else ""
            return NumbersEvidence(numbers=numbers, problem=spread.problem, detail=detail)
        one = await self._number(asked, start, end)
        if one.problem is not None or one.value is None:
            problem = one.problem or Code.NO_DATA
            return NumbersEvidence(problem=problem, detail=f"{name}: {one.detail or problem.sentence}")
        return NumbersEvidence(numbers={name: one.value})

    async def _spread(self, asked: Asked, start: datetime, end: datetime) -> NumbersEvidence:
        try:
            query = self._filled(asked, start, end)
        except ValueError as error:
            return NumbersEvidence(problem=Code.QUERY_REFUSED, detail=str(error))
        return await self.source.spread(query, asked.by, end)

    async def _histogram(self, questions: Mapping[str, Asked], start: datetime, end: datetime) -> HistogramEvidence:
        sides = await asyncio.gather(*(self._spread(questions[side], start, end) for side in ("recent", "training")))
        return histogram(*sides)

    def _filled(self, asked: Asked, start: datetime, end: datetime) -> str:
        window = asked.window if asked.window is not None else max(end - start, SHORTEST)
        return expand(asked.query, dict(self.names), self.labels(asked.variant), window)


class Eyes:
    """What guards see through the source of metrics.

    A source that hangs delays no other guard and no lease: the guard is shown the last answer while it is fresh, and
    then that there is none.
    """

    def __init__(self, questions: Questions, clock: Callable[[], float] = time.monotonic) -> None:
        self._questions = questions
        self._clock = clock
        self._asking: dict[str, asyncio.Task[Evidence]] = {}
        self._asked: dict[str, float] = {}
        self._seen: dict[str, tuple[float, Evidence]] = {}

    def see(self, check: Check, end: datetime) -> Evidence:
        """The newest answer to ``check``, asked at most every 5 s; one older than 20 s is none."""
        name, now = check.name, self._clock()
        asking = self._asking.get(name)
        if asking is not None and asking.done():
            self._seen[name] = self._asked[name], asking.result()
            del self._asking[name]
            asking = None
        if asking is None and now - self._asked.get(name, -EVERY) >= EVERY:
            self._asked[name] = now
            self._asking[name] = asyncio.create_task(self._questions.evidence(check, end, end, SHORTEST))
        at, evidence = self._seen.get(name, (-math.inf, None))
        if evidence is None:
            return NumbersEvidence(problem=Code.NO_DATA, detail="the source of metrics has not answered yet")
        if now - at > LATE:
            detail = f"the source of metrics has not answered for {now - at:.0f} s"
            return NumbersEvidence(problem=Code.SOURCE_DOWN, detail=detail)
        return evidence

    def close(self) -> None:
        """Wait for no answer any more."""
        for task in self._asking.values():
            task.cancel()
        self._asking.clear()
