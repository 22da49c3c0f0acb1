"""A workflow task that takes long is not taken for a deadlock: a flood of messages on a busy machine is one."""

import time
import uuid

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from promotion_ladder.workers.assembly import patient

LONGER_THAN_THE_SDK_WAITS = 2.5


@workflow.defn
class Slow:
    """One workflow task that takes more than two seconds."""

    @workflow.run
    async def run(self) -> str:
        time.sleep(LONGER_THAN_THE_SDK_WAITS)  # noqa: ASYNC251 - what a flood does to a workflow task
        return "done"


async def test_a_workflow_task_that_takes_longer_than_two_seconds_is_not_tried_again(env: WorkflowEnvironment) -> None:
    queue = uuid.uuid4().hex
    worker = Worker(env.client, task_queue=queue, workflows=[Slow], workflow_runner=UnsandboxedWorkflowRunner())
    async with patient(worker):
        handle = await env.client.start_workflow(Slow.run, id=queue, task_queue=queue)
        assert await handle.result() == "done"
    kinds = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in kinds
    assert kinds.count(EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED) == 1
