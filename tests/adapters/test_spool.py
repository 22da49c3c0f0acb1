"""The desk's record by way of a file: nothing lost, nothing twice, in order, whoever dies."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes import FakeAudit

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.lines import append_line
from promotion_ladder.adapters.spool import DeskEvent, DeskRecord
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import verify


class Store(SqlAudit):
    """A real store that can be down."""

    down = False
    left = 1_000_000
    """How many events it takes before it is down."""

    async def append_to_desk(self, kind: str, actor: str, at: datetime, sentence: str, **data: str) -> None:
        if self.down or self.left == 0:
            raise LadderError(Code.AUDIT_DOWN)
        self.left -= 1
        await super().append_to_desk(kind, actor, at, sentence, **data)

    async def sentences(self) -> list[str]:
        links = await self.chain("desk")
        assert verify(links) == []
        return [link.event.sentence for link in links]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'audit.sqlite'}")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "state" / "desk.jsonl"


async def test_while_the_store_is_down_events_wait_and_then_join_once_and_in_order(store: Store, spool: Path) -> None:
    record = DeskRecord(spool, store)
    store.down = True
    for number in range(3):
        assert not await record.note("killed", "omar", f"event {number}", bot="wti")
    assert str(spool) in record.where
    store.down = False
    assert await record.join()
    assert await record.note("killed", "omar", "event 3", bot="wti")
    assert await DeskRecord(spool, store).join()
    assert await store.sentences() == [f"event {number}" for number in range(4)]


async def test_a_store_that_dies_in_the_middle_goes_on_where_it_was(store: Store, spool: Path) -> None:
    record = DeskRecord(spool, store)
    store.left = 0
    for number in range(5):
        await record.note("killed", "omar", f"event {number}")
    store.left = 2
    assert not await record.join()
    store.left = 3  # enough only if the first two are not sent again
    assert await record.join()
    assert await store.sentences() == [f"event {number}" for number in range(5)]


async def test_a_torn_line_hides_nothing(store: Store, spool: Path) -> None:
    record = DeskRecord(spool, store)
    store.down = True
    await record.note("killed", "omar", "before")
    with spool.open("ab") as file:
        file.write(b'{"at": "2026-01-05T00:00:00Z", "kind": "kil\xc3')
    await record.note("killed", "omar", "after")
    with spool.open("ab") as file:
        file.write(b'{"joined": 9')
    store.down = False
    assert await record.note("killed", "omar", "last")
    assert await store.sentences() == ["before", "after", "last"]


@pytest.mark.parametrize("claim", ['{"joined": 99}', '{"joined": -1}', '{"joined": "2"}', "[]", "null", '"joined"'])
async def test_a_line_that_claims_too_much_is_not_believed(store: Store, spool: Path, claim: str) -> None:
    append_line(spool, claim)
    assert await DeskRecord(spool, store).note("killed", "omar", "told")
    assert await store.sentences() == ["told"]


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.spool import DeskRecord
url, spool, when = sys.argv[1:]
class Dying(SqlAudit):
    async def append_to_desk(self, *event, **data):
        if when == "after":
            await super().append_to_desk(*event, **data)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(DeskRecord(Path(spool), Dying(url)).note("killed", "omar", "dying", bot="wti"))
"""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_between_the_file_and_the_store_it_is_there_once(
    tmp_path: Path, store: Store, spool: Path, when: str
) -> None:
    url = f"sqlite:///{tmp_path / 'audit.sqlite'}"
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, url, str(spool), when)
    assert await died.wait() == -9
    assert await store.sentences() == (["dying"] if when == "after" else [])
    assert await DeskRecord(spool, store).note("killed", "omar", "living")
    assert await store.sentences() == ["dying", "living"]


async def test_without_a_place_for_the_file_the_store_gets_it(tmp_path: Path, store: Store) -> None:
    (tmp_path / "state").write_text("a file where the directory would be")
    record = DeskRecord(tmp_path / "state" / "desk.jsonl", store)
    await record.note("killed", "omar", "straight")
    assert await store.sentences() == ["straight"]
    store.down = True
    assert not await record.note("killed", "omar", "nowhere")
    assert "write it down" in record.where


async def test_an_event_reads_back_as_it_was(spool: Path) -> None:
    event = DeskEvent(at=datetime.now(UTC), kind="killed", actor="ö", sentence='"quoted"\nline', data={"bot": "wti"})
    assert DeskEvent.model_validate_json(event.model_dump_json()) == event
    fake = FakeAudit()
    await DeskRecord(spool, fake).note("killed", "omar", 'a\nb "c"')
    assert fake.desk == ['a\nb "c"']
