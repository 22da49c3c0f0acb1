"""Reconciliation: does a running promotion account for what is exposed? What nobody accounts for is made safe.

Started by a schedule, one at a time. It keeps nothing: each run begins with what the platform says now.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from promotion_ladder import contracts
    from promotion_ladder.activities.reconciliation import ReconciliationActivities
    from promotion_ladder.contracts import MendOrder, MendReport
    from promotion_ladder.core.reconcile import Finding, Look
    from promotion_ladder.workflows.options import AUDIT, SIGN_OF_LIFE, Options

LOOK = Options(
    task_queue=contracts.QUEUE_PLATFORM,
    start_to_close_timeout=timedelta(seconds=60),
    schedule_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=5)),
)
MAKE_SAFE = Options(
    task_queue=contracts.QUEUE_SAFETY,
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)),
    priority=Priority(priority_key=1),
)
"""Bounded: the next run looks afresh, and would wait for this one."""


@workflow.defn(name=contracts.RECONCILIATION)
class Reconciliation:
    """One round; or, with reports, the writing of an earlier round's record."""

    @workflow.run
    async def run(self, reports: list[MendReport] | None = None) -> Look | None:
        """Look, make everything safe at once, and leave the writing to a run of its own."""
        if reports is not None:
            await asyncio.gather(*(self._tell(report) for report in reports))
            return None
        look = await workflow.execute_activity_method(
            ReconciliationActivities.look, summary="who is exposed, and who accounts for it?", **LOOK
        )
        if look.findings:
            done = await asyncio.gather(*(self._make_safe(look, finding) for finding in look.findings))
            # A record that is down must not keep the next round waiting, nor lose what this one has to say.
            await workflow.start_child_workflow(
                Reconciliation.run, list(done), id=f"{workflow.info().workflow_id}/record",
                parent_close_policy=ParentClosePolicy.ABANDON,
            )  # fmt: skip
        workflow.set_current_details("\n".join([f"- {f.sentence}" for f in look.findings] + list(look.unanswered)))
        return look

    async def _make_safe(self, look: Look, finding: Finding) -> MendReport:
        report = MendReport(finding=finding, at=look.at)
        try:
            mended = await workflow.execute_activity_method(
                ReconciliationActivities.make_safe, MendOrder(finding=finding, at=look.at),
                summary=f"{finding.remedy}: {finding.sentence}"[:190], **MAKE_SAFE,
            )  # fmt: skip
        except ActivityError:
            return report
        return report.model_copy(update={"mended": mended})

    async def _tell(self, report: MendReport) -> None:
        await workflow.execute_activity_method(
            ReconciliationActivities.tell, report, summary=f"record: {report.finding.sentence}"[:190], **AUDIT
        )
