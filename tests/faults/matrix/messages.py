"""Messages that come twice, late, out of order and by the thousand; runs that are ended or rewound from outside."""

import asyncio
import contextlib
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError
from tests.faults.matrix.account import Sent
from tests.faults.matrix.cells import STAGES
from tests.faults.matrix.yard import STEPS, Parked, Yard

from promotion_ladder import contracts
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Command, PromotionState, Receipt

TWICE = "verbs sent twice, late and out of order"
FLOOD = "10 000 signals"
TERMINATED = "terminated in Temporal"
RESET = "reset in Temporal to the beginning of its stage"
HOW_MANY = 10_000
AT_ONCE = 50
LATER = 4.0
ANSWERED = timedelta(seconds=15)


async def mangled(yard: Yard) -> None:
    """An approval three times at once, then again when its stage is left; a resume and a retry that nobody needs."""
    all_ = await yard.park(*STEPS)
    await yard.strike(TWICE, all_)
    befores = [each.state for each in all_]
    await asyncio.gather(*(_twice(yard, each) for each in all_))
    await asyncio.sleep(LATER)
    await yard.all_safe(all_)
    for each, before in zip(all_, befores, strict=True):
        after = each.strikes[-1].after
        if before is None or after is None:
            continue
        moved = after.stage_index - before.stage_index + (after.ending is not None)
        if moved != 1:
            each.strikes[-1].flaws.append(f"one approval moved it {moved} stages")


async def _twice(yard: Yard, each: Parked) -> None:
    state: PromotionState | None = each.state
    assert state is not None
    assert state.window is not None
    at = STEPS.index(each.stage)
    yard.grant(each, *STEPS[at : at + 2])
    handle, rita = await yard.rig.handle(each.bot), yard.rig.rita
    named = {"stage": state.stage_name, "attempt": state.attempt, "evidence": state.window.evidence}
    approve = rita.command(Verb.APPROVE, state.promotion_id, "as the drill says", **named)
    for verb in (Verb.RESUME, Verb.RETRY):  # before anything is on hold
        await yard.send(each, verb, "omar")
    foreign = rita.command(Verb.ROLLBACK, f"{each.bot}/1.9.0/feedbeef", "meant for another climb")
    await handle.signal("rollback", foreign)

    async def update(command: Command) -> None:
        with contextlib.suppress(RPCError, WorkflowUpdateFailedError):
            await handle.execute_update(
                "approve", command, result_type=Receipt, id=command.message_id, rpc_timeout=ANSWERED
            )

    await asyncio.gather(update(approve), update(approve), handle.signal("approve", approve))
    each.sent.append(Sent(Verb.APPROVE))
    await asyncio.sleep(LATER)
    with contextlib.suppress(RPCError):  # the last stage was left: nothing runs any more
        await handle.signal("approve", approve)
        await handle.signal("approve", approve.model_copy(update={"message_id": f"{approve.message_id}-late"}))
    await update(approve.model_copy(update={"message_id": f"{approve.message_id}-later"}))


async def flooded(yard: Yard) -> None:
    """Ten thousand holds that are meant for another promotion; then a rollback that is meant."""
    (canary,) = await yard.park("canary")
    await yard.strike(FLOOD, [canary])
    handle = await yard.rig.handle(canary.bot)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with slots:
            await handle.signal("hold", yard.rig.ana.command(Verb.HOLD, f"{canary.bot}/1.9.0/feedbeef", "flood"))

    await asyncio.gather(*(one() for _ in range(HOW_MANY)))
    await yard.send(canary, Verb.ROLLBACK)
    await yard.all_safe([canary])
    if canary.strikes[-1].after is None or canary.strikes[-1].after.stop is None:
        canary.strikes[-1].flaws.append("a rollback had no effect while it was looked at")


async def terminated(yard: Yard) -> None:
    """Ended from outside: nobody watches any more, and nothing is flattened by the promotion."""
    all_ = await yard.park(*STAGES)
    handles = [await yard.rig.handle(each.bot) for each in all_]
    await yard.strike(TERMINATED, all_)
    await asyncio.gather(*(handle.terminate("a mistake") for handle in handles))
    for each in all_:
        each.cut, each.watched.grants = True, []
    await yard.rig.knobs.lift_faults("refuse_exit")
    await yard.all_safe(all_)


async def rewound(yard: Yard) -> None:
    """Rewound to the first decision of its run: it does everything of the stage again, under the same keys.

    What it records then stands after what it had recorded before.
    """
    all_ = await yard.park(*STAGES)
    await yard.strike(RESET, all_)
    await asyncio.gather(*(_reset(yard, each) for each in all_))
    await yard.rig.knobs.lift_faults("refuse_exit")
    await asyncio.sleep(LATER)
    await yard.all_safe(all_)


async def _reset(yard: Yard, each: Parked) -> None:
    handle = await yard.rig.handle(each.bot)
    run_id = (await handle.describe()).run_id
    first = 0
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            first = event.event_id
            break
    client = await yard.rig.ana.temporal()
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace, reason="a drill", request_id=f"reset-{each.bot}",
            workflow_execution=WorkflowExecution(workflow_id=contracts.workflow_id(each.bot), run_id=run_id),
            workflow_task_finish_event_id=first,
        )
    )  # fmt: skip
