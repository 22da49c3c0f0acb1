"""``ladder dev``: addresses on the screen, everything ended by Ctrl-C, and a second one that goes on."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.e2e.rig import CONFIG, LADDER, Rig, until

from promotion_ladder.core.codes import Code
from promotion_ladder.core.state import Phase
from promotion_ladder.settings import read_stack
from promotion_ladder.stack.local import LocalStack, Ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def _children(pid: int) -> list[int]:
    """All processes below ``pid``, from /proc."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [below for child in found for below in _children(child)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@asynccontextmanager
async def _dev(state: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Rig]]:
    """A running ``ladder dev``; killed with all its children if the test leaves it running."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LADDER_", "TEMPORAL_"))}
    process = await asyncio.create_subprocess_exec(
        str(LADDER), "dev", "--state", str(state), "--config", str(CONFIG), "--tick", "0.1",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**env, "COLUMNS": "300"},
    )  # fmt: skip
    below: list[int] = []
    rig: Rig | None = None
    try:
        assert process.stdout is not None
        said = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C ends all of it"), 40)).decode()
        below = _children(process.pid)
        facts = read_stack(state)
        for name in ("temporal", "temporal_ui", "prometheus", "platform"):
            assert facts[name] in said
        ports = [int(facts[name].rpartition(":")[2]) for name in ("temporal", "temporal_ui", "prometheus", "platform")]
        rig = Rig(LocalStack(state, Ports(*ports), config_dir=CONFIG))
        yield process, rig
    finally:
        if rig is not None:
            await rig.close()
        for pid in (process.pid, *below) if process.returncode is None else below:
            if _alive(pid):
                os.kill(pid, signal.SIGKILL)
        await process.wait()


async def _ctrl_c(process: asyncio.subprocess.Process) -> None:
    """Interrupt it; it ends with 0 and leaves no process behind."""
    below = _children(process.pid)
    assert len(below) >= 4
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.stdout is not None
    rest = await asyncio.wait_for(process.stdout.read(), 20)
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert "nothing is left running" in rest.decode()
    assert [pid for pid in below if _alive(pid)] == []
    assert time.monotonic() - began < 15


async def test_ctrl_c_ends_everything_and_a_second_start_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "desk"
    async with _dev(state) as (process, rig):
        release = await rig.climbing("evening")
        await rig.reaches_stage("evening", "shadow")
        await rig.ana.hold("evening", "good night")
        before = await rig.reaches("evening", Phase.ON_HOLD)
        await _ctrl_c(process)
    assert read_stack(state) == {}
    async with _dev(state) as (process, rig):
        found = await rig.cli("status", "evening", "-o", "json")
        assert found.json["order"]["promotion_id"] == before.promotion_id
        assert found.json["phase"] == "on_hold"
        assert not re.search("Traceback", (state / "logs" / "worker.log").read_text())
        await rig.person("omar").resume("evening", "good morning")
        await rig.reaches_stage("evening", "paper")
        await until("paper", lambda: _version(rig, release.version))
        await _ctrl_c(process)


async def _version(rig: Rig, version: str) -> bool:
    return (await rig.state("evening")).release.version == version


async def test_what_a_killed_stack_left_is_ended_by_the_next_and_a_second_one_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "desk"
    async with _dev(state) as (process, rig):
        second = await rig.cli("dev", "--state", str(state), "-o", "json")
        assert (second.status, second.json["error"]["code"]) == (1, Code.STACK_RUNS)
        below = _children(process.pid)
        process.kill()
        await process.wait()
        assert [pid for pid in below if not _alive(pid)] == [], "the children of a killed process live on"
        async with _dev(state) as (again, _):
            assert [pid for pid in below if _alive(pid)] == []
            await _ctrl_c(again)
