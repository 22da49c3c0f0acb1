"""Facts, ownership and the state verbs: fenced by epoch, keyed, read back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contract.bed import SHARE, TOTAL, Bed, by_variant, eventually, hold_out_order, refused

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import LeaseOrder, Mode, RestoreOrder, Variant
from promotion_ladder.simulation.bots import make_release


async def test_a_bot_describes_itself(bed: Bed) -> None:
    bot = await bed.bot()
    facts = await bed.platform.describe(bot)
    assert (facts.bot, facts.total_capital, facts.epoch, facts.promotion_id) == (bot, TOTAL, 0, None)
    assert facts.stable.version == "1.0.0"
    assert facts.capabilities - {"simulated"} == {"lease", "epoch", "keys", "latch", "reassign"}
    assert bot in await bed.platform.bots()


async def test_an_unknown_bot_is_named_as_such(bed: Bed) -> None:
    with refused(Code.UNKNOWN_BOT):
        await bed.platform.describe("nobody")
    with refused(Code.UNKNOWN_BOT):
        await bed.platform.acquire("nobody", "p1")
    with refused(Code.UNKNOWN_BOT):
        await bed.platform.knows("nobody", "0" * 64)


async def test_a_release_is_known_once_published(bed: Bed) -> None:
    climb = await bed.climb()
    assert await bed.platform.knows(climb.bot, climb.release.digest)
    assert not await bed.platform.knows(climb.bot, "0" * 64)


async def test_stable_alone_has_exposure_at_first(bed: Bed) -> None:
    bot = await bed.bot()
    exposed = await bed.exposed(bot)
    assert exposed.keys() == {Variant.STABLE}
    assert exposed[Variant.STABLE].capital == TOTAL
    assert exposed[Variant.STABLE].mode is Mode.LIVE


async def test_each_promotion_gets_the_next_epoch_and_keeps_it(bed: Bed) -> None:
    bot = await bed.bot()
    assert await bed.platform.acquire(bot, "p1") == 1
    assert await bed.platform.acquire(bot, "p1") == 1
    assert await bed.platform.acquire(bot, "p2") == 2
    assert await bed.platform.acquire(bot, "p1") == 1, "an old promotion must not take the bot back"
    facts = await bed.platform.describe(bot)
    assert (facts.epoch, facts.promotion_id) == (2, "p2")


async def test_a_prepared_candidate_is_exposed_to_nothing(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.prepare(Mode.SHADOW)
    told = await bed.platform.telemetry(climb.bot, Variant.CANDIDATE)
    assert told.capital == 0
    assert (told.positions, told.stage) == (0, "shadow")
    assert Variant.CANDIDATE not in await bed.exposed(climb.bot)


async def test_preparing_needs_a_published_release_of_this_bot(bed: Bed) -> None:
    climb = await bed.climb()
    climb.release = make_release(climb.bot, "9.9.9")
    with refused(Code.UNKNOWN_RELEASE):
        await climb.prepare()
    with refused(Code.UNKNOWN_BOT):
        await bed.platform.prepare(
            climb.prepare_order().model_copy(update={"release": make_release("nobody", "2.0.0")})
        )


async def test_the_stable_release_cannot_be_its_own_candidate(bed: Bed) -> None:
    climb = await bed.climb(version="1.0.0")
    with refused(Code.ALREADY_STABLE):
        await climb.prepare()


async def test_preparing_again_for_the_next_stage_leaves_the_exposure_alone(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.prepare(Mode.LIVE)
    candidate = (await bed.exposed(climb.bot))[Variant.CANDIDATE]
    assert (candidate.capital, candidate.mode) == (SHARE, Mode.CANARY)


async def test_another_candidate_waits_until_this_one_gave_its_capital_back(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    climb.release = await bed.knobs.make(climb.bot, "3.0.0")
    with refused(Code.PLATFORM_REFUSED):
        await climb.prepare()


async def test_canary_shares_the_capital_out(bed: Bed) -> None:
    climb = await bed.climb()
    read_back = await climb.canary()
    assert {variant: each.capital for variant, each in read_back.items()} == {
        Variant.CANDIDATE: SHARE,
        Variant.BASELINE: SHARE,
        Variant.STABLE: TOTAL - 2 * SHARE,
    }
    assert read_back[Variant.BASELINE].release.version == "1.0.0"
    assert read_back[Variant.CANDIDATE].lease_left_seconds == pytest.approx(60, abs=2)
    assert read_back[Variant.STABLE].lease_left_seconds is None
    assert {each.promotion_id for each in read_back.values()} == {"p1"}


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.PAPER])
async def test_shadow_and_paper_have_no_money_and_send_nothing_to_the_venue(bed: Bed, mode: Mode) -> None:
    climb = await bed.climb()
    read_back = await climb.trial(mode)
    assert read_back[Variant.CANDIDATE].capital == 0
    assert read_back[Variant.STABLE].capital == TOTAL
    told = await eventually(
        lambda: bed.platform.telemetry(climb.bot, Variant.CANDIDATE), lambda seen: seen.realized_pnl != 0
    )
    assert told.mode is mode
    assert told.stage == str(mode)
    sent = await bed.knobs.effects(climb.bot, "order")
    assert all(each["variant"] != "candidate" for each in sent)
    assert Variant.CANDIDATE not in await bed.exposed(climb.bot)
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).is_flat


@pytest.mark.parametrize(
    ("candidate", "baseline", "stable"),
    [("10000", "10000", "80000.01"), ("10000", "0", "80000"), ("-1", "0", "100001"), ("0", "0", "100000")],
)
async def test_parts_that_do_not_make_the_whole_are_refused(
    bed: Bed, candidate: str, baseline: str, stable: str
) -> None:
    climb = await bed.climb()
    await climb.prepare()
    order = climb.order(candidate=Decimal(candidate), baseline=Decimal(baseline), stable=Decimal(stable))
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.set_exposure(climb.bot, order)
    assert (await bed.exposed(climb.bot)).keys() == {Variant.STABLE}


@pytest.mark.parametrize("mode", [Mode.CANARY, Mode.LIVE])
async def test_money_needs_limits_and_a_lease(bed: Bed, mode: Mode) -> None:
    climb = await bed.climb()
    await climb.prepare(mode)
    with refused(Code.LIMITS_MISSING):
        await bed.platform.set_exposure(climb.bot, climb.order(mode, limits=None))
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.set_exposure(climb.bot, climb.order(mode, lease=None))
    assert (await bed.exposed(climb.bot)).keys() == {Variant.STABLE}


async def test_shadow_with_money_is_refused(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.prepare(Mode.SHADOW)
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.set_exposure(climb.bot, climb.order(Mode.SHADOW))


async def test_nothing_is_exposed_before_it_is_prepared(bed: Bed) -> None:
    climb = await bed.climb()
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.set_exposure(climb.bot, climb.order())


async def test_exposure_is_declarative_and_a_key_works_once(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.prepare()
    order = climb.order()
    await bed.platform.set_exposure(climb.bot, order)
    await bed.platform.set_exposure(climb.bot, order)
    assert await bed.happened(climb.bot, "set_exposure") == 1
    again = by_variant(await bed.platform.set_exposure(climb.bot, climb.order()))
    assert again[Variant.CANDIDATE].capital == SHARE


async def test_a_key_cannot_mean_two_things(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.prepare()
    await bed.platform.set_exposure(climb.bot, climb.order(key="k"))
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.set_exposure(climb.bot, climb.order(candidate=SHARE + 1, key="k"))
    assert (await bed.exposed(climb.bot))[Variant.CANDIDATE].capital == SHARE


async def test_an_older_epoch_changes_nothing(bed: Bed) -> None:
    old = await bed.climb()
    await old.canary()
    facts = await bed.platform.describe(old.bot)
    await bed.platform.acquire(old.bot, "p2")
    before = await bed.exposed(old.bot)
    effects = len([e for e in await bed.knobs.effects(old.bot) if e["verb"] != "order"])
    with refused(Code.STALE_EPOCH):
        await old.prepare()
    with refused(Code.STALE_EPOCH):
        await bed.platform.set_exposure(old.bot, old.order(candidate=2 * SHARE))
    with refused(Code.STALE_EPOCH):
        await old.renew()
    with refused(Code.STALE_EPOCH):
        await old.restore()
    with refused(Code.STALE_EPOCH):
        await old.settle(facts)
    after = await bed.exposed(old.bot)
    assert {v: (e.capital, e.mode, e.paused) for v, e in after.items()} == {
        v: (e.capital, e.mode, e.paused) for v, e in before.items()
    }
    assert len([e for e in await bed.knobs.effects(old.bot) if e["verb"] != "order"]) == effects


async def test_an_epoch_of_somebody_else_is_stale_too(bed: Bed) -> None:
    climb = await bed.climb()
    with refused(Code.STALE_EPOCH):
        await bed.platform.restore(climb.bot, RestoreOrder(promotion_id="other", epoch=climb.epoch, key="k"))
    with refused(Code.STALE_EPOCH):
        order = LeaseOrder(promotion_id="p1", epoch=climb.epoch + 5, ttl=timedelta(seconds=5))
        await bed.platform.renew_lease(climb.bot, order)


async def test_a_later_canary_step_keeps_what_is_open(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    more = by_variant(await bed.platform.set_exposure(climb.bot, climb.order(candidate=2 * SHARE, baseline=2 * SHARE)))
    assert more[Variant.CANDIDATE].capital == 2 * SHARE
    told = await bed.platform.telemetry(climb.bot, Variant.CANDIDATE)
    assert told.capital == 2 * SHARE


async def test_without_a_share_the_baseline_leaves_when_it_holds_nothing(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding(Variant.BASELINE)
    await climb.live()
    await bed.knobs.clear_faults()
    await eventually(lambda: bed.exposed(climb.bot), lambda seen: Variant.BASELINE not in seen)
    assert (await bed.platform.verify_flat(climb.bot, Variant.BASELINE)).is_flat


async def test_money_does_not_go_back_to_shadow_while_something_is_held(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    await climb.prepare(Mode.SHADOW)
    order = climb.order(Mode.SHADOW, Decimal(0), Decimal(0), limits=None, lease=None)
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.set_exposure(climb.bot, order)


async def test_restore_waits_for_flat_and_then_stable_has_the_whole(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    instrument = await climb.holding()
    with pytest.raises(LadderError, match=instrument):
        await climb.restore()
    await climb.flatten()
    after = await climb.restore(key="r")
    assert {variant: each.capital for variant, each in after.items()} == {Variant.STABLE: TOTAL}
    await climb.restore(key="r")
    assert await bed.happened(climb.bot, "restore") == 1
    assert (await bed.exposed(climb.bot)).keys() == {Variant.STABLE}


async def test_settle_makes_the_candidate_stable(bed: Bed) -> None:
    climb = await bed.climb()
    before = await bed.platform.describe(climb.bot)
    await climb.live()
    await eventually(lambda: bed.platform.verify_flat(climb.bot, Variant.STABLE), lambda seen: seen.is_flat)
    after = await climb.settle(before, key="s")
    assert after.stable == climb.release.ref
    assert (await climb.settle(before, key="s")).stable == climb.release.ref
    assert (await climb.settle(before)).stable == climb.release.ref, "saying it in other words is saying it once"
    assert await bed.happened(climb.bot, "settle") == 1
    exposed = await bed.exposed(climb.bot)
    assert exposed.keys() == {Variant.STABLE}
    assert (exposed[Variant.STABLE].capital, exposed[Variant.STABLE].release) == (TOTAL, climb.release.ref)
    await eventually(lambda: bed.platform.positions(climb.bot, Variant.STABLE), len)


async def test_settle_is_refused_unless_live_and_expected(bed: Bed) -> None:
    climb = await bed.climb()
    facts = await bed.platform.describe(climb.bot)
    await climb.canary()
    with refused(Code.PLATFORM_REFUSED):
        await climb.settle(facts)
    await climb.live()
    other = facts.model_copy(update={"stable": climb.release.ref})
    with refused(Code.PLATFORM_REFUSED):
        await climb.settle(other)
    assert (await bed.platform.describe(climb.bot)).stable == facts.stable


async def test_a_held_out_release_does_not_climb_until_lifted(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.prepare()
    facts = await bed.platform.hold_out(climb.bot, hold_out_order(climb.release, "h"))
    assert [each.digest for each in facts.held_out] == [climb.release.digest]
    await bed.platform.hold_out(climb.bot, hold_out_order(climb.release, "h"))
    assert await bed.happened(climb.bot, "hold_out") == 1
    with refused(Code.HELD_OUT):
        await bed.platform.set_exposure(climb.bot, climb.order())
    with refused(Code.HELD_OUT):
        await climb.prepare()
    facts = await bed.platform.lift(climb.bot, hold_out_order(climb.release, "l"))
    assert facts.held_out == ()
    await climb.canary()
