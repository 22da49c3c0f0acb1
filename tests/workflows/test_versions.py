"""Worker versions on the real dev server: pinned within a run, upgraded at a stage boundary."""

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from tests.fake_metrics import FakeMetrics
from tests.fakes import FakeAudit, FakeDirectory, FakeNotifier, FakePlatform, FakeProbes
from tests.workflows.conftest import GATE, PEOPLE, POLICY, World, stub_guard

from promotion_ladder import contracts
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.workers.assembly import Ports, activities, prepare_namespace, workers
from promotion_ladder.workers.versions import make_current

QUICK = {"min": "200ms", "max": "10s", "every": "100ms"}
LADDER = Ladder.model_validate({
    "ladder": "quick",
    "stages": [
        {"name": "shadow", "mode": "shadow", "pause": "until_resumed", "observe": QUICK, "gates": [GATE]},
        {"name": "paper", "mode": "paper", "pause": "until_resumed", "observe": QUICK, "gates": [GATE]},
        {
            "name": "live", "mode": "live", "observe": QUICK, "gates": [GATE],
            "limits": {"instruments": ["WTI"], "price_band": "5%", "max_order_value": 1, "max_orders_per_minute": 1,
                       "max_position_value": 1, "venues": ["sim"]},
            "guards": {"checks": [{"name": "loss", "kind": "loss", "max": 1}]},
        },
    ],
})  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[WorkflowEnvironment]:
    binary = Path(sys.executable).parent / "temporal"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(binary), data_converter=pydantic_data_converter, ui=False
    ) as started:
        await prepare_namespace(started.client)
        yield started


async def test_a_run_stays_on_its_version_until_the_next_stage(server: WorkflowEnvironment) -> None:
    world = World(
        env=server, platform=FakePlatform(), metrics=FakeMetrics(), audit=FakeAudit(), notifier=FakeNotifier(),
        directory=FakeDirectory(LADDER, PEOPLE, POLICY),
    )  # fmt: skip
    ports = Ports(world.platform, world.metrics, world.audit, world.notifier, world.directory, FakeProbes())
    queues = activities(ports, server.client)
    queues[contracts.QUEUE_GUARDS] = [stub_guard(world)]
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers(server.client, queues, "one"):
            await stack.enter_async_context(worker)
        await make_current(server.client, "one")
        await world.start()
        await _until(world, Phase.PAUSING, "shadow")
        await stack.enter_async_context(
            workers(server.client, {contracts.QUEUE_LADDER: queues[contracts.QUEUE_LADDER]}, "two")[0]
        )
        await make_current(server.client, "two")
        assert await _version(world) == "one"
        await world.update(Verb.RESUME, "omar")
        await _until(world, Phase.PAUSING, "paper")
        assert await _version(world) == "two"
        await world.update(Verb.RESUME, "omar")
        assert (await world.result()).ending is Ending.STABLE


async def _until(world: World, phase: Phase, stage_name: str) -> None:
    for _ in range(200):
        state = await world.state()
        if (state.phase, state.stage_name) == (phase, stage_name):
            return
        await world.env.sleep(0.1)
    raise AssertionError(f"never came to {phase} at {stage_name}: {state.phase} at {state.stage_name}")


async def _version(world: World) -> str:
    assert world.handle is not None
    found = await world.client.get_workflow_handle(world.handle.id).describe()
    return found.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id
