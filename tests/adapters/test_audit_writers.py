"""The audit store with many writers at once, and with writers that are killed."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.events import verify

CHAIN = "alpha/2.0.0/x1"


@dataclass
class Place:
    """A database, and a folder elsewhere for its anchors."""

    url: str
    anchors: Path

    def store(self) -> SqlAudit:
        return SqlAudit(self.url, anchor_dir=self.anchors)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(f"sqlite:///{tmp_path / 'var' / 'audit.sqlite'}", tmp_path / "anchor")


PRELUDE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.events import AuditEvent
me, url, anchors = sys.argv[1:]
store = SqlAudit(url, anchor_dir=Path(anchors))
def event(n):
    return AuditEvent(chain="alpha/2.0.0/x1", seq=n, at=datetime(2026, 1, 1, tzinfo=UTC), kind="k", actor="ladder",
                      sentence=str(n))
async def main():
    print("ready", flush=True)
    sys.stdin.readline()
"""
CROWD = """
    for n in range(1, 101):
        await store.append_to_desk("told", me, datetime.now(UTC), f"{me} says {n}")
    for n in range(1, 101, 5):
        await store.append([event(k) for k in range(n, n + 5)])
asyncio.run(main())
"""
ENDLESS = """
    n = len(await store.chain("alpha/2.0.0/x1"))
    while True:
        await store.append([event(n + k) for k in range(1, 6)])
        n += 5
        print(n, flush=True)
asyncio.run(main())
"""


def writer(body: str, me: str, place: Place) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PRELUDE + body, me, place.url, str(place.anchors)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


async def test_four_processes_lose_nothing_and_double_nothing(place: Place) -> None:
    crowd = [writer(CROWD, f"p{number}", place) for number in range(4)]
    try:
        for process in crowd:  # all of them are loaded before one starts
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in crowd:
            start(process)
        for process in crowd:
            process.communicate(timeout=60)
            assert process.returncode == 0
    finally:
        for process in crowd:
            process.kill()
            process.communicate()
    store = place.store()
    desk = await store.chain("desk")
    assert len({link.event.sentence for link in desk}) == len(desk) == 400
    assert verify(desk, await store.anchored_head("desk")) == []
    shared = await store.chain(CHAIN)
    assert [link.event.seq for link in shared] == list(range(1, 101))
    assert verify(shared, await store.anchored_head(CHAIN)) == []
    await store.close()


async def test_a_crowd_of_tasks_in_one_process_is_served_one_by_one(place: Place) -> None:
    store = place.store()
    await asyncio.gather(
        *(store.append_to_desk("told", f"t{n}", datetime(2026, 1, 1, tzinfo=UTC), "Hello.") for n in range(40))
    )
    desk = await store.chain("desk")
    assert len({link.event.actor for link in desk}) == 40
    assert verify(desk, await store.anchored_head("desk")) == []
    await store.close()


async def test_a_killed_writer_leaves_whole_batches_and_a_whole_chain(place: Place) -> None:
    store = place.store()
    said = 0
    for after in (1, 4, 9):  # batches, then SIGKILL wherever it is
        process = writer(ENDLESS, "victim", place)
        assert process.stdout
        try:
            start(process)
            assert process.stdout.readline() == "ready\n"
            for _ in range(after):
                said = int(process.stdout.readline())
            await asyncio.sleep(int.from_bytes(os.urandom(1)) / 50_000)
        finally:
            process.kill()
            process.communicate()
        chain = await store.chain(CHAIN)
        assert len(chain) >= said, "what was confirmed is there"
        assert len(chain) % 5 == 0, "a batch is whole or absent"
        assert verify(chain, await store.anchored_head(CHAIN), growing=True) == []
    await store.append([chain[-1].event])
    assert verify(chain, await store.anchored_head(CHAIN)) == []
    await store.close()
