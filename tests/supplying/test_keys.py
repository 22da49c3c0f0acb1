"""Keys and epochs beside a platform that has none: what a crash leaves, and what a full disk must not stop."""

import asyncio
import sqlite3
from typing import cast

import pytest
from tests.contract.bed import LONG_AGO, SHARE, TOTAL, latch_order, refused
from tests.supplying.scene import BOT, Dying, KilledError, Scene

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import UnansweredError
from promotion_ladder.core.platform import OrderStatus, Variant
from promotion_ladder.ports import Platform


@pytest.mark.parametrize("end", [KilledError(), UnansweredError(Code.PLATFORM_DOWN, "no answer")])
async def test_an_exit_whose_answer_was_lost_is_looked_for_and_not_sent_again(scene: Scene, end: BaseException) -> None:
    climb = await scene.climb()
    await climb.canary()
    instrument = await scene.hold_something()
    scene.inner.ends["exit_position"] = end
    with pytest.raises(type(end)):
        await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e1")
    scene.again()
    receipt = await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e1")
    assert scene.effects("exit_position") == 1
    orders = await scene.platform.orders(BOT, Variant.CANDIDATE, LONG_AGO)
    (exit_order,) = [each for each in orders if each.key == "e1"]
    assert (receipt.order_id, receipt.filled) == (exit_order.order_id, exit_order.quantity)
    assert exit_order.status is OrderStatus.FILLED
    assert await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e1") == receipt, "word for word"


async def test_an_exit_that_did_not_arrive_is_sent_once_it_cannot_arrive_any_more(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary()
    instrument = await scene.hold_something()
    scene.inner._platform, platform = cast("Platform", Dying()), scene.inner._platform
    with pytest.raises(KilledError):
        await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e1")
    scene.inner._platform = platform
    scene.again()
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e1")
    assert (await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e2")).filled > 0, "a new key goes"
    scene.seconds += 5
    assert (await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e1")).order_id is None
    assert scene.effects("exit_position") == 2


async def test_an_exposure_whose_answer_was_lost_is_not_set_twice(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.prepare()
    order = climb.order()
    scene.inner.ends["set_exposure"] = KilledError()
    with pytest.raises(KilledError):
        await scene.platform.set_exposure(BOT, order)
    scene.again()
    assert (await scene.exposed())[Variant.CANDIDATE].lease_left_seconds == 60, "its lease was there before it"
    await scene.platform.set_exposure(BOT, order)
    assert scene.effects("set_exposure") == 1


async def test_a_late_resend_does_not_let_go_on_what_was_paused_since(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.prepare()
    order = climb.order()
    scene.inner.ends["set_exposure"] = UnansweredError(Code.PLATFORM_DOWN, "no answer")
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.set_exposure(BOT, order)
    await scene.platform.pause_entries(BOT, Variant.CANDIDATE, "guard")
    await scene.platform.set_exposure(BOT, order)
    assert await scene.paused() == {Variant.CANDIDATE}


async def test_a_settlement_whose_answer_was_lost_is_found(scene: Scene) -> None:
    climb = await scene.climb()
    facts = await scene.platform.describe(BOT)
    await climb.live()
    scene.ticks(30)
    await climb.flatten(Variant.STABLE)
    scene.inner.ends["settle"] = KilledError()
    with pytest.raises(KilledError):
        await climb.settle(facts, key="s")
    scene.again()
    climb.platform = scene.platform
    assert (await climb.settle(facts, key="s")).stable == climb.release.ref
    assert scene.inner.calls.count("settle") == 1


async def test_a_refused_exposure_leaves_key_and_lease_as_they_were(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary(lease=10)
    scene.seconds += 4
    with refused(Code.PLATFORM_REFUSED):
        await scene.platform.set_exposure(BOT, climb.order(stable=TOTAL, lease=60, key="k"))
    assert (await scene.exposed())[Variant.CANDIDATE].lease_left_seconds == 6
    await scene.platform.set_exposure(BOT, climb.order(candidate=2 * SHARE, key="k"))
    assert (await scene.exposed())[Variant.CANDIDATE].capital == 2 * SHARE


async def test_two_at_once_with_one_key_are_one(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary()
    instrument = await scene.hold_something()
    sent = (scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e") for _ in range(3))
    receipts = await asyncio.gather(*sent)
    assert len({each.order_id for each in receipts}) == 1
    assert scene.effects("exit_position") == 1


async def test_what_reduces_is_done_also_when_nothing_can_be_written_down(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary()
    instrument = await scene.hold_something()
    full = sqlite3.connect(scene.file, isolation_level=None)
    scene.ledger._db.execute("PRAGMA busy_timeout = 0")
    full.execute("BEGIN IMMEDIATE")  # as a full disk: nobody else can write
    for variant in (Variant.CANDIDATE, Variant.BASELINE):
        await scene.platform.pause_entries(BOT, variant, "p")
        await scene.platform.cancel_orders(BOT, variant, "c")
    assert (await scene.platform.exit_position(BOT, Variant.CANDIDATE, instrument, "e")).filled > 0
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.latch(BOT, latch_order("bot", BOT, "l"))
    assert await scene.paused() == set(Variant), "it could not be kept, but entries are paused"
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.set_exposure(BOT, climb.order())
    full.close()


async def test_a_lease_is_taken_back_also_when_nothing_can_be_written_down(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.canary(lease=10)
    await scene.hold_something()
    full = sqlite3.connect(scene.file, isolation_level=None)
    scene.ledger._db.execute("PRAGMA busy_timeout = 0")
    full.execute("BEGIN IMMEDIATE")
    scene.seconds += 10
    await scene.look()
    assert (await scene.exposed()).keys() == {Variant.STABLE}
    full.close()


async def test_epochs_outlive_the_guard(scene: Scene) -> None:
    climb = await scene.climb()
    scene.again()
    assert await scene.platform.acquire(BOT, "p1") == climb.epoch
    assert await scene.platform.acquire(BOT, "p2") == climb.epoch + 1
    climb.platform = scene.platform
    with refused(Code.STALE_EPOCH):
        await climb.prepare()
    await scene.platform.pause_entries(BOT, Variant.CANDIDATE, "any epoch")


async def test_a_new_owner_waits_for_what_the_old_one_sent_when_the_guard_died(scene: Scene) -> None:
    climb = await scene.climb()
    await climb.prepare()
    scene.inner.ends["set_exposure"] = KilledError()
    with pytest.raises(KilledError):
        await scene.platform.set_exposure(BOT, climb.order())
    scene.again()
    assert await scene.platform.acquire(BOT, "p1") == 1
    with refused(Code.PLATFORM_DOWN):
        await scene.platform.acquire(BOT, "p2")
    scene.seconds += 5
    assert await scene.platform.acquire(BOT, "p2") == 2
