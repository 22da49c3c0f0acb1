"""What Temporal says of a bot's promotion, asked in a way that also works when no workflow code can run."""

import asyncio
import math
import time
from datetime import datetime, timedelta

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError, RPCStatusCode

from promotion_ladder import contracts
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import SYSTEM, Verb
from promotion_ladder.core.reconcile import Climbing, Standing, climbing
from promotion_ladder.core.state import Command, Phase, PromotionState
from promotion_ladder.ports import Promotions

PATIENCE = timedelta(seconds=5)
FRESH = 10.0
"""Seconds for which an answer to who waits is good."""
AT_ONCE = 50
"""Promotions asked at the same time."""
FAILURES = 3
"""So often in a row a workflow task must have failed before its promotion counts as stuck. The server tries again after
ten seconds each, so that is twenty seconds and more: a worker that is replaced takes less. The times of the pending
task do not tell since when it fails: each try sets them anew.
"""


class TemporalPromotions(Promotions):
    """The promotions of one namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asking = asyncio.Lock()
        self._asked = -math.inf
        self._waiting: dict[str, datetime | None] = {}

    async def of(self, bot: str) -> Climbing:
        """The bot's promotion: what runs by the server's word, then what it says itself."""
        handle = self._client.get_workflow_handle(contracts.workflow_id(bot))
        try:
            found = await handle.describe(rpc_timeout=PATIENCE)
            if found.status is not WorkflowExecutionStatus.RUNNING:
                return Climbing(standing=Standing.NONE)
            promotion_id = str((await found.memo()).get(contracts.MEMO_PROMOTION, ""))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Climbing(standing=Standing.NONE)
            return Climbing(standing=Standing.UNKNOWN, detail=f"Temporal does not answer: {error.message}"[:300])
        failing = _failing(found)
        if failing:
            return Climbing(standing=Standing.STUCK, promotion_id=promotion_id, detail=failing)
        try:
            state = await handle.query("state", result_type=PromotionState, rpc_timeout=PATIENCE)
        except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
            return Climbing(standing=Standing.SILENT, promotion_id=promotion_id, detail=str(error)[:300])
        return climbing(state)

    async def waiting(self) -> dict[str, datetime | None]:
        """Since when each bot's promotion waits for an approval, at most some seconds old.

        The list says who waits; since when each must be asked, which is too much for every look of every promotion.
        """
        async with self._asking:
            if time.monotonic() - self._asked > FRESH:
                bots = await self._awaiting_approval()
                found: dict[str, datetime | None] = {}
                for few in (bots[at : at + AT_ONCE] for at in range(0, len(bots), AT_ONCE)):
                    found |= dict(zip(few, await asyncio.gather(*map(self._since, few)), strict=True))
                self._waiting, self._asked = found, time.monotonic()
            return self._waiting

    async def _awaiting_approval(self) -> list[str]:
        query = (  # in backticks, because STATUS is a word of the query language
            f"WorkflowType = '{contracts.WORKFLOW}' AND ExecutionStatus = 'Running' "
            f"AND `{contracts.STATUS.name}` = '{Phase.AWAITING_APPROVAL}'"
        )
        try:
            found = [one.id async for one in self._client.list_workflows(query, rpc_timeout=PATIENCE)]
        except RPCError as error:
            raise LadderError(Code.TEMPORAL_DOWN, f"Temporal does not list who waits: {error.message}"[:300]) from None
        return [workflow_id.removeprefix(contracts.workflow_id("")) for workflow_id in found]

    async def _since(self, bot: str) -> datetime | None:
        handle = self._client.get_workflow_handle(contracts.workflow_id(bot))
        try:
            state = await handle.query("state", result_type=PromotionState, rpc_timeout=PATIENCE)
        except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
            return None
        return state.window.opened_at if state.window is not None else None

    async def tell(self, bot: str, promotion_id: str, verb: Verb, reason: str, message_id: str) -> None:
        """Send a prohibition; it is stored even when no worker lives."""
        command = Command(
            verb=verb, promotion_id=promotion_id, identity=SYSTEM, message_id=message_id, reason=reason,
            channel="reconcile",
        )  # fmt: skip
        handle = self._client.get_workflow_handle(contracts.workflow_id(bot))
        try:
            await handle.signal(str(verb), command, rpc_timeout=PATIENCE)
        except RPCError as error:
            raise LadderError(Code.TEMPORAL_DOWN, f"Temporal did not take it: {error.message}"[:300]) from None

    async def was_set_back(self, workflow_id: str, run_id: str) -> bool:
        """Whether the run's history says that it was reset."""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        try:
            async for event in handle.fetch_history_events(rpc_timeout=PATIENCE):
                if _is_reset(event):
                    return True
        except RPCError as error:
            raise LadderError(Code.TEMPORAL_DOWN, f"Temporal did not tell: {error.message}"[:300]) from None
        return False


def _is_reset(event: HistoryEvent) -> bool:
    """Whether this is the mark that a reset leaves where it cut the history off."""
    cause = event.workflow_task_failed_event_attributes.cause
    return cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


def _failing(found: WorkflowExecutionDescription) -> str:
    """How the promotion's workflow code fails, if it has done so long enough to count."""
    info = found.raw_description
    failures = info.pending_workflow_task.attempt - 1 if info.HasField("pending_workflow_task") else 0
    return f"its workflow task has failed {failures} times in a row" if failures >= FAILURES else ""
