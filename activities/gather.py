"""Fetching the evidence a gate wants, from Prometheus or from the platform.

It never raises: what could not be had is evidence with a problem.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import (
    Evidence,
    NumberEvidence,
    PairEvidence,
    ReplayEvidence,
    Slice,
    SlicesEvidence,
    TradeOutcome,
)
from promotion_ladder.core.gates import Gate, NonInferiorityGate, Wants
from promotion_ladder.core.gates.comparison import ComparisonCheck
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.platform import ReplayOrder, Variant
from promotion_ladder.core.query import expand
from promotion_ladder.core.slicing import Span, newly_sealed, of_trades
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.ports import MetricSource, Platform
from promotion_ladder.watching import Sight

SHORTEST_STEP = timedelta(seconds=1)


class Look:
    """One look at the world for one stage: what several checks share is fetched once."""

    def __init__(
        self,
        platform: Platform,
        metrics: MetricSource,
        order: StageOrder,
        observed_from: datetime,
        now: datetime,
        carried: Mapping[str, Carried],
    ) -> None:
        self._carried = carried
        self._platform = platform
        self._metrics = metrics
        self._order = order
        self._from = observed_from
        self._now = now
        self._sight = Sight(platform, order.release.bot, order.entered_at or observed_from)

    async def evidence(self, check: Gate) -> Evidence:
        """What ``check`` judges."""
        match check.wants:
            case Wants.METRIC if isinstance(check, MetricCheck):
                return await self._metric(check, Variant.CANDIDATE)
            case Wants.METRIC_PAIR if isinstance(check, ComparisonCheck):
                return PairEvidence(
                    candidate=await self._metric(check, Variant.CANDIDATE),
                    baseline=await self._metric(check, check.against),
                )
            case Wants.SLICES if isinstance(check, NonInferiorityGate):
                return await self._slices(check)
            case Wants.TRADES:
                return await self._sight.trades(self._carried.get(check.name))
            case Wants.REPLAY:
                return await self._replay()
            case _:
                return await self._sight.standing(check.wants)

    async def _metric(self, check: MetricCheck, variant: Variant) -> NumberEvidence:
        try:
            query = self._expand(check.query, variant, max(self._now - self._from, SHORTEST_STEP))
        except ValueError as error:
            return NumberEvidence(value=None, problem=Code.QUERY_REFUSED, detail=str(error), source=check.query)
        step = max(self._order.stage.observe.every, SHORTEST_STEP)
        return await self._metrics.measure(query, self._from, self._now, step)

    def _expand(self, query: str, variant: Variant, window: timedelta) -> str:
        order = self._order
        version = order.release.version if variant is Variant.CANDIDATE else order.stable.version
        labels = {"bot": order.release.bot, "release": version, "variant": str(variant)}
        return expand(query, order.metrics, labels, window)

    async def _slices(self, gate: NonInferiorityGate) -> SlicesEvidence:
        """The slices sealed since the last look, by the workflow's clock for metrics, the platform's for trades."""
        before = self._carried.get(gate.name)
        span = newly_sealed(self._from, before.until if before else None, self._now, gate.slice, gate.late)
        told: dict[str, Any] = {"before": before, "since": span.since, "until": span.until}
        if span.since == span.until:
            return SlicesEvidence(slices=(), **told)
        if gate.of_trades:
            return await self._slices_of_trades(gate, span, told)
        try:
            queries = [
                (self._expand(query, variant, gate.slice))
                for variant in (Variant.CANDIDATE, gate.against)
                for query in gate.queries()
            ]
        except ValueError as error:
            return SlicesEvidence(slices=(), before=before, problem=Code.QUERY_REFUSED, detail=str(error))
        first = span.since + gate.slice  # a step tells of the slice that ends with it
        series = await asyncio.gather(*(self._metrics.points(q, first, span.until, gate.slice) for q in queries))
        bad = next((one for one in series if one.problem is not None), None)
        if bad is not None and bad.problem is not Code.NO_DATA:  # asked again next time: nothing is sealed unseen
            return SlicesEvidence(slices=(), before=before, problem=bad.problem, detail=bad.detail)
        slices = []
        for start, *values in zip(span.starts(gate.slice), *(one.values for one in series), strict=True):
            arms = [gate.arm(sum_, count) for sum_, count in (values[:2], values[2:])]
            if arms[0] is not None and arms[1] is not None:
                slices.append(Slice(start=start, candidate=arms[0], baseline=arms[1]))
        missing = len(span.starts(gate.slice)) - len(slices)
        detail = bad.detail if bad is not None else ""
        problem = bad.problem if bad is not None else None
        return SlicesEvidence(slices=tuple(slices), missing=missing, problem=problem, detail=detail, **told)

    async def _slices_of_trades(self, gate: NonInferiorityGate, span: Span, told: dict[str, Any]) -> SlicesEvidence:
        bot = self._order.release.bot
        try:
            both = [
                await self._platform.trades(bot, variant, span.since) for variant in (Variant.CANDIDATE, gate.against)
            ]
        except LadderError as error:  # nothing is sealed unseen
            return SlicesEvidence(slices=(), before=told["before"], problem=error.code, detail=error.detail)
        arms = [[TradeOutcome(pnl=t.pnl, size=t.size, closed_at=t.closed_at) for t in trades] for trades in both]
        return SlicesEvidence(slices=of_trades(arms[0], arms[1], span, gate.slice), **told)

    async def _replay(self) -> ReplayEvidence:
        order = self._order
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}:replay"
        try:
            replay = await self._platform.start_replay(order.release.bot, ReplayOrder(release=order.release, key=key))
            return ReplayEvidence(result=await self._platform.replay_result(order.release.bot, replay))
        except LadderError as error:
            return ReplayEvidence(result=None, problem=error.code, detail=error.detail)
