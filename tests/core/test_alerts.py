"""What on-call is told: one alert for each status that an incident reaches, in its order, and nothing secret."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.alerts import LONGEST, Alert, Told, alerts, due, plain
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import DESK, AuditEvent
from promotion_ladder.core.incidents import ACKNOWLEDGED, OPENED, RESOLVED, NewIncident, Severity, Status, fold

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def event(seq: int, kind: str, actor: str = "ladder", sentence: str = "It is.", **data: str) -> AuditEvent:
    at = NOON + timedelta(minutes=seq)
    return AuditEvent(chain=DESK, seq=seq, at=at, kind=kind, actor=actor, sentence=sentence, data=data)


def opened(seq: int, key: str = "a", sentence: str = "1 WTI is left") -> AuditEvent:
    new = NewIncident(
        key=key, severity=Severity.CRITICAL, scope="bot", target="wti", code=Code.NOT_FLAT, sentence=sentence,
        action="on-call: close it",
    )  # fmt: skip
    return event(seq, OPENED, sentence=sentence, **new.as_data())


def acknowledged(seq: int, key: str = "a") -> AuditEvent:
    return event(seq, ACKNOWLEDGED, "omar", key=key, reason="calling the venue")


def resolved(seq: int, key: str = "a") -> AuditEvent:
    return event(seq, RESOLVED, key=key, reason="flat by now")


def said(events: list[AuditEvent]) -> list[tuple[str, int]]:
    return [(str(alert.status), alert.number) for alert in alerts(events)]


def test_each_status_is_told_once_however_often_it_is_seen() -> None:
    events = [opened(1), opened(2), acknowledged(3), acknowledged(4), opened(5), resolved(6), resolved(7), opened(8)]
    assert said(events) == [("open", 1), ("acknowledged", 3), ("resolved", 6), ("open", 8)]
    assert len({alert.alert_id for alert in alerts(events)}) == 4


def test_an_alert_says_what_stood_in_the_queue_at_that_moment() -> None:
    first, second = alerts([opened(1), opened(2, sentence="2 WTI are left"), acknowledged(3)])
    assert (first.sentence, first.at, first.by) == ("1 WTI is left", NOON + timedelta(minutes=1), "")
    assert (second.sentence, second.by, second.reason) == ("2 WTI are left", "omar", "calling the venue")
    assert (second.opened_at, second.incident_id) == (first.at, fold([opened(1)])[0].incident_id)


KILL = {"scope": "venue", "target": "sim", "bot": "wti", "reason": "odd fills"}


def test_a_kill_is_told_until_its_latch_is_lifted() -> None:
    events = [
        event(1, "killed", "omar", "wti is latched", **KILL),
        event(2, "killed", "omar", "carry is latched", **KILL),
    ]
    (kill,) = alerts(events)
    assert (kill.code, kill.severity, kill.scope, kill.target) == (Code.KILLED, Severity.WARNING, "venue", "sim")
    assert kill.sentence == "killed by omar, odd fills: wti is latched"
    assert "'ladder kill --scope venue --target sim --release'" in kill.action
    elsewhere = event(3, "latch_lifted", "rita", scope="bot", target="sim", reason="x")
    assert len(alerts([*events, elsewhere])) == 1
    lifted = alerts([*events, event(3, "latch_lifted", "rita", scope="venue", target="sim", reason="mended")])
    assert (lifted[-1].status, lifted[-1].by, lifted[-1].reason) == (Status.RESOLVED, "rita", "mended")


def test_a_guard_beside_its_bot_is_told_until_a_person_has_dealt_with_it() -> None:
    tripped = event(1, "guard_tripped", "ladder guard", "guard loss: it lost 200; wti is latched", bot="wti")
    (alert,) = alerts([tripped])
    assert (alert.severity, alert.target, alert.code) == (Severity.CRITICAL, "wti", Code.GUARD_TRIPPED)
    assert "'ladder kill wti --release'" in alert.action
    assert said([tripped, event(2, "latch_lifted", "rita", scope="bot", target="wti")])[-1] == ("resolved", 2)
    held = event(1, "guard_held", "ladder guard", "guard held: entries are paused", bot="wti")
    (alert,) = alerts([held])
    assert (alert.severity, alert.status) == (Severity.WARNING, Status.OPEN)


def test_what_was_over_before_a_channel_was_first_used_wakes_nobody() -> None:
    events = [opened(1), resolved(2), opened(3, "b"), acknowledged(4, "b"), opened(5), resolved(6, "b"), resolved(7)]
    every = alerts(events)

    def left(since: int) -> list[list[int]]:
        return [[alert.number for alert in each] for each in due(every, Told(since=since, settled=frozenset()))]

    assert left(0) == [[1, 2, 5, 7], [3, 4, 6]]
    assert left(2) == [[3, 4, 6], [5, 7]]
    assert left(5) == [[3, 4, 6], [5, 7]], "what was open then is told from its beginning"
    assert left(7) == []


STEPS = st.lists(st.tuples(st.sampled_from(["open", "ack", "resolve"]), st.sampled_from("abc")), max_size=30)


@given(STEPS, st.data())
def test_whatever_happens_a_channel_hears_of_each_status_once_and_in_order(
    steps: list[tuple[str, str]], data: st.DataObject
) -> None:
    made = {"open": opened, "ack": acknowledged, "resolve": resolved}
    events = [made[what](seq, key) for seq, (what, key) in enumerate(steps, start=1)]
    heard: list[Alert] = []
    told = Told(since=0, settled=frozenset())
    for seen in range(len(events) + 1):  # the channel takes some, then is down for a while
        for each in due(alerts(events[:seen]), told):
            took = each[: data.draw(st.integers(0, len(each)))] if seen < len(events) else each
            heard += took
            told = told.model_copy(update={"settled": told.settled | {alert.alert_id for alert in took}})
    assert sorted(alert.number for alert in heard) == [alert.number for alert in alerts(events)]
    for incident in {alert.incident_id for alert in heard}:
        mine = [alert for alert in heard if alert.incident_id == incident]
        assert mine == sorted(mine, key=lambda alert: alert.number)
        before: Status | None = None
        for alert in mine:
            assert alert.status is not before
            assert (alert.status is Status.OPEN) is (before in (None, Status.RESOLVED))
            before = alert.status
    queue = {incident.incident_id: incident.status for incident in fold(events)}
    assert {alert.incident_id: alert.status for alert in heard} == queue


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("two\nlines\tand  more", "two lines and more"),
        ("x" * 1001, "x" * 999 + "…"),
        ("bell\x07 and \x1b[2Jescape", "bell\ufffd and \ufffd[2Jescape"),
        ("http://user:pa55@host:8080/T0KEN?k=1 failed", "http://host:8080 failed"),
        ("postgresql+pg8000://ladder:pa55@db/audit", "postgresql+pg8000://db"),
        ("(https://hooks.example.com/T0/B1/x)", "(https://hooks.example.com"),
        ("loss 5 % of 3 %: too much", "loss 5 % of 3 %: too much"),
    ],
)
def test_what_leaves_the_house_is_one_line_cut_and_without_the_secret_parts_of_addresses(text: str, left: str) -> None:
    assert plain(text) == left


@given(st.text(), st.integers(1, 50))
def test_no_text_is_longer_than_it_may_be(text: str, longest: int) -> None:
    made = plain(text, longest)
    assert len(made) <= longest <= LONGEST
    assert made.isprintable()
