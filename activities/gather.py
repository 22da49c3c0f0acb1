"""Fetching the evidence a gate or guard wants, from Prometheus or from the platform.

It never raises: what could not be had is evidence with a problem.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import (
    Evidence,
    NumberEvidence,
    PairEvidence,
    ReplayEvidence,
    StandingEvidence,
    TradeOutcome,
    TradesEvidence,
)
from promotion_ladder.core.gates import Gate, Guard, RejectBurstGuard, Wants
from promotion_ladder.core.gates.comparison import ComparisonCheck
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.platform import OrderStatus, ReplayOrder, Telemetry, Variant
from promotion_ladder.core.query import expand
from promotion_ladder.ports import MetricSource, Platform

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
        self._telemetry: Telemetry | LadderError | None = None

    async def evidence(self, check: Gate | Guard) -> Evidence:
        """What ``check`` judges."""
        match check.wants:
            case Wants.METRIC if isinstance(check, MetricCheck):
                return await self._metric(check, Variant.CANDIDATE)
            case Wants.METRIC_PAIR if isinstance(check, ComparisonCheck):
                return PairEvidence(
                    candidate=await self._metric(check, Variant.CANDIDATE),
                    baseline=await self._metric(check, check.against),
                )
            case Wants.TRADES:
                return await self._trades()
            case Wants.REPLAY:
                return await self._replay()
            case Wants.STANDING:
                return await self._standing()
            case Wants.REJECTS if isinstance(check, RejectBurstGuard):
                return await self._rejects(check)
            case _:
                return await self._age(check.wants)

    async def telemetry(self) -> Telemetry:
        """How the candidate stands, fetched once a look; raises LadderError when the platform does not say."""
        if self._telemetry is None:
            try:
                self._telemetry = await self._platform.telemetry(self._order.release.bot, Variant.CANDIDATE)
            except LadderError as error:
                self._telemetry = error
        if isinstance(self._telemetry, LadderError):
            raise self._telemetry
        return self._telemetry

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

    async def _trades(self) -> TradesEvidence:
        entered = self._order.entered_at or self._from
        try:
            telemetry = await self.telemetry()
            closed = await self._platform.trades(self._order.release.bot, Variant.CANDIDATE, entered)
        except LadderError as error:
            return TradesEvidence(
                candidate=(), stage_entered_at=entered, now=self._now, problem=error.code, detail=error.detail
            )
        return TradesEvidence(
            candidate=tuple(TradeOutcome(pnl=t.pnl, size=t.size, closed_at=t.closed_at) for t in closed),
            stage_entered_at=entered,
            now=telemetry.at,
            capital=telemetry.capital,
        )

    async def _standing(self) -> StandingEvidence:
        try:
            telemetry = await self.telemetry()
        except LadderError as error:
            return StandingEvidence(pnl=None, problem=error.code, detail=error.detail)
        return StandingEvidence(
            pnl=telemetry.realized_pnl + telemetry.unrealized_pnl,
            peak_pnl=telemetry.peak_pnl,
            capital=telemetry.capital,
        )

    async def _age(self, wants: Wants) -> NumberEvidence:
        try:
            telemetry = await self.telemetry()
        except LadderError as error:
            return NumberEvidence(value=None, problem=error.code, detail=error.detail, source="telemetry")
        newest = telemetry.market_data_at if wants is Wants.MARKET_DATA_AGE else telemetry.heartbeat_at
        if newest is None:
            return NumberEvidence(value=None, problem=Code.NO_DATA, detail="never seen", source="telemetry")
        age = Decimal(str(round((telemetry.at - newest).total_seconds(), 3)))
        return NumberEvidence(value=age, at=newest, source="telemetry")

    async def _rejects(self, check: RejectBurstGuard) -> NumberEvidence:
        try:
            telemetry = await self.telemetry()
            orders = await self._platform.orders(
                self._order.release.bot, Variant.CANDIDATE, telemetry.at - check.within
            )
        except LadderError as error:
            return NumberEvidence(value=None, problem=error.code, detail=error.detail, source="orders")
        rejected = sum(order.status is OrderStatus.REJECTED for order in orders)
        return NumberEvidence(value=Decimal(rejected), at=telemetry.at, samples=len(orders), source="orders")

    async def _replay(self) -> ReplayEvidence:
        order = self._order
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}:replay"
        try:
            replay = await self._platform.start_replay(order.release.bot, ReplayOrder(release=order.release, key=key))
            return ReplayEvidence(result=await self._platform.replay_result(order.release.bot, replay))
        except LadderError as error:
            return ReplayEvidence(result=None, problem=error.code, detail=error.detail)
