"""Guards: one activity per stage that looks every second or so and returns when a limit is broken.

It renews the lease while it looks, so an exposure nobody watches takes itself back. On a trip it pauses entries at
the platform before it returns; what follows is the workflow's.
"""

import asyncio
from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from promotion_ladder.activities.gather import Look
from promotion_ladder.contracts import GuardTrip, StageOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.gates import Guard, OnTrip
from promotion_ladder.core.platform import LeaseOrder, Variant
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.ports import MetricSource, Platform

PAUSE_TRIES = 5


class GuardActivities:
    """The watch over one stage."""

    def __init__(self, platform: Platform, metrics: MetricSource) -> None:
        self._platform = platform
        self._metrics = metrics

    @activity.defn(name="guard")
    async def guard(self, order: StageOrder) -> GuardTrip:
        """Look until a guard trips. A platform that does not answer is looked at again; the lease bounds the harm."""
        every = order.stage.guards.every.total_seconds() if order.stage.guards else 1.0
        while True:
            began = asyncio.get_running_loop().time()
            trip = await self._look(order)
            if trip is not None:
                return trip
            await asyncio.sleep(max(0.0, began + every - asyncio.get_running_loop().time()))

    async def _look(self, order: StageOrder) -> GuardTrip | None:
        now = datetime.now(UTC)
        look = Look(self._platform, self._metrics, order, order.entered_at or now, now)
        try:
            telemetry = await look.telemetry()
            if telemetry.stage and telemetry.stage != order.stage.name:
                return None  # left over from an earlier run: another guard watches this stage
            lost = await self._renew(order)
        except LadderError as error:
            if error.code is Code.STALE_EPOCH:
                raise ApplicationError(error.detail, type=error.code, non_retryable=True) from None
            return None
        if lost is not None:
            return await self._trip(order, lost, abort=True)
        for check in order.stage.guards.checks if order.stage.guards else ():
            if check.name in order.muted:
                continue
            verdict = check.judge(await look.evidence(check))
            if verdict.outcome is Outcome.FAIL:
                return await self._trip(order, verdict, abort=_aborts(check))
        return None

    async def _renew(self, order: StageOrder) -> Verdict | None:
        """Renew the lease; a verdict if the platform has taken the exposure back already."""
        if not order.stage.mode.touches_money:
            return None
        lease = LeaseOrder(promotion_id=order.promotion_id, epoch=order.epoch, ttl=order.stage.lease)
        state = await self._platform.renew_lease(order.release.bot, lease)
        if state.alive:
            return None
        return Verdict(
            name="lease", kind="lease", outcome=Outcome.FAIL, code=Code.LEASE_LOST,
            sentence=state.detail or Code.LEASE_LOST.sentence,
        )  # fmt: skip

    async def _trip(self, order: StageOrder, verdict: Verdict, *, abort: bool) -> GuardTrip:
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}.{order.entry}:pause:guard"
        paused = False
        for _ in range(PAUSE_TRIES):
            try:
                await self._platform.pause_entries(order.release.bot, Variant.CANDIDATE, key)
            except LadderError:
                await asyncio.sleep(0.2)
            else:
                paused = True
                break
        return GuardTrip(verdict=verdict, abort=abort, paused=paused, at=datetime.now(UTC))


def _aborts(check: Guard) -> bool:
    return check.on_trip is OnTrip.ABORT
