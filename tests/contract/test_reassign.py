"""Handing over: stable takes what candidate and baseline hold, and the venue does not notice."""

from collections import defaultdict
from decimal import Decimal

from tests.contract.bed import Bed, Climb, eventually, refused

from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import Mode, Position, Variant

GIVERS = (Variant.CANDIDATE, Variant.BASELINE)


async def standing(bed: Bed) -> Climb:
    """A canary in which every variant holds something and nothing moves any more."""
    climb = await bed.climb()
    await climb.canary()
    await bed.knobs.fault("hold_on", bot=climb.bot)

    async def all_hold() -> bool:
        return all([await bed.platform.positions(climb.bot, variant) for variant in Variant])

    await eventually(all_hold, bool)
    for variant in Variant:
        await bed.platform.pause_entries(climb.bot, variant, f"pause-{variant}")
        await bed.platform.cancel_orders(climb.bot, variant, f"cancel-{variant}")
    return climb


async def held(bed: Bed, climb: Climb, *variants: Variant) -> dict[str, Decimal]:
    """Quantity by instrument, over these variants."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for variant in variants:
        for position in await bed.platform.positions(climb.bot, variant):
            total[position.instrument] += position.quantity
    return {instrument: quantity for instrument, quantity in total.items() if quantity}


async def test_stable_holds_what_all_held_and_bot_and_venue_agree(bed: Bed) -> None:
    climb = await standing(bed)
    before = await held(bed, climb, *Variant)
    sent = await bed.happened(climb.bot, "order")
    assert await climb.reassign() == before
    assert await bed.happened(climb.bot, "order") == sent, "nothing was traded"
    assert await held(bed, climb, *GIVERS) == {}
    for variant in GIVERS:
        assert (await bed.platform.verify_flat(climb.bot, variant)).is_flat
    restored = await climb.restore()
    assert set(restored) == {Variant.STABLE}


async def test_the_same_key_hands_over_once_and_answers_what_is_held_now(bed: Bed) -> None:
    climb = await standing(bed)
    first = await climb.reassign("once")
    assert await climb.reassign("once") == first
    assert await bed.happened(climb.bot, "reassign") == 1
    assert await climb.reassign() == first, "nothing is left to hand over"


async def test_an_older_epoch_hands_nothing_over(bed: Bed) -> None:
    climb = await standing(bed)
    before = await held(bed, climb, *GIVERS)
    await bed.platform.acquire(climb.bot, "p2")
    with refused(Code.STALE_EPOCH):
        await climb.reassign()
    assert await held(bed, climb, *GIVERS) == before


async def test_a_paper_book_is_not_handed_over(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.trial(Mode.PAPER)
    await climb.holding()
    stable = await bed.platform.positions(climb.bot, Variant.STABLE)
    await climb.reassign()

    def by_name(positions: list[Position]) -> set[str]:
        return {position.instrument for position in positions}

    assert by_name(await bed.platform.positions(climb.bot, Variant.STABLE)) >= by_name(stable)
    assert await bed.platform.positions(climb.bot, Variant.CANDIDATE), "it keeps what is on paper"


async def test_an_entry_of_stable_that_rests_meanwhile_joins_what_it_took_over(bed: Bed) -> None:
    climb = await bed.climb()
    await climb.canary()
    await climb.holding()
    for variant in GIVERS:
        await bed.platform.pause_entries(climb.bot, variant, f"pause-{variant}")
    await climb.reassign()
    start = await bed.knobs.tick()
    await eventually(bed.knobs.tick, lambda now: now >= start + 20)  # whatever rested has filled by now
    assert (await bed.platform.verify_flat(climb.bot, Variant.CANDIDATE)).is_flat
