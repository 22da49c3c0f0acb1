"""The servers behind the client, and what can be seen without changing anything."""

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from promotion_ladder import contracts
from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.spool import DESK_FILE, DeskRecord
from promotion_ladder.connection import connect, from_rpc
from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Ruling, Verb, rule
from promotion_ladder.core.platform import Latch
from promotion_ladder.core.state import Command, PromotionResult, PromotionState
from promotion_ladder.ports import AuditStore, Platform
from promotion_ladder.settings import Settings

if TYPE_CHECKING:
    from promotion_ladder.adapters.audit_sql import SqlAudit

QUERY_PATIENCE = timedelta(seconds=5)
LATCH_PATIENCE = 1.0
"""Seconds that a look at latches may take beside something else that is shown."""


def desk_record(settings: Settings, store: AuditStore) -> DeskRecord:
    """The desk's record in ``store``, with its file in the state directory."""
    return DeskRecord(settings.state_dir / DESK_FILE, store)


class Line(Record):
    """One running promotion in a list."""

    bot: str
    release: str
    stage: str
    status: str
    exposed: bool
    started_at: Time
    promotion_id: str


class Looking:
    """The servers that the settings name, and the questions to them."""

    def __init__(self, settings: Settings, *, channel: str = "api", runtime: Runtime | None = None) -> None:
        self.settings = settings
        self._runtime = runtime
        self.channel = channel
        self._connected: list[Client] = []
        """The Temporal client once there is one, shared with those who act over the same connections."""
        self.directory = ConfigDirectory(settings.config_dir)
        """People, policy and ladders, read anew when their files have changed."""
        self._platform: Platform | None = None
        self._store: SqlAudit | None = None
        self._record: DeskRecord | None = None

    def acting_for(self, identity: str) -> Self:
        """The same connections in the hands of another person, whoever that turns out to be; close this one alone."""
        if self.settings.platform_url is not None:
            _ = self.platform  # made before the copy, which would open one of its own
        _ = self.record
        other = copy.copy(self)
        other.settings = self.settings.model_copy(update={"identity": identity})
        return other

    async def close(self) -> None:
        """Give the connections back; they open again when they are used again."""
        if isinstance(self._platform, HttpPlatform):
            await self._platform.close()
        if self._store is not None:
            await self._store.close()
        self._platform = self._store = self._record = None

    async def temporal(self) -> Client:
        """The Temporal client, connected at the first use."""
        if not self._connected:
            self._connected.append(await connect(self.settings, self._runtime))
        return self._connected[0]

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

    @property
    def store(self) -> "SqlAudit":
        """The audit store."""
        if self._store is None:
            from promotion_ladder.adapters.audit_sql import SqlAudit  # noqa: PLC0415 - 0.2 s that not all verbs need

            self._store = SqlAudit(self.settings.audit_url, anchor_dir=self.settings.anchor_dir)
        return self._store

    @property
    def record(self) -> DeskRecord:
        """The desk's record: what was done that belongs to no promotion."""
        if self._record is None:
            self._record = desk_record(self.settings, self.store)
        return self._record

    def ruling(self, verb: Verb, member_of: frozenset[str] | None = None) -> Ruling:
        """Whether the policy lets this person use ``verb``; raises LadderError if the files cannot be read.

        ``member_of`` are the Slack groups the person is in, None where nobody can say.
        """
        people, policy = self.directory.people(), self.directory.policy()
        return rule(people, policy, self.settings.identity, verb, day=datetime.now(UTC).date(), member_of=member_of)

    def entitled(self, verb: Verb) -> str:
        """The name of this person (or ``ben for rita``), if the policy lets them; raises LadderError if not."""
        ruling = self.ruling(verb)
        if not ruling.allowed:
            raise LadderError(ruling.code, ruling.sentence)
        return ruling.named

    def whoever(self, verb: Verb) -> tuple[str, Code]:
        """The name of this person where people.yaml knows one, and what the policy says of the right: only noted."""
        try:
            ruling = self.ruling(verb)
        except Exception:  # noqa: BLE001 - whatever ails the files, what is noted must not be stopped by them
            return self.settings.identity, Code.DIRECTORY_UNREADABLE
        return ruling.named, ruling.code

    async def latches(self, bots: Iterable[str]) -> dict[str, tuple[Latch, ...]]:
        """What latches each bot; one whose platform does not answer at once is left out."""
        names = list(bots)
        found = await asyncio.gather(*(self._latches(name) for name in names))
        return {name: latches for name, latches in zip(names, found, strict=True) if latches is not None}

    async def _latches(self, bot: str) -> tuple[Latch, ...] | None:
        try:
            async with asyncio.timeout(LATCH_PATIENCE):
                return (await self.platform.describe(bot)).latches
        except (LadderError, TimeoutError):
            return None

    async def handle(self, bot: str) -> WorkflowHandle[Any, Any]:
        """The promotion of the bot at the Temporal server."""
        client = await self.temporal()
        return client.get_workflow_handle(contracts.workflow_id(bot), result_type=PromotionResult)

    def command(self, verb: Verb, promotion_id: str, reason: str = "", **fields: Any) -> Command:
        """A message of this person to one promotion."""
        return Command(
            verb=verb, promotion_id=promotion_id, identity=self.settings.identity, message_id=uuid.uuid4().hex,
            reason=reason, channel=self.channel, **fields,
        )  # fmt: skip

    async def state(self, bot: str) -> PromotionState:
        """The whole state of the bot's newest promotion."""
        handle = await self.handle(bot)
        try:
            state: PromotionState = await handle.query("state", result_type=PromotionState, rpc_timeout=QUERY_PATIENCE)
        except RPCError as error:
            raise from_rpc(error, bot) from None
        except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
            raise LadderError(Code.WORKER_SILENT, f"the promotion of {bot} does not answer: {error}"[:300]) from None
        return state

    async def result(self, bot: str) -> PromotionResult:
        """The end of the bot's promotion, waited for; readable with no worker once it has ended."""
        handle = await self.handle(bot)
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
        handle = await self.handle(bot)
        try:
            return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise from_rpc(error, bot) from None

    async def in_hand(self, bot: str, activity: str) -> bool:
        """Whether a worker has taken this activity of the bot's promotion and not yet answered or been missed."""
        handle = await self.handle(bot)
        try:
            found = (await handle.describe()).raw_description.pending_activities
        except RPCError as error:
            raise from_rpc(error, bot) from None
        started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        return any(one.activity_type.name == activity and one.state == started for one in found)

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
        handle = await self.handle(bot)
        try:
            return {key: str(value) for key, value in (await (await handle.describe()).memo()).items()}
        except RPCError as error:
            raise from_rpc(error, bot) from None
