"""A drill measures a kill and leaves nothing behind."""

from collections.abc import Callable

import pytest
from tests.client.conftest import Hand, holding
from tests.contract.bed import Bed, latch_order, refused
from tests.core.test_drills import climb as standing_climb

from promotion_ladder.client import drilling, kill_run
from promotion_ladder.core.codes import Code
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.platform import BotFacts, LatchOrder, Mode
from promotion_ladder.core.state import Phase


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.PAPER, Mode.CANARY])
async def test_a_drill_goes_all_the_way_and_leaves_nothing(bed: Bed, rita: Hand, mode: Mode) -> None:
    bot = await bed.bot()
    if mode is Mode.SHADOW:
        climb = await bed.climb(bot)
        await climb.trial(mode)
    else:
        climb = await holding(bed, bot, mode)
    rita.states[bot] = standing_climb(Phase.OBSERVING)
    drilled = await rita.drill("bot", bot, reason="monthly")
    (one,) = drilled.bots
    assert drilled.done
    assert one.flat is Flatness.FLAT
    assert one.flat_seconds is not None
    assert 0 < one.latch_seconds <= one.cancel_seconds <= one.flat_seconds
    assert (one.exits > 0) is (mode is not Mode.SHADOW)
    facts = await bed.platform.describe(bot)
    assert facts.latches == ()
    exposures = await bed.exposed(bot)
    assert not any(e.paused for e in exposures.values()), "the climb trades on"
    assert rita.signals == []
    (event,) = await rita.desk()
    assert (event.kind, event.actor, event.data["bot"], event.data["flat"]) == ("drilled", "rita", bot, "flat")
    assert float(event.data["flat_seconds"]) == one.flat_seconds
    verbs = [e["verb"] for e in await bed.knobs.effects(bot) if e["verb"] in ("latch", "exit_position", "unlatch")]
    assert (verbs[0], verbs[-1]) == ("latch", "unlatch")


@pytest.mark.parametrize("scope", ["market", "strategy", "venue"])
async def test_a_drill_of_a_scope_lifts_only_when_all_its_bots_are_flat(bed: Bed, rita: Hand, scope: str) -> None:
    where = {"venue": f"drill-{scope}", "strategy": f"drill-{scope}"}
    bots = [await bed.bot(**where), await bed.bot(**where)]
    for bot in bots:
        await holding(bed, bot)
    drilled = await rita.drill(scope, "WTI" if scope == "market" else f"drill-{scope}")
    assert drilled.done
    assert {one.bot for one in drilled.bots} >= set(bots)
    for bot in bots:
        assert (await bed.platform.describe(bot)).latches == ()


async def test_real_money_is_not_drilled(bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    real = rita.platform.describe

    async def describe(name: str) -> BotFacts:
        facts = await real(name)
        return facts.model_copy(update={"capabilities": facts.capabilities - {"simulated"}})

    monkeypatch.setattr(rita.platform, "describe", describe)
    canary = await holding(bed, await bed.bot())
    with refused(Code.DRILL_REFUSED):
        await rita.drill("bot", canary.bot)
    assert await bed.happened(canary.bot, "latch") == 0
    paper = await holding(bed, await bed.bot(), Mode.PAPER)
    assert (await rita.drill("bot", paper.bot)).done
    with refused(Code.DRILL_REFUSED):
        await rita.drill("bot", await bed.bot())


async def test_a_drill_is_refused_before_anything_is_touched(
    bed: Bed, rita: Hand, person: Callable[[str], Hand]
) -> None:
    climb = await holding(bed, await bed.bot(), Mode.PAPER)
    with refused(Code.NOT_ENTITLED):
        await person("ana").drill("bot", climb.bot)
    with refused(Code.UNKNOWN_BOT):
        await rita.drill("bot", "nobody")
    rita.states[climb.bot] = standing_climb(Phase.OBSERVING, left=True)
    with refused(Code.DRILL_REFUSED):
        await rita.drill("bot", climb.bot)
    rita.down = True
    with refused(Code.DRILL_REFUSED):
        await rita.drill("bot", climb.bot)
    rita.down, rita.states = False, {}
    await bed.platform.latch(climb.bot, latch_order("bot", climb.bot, "standing"))
    with refused(Code.DRILL_REFUSED):
        await rita.drill("bot", climb.bot)
    assert len((await bed.platform.describe(climb.bot)).latches) == 1
    assert await bed.happened(climb.bot, "exit_position") == 0


async def test_a_drill_that_does_not_get_flat_says_so_and_lifts_its_latch(
    bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drilling, "FLAT_WITHIN", 0.5)
    climb = await holding(bed, await bed.bot())
    await bed.knobs.fault("refuse_exit", bot=climb.bot)
    drilled = await rita.drill("bot", climb.bot)
    assert not drilled.done
    assert "NOT flat: residual" in drilled.sentence
    assert (await bed.platform.describe(climb.bot)).latches == ()


async def test_a_kill_during_a_drill_stays(bed: Bed, rita: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever came first, the kill's latch stands in the end."""
    climb = await holding(bed, await bed.bot(), Mode.PAPER)
    descend = drilling._Rehearsal.descend

    async def interrupted(self: drilling._Rehearsal) -> None:
        killed = await rita.kill("bot", climb.bot, reason="now it is real")
        assert killed.done
        await descend(self)

    monkeypatch.setattr(drilling._Rehearsal, "descend", interrupted)
    await rita.drill("bot", climb.bot)
    (latch,) = (await bed.platform.describe(climb.bot)).latches
    assert latch.reason == "now it is real"


async def test_a_latch_that_a_dead_drill_left_is_replaced_by_a_kill(bed: Bed, rita: Hand) -> None:
    bot = await bed.bot()
    left = LatchOrder(scope="bot", target=bot, reason=f"{kill_run.DRILL}abc: monthly", by="rita", key="left")
    await bed.platform.latch(bot, left)
    assert (await rita.kill("bot", bot, reason="wrong")).done
    assert [latch.reason for latch in (await bed.platform.describe(bot)).latches] == ["wrong"]
