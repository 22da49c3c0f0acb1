"""A bare platform really is bare, and exactly what is lacking is supplied."""

from pathlib import Path
from typing import cast

import pytest
from tests.contract.bed import SHARE, by_variant, latch_order, refused
from tests.guards import BARE
from tests.supplying.scene import BOT, Scene

from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import Variant
from promotion_ladder.ports import Platform
from promotion_ladder.supplying import Ledger


async def test_a_bare_simulation_has_none_of_it(scene: Scene) -> None:
    bare = cast("Platform", scene.inner)
    assert (await bare.describe(BOT)).capabilities == {"reassign", "simulated"}
    climb = await scene.climb()
    climb.platform = bare
    climb.epoch, climb.promotion_id = 77, "anybody"
    assert (await climb.canary(lease=0.001))[Variant.CANDIDATE].capital == SHARE, "nothing is fenced"
    order = climb.order()
    await bare.set_exposure(BOT, order)
    await bare.set_exposure(BOT, order)
    assert scene.effects("set_exposure") == 3, "a key means nothing"
    scene.ticks(10)
    assert by_variant(await bare.exposures())[Variant.CANDIDATE].capital == SHARE, "no lease runs out"
    for refusal in (climb.renew(), bare.latch(BOT, latch_order("bot", BOT, "l")), bare.acquire(BOT, "p")):
        with refused(Code.PLATFORM_REFUSED):
            await refusal


@pytest.mark.parametrize("lacking", BARE)
async def test_exactly_what_is_lacking_is_supplied(tmp_path: Path, lacking: str) -> None:
    scene = Scene(tmp_path, (lacking,))
    facts = await scene.platform.describe(BOT)
    assert facts.capabilities == {*BARE, "reassign", "simulated"}
    climb = await scene.climb()
    await climb.canary(lease=10)
    order = climb.order(candidate=2 * SHARE, lease=10)
    for _ in range(2):
        await scene.platform.set_exposure(BOT, order)
    assert scene.effects("set_exposure") == 2
    assert (await climb.renew(10)).alive
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    assert len((await scene.platform.describe(BOT)).latches) == 1
    assert await scene.paused() == set(Variant)
    await scene.platform.unlatch(BOT, latch_order("bot", BOT, "u"))
    assert await scene.paused() == set()
    if lacking == "lease":
        scene.seconds += 11
        await scene.look()
        assert (await scene.exposed()).keys() == {Variant.STABLE}
    await scene.platform.acquire(BOT, "p2")
    with refused(Code.STALE_EPOCH):
        await climb.renew()
    with refused(Code.STALE_EPOCH):
        await scene.platform.set_exposure(BOT, climb.order())
    scene.die()
    scene.world.close()


async def test_nothing_is_supplied_to_a_platform_that_lacks_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ())
    climb = await scene.climb()
    assert (await climb.canary())[Variant.CANDIDATE].capital == SHARE
    await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    for table in ("keys", "latches", "acquisitions"):
        assert scene.ledger._rows(f"SELECT * FROM {table}") == []
    assert scene.ledger.watched() == []
    scene.die()
    scene.world.close()


def test_two_guards_on_one_file_are_refused(scene: Scene) -> None:
    with refused(Code.GUARD_RUNS):
        Ledger(scene.file)
