"""What must be written and told: events to the audit store, notices to people; each until it is done."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder import contracts
    from promotion_ladder.activities.audit import AuditActivities
    from promotion_ladder.activities.incidents import IncidentActivities
    from promotion_ladder.activities.notification import NotificationActivities
    from promotion_ladder.contracts import Events, Tail
    from promotion_ladder.core.card import Telling, card
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.incidents import IncidentNews, Severity
    from promotion_ladder.core.notice import Notice
    from promotion_ladder.workflows.climb import Climb
    from promotion_ladder.workflows.incidents import open_incident, resolve_incident
    from promotion_ladder.workflows.options import AUDIT, NOTIFY

BATCH = 50
AGAIN = timedelta(seconds=30)

Item = TypeVar("Item")


async def write_events(climb: Climb) -> None:
    """Write events for ever, in order and exactly once; an outage of the store is waited out.

    A store that holds another event under the same number was tampered with, unless the run was reset in Temporal: the
    climb holds, and it is tried again.
    """
    outbox = climb.state.outbox
    while True:
        await workflow.wait_condition(lambda: bool(outbox))
        await climb.give_way()
        await asyncio.sleep(0)  # let everything of this step come into one batch
        batch = outbox[:BATCH]
        try:
            climb.state.written = await workflow.execute_activity_method(
                AuditActivities.record,
                Events(events=tuple(batch)),
                summary=f"audit {batch[0].seq}-{batch[-1].seq}: {batch[-1].kind}",
                **AUDIT,
            )
        except ActivityError as error:
            if await _rejoined(climb):
                continue
            why = f"the record of {climb.state.promotion_id} refuses event {batch[0].seq}: {error.cause}"
            climb.hold(Code.AUDIT_CONFLICT, "ladder", why)
            open_incident(
                climb, "audit_conflict", Severity.CRITICAL, Code.AUDIT_CONFLICT, why,
                "on-call and auditor: somebody changed the record; keep a copy of it, put the last good backup back",
            )  # fmt: skip
            await workflow.sleep(AGAIN, summary="before the record is tried again")
        else:
            del outbox[: len(batch)]
            resolve_incident(climb, "audit_conflict", "the record takes the promotion's events again")


async def _rejoined(climb: Climb) -> bool:
    """Whether the record goes on after what a run that was reset had written before it was."""
    state = climb.state
    known = Tail(chain=state.promotion_id, seq=state.outbox[0].seq - 1, head=state.written)
    try:
        tail = await workflow.execute_activity_method(
            AuditActivities.rejoin, known, summary="was it reset, or the record changed?", **AUDIT
        )
    except ActivityError:
        return False
    climb.rejoin(tail)
    open_incident(
        climb, "set_back", Severity.WARNING, Code.SET_BACK,
        f"{state.release.bot}: somebody reset its run in Temporal, and it does again what it did since that point",
        "on-call: compare 'ladder status' with the positions, roll back if in doubt; do not reset, retry instead",
    )  # fmt: skip
    return True


async def send_notices(climb: Climb) -> None:
    """Send notices for ever, in order; an outage of the channel is waited out."""
    state = climb.state

    async def send(notice: Notice) -> None:
        telling = Telling(notice=notice, card=card(state, workflow.now()), followed=len(state.notices) > 1)
        await workflow.execute_activity_method(
            NotificationActivities.notify, telling, summary=f"notice: {notice.title}"[:190], **NOTIFY
        )

    await _one_by_one(climb, state.notices, send, "the notice")


async def leave_notices(climb: Climb) -> None:
    """Leave to a run of its own what no channel takes: the bot's lock must not wait for a channel."""
    state = climb.state
    shown = card(state, workflow.now())
    last = len(state.notices) - 1
    tellings = [Telling(notice=notice, card=shown, followed=n < last) for n, notice in enumerate(state.notices)]
    try:
        await workflow.start_child_workflow(
            contracts.LAST_NOTICES, tellings, id=f"notices/{state.promotion_id}",
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )  # fmt: skip
    except WorkflowAlreadyStartedError:
        return  # a run that was reset had left them already
    state.notices.clear()


async def post_news(climb: Climb) -> None:
    """Write to the queue of incidents for ever, in order; an outage of the store is waited out."""

    async def post(news: IncidentNews) -> None:
        about = news.opened.sentence if news.opened is not None else f"over: {news.sentence}"
        await workflow.execute_activity_method(
            IncidentActivities.post, news, summary=f"incident: {about}"[:190], **AUDIT
        )

    await _one_by_one(climb, climb.state.news, post, "the incident")


async def _one_by_one(climb: Climb, waiting: list[Item], send: Callable[[Item], Awaitable[None]], what: str) -> None:
    while True:
        await workflow.wait_condition(lambda: bool(waiting))
        await climb.give_way()
        first = waiting[0]
        try:
            await send(first)
        except ActivityError:
            await workflow.sleep(AGAIN, summary=f"before {what} is tried again")
        else:
            waiting.remove(first)
