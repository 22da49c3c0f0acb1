"""Fetching the evidence a gate wants, from Prometheus or from the platform.

It never raises: what could not be had is evidence with a problem.
"""

from datetime import datetime, timedelta

from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.capital import split
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import Evidence, NumberEvidence, PairEvidence, ReplayEvidence
from promotion_ladder.core.gates import Gate, Wants
from promotion_ladder.core.gates.comparison import ComparisonCheck
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.platform import ReplayOrder, Variant
from promotion_ladder.core.query import expand
from promotion_ladder.ports import MetricSource, Platform
from promotion_ladder.watching import Sight

SHORTEST_STEP = timedelta(seconds=1)


class Look:
    """One look at the world for one stage: what several checks share is fetched once."""

    def __init__(
        self, platform: Platform, metrics: MetricSource, order: StageOrder, observed_from: datetime, now: datetime
    ) -> None:
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
                shares = split(self._order.capital, self._order.stage)
                return PairEvidence(
                    candidate=await self._metric(check, Variant.CANDIDATE),
                    baseline=await self._metric(check, check.against),
                    candidate_capital=shares.candidate,
                    baseline_capital=shares.baseline if check.against is Variant.BASELINE else shares.stable,
                )
            case Wants.REPLAY:
                return await self._replay()
            case _:
                return await self._sight.standing(check.wants)

    async def _metric(self, check: MetricCheck, variant: Variant) -> NumberEvidence:
        order = self._order
        version = order.release.version if variant is Variant.CANDIDATE else order.stable.version
        labels = {"bot": order.release.bot, "release": version, "variant": str(variant)}
        window = max(self._now - self._from, SHORTEST_STEP)
        try:
            query = expand(check.query, order.metrics, labels, window)
        except ValueError as error:
            return NumberEvidence(value=None, problem=Code.QUERY_REFUSED, detail=str(error), source=check.query)
        step = max(order.stage.observe.every, SHORTEST_STEP)
        return await self._metrics.measure(query, self._from, self._now, step)

    async def _replay(self) -> ReplayEvidence:
        order = self._order
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}:replay"
        try:
            replay = await self._platform.start_replay(order.release.bot, ReplayOrder(release=order.release, key=key))
            return ReplayEvidence(result=await self._platform.replay_result(order.release.bot, replay))
        except LadderError as error:
            return ReplayEvidence(result=None, problem=error.code, detail=error.detail)
