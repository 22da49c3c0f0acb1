"""The worker process: all task queues in one, until it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence

from temporalio.worker import Worker

from promotion_ladder.settings import Settings
from promotion_ladder.workers.assembly import activities, workers
from promotion_ladder.workers.bootstrap import connect, ports


async def run_worker(settings: Settings, ready: asyncio.Event | None = None) -> None:
    """Work until SIGTERM or SIGINT, then let running tasks end for some seconds."""
    world = ports(settings)
    client = await connect(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await serve(workers(client, activities(world)), stop, ready)


async def serve(all_workers: Sequence[Worker], stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
    """Run the workers until ``stop``; a worker that dies takes the others along, so that somebody notices."""
    async with contextlib.AsyncExitStack() as stack:
        for worker in all_workers:
            await stack.enter_async_context(worker)
        if ready is not None:
            ready.set()
        await stop.wait()
