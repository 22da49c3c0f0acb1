"""How much history a stage writes, on the server that skips time, with the fakes of the tests around the workflow."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.bare import QUEUE, Polls, Touches
from benchmarks.bare import worker as bare_worker
from benchmarks.measure import Benchmark, Result, Tell
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from tests.fake_metrics import FakeMetrics
from tests.fakes import FakeAudit, FakeDirectory, FakeNotifier, FakePlatform, FakeProbes
from tests.workflows.conftest import PEOPLE, POLICY, World, stage, stub_guard

from promotion_ladder import contracts
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.state import PromotionState
from promotion_ladder.workers.assembly import Ports, activities, prepare_namespace, workers

POLLS = 200
MEASURED = 1
"""The stage that is measured stands between two others, so that its run is the stage and nothing else."""

LADDER = {
    "ladder": "test",
    "stages": [
        stage("shadow", "shadow"),
        stage("paper", "paper", observe={"min": f"{POLLS}m", "max": f"{POLLS * 2}m", "every": "1m"}),
        stage("live", "live"),
    ],
}  # fmt: skip


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    server = Path(sys.executable).parent / "temporal-test-server"
    async with (
        await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=str(server), data_converter=pydantic_data_converter
        ) as env,
        contextlib.AsyncExitStack() as stack,
    ):
        await prepare_namespace(env.client)
        made = World(
            env=env, platform=FakePlatform(), metrics=FakeMetrics(), audit=FakeAudit(), notifier=FakeNotifier(),
            directory=FakeDirectory(Ladder.model_validate(LADDER), PEOPLE, POLICY), probes=FakeProbes(),
        )  # fmt: skip
        queues = activities(
            Ports(made.platform, made.metrics, made.audit, made.notifier, made.directory, made.probes), env.client
        )
        queues[contracts.QUEUE_GUARDS] = [stub_guard(made)]
        for worker in (*workers(env.client, queues), bare_worker(env.client, Touches())):
            await stack.enter_async_context(worker)
        yield made
        await asyncio.sleep(0)


def _size(history: WorkflowHistory) -> tuple[int, int]:
    """Events and bytes."""
    return len(history.events), sum(event.ByteSize() for event in history.events)


async def _stage(client: Client, first: str) -> tuple[int, int]:
    """Events and bytes of all runs of the measured stage, found along the chain from the first run."""
    events = size = 0
    run: str | None = first
    while run:
        history = await client.get_workflow_handle(contracts.workflow_id("bot"), run_id=run).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        state: list[Any] = await client.data_converter.decode(started.input.payloads, [PromotionState])
        if state[0].stage_index == MEASURED:
            more_events, more_size = _size(history)
            events, size = events + more_events, size + more_size
        last = history.events[-1]
        renewed = last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id if renewed else None
    return events, size


async def _bare(client: Client) -> tuple[int, int]:
    handle = await client.start_workflow(Polls.run, POLLS, id=f"polls-{uuid.uuid4().hex[:8]}", task_queue=QUEUE)
    await handle.result()
    return _size(await handle.fetch_history())


async def histories(n: int, tell: Tell) -> list[Result]:
    """Walk a ladder whose middle stage is judged 200 times."""
    measured: list[tuple[int, int]] = []
    peers: list[tuple[int, int]] = []
    for number in range(n):
        tell(f"{number} of {n} ladders climbed")
        async with _world() as world:
            peers.append(await _bare(world.client))
            handle = await world.start()
            await world.result()
            measured.append(await _stage(world.client, handle.first_execution_run_id or ""))
    note = f"one stage of {POLLS} polls; floor: a bare loop of sleep and activity, 11 events a poll"
    return [
        Result("stage_history_events", "events", [m[0] for m in measured], [p[0] for p in peers], note),
        Result("stage_history_bytes", "bytes", [m[1] for m in measured], [p[1] for p in peers], "the same stage"),
    ]


BENCHMARKS = (Benchmark(("stage_history_events", "stage_history_bytes"), 3, histories),)
