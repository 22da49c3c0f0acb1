"""Alerts: what on-call is told of the queue of incidents, one for each status that an incident reaches.

Nothing is kept but what was told: the alerts follow from the desk's events, like the queue itself.
"""

import re
from collections.abc import Iterable

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.incidents import Severity, Status, changes

LONGEST = 1_000
"""Letters of a sentence that an alert carries; the whole stands in the record."""

_ADDRESS = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/@]*@)?([^\s/?#]*)[^\s]*")


class Alert(Record):
    """That an incident has reached a status."""

    alert_id: str
    """The same when it is told again."""
    number: int
    """The desk's event that changed the status."""
    incident_id: str
    status: Status
    severity: Severity
    scope: str
    target: str
    code: Code
    sentence: str
    """What is wrong."""
    action: str
    """Who must do what."""
    by: str = ""
    """Who acknowledged or resolved it."""
    reason: str = ""
    """Why, in their words."""
    at: Time
    """When it reached the status."""
    opened_at: Time


class Told(Record):
    """What a channel knows."""

    since: int
    """Number of the desk's last event when the channel was first used: what was over by then is not told."""
    settled: frozenset[str]
    """Ids of the alerts that it was told, or has refused."""


def alerts(events: Iterable[AuditEvent]) -> tuple[Alert, ...]:
    """Every alert that the desk's ``events`` give, in their order."""
    return tuple(
        Alert(
            alert_id=f"{incident.incident_id}.{event.seq}", number=event.seq, incident_id=incident.incident_id,
            status=incident.status, severity=incident.severity, scope=incident.scope, target=incident.target,
            code=incident.code, sentence=plain(incident.sentence), action=plain(incident.action), by=incident.by,
            reason=plain(incident.reason), at=event.at, opened_at=incident.opened_at,
        )
        for event, incident in changes(events)
    )  # fmt: skip


def due(every: Iterable[Alert], told: Told) -> list[list[Alert]]:
    """What a channel is still to be told of each incident, in its order: never that it is over before that it began."""
    pending: dict[str, list[Alert]] = {}
    for alert in every:
        if alert.status is Status.RESOLVED and alert.number <= told.since:
            pending.pop(alert.incident_id, None)
        else:
            pending.setdefault(alert.incident_id, []).append(alert)
    untold = ([alert for alert in each if alert.alert_id not in told.settled] for each in pending.values())
    return [each for each in untold if each]


def plain(text: str, longest: int = LONGEST) -> str:
    """``text`` as it may leave the house: one line, cut, and of every address only where it leads.

    User, path and query of an address are often secrets, and other people's errors quote addresses.
    """
    line = _ADDRESS.sub(r"\1\2", " ".join(text.split()))
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return line if len(line) <= longest else line[: longest - 1] + "…"
