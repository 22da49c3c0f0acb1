"""The process: HTTP server, ticks and replays on one event loop, ended by SIGTERM or SIGINT."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

from fastapi import FastAPI

from promotion_ladder.serving import Process, contract_app, listen
from promotion_ladder.simulation import engine, knobs, replay
from promotion_ladder.simulation.faults import FaultMiddleware
from promotion_ladder.simulation.platform import SimulatedPlatform
from promotion_ladder.simulation.world import World


class Replays:
    """Runs replays one after the other in a thread; also those that a killed process left behind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """Look for replays to run."""
        self._asked.set()

    async def work(self) -> None:
        """Run replays until cancelled."""
        while True:
            for job in replay.waiting(self._world):
                replay.finish(self._world, await asyncio.to_thread(replay.run, job))
            if not replay.waiting(self._world):
                self._asked.clear()
                await self._asked.wait()


def create_app(world: World, tick_seconds: float) -> FastAPI:
    """The application with its clock: a tick every ``tick_seconds`` (0: only when asked)."""
    app = contract_app()
    app.include_router(knobs.router)
    replays = Replays(world)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(replays.work())]
        if tick_seconds > 0:
            tasks.append(asyncio.create_task(_clock(world, tick_seconds)))
        for task in tasks:
            task.add_done_callback(_end_process_if_broken)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app.router.lifespan_context = lifespan
    app.state.world = world
    app.state.platform = SimulatedPlatform(world, replays.wake)
    app.add_middleware(FaultMiddleware, world=world)
    return app


async def _clock(world: World, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        engine.tick(world)
        # A machine that cannot keep up ticks later, never several ticks at once: verbs must get their turn.
        due = max(due + seconds, loop.time() + 0.001)
        await asyncio.sleep(due - loop.time())


def _end_process_if_broken(task: "asyncio.Task[None]") -> None:
    """A clock or a replay that breaks must not leave a server that looks alive."""
    if task.cancelled() or task.exception() is None:
        return
    task.get_loop().call_exception_handler({"message": "the simulation broke", "exception": task.exception()})
    signal.raise_signal(signal.SIGTERM)


def serve(world: World, host: str, port: int, tick_seconds: float) -> None:
    """Serve until a signal comes."""
    listening = listen(host, port)
    server = Process(create_app(world, tick_seconds), _announce)
    server.run(sockets=[listening])


def _announce(address: str) -> None:
    print(f"listening on {address}", flush=True)  # noqa: T201 - the promised first line
