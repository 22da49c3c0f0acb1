"""What the ladder takes of the machine while promotions stand: memory, and the worker's processor time."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.bare import QUEUE_APART, Watches
from benchmarks.bed import Bed, bed
from benchmarks.measure import Benchmark, Result, Tell

from promotion_ladder.stack.processes import Process, end, program

ROOT = Path(__file__).resolve().parents[1]
HAS_PROC = Path("/proc/self/stat").exists()
PROMOTIONS = 20
GUARDS = 50
WARM = 10.0
"""Seconds until what a start takes is over."""
WINDOW = 2.0
"""Seconds over which processor time is read."""


async def _ps(field: str, pid: int) -> str:
    process = await asyncio.create_subprocess_exec(
        program("ps"), "-o", f"{field}=", "-p", str(pid), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode().strip()


async def _memory(pid: int) -> float:
    """Resident memory in MiB."""
    return int(await _ps("rss", pid)) / 1024


def _processor_seconds(pid: int) -> float:
    """User and system time so far; /proc knows hundredths, ``ps`` only seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _share(pid: int) -> float:
    """Per cent of one core over a window."""
    before, began = _processor_seconds(pid), time.monotonic()
    await asyncio.sleep(WINDOW)
    return 100 * (_processor_seconds(pid) - before) / (time.monotonic() - began)


@asynccontextmanager
async def _bare_process(made: Bed) -> AsyncIterator[Process]:
    """A bare worker on the same server, as a process."""
    process = Process(
        "the bare worker", [program("python"), "-m", "benchmarks.bare_worker", made.stack.temporal_address],
        made.stack.state_dir / "logs" / "bare.log", {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    process.start()
    try:
        yield process
    finally:
        await end([process])


async def _watch_barely(made: Bed, bot: str) -> None:
    """One bare watch of ``bot``, as a guard's first question is."""
    url = f"{made.stack.platform_url}/bots/{bot}/telemetry?variant=candidate"
    await made.client.start_workflow(Watches.run, url, id=f"watch-{uuid.uuid4().hex[:8]}", task_queue=QUEUE_APART)


async def memory(n: int, tell: Tell) -> list[Result]:
    """Resident memory with 20 canaries standing."""
    worker: list[float] = []
    stack: list[float] = []
    bare: list[float] = []
    tell(f"{PROMOTIONS} canaries climb")
    async with bed(PROMOTIONS) as made, _bare_process(made) as peer:
        await made.climb()
        await _watch_barely(made, made.bots[0])
        await asyncio.sleep(WARM)
        for number in range(n):
            tell(f"{number} of {n} read")
            parts = [await _memory(process.pid) for process in made.stack.processes]
            worker.append(parts[0])
            stack.append(sum(parts))
            bare.append(await _memory(peer.pid))
            await asyncio.sleep(1)
    note = f"{PROMOTIONS} promotions stand; floor: a bare worker process"
    return [
        Result("resident_memory", "MiB", worker, bare, note),
        Result("resident_memory_stack", "MiB", stack, (), "worker, simulation, Prometheus and Temporal together"),
    ]


async def processor(n: int, tell: Tell) -> list[Result]:
    """Processor time of the worker while 50 guards look once a second; in turn with as many bare watches."""
    if not HAS_PROC:
        tell("needs /proc")
        return []
    worker: list[float] = []
    bare: list[float] = []
    tell(f"{GUARDS} canaries climb")
    async with bed(GUARDS) as made, _bare_process(made) as peer:
        await made.climb()
        for bot in made.bots:
            await _watch_barely(made, bot)
        await asyncio.sleep(WARM)
        for number in range(n):
            tell(f"{number} of {n} windows")
            both = await asyncio.gather(_share(made.stack.worker.pid), _share(peer.pid))
            worker.append(both[0])
            bare.append(both[1])
    note = f"worker with {GUARDS} guards at 1 s; floor: as many bare activities, one GET and one heartbeat a second"
    return [Result("guards_50", "% of a core", worker, bare, note)]


BENCHMARKS = (
    Benchmark(("resident_memory", "resident_memory_stack"), 10, memory),
    Benchmark(("guards_50",), 10, processor),
)
