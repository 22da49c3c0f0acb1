"""The schedule of reconciliation: made by whichever worker starts first, the same for all."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from promotion_ladder import contracts

SCHEDULE = "reconciliation"
EVERY = timedelta(seconds=20)
"""With the look itself (two, seconds apart) what nobody accounts for is found well within a minute."""


async def keep_reconciling(client: Client) -> None:
    """Let reconciliation run for ever; one that is there already is brought to this definition, pauses stay."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            contracts.RECONCILIATION, id=SCHEDULE, task_queue=contracts.QUEUE_LADDER,
            execution_timeout=timedelta(hours=1), static_summary="who is exposed, and who accounts for it?",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        # What was missed while nobody worked is not made up for: each round sees the whole.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(seconds=10)),
    )  # fmt: skip
    try:
        await client.create_schedule(SCHEDULE, schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:

        def renewed(now: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule.state = now.description.schedule.state
            return ScheduleUpdate(schedule)

        await client.get_schedule_handle(SCHEDULE).update(renewed)
