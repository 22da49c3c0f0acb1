"""Fetching the evidence a gate wants, from Prometheus or from the platform.

It never raises: what could not be had is evidence with a problem.
"""

from datetime import datetime

from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import Evidence, ReplayEvidence
from promotion_ladder.core.gates import Gate, Wants
from promotion_ladder.core.platform import ReplayOrder, Variant
from promotion_ladder.ports import MetricSource, Platform
from promotion_ladder.querying import FROM_METRICS, Questions
from promotion_ladder.watching import Sight


def questions(metrics: MetricSource, order: StageOrder) -> Questions:
    """The stage's questions to ``metrics``: the candidate runs the release, every other variant what is stable."""

    def labels(variant: Variant) -> dict[str, str]:
        version = order.release.version if variant is Variant.CANDIDATE else order.stable.version
        return {"bot": order.release.bot, "release": version, "variant": str(variant)}

    return Questions(metrics, order.metrics, labels)


class Look:
    """One look at the world for one stage: what several checks share is fetched once."""

    def __init__(
        self, platform: Platform, metrics: MetricSource, order: StageOrder, observed_from: datetime, now: datetime
    ) -> None:
        self._platform = platform
        self._questions = questions(metrics, order)
        self._order = order
        self._from = observed_from
        self._now = now
        self._sight = Sight(platform, order.release.bot, order.entered_at or observed_from)

    async def evidence(self, check: Gate) -> Evidence:
        """What ``check`` judges."""
        if check.wants in FROM_METRICS:
            return await self._questions.evidence(check, self._from, self._now, self._order.stage.observe.every)
        if check.wants is Wants.REPLAY:
            return await self._replay()
        return await self._sight.standing(check.wants)

    async def _replay(self) -> ReplayEvidence:
        order = self._order
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}:replay"
        try:
            replay = await self._platform.start_replay(order.release.bot, ReplayOrder(release=order.release, key=key))
            return ReplayEvidence(result=await self._platform.replay_result(order.release.bot, replay))
        except LadderError as error:
            return ReplayEvidence(result=None, problem=error.code, detail=error.detail)
