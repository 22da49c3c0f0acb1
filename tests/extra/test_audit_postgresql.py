"""The audit store on a real PostgreSQL: what holds on SQLite holds there, and what only a server can do."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from tests.adapters.test_audit_sql import (
    CHAIN,
    event,
    events,
    refusal,
    stored_evidence,
    test_a_gap_is_a_conflict,
    test_a_resend_that_overlaps_adds_only_what_is_new,
    test_a_resend_to_the_desk_adds_nothing_but_another_moment_does,
    test_chains_are_listed_newest_first_and_by_bot,
    test_events_come_back_in_order_with_a_whole_chain,
    test_one_batch_may_hold_several_chains,
    test_the_desk_gives_its_own_numbers,
    test_the_same_event_again_is_stored_once_and_gives_the_head,
    test_the_same_key_with_other_content_is_a_conflict_and_stores_nothing,
    test_what_is_not_there_is_empty,
)
from tests.adapters.test_audit_writers import (
    Place,
    test_a_crowd_of_tasks_in_one_process_is_served_one_by_one,
    test_a_killed_writer_leaves_whole_batches_and_a_whole_chain,
    test_four_processes_lose_nothing_and_double_nothing,
)
from tests.extra.postgresql import Server, server

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import verify

pytestmark = pytest.mark.timeout(120)

__all__ = [
    "test_a_crowd_of_tasks_in_one_process_is_served_one_by_one",
    "test_a_gap_is_a_conflict",
    "test_a_killed_writer_leaves_whole_batches_and_a_whole_chain",
    "test_a_resend_that_overlaps_adds_only_what_is_new",
    "test_a_resend_to_the_desk_adds_nothing_but_another_moment_does",
    "test_chains_are_listed_newest_first_and_by_bot",
    "test_events_come_back_in_order_with_a_whole_chain",
    "test_four_processes_lose_nothing_and_double_nothing",
    "test_one_batch_may_hold_several_chains",
    "test_the_desk_gives_its_own_numbers",
    "test_the_same_event_again_is_stored_once_and_gives_the_head",
    "test_the_same_key_with_other_content_is_a_conflict_and_stores_nothing",
    "test_what_is_not_there_is_empty",
]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def place(postgresql: Server, tmp_path: Path) -> Place:
    """An empty database."""
    engine = create_engine(postgresql.url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return Place(postgresql.url, tmp_path / "anchor")


@pytest.fixture
async def store(place: Place) -> AsyncIterator[SqlAudit]:
    audit = place.store()
    yield audit
    await audit.close()


async def test_evidence_is_stored_once_and_comes_back(store: SqlAudit) -> None:
    first = await store.put_evidence(stored_evidence())
    assert await store.put_evidence(stored_evidence()) == first
    assert await store.evidence(first) == stored_evidence()


@pytest.mark.parametrize("statement", ["UPDATE {} SET body = ''", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["events", "evidence"])
async def test_the_tables_refuse_changes(store: SqlAudit, place: Place, table: str, statement: str) -> None:
    await store.append(events(2))
    await store.put_evidence(stored_evidence())
    engine = create_engine(place.url)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(table)))
    engine.dispose()
    assert len(await store.chain(CHAIN)) == 2


async def test_a_server_that_is_killed_is_down_and_nothing_is_lost_when_it_is_back(
    store: SqlAudit, postgresql: Server
) -> None:
    await store.append(events(3))
    postgresql.kill()
    try:
        assert (await refusal(store.append([event(4)]))).code is Code.AUDIT_DOWN
        assert (await refusal(store.chain(CHAIN))).code is Code.AUDIT_DOWN
    finally:
        postgresql.start()
    await store.append([event(4)])
    chain = await store.chain(CHAIN)
    assert [link.event for link in chain] == events(4)
    assert verify(chain, await store.anchored_head(CHAIN)) == []


async def test_a_wrong_password_is_said_without_it(postgresql: Server) -> None:
    wrong = SqlAudit(postgresql.url.replace("hunter2", "hunter3"))
    error = await refusal(wrong.append([event(1)]))
    assert error.code is Code.AUDIT_DOWN
    assert "password authentication failed" in error.detail
    assert "hunter" not in error.detail
