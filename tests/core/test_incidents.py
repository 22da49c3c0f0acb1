"""The queue of incidents: one entry for one trouble, whatever happens in between, and nothing vanishes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes import FakePlatform

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step, decide, judge
from promotion_ladder.core.events import DESK, AuditEvent
from promotion_ladder.core.evidence import INCIDENTS, IncidentsEvidence, NumberEvidence
from promotion_ladder.core.incidents import (
    ACKNOWLEDGED,
    OPENED,
    RESOLVED,
    SEEN_AGAIN,
    Incident,
    NewIncident,
    Severity,
    Status,
    blocking,
    fold,
    is_news,
)
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.verdict import Outcome

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def new(key: str = "not_flat:bot/1/x", **fields: Any) -> NewIncident:
    return NewIncident.model_validate(
        {"key": key, "severity": "critical", "scope": "bot", "target": "bot", "code": Code.NOT_FLAT,
         "sentence": "1 WTI is left", "action": "on-call: close it"} | fields
    )  # fmt: skip


class Desk:
    """The desk's chain, an hour between two events."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def write(self, kind: str, sentence: str = "", actor: str = "ladder", **data: str) -> "Desk":
        seq = len(self.events) + 1
        at = NOON + seq * HOUR
        self.events.append(AuditEvent(chain=DESK, seq=seq, at=at, kind=kind, actor=actor, sentence=sentence, data=data))
        return self

    def opens(self, incident: NewIncident) -> "Desk":
        return self.write(OPENED, incident.sentence, **incident.as_data())

    def queue(self) -> tuple[Incident, ...]:
        return fold(self.events)


def test_what_an_event_holds_is_the_incident_again() -> None:
    (incident,) = Desk().opens(new()).queue()
    assert NewIncident.model_validate(incident.model_dump()) == new()
    assert (incident.status, incident.count, incident.opened_at) == (Status.OPEN, 1, NOON + HOUR)


def test_the_same_key_while_open_is_one_incident_that_counts() -> None:
    (incident,) = Desk().opens(new()).opens(new(sentence="2 WTI are left")).queue()
    assert (incident.count, incident.opened_at, incident.last_seen) == (2, NOON + HOUR, NOON + 2 * HOUR)
    assert incident.sentence == "2 WTI are left"


def test_acknowledged_it_stays_so_when_it_is_seen_again() -> None:
    desk = Desk().opens(new()).write(ACKNOWLEDGED, "omar looks", "omar", key=new().key, reason="on it").opens(new())
    (incident,) = desk.queue()
    assert (incident.status, incident.by, incident.reason, incident.count) == (Status.ACKNOWLEDGED, "omar", "on it", 2)


def test_resolved_it_is_opened_anew_when_it_comes_again() -> None:
    desk = Desk().opens(new()).write(RESOLVED, "closed", "rita", key=new().key, reason="closed by hand")
    assert desk.queue()[0].status is Status.RESOLVED
    (incident,) = desk.opens(new()).queue()
    assert (incident.status, incident.count, incident.opened_at, incident.by) == (Status.OPEN, 1, NOON + 3 * HOUR, "")


def test_what_is_resolved_or_unknown_cannot_be_acknowledged() -> None:
    desk = Desk().write(ACKNOWLEDGED, key="nobody knows").opens(new()).write(RESOLVED, key=new().key, reason="done")
    (incident,) = desk.write(ACKNOWLEDGED, "late", "omar", key=new().key).queue()
    assert (incident.status, incident.reason) == (Status.RESOLVED, "done")


def test_an_incident_that_cannot_be_read_concerns_everybody() -> None:
    (incident,) = Desk().write(OPENED, "something is exposed", key="x", severity="terrible").queue()
    assert (incident.severity, incident.scope, incident.status) == (Severity.CRITICAL, "global", Status.OPEN)
    assert "something is exposed" in incident.sentence
    assert blocking([incident], "any")


def test_what_stands_is_written_again_only_after_a_while() -> None:
    queue = Desk().opens(new()).queue()
    seen = queue[0].last_seen
    assert not is_news(queue, new(), seen + timedelta(seconds=20))
    assert is_news(queue, new(), seen + SEEN_AGAIN)
    assert is_news(queue, new("another"), seen)
    assert is_news(Desk().opens(new()).write(RESOLVED, key=new().key).queue(), new(), seen)


@pytest.mark.parametrize(
    ("fields", "blocks"),
    [
        ({}, True),
        ({"target": "other"}, False),
        ({"severity": "warning"}, False),
        ({"scope": "global", "target": "*"}, True),
        ({"scope": "market", "target": "WTI"}, True),
        ({"scope": "market", "target": "GOLD"}, False),
        ({"scope": "venue", "target": "sim"}, True),
        ({"scope": "venue", "target": "elsewhere"}, False),
        ({"scope": "strategy", "target": "carry"}, True),
    ],
)
async def test_only_a_critical_one_that_covers_the_bot_blocks(fields: dict[str, str], blocks: bool) -> None:
    facts = await FakePlatform().describe("bot")
    queue = Desk().opens(new(**fields)).queue()
    assert bool(blocking(queue, "bot", facts)) is blocks
    acknowledged = Desk().opens(new(**fields)).write(ACKNOWLEDGED, key=new().key)
    assert bool(blocking(acknowledged.queue(), "bot", facts)) is blocks, "somebody looks, but it is not over"
    assert not blocking(acknowledged.write(RESOLVED, key=new().key).queue(), "bot", facts)


def test_a_market_that_nobody_can_place_concerns_the_bot() -> None:
    assert blocking(Desk().opens(new(scope="market", target="GOLD")).queue(), "bot", facts=None)


STAGE = Stage.model_validate(
    {"name": "shadow", "mode": "shadow", "observe": {"min": "10m", "max": "60m", "every": "1m"},
     "gates": [{"kind": "threshold", "name": "level", "query": "up", "min": 0, "min_samples": 1}]}
)  # fmt: skip
GOOD = NumberEvidence(value=1, at=NOON, samples=100)


@pytest.mark.parametrize(
    ("incidents", "outcome", "code"),
    [
        (IncidentsEvidence(blocking=Desk().opens(new()).queue()), Outcome.FAIL, Code.INCIDENT_OPEN),
        (IncidentsEvidence(problem=Code.AUDIT_DOWN), Outcome.ERROR, Code.AUDIT_DOWN),
        (GOOD, Outcome.ERROR, Code.AUDIT_DOWN),
        (IncidentsEvidence(), Outcome.PASS, Code.GATE_PASSED),
    ],
)
def test_nothing_moves_up_unless_the_queue_says_that_nothing_is_open(
    incidents: Any, outcome: Outcome, code: Code
) -> None:
    verdicts = judge(STAGE, {"level": GOOD, INCIDENTS: incidents})
    assert [(v.name, v.outcome, v.code) for v in verdicts[1:]] == [(INCIDENTS, outcome, code)]
    passed = outcome is Outcome.PASS
    assert verdicts[0].passed
    assert decide(STAGE, verdicts, timedelta(minutes=20)).step is (Step.ADVANCE if passed else Step.CONTINUE)
    assert decide(STAGE, verdicts, timedelta(minutes=60)).step is (Step.ADVANCE if passed else Step.HOLD)
