"""Handing over and winding down on real servers, and the kill that flattens all the same."""

from decimal import Decimal

import pytest
from tests.e2e.rig import Rig, until

from promotion_ladder.core.platform import Position, Variant
from promotion_ladder.core.release import ChangeClass, Release
from promotion_ladder.core.state import Ending, Phase

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GIVERS = (Variant.CANDIDATE, Variant.BASELINE)


async def in_canary(rig: Rig, bot: str, change: ChangeClass) -> Release:
    """A canary that holds something until it is exited, or until the fault is cleared."""
    release = await rig.bot(bot, change=change)
    await rig.ana.start(release)
    await rig.reaches_stage(bot, "canary-10")
    await rig.reaches(bot, Phase.OBSERVING, "canary-10")
    await rig.holds_something(bot)
    return release


async def held(rig: Rig, bot: str, *variants: Variant) -> list[Position]:
    return [p for variant in variants for p in await rig.platform.positions(bot, variant)]


async def test_stable_takes_the_positions_over_and_nothing_is_exited(rig: Rig) -> None:
    release = await in_canary(rig, "handed", ChangeClass.RISK_TIGHTENING)
    await rig.person("omar").rollback("handed", "spread too wide to sell into")
    result = await rig.ends("handed")
    assert result.ending is Ending.ROLLED_BACK
    await rig.came_down("handed", release)
    assert await rig.effects("handed", "exit_position") == []
    assert len(await rig.effects("handed", "reassign")) == 1
    assert await held(rig, "handed", Variant.STABLE)
    assert "handed_over" in await rig.kinds("handed")


async def test_positions_close_by_themselves_and_nothing_is_exited(rig: Rig) -> None:
    release = await in_canary(rig, "wound", ChangeClass.RISK_LOOSENING)
    await rig.person("omar").rollback("wound", "no hurry")

    async def winding() -> bool:
        state = await rig.state("wound")
        return state.wind_down_until is not None and state.flat is not None

    await until("the wind-down", winding)
    assert await held(rig, "wound", *GIVERS), "nobody exits"
    assert all(e.paused for e in await rig.exposed("wound"))
    await rig.knobs.clear_faults()
    assert (await rig.ends("wound")).ending is Ending.ROLLED_BACK
    await rig.came_down("wound", release)
    assert await rig.effects("wound", "exit_position") == []
    assert "wound_down" in await rig.kinds("wound")
    assert await rig.effects("wound", "lease_lost") == [], "the lease was renewed to the end"


async def test_a_kill_ends_a_wind_down_by_flattening(rig: Rig) -> None:
    release = await in_canary(rig, "cut", ChangeClass.RISK_LOOSENING)
    await rig.person("omar").rollback("cut", "no hurry")
    await rig.reaches("cut", Phase.COMING_DOWN)
    killed = await rig.cli("kill", "cut", "--reason", "it runs away", "--yes", who="omar")
    assert killed.status == 0
    assert (await rig.ends("cut")).code == "RISK_KILLED"
    assert await rig.effects("cut", "exit_position")
    facts = await rig.platform.describe("cut")
    assert [held_out.digest for held_out in facts.held_out] == [release.digest]
    shares = await rig.shares("cut")
    assert {variant: e.capital for variant, e in shares.items()} == {Variant.STABLE: Decimal("100000.00")}
