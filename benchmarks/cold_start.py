"""How long somebody waits who starts everything from nothing."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from benchmarks.measure import Benchmark, Result, Tell
from temporalio.client import Client

from promotion_ladder import settings
from promotion_ladder.client import LadderClient
from promotion_ladder.core.errors import LadderError
from promotion_ladder.simulation.bots import make_release
from promotion_ladder.simulation.process import Knobs
from promotion_ladder.stack.processes import PATIENCE, Process, end, free_port, program

LOOK_EVERY = 0.02
LONGEST = 60.0
BOT = "wti-trend"


async def _bare(directory: Path) -> float:
    """Seconds until ``temporal server start-dev`` takes a client."""
    port = free_port()
    command = [
        program("temporal"), "server", "start-dev", "--ip=127.0.0.1", f"--port={port}", "--headless",
        f"--db-filename={directory / 'bare.db'}", "--log-level=error",
    ]  # fmt: skip
    server = Process("Temporal", command, directory / "bare.log")
    began = time.monotonic()
    server.start()
    try:
        await _until(lambda: Client.connect(f"127.0.0.1:{port}"))
        return time.monotonic() - began
    finally:
        await end([server])


async def _whole(directory: Path) -> float:
    """Seconds from ``ladder dev`` until the first decision of a promotion that was started as early as it could be."""
    state = directory / "state"
    # A stack that is ended in order ends its own processes; nobody else knows their ids.
    dev = Process("ladder dev", [program("ladder"), "dev", f"--state={state}"], directory / "dev.log")
    began = time.monotonic()
    dev.start()
    try:
        while not (state / "stack.json").is_file():
            _in_time(began, dev)
            await asyncio.sleep(LOOK_EVERY)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("LADDER_", "TEMPORAL_"))}
        await _first_decision(
            LadderClient(settings.load({**env, "LADDER_STATE": str(state), "LADDER_IDENTITY": "ana"}))
        )
        return time.monotonic() - began
    finally:
        await _end(dev)


async def _first_decision(ladder: LadderClient) -> None:
    release = make_release(BOT, "2.0.0", author="ana")
    knobs = Knobs(ladder.settings.platform_url or "")
    try:
        await _until(lambda: knobs.make(BOT, "2.0.0"))
    finally:
        await knobs.close()
    await _until(lambda: ladder.start(release))
    began = time.monotonic()
    while True:
        with contextlib.suppress(LadderError):
            if (await ladder.state(BOT)).decision is not None:
                return
        _in_time(began)
        await asyncio.sleep(LOOK_EVERY)


async def _until(act: Callable[[], Awaitable[object]]) -> None:
    """Try until it works: a server that is not yet there refuses."""
    began = time.monotonic()
    while True:
        try:
            await act()
        except (RuntimeError, LadderError, httpx.HTTPError):
            _in_time(began)
            await asyncio.sleep(LOOK_EVERY)
        else:
            return


def _in_time(began: float, process: Process | None = None) -> None:
    if time.monotonic() - began > LONGEST or (process is not None and not process.alive):
        raise TimeoutError(f"it did not start: {process.last_words() if process else 'no answer'}")


async def _end(dev: Process) -> None:
    """Ask it to end and give it the time it gives its own processes, twice."""
    if dev.popen is not None and dev.alive:
        dev.popen.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * PATIENCE):
                await asyncio.to_thread(dev.popen.wait)


async def cold_starts(n: int, tell: Tell) -> list[Result]:
    """Start a bare server and a whole stack in turn."""
    whole: list[float] = []
    bare: list[float] = []
    for number in range(n):
        tell(f"{number} of {n} started")
        directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ladder-bench-"))
        try:
            bare.append(await _bare(directory))
            whole.append(await _whole(directory))
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    note = "'ladder dev' on an empty directory to the first decision; floor: 'temporal server start-dev' answers"
    return [Result("cold_start", "s", whole, bare, note)]


BENCHMARKS = (Benchmark(("cold_start",), 3, cold_starts),)
