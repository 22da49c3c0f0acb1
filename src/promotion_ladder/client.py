"""The ladder from one's own programs: the verbs of the command line, typed.

>>> async def promote(release: Release) -> None:
...     ladder = LadderClient(settings.load())
...     started = await ladder.start(release)
...     print(started.sentence)

Every method raises :class:`~promotion_ladder.core.errors.LadderError`, whose code says why and what to do next.
"""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from promotion_ladder import contracts
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.connection import connect, from_rpc, from_update
from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import BotFacts, HoldOutOrder, LatchOrder
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Command, PromotionResult, PromotionState, Receipt, Ruled, StartOrder
from promotion_ladder.ports import Platform
from promotion_ladder.settings import Settings

PATIENCE = timedelta(seconds=15)
"""How long a person waits for a worker's answer."""
QUERY_PATIENCE = timedelta(seconds=5)
RULING_PATIENCE = 3.0
"""Seconds a prohibition waits for its ruling; it stands whether or not somebody answers."""


class Started(Record):
    """A climb that was started, or the same one that runs already."""

    promotion_id: str
    existing: bool
    sentence: str


class Line(Record):
    """One running promotion in a list."""

    bot: str
    release: str
    stage: str
    status: str
    exposed: bool
    started_at: Time
    promotion_id: str


class Killed(Record):
    """What a kill has done: the latch first, then the word to the promotion."""

    latched: bool
    told: bool
    sentence: str


class LadderClient:
    """The verbs, on the servers that the settings name."""

    def __init__(self, settings: Settings, *, channel: str = "api") -> None:
        self.settings = settings
        self.channel = channel
        self._temporal: Client | None = None
        self._platform: Platform | None = None

    async def temporal(self) -> Client:
        """The Temporal client, connected at the first use."""
        if self._temporal is None:
            self._temporal = await connect(self.settings)
        return self._temporal

    @property
    def platform(self) -> Platform:
        """The bot platform."""
        if self._platform is None:
            if self.settings.platform_url is None:
                raise LadderError(
                    Code.PLATFORM_DOWN, "no platform is configured", "set LADDER_PLATFORM_URL, or run 'ladder dev'"
                )
            self._platform = HttpPlatform(self.settings.platform_url)
        return self._platform

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

    # --- looking ------------------------------------------------------------------------------------------------

    async def state(self, bot: str) -> PromotionState:
        """The whole state of the bot's newest promotion."""
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot))
        try:
            state: PromotionState = await handle.query("state", result_type=PromotionState, rpc_timeout=QUERY_PATIENCE)
        except RPCError as error:
            raise from_rpc(error, bot) from None
        except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
            raise LadderError(Code.WORKER_SILENT, f"the promotion of {bot} does not answer: {error}"[:300]) from None
        return state

    async def result(self, bot: str) -> PromotionResult:
        """The end of the bot's promotion, waited for; readable with no worker once it has ended."""
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot), result_type=PromotionResult)
        try:
            result: PromotionResult = await handle.result()
        except RPCError as error:
            raise from_rpc(error, bot) from None
        except WorkflowFailureError as error:
            raise LadderError(
                Code.NO_SUCH_PROMOTION, f"the promotion of {bot} was ended from outside: {error.cause}"[:300],
                "'ladder start' again: what is still exposed is flattened first",
            ) from None  # fmt: skip
        return result

    async def running(self, bot: str) -> bool:
        """Whether a promotion of the bot runs."""
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot))
        try:
            return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise from_rpc(error, bot) from None

    async def list(self) -> AsyncIterator[Line]:
        """All running promotions."""
        client = await self.temporal()
        found = client.list_workflows(f"WorkflowType = '{contracts.WORKFLOW}' AND ExecutionStatus = 'Running'")
        try:
            async for execution in found:
                attributes = execution.typed_search_attributes
                yield Line(
                    bot=attributes.get(contracts.BOT) or execution.id.removeprefix("promotion/"),
                    release=attributes.get(contracts.RELEASE) or "",
                    stage=attributes.get(contracts.STAGE) or "",
                    status=attributes.get(contracts.STATUS) or "",
                    exposed=bool(attributes.get(contracts.EXPOSED)),
                    started_at=execution.start_time,
                    promotion_id=str((await execution.memo()).get(contracts.MEMO_PROMOTION, "")),
                )
        except RPCError as error:
            raise from_rpc(error, "every bot") from None

    async def _memo(self, bot: str) -> dict[str, str]:
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot))
        try:
            return {key: str(value) for key, value in (await (await handle.describe()).memo()).items()}
        except RPCError as error:
            raise from_rpc(error, bot) from None

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
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot))
        try:
            receipt: Receipt = await handle.execute_update(
                str(verb), command, result_type=Receipt, id=command.message_id, rpc_timeout=PATIENCE
            )
        except WorkflowUpdateFailedError as error:
            raise from_update(error) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            raise LadderError(Code.WORKER_SILENT, f"no worker answered the {verb} of {bot}") from None
        except RPCError as error:
            raise from_rpc(error, bot) from None
        return receipt

    # --- prohibitions: signals, stored even when no worker lives ------------------------------------------------------

    async def veto(self, bot: str, reason: str) -> Receipt:
        """Stop the promotion for good."""
        return await self._prohibit(bot, Verb.VETO, reason)

    async def hold(self, bot: str, reason: str = "") -> Receipt:
        """Stand still, exposure unchanged."""
        return await self._prohibit(bot, Verb.HOLD, reason)

    async def rollback(self, bot: str, reason: str) -> Receipt:
        """Come down: flatten, restore stable, hold the release out."""
        return await self._prohibit(bot, Verb.ROLLBACK, reason)

    async def _prohibit(self, bot: str, verb: Verb, reason: str) -> Receipt:
        """Send a prohibition, which is stored even when no worker lives, and wait a little for the ruling on it.

        Raises LadderError when it was refused. Without an answer in time it stands as sent.
        """
        if not await self.running(bot):
            raise LadderError(Code.NO_SUCH_PROMOTION, f"no promotion of {bot} is running")
        promotion_id = (await self._memo(bot)).get(contracts.MEMO_PROMOTION, "")
        command = self.command(verb, promotion_id, reason)
        await self._signal(bot, command)
        receipt = await self._ruling(bot, command.message_id)
        if receipt is None:
            return Receipt(
                accepted=True, code=Code.ALLOWED, sentence=f"{verb} sent to {promotion_id}, not ruled on yet"
            )
        if not receipt.accepted:
            raise LadderError(receipt.code, receipt.sentence)
        return receipt

    async def _ruling(self, bot: str, message_id: str) -> Receipt | None:
        """What became of a message; None if nobody says so within a few seconds."""
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot))
        deadline = asyncio.get_running_loop().time() + RULING_PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            try:
                ruled: Ruled = await handle.query(
                    "ruled", message_id, result_type=Ruled, rpc_timeout=timedelta(seconds=1)
                )
            except (RPCError, WorkflowQueryFailedError):
                ruled = Ruled()
            if ruled.receipt is not None:
                return ruled.receipt
            await asyncio.sleep(0.2)
        return None

    async def _signal(self, bot: str, command: Command) -> None:
        handle = (await self.temporal()).get_workflow_handle(contracts.workflow_id(bot))
        try:
            await handle.signal(str(command.verb), command)
        except RPCError as error:
            raise from_rpc(error, bot) from None

    async def kill(self, bot: str, reason: str) -> Killed:
        """Latch the bot at the platform, read the latch back, then tell its promotion, which flattens durably.

        It has worked when the latch is read back; what follows needs Temporal, the latch does not.
        """
        facts = await self.platform.latch(bot, self._latch(bot, reason))
        if not any(latch.scope == "bot" and latch.target == bot for latch in facts.latches):
            raise LadderError(
                Code.PLATFORM_REFUSED, f"the latch of {bot} was set but is not there: kill it at the venue"
            )
        try:
            if not await self.running(bot):
                return Killed(latched=True, told=False, sentence=f"{bot} is latched; no promotion of it is running")
            promotion_id = (await self._memo(bot)).get(contracts.MEMO_PROMOTION, "")
            await self._signal(bot, self.command(Verb.KILL, promotion_id, reason))
        except LadderError as error:
            return Killed(
                latched=True, told=False, sentence=f"{bot} is latched; its promotion was not told: {error.detail}"
            )
        return Killed(latched=True, told=True, sentence=f"{bot} is latched and {promotion_id} flattens")

    async def release_kill(self, bot: str, reason: str) -> BotFacts:
        """Lift the latch of a kill."""
        return await self.platform.unlatch(bot, self._latch(bot, reason))

    def _latch(self, bot: str, reason: str) -> LatchOrder:
        return LatchOrder(
            scope="bot", target=bot, reason=reason, by=self.settings.identity, key=f"latch:{bot}:{uuid.uuid4().hex}"
        )

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

    def command(self, verb: Verb, promotion_id: str, reason: str = "", **fields: Any) -> Command:
        """A message of this person to one promotion."""
        return Command(
            verb=verb, promotion_id=promotion_id, identity=self.settings.identity, message_id=uuid.uuid4().hex,
            reason=reason, channel=self.channel, **fields,
        )  # fmt: skip
