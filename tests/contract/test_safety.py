"""The reducing verbs, latches, leases, and the four answers to "is it flat?"."""

from decimal import Decimal

import pytest
from tests.contract.bed import LIMITS, LONG_AGO, SHARE, TOTAL, Bed, Climb, eventually, latch_order, refused

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.core.codes import Code
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.platform import PAUSED_BY, Mode, OrderStatus, Variant


async def ticks(bed: Bed, count: int) -> None:
    start = await bed.knobs.tick()
    await eventually(bed.knobs.tick, lambda now: now >= start + count)


async def test_paused_means_no_new_entries_while_positions_are_left_on_schedule(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    await bed.knobs.clear_faults()
    await bed.platform.pause_entries(climb.bot, Variant.CANDIDATE, "pause")
    await bed.platform.cancel_orders(climb.bot, Variant.CANDIDATE, "cancel")
    exposed = await eventually(lambda: bed.exposed(climb.bot), lambda seen: seen[Variant.CANDIDATE].open_positions == 0)
    assert exposed[Variant.CANDIDATE].paused
    assert not exposed[Variant.STABLE].paused
    await ticks(bed, 12)
    assert await bed.platform.positions(climb.bot, Variant.CANDIDATE) == []


async def test_pause_works_at_any_epoch_and_for_a_variant_that_is_gone(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await bed.platform.acquire(climb.bot, "p2")
    await climb.flatten()
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).is_flat
    bot = await bed.bot()
    await bed.platform.pause_entries(bot, Variant.CANDIDATE, "k")
    assert await bed.platform.cancel_orders(bot, Variant.CANDIDATE, "k") == 0


async def test_a_late_resend_of_a_pause_pauses_again(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await bed.platform.pause_entries(climb.bot, Variant.CANDIDATE, "k")
    await bed.platform.set_exposure(climb.bot, climb.order())
    assert not (await bed.exposed(climb.bot))[Variant.CANDIDATE].paused
    await bed.platform.pause_entries(climb.bot, Variant.CANDIDATE, "k")
    assert (await bed.exposed(climb.bot))[Variant.CANDIDATE].paused


async def test_resting_orders_are_cancelled_once(bed: Bed) -> None:
    climb = await bed.climb()
    await bed.knobs.fault("no_fill", bot=climb.bot)
    await climb.canary()
    await eventually(lambda: bed.exposed(climb.bot), lambda seen: seen[Variant.CANDIDATE].open_orders == 2)
    await bed.platform.pause_entries(climb.bot, Variant.CANDIDATE, "p")
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).state is Flatness.RESIDUAL
    assert await bed.platform.cancel_orders(climb.bot, Variant.CANDIDATE, "c1") == 2
    assert await bed.platform.cancel_orders(climb.bot, Variant.CANDIDATE, "c1") == 2
    assert await bed.platform.cancel_orders(climb.bot, Variant.CANDIDATE, "c2") == 0
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).is_flat
    orders = await bed.platform.orders(climb.bot, Variant.CANDIDATE, LONG_AGO)
    assert OrderStatus.CANCELLED in {order.status for order in orders}


async def test_an_exit_is_sent_once_for_a_key_and_again_for_another(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    instrument = await climb.holding()
    await bed.platform.pause_entries(climb.bot, Variant.CANDIDATE, "pause")
    first = await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")
    assert first.order_id is not None
    assert first.filled > 0
    assert await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1") == first
    orders = await bed.platform.orders(climb.bot, Variant.CANDIDATE, LONG_AGO)
    assert [(o.order_id, o.reduces, o.status) for o in orders if o.key == "e1"] == [
        (first.order_id, True, OrderStatus.FILLED)
    ]
    nothing = await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e2")
    assert nothing.order_id is None
    assert nothing.filled == 0


async def test_an_exit_the_venue_refuses_is_told_and_a_new_key_tries_again(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    instrument = await climb.holding()
    await bed.knobs.fault("refuse_exit", bot=climb.bot)
    receipt = await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")
    assert receipt.filled == 0
    assert "rejected" in receipt.detail
    report = await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)
    assert report.state is Flatness.RESIDUAL
    assert next(each.error for each in report.residues if each.instrument == instrument)
    await bed.knobs.lift_faults("refuse_exit")
    assert (await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")).filled == 0
    assert (await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e2")).filled > 0


async def test_a_partial_exit_leaves_the_rest(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    instrument = await climb.holding()
    await bed.platform.pause_entries(climb.bot, Variant.CANDIDATE, "pause")
    await bed.knobs.fault("partial_exit", bot=climb.bot, count=1)
    part = await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")
    held = {p.instrument: p.quantity for p in await bed.platform.positions(climb.bot, Variant.CANDIDATE)}
    assert abs(held[instrument]) <= part.filled
    rest = await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e2")
    assert rest.filled == abs(held[instrument])


async def test_trades_and_orders_tell_what_happened_since(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    trades = await eventually(lambda: bed.platform.trades(climb.bot, Variant.CANDIDATE, LONG_AGO), lambda t: len(t) > 2)
    assert trades == sorted(trades, key=lambda trade: trade.closed_at)
    first = trades[0]
    assert (first.release, first.mode, first.variant) == ("2.0.0", Mode.CANARY, Variant.CANDIDATE)
    assert first.size > 0
    assert first.opened_at < first.closed_at
    later = await bed.platform.trades(climb.bot, Variant.CANDIDATE, trades[1].closed_at)
    assert later[0] == next(trade for trade in trades if trade.closed_at == trades[1].closed_at)
    told = await bed.platform.telemetry(climb.bot, Variant.CANDIDATE)
    everything = await bed.platform.trades(climb.bot, Variant.CANDIDATE, LONG_AGO)
    assert told.realized_pnl in {
        sum((trade.pnl for trade in everything[:count]), Decimal(0)) for count in range(len(everything) + 1)
    }
    assert told.peak_pnl >= 0
    assert told.heartbeat_at is not None
    assert told.market_data_at is not None
    assert told.heartbeat_at <= told.at


async def test_telemetry_of_a_variant_that_is_not_there_is_refused(bed: Bed) -> None:
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.telemetry(await bed.bot(), Variant.CANDIDATE)


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("instruments", ("COFFEE",)),
        ("venues", ("elsewhere",)),
        ("price_band", Decimal("0.0001")),
        ("max_order_value", Decimal(1)),
        ("max_position_value", Decimal(1)),
        ("max_orders_per_minute", 1),
    ],
)
async def test_orders_beyond_a_limit_are_denied_before_the_venue_sees_them(bed: Bed, limit: str, value: object) -> None:
    climb = await bed.climb()
    await climb.prepare()
    order = climb.order(limits=LIMITS.model_copy(update={limit: value}))
    await bed.platform.set_exposure(climb.bot, order)
    orders = await eventually(
        lambda: bed.platform.orders(climb.bot, Variant.CANDIDATE, LONG_AGO),
        lambda seen: any(each.status is OrderStatus.DENIED for each in seen),
    )
    denied = {each.order_id for each in orders if each.status is OrderStatus.DENIED}
    sent = {effect["detail"]["order_id"] for effect in await bed.knobs.effects(climb.bot, "order")}
    assert not denied & sent


@pytest.mark.parametrize("scope", ["bot", "strategy", "venue"])
async def test_a_latch_forbids_new_exposure_until_a_person_lifts_it(bed: Bed, scope: str) -> None:
    bot = await bed.bot(venue="latch-venue", strategy="latch-strategy")
    other = await bed.bot()
    climb = await bed.climb(bot)
    await climb.prepare()
    target = bot if scope == "bot" else f"latch-{scope}"
    facts = await bed.platform.latch(bot, latch_order(scope, target, "l"))
    assert [(each.scope, each.target, each.by) for each in facts.latches] == [(scope, target, "alice")]
    with refused(Code.LATCHED):
        await bed.platform.set_exposure(bot, climb.order(limits=LIMITS))
    assert (await bed.exposed(bot))[Variant.STABLE].paused
    assert not (await bed.exposed(other))[Variant.STABLE].paused
    await bed.platform.latch(bot, latch_order(scope, target, "l"))
    assert await bed.happened(bot, "latch") == 1
    facts = await bed.platform.unlatch(bot, latch_order(scope, target, "u"))
    assert facts.latches == ()
    await climb.canary()


async def test_a_latched_bot_can_still_be_taken_down(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    await bed.platform.latch(climb.bot, latch_order("bot", climb.bot, "l"))
    assert all(each.paused for each in (await bed.exposed(climb.bot)).values())
    await climb.flatten()
    after = await climb.restore()
    assert (after[Variant.STABLE].capital, after[Variant.STABLE].paused) == (TOTAL, True)


async def test_a_latch_on_one_market_stops_that_market_alone(bed: Bed) -> None:
    if not bed.stops_one_market:
        pytest.skip("no verb of the contract pauses one market: a guard beside the platform pauses all of the bot")
    climb = await bed.climb()
    await bed.platform.latch(climb.bot, latch_order("market", "WTI-MINI", "l"))
    try:
        await climb.canary()
        orders = await eventually(
            lambda: bed.platform.orders(climb.bot, Variant.CANDIDATE, LONG_AGO), lambda seen: len(seen) > 4
        )
        assert {each.instrument for each in orders} == {"WTI"}
    finally:
        await bed.platform.unlatch(climb.bot, latch_order("market", "WTI-MINI", "u"))


async def test_a_scope_nobody_knows_is_refused(bed: Bed) -> None:
    bot = await bed.bot()
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.latch(bot, latch_order("planet", "earth", "l"))


async def test_a_lease_that_is_renewed_stands(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary(lease=1)
    for _ in range(7):
        assert (await climb.renew(1)).alive
        await ticks(bed, 9)
    assert (await bed.exposed(climb.bot))[Variant.CANDIDATE].capital == SHARE


async def test_canary_gives_everything_back_when_its_lease_runs_out(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary(lease=0.3)
    exposed = await eventually(
        lambda: bed.exposed(climb.bot), lambda seen: seen.keys() == {Variant.STABLE} and seen[Variant.STABLE].capital
    )
    await eventually(lambda: bed.exposed(climb.bot), lambda seen: seen[Variant.STABLE].capital == TOTAL)
    assert not exposed[Variant.STABLE].paused
    for variant in (Variant.CANDIDATE, Variant.BASELINE):
        assert (await bed.platform.verify_flat(climb.bot, variant)).is_flat
    state = await climb.renew()
    assert not state.alive
    assert "ran out" in state.detail
    assert await bed.happened(climb.bot, "lease_lost") == 1
    assert (await climb.restore()).keys() == {Variant.STABLE}


async def test_live_takes_no_new_entries_when_its_lease_runs_out(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.live(lease=0.3)
    exposed = await eventually(lambda: bed.exposed(climb.bot), lambda seen: seen[Variant.CANDIDATE].paused)
    assert exposed[Variant.CANDIDATE].capital == TOTAL
    assert not (await climb.renew()).alive


async def test_flat(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    await climb.flatten()
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).state is Flatness.FLAT


async def test_residual(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    instrument = await climb.holding()
    report = await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)
    assert report.state is Flatness.RESIDUAL
    residue = next(each for each in report.residues if each.instrument == instrument)
    assert residue.at_bot != 0
    assert residue.at_bot == residue.at_venue


async def test_flat_unverified_because_of_something_nobody_accounts_for(bed: Bed) -> None:
    climb = await bed.climb()
    await bed.knobs.fault("venue_manual_trade", bot=climb.bot, instrument="WTI", quantity=Decimal(3))
    report = await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)
    assert report.state is Flatness.FLAT_UNVERIFIED
    (residue,) = report.residues
    assert residue.instrument == "WTI"
    assert residue.at_bot == 0
    assert residue.at_venue == 3
    await bed.knobs.fault("venue_manual_trade", bot=climb.bot, instrument="WTI", quantity=Decimal(-3))
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).is_flat


async def test_flat_unverified_because_the_venue_is_down(bed: Bed) -> None:
    climb = await bed.climb()
    await bed.knobs.fault("venue_down", bot=climb.bot)
    report = await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)
    assert report.state is Flatness.FLAT_UNVERIFIED


async def test_with_the_venue_down_an_exit_is_not_sent_and_its_key_is_still_good(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    instrument = await climb.holding()
    await bed.knobs.fault("venue_down", bot=climb.bot)
    with refused(Code.PLATFORM_DOWN):
        await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).state is Flatness.RESIDUAL
    await bed.knobs.fault("hold_on", bot=climb.bot)
    await bed.knobs.lift_faults("venue_down")
    receipt = await bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")
    assert receipt.filled > 0


async def test_unreachable() -> None:
    nowhere = HttpPlatform("http://127.0.0.1:9", connect_seconds=0.5, total_seconds=0.5)
    try:
        report = await nowhere.verify_flat("bot", Variant.CANDIDATE)
    finally:
        await nowhere.close()
    assert report.state is Flatness.UNREACHABLE


async def test_two_bots_on_one_account_are_told_apart(bed: Bed) -> None:
    climbs: list[Climb] = []
    for _ in range(2):
        climb = await bed.climb(await bed.bot(account="shared"))
        await climb.canary()
        climbs.append(climb)
    one, other = climbs
    await other.holding()
    await one.holding()
    await one.flatten()
    assert (await bed.platform.verify_flat(one.bot, Variant.CANDIDATE)).is_flat
    await other.flatten()
    for climb in climbs:
        await climb.flatten(Variant.STABLE)
    assert {Decimal(held) for held in (await bed.knobs.venue("shared")).values()} == {Decimal(0)}
    await bed.knobs.fault("venue_manual_trade", bot=one.bot, instrument="WTI", quantity=Decimal(-2))
    for climb in climbs:
        report = await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)
        assert report.state is Flatness.FLAT_UNVERIFIED, "either could be the one who traded"


async def test_a_guard_lifts_its_own_latch_and_nobody_elses(bed: Bed) -> None:
    bot = await bed.bot()
    mine, theirs = latch_order("market", "WTI", "g"), latch_order("market", "WTI", "p")
    mine = mine.model_copy(update={"by": f"{PAUSED_BY}p/1:fresh"})
    await bed.platform.latch(bot, mine)
    facts = await bed.platform.latch(bot, theirs)
    assert {each.by for each in facts.latches} == {mine.by, theirs.by}
    facts = await bed.platform.unlatch(bot, mine.model_copy(update={"key": "g-up"}))
    assert [each.by for each in facts.latches] == [theirs.by]
    other = mine.model_copy(update={"by": f"{PAUSED_BY}p/2:fresh", "key": "o"})
    await bed.platform.latch(bot, other)
    await bed.platform.unlatch(bot, mine.model_copy(update={"key": "g-up-2"}))
    assert len((await bed.platform.describe(bot)).latches) == 2
    facts = await bed.platform.unlatch(bot, theirs.model_copy(update={"key": "p-up"}))
    assert facts.latches == (), "a person lifts everybody's"


async def test_market_data_is_told_for_each_market(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await bed.knobs.fault("data_stop", bot=climb.bot, instrument="WTI")
    told = await eventually(
        lambda: bed.platform.telemetry(climb.bot, Variant.CANDIDATE),
        lambda seen: (seen.market_data["WTI"] or LONG_AGO) < (seen.market_data["WTI-MINI"] or LONG_AGO),
    )
    assert told.market_data_at == told.market_data["WTI-MINI"]


async def test_what_is_held_is_told_with_what_it_is_worth(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    held = await bed.platform.positions(climb.bot, Variant.CANDIDATE)
    assert all(each.value > 0 for each in held)
