"""The ledger of alerts: each is one process's at a time, and what was told stays told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from promotion_ladder.adapters.alerts_sql import SqlAlerts
from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.alerts import Told
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOON = NOON + timedelta(seconds=30)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'audit.sqlite'}"


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[SqlAlerts]:
    made = SqlAlerts(url)
    yield made
    await made.close()


async def test_a_channel_is_first_used_once(ledger: SqlAlerts) -> None:
    assert await ledger.told("pagerduty", 7) == Told(since=7, settled=frozenset())
    assert await ledger.told("pagerduty", 9) == Told(since=7, settled=frozenset())
    assert (await ledger.told("webhook", 9)).since == 9


async def test_an_alert_belongs_to_who_claimed_it_until_then(ledger: SqlAlerts) -> None:
    assert await ledger.claim("pagerduty", "a.1", NOON, SOON)
    assert not await ledger.claim("pagerduty", "a.1", NOON, SOON)
    assert not await ledger.claim("pagerduty", "a.1", SOON - timedelta(microseconds=1), SOON)
    assert await ledger.claim("webhook", "a.1", NOON, SOON), "another channel is told by itself"
    assert await ledger.claim("pagerduty", "a.2", NOON, SOON)
    assert await ledger.claim("pagerduty", "a.1", SOON, SOON + timedelta(seconds=30)), "who claimed it has died"
    assert not await ledger.claim("pagerduty", "a.1", SOON, SOON)


async def test_what_is_given_back_is_anybodys_and_what_is_settled_nobodys(ledger: SqlAlerts) -> None:
    await ledger.claim("pagerduty", "a.1", NOON, SOON)
    await ledger.give_back("pagerduty", "a.1")
    assert (await ledger.told("pagerduty", 0)).settled == frozenset()
    assert await ledger.claim("pagerduty", "a.1", NOON, SOON)
    await ledger.settle("pagerduty", "a.1", NOON)
    assert not await ledger.claim("pagerduty", "a.1", SOON + timedelta(days=1), SOON + timedelta(days=2))
    assert await ledger.told("pagerduty", 0) == Told(since=0, settled=frozenset({"a.1"}))
    assert (await ledger.told("webhook", 0)).settled == frozenset()


async def test_of_many_processes_one_gets_it(url: str) -> None:
    ledgers = [SqlAlerts(url) for _ in range(8)]
    assert {(await one).since for one in [asyncio.create_task(x.told("w", n)) for n, x in enumerate(ledgers)]} <= set(
        range(8)
    )
    won = await asyncio.gather(*(one.claim("w", "a.1", NOON, SOON) for one in ledgers))
    assert won.count(True) == 1
    assert len({(await one.told("w", 99)).since for one in ledgers}) == 1
    for one in ledgers:
        await one.close()


async def test_where_nobody_is_called_there_is_no_such_table(url: str, tmp_path: Path) -> None:
    store = SqlAudit(url)
    await store.append_to_desk("killed", "omar", NOON, "latched")
    with closing(sqlite3.connect(tmp_path / "audit.sqlite")) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"events", "evidence"}
    ledger = SqlAlerts(url)
    assert (await ledger.told("w", 1)).since == 1
    assert len(await store.chain("desk")) == 1
    await ledger.close()
    await store.close()


async def test_a_store_that_is_away_says_so() -> None:
    with pytest.raises(LadderError) as caught:
        await SqlAlerts("sqlite:////proc/nowhere/audit.sqlite").told("w", 1)
    assert caught.value.code is Code.AUDIT_DOWN
