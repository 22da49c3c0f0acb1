"""What needs a person: the queue of incidents, and whether everything that is exposed is accounted for."""

import asyncio
import secrets
from datetime import UTC, datetime

from promotion_ladder.client.calling import pagers, paging
from promotion_ladder.client.looking import Looking
from promotion_ladder.core.alerts import Alert
from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.incidents import ACKNOWLEDGED, RESOLVED, Incident, Severity, Status
from promotion_ladder.core.people import Verb
from promotion_ladder.core.reconcile import Finding, Look, Mended
from promotion_ladder.incidents import end, queue
from promotion_ladder.ports import Pager
from promotion_ladder.reconciling import look, make_safe, tell
from promotion_ladder.reconciling.temporal import TemporalPromotions


class Dealt(Record):
    """One finding, and what was done about it."""

    finding: Finding
    mended: Mended | None = None
    """None when nothing was done: it was only looked at, or ``problem`` says why not."""
    problem: str = ""


class Reconciled(Record):
    """What a reconciliation found."""

    at: Time
    findings: tuple[Dealt, ...]
    unanswered: tuple[str, ...]
    """What could not be looked at, one sentence each."""


class Attending(Looking):
    """Incidents and reconciliation; needs no worker."""

    async def incidents(self, bot: str | None = None, *, resolved: bool = False) -> tuple[Incident, ...]:
        """The queue, oldest first: what covers ``bot`` (everything without it), resolved ones only when asked for."""
        found = [i for i in await queue(self.store) if resolved or i.status is not Status.RESOLVED]
        if bot is None or all(i.scope in ("bot", "global") for i in found):
            return tuple(i for i in found if bot is None or i.covers(bot))
        facts = await self.platform.describe(bot)
        return tuple(i for i in found if i.covers(bot, facts))

    async def acknowledge(self, incident_id: str, reason: str) -> Incident:
        """Say that one looks after an incident; it stays in the way of moving up."""
        return await self._end(incident_id, Verb.ACKNOWLEDGE, reason)

    async def resolve(self, incident_id: str, reason: str) -> Incident:
        """End an incident: what it was in the way of may move up again."""
        return await self._end(incident_id, Verb.RESOLVE, reason)

    async def _end(self, incident_id: str, verb: Verb, reason: str) -> Incident:
        who = self.entitled(verb)
        if not reason.strip():
            raise LadderError(Code.REASON_NEEDED, f"{incident_id} needs a reason in words")
        found = next((i for i in await queue(self.store) if i.incident_id == incident_id), None)
        if found is None or found.status is Status.RESOLVED:
            why = "is resolved already" if found else "is not in the queue"
            raise LadderError(Code.NO_SUCH_INCIDENT, f"incident {incident_id} {why}")
        kind, did = (ACKNOWLEDGED, "looks after") if verb is Verb.ACKNOWLEDGE else (RESOLVED, "resolved")
        sentence = f"{who} {did} incident {incident_id}: {reason}"
        await end(self.store, kind, who, datetime.now(UTC), found.key, sentence, reason=reason)
        return next(i for i in await queue(self.store) if i.incident_id == incident_id)

    async def test_alert(self) -> dict[str, str]:
        """Open and resolve a trial alert at every channel to on-call: by channel what went wrong, empty if nothing.

        Nothing of it is kept. Raises LadderError when no channel is configured.
        """
        found = pagers(self.settings)
        if not found:
            raise LadderError(
                Code.PAGER_DOWN, "no channel to on-call is configured",
                "set LADDER_PAGERDUTY_KEY, or LADDER_ALERTS_URL with LADDER_WEBHOOK_SECRET",
            )  # fmt: skip
        trial = f"trial-{secrets.token_hex(4)}"
        answers = await asyncio.gather(*(self._tried(pager, trial) for pager in found))
        return {pager.channel: said for pager, said in zip(found, answers, strict=True)}

    async def _tried(self, pager: Pager, trial: str) -> str:
        now = datetime.now(UTC)
        try:
            for number, status in enumerate((Status.OPEN, Status.RESOLVED), start=1):
                await pager.tell(
                    Alert(
                        alert_id=f"{trial}.{number}", number=number, incident_id=trial, status=status, at=now,
                        opened_at=now, severity=Severity.WARNING, scope="global", target="trial", code=Code.ALLOWED,
                        sentence=f"a trial by {self.settings.identity}: nothing is wrong",
                        action="nobody need do a thing",
                    )
                )  # fmt: skip
        except LadderError as error:
            return str(error)
        return ""

    async def reconcile(self, *, fix: bool = False) -> Reconciled:
        """Whether everything that is exposed is accounted for; with ``fix`` what is not is made safe and told.

        On-call is told with ``fix`` too, whatever else fails, for it may be that no worker lives to do it.

        Raises LadderError when platform or Temporal do not answer at all.
        """
        channels = paging(self.settings, self.store) if fix else None
        untold: tuple[str, ...] = ()
        try:
            found = await self._reconciled(fix=fix)
        finally:
            if channels is not None:
                untold = await channels.catch_up()
        return found.model_copy(update={"unanswered": (*found.unanswered, *untold)})

    async def _reconciled(self, *, fix: bool) -> Reconciled:
        promotions = TemporalPromotions(await self.temporal())
        seen = await look(self.platform, promotions, self.store)
        dealt = await asyncio.gather(*(self._deal(seen, finding, promotions, fix=fix) for finding in seen.findings))
        return Reconciled(at=seen.at, findings=tuple(dealt), unanswered=seen.unanswered)

    async def _deal(self, seen: Look, finding: Finding, promotions: TemporalPromotions, *, fix: bool) -> Dealt:
        if not fix:
            return Dealt(finding=finding)
        mended, problem = None, ""
        try:
            mended = await make_safe(self.platform, promotions, finding, seen.at)
        except LadderError as error:
            problem = f"not made safe: {error.detail}"
        try:
            await tell(self.store, finding, seen.at, mended)
        except LadderError as error:
            problem = f"{problem}; not recorded: {error.detail}".removeprefix("; ")
        return Dealt(finding=finding, mended=mended, problem=problem)
