"""A worker killed with SIGKILL at any moment: a new one goes on where it was, and nothing happens twice."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.e2e.rig import Rig, until

from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.state import Ending, Phase, PromotionState
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def _at_replay(rig: Rig) -> PromotionState:
    release = await rig.bot("replay")
    await rig.knobs.fault("error500", bot="replay", verb="start_replay")
    await rig.ana.start(release)
    return await rig.reaches("replay", Phase.OBSERVING, "replay")


async def _at_shadow(rig: Rig) -> PromotionState:
    await rig.climbing("shadow")
    await rig.park("shadow")
    return await rig.reaches("shadow", Phase.OBSERVING, "shadow")


async def _at_paper(rig: Rig) -> PromotionState:
    await rig.climbing("paper")
    await rig.reaches_stage("paper", "paper")
    await rig.park("paper")
    return await rig.reaches("paper", Phase.OBSERVING, "paper")


async def _at_canary(rig: Rig) -> PromotionState:
    await rig.climbing("canary")
    await rig.reaches_stage("canary", "canary-10")
    await rig.park("canary")
    return await rig.reaches("canary", Phase.OBSERVING, "canary-10")


async def _at_veto(rig: Rig) -> PromotionState:
    await rig.climbing("objected")
    await rig.reaches_stage("objected", "canary-10")
    await rig.park("objected")
    return await rig.reaches("objected", Phase.OBSERVING, "canary-10")


async def _at_approval(rig: Rig) -> PromotionState:
    await rig.climbing("approval")
    return await rig.reaches("approval", Phase.AWAITING_APPROVAL)


async def _at_live(rig: Rig) -> PromotionState:
    await rig.climbing("live")
    await rig.reaches("live", Phase.AWAITING_APPROVAL)
    await rig.try_approve("live")
    await rig.reaches_stage("live", "live")
    await rig.park("live")
    return await rig.reaches("live", Phase.OBSERVING, "live")


async def _at_descent(rig: Rig) -> PromotionState:
    """In the middle of a compensation: the venue refuses every exit, so it is not flat and tries again."""
    await rig.climbing("descent")
    await rig.reaches("descent", Phase.OBSERVING, "canary-10")
    await rig.cannot_exit("descent")
    await rig.person("ben").rollback("descent", "slippage")
    return await rig.reaches("descent", Phase.COMING_DOWN)


async def _at_window(rig: Rig) -> PromotionState:
    await rig.climbing("window")
    return await rig.reaches("window", Phase.VETO_WINDOW)


PLACES: dict[str, Callable[[Rig], Awaitable[PromotionState]]] = {
    "replay": _at_replay,
    "shadow": _at_shadow,
    "paper": _at_paper,
    "canary": _at_canary,
    "approval": _at_approval,
    "live": _at_live,
    "descent": _at_descent,
    "objected": _at_veto,
}
"""Where a bot of this name stands when the worker is killed; one more is in its veto window."""
CLIMBERS = ("replay", "shadow", "paper", "window", "canary", "approval", "live")


@pytest.fixture(scope="module")
def killed(stack: LocalStack) -> dict[str, PromotionState]:
    """Bots brought to every place, one SIGKILL for all, a new worker until all have ended; their states before."""
    return asyncio.run(_kill(stack))


async def _kill(stack: LocalStack) -> dict[str, PromotionState]:
    rig = Rig(stack)
    try:
        states = await asyncio.gather(*(bring(rig) for bring in PLACES.values()))
        window = await _at_window(rig)  # last, because a window passes by itself
        stack.worker.kill()
        veto = asyncio.create_task(rig.person("ben").veto("objected", "the desk is closed"))  # waits for an answer
        await asyncio.sleep(1)  # the bots trade on with nobody watching, well within their leases
        await rig.knobs.clear_faults()
        await rig.worker_again()
        await veto
        await asyncio.gather(*(rig.ends(bot) for bot in (*PLACES, "window")))
        return {**dict(zip(PLACES, states, strict=True)), "window": window}
    finally:
        await rig.close()


@pytest.mark.parametrize("bot", CLIMBERS)
async def test_a_climb_goes_on_where_the_worker_was_killed(
    killed: dict[str, PromotionState], rig: Rig, bot: str
) -> None:
    before = killed[bot]
    await rig.is_stable(bot, before.release)
    state = await rig.state(bot)
    assert state.promotion_id == before.promotion_id
    assert state.attempt == 1
    assert [record.stage for record in state.passed] == ["replay", "shadow", "paper", "canary-10", "live"]


async def test_a_descent_goes_on_where_the_worker_was_killed(killed: dict[str, PromotionState], rig: Rig) -> None:
    before = killed["descent"]
    result = await rig.ends("descent")
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.ROLLED_BACK_BY_PERSON)
    await rig.came_down("descent", before.release)
    state = await rig.state("descent")
    assert state.flatten_try > 1
    exits = [effect["key"] for effect in await rig.effects("descent", "exit_position")]
    assert len({key.split(":exit:")[0] for key in exits}) > 1, "a new try sends new exits"


async def test_a_veto_sent_while_no_worker_lives_is_obeyed_by_the_next_one(
    killed: dict[str, PromotionState], rig: Rig
) -> None:
    assert (await rig.ends("objected")).ending is Ending.VETOED
    await rig.came_down("objected", killed["objected"].release)


async def test_a_dead_time_beyond_the_lease_takes_the_exposure_back_and_a_start_is_stored(rig: Rig) -> None:
    release, early = await rig.climbing("forgotten"), await rig.bot("early")
    await rig.reaches_stage("forgotten", "canary-10")
    await rig.park("forgotten", "early")
    await rig.reaches("forgotten", Phase.OBSERVING, "canary-10")
    async with rig.without_worker():
        told, _ = await asyncio.gather(
            rig.cli("start", rig.release_file(early), "-o", "json"), _falls_back_by_itself(rig, "forgotten")
        )
        listed = await rig.cli("list", "-o", "json")
    assert told.status == 1, told.err
    error = told.json["error"]
    assert error["code"] == Code.WORKER_SILENT
    assert "is stored, but no worker answers yet" in error["detail"]
    lines = {line["bot"]: line for line in listed.json}
    assert (lines["early"]["status"], lines["early"]["exposed"]) == ("starting", False)
    result = await rig.ends("forgotten")
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.LEASE_LOST), result.sentence
    await rig.came_down("forgotten", release)
    await rig.reaches_stage("early", "shadow")
    await rig.ana.cancel("early")
    assert (await rig.ends("early")).ending is Ending.CANCELLED
    await rig.came_down("early", None)


async def _falls_back_by_itself(rig: Rig, bot: str) -> None:
    """With nobody watching, the platform itself flattens the canary and gives stable the whole back."""

    async def returned() -> bool:
        return bool(await rig.effects(bot, "lease_returned"))

    await until(f"the lease of {bot} to run out", returned)
    shares = await rig.shares(bot)
    assert shares[Variant.STABLE].capital == (await rig.platform.describe(bot)).total_capital
    assert (await rig.platform.verify_flat(bot, Variant.CANDIDATE)).is_flat
