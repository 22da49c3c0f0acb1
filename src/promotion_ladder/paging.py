"""Telling on-call: whatever of the queue of incidents a channel was not told yet, in order, once, beside all else.

A worker that wrote to the queue wakes it, and every worker looks by itself, so nothing depends on the process that
opened an incident, nor on Temporal. It is never awaited by anything that matters.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from promotion_ladder.core.alerts import Alert, alerts, due
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import DESK
from promotion_ladder.core.people import SYSTEM
from promotion_ladder.ports import AlertLedger, AuditStore, Pager

_LOG = logging.getLogger(__name__)

PATIENCE = 15.0
"""Seconds a channel may take for one alert."""
CLAIM = timedelta(seconds=30)
"""How long an alert belongs to whoever tells it; longer than ``PATIENCE``, and after a crash another one takes over."""
EVERY = timedelta(seconds=20)
"""How often a worker looks for what others wrote."""
REFUSED = "alert_refused"
"""Kind of the desk's event that says that a channel will not take an alert."""


class Paging:
    """The channels to on-call, and what each was told."""

    def __init__(self, store: AuditStore, ledger: AlertLedger, pagers: Sequence[Pager]) -> None:
        self._store = store
        self._ledger = ledger
        self._pagers = tuple(pagers)
        self._again = False
        self._rounds: asyncio.Task[None] | None = None
        self._said: tuple[str, ...] = ()

    async def keep_up(self) -> None:
        """Wake for ever: for what guards, terminals and dead workers wrote, and what a channel did not take."""
        while True:
            self.wake()
            await asyncio.sleep(EVERY.total_seconds())

    def wake(self) -> None:
        """Tell what is untold, beside everything else; returns at once and raises nothing."""
        self._again = True
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.get_running_loop().create_task(self._round_after_round())

    async def _round_after_round(self) -> None:
        while self._again:
            self._again = False
            said = await self.catch_up()
            for problem in said:
                if problem not in self._said:  # an outage is logged when it begins, not every few seconds
                    _LOG.warning("%s", problem)
            self._said = said

    async def catch_up(self) -> tuple[str, ...]:
        """Tell every channel what it was not told yet; why something is still untold, one sentence each."""
        try:
            events = [link.event for link in await self._store.chain(DESK)]
        except LadderError as error:
            return (f"on-call is told nothing new: {error.detail}",)
        every, newest = alerts(events), events[-1].seq if events else 0
        said = await asyncio.gather(*(self._channel(pager, every, newest) for pager in self._pagers))
        return tuple(dict.fromkeys(problem for each in said for problem in each))

    async def _channel(self, pager: Pager, every: Sequence[Alert], newest: int) -> list[str]:
        try:
            told = await self._ledger.told(pager.channel, newest)
        except LadderError as error:
            return [f"{pager.channel} is told nothing new: {error.detail}"]
        answers = await asyncio.gather(*(self._incident(pager, untold) for untold in due(every, told)))
        return [problem for problem in answers if problem]

    async def _incident(self, pager: Pager, untold: Sequence[Alert]) -> str:
        """Tell what is untold of one incident, in order; what is in the way, empty if nothing."""
        try:
            for alert in untold:
                now = datetime.now(UTC)
                if not await self._ledger.claim(pager.channel, alert.alert_id, now, now + CLAIM):
                    break  # another process is at it
                await self._tell_once(pager, alert)
        except LadderError as error:
            return f"{pager.channel}: {error.detail}"
        return ""

    async def _tell_once(self, pager: Pager, alert: Alert) -> None:
        try:
            await self._tell(pager, alert)
        except LadderError as error:
            if error.code is not Code.ALERT_REFUSED:
                await self._ledger.give_back(pager.channel, alert.alert_id)
                raise
            await self._note_refusal(pager, alert, error.detail)
        await self._ledger.settle(pager.channel, alert.alert_id, datetime.now(UTC))

    async def _tell(self, pager: Pager, alert: Alert) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await pager.tell(alert)
        except LadderError:
            raise
        except Exception as problem:  # one broken channel must neither silence nor stop the others
            detail = f"telling alert {alert.alert_id} failed: {type(problem).__name__}"
            raise LadderError(Code.PAGER_DOWN, detail) from problem

    async def _note_refusal(self, pager: Pager, alert: Alert, why: str) -> None:
        """Say so in the record; with the alert's own moment, so that after a crash it stands there once."""
        sentence = f"{pager.channel} does not take that incident {alert.incident_id} is {alert.status}: {why}"
        _LOG.error("%s [%s]", sentence, Code.ALERT_REFUSED)
        await self._store.append_to_desk(
            REFUSED, SYSTEM, alert.at, sentence, channel=pager.channel, incident=alert.incident_id,
            alert=alert.alert_id, code=Code.ALERT_REFUSED,
        )  # fmt: skip
