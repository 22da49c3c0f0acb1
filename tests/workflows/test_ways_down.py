"""The three ways down: exit at once, hand over to stable, or let the positions close by themselves."""

from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.conftest import LADDER, World, stage
from tests.workflows.test_ways import a_trip

from promotion_ladder.core.codes import Code
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.state import Ending, Phase

HELD = (Variant.CANDIDATE, "WTI")


async def in_canary(world: World, on_abort: Any) -> None:
    """A climb that stands in its canary with a position."""
    canary = stage("canary-10", "canary", capital="10%", pause="2h", on_abort=on_abort)
    stages = [*LADDER["stages"][:3], canary, LADDER["stages"][4]]
    world.directory.the_ladder = Ladder.model_validate({**LADDER, "stages": stages})
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    assert HELD in world.platform.held


def exits(world: World) -> list[str]:
    return [effect for effect in world.platform.effects if effect.startswith("exit")]


async def test_reassign_hands_the_positions_to_stable_and_exits_nothing(world: World) -> None:
    await in_canary(world, "reassign")
    await world.signal(Verb.ROLLBACK)
    result = await world.result()
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.ROLLED_BACK_BY_PERSON)
    assert world.platform.held == {(Variant.STABLE, "WTI"): Decimal(1)}
    assert (exits(world), world.platform.effects[-2:]) == ([], ["restore", "hold_out 2.0.0"])
    assert "handed_over" in world.kinds()
    assert result.flat_seconds is not None


async def test_what_stable_may_not_take_is_flattened(world: World) -> None:
    await in_canary(world, "reassign")
    world.platform.refuse_reassign = True
    await world.signal(Verb.ROLLBACK)
    await world.result()
    assert (world.platform.held, exits(world)) == ({}, ["exit candidate WTI"])
    assert "not_handed_over" in world.kinds()


async def test_wind_down_waits_until_the_positions_have_closed_by_themselves(world: World) -> None:
    await in_canary(world, {"kind": "wind_down", "within": "2h"})
    await world.signal(Verb.ROLLBACK)
    state = await world.until(lambda state: state.flat is not None)
    assert (state.phase, state.may_be_exposed, state.wind_down_until is not None) == (Phase.COMING_DOWN, True, True)
    assert Variant.CANDIDATE in world.platform.paused
    world.platform.held.clear()
    result = await world.result()
    assert (result.ending, exits(world)) == (Ending.ROLLED_BACK, [])
    assert "wound_down" in world.kinds()


async def test_what_has_not_closed_when_the_time_is_over_is_flattened(world: World) -> None:
    await in_canary(world, {"kind": "wind_down", "within": "10m"})
    await world.signal(Verb.ROLLBACK)
    result = await world.result()
    assert (world.platform.held, exits(world)) == ({}, ["exit candidate WTI"])
    assert "not_wound_down" in world.kinds()
    assert result.flat_seconds is not None
    assert result.flat_seconds >= 600


@pytest.mark.parametrize("way", ["reassign", "wind_down"])
async def test_a_kill_flattens_whatever_the_stage_says(world: World, way: str) -> None:
    await in_canary(world, way)
    await world.signal(Verb.KILL)
    assert (await world.result()).code is Code.KILLED
    assert (world.platform.held, exits(world)) == ({}, ["exit candidate WTI"])


async def test_a_kill_ends_the_patience_of_a_wind_down(world: World) -> None:
    await in_canary(world, {"kind": "wind_down", "within": "20h"})
    await world.signal(Verb.ROLLBACK)
    await world.until(lambda state: state.flat is not None)
    await world.signal(Verb.KILL)
    result = await world.result()
    assert (result.code, exits(world)) == (Code.KILLED, ["exit candidate WTI"])
    assert result.flat_seconds is not None
    assert result.flat_seconds < 60


async def test_a_guard_that_trips_while_it_winds_down_flattens(world: World) -> None:
    await in_canary(world, {"kind": "wind_down", "within": "20h"})
    world.trip_at, world.trip = "canary-10", a_trip()
    await world.signal(Verb.ROLLBACK)
    result = await world.result()
    assert exits(world) == ["exit candidate WTI"]
    assert result.flat_seconds is not None
    assert result.flat_seconds < 60


async def test_the_guard_that_tripped_does_not_end_its_own_wind_down(world: World) -> None:
    world.trip_at, world.trip = "canary-10", a_trip()
    canary = stage("canary-10", "canary", capital="10%", on_abort="wind_down")
    stages = [*LADDER["stages"][:3], canary, LADDER["stages"][4]]
    world.directory.the_ladder = Ladder.model_validate({**LADDER, "stages": stages})
    await world.start()
    await world.until(lambda state: state.flat is not None)
    assert world.guarding == [(), ("loss",)]
    world.platform.held.clear()
    assert (await world.result()).code is Code.GUARD_TRIPPED
    assert exits(world) == []
