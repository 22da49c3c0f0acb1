"""What must be written and told: events to the audit store, notices to people; each until it is done."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.audit import AuditActivities
    from promotion_ladder.activities.notification import NotificationActivities
    from promotion_ladder.contracts import Events
    from promotion_ladder.core.state import PromotionState
    from promotion_ladder.workflows.options import AUDIT, NOTIFY

BATCH = 50


async def write_events(state: PromotionState) -> None:
    """Write events for ever, in order and exactly once; an outage of the store is waited out."""
    while True:
        await workflow.wait_condition(lambda: bool(state.outbox))
        await asyncio.sleep(0)  # let everything of this step come into one batch
        batch = state.outbox[:BATCH]
        await workflow.execute_activity_method(
            AuditActivities.record,
            Events(events=tuple(batch)),
            summary=f"audit {batch[0].seq}-{batch[-1].seq}: {batch[-1].kind}",
            **AUDIT,
        )
        del state.outbox[: len(batch)]


async def send_notices(state: PromotionState) -> None:
    """Send notices for ever, in order; an outage of the channel is waited out."""
    while True:
        await workflow.wait_condition(lambda: bool(state.notices))
        notice = state.notices[0]
        await workflow.execute_activity_method(
            NotificationActivities.notify, notice, summary=f"notice: {notice.title}"[:190], **NOTIFY
        )
        state.notices.remove(notice)
