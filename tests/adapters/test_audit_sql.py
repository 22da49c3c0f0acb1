"""The audit store: exactly once, append-only, whole after crashes and beside other writers."""

# ruff: noqa: ASYNC240 - a test may block its own loop

import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.canonical import GENESIS, canonical
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import AuditEvent, verify
from promotion_ladder.core.evidence import NumberEvidence, StoredEvidence

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CHAIN = "alpha/2.0.0/x1"


def event(seq: int, chain: str = CHAIN, sentence: str = "", at: datetime = START) -> AuditEvent:
    return AuditEvent(
        chain=chain, seq=seq, at=at + timedelta(seconds=seq), kind="stage_entered", actor="ladder", code=Code.STARTED,
        stage="paper", attempt=1, sentence=sentence or f"Step {seq}.", evidence="e" * 64, data={"n": seq, "w": "§"},
    )  # fmt: skip


def events(count: int, chain: str = CHAIN, at: datetime = START) -> list[AuditEvent]:
    return [event(seq, chain, at=at) for seq in range(1, count + 1)]


def stored_evidence(value: str = "1.50") -> StoredEvidence:
    number = NumberEvidence(value=Decimal(value), at=START, samples=60, source="up")
    return StoredEvidence(
        promotion_id=CHAIN, stage="paper", attempt=1, taken_at=START, window_start=START, items={"pnl": number}
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "audit.sqlite"


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqlAudit]:
    audit = SqlAudit(f"sqlite:///{file}", anchor_dir=file.parent.parent / "anchor")
    yield audit
    await audit.close()


async def refusal(work: object) -> LadderError:
    with pytest.raises(LadderError) as caught:
        await work  # type: ignore[misc]  # whatever coroutine the test gives
    return caught.value


# --- appending ------------------------------------------------------------------------------------------------------


async def test_nothing_is_opened_before_the_first_use(store: SqlAudit, file: Path) -> None:
    assert not file.parent.exists()
    assert await store.append([]) == GENESIS
    await store.append([event(1)])
    assert file.exists()


async def test_events_come_back_in_order_with_a_whole_chain(store: SqlAudit) -> None:
    head = await store.append(events(3))
    await store.append([event(4)])
    chain = await store.chain(CHAIN)
    assert [link.event for link in chain] == events(4)
    assert chain[2].hash == head
    assert verify(chain, await store.anchored_head(CHAIN)) == []


async def test_the_same_event_again_is_stored_once_and_gives_the_head(store: SqlAudit) -> None:
    head = await store.append(events(3))
    assert await store.append(events(3)) == head
    assert await store.append([event(1)]) == head
    assert len(await store.chain(CHAIN)) == 3


async def test_a_resend_that_overlaps_adds_only_what_is_new(store: SqlAudit) -> None:
    await store.append(events(2))
    await store.append(events(5))
    assert [link.event.seq for link in await store.chain(CHAIN)] == [1, 2, 3, 4, 5]


async def test_the_same_key_with_other_content_is_a_conflict_and_stores_nothing(store: SqlAudit) -> None:
    await store.append(events(2))
    error = await refusal(store.append([event(3), event(2, sentence="Something else.")]))
    assert error.code is Code.AUDIT_CONFLICT
    assert "event 2 of chain alpha/2.0.0/x1" in str(error)
    assert len(await store.chain(CHAIN)) == 2


@pytest.mark.parametrize("seq", [0, 3, -1])
async def test_a_gap_is_a_conflict(store: SqlAudit, seq: int) -> None:
    await store.append([event(1)])
    error = await refusal(store.append([event(seq)]))
    assert error.code is Code.AUDIT_CONFLICT
    assert f"event {seq} of chain" in str(error)


async def test_one_batch_may_hold_several_chains(store: SqlAudit) -> None:
    mixed = [event(1, "a/1/x"), event(1, "b/1/x"), event(2, "a/1/x")]
    head = await store.append(mixed)
    assert head == (await store.chain("a/1/x"))[-1].hash
    assert verify(await store.chain("b/1/x"), await store.anchored_head("b/1/x")) == []


async def test_an_event_of_a_later_version_with_one_more_field_is_still_the_same(store: SqlAudit, file: Path) -> None:
    await store.append([event(1)])
    change(file, 'UPDATE events SET body = replace(body, \'"stage":\', \'"later":null,"stage":\')')
    assert await store.append([event(1)])


# --- the desk -------------------------------------------------------------------------------------------------------


async def test_the_desk_gives_its_own_numbers(store: SqlAudit) -> None:
    await store.append_to_desk("latch_set", "ana", START, "Ana killed alpha.", bot="alpha")
    await store.append_to_desk("latch_lifted", "ben", START, "Ben lifted it.", bot="alpha")
    chain = await store.chain("desk")
    assert [(link.event.seq, link.event.actor, link.event.data) for link in chain] == [
        (1, "ana", {"bot": "alpha"}), (2, "ben", {"bot": "alpha"}),
    ]  # fmt: skip
    assert verify(chain, await store.anchored_head("desk")) == []


async def test_a_resend_to_the_desk_adds_nothing_but_another_moment_does(store: SqlAudit) -> None:
    for at in (START, START, START + timedelta(microseconds=1)):
        await store.append_to_desk("drill", "ana", at, "A drill.", bot="alpha")
    await store.append_to_desk("drill", "ana", START, "A drill.", bot="beta")
    assert len(await store.chain("desk")) == 3


# --- reading --------------------------------------------------------------------------------------------------------


async def test_chains_are_listed_newest_first_and_by_bot(store: SqlAudit) -> None:
    for day, name in enumerate(["a_b/1.0/x", "A_b/1.0/x", "axb/1.0/x", "a_b/1.1/y", "a_b.2/1.0/x"]):
        await store.append(events(1, name, at=START + timedelta(days=day)))
    await store.append([event(2, "a_b/1.0/x", at=START + timedelta(days=9))])
    assert await store.chains() == ["a_b.2/1.0/x", "a_b/1.1/y", "axb/1.0/x", "A_b/1.0/x", "a_b/1.0/x"]
    assert await store.chains("a_b") == ["a_b/1.1/y", "a_b/1.0/x"]
    assert await store.chains("nobody") == []


async def test_what_is_not_there_is_empty(store: SqlAudit) -> None:
    assert await store.chain("no/such/chain") == []
    assert await store.evidence("0" * 64) is None
    assert await store.anchored_head("no/such/chain") is None


async def test_evidence_is_stored_once_under_its_hash(store: SqlAudit, file: Path) -> None:
    first = await store.put_evidence(stored_evidence())
    assert await store.put_evidence(stored_evidence()) == first
    assert await store.evidence(first) == stored_evidence()
    assert await store.put_evidence(stored_evidence("1.51")) != first
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT count(*) FROM evidence").fetchone() == (2,)


async def test_changed_evidence_is_a_conflict(store: SqlAudit, file: Path) -> None:
    key = await store.put_evidence(stored_evidence())
    change(file, "UPDATE evidence SET body = replace(body, '1.50', '9.50')", table="evidence")
    assert (await refusal(store.evidence(key))).code is Code.AUDIT_CONFLICT


# --- tampering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET body = ''",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
)
@pytest.mark.parametrize("table", ["events", "evidence"])
async def test_the_tables_refuse_changes(store: SqlAudit, file: Path, table: str, statement: str) -> None:
    await store.append(events(2))
    await store.put_evidence(stored_evidence())
    with closing(sqlite3.connect(file)) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement.format(table=table))


def change(file: Path, statement: str, *values: object, table: str = "events") -> None:
    """What somebody does who owns the file: take the triggers away, then write."""
    with closing(sqlite3.connect(file)) as raw, raw:
        for verb in ("update", "delete", "replace"):
            raw.execute(f"DROP TRIGGER IF EXISTS {table}_refuse_{verb}")
        raw.execute(statement, values)


COLUMNS = ["chain", "seq", "previous", "hash", "at", "kind", "actor", "code", "stage", "attempt", "evidence", "body"]


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_change_of_any_column_is_found(store: SqlAudit, file: Path, column: str) -> None:
    await store.append(events(3))
    head = await store.anchored_head(CHAIN)
    new = {"at": "2020-01-01T00:00:00.000000+00:00", "code": "GOV_APPROVED", "attempt": 7, "seq": 9}.get(column)
    new = new or canonical(event(2, sentence="Nothing happened.")).decode() if column == "body" else new or "forged"
    change(file, f"UPDATE events SET {column} = ? WHERE seq = 2", new)
    assert verify(await store.chain(CHAIN), head)


@pytest.mark.parametrize("column", ["at", "code", "body"])
async def test_a_column_that_cannot_be_read_is_a_conflict(store: SqlAudit, file: Path, column: str) -> None:
    await store.append(events(3))
    change(file, f"UPDATE events SET {column} = '?' WHERE seq = 2")
    error = await refusal(store.chain(CHAIN))
    assert error.code is Code.AUDIT_CONFLICT
    assert "event 2 of chain" in str(error)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_a_changed_letter_of_the_stored_text_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:  # fmt: skip  # noqa: E501
    file = tmp_path_factory.mktemp("tamper") / "audit.sqlite"
    audit = SqlAudit(f"sqlite:///{file}")
    await audit.append(events(2))
    text = canonical(event(1)).decode()
    spot = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0aZ }").filter(lambda new: new != text[spot]))
    change(file, "UPDATE events SET body = ? WHERE seq = 1", text[:spot] + letter + text[spot + 1 :])
    try:
        wrong = verify(await audit.chain(CHAIN))
    except LadderError as error:
        wrong = [str(error)]
    assert wrong


async def test_a_cut_tail_shows_by_the_anchor_only(store: SqlAudit, file: Path) -> None:
    await store.append(events(3))
    change(file, "DELETE FROM events WHERE seq = 3")
    chain = await store.chain(CHAIN)
    assert verify(chain) == []
    assert "events were cut off" in verify(chain, await store.anchored_head(CHAIN), growing=True)[0]


# --- the anchor -----------------------------------------------------------------------------------------------------


async def test_a_torn_anchor_line_neither_hides_nor_spoils_others(store: SqlAudit, tmp_path: Path) -> None:
    head = await store.append(events(2))
    anchors = tmp_path / "anchor" / "heads.jsonl"
    with anchors.open("a") as file:
        file.write('{"chain": "alpha/2.0.0/x1", "se')
    assert await store.anchored_head(CHAIN) == head
    head = await store.append([event(3)])
    assert await store.anchored_head(CHAIN) == head
    assert [json.loads(line)["seq"] for line in anchors.read_text().splitlines() if line.endswith("}")] == [2, 3]


async def test_a_crash_before_the_anchor_is_mended_by_the_resend(store: SqlAudit, tmp_path: Path) -> None:
    head = await store.append(events(2))
    (tmp_path / "anchor" / "heads.jsonl").unlink()
    assert await store.append(events(2)) == head
    assert await store.anchored_head(CHAIN) == head


async def test_lines_of_writers_that_overtook_each_other_give_the_highest(store: SqlAudit, tmp_path: Path) -> None:
    await store.append(events(3))
    anchors = tmp_path / "anchor" / "heads.jsonl"
    newest = await store.anchored_head(CHAIN)
    with anchors.open("a") as file:
        file.write(json.dumps({"chain": CHAIN, "seq": 2, "hash": "late"}) + "\n")
    assert await store.anchored_head(CHAIN) == newest


async def test_an_anchor_that_cannot_be_written_is_an_error_and_the_resend_is_harmless(file: Path) -> None:
    file.parent.mkdir(parents=True)
    (file.parent / "anchor").write_text("a file where a folder should be")
    audit = SqlAudit(f"sqlite:///{file}", anchor_dir=file.parent / "anchor")
    assert (await refusal(audit.append(events(1)))).code is Code.AUDIT_DOWN
    whole = SqlAudit(f"sqlite:///{file}", anchor_dir=file.parent / "elsewhere")
    assert verify(await whole.chain(CHAIN), await whole.append(events(1))) == []


async def test_without_an_anchor_dir_nothing_is_anchored(file: Path) -> None:
    audit = SqlAudit(f"sqlite:///{file}")
    await audit.append(events(1))
    assert await audit.anchored_head(CHAIN) is None


# --- down -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "would forget"),
        ("sqlite:///:memory:", "would forget"),
        ("no url at all", "cannot be read"),
        ("postgresql+nodriver://desk:hunter2@db/audit", "nodriver"),
    ],
)
async def test_a_url_that_cannot_work_is_said_without_its_password(url: str, words: str) -> None:
    error = await refusal(SqlAudit(url).append(events(1)))
    assert error.code is Code.AUDIT_DOWN
    assert words in str(error)
    assert "hunter2" not in str(error)


async def test_a_store_that_is_no_database_is_down_and_works_when_it_is_mended(store: SqlAudit, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is no database, however long one looks at it" * 30)
    assert (await refusal(store.append(events(1)))).code is Code.AUDIT_DOWN
    file.unlink()
    assert await store.append(events(1))


async def test_a_file_that_vanished_is_down_rather_than_a_ghost_that_swallows_events(
    store: SqlAudit, file: Path
) -> None:
    await store.append(events(1))
    for left in file.parent.iterdir():
        left.unlink()
    assert (await refusal(store.append([event(2)]))).code is Code.AUDIT_DOWN


async def test_another_writer_that_never_ends_makes_it_down_after_its_patience(file: Path) -> None:
    audit = SqlAudit(f"sqlite:///{file}", patience=timedelta(seconds=0.3))
    await audit.append(events(1))
    with closing(sqlite3.connect(file, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        error = await refusal(audit.append([event(2)]))
        assert time.monotonic() - begun < 3
        assert "locked" in str(error)
        assert len(await audit.chain(CHAIN)) == 1, "readers do not wait for writers"
    await audit.append([event(2)])


async def test_a_read_only_copy_can_be_verified(store: SqlAudit, file: Path) -> None:
    await store.append(events(3))
    copy = SqlAudit(f"sqlite:///file:{file}?mode=ro&immutable=1&uri=true")
    assert verify(await copy.chain(CHAIN), await store.anchored_head(CHAIN)) == []
    assert (await refusal(copy.append([event(4)]))).code is Code.AUDIT_DOWN


async def test_what_cannot_be_canonical_is_refused_by_name(store: SqlAudit) -> None:
    odd = event(1).model_copy(update={"data": {"x": float("nan")}})
    error = await refusal(store.append([odd]))
    assert "data.x cannot be stored as canonical JSON: it is nan" in str(error)
