"""Telling on-call: once, in order, whoever wrote to the queue, and never in anybody's way."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fake_pager import FakeLedger, FakePager
from tests.fakes import FakeAudit

from promotion_ladder import paging
from promotion_ladder.adapters.alerts_sql import SqlAlerts
from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import DESK
from promotion_ladder.core.incidents import (
    ACKNOWLEDGED,
    RESOLVED,
    Incident,
    IncidentNews,
    NewIncident,
    Severity,
    fold,
)
from promotion_ladder.incidents import end, post, queue
from promotion_ladder.paging import Paging

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Desk:
    """A queue, and one channel that was there from the beginning."""

    def __init__(self) -> None:
        self.store, self.ledger, self.pager = FakeAudit(), FakeLedger({"fake": 0}), FakePager()
        self.paging = Paging(self.store, self.ledger, [self.pager])
        self._minutes = 0

    def now(self) -> datetime:
        self._minutes += 1
        return NOON + timedelta(minutes=self._minutes)

    async def open(self, key: str = "a") -> Incident:
        new = NewIncident(
            key=key, severity=Severity.CRITICAL, scope="bot", target="wti", code=Code.NOT_FLAT,
            sentence="1 WTI is left", action="on-call: close it",
        )  # fmt: skip
        await post(self.store, IncidentNews(at=self.now(), opened=new))
        return next(i for i in await queue(self.store) if i.key == key)

    async def acknowledge(self, key: str = "a") -> None:
        await end(self.store, ACKNOWLEDGED, "omar", self.now(), key, "omar looks", reason="calling")

    async def resolve(self, key: str = "a") -> None:
        await end(self.store, RESOLVED, "rita", self.now(), key, "over", reason="closed by hand")

    async def catch_up(self) -> tuple[str, ...]:
        return await self.paging.catch_up()


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - nothing else would tell
            await asyncio.sleep(0.005)


async def test_each_status_is_told_once(desk: Desk) -> None:
    for step in (desk.open, desk.open, desk.acknowledge, desk.resolve, desk.open):
        await step()
        assert await desk.catch_up() == ()
        assert await desk.catch_up() == ()
    assert desk.pager.said() == ["open", "acknowledged", "resolved", "open"]
    assert len({alert.alert_id for alert in desk.pager.told}) == 4
    assert {alert.incident_id for alert in desk.pager.told} == {(await queue(desk.store))[0].incident_id}


async def test_while_the_channel_is_down_nothing_is_lost_and_the_order_is_kept(desk: Desk) -> None:
    desk.pager.down = True
    await desk.open()
    assert await desk.catch_up() == ("fake: nobody answers",)
    await desk.acknowledge()
    await desk.resolve()
    assert await desk.catch_up() == ("fake: nobody answers",)
    assert desk.pager.told == []
    desk.pager.down = False
    assert await desk.catch_up() == ()
    assert desk.pager.said() == ["open", "acknowledged", "resolved"]


async def test_an_incident_that_is_not_taken_holds_up_no_other(desk: Desk) -> None:
    poison, other = await desk.open("a"), await desk.open("b")
    desk.pager.down_for = {poison.incident_id}
    await desk.resolve("a")
    await desk.catch_up()
    assert [alert.incident_id for alert in desk.pager.told] == [other.incident_id]
    desk.pager.down_for = set()
    await desk.catch_up()
    assert desk.pager.said() == ["open", "open", "resolved"]


async def test_what_is_refused_is_told_once_recorded_with_its_reason_and_what_follows_goes_on(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.pager.refuses = {(await desk.open()).incident_id}
    with caplog.at_level(logging.ERROR):
        assert await desk.catch_up() == ()
        assert await desk.catch_up() == ()
    assert caplog.text.count("OPS_ALERT_REFUSED") == 1
    (refused,) = [link.event for link in await desk.store.chain(DESK) if link.event.kind == paging.REFUSED]
    assert "the key is wrong" in refused.sentence
    assert (refused.data["channel"], refused.data["code"]) == ("fake", "OPS_ALERT_REFUSED")
    desk.pager.refuses = set()
    await desk.resolve()
    await desk.catch_up()
    assert desk.pager.said() == ["open", "resolved"]


async def test_a_process_that_dies_after_telling_leads_to_the_same_alert_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.open()
    desk.ledger.forgets = 1
    assert await desk.catch_up() == ("fake: the store died",)
    await desk.resolve()
    await desk.catch_up()
    assert desk.pager.said() == ["open"], "while it may still be told, nobody else tells it, nor what follows"
    monkeypatch.setattr(paging, "datetime", _Later)
    await desk.catch_up()
    assert desk.pager.said() == ["open", "open", "resolved"]
    assert desk.pager.told[0] == desk.pager.told[1]


class _Later(datetime):
    """A minute later."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + timedelta(minutes=1)


async def test_two_workers_tell_it_once(desk: Desk) -> None:
    desk.pager.slow = asyncio.Event()
    other = Paging(desk.store, desk.ledger, [desk.pager])
    await desk.open()
    first = asyncio.create_task(desk.catch_up())
    await until(lambda: bool(desk.ledger.until))
    await desk.resolve()
    assert await other.catch_up() == (), "that it began is still being told, so that it is over must wait"
    desk.pager.slow.set()
    await first
    await other.catch_up()
    assert desk.pager.said() == ["open", "resolved"]


async def test_waking_returns_at_once_and_what_comes_meanwhile_is_told_after_it(desk: Desk) -> None:
    desk.pager.slow = asyncio.Event()
    await desk.open()
    desk.paging.wake()
    await until(lambda: bool(desk.ledger.until))
    await desk.resolve()
    desk.paging.wake()
    assert desk.pager.told == []
    desk.pager.slow.set()
    await until(lambda: len(desk.pager.told) == 2)
    assert desk.pager.said() == ["open", "resolved"]


async def test_a_worker_looks_by_itself_for_what_others_wrote(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "EVERY", timedelta(milliseconds=20))
    looking = asyncio.create_task(desk.paging.keep_up())
    await desk.open()
    await until(lambda: desk.pager.said() == ["open"])
    await desk.acknowledge()
    await until(lambda: desk.pager.said() == ["open", "acknowledged"])
    looking.cancel()


async def test_a_channel_that_hangs_is_given_up_and_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PATIENCE", 0.05)
    desk.pager.slow = asyncio.Event()
    await desk.open()
    (problem,) = await desk.catch_up()
    assert "TimeoutError" in problem
    desk.pager.slow = None
    assert await desk.catch_up() == ()
    assert desk.pager.said() == ["open"]


async def test_a_broken_channel_leaves_the_others_alone_and_shows_no_secret(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    broken = FakePager("broken", bug=RuntimeError("key=s3cr3t"))
    both = Paging(desk.store, FakeLedger({"fake": 0, "broken": 0}), [broken, desk.pager])
    await desk.open()
    with caplog.at_level(logging.DEBUG):
        both.wake()
        await until(lambda: "broken" in caplog.text)
    assert desk.pager.said() == ["open"]
    assert "s3cr3t" not in caplog.text


async def test_an_outage_is_logged_when_it_begins(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.pager.down = True
    await desk.open()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            desk.paging.wake()
            await until(lambda: desk.paging._rounds is not None and desk.paging._rounds.done())
    assert caplog.text.count("nobody answers") == 1


async def test_without_the_record_nothing_is_told_and_nothing_raised(desk: Desk) -> None:
    await desk.open()
    desk.store.down = True
    (problem,) = await desk.catch_up()
    assert "on-call is told nothing new" in problem
    desk.store.down = False
    await desk.catch_up()
    assert desk.pager.said() == ["open"]


async def test_a_channel_used_for_the_first_time_hears_of_what_is_open(desk: Desk) -> None:
    await desk.open("over")
    await desk.resolve("over")
    await desk.open("stands")
    await desk.acknowledge("stands")
    new = FakePager("new")
    late = Paging(desk.store, desk.ledger, [new])
    await late.catch_up()
    assert new.said() == ["open", "acknowledged"]
    await desk.resolve("stands")
    await desk.open("over")
    await late.catch_up()
    assert new.said() == ["open", "acknowledged", "resolved", "open"]


async def test_on_a_real_store_what_one_process_told_the_next_one_knows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.sqlite'}"
    store, pager, desk = SqlAudit(url), FakePager(), Desk()
    desk.store = store  # type: ignore[assignment]  # another AuditStore
    first = SqlAlerts(url)
    await Paging(store, first, [pager]).catch_up()
    await desk.open()
    pager.down = True
    await Paging(store, first, [pager]).catch_up()
    await first.close()
    pager.down = False
    await desk.resolve()
    for _ in range(2):
        again = SqlAlerts(url)
        assert await Paging(store, again, [pager]).catch_up() == ()
        await again.close()
    assert pager.said() == ["open", "resolved"]
    assert [link.event.kind for link in await store.chain(DESK)] == ["incident_opened", "incident_resolved"]
    assert len(fold([link.event for link in await store.chain(DESK)])) == 1
    await store.close()
