"""Incidents: what needs a person, in one queue. The queue is not kept: it is folded from the desk's events.

A kill and what a guard beside its bot did are in the record anyway; from there they are in the queue too, until the
latch is lifted.
"""

from collections.abc import Iterable, Iterator, Mapping
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
KILLED, LIFTED = "killed", "latch_lifted"
GUARD_TRIPPED, GUARD_HELD = "guard_tripped", "guard_held"

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
    found = {now.key: now for _, _, now in _steps(events)}
    return tuple(sorted(found.values(), key=lambda incident: incident.opened_at))


def changes(events: Iterable[AuditEvent]) -> Iterator[tuple[AuditEvent, Incident]]:
    """Each of the desk's ``events`` that gave an incident another status, with the incident as it was then."""
    for event, before, now in _steps(events):
        if before is None or before.status is not now.status:
            yield event, now


def _steps(events: Iterable[AuditEvent]) -> Iterator[tuple[AuditEvent, Incident | None, Incident]]:
    """Each event that concerns the queue, with its incident before and after it."""
    found: dict[str, Incident] = {}
    for event in events:
        now = _after(event, found)
        if now is not None:
            yield event, found.get(now.key), now
            found[now.key] = now


def _after(event: AuditEvent, found: Mapping[str, Incident]) -> Incident | None:
    """The incident that ``event`` concerns as it stands then; None if it concerns none."""
    if event.kind == OPENED:
        return _opened(event, _new(event), found)
    if event.kind in (KILLED, GUARD_TRIPPED, GUARD_HELD):
        return _opened(event, _told(event), found)
    if event.kind == LIFTED:
        return _ended(event, Status.RESOLVED, found.get(_latched(event)))
    if event.kind in (ACKNOWLEDGED, RESOLVED):
        status = Status.RESOLVED if event.kind == RESOLVED else Status.ACKNOWLEDGED
        return _ended(event, status, found.get(str(event.data.get("key", ""))))
    return None


def _ended(event: AuditEvent, status: Status, before: Incident | None) -> Incident | None:
    if before is None or before.status is Status.RESOLVED:
        return None
    reason = str(event.data.get("reason", ""))
    return before.model_copy(update={"status": status, "by": event.actor, "reason": reason})


def _latched(event: AuditEvent) -> str:
    """Key of the incident that a scope is latched: one for all that latch it, and lifting ends it."""
    target = event.data.get("target", event.data.get("bot", ""))
    return f"latched:{event.data.get('scope', 'bot')}:{target}"


def _told(event: AuditEvent) -> NewIncident:
    """What a kill, or a guard beside its bot, leaves for a person."""
    scope, target = str(event.data.get("scope", "bot")), str(event.data.get("target", event.data.get("bot", "")))
    named = (
        target if scope == "bot" else f"--scope {scope}" + (f" --target {target}" if target not in ("", "*") else "")
    )
    lift = f"'ladder kill {named} --release' when the cause is found and mended"
    if event.kind == KILLED:
        return NewIncident(
            key=_latched(event), severity=Severity.WARNING, scope=scope, target=target or "*", code=Code.KILLED,
            sentence=f"killed by {event.actor}, {event.data.get('reason', 'no reason given')}: {event.sentence}",
            action=f"{event.actor}: {lift}",
        )  # fmt: skip
    if event.kind == GUARD_TRIPPED:
        return NewIncident(
            key=_latched(event), severity=Severity.CRITICAL, scope=scope, target=target, code=Code.GUARD_TRIPPED,
            sentence=f"{target}, beside the bot: {event.sentence}", action=f"on-call: {lift}",
        )  # fmt: skip
    return NewIncident(
        key=f"held:{target}", severity=Severity.WARNING, scope=scope, target=target, code=Code.GUARD_TRIPPED,
        sentence=f"{target}, beside the bot: {event.sentence}",
        action=f"on-call: 'ladder status {target}', then resume or roll back, and resolve this",
    )  # fmt: skip


def _new(event: AuditEvent) -> NewIncident:
    try:
        return NewIncident.model_validate(event.data | {"sentence": event.sentence})
    except ValidationError:
        # Somebody found something; that it cannot be read must not make it vanish.
        return NewIncident(
            key=f"unreadable:{event.seq}", severity=Severity.CRITICAL, scope="global", target="*",
            code=Code.UNREADABLE_MESSAGE, sentence=f"an incident that cannot be read: {event.sentence}",
            action=f"on-call: read event {event.seq} with 'ladder audit show desk -o json'",
        )  # fmt: skip


def _opened(event: AuditEvent, new: NewIncident, found: Mapping[str, Incident]) -> Incident:
    """The incident after one more sighting: a known one counts up, a resolved one begins anew."""
    before = found.get(new.key)
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
