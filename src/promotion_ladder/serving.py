"""The platform contract over HTTP, in front of any :class:`~promotion_ladder.ports.Platform`: one path for each verb.

The simulation serves itself with it, and ``ladder guard --listen`` the platform of a bot.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Annotated

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Query, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import FlatReport
from promotion_ladder.core.platform import (
    BotFacts,
    ClosedTrade,
    ExitReceipt,
    Exposure,
    ExposureOrder,
    HoldOutOrder,
    LatchOrder,
    LeaseOrder,
    LeaseState,
    Order,
    Position,
    PrepareOrder,
    ReassignOrder,
    ReplayOrder,
    ReplayResult,
    RestoreOrder,
    SettleOrder,
    Telemetry,
    Variant,
)
from promotion_ladder.ports import Platform

_STATUS = {Code.UNKNOWN_BOT: 404, Code.UNKNOWN_RELEASE: 404, Code.PLATFORM_DOWN: 503}


class Refusal(Record):
    """Every error: a reason code, what happened to what, and what to do next."""

    code: str
    detail: str
    next_step: str


class AcquireOrder(Record):
    """Own the bot for this promotion."""

    promotion_id: str


class Epoch(Record):
    """The epoch under which the promotion owns the bot."""

    epoch: int


class ReduceOrder(Record):
    """Pause or cancel for one variant."""

    variant: Variant
    key: str


class ExitOrder(Record):
    """Close one position."""

    variant: Variant
    instrument: str
    key: str


class Cancelled(Record):
    """How many orders were cancelled."""

    cancelled: int


class ReplayId(Record):
    """The id of a replay that was started."""

    replay_id: str


class Known(Record):
    """A release that was published."""

    digest: str


def the_platform(request: Request) -> Platform:
    """The platform this application serves."""
    found: Platform = request.app.state.platform
    return found


Served = Annotated[Platform, Depends(the_platform)]
Since = Annotated[Time, Query(description="Only what happened at or after this moment (ISO 8601 with zone).")]
router = APIRouter(
    responses={
        404: {"model": Refusal, "description": "OPS_UNKNOWN_BOT or OPS_UNKNOWN_RELEASE"},
        409: {"model": Refusal, "description": "Refused; nothing was changed. The code says why."},
        422: {"model": Refusal, "description": "The message cannot be read."},
        503: {"model": Refusal, "description": "OPS_PLATFORM_DOWN: what it depends on does not answer; try again."},
    }
)


@router.get("/bots")
async def bots(platform: Served) -> list[str]:
    """The names of all bots."""
    return await platform.bots()


@router.get("/bots/{bot}")
async def describe(platform: Served, bot: str) -> BotFacts:
    """What the platform owns about the bot."""
    return await platform.describe(bot)


@router.get("/bots/{bot}/releases/{digest}")
async def knows(platform: Served, bot: str, digest: str) -> Known:
    """The published release with this digest; 404 OPS_UNKNOWN_RELEASE if there is none."""
    if not await platform.knows(bot, digest):
        raise LadderError(Code.UNKNOWN_RELEASE, f"no release {digest[:12]} of {bot} was published")
    return Known(digest=digest)


@router.get("/exposures")
async def exposures(platform: Served) -> list[Exposure]:
    """Every variant of every bot that has capital, orders or positions at a venue."""
    return await platform.exposures()


@router.post("/bots/{bot}/acquire")
async def acquire(platform: Served, bot: str, order: AcquireOrder) -> Epoch:
    """Own the bot: a new promotion gets the next epoch, the same one again the same epoch."""
    return Epoch(epoch=await platform.acquire(bot, order.promotion_id))


@router.post("/bots/{bot}/prepare", status_code=status.HTTP_204_NO_CONTENT)
async def prepare(platform: Served, bot: str, order: PrepareOrder) -> None:
    """Deploy the candidate, exposed to nothing. Fenced by epoch."""
    if order.release.bot != bot:
        raise LadderError(Code.PLATFORM_REFUSED, f"the release is of bot '{order.release.bot}', not of '{bot}'")
    await platform.prepare(order)


@router.post("/bots/{bot}/exposure")
async def set_exposure(platform: Served, bot: str, order: ExposureOrder) -> list[Exposure]:
    """Share the capital out; the read-back of all variants. Fenced by epoch."""
    return await platform.set_exposure(bot, order)


@router.post("/bots/{bot}/lease")
async def renew_lease(platform: Served, bot: str, order: LeaseOrder) -> LeaseState:
    """Let the exposure stand for another ttl. Fenced by epoch."""
    return await platform.renew_lease(bot, order)


@router.post("/bots/{bot}/pause", status_code=status.HTTP_204_NO_CONTENT)
async def pause_entries(platform: Served, bot: str, order: ReduceOrder) -> None:
    """No new entries of the variant from now on. Any epoch."""
    await platform.pause_entries(bot, order.variant, order.key)


@router.post("/bots/{bot}/cancel")
async def cancel_orders(platform: Served, bot: str, order: ReduceOrder) -> Cancelled:
    """Cancel every open order of the variant that does not reduce. Any epoch."""
    return Cancelled(cancelled=await platform.cancel_orders(bot, order.variant, order.key))


@router.post("/bots/{bot}/exit")
async def exit_position(platform: Served, bot: str, order: ExitOrder) -> ExitReceipt:
    """Close one position at market; a repeated key answers the stored receipt and sends no order. Any epoch."""
    return await platform.exit_position(bot, order.variant, order.instrument, order.key)


@router.get("/bots/{bot}/positions")
async def positions(platform: Served, bot: str, variant: Variant) -> list[Position]:
    """What the bot believes it holds."""
    return await platform.positions(bot, variant)


@router.get("/bots/{bot}/orders")
async def orders(platform: Served, bot: str, variant: Variant, since: Since) -> list[Order]:
    """Orders since then, oldest first."""
    return await platform.orders(bot, variant, since)


@router.get("/bots/{bot}/trades")
async def trades(platform: Served, bot: str, variant: Variant, since: Since) -> list[ClosedTrade]:
    """Trades closed since then, oldest first."""
    return await platform.trades(bot, variant, since)


@router.get("/bots/{bot}/telemetry")
async def telemetry(platform: Served, bot: str, variant: Variant) -> Telemetry:
    """How the variant stands now."""
    return await platform.telemetry(bot, variant)


@router.get("/bots/{bot}/flat")
async def verify_flat(platform: Served, bot: str, variant: Variant) -> FlatReport:
    """Whether bot and venue agree that nothing of the variant is left."""
    return await platform.verify_flat(bot, variant)


@router.post("/bots/{bot}/restore")
async def restore(platform: Served, bot: str, order: RestoreOrder) -> list[Exposure]:
    """Candidate and baseline leave, stable has the whole; the read-back. Fenced by epoch."""
    return await platform.restore(bot, order)


@router.post("/bots/{bot}/reassign")
async def reassign(platform: Served, bot: str, order: ReassignOrder) -> list[Position]:
    """Candidate and baseline hand what they hold to stable, untraded; what stable holds then. Fenced by epoch."""
    return await platform.reassign(bot, order)


@router.post("/bots/{bot}/settle")
async def settle(platform: Served, bot: str, order: SettleOrder) -> BotFacts:
    """The candidate is stable from now on; the read-back. Fenced by epoch."""
    return await platform.settle(bot, order)


@router.post("/bots/{bot}/latch")
async def latch(platform: Served, bot: str, order: LatchOrder) -> BotFacts:
    """Set the mark against new exposure; the read-back. Any epoch."""
    return await platform.latch(bot, order)


@router.post("/bots/{bot}/unlatch")
async def unlatch(platform: Served, bot: str, order: LatchOrder) -> BotFacts:
    """Lift the mark; the read-back."""
    return await platform.unlatch(bot, order)


@router.post("/bots/{bot}/hold-out")
async def hold_out(platform: Served, bot: str, order: HoldOutOrder) -> BotFacts:
    """Hold a refused release out; the read-back. Any epoch."""
    return await platform.hold_out(bot, order)


@router.post("/bots/{bot}/lift")
async def lift(platform: Served, bot: str, order: HoldOutOrder) -> BotFacts:
    """Let a held-out release climb again; the read-back."""
    return await platform.lift(bot, order)


@router.post("/bots/{bot}/replays")
async def start_replay(platform: Served, bot: str, order: ReplayOrder) -> ReplayId:
    """Start a replay over recorded data; its id."""
    return ReplayId(replay_id=await platform.start_replay(bot, order))


@router.get("/bots/{bot}/replays/{replay_id}")
async def replay_result(platform: Served, bot: str, replay_id: str) -> ReplayResult:
    """What the replay found so far."""
    return await platform.replay_result(bot, replay_id)


def contract_app() -> FastAPI:
    """The application without a platform: enough to write its OpenAPI. ``app.state.platform`` is what it serves."""
    app = FastAPI(
        title="Trading-bot platform",
        version="1",
        summary="The platform contract of promotion-ladder.",
        description="Every verb is idempotent. State verbs are fenced by epoch, reducing verbs work at any epoch.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.include_router(router)
    app.add_exception_handler(LadderError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    return app


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


def _refusal(status_code: int, error: LadderError) -> JSONResponse:
    body = Refusal(code=error.code, detail=error.detail, next_step=error.next_step)
    return JSONResponse(body.model_dump(), status_code=status_code)


class Server(uvicorn.Server):
    """Tells its address when it is ready, and ends in order when :meth:`end` is called."""

    def __init__(self, app: FastAPI, ready: Callable[[str], None]) -> None:
        """``ready`` is called with the address, as ``http://HOST:PORT``."""
        super().__init__(
            uvicorn.Config(app, log_level="critical", access_log=False, timeout_graceful_shutdown=1, lifespan="on")
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening and say where."""
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs it says what ends it: uvicorn would raise the signal again, and an end look like a death."""
        yield

    def end(self) -> None:
        """Take no new requests, and end."""
        self.should_exit = True


class Process(Server):
    """A server that is the whole process: SIGTERM and SIGINT end it with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on both."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.end)
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    # asyncio sets this only on sockets it made itself; without it each answer with a body waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
