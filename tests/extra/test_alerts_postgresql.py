"""The ledger of alerts on a real PostgreSQL: what holds on SQLite holds there."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import create_engine, text
from tests.adapters.test_alerts_sql import (
    NOON,
    SOON,
    test_a_channel_is_first_used_once,
    test_an_alert_belongs_to_who_claimed_it_until_then,
    test_of_many_processes_one_gets_it,
    test_what_is_given_back_is_anybodys_and_what_is_settled_nobodys,
)
from tests.extra.postgresql import Server, server

from promotion_ladder.adapters.alerts_sql import SqlAlerts
from promotion_ladder.adapters.audit_sql import SqlAudit

pytestmark = pytest.mark.timeout(120)

__all__ = [
    "test_a_channel_is_first_used_once",
    "test_an_alert_belongs_to_who_claimed_it_until_then",
    "test_of_many_processes_one_gets_it",
    "test_what_is_given_back_is_anybodys_and_what_is_settled_nobodys",
]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def url(postgresql: Server) -> str:
    """An empty database."""
    engine = create_engine(postgresql.url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgresql.url


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[SqlAlerts]:
    made = SqlAlerts(url)
    yield made
    await made.close()


async def test_the_record_beside_it_stays_append_only(url: str, ledger: SqlAlerts) -> None:
    store = SqlAudit(url)
    await store.append_to_desk("killed", "omar", NOON, "latched")
    assert await ledger.claim("w", "a.1", NOON, SOON)
    await ledger.settle("w", "a.1", NOON)
    engine = create_engine(url)
    with engine.connect() as connection, pytest.raises(Exception, match="append-only"):
        connection.execute(text("UPDATE events SET actor = 'eve'"))
    engine.dispose()
    await store.close()
