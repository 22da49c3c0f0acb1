"""Guards on real processes: how soon they act, what 200 of them cost a flatten, and who watches when a worker dies."""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.crowd import guarded_canary
from tests.e2e.rig import Rig, until

from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.activities.safety import SafetyActivities
from promotion_ladder.contracts import FlattenOrder, StageOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import ChangeClass
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.workers.assembly import activities, workers
from promotion_ladder.workflows.options import FLATTEN, GUARD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MAX_AGE = 5.0
LEASE = 15.0
SIGN_OF_LIFE = 5.0
GUARDS = 200
WAITED = 10.0
"""Seconds of a busy machine; what it takes on a quiet one is measured in benchmarks/."""


async def canary(rig: Rig, bot: str) -> None:
    await rig.ana.start(await rig.bot(bot, change=ChangeClass.ADAPTER))
    await rig.reaches(bot, Phase.AWAITING_APPROVAL, "canary-10")


async def test_from_a_breach_to_the_first_cancel_it_takes_a_look_and_a_half_at_most(rig: Rig) -> None:
    bots = ["silent-1", "silent-2", "silent-3"]
    await asyncio.gather(*(canary(rig, bot) for bot in bots))
    took = []
    for bot in bots:
        await rig.knobs.fault("heartbeat_stop", bot=bot)
        last = (await rig.platform.telemetry(bot, Variant.CANDIDATE)).heartbeat_at
        assert last is not None
        state = await rig.reaches(bot, Phase.ENDED)
        assert (state.ending, state.ended_because) == (Ending.ROLLED_BACK, Code.GUARD_TRIPPED)
        cancel = (await rig.effects(bot, "cancel_orders"))[0]["at"]
        took.append(datetime.fromisoformat(cancel).timestamp() - last.timestamp() - MAX_AGE)
    sys.stdout.write(f"breach to first cancel: {[round(seconds, 3) for seconds in took]} s\n")
    assert statistics.median(took) <= 1.5, took


async def test_one_stale_market_pauses_alone_and_goes_on_by_itself(rig: Rig) -> None:
    await canary(rig, "feed")
    await rig.knobs.fault("data_stop", bot="feed", instrument="WTI")

    async def paused() -> bool:
        return (await rig.state("feed")).paused_scopes == ("market:WTI",)

    await until("WTI to be paused", paused)
    (latch,) = (await rig.platform.describe("feed")).latches
    assert (latch.scope, latch.target) == ("market", "WTI")
    assert (await rig.state("feed")).phase is Phase.AWAITING_APPROVAL
    await rig.knobs.lift_faults("data_stop")

    async def goes_on() -> bool:
        return (await rig.state("feed")).paused_scopes == ()

    await until("WTI to go on", goes_on)
    assert (await rig.platform.describe("feed")).latches == ()
    assert [kind for kind in await rig.kinds("feed") if kind.startswith("scope_")] == ["scope_paused", "scope_goes_on"]
    await rig.ana.rollback("feed", "done")
    await rig.ends("feed")


@contextlib.asynccontextmanager
async def longest_gap(rig: Rig, bot: str) -> AsyncIterator[list[float]]:
    """The longest time between two renewals of the lease meanwhile, in seconds, from what is left of it."""
    gaps = [0.0]

    async def watch() -> None:
        while True:
            for exposure in await rig.exposed(bot):
                if exposure.variant is Variant.CANDIDATE and exposure.lease_left_seconds is not None:
                    gaps[0] = max(gaps[0], LEASE - exposure.lease_left_seconds)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield gaps
    finally:
        watching.cancel()


async def test_the_lease_is_renewed_across_stages_and_by_the_next_worker_when_one_is_killed(rig: Rig) -> None:
    await canary(rig, "kept")
    await rig.park("kept")
    async with longest_gap(rig, "kept") as up:
        await rig.try_approve("kept")
        await rig.reaches("kept", Phase.OBSERVING, "live")
    async with longest_gap(rig, "kept") as killed, rig.without_worker():
        began = time.monotonic()
    dead = time.monotonic() - began
    async with longest_gap(rig, "kept") as after:
        await rig.reaches("kept", Phase.OBSERVING, "live")
        await asyncio.sleep(
            SIGN_OF_LIFE
        )  # the killed guard is missed after this; that it is not lost cannot be awaited
    sys.stdout.write(f"gaps: stages {up[0]:.2f} s, killed {max(killed[0], after[0]):.2f} s, dead for {dead:.2f} s\n")
    assert up[0] <= 3
    assert max(killed[0], after[0]) <= dead + SIGN_OF_LIFE + 3
    assert await rig.effects("kept", "lease_lost") == []
    await rig.ana.rollback("kept", "done")
    await rig.ends("kept")


# --- 200 guards -------------------------------------------------------------------------------------------------------


@workflow.defn(name="Crowd")
class Crowd:
    """Guards as many as it is told to, and a flatten beside them; how long that took, in seconds."""

    @workflow.run
    async def run(self, order: StageOrder, guards: int) -> float:
        watching = [
            workflow.start_activity_method(GuardActivities.guard, order, activity_id=f"guard-{n}", **GUARD)
            for n in range(guards)
        ]
        await workflow.sleep(3)
        began = workflow.now()
        flatten = FlattenOrder(promotion_id="p/1", bot="bot", epoch=1, attempt=1)
        done = await workflow.execute_activity_method(SafetyActivities.flatten, flatten, **FLATTEN)
        took = workflow.now() - began
        for guard in watching:
            guard.cancel()
        assert done.report.is_flat
        return took.total_seconds()


async def flattened_beside(client: Client, guards: int) -> tuple[float, int]:
    """Seconds to flat beside so many guards of the real worker, and how often they had looked."""
    platform, order, ports = guarded_canary()
    platform.held[Variant.CANDIDATE, "WTI"] = Decimal(1)
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers(client, activities(ports, client)):
            await stack.enter_async_context(worker)
        runner = UnsandboxedWorkflowRunner()
        await stack.enter_async_context(Worker(client, task_queue="crowd", workflows=[Crowd], workflow_runner=runner))
        took = await client.execute_workflow(
            Crowd.run, args=[order, guards], id=f"crowd-{guards}", task_queue="crowd",
            execution_timeout=timedelta(seconds=120),
        )  # fmt: skip
        return took, platform.renewed


async def test_200_guards_do_not_keep_a_flatten_waiting() -> None:
    binary = Path(sys.executable).parent / "temporal"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(binary), data_converter=pydantic_data_converter, ui=False
    ) as server:
        alone, _ = await flattened_beside(server.client, 0)
        crowded, looks = await flattened_beside(server.client, GUARDS)
    sys.stdout.write(f"flatten: alone {alone * 1000:.0f} ms, beside {GUARDS} guards {crowded * 1000:.0f} ms\n")
    assert looks >= GUARDS, "all of them were watching"
    assert crowded <= WAITED, "guards do not end by themselves: a flatten that needs the place of one waits for ever"
