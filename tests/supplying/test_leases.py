"""Leases and latches beside a platform that has none, on a clock moved by hand."""

from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from tests.contract.bed import SHARE, TOTAL, by_variant, latch_order, refused
from tests.supplying.scene import BOT, Scene

from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import PAUSED_BY, ExposureOrder, Mode, Variant
from promotion_ladder.ports import Platform
from promotion_ladder.simulation import faults
from promotion_ladder.simulation.bots import BotSpec, add_bot
from promotion_ladder.simulation.faults import FaultKind


async def test_the_time_a_guard_is_dead_counts_since_the_bot_traded_meanwhile(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary(lease=10)
    scene.die()
    scene.seconds += 4
    scene.begin()
    assert (await scene.exposed())[Variant.CANDIDATE].lease_left_seconds == 6
    climb.platform = scene.platform
    assert (await climb.renew(10)).alive
    scene.die()
    scene.seconds += 11
    scene.begin()
    climb.platform = scene.platform
    assert not (await climb.renew(10)).alive
    await scene.look()
    assert (await scene.exposed()).keys() == {Variant.STABLE}


async def test_after_a_new_start_of_the_machine_a_lease_cannot_be_proved_and_has_run_out(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary(lease=3600)
    scene.boot, scene.seconds = "the next boot", 1.0
    scene.again()
    await scene.look()
    exposed = await scene.exposed()
    assert {variant: each.capital for variant, each in exposed.items()} == {Variant.STABLE: TOTAL}
    assert scene.said.count("lease_lost") == 1


@pytest.mark.parametrize("trouble", [FaultKind.VENUE_DOWN, FaultKind.REFUSE_EXIT])
async def test_a_lost_canary_is_tried_until_it_is_flat(
    scene: Scene, trouble: FaultKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promotion_ladder.descent.READ_BACK_SECONDS", 0.05)
    climb = await scene.climb()
    await climb.canary(lease=10)
    await scene.hold_something()
    scene.fault(trouble)
    scene.seconds += 10
    await scene.look()
    assert scene.said[-2:] == ["lease_lost", "not_flat"]
    assert {Variant.CANDIDATE, Variant.BASELINE} <= await scene.paused()
    scene.again()
    await scene.look()
    assert (await scene.exposed())[Variant.CANDIDATE].capital == SHARE
    faults.clear(scene.world, trouble)
    await scene.look()
    assert (await scene.exposed()).keys() == {Variant.STABLE}
    assert scene.said.count("lease_lost") == 1
    with refused(Code.LEASE_LOST):
        await scene.platform.telemetry(BOT, Variant.CANDIDATE)
    climb.platform = scene.platform
    assert (await climb.canary())[Variant.CANDIDATE].lease_left_seconds == 60, "a new exposure grants anew"
    assert (await climb.renew()).alive


async def test_a_lost_live_candidate_keeps_what_it_has_and_enters_nothing_also_once_the_platform_forgot(
    scene: Scene,
) -> None:
    climb = await scene.climb()
    await climb.live(lease=10)
    await scene.hold_something()
    scene.seconds += 10
    await scene.look()
    assert Variant.CANDIDATE in await scene.paused()
    assert await scene.platform.positions(BOT, Variant.CANDIDATE)
    scene.world.run("UPDATE variants SET paused = 0")
    await scene.look()
    assert Variant.CANDIDATE in await scene.paused()
    assert (await climb.live())[Variant.CANDIDATE].paused is False


async def test_live_that_was_ordered_but_never_came_is_taken_back_as_the_canary_it_is(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary(lease=10)
    await climb.prepare(Mode.LIVE)
    scene.inner.lost.add("set_exposure")
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.set_exposure(BOT, climb.order(Mode.LIVE, TOTAL, Decimal(0), lease=10))
    scene.seconds += 10
    await scene.look()
    assert (await scene.exposed()).keys() == {Variant.STABLE}


async def test_a_lease_that_ran_out_under_a_latch_is_taken_back_and_stable_stays_paused(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary(lease=10)
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    scene.seconds += 10
    await scene.look()
    exposed = await scene.exposed()
    assert {v: (e.capital, e.paused) for v, e in exposed.items()} == {Variant.STABLE: (TOTAL, True)}


async def test_a_latch_outlives_guard_and_platform_and_stable_goes_on_when_it_is_lifted(scene: Scene) -> None:
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    scene.again()
    assert [each.reason for each in (await scene.platform.describe(BOT)).latches] == ["a drill"]
    scene.world.run("UPDATE variants SET paused = 0")  # a platform that forgot when it was started anew
    await scene.look()
    assert await scene.paused() == {Variant.STABLE}
    await scene.platform.unlatch(BOT, latch_order("bot", BOT, "u"))
    assert await scene.paused() == set()


async def test_killed_while_entries_were_to_go_on_the_next_guard_lets_them(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary()
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    scene.inner.lost.add("set_exposure")
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.unlatch(BOT, latch_order("bot", BOT, "u"))
    assert await scene.paused() == set(Variant)
    scene.again()
    scene.inner.lost.clear()
    await scene.look()
    assert await scene.paused() == set()


async def test_a_release_that_was_refused_keeps_stable_from_nothing(scene: Scene) -> None:
    climb = await scene.climb(version="1.0.0")
    with refused(Code.ALREADY_STABLE):
        await climb.prepare()
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    await scene.platform.unlatch(BOT, latch_order("bot", BOT, "u"))
    assert await scene.paused() == set()


async def test_a_guards_latch_that_is_lifted_lets_the_whole_canary_go_on(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary()
    mark = latch_order("market", "WTI", "g").model_copy(update={"by": f"{PAUSED_BY}p1:fresh"})
    await scene.platform.latch(BOT, mark)
    assert await scene.paused() == set(Variant), "no verb pauses one market alone, so all are"
    with refused(Code.LATCHED):
        await scene.platform.set_exposure(BOT, climb.order())
    await scene.platform.unlatch(BOT, mark.model_copy(update={"key": "u"}))
    assert await scene.paused() == set()
    assert (await scene.exposed())[Variant.CANDIDATE].capital == SHARE


async def test_lifting_a_latch_lets_nothing_go_on_that_something_else_paused(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary()
    await scene.platform.pause_entries(BOT, Variant.CANDIDATE, "guard")
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    await scene.platform.unlatch(BOT, latch_order("bot", BOT, "u"))
    assert await scene.paused() == set(Variant)
    assert "stays_paused" in scene.said
    assert (await climb.canary())[Variant.STABLE].paused is False


@pytest.mark.parametrize("mode", [Mode.CANARY, Mode.LIVE])
async def test_lifting_a_latch_gives_nothing_back_that_the_platforms_own_lease_took(tmp_path: Path, mode: Mode) -> None:
    scene = Scene(tmp_path, ("latch",))
    climb = await scene.climb()
    await (climb.canary(lease=10) if mode is Mode.CANARY else climb.live(lease=10))
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    scene.seconds += 10
    scene.ticks(2)
    before = await scene.exposed()
    await scene.platform.unlatch(BOT, latch_order("bot", BOT, "u"))
    assert scene.inner.calls.count("set_exposure") == 1
    assert {v: e.capital for v, e in (await scene.exposed()).items()} == {v: e.capital for v, e in before.items()}
    assert Variant.STABLE not in before or Variant.STABLE in await scene.paused()
    scene.die()
    scene.world.close()


async def test_an_exposure_under_way_when_the_latch_is_set_is_paused_again(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.prepare()
    platform, latch = scene.inner._platform, latch_order("bot", BOT, "l")

    class Slow:
        def __getattr__(self, verb: str) -> Any:
            return getattr(platform, verb)

        async def set_exposure(self, bot: str, order: ExposureOrder) -> Any:
            scene.inner._platform = platform
            await scene.platform.latch(BOT, latch)  # and what was sent before arrives after it
            return await platform.set_exposure(bot, order)

    scene.inner._platform = cast("Platform", Slow())
    answer = by_variant(await scene.platform.set_exposure(BOT, climb.order()))
    assert all(each.paused for each in answer.values())
    assert await scene.paused() == set(Variant)


async def test_a_latch_on_a_venue_reaches_every_bot_there(scene: Scene) -> None:
    add_bot(scene.world, BotSpec(bot="other", account="b", total_capital=TOTAL))
    await scene.platform.latch(BOT, latch_order("venue", "sim-exchange", "l"))
    await scene.look()
    exposed = await scene.platform.exposures()
    assert {each.bot: each.paused for each in exposed} == {BOT: True, "other": True}
    assert len((await scene.platform.describe("other")).latches) == 1
    await scene.platform.unlatch(BOT, latch_order("venue", "sim-exchange", "u"))
    await scene.look()
    assert not any(each.paused for each in await scene.platform.exposures())
