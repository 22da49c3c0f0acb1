"""The process: HTTP server, ticks and replays on one event loop, ended by SIGTERM or SIGINT."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.simulation import contract, engine, knobs, replay
from promotion_ladder.simulation.faults import FaultMiddleware
from promotion_ladder.simulation.world import World

_STATUS = {Code.UNKNOWN_BOT: 404, Code.UNKNOWN_RELEASE: 404, Code.PLATFORM_DOWN: 503}


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


def contract_app() -> FastAPI:
    """The application without a state: enough to write its OpenAPI."""
    app = FastAPI(
        title="Trading-bot platform",
        version="1",
        summary="The platform contract of promotion-ladder.",
        description="Every verb is idempotent. State verbs are fenced by epoch, reducing verbs work at any epoch.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.include_router(contract.router)
    app.include_router(knobs.router)
    app.add_exception_handler(LadderError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    return app


def create_app(world: World, tick_seconds: float) -> FastAPI:
    """The application with its clock: a tick every ``tick_seconds`` (0: only when asked)."""
    app = contract_app()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        app.state.replays = Replays(world)
        tasks = [asyncio.create_task(app.state.replays.work())]
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


async def _refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, LadderError):
        raise error
    return _refusal(_STATUS.get(error.code, 409), error)


async def _unreadable(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _refusal(422, LadderError(Code.PLATFORM_REFUSED, f"cannot read {where}: {first['msg']}"))


def _refusal(status: int, error: LadderError) -> JSONResponse:
    body = contract.Refusal(code=error.code, detail=error.detail, next_step=error.next_step)
    return JSONResponse(body.model_dump(), status_code=status)


class Server(uvicorn.Server):
    """Announces its address when it is ready, and ends with status 0 on SIGTERM and SIGINT."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening and say where."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            print(f"listening on http://{host}:{port}", flush=True)  # noqa: T201 - the promised first line

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours: uvicorn's would raise the signal again at the end, so that a clean end looked like a death."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True


def serve(world: World, host: str, port: int, tick_seconds: float) -> None:
    """Serve until a signal comes."""
    listening = socket.create_server((host, port))
    # asyncio sets this only on sockets it made itself; without it each answer with a body waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        create_app(world, tick_seconds),
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    Server(config).run(sockets=[listening])
