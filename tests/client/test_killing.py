"""A kill against a real simulated platform: the latch first, whatever else is down, and nothing left exposed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.client.conftest import Hand, beside, flat, holding
from tests.contract.bed import Bed, eventually, latch_order, refused

from promotion_ladder.client import kill_run
from promotion_ladder.client.kill_run import Way
from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import Ruling, Verb
from promotion_ladder.core.platform import BotFacts, Latch, Position, Scope, Variant
from promotion_ladder.core.scope import KillMode, covers, targets
from promotion_ladder.core.state import Command
from promotion_ladder.simulation.process import SimulationProcess


async def test_a_venue_that_refuses_exits_is_asked_until_it_is_flat(bed: Bed, rita: Hand) -> None:
    climb = await holding(bed, await bed.bot())
    await bed.knobs.fault("refuse_exit", bot=climb.bot, count=3)
    killed = await rita.kill("bot", climb.bot, reason="wrong")
    assert killed.done
    assert await bed.happened(climb.bot, "exit_position") > 3


async def test_what_stable_holds_stays_and_is_told(bed: Bed, rita: Hand) -> None:
    climb = await holding(bed, await bed.bot())
    await eventually(lambda: bed.platform.positions(climb.bot, Variant.STABLE), bool)
    (killed,) = (await rita.kill("bot", climb.bot, reason="wrong")).bots
    held = await bed.platform.positions(climb.bot, Variant.STABLE)
    assert killed.stable_holds == {position.instrument: position.quantity for position in held}
    assert "stable still holds " in killed.sentence


async def test_a_kill_waits_no_longer_than_a_moment_for_what_stable_holds(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "GRACE", 0.3)
    climb = await holding(bed, await bed.bot())
    asked = rita.platform.positions

    async def slow(bot: str, variant: Variant) -> list[Position]:
        await asyncio.sleep(60 if variant is Variant.STABLE else 0)
        return await asked(bot, variant)

    monkeypatch.setattr(rita.platform, "positions", slow)
    (killed,) = (await rita.kill("bot", climb.bot, reason="wrong")).bots
    assert killed.stable_holds is None
    assert killed.sentence.endswith("what stable holds cannot be read")


async def test_a_pause_keeps_what_is_held_and_lets_the_promotion_hold(bed: Bed, rita: Hand) -> None:
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot] = None
    killed = await rita.kill("bot", climb.bot, mode=KillMode.PAUSE, reason="venue is slow")
    assert killed.done
    assert (rita.signals[0].verb, rita.signals[0].reason) == (Verb.HOLD, "venue is slow")
    assert await bed.platform.positions(climb.bot, Variant.CANDIDATE)
    assert await bed.happened(climb.bot, "exit_position") == 0
    exposed = await bed.exposed(climb.bot)
    assert exposed[Variant.CANDIDATE].paused
    await rita.release_kill("bot", climb.bot, reason="over")
    assert (await bed.exposed(climb.bot))[Variant.CANDIDATE].paused, "paused by itself, not only by the latch"
    assert (await bed.exposed(climb.bot))[Variant.BASELINE].paused


async def test_a_platform_that_refuses_is_asked_again_and_temporal_is_told_meanwhile(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "TELL_EVERY", 0.1)
    monkeypatch.setattr(kill_run, "GRACE", 0.3)
    climb = await holding(bed, await bed.bot())
    rita.states[climb.bot], rita.flattens = None, climb
    await bed.knobs.fault("refuse", bot=climb.bot, verb="latch")

    async def told() -> bool:
        return bool(rita.signals) and await flat(bed, climb.bot)

    async with beside(rita, climb.bot) as killing:
        await eventually(told, bool, seconds=10)
        assert not killing.done()
        assert any(line.startswith(climb.bot) and "trying again" in line for line in rita.heard)
        await bed.knobs.lift_faults("refuse")
        await asyncio.wait_for(asyncio.shield(killing), 10)
    assert [latch.by for latch in (await bed.platform.describe(climb.bot)).latches] == ["rita"]


async def test_a_lost_answer_is_read_back(bed: Bed, rita: Hand) -> None:
    bot = await bed.bot()
    await bed.knobs.fault("lost_response", bot=bot, verb="latch", count=1)
    assert (await rita.kill("bot", bot, reason="wrong")).done
    assert await bed.happened(bot, "latch") == 1


@pytest.mark.parametrize("scope", ["market", "strategy", "venue", "global"])
async def test_a_scope_latches_what_it_covers_and_one_that_fails_leaves_the_rest_alone(
    bed: Bed, rita: Hand, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "GRACE", 0.3)
    where = {"venue": f"venue-{scope}", "strategy": f"strategy-{scope}"}
    first, second = await bed.bot(**where), await bed.bot(**where)
    other = await bed.bot()
    climb = await holding(bed, first)
    await bed.knobs.fault("refuse", bot=second, verb="latch")
    target = {"market": "WTI", "global": ""}.get(scope, f"{scope}-{scope}")
    killing = asyncio.create_task(rita.kill(scope, target, reason="wrong", tell=rita.heard.append))

    async def both() -> list[bool]:
        return [await latched(bed, first, scope), await flat(bed, climb.bot)]

    await eventually(both, all, seconds=10)
    await bed.knobs.clear_faults()
    killed = await asyncio.wait_for(killing, 20)
    covered = {bot.bot for bot in killed.bots}
    assert {first, second} <= covered
    assert (other in covered) is (scope in ("market", "global"))
    assert killed.done
    assert await latched(bed, second, scope)
    assert not (scope in ("venue", "strategy") and await latched(bed, other, scope))
    released = await rita.release_kill(scope, target, reason="mended")
    assert set(released.bots) == covered
    assert released.still == {}
    assert not await latched(bed, first, scope)


async def latched(bed: Bed, bot: str, scope: str) -> bool:
    return any(latch.scope == scope for latch in (await bed.platform.describe(bot)).latches)


async def test_the_rule_and_the_platform_agree_on_what_a_latch_covers(bed: Bed) -> None:
    mine = await bed.platform.describe(await bed.bot(venue="agree-venue", strategy="agree-strategy"))
    other = await bed.platform.describe(await bed.bot())
    for n, scope in enumerate(Scope):
        for m, target in enumerate(targets(scope, mine)):
            await bed.platform.latch(mine.bot, latch_order(scope, target, f"agree{n}.{m}"))
            for facts in (mine, other):
                seen = (await bed.platform.describe(facts.bot)).latches
                assert any((x.scope, x.target) == (scope, target) for x in seen) is covers(scope, target, facts)
            await bed.platform.unlatch(mine.bot, latch_order(scope, target, f"disagree{n}.{m}"))


async def test_everything_that_runs_is_told_while_the_platform_names_no_bot(
    bed: Bed, rita: Hand, simulation: SimulationProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_run, "GRACE", 0.3)
    bot = await bed.bot()
    rita.states[bot] = None
    simulation.freeze()
    try:
        killing = asyncio.create_task(rita.kill("global", reason="wrong"))
        await eventually(_signals(rita), len, seconds=5)
    finally:
        simulation.thaw()
    killed = await asyncio.wait_for(killing, 30)
    assert killed.done
    assert len({command.message_id for command in rita.signals}) == 1, "told again, it is the same message"


def _signals(hand: Hand) -> Callable[[], Awaitable[list[Command]]]:
    async def look() -> list[Command]:
        return list(hand.signals)

    return look


# --- what is refused ----------------------------------------------------------------------------------------------


async def test_a_kill_that_names_nothing_is_refused_with_what_could_be_named(bed: Bed, rita: Hand) -> None:
    bot = await bed.bot()
    with refused(Code.REASON_NEEDED):
        await rita.kill("bot", bot, reason=" ")
    with refused(Code.UNKNOWN_BOT):
        await rita.kill("bot", "nobody", reason="x")
    for scope, target in (("planet", "earth"), ("venue", "moon"), ("venue", ""), ("global", "x")):
        with refused(Code.UNKNOWN_TARGET):
            await rita.kill(scope, target, reason="x")
    assert (await bed.platform.describe(bot)).latches == ()
    assert rita.signals == []


async def test_a_promotion_of_a_bot_that_the_platform_does_not_know_is_told_all_the_same(rita: Hand) -> None:
    rita.states["nobody"] = None
    killed = await rita.kill("bot", "nobody", reason="x")
    assert (killed.done, killed.bots[0].latched, killed.bots[0].promotion_id) == (False, False, "nobody/2.0.0/x")
    assert "NOT latched" in killed.sentence


async def test_only_the_entitled_lift_and_only_what_is_latched(
    bed: Bed, rita: Hand, person: Callable[[str], Hand]
) -> None:
    bot = await bed.bot()
    with refused(Code.NOT_LATCHED):
        await rita.release_kill("bot", bot, reason="x")
    await rita.kill("bot", bot, reason="wrong")
    for name, code in (("ana", Code.NOT_ENTITLED), ("mallory", Code.UNKNOWN_PERSON)):
        with refused(code):
            await person(name).release_kill("bot", bot, reason="x")
    with refused(Code.REASON_NEEDED):
        await rita.release_kill("bot", bot, reason="")
    with refused(Code.NOT_LATCHED):
        await rita.release_kill("global", reason="x")
    assert await latched(bed, bot, "bot")
    released = await rita.release_kill("bot", bot, reason="mended")
    assert released.bots == (bot,)
    assert [event.kind for event in await rita.desk()] == ["kill_ordered", "killed", "latch_lifted"]


async def test_a_stranger_s_kill_works_and_is_recorded_as_one(
    bed: Bed, rita: Hand, person: Callable[[str], Hand]
) -> None:
    bot = await bed.bot()
    assert (await person("mallory").kill("bot", bot, reason="x")).done
    assert [event.data.get("right") for event in await rita.desk()] == ["GOV_UNKNOWN_PERSON", None]


async def test_a_bot_under_two_latches_is_named_as_still_latched(bed: Bed, rita: Hand) -> None:
    bot = await bed.bot(venue="two-venue")
    await rita.kill("bot", bot, reason="first")
    await rita.kill("venue", "two-venue", reason="second")
    released = await rita.release_kill("bot", bot, reason="mended")
    assert (released.bots, list(released.still)) == ((), [bot])
    assert "venue two-venue by rita: second" in released.sentence


async def test_a_platform_that_says_done_and_is_not_is_never_believed(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await bed.bot()
    real = rita.platform.describe
    lies = 3

    async def forgetful(name: str) -> BotFacts:
        nonlocal lies
        facts = await real(name)
        lies -= 1
        return facts.model_copy(update={"latches": ()}) if lies >= 0 else facts

    monkeypatch.setattr(rita.platform, "describe", forgetful)
    killed = await rita.kill("bot", bot, reason="wrong")
    assert killed.done
    assert lies < 0
    assert isinstance((await real(bot)).latches[0], Latch)


@pytest.mark.parametrize("bug", [ValueError("a profile that cannot be read"), RuntimeError("boom"), OSError("no file")])
async def test_whatever_ails_temporal_or_the_files_the_bot_gets_flat(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch, bug: Exception
) -> None:
    climb = await holding(bed, await bed.bot())

    async def broken() -> None:
        raise bug

    def unreadable(verb: Verb) -> Ruling:
        raise bug

    monkeypatch.setattr(rita, "temporal", broken)
    monkeypatch.setattr(rita, "ruling", unreadable)
    killed = await rita.kill("bot", climb.bot, reason="wrong")
    assert (killed.done, killed.bots[0].way) == (True, Way.DIRECT)
    assert str(bug) in killed.bots[0].untold
    assert await flat(bed, climb.bot)
    assert (await rita.desk())[0].data["right"] == "GOV_DIRECTORY_UNREADABLE"


async def test_a_bug_in_one_bot_s_way_leaves_the_others_alone(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"strategy": "buggy"}
    good = await holding(bed, await bed.bot(**where))
    bad = await bed.bot(**where)
    noted = kill_run.KillRun._noted

    async def buggy(self: kill_run.KillRun, bot: kill_run._Bot) -> kill_run.BotKilled:
        if bot.name == bad:
            raise ZeroDivisionError
        await asyncio.sleep(0.3)
        return await noted(self, bot)

    monkeypatch.setattr(kill_run.KillRun, "_noted", buggy)
    with pytest.raises(ZeroDivisionError):
        await rita.kill("strategy", "buggy", reason="wrong")
    assert await flat(bed, good.bot)
    assert good.bot in [event.data.get("bot") for event in await rita.desk()]
