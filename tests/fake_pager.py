"""A channel to on-call and the ledger of what it was told, in memory."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from promotion_ladder.core.alerts import Alert, Told
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError


@dataclass
class FakePager:
    """Keeps what it was told; it can be down, refuse, break, or take its time."""

    channel: str = "fake"
    told: list[Alert] = field(default_factory=list)
    down: bool = False
    down_for: set[str] = field(default_factory=set)
    """Incidents of which it takes nothing."""
    refuses: set[str] = field(default_factory=set)
    """Incidents of which it refuses everything."""
    bug: Exception | None = None
    slow: asyncio.Event | None = None
    """What it waits for before it takes anything."""

    async def tell(self, alert: Alert) -> None:
        if self.slow is not None:
            await self.slow.wait()
        if self.bug is not None:
            raise self.bug
        if self.down or alert.incident_id in self.down_for:
            raise LadderError(Code.PAGER_DOWN, "nobody answers")
        self.told.append(alert)
        if alert.incident_id in self.refuses:
            raise LadderError(Code.ALERT_REFUSED, "the key is wrong")

    def said(self) -> list[str]:
        """What it heard, in a word each."""
        return [str(alert.status) for alert in self.told]


@dataclass
class FakeLedger:
    """The ledger of one process's memory."""

    since: dict[str, int] = field(default_factory=dict)
    settled: dict[tuple[str, str], datetime] = field(default_factory=dict)
    until: dict[tuple[str, str], datetime] = field(default_factory=dict)
    forgets: int = 0
    """How many settlings are lost, as when the process dies just before."""

    async def told(self, channel: str, newest: int) -> Told:
        since = self.since.setdefault(channel, newest)
        return Told(since=since, settled=frozenset(alert for of, alert in self.settled if of == channel))

    async def claim(self, channel: str, alert_id: str, now: datetime, until: datetime) -> bool:
        key = (channel, alert_id)
        if key in self.settled or (key in self.until and self.until[key] > now):
            return False
        self.until[key] = until
        return True

    async def give_back(self, channel: str, alert_id: str) -> None:
        del self.until[channel, alert_id]

    async def settle(self, channel: str, alert_id: str, at: datetime) -> None:
        if self.forgets > 0:
            self.forgets -= 1
            raise LadderError(Code.AUDIT_DOWN, "the store died")
        self.settled[channel, alert_id] = at
