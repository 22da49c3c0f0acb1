"""Incidents: what needs a person, in one queue. The queue is not kept: it is folded from the desk's events."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import ValidationError

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.canonical import digest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.platform import BotFacts

OPENED = "incident_opened"
ACKNOWLEDGED = "incident_acknowledged"
RESOLVED = "incident_resolved"

SEEN_AGAIN = timedelta(minutes=5)
"""What stands is recorded again so often: the record shows that it still stands, and does not fill up with it."""


class Severity(StrEnum):
    """``critical`` lets nothing of its scope move up until it is resolved; ``warning`` only wants a person."""

    CRITICAL = "critical"
    WARNING = "warning"


class Status(StrEnum):
    """Life of an incident."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class NewIncident(Record):
    """What somebody found that needs a person."""

    key: str
    """The same trouble has the same key, however often and by whomever it is found."""
    severity: Severity
    scope: str
    """``market``, ``bot``, ``strategy``, ``venue`` or ``global``."""
    target: str
    """What the scope names, for instance the bot."""
    code: Code
    sentence: str
    """What is wrong."""
    action: str
    """Who must do what."""

    @property
    def incident_id(self) -> str:
        """A short name for people to type."""
        return digest([self.key])[:8]

    def as_data(self) -> dict[str, str]:
        """What its event holds besides the sentence."""
        return {name: str(value) for name, value in self.model_dump(mode="json").items() if name != "sentence"}


class Incident(NewIncident):
    """One entry of the queue."""

    status: Status
    count: int
    """How often it was recorded since it was opened (the last time)."""
    opened_at: Time
    last_seen: Time
    by: str = ""
    """Who acknowledged or resolved it."""
    reason: str = ""
    """Why, in their words."""

    def covers(self, bot: str, facts: BotFacts | None = None) -> bool:
        """Whether it concerns ``bot``. Where only the platform could tell and did not (no ``facts``), it does."""
        match self.scope:
            case "bot":
                return self.target == bot
            case "market" if facts is not None:
                return self.target in facts.instruments
            case "venue" if facts is not None:
                return self.target == facts.venue
            case _:
                return True


class IncidentNews(Record):
    """Something to be written to the queue: an incident opened, or one that the ladder itself has mended."""

    at: Time
    opened: NewIncident | None = None
    resolved: str = ""
    """Key of the incident that is over."""
    sentence: str = ""


def fold(events: Iterable[AuditEvent]) -> tuple[Incident, ...]:
    """The queue after ``events`` of the desk in their order; resolved incidents too, the one opened first first."""
    found: dict[str, Incident] = {}
    for event in events:
        key = str(event.data.get("key", ""))
        before = found.get(key)
        if event.kind == OPENED:
            now = _opened(event, before)
            found[now.key] = now
        elif event.kind in (ACKNOWLEDGED, RESOLVED) and before is not None and before.status is not Status.RESOLVED:
            status = Status.RESOLVED if event.kind == RESOLVED else Status.ACKNOWLEDGED
            reason = str(event.data.get("reason", ""))
            found[key] = before.model_copy(update={"status": status, "by": event.actor, "reason": reason})
    return tuple(sorted(found.values(), key=lambda incident: incident.opened_at))


def _opened(event: AuditEvent, before: Incident | None) -> Incident:
    """The incident after one more sighting: a known one counts up, a resolved one begins anew."""
    try:
        new = NewIncident.model_validate(event.data | {"sentence": event.sentence})
    except ValidationError:
        # Somebody found something; that it cannot be read must not make it vanish.
        new = NewIncident(
            key=f"unreadable:{event.seq}", severity=Severity.CRITICAL, scope="global", target="*",
            code=Code.UNREADABLE_MESSAGE, sentence=f"an incident that cannot be read: {event.sentence}",
            action=f"on-call: read event {event.seq} with 'ladder audit show desk -o json'",
        )  # fmt: skip
    fields = new.model_dump()
    if before is None or before.status is Status.RESOLVED:
        return Incident(**fields, status=Status.OPEN, count=1, opened_at=event.at, last_seen=event.at)
    seen = {"count": before.count + 1, "last_seen": max(before.last_seen, event.at)}
    return before.model_copy(update=fields | seen)


def is_news(queue: Iterable[Incident], new: NewIncident, at: datetime) -> bool:
    """Whether ``new`` is to be recorded: it is not in the queue, or was last seen a while ago."""
    known = next((i for i in queue if i.key == new.key and i.status is not Status.RESOLVED), None)
    return known is None or at - known.last_seen >= SEEN_AGAIN


def blocking(queue: Iterable[Incident], bot: str, facts: BotFacts | None = None) -> tuple[Incident, ...]:
    """What lets ``bot`` not move up: critical, not resolved, of the bot or of a scope that covers it."""
    return tuple(
        incident
        for incident in queue
        if incident.severity is Severity.CRITICAL
        and incident.status is not Status.RESOLVED
        and incident.covers(bot, facts)
    )
