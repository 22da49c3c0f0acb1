"""A relay before the platform that sees a request leave the worker: what the platform then does with it is not ours."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CANCEL = re.compile(rb"^POST /bots/([^/ ]+)/cancel ")
"""How a cancel begins; a request is written at once and none before the last one was answered."""
_CHUNK = 65536


class Tap:
    """When cancels of each bot passed, in seconds since the epoch."""

    def __init__(self) -> None:
        self._cancels: dict[str, list[float]] = {}

    def first_cancel(self, bot: str, since: float) -> float:
        """When the first cancel of ``bot`` after ``since`` passed; raises RuntimeError if none did."""
        found = [at for at in self._cancels.get(bot, []) if at >= since]
        if not found:
            raise RuntimeError(f"no cancel of {bot} came out of the worker")
        return min(found)

    async def up(self, come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
        """Pass requests on."""
        while chunk := await come.read(_CHUNK):
            if begins := _CANCEL.match(chunk):
                self._cancels.setdefault(begins[1].decode(), []).append(time.time())
            go.write(chunk)
            await go.drain()


async def _down(come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
    while chunk := await come.read(_CHUNK):
        go.write(chunk)
        await go.drain()


@asynccontextmanager
async def tap(port: int, platform_port: int) -> AsyncIterator[Tap]:
    """Relay ``port`` of this machine to the platform's."""
    made = Tap()
    passing: set[asyncio.Task[None]] = set()

    async def relay(come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", platform_port)
            ways = {asyncio.create_task(made.up(come, forth)), asyncio.create_task(_down(back, go))}
            passing.update(ways)
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)  # closed on one side is closed on both
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            passing.difference_update(ways)
            forth.close()
        go.close()

    server = await asyncio.start_server(relay, "127.0.0.1", port)
    try:
        yield made
    finally:
        server.close()
        for way in passing:
            way.cancel()
