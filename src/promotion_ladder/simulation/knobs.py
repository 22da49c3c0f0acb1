"""What only a simulation has: publishing releases with a behaviour, adding bots, faults, the clock, the effects."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, status

from promotion_ladder.core.base import Spec
from promotion_ladder.core.release import Release, ReleaseRef
from promotion_ladder.simulation import engine, faults, metrics
from promotion_ladder.simulation.behaviour import Behaviour
from promotion_ladder.simulation.bots import BotSpec, add_bot
from promotion_ladder.simulation.faults import Fault
from promotion_ladder.simulation.world import World


def the_world(request: Request) -> World:
    """The simulation this application serves."""
    found = request.app.state.world
    if not isinstance(found, World):
        raise TypeError("the application has no world")
    return found


Sim = Annotated[World, Depends(the_world)]
router = APIRouter(include_in_schema=False)


class Publication(Spec):
    """A release and how it will behave."""

    release: Release
    behaviour: Behaviour = Behaviour()


@router.get("/metrics")
async def scrape(world: Sim) -> Response:
    """The metrics for Prometheus."""
    return Response(metrics.text(world), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.post("/simulation/releases")
async def publish(world: Sim, publication: Publication) -> ReleaseRef:
    """Publish a release; the same again replaces its behaviour."""
    world.bot(publication.release.bot)
    world.publish(publication.release, publication.behaviour)
    return publication.release.ref


@router.get("/simulation/releases")
async def releases(world: Sim, bot: str) -> list[dict[str, Any]]:
    """All published releases of a bot with their behaviours."""
    world.bot(bot)
    rows = world.rows("SELECT * FROM releases WHERE bot = ? ORDER BY version", bot)
    return [
        {"digest": row["digest"], "release": json.loads(row["body"]), "behaviour": json.loads(row["behaviour"])}
        for row in rows
    ]


@router.post("/simulation/bots", status_code=status.HTTP_201_CREATED)
async def create_bot(world: Sim, spec: BotSpec) -> str:
    """Add a bot; its name."""
    add_bot(world, spec)
    return spec.bot


@router.post("/simulation/faults", status_code=status.HTTP_204_NO_CONTENT)
async def inject(world: Sim, fault: Fault) -> None:
    """Let a fault stand."""
    if fault.bot != "*":
        world.bot(fault.bot)
    faults.inject(world, fault)


@router.get("/simulation/faults")
async def standing(world: Sim) -> list[dict[str, Any]]:
    """All standing faults."""
    return world.faults()


@router.delete("/simulation/faults")
async def clear(world: Sim, kind: str = "") -> int:
    """Clear every fault, or those of one kind; how many stood."""
    return faults.clear(world, kind)


@router.get("/simulation/effects")
async def effects(
    world: Sim,
    bot: str,
    verb: str = "",
    key: str = "",
    after: int = 0,
    limit: Annotated[int, Query(ge=1, le=10000)] = 10000,
) -> list[dict[str, Any]]:
    """The append-only log of effective mutations and orders sent to the venue, oldest first."""
    world.bot(bot)
    rows = world.rows(
        "SELECT * FROM effects WHERE bot = ? AND n > ? AND ? IN ('', verb) AND ? IN ('', key) ORDER BY n LIMIT ?",
        bot,
        after,
        verb,
        key,
        limit,
    )
    return [{**row, "detail": json.loads(row["detail"])} for row in rows]


@router.get("/simulation/venue")
async def venue(world: Sim, account: str) -> dict[str, str]:
    """What the venue holds for an account, net: instrument to signed quantity."""
    return {row["instrument"]: row["quantity"] for row in world.rows("SELECT * FROM venue WHERE account = ?", account)}


@router.get("/simulation/clock")
async def clock(world: Sim) -> dict[str, Any]:
    """The tick, its price and the wall clock."""
    return {"tick": world.tick, "price": str(world.prices.at(world.tick)), "at": world.stamp(), "seed": world.seed}


@router.post("/simulation/clock/advance")
async def advance(world: Sim, ticks: Annotated[int, Query(ge=1, le=100000)] = 1) -> dict[str, Any]:
    """Make ticks now, one transaction each; beside the running clock, or instead of it with ``--tick 0``."""
    for _ in range(ticks):
        engine.tick(world)
    return await clock(world)
