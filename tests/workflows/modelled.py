"""A promotion with everything real but the outside: the bench on which tests/workflows/test_model.py throws things."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from temporalio import activity
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from tests.fake_metrics import FakeMetrics
from tests.fakes import FakeAudit, FakeDirectory, FakeNotifier, FakeProbes
from tests.workflows.conftest import PEOPLE, POLICY, RELEASE
from tests.workflows.conftest import stage as plain
from tests.workflows.simulated import Simulated

from promotion_ladder import contracts
from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.contracts import GuardTrip, StageOrder
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Command, PromotionResult, PromotionState, StartOrder
from promotion_ladder.ports import Platform
from promotion_ladder.watching import Watched, Watcher
from promotion_ladder.workers.assembly import Ports, activities, prepare_namespace, workers
from promotion_ladder.workflows.promotion import Promotion

LOOK = timedelta(minutes=4, seconds=41)
"""How often guards look here, instead of every second: time skips only between two looks."""
LEASE = timedelta(minutes=20)
STEP = timedelta(minutes=4, seconds=57.7)
"""How far time is let go at once; in step with no timer (see tests/workflows/conftest.py)."""
STILL = 3
"""Looks in a row that find nothing at work."""
PATIENCE = 20
"""Real seconds within which the longest leap of time is done."""
LIMITS = {
    "instruments": ["WTI", "WTI-MINI"], "price_band": "5%", "max_order_value": 1000000, "max_orders_per_minute": 1000,
    "max_position_value": 1000000, "venues": ["sim-exchange"],
}  # fmt: skip


def stage(name: str, mode: str, on_trip: str = "abort", **fields: Any) -> dict[str, Any]:
    """A stage whose guards look slowly."""
    checks = [
        {"name": "loss", "kind": "loss", "max": 900_000, "on_trip": on_trip},
        {"name": "fresh", "kind": "staleness", "max_age": "8m", "scope": "market", "on_trip": "pause_scope"},
    ]
    guards = {"every": "1s", "blind_for": "12m", "checks": checks}
    money = {"limits": LIMITS, "guards": guards, "lease": LEASE} if mode in ("canary", "live") else {}
    return plain(name, mode, observe={"min": "10m", "max": "60m", "every": "3m"}) | money | fields


LADDER = Ladder.model_validate({
    "ladder": "test",
    "stages": [
        stage("shadow", "shadow", exit={"kind": "veto", "window": "20m"}),
        stage("canary-10", "canary", capital="10%", baseline=True, pause="11m",
              exit={"kind": "approval", "roles": ["risk"], "expires": "4h"}),
        stage("canary-25", "canary", "hold", capital="25%", on_abort="reassign"),
        stage("live", "live", on_abort={"kind": "wind_down", "within": "20m"}),
    ],
})  # fmt: skip


def release(bot: str, version: str) -> Release:
    """A release of its own digest."""
    artifact = "sha256:" + version.replace(".", "0").ljust(64, "0")
    return RELEASE.model_copy(update={"bot": bot, "version": version, "artifact": artifact})


@dataclass
class Bench:
    """One server with its workers; one bot and one promotion after the other."""

    env: WorkflowEnvironment
    platform: Simulated
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    audit: FakeAudit = field(default_factory=FakeAudit)
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    directory: FakeDirectory = field(default_factory=lambda: FakeDirectory(LADDER, PEOPLE, POLICY))
    asleep: bool = False
    """Whether no guard looks, and so nobody renews the lease."""
    result: PromotionResult | None = None
    """How the promotion ended, if it has."""
    stuck: bool = False
    """Whether the server skips no time any more: it still counts an activity as at work whose promotion has ended."""
    watchers: dict[tuple[str | None, str], Watcher] = field(default_factory=dict)

    # --- a climb --------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """A new bot and the things around it, all in order."""
        bot = f"bot-{uuid.uuid4().hex[:8]}"
        releases = (release(bot, "2.0.0"), release(bot, "2.1.0"))
        self.platform.begin(bot, await self.env.get_current_time(), releases)
        self.watchers.clear()
        self.audit.events.clear()
        self.audit.desk.clear()
        self.mend()

    def order(self, version: str) -> StartOrder:
        """What somebody sends who wants this version to climb."""
        promotion_id = f"{self.platform.bot}/{version}/{uuid.uuid4().hex[:6]}"
        return StartOrder(promotion_id=promotion_id, release=release(self.platform.bot, version), identity="ben")

    async def start(self, order: StartOrder) -> None:
        await self.env.client.start_workflow(
            Promotion.run, PromotionState(order=order), id=contracts.workflow_id(self.platform.bot),
            task_queue=contracts.QUEUE_LADDER,
        )  # fmt: skip

    @property
    def handle(self) -> WorkflowHandle[Promotion, PromotionResult]:
        """The run of now, whichever that is."""
        return self.env.client.get_workflow_handle_for(Promotion.run, contracts.workflow_id(self.platform.bot))

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        self.platform.mend()
        self.metrics.value, self.metrics.problem = Decimal(1), None
        self.audit.down = self.notifier.down = self.directory.broken = self.asleep = False

    # --- time -----------------------------------------------------------------------------------------------------

    async def let_pass(self, length: timedelta) -> None:
        """Let time skip; where the server does not, although nothing is at work, it is ``stuck``."""
        if self.stuck:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self.env.sleep(length)
        except TimeoutError:
            await self.quiet()
            self.stuck = True
        self.platform.at(await self.env.get_current_time())

    async def quiet(self) -> PromotionState:
        """Wait until nothing is under way but what waits for time; the state.

        It is asked for only then: a question that meets a change of runs is lost, and the server counts it as at work
        from then on.
        """
        before, still = None, 0
        for _ in range(2000):
            told = await self.handle.describe()
            # The test server calls an activity that waits for its next attempt started, as one that is at work.
            pending = told.raw_description.pending_activities
            ended = told.status is not WorkflowExecutionStatus.RUNNING
            busy = told.raw_description.HasField("pending_workflow_task") or any(
                a.attempt < 2 or a.last_attempt_complete_time.ToMicroseconds() < a.last_started_time.ToMicroseconds()
                for a in pending
            )
            now = (told.run_id, told.history_length, told.status)
            still = still + 1 if now == before and (ended or not busy) else 0
            before = now
            if still < STILL:
                await asyncio.sleep(0.004)
                continue
            state: PromotionState | None = await self.ask(Promotion.state)
            if state is not None:
                self.stuck = self.stuck or (ended and bool(pending))
                self.result = await self.handle.result() if ended else None  # raises if it failed
                self.platform.at(await self.env.get_current_time())
                return state
        raise AssertionError(f"never quiet: {before}, {pending}")

    # --- messages -------------------------------------------------------------------------------------------------

    async def ask(self, query: Any, *given: Any) -> Any:
        """The answer to a question; None where it was lost in a change of runs."""
        with contextlib.suppress(RPCError):
            return await self.handle.query(query, *given, rpc_timeout=timedelta(seconds=3))
        return None

    async def tell(self, name: str, command: Command | str) -> bool:
        """Send a signal; whether the server took it."""
        try:
            await self.handle.signal(name, command)
        except RPCError:
            return False
        return True

    async def request(self, command: Command) -> bool | None:
        """Send an update; whether it was accepted, None if nobody knows."""
        try:
            await self.handle.execute_update(str(command.verb), command, rpc_timeout=timedelta(seconds=10))
        except WorkflowUpdateFailedError:
            return False
        except (WorkflowUpdateRPCTimeoutOrCancelledError, RPCError):
            return None
        return True

    # --- guards ---------------------------------------------------------------------------------------------------

    def guard(self) -> Callable[[StageOrder], Awaitable[GuardTrip]]:
        """The guards as they are, but for the pace: each attempt is one look."""
        port = cast("Platform", self.platform)

        @activity.defn(name="guard")
        async def guard(order: StageOrder) -> GuardTrip:
            finding = None if self.asleep else await self._watcher(port, order).look()
            if finding is not None:
                return await GuardActivities(port, FakeMetrics())._act(order, finding)
            raise ApplicationError("all is well", next_retry_delay=LOOK, category=ApplicationErrorCategory.BENIGN)

        return guard

    def _watcher(self, port: Platform, order: StageOrder) -> Watcher:
        info = activity.info()
        key = (info.workflow_run_id, info.activity_id)
        if key not in self.watchers:
            watched = Watched(
                bot=order.release.bot, promotion_id=order.promotion_id, epoch=order.epoch, stage=order.stage,
                entered_at=order.entered_at or self.platform.now, also=order.next_stage, muted=order.muted,
                paused=order.paused,
            )  # fmt: skip
            self.watchers[key] = Watcher(port, watched, self.platform.seconds)
        return self.watchers[key]


@contextlib.asynccontextmanager
async def bench() -> Any:
    """A bench with its own server, for as long as the block lasts."""
    server = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(server), data_converter=pydantic_data_converter
    ) as env:
        await prepare_namespace(env.client)
        made = Bench(env, Simulated())
        ports = Ports(
            cast("Platform", made.platform), made.metrics, made.audit, made.notifier, made.directory, FakeProbes()
        )
        queues = activities(ports, env.client) | {contracts.QUEUE_GUARDS: [made.guard()]}
        async with contextlib.AsyncExitStack() as stack:
            for worker in workers(env.client, queues):
                await stack.enter_async_context(worker)
            yield made
