"""A bare worker as a process of its own: ``python -m benchmarks.bare_worker HOST:PORT`` until it is told to stop."""

import asyncio
import signal
import sys

from benchmarks.bare import QUEUE_APART, Touches, worker
from temporalio.client import Client


async def main(address: str) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with worker(await Client.connect(address), Touches(), queue=QUEUE_APART):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
