"""Old runs still replay: committed histories, one per path, against today's workflow code.

A change of the workflow's commands makes these fail. Then either guard the change with a patch, or, before the first
release that others run, write the histories anew:

    pytest tests/workflows/test_replay.py --write-histories
"""

import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from tests.workflows.conftest import GATE, GUARDS, LIMITS, RELEASE, World
from tests.workflows.test_ways import a_trip

from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Phase, StartOrder
from promotion_ladder.workers.assembly import runner
from promotion_ladder.workflows.promotion import Promotion

HISTORIES = Path(__file__).parent / "histories"
BRIEF = {"min": "1m", "max": "2m", "every": "1m"}
LADDER = Ladder.model_validate({
    "ladder": "brief",
    "stages": [
        {"name": "paper", "mode": "paper", "observe": BRIEF, "gates": [GATE], "exit": {"kind": "veto", "window": "2m"}},
        {
            "name": "canary", "mode": "canary", "capital": "10%", "observe": BRIEF, "gates": [GATE], "limits": LIMITS,
            "guards": GUARDS, "exit": {"kind": "approval", "roles": ["risk"], "expires": "1h"},
        },
        {"name": "live", "mode": "live", "observe": BRIEF, "gates": [GATE], "limits": LIMITS, "guards": GUARDS},
    ],
})  # fmt: skip

PROVING = Ladder.model_validate(
    LADDER.model_dump(mode="json")
    | {
        "preflight": [{"name": "config", "command": ["true"]}],
        "stages": [
            stage.model_dump(mode="json") | {"gates": [GATE, {"kind": "attestation", "name": "proved"}]}
            for stage in LADDER.stages
        ],
    }
)


async def promoted(world: World) -> None:
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.update(Verb.APPROVE, "rita")


async def vetoed(world: World) -> None:
    await world.until_phase(Phase.VETO_WINDOW)
    await world.signal(Verb.VETO, "ben")


async def guard_tripped(world: World) -> None:
    world.trip, world.trip_at = a_trip(), "canary"
    world.platform.refuse_exits = 1


async def killed(world: World) -> None:
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.KILL)


async def approval_expired(world: World) -> None:
    await world.until_phase(Phase.AWAITING_APPROVAL)


async def held_retried_and_cancelled(world: World) -> None:
    await world.until_phase(Phase.OBSERVING, "paper")
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    await world.update(Verb.RETRY, "omar")
    await world.until(lambda state: state.attempt == 2 and state.phase is Phase.OBSERVING)
    await world.update(Verb.CANCEL, "omar")


async def superseded(world: World) -> None:
    await world.until_phase(Phase.VETO_WINDOW)
    second = RELEASE.model_copy(update={"version": "2.1.0", "params": "sha256:" + "c" * 64})
    order = StartOrder(promotion_id="bot/2.1.0/next", release=second, identity="ana")
    await world.signal(Verb.SUPERSEDE, "ana", successor=order)
    await world.until(lambda state: state.release.version == "2.1.0" and state.phase is Phase.OBSERVING)
    await world.signal(Verb.ROLLBACK, promotion_id=order.promotion_id)


async def proved_again(world: World) -> None:
    await held_retried_and_cancelled(world)


PATHS: list[Callable[[World], Awaitable[None]]] = [
    promoted, vetoed, guard_tripped, killed, approval_expired, held_retried_and_cancelled, superseded,
    proved_again,
]  # fmt: skip


async def _write(world: World, path: Callable[[World], Awaitable[None]]) -> None:
    """Walk ``path`` and keep the history of every run of its chain."""
    world.directory.the_ladder = PROVING if path is proved_again else LADDER
    handle = await world.start()
    await path(world)
    await world.result()
    run_id, number = handle.first_execution_run_id, 0
    while run_id:
        number += 1
        history = await world.client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        file = HISTORIES / f"{path.__name__}.{number}.json.gz"
        file.write_bytes(gzip.compress(history.to_json().encode(), mtime=0))
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_histories_replay(
    path: Callable[[World], Awaitable[None]], request: pytest.FixtureRequest, world: World
) -> None:
    if request.config.getoption("--write-histories"):
        await _write(world, path)
    files = sorted(HISTORIES.glob(f"{path.__name__}.*.json.gz"))
    assert files, "no history is committed for this path"
    replayer = Replayer(workflows=[Promotion], data_converter=pydantic_data_converter, workflow_runner=runner())
    for file in files:
        text = gzip.decompress(file.read_bytes()).decode()
        await replayer.replay_workflow(WorkflowHistory.from_json("promotion/bot", text))
