"""Who takes the exposure away in a kill, the promotion that was told or the command; and what neither waits for."""

import asyncio

import pytest
from tests.client.conftest import Hand, beside, flat, holding
from tests.contract.bed import Bed, eventually

from promotion_ladder.client import kill_run
from promotion_ladder.client.kill_run import Way
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Scope, Variant


async def test_the_promotion_that_was_told_flattens(bed: Bed, rita: Hand) -> None:
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot], rita.flattens = None, climb
    killed = await rita.kill("bot", climb.bot, reason="fills look wrong")
    (bot,) = killed.bots
    assert killed.done
    assert (bot.latched, bot.way, bot.flat) == (True, Way.TEMPORAL, Flatness.FLAT)
    assert bot.latch_seconds is not None
    assert bot.flat_seconds is not None
    assert bot.latch_seconds <= bot.flat_seconds
    (told,) = rita.signals
    assert (told.verb, told.promotion_id, told.reason) == (Verb.KILL, f"{climb.bot}/2.0.0/x", "fills look wrong")
    effects = [effect["verb"] for effect in await bed.knobs.effects(climb.bot)]
    assert effects.index("latch") < effects.index("exit_position")
    ordered, done = await rita.desk()
    assert (ordered.kind, ordered.actor, ordered.data["right"]) == ("kill_ordered", "rita", "GOV_ALLOWED")
    assert (done.kind, done.data["way"], done.data["bot"]) == ("killed", "temporal", climb.bot)
    assert float(done.data["latch_seconds"]) <= float(done.data["flat_seconds"])


async def test_without_temporal_it_goes_straight_to_the_platform(bed: Bed, rita: Hand) -> None:
    climb = await holding(bed, await bed.bot())
    rita.down = True
    killed = await rita.kill("bot", climb.bot, reason="wrong")
    (bot,) = killed.bots
    assert (bot.way, bot.flat, bot.promotion_id) == (Way.DIRECT, Flatness.FLAT, None)
    assert "if a promotion runs, kill again when it does" in bot.sentence
    assert await flat(bed, climb.bot)
    # The promotion hears of it later, by the same kill again: nothing is left for it to exit.
    exits = await bed.happened(climb.bot, "exit_position")
    rita.down, rita.states[climb.bot], rita.flattens = False, None, climb
    again = await rita.kill("bot", climb.bot, reason="wrong")
    assert again.bots[0].way is Way.TEMPORAL
    assert await bed.happened(climb.bot, "exit_position") == exits
    assert await flat(bed, climb.bot)


async def test_exposure_that_no_promotion_answers_for_is_flattened_directly(bed: Bed, rita: Hand) -> None:
    climb = await holding(bed, await bed.bot())
    killed = await rita.kill(Scope.BOT, climb.bot, reason="wrong")
    assert (killed.bots[0].way, killed.done) == (Way.DIRECT, True)
    assert "no promotion of it is running" in killed.bots[0].sentence
    assert await flat(bed, climb.bot)


async def test_a_promotion_that_hears_but_does_not_act_is_helped(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "TAKEOVER", 0.3)
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot] = None  # no worker: the signal is stored and that is all
    killed = await rita.kill("bot", climb.bot, reason="wrong")
    assert (killed.bots[0].way, killed.done) == (Way.DIRECT, True)
    assert "flattens durably, with help" in killed.bots[0].sentence
    await climb.flatten()  # the worker is back and does what it was told: harmless
    assert await flat(bed, climb.bot)
    venue = await bed.knobs.venue(f"account-of-{climb.bot}")
    stable = {p.instrument: p.quantity for p in await bed.platform.positions(climb.bot, Variant.STABLE)}
    assert {i: q for i, q in venue.items() if float(q)} == {i: str(q) for i, q in stable.items()}


async def test_entries_are_paused_and_orders_cancelled_before_anybody_is_waited_for(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "TAKEOVER", 60.0)
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot] = None  # no worker

    async def quiet() -> bool:
        exposed = (await bed.exposed(climb.bot))[Variant.CANDIDATE]
        return exposed.paused and await bed.happened(climb.bot, "cancel_orders") == 2

    async with beside(rita, climb.bot) as killing:
        await eventually(quiet, bool, seconds=10)
        assert await bed.happened(climb.bot, "exit_position") == 0, "that is for one to do, and the promotion was told"
        assert not killing.done()


async def test_orders_are_cancelled_while_temporal_does_not_answer(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb = await holding(bed, await bed.bot())
    hanging = asyncio.Event()

    async def hangs() -> None:
        await hanging.wait()

    monkeypatch.setattr(rita, "temporal", hangs)
    monkeypatch.setattr(kill_run, "TEMPORAL_PATIENCE", 60.0)

    async def cancelled() -> bool:
        return await bed.happened(climb.bot, "cancel_orders") == 2

    async with beside(rita, climb.bot):
        await eventually(cancelled, bool, seconds=10)


async def test_a_flatten_that_a_worker_has_in_its_hands_is_given_longer(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "TAKEOVER", 0.2)
    monkeypatch.setattr(kill_run, "LONGEST_TAKEOVER", 30.0)
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot], rita.at_it = None, 1

    async def asked() -> bool:
        return rita.at_it == 0

    async with beside(rita, climb.bot) as killing:
        await eventually(asked, bool, seconds=10)
        await climb.flatten()
        await asyncio.wait_for(asyncio.shield(killing), 10)
    exits = [e["key"] for e in await bed.knobs.effects(climb.bot, "exit_position")]
    assert exits
    assert not [key for key in exits if key.startswith("kill:")], "only the promotion exited"


async def test_a_flatten_that_never_leaves_a_worker_s_hands_is_not_waited_for_without_end(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "TAKEOVER", 0.2)
    monkeypatch.setattr(kill_run, "LONGEST_TAKEOVER", 0.5)
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot], rita.at_it = None, 100  # it hangs in the middle of it
    killed = await rita.kill("bot", climb.bot, reason="wrong")
    assert (killed.bots[0].way, killed.done) == (Way.DIRECT, True)
