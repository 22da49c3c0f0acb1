"""Processes of the matrix beside the stack's own, and waiting for what goes on in them."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.e2e.rig import until
from tests.faults.matrix.yard import Yard

from promotion_ladder.stack.processes import Process, free_port


def another_worker(yard: Yard) -> Process:
    """A second worker on the same stack; not started yet."""
    port = free_port()
    env = {**yard.stack.worker.env, "LADDER_METRICS": f"127.0.0.1:{port}"}
    made = Process(
        "another worker", yard.stack.worker.command, yard.stack.state_dir / "logs" / f"worker-{port}.log", env
    )
    yard.more.append(made)
    return made


async def polls(process: Process) -> bool:
    """Whether a worker has begun to work: it opens its metrics just before."""
    host, _, port = process.env["LADDER_METRICS"].partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


@contextlib.asynccontextmanager
async def helper(yard: Yard, module: str, *args: str) -> AsyncIterator[Process]:
    """A process of the tests' own, ended afterwards."""
    command = [sys.executable, "-m", f"tests.faults.matrix.{module}", *args]
    made = Process(module, command, yard.stack.state_dir / "logs" / f"{module}.log", {"PYTHONPATH": str(Path.cwd())})
    yard.more.append(made)
    made.start()
    try:
        yield made
    finally:
        made.kill()


async def taken(yard: Yard, wanted: Sequence[tuple[str, str]], seconds: float = 40.0) -> None:
    """Wait until the platform has begun each of these (bot, verb), which a standing fault makes slow."""
    left = set(wanted)

    async def all_begun() -> bool:
        nonlocal left
        left &= {(each["bot"], each["verb"]) for each in await yard.rig.knobs.faults()}
        return not left

    try:
        await until("the platform to begin", all_begun, seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {sorted(left)}") from None
