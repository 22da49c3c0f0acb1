"""Whether guards stand in the way of a flatten: alone, and beside 200 of them, in turn."""

import contextlib
from datetime import timedelta
from decimal import Decimal

from benchmarks.measure import Benchmark, Result, Tell
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.crowd import guarded_canary
from tests.fakes import FakePlatform

from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.activities.safety import SafetyActivities
from promotion_ladder.contracts import FlattenOrder, StageOrder
from promotion_ladder.core.platform import Variant
from promotion_ladder.stack.processes import program
from promotion_ladder.workers.assembly import activities, workers
from promotion_ladder.workflows.options import FLATTEN, GUARD

GUARDS = 200
QUEUE = "crowd"
BLOCK = 20
"""Flattens in one go, alone or beside the guards; the two kinds of blocks take turns."""


class Held:
    """Gives the candidate something to flatten."""

    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    @activity.defn(name="hold_something")
    async def hold_something(self) -> None:
        """Hold one lot."""
        self._platform.held[Variant.CANDIDATE, "WTI"] = Decimal(1)


@workflow.defn
class Flattens:
    """Starts guards, then flattens so many times; milliseconds from each decision to its answer."""

    @workflow.run
    async def run(self, order: StageOrder, guards: int, times: int) -> list[float]:
        """Beside ``guards`` of them."""
        watching = [
            workflow.start_activity_method(GuardActivities.guard, order, activity_id=f"guard-{number}", **GUARD)
            for number in range(guards)
        ]
        await workflow.sleep(timedelta(seconds=4))  # all have begun; and those of the block before have ended
        took = []
        for attempt in range(times):
            await workflow.execute_activity_method(Held.hold_something, start_to_close_timeout=timedelta(seconds=30))
            await workflow.sleep(timedelta(seconds=workflow.random().uniform(0.1, 0.4)))
            began = workflow.now()
            flatten = FlattenOrder(promotion_id=workflow.info().workflow_id, bot="bot", epoch=1, attempt=attempt + 1)
            done = await workflow.execute_activity_method(SafetyActivities.flatten, flatten, **FLATTEN)
            if not done.report.is_flat or not done.exits:
                raise RuntimeError(done.sentence)
            took.append(1000 * (workflow.now() - began).total_seconds())
        for guard in watching:
            guard.cancel()
        return took


async def _blocks(client: Client, n: int, tell: Tell) -> tuple[list[float], list[float]]:
    """Samples alone, and beside the guards."""
    platform, order, ports = guarded_canary()
    both: tuple[list[float], list[float]] = ([], [])
    crowd = Worker(
        client, task_queue=QUEUE, workflows=[Flattens], activities=[Held(platform).hold_something],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        for worker in (*workers(client, activities(ports, client)), crowd):
            await stack.enter_async_context(worker)
        while len(both[1]) < n:
            for samples, guards in zip(both, (0, GUARDS), strict=True):
                tell(f"{len(samples)} of {n}, beside {guards} guards")
                renewed = platform.renewed
                took = await client.execute_workflow(
                    Flattens.run, args=[order, guards, min(BLOCK, n - len(samples))], task_queue=QUEUE,
                    id=f"flattens-{guards}-{len(samples)}",
                )  # fmt: skip
                samples.extend(took)
                if platform.renewed - renewed < guards:
                    raise RuntimeError(f"not all {guards} guards were watching")
    return both


async def flattens(n: int, tell: Tell) -> list[Result]:
    """Flatten a platform of the tests: what is measured is the way there."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=program("temporal"), data_converter=pydantic_data_converter, ui=False
    ) as server:
        alone, beside = await _blocks(server.client, n, tell)
    note = f"a workflow decides to flatten → has the answer, {GUARDS} guards in the same worker; floor: no guards"
    return [Result("flatten_beside_guards", "ms", beside, alone, note)]


BENCHMARKS = (Benchmark(("flatten_beside_guards",), 40, flattens),)
