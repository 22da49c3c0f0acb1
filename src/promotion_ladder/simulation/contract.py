"""The platform contract over HTTP: one path for each verb, nothing that only a simulation has."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, status

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
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.simulation import control, handover, replay, safety, views
from promotion_ladder.simulation.world import World


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


def the_world(request: Request) -> World:
    """The simulation this application serves."""
    found = request.app.state.world
    if not isinstance(found, World):
        raise TypeError("the application has no world")
    return found


Sim = Annotated[World, Depends(the_world)]
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
async def bots(world: Sim) -> list[str]:
    """The names of all bots."""
    return [row["bot"] for row in world.rows("SELECT bot FROM bots ORDER BY bot")]


@router.get("/bots/{bot}")
async def describe(world: Sim, bot: str) -> BotFacts:
    """What the platform owns about the bot."""
    return views.facts(world, bot)


@router.get("/bots/{bot}/releases/{digest}")
async def knows(world: Sim, bot: str, digest: str) -> ReleaseRef:
    """The published release with this digest; 404 OPS_UNKNOWN_RELEASE if there is none."""
    world.bot(bot)
    return world.release(bot, digest).ref


@router.get("/exposures")
async def exposures(world: Sim) -> list[Exposure]:
    """Every variant of every bot that has capital, orders or positions at a venue."""
    return views.all_exposures(world)


@router.post("/bots/{bot}/acquire")
async def acquire(world: Sim, bot: str, order: AcquireOrder) -> Epoch:
    """Own the bot: a new promotion gets the next epoch, the same one again the same epoch."""
    return Epoch(epoch=control.acquire(world, bot, order.promotion_id))


@router.post("/bots/{bot}/prepare", status_code=status.HTTP_204_NO_CONTENT)
async def prepare(world: Sim, bot: str, order: PrepareOrder) -> None:
    """Deploy the candidate, exposed to nothing. Fenced by epoch."""
    control.prepare(world, bot, order)


@router.post("/bots/{bot}/exposure")
async def set_exposure(world: Sim, bot: str, order: ExposureOrder) -> list[Exposure]:
    """Share the capital out; the read-back of all variants. Fenced by epoch."""
    return control.set_exposure(world, bot, order)


@router.post("/bots/{bot}/lease")
async def renew_lease(world: Sim, bot: str, order: LeaseOrder) -> LeaseState:
    """Let the exposure stand for another ttl. Fenced by epoch."""
    return control.renew_lease(world, bot, order)


@router.post("/bots/{bot}/pause", status_code=status.HTTP_204_NO_CONTENT)
async def pause_entries(world: Sim, bot: str, order: ReduceOrder) -> None:
    """No new entries of the variant from now on. Any epoch."""
    safety.pause(world, bot, order.variant, order.key)


@router.post("/bots/{bot}/cancel")
async def cancel_orders(world: Sim, bot: str, order: ReduceOrder) -> Cancelled:
    """Cancel every open order of the variant that does not reduce. Any epoch."""
    return Cancelled(cancelled=safety.cancel(world, bot, order.variant, order.key))


@router.post("/bots/{bot}/exit")
async def exit_position(world: Sim, bot: str, order: ExitOrder) -> ExitReceipt:
    """Close one position at market; a repeated key answers the stored receipt and sends no order. Any epoch."""
    return safety.exit_position(world, bot, order.variant, order.instrument, order.key)


@router.get("/bots/{bot}/positions")
async def positions(world: Sim, bot: str, variant: Variant) -> list[Position]:
    """What the bot believes it holds."""
    return views.positions(world, bot, variant)


@router.get("/bots/{bot}/orders")
async def orders(world: Sim, bot: str, variant: Variant, since: Since) -> list[Order]:
    """Orders since then, oldest first."""
    return views.orders(world, bot, variant, since)


@router.get("/bots/{bot}/trades")
async def trades(world: Sim, bot: str, variant: Variant, since: Since) -> list[ClosedTrade]:
    """Trades closed since then, oldest first."""
    return views.trades(world, bot, variant, since)


@router.get("/bots/{bot}/telemetry")
async def telemetry(world: Sim, bot: str, variant: Variant) -> Telemetry:
    """How the variant stands now."""
    return views.telemetry(world, bot, variant)


@router.get("/bots/{bot}/flat")
async def verify_flat(world: Sim, bot: str, variant: Variant) -> FlatReport:
    """Whether bot and venue agree that nothing of the variant is left."""
    return views.verify_flat(world, bot, variant)


@router.post("/bots/{bot}/restore")
async def restore(world: Sim, bot: str, order: RestoreOrder) -> list[Exposure]:
    """Candidate and baseline leave, stable has the whole; the read-back. Fenced by epoch."""
    return control.restore(world, bot, order)


@router.post("/bots/{bot}/reassign")
async def reassign(world: Sim, bot: str, order: ReassignOrder) -> list[Position]:
    """Candidate and baseline hand what they hold to stable, untraded; what stable holds then. Fenced by epoch."""
    return handover.reassign(world, bot, order)


@router.post("/bots/{bot}/settle")
async def settle(world: Sim, bot: str, order: SettleOrder) -> BotFacts:
    """The candidate is stable from now on; the read-back. Fenced by epoch."""
    return control.settle(world, bot, order)


@router.post("/bots/{bot}/latch")
async def latch(world: Sim, bot: str, order: LatchOrder) -> BotFacts:
    """Set the mark against new exposure; the read-back. Any epoch."""
    return safety.latch(world, bot, order)


@router.post("/bots/{bot}/unlatch")
async def unlatch(world: Sim, bot: str, order: LatchOrder) -> BotFacts:
    """Lift the mark; the read-back."""
    return safety.unlatch(world, bot, order)


@router.post("/bots/{bot}/hold-out")
async def hold_out(world: Sim, bot: str, order: HoldOutOrder) -> BotFacts:
    """Hold a refused release out; the read-back. Any epoch."""
    return safety.hold_out(world, bot, order)


@router.post("/bots/{bot}/lift")
async def lift(world: Sim, bot: str, order: HoldOutOrder) -> BotFacts:
    """Let a held-out release climb again; the read-back."""
    return safety.lift(world, bot, order)


@router.post("/bots/{bot}/replays")
async def start_replay(world: Sim, bot: str, order: ReplayOrder, request: Request) -> ReplayId:
    """Start a replay over recorded data; its id."""
    replay_id = replay.start(world, bot, order)
    request.app.state.replays.wake()
    return ReplayId(replay_id=replay_id)


@router.get("/bots/{bot}/replays/{replay_id}")
async def replay_result(world: Sim, bot: str, replay_id: str) -> ReplayResult:
    """What the replay found so far."""
    world.bot(bot)
    found = replay.result(world, bot, replay_id)
    if found is None:
        raise LadderError(Code.PLATFORM_REFUSED, f"{bot} has no replay '{replay_id}'", "Start it first.")
    return found
