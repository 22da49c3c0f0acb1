"""Guards: one activity per stage that looks every second or so and returns when there is something to be known.

It renews the lease while it looks, so an exposure nobody watches takes itself back. On a trip it pauses entries at
the platform before it returns, and cancels the orders of what is to come down: the first cancel waits for no queue of
Temporal's. What follows is the workflow's. When scopes were paused for a while or let go on it
returns as well and is started again at once, with what is paused in its order: so each change is recorded once, and a
worker that dies between the platform and its report loses nothing, because the next one compares the platform's latches
with the order. Details of a heartbeat would be lost with the worker, and a signal could be sent twice.

A guard whose worker is asked to end gives its activity back at once, so that another worker takes it up, and looks on
for a moment by itself: two guards are as harmless as one, and none for a second is not.
"""

import asyncio
import contextlib
from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from promotion_ladder.activities.gather import questions
from promotion_ladder.contracts import GuardTrip, StageOrder
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.gates import OnTrip
from promotion_ladder.core.platform import Variant
from promotion_ladder.descent import quieten
from promotion_ladder.ports import MetricSource, Platform
from promotion_ladder.querying import Eyes
from promotion_ladder.watching import Finding, Watched, Watcher, latch_scope

TRIES = 5
LINGER = 3.0
"""Seconds that a guard looks on while its worker ends: what the next one may take to its first look on a busy machine.
"""


class GuardActivities:
    """The watch over one stage."""

    def __init__(self, platform: Platform, metrics: MetricSource) -> None:
        self._platform = platform
        self._metrics = metrics
        self._lingering: list[asyncio.Task[None]] = []

    @activity.defn(name="guard")
    async def guard(self, order: StageOrder) -> GuardTrip:
        """Look until a guard trips or is blind for too long, or a scope was paused or let go on."""
        every = order.stage.guards.every.total_seconds() if order.stage.guards else 1.0
        watched = Watched(
            bot=order.release.bot, promotion_id=order.promotion_id, epoch=order.epoch, stage=order.stage,
            entered_at=order.entered_at or datetime.now(UTC), also=order.next_stage, muted=order.muted,
            paused=order.paused,
        )  # fmt: skip
        eyes = Eyes(questions(self._metrics, order))
        watcher = Watcher(self._platform, watched, eyes=eyes)
        try:
            finding = None
            while finding is None:
                finding = await _look(watcher, every)
            return await self._act(order, finding)
        except LadderError as error:
            raise ApplicationError(error.detail, type=error.code, non_retryable=True) from None
        except asyncio.CancelledError:
            if activity.is_worker_shutdown():
                self._lingering.append(asyncio.create_task(self._linger(order, watcher, every, eyes)))
            raise
        finally:
            eyes.close()

    async def lingered(self) -> None:
        """Wait until no guard looks on any more: the last thing a worker does."""
        await asyncio.gather(*self._lingering)

    async def _linger(self, order: StageOrder, watcher: Watcher, every: float, eyes: Eyes) -> None:
        """Act on what breaks before the next worker's guard has looked; there is nobody to report it to."""
        finding = None
        with contextlib.suppress(LadderError, TimeoutError):
            async with asyncio.timeout(LINGER):
                while finding is None and not watcher.is_blind:
                    finding = await _look(watcher, every)
                if finding is not None:
                    await self._act(order, finding)
        eyes.close()

    async def _act(self, order: StageOrder, finding: Finding) -> GuardTrip:
        if finding.then is OnTrip.PAUSE_SCOPE:
            return GuardTrip(
                verdict=finding.verdict, abort=False, paused=True, at=datetime.now(UTC), scopes=finding.paused
            )
        quiet = False
        for number in range(TRIES):
            quiet = await self._quieten(order, finding, number)
            if quiet:
                break
            await asyncio.sleep(0.2)
        abort = finding.then is OnTrip.ABORT
        return GuardTrip(verdict=finding.verdict, abort=abort, paused=quiet, at=datetime.now(UTC))

    async def _quieten(self, order: StageOrder, finding: Finding, number: int) -> bool:
        """One try: entries are paused, and what comes down is cancelled too; whether the platform did all of it."""
        bot = order.release.bot
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}.{order.entry}:guard.{number}"
        refused = list[str]()
        try:
            if finding.then is OnTrip.ABORT:
                _, refused = await quieten(self._platform, bot, key)
            else:
                await self._platform.pause_entries(bot, Variant.CANDIDATE, f"{key}:pause")
            await latch_scope(self._platform, bot, finding)
        except LadderError:
            return False
        return not refused


async def _look(watcher: Watcher, every: float) -> Finding | None:
    """One look; where it finds nothing, the rest of the interval is waited for."""
    began = asyncio.get_running_loop().time()
    finding = await watcher.look()
    if finding is None:
        await asyncio.sleep(max(0.0, began + every - asyncio.get_running_loop().time()))
    return finding
