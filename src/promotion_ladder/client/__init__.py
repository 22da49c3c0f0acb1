"""The ladder from one's own programs: the verbs of the command line, typed.

>>> async def promote(release: Release) -> None:
...     ladder = LadderClient(settings.load())
...     started = await ladder.start(release)
...     print(started.sentence)

Every method raises :class:`~promotion_ladder.core.errors.LadderError`, whose code says why and what to do next.
"""

import secrets
import uuid
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from promotion_ladder import contracts
from promotion_ladder.client.attending import Attending
from promotion_ladder.client.attending import Reconciled as Reconciled
from promotion_ladder.client.drilling import Drilled as Drilled
from promotion_ladder.client.drilling import Drilling
from promotion_ladder.client.killing import Killed as Killed
from promotion_ladder.client.looking import Line as Line
from promotion_ladder.connection import from_rpc, from_update
from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import BotFacts, HoldOutOrder
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Command, PromotionResult, PromotionState, Receipt, StartOrder

PATIENCE = timedelta(seconds=15)
"""How long a person waits for a worker's answer."""


class Started(Record):
    """A climb that was started, or the same one that runs already."""

    promotion_id: str
    existing: bool
    sentence: str


class LadderClient(Attending, Drilling):
    """The verbs, on the servers that the settings name."""

    # --- starting -----------------------------------------------------------------------------------------------

    async def start(
        self,
        release: Release,
        *,
        reason: str = "",
        ladder_hash: str | None = None,
        from_stage: str | None = None,
        basis: str | None = None,
        supersede: bool = False,
    ) -> Started:
        """Start a climb and wait until it was admitted.

        The same release again returns the climb that runs. Another release is refused, unless ``supersede``.
        """
        order = StartOrder(
            promotion_id=f"{release.bot}/{release.version}/{secrets.token_hex(4)}", release=release,
            identity=self.settings.identity, reason=reason, ladder_hash=ladder_hash, from_stage=from_stage, basis=basis,
        )  # fmt: skip
        client = await self.temporal()
        try:
            handle = await client.start_workflow(
                contracts.WORKFLOW, PromotionState(order=order), id=contracts.workflow_id(release.bot),
                task_queue=contracts.QUEUE_LADDER, id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                memo=contracts.memo(order), search_attributes=contracts.search_attributes(order),
                static_summary=f"{release.bot} {release.version}: {release.change} by {release.author}"[:200],
                result_type=PromotionResult,
            )  # fmt: skip
        except WorkflowAlreadyStartedError:
            return await self._already(release, order, supersede=supersede)
        except RPCError as error:
            raise from_rpc(error, release.bot) from None
        return await self._admitted(handle, order)

    async def _admitted(self, handle: WorkflowHandle[Any, Any], order: StartOrder) -> Started:
        try:
            receipt: Receipt = await handle.execute_update("admitted", result_type=Receipt, rpc_timeout=PATIENCE)
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            raise LadderError(
                Code.WORKER_SILENT, f"{order.promotion_id} is stored, but no worker answers yet"
            ) from None
        except RPCError as error:
            raise from_rpc(error, order.release.bot) from None
        if not receipt.accepted:
            raise LadderError(receipt.code, receipt.sentence)
        return Started(promotion_id=order.promotion_id, existing=False, sentence=receipt.sentence)

    async def _already(self, release: Release, order: StartOrder, *, supersede: bool) -> Started:
        """Something of this bot runs: the same release is returned, another one is refused or superseded."""
        memo = await self._memo(release.bot)
        running = memo.get(contracts.MEMO_PROMOTION, "")
        if memo.get(contracts.MEMO_DIGEST) == release.digest:
            return Started(promotion_id=running, existing=True, sentence=f"{release.version} is on its ladder already")
        if not supersede:
            raise LadderError(
                Code.ANOTHER_RELEASE_CLIMBS,
                f"{memo.get(contracts.MEMO_RELEASE)} of {release.bot} is on its ladder ({running})",
            )
        await self._signal(release.bot, self.command(Verb.SUPERSEDE, running, order.reason, successor=order))
        return Started(
            promotion_id=order.promotion_id,
            existing=False,
            sentence=f"{memo.get(contracts.MEMO_RELEASE)} comes down first, then {release.version} starts",
        )

    # --- permissions: updates, answered ---------------------------------------------------------------------------

    async def approve(self, bot: str, reason: str = "", *, evidence: str | None = None) -> Receipt:
        """Approve what ``bot`` waits for; binds to the evidence it shows now unless ``evidence`` is named."""
        state = await self.state(bot)
        shown = evidence or (state.window.evidence if state.window else None)
        return await self._update(bot, Verb.APPROVE, reason, state, evidence=shown)

    async def resume(self, bot: str, reason: str = "") -> Receipt:
        """Go on after a hold."""
        return await self._update(bot, Verb.RESUME, reason)

    async def retry(self, bot: str, reason: str = "") -> Receipt:
        """Begin the stage on hold again."""
        return await self._update(bot, Verb.RETRY, reason)

    async def skip(self, bot: str, reason: str) -> Receipt:
        """Leave the stage on hold upwards without its gates."""
        return await self._update(bot, Verb.SKIP, reason)

    async def extend(self, bot: str, by: timedelta, reason: str = "") -> Receipt:
        """Give the stage more time."""
        return await self._update(bot, Verb.EXTEND, reason, extend_by=by)

    async def cancel(self, bot: str, reason: str = "") -> Receipt:
        """End without promotion or rollback; refused while anything is exposed."""
        return await self._update(bot, Verb.CANCEL, reason)

    async def _update(
        self, bot: str, verb: Verb, reason: str, state: PromotionState | None = None, **fields: Any
    ) -> Receipt:
        state = state or await self.state(bot)
        command = self.command(
            verb, state.promotion_id, reason, stage=state.stage_name, attempt=state.attempt, **fields
        )
        return await self._permit(bot, command)

    async def send(self, bot: str, command: Command) -> Receipt:
        """Send a message that was made for what a person saw, which may not be what there is by now.

        Raises LadderError when it was refused. A prohibition without an answer in time stands as sent.
        """
        return await (self._prohibited(bot, command) if command.verb.prohibits else self._permit(bot, command))

    async def _permit(self, bot: str, command: Command) -> Receipt:
        handle = await self.handle(bot)
        try:
            receipt: Receipt = await handle.execute_update(
                str(command.verb), command, result_type=Receipt, id=command.message_id, rpc_timeout=PATIENCE
            )
        except WorkflowUpdateFailedError as error:
            raise from_update(error) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            raise LadderError(Code.WORKER_SILENT, f"no worker answered the {command.verb} of {bot}") from None
        except RPCError as error:
            raise from_rpc(error, bot) from None
        return receipt

    # --- hold-outs ----------------------------------------------------------------------------------------------

    async def lift(self, bot: str, version: str, reason: str) -> BotFacts:
        """Let a held-out release climb again."""
        facts = await self.platform.describe(bot)
        held = next((h for h in facts.held_out if version in (h.version, h.digest)), None)
        if held is None:
            raise LadderError(
                Code.UNKNOWN_RELEASE, f"{bot} holds out no release {version}", f"'ladder holdout list {bot}' names them"
            )
        return await self.platform.lift(
            bot,
            HoldOutOrder(
                digest=held.digest, version=held.version, reason=reason, by=self.settings.identity,
                key=f"lift:{held.digest}:{uuid.uuid4().hex}",
            ),
        )  # fmt: skip
