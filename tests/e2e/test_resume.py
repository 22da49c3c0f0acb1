"""Resuming from every stage, after a terminate and from the middle of a descent; and superseding without a gap."""

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus
from tests.e2e.rig import Rig

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.pending import pending
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STAGES = ("replay", "shadow", "paper", "canary-10", "live")
CAST = ("veteran", "cut", "torn", "stranger", "relay")


@pytest.fixture(scope="module")
def risen(stack: LocalStack) -> dict[str, Release]:
    """Bots in their canaries; ``veteran`` got as far as live and was rolled back there."""
    return asyncio.run(_rise(stack))


async def _rise(stack: LocalStack) -> dict[str, Release]:
    rig = Rig(stack)
    try:
        releases = {bot: await rig.climbing(bot) for bot in CAST}
        await asyncio.gather(*(rig.reaches(bot, Phase.AWAITING_APPROVAL) for bot in CAST))
        await rig.try_approve("veteran")
        await rig.reaches("veteran", Phase.OBSERVING, "live")
        await rig.ana.rollback("veteran", "not yet")
        assert (await rig.ends("veteran")).ending is Ending.ROLLED_BACK
        await rig.came_down("veteran", releases["veteran"])
        await rig.rita.lift("veteran", "2.0.0", "it was only early")
        return releases
    finally:
        await rig.close()


@pytest.mark.parametrize("stage", STAGES)
async def test_a_climb_resumes_at_every_stage_with_the_evidence_it_earned(
    risen: dict[str, Release], rig: Rig, stage: str
) -> None:
    bot, release = "veteran", risen["veteran"]
    told = await rig.cli("start", rig.release_file(release), "--from", stage, "-r", "venue is back")
    assert told.status == 0, told.err
    state = await rig.state(bot)
    below = STAGES[: STAGES.index(stage)]
    assert tuple(record.stage for record in state.passed[: len(below)]) == below
    assert all(
        record.carried_from and record.carried_from != state.promotion_id for record in state.passed[: len(below)]
    )
    if stage != "live":
        assert "it waits for" in told.out
        await rig.reaches_stage(bot, stage)
        await rig.ana.rollback(bot, "seen enough")
        assert (await rig.ends(bot)).ending is Ending.ROLLED_BACK
        await rig.came_down(bot, release)
        await rig.rita.lift(bot, "2.0.0", "only a trial")
        return
    # Live lies above an approval, so somebody must agree before anything is exposed.
    assert "approval" in told.out
    assert "by risk, quant" in told.out
    assert await rig.exposed(bot) == []
    asked = pending(await rig.reaches(bot, Phase.AWAITING_APPROVAL))
    assert (asked.waiting_for, asked.who, asked.not_by) == ("approval 0 of 1", ("risk", "quant"), "ana")
    with pytest.raises(LadderError) as refused:
        await rig.ana.approve(bot, "mine")
    assert refused.value.code is Code.FOUR_EYES
    await rig.is_stable(bot, release)


async def test_what_a_terminated_climb_left_exposed_is_flattened_before_it_resumes(
    risen: dict[str, Release], rig: Rig
) -> None:
    await rig.holds_something("cut")
    await (await rig.handle("cut")).terminate("a mistake")
    assert await rig.exposed("cut")
    told = await rig.cli("start", rig.release_file(risen["cut"]), "--from", "paper", "-r", "it was cut off")
    assert told.status == 0, told.err
    await rig.reaches("cut", Phase.OBSERVING, "paper")
    assert await rig.exposed("cut") == []
    kinds = await rig.kinds("cut")
    assert kinds.index("leftover_found") < kinds.index("flattened") < kinds.index("stage_entered")
    await rig.knobs.clear_faults()
    await rig.is_stable("cut", risen["cut"])


async def test_another_release_starts_clean_after_a_climb_was_terminated(risen: dict[str, Release], rig: Rig) -> None:
    await (await rig.handle("stranger")).terminate("a mistake")
    other = await rig.release("stranger", "3.0.0")
    await rig.ana.start(other)
    await rig.reaches("stranger", Phase.OBSERVING, "shadow")
    assert await rig.exposed("stranger") == []
    shares = await rig.shares("stranger")
    assert shares[Variant.STABLE].capital == (await rig.platform.describe("stranger")).total_capital
    await rig.ana.cancel("stranger")
    assert (await rig.ends("stranger")).ending is Ending.CANCELLED
    await rig.came_down("stranger", None)


async def test_a_descent_cut_off_in_the_middle_is_finished_by_the_next_start(
    risen: dict[str, Release], rig: Rig
) -> None:
    await rig.cannot_exit("torn")
    await rig.ana.rollback("torn", "slippage")
    await rig.reaches("torn", Phase.COMING_DOWN)
    again = await rig.ana.start(risen["torn"], from_stage="canary-10")
    assert again.existing, "while it comes down, the bot is taken"
    await (await rig.handle("torn")).terminate("a mistake, at the worst moment")
    assert await rig.exposed("torn")
    await rig.ana.start(risen["torn"], from_stage="canary-10")
    assert (await rig.state("torn")).entered_at is None, "not before it is flat"
    await rig.knobs.clear_faults()
    await rig.is_stable("torn", risen["torn"])
    kinds = await rig.kinds("torn")
    assert kinds.index("leftover_found") < kinds.index("flattened") < kinds.index("stage_entered")


async def test_a_superseding_release_takes_over_without_the_lock_ever_opening(
    risen: dict[str, Release], rig: Rig
) -> None:
    other = await rig.release("relay", "3.0.0")
    first = await rig.state("relay")
    told = await rig.cli("start", rig.release_file(other), "--supersede", "-r", "a better one")
    assert told.status == 0, told.err
    assert "2.0.0 comes down first, then 3.0.0 starts" in told.out
    handle = await rig.handle("relay")
    for _ in range(600):
        description = await handle.describe()
        assert description.status is WorkflowExecutionStatus.RUNNING
        if await description.memo_value("promotion_id") != first.promotion_id:
            break
    facts, exposed = await rig.platform.describe("relay"), await rig.exposed("relay")
    assert exposed == [], "the first was flat before the second began"
    assert facts.held_out == (), "superseded is not refused"
    state = await rig.state("relay")
    assert (state.release.version, state.passed) == ("3.0.0", [])
    kinds = [link["event"]["kind"] for link in (await rig.cli("audit", "show", first.promotion_id, "-o", "json")).json]
    assert {"coming_down", "flattened", "restored"} <= set(kinds)
    await rig.is_stable("relay", other)
