"""Servers die and come back, answers get lost: nothing is doubled, and nothing moves up blindly."""

import asyncio
from collections import Counter

import pytest
from tests.e2e.rig import Rig, until

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.core.verdict import Outcome
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CAST = ("orchestra", "latched", "grounded", "blind", "echo-up", "echo-down")


@pytest.fixture(scope="module")
def waiting(stack: LocalStack) -> dict[str, Release]:
    """Bots that wait for an approval in their canary; on the way up some answers of the platform got lost."""
    return asyncio.run(_climb(stack))


async def _climb(stack: LocalStack) -> dict[str, Release]:
    rig = Rig(stack)
    try:
        releases = {bot: await rig.bot(bot) for bot in CAST}
        for verb in ("acquire", "prepare", "set_exposure", "settle"):
            await rig.knobs.fault("lost_response", bot="echo-up", verb=verb, count=1)
        for release in releases.values():
            await rig.ana.start(release)
        await rig.reaches("echo-up", Phase.VETO_WINDOW)
        await rig.knobs.fault("lost_response", bot="echo-up", verb="set_exposure", count=1)  # of the canary
        await asyncio.gather(*(rig.reaches(bot, Phase.AWAITING_APPROVAL) for bot in CAST))
        return releases
    finally:
        await rig.close()


async def test_lost_answers_on_the_way_up_do_nothing_twice(waiting: dict[str, Release], rig: Rig) -> None:
    await rig.is_stable("echo-up", waiting["echo-up"])
    assert await _faults_left(rig, "lost_response") == 0
    stages = Counter(effect["detail"]["stage"] for effect in await rig.effects("echo-up", "set_exposure"))
    assert stages == {"shadow": 1, "paper": 1, "canary-10": 1, "live": 1}


async def test_lost_answers_on_the_way_down_do_nothing_twice(waiting: dict[str, Release], rig: Rig) -> None:
    await rig.holds_something("echo-down")
    for verb in ("pause_entries", "cancel_orders", "exit_position", "restore", "hold_out"):
        await rig.knobs.fault("lost_response", bot="echo-down", verb=verb, count=1)
    await rig.person("ben").rollback("echo-down", "slippage")
    assert (await rig.ends("echo-down")).ending is Ending.ROLLED_BACK
    assert await _faults_left(rig, "lost_response") == 0
    exits = Counter(
        (e["variant"], e["detail"]["instrument"], e["detail"]["order_id"])
        for e in await rig.effects("echo-down", "exit_position")
    )
    assert exits
    assert set(exits.values()) == {1}
    await rig.came_down("echo-down", waiting["echo-down"])
    await rig.knobs.clear_faults()


async def _faults_left(rig: Rig, kind: str) -> int:
    return await rig.knobs.lift_faults(kind)


async def test_a_killed_temporal_server_goes_on_from_its_file_and_a_kill_works_meanwhile(
    waiting: dict[str, Release], rig: Rig
) -> None:
    young = await rig.climbing("young")
    await rig.reaches_stage("young", "shadow")
    async with rig.without_temporal():
        told, listed = await asyncio.gather(
            rig.cli("kill", "latched", "--reason", "fills look wrong", "--yes", "-o", "json", who="ben"),
            rig.cli("list", "-o", "json"),
        )
        (bot,) = told.json["bots"]
        assert (told.status, bot["latched"], bot["promotion_id"]) == (0, True, None)
        assert (bot["way"], bot["flat"]) == ("direct", "flat")
        assert "Temporal" in bot["untold"]
        assert [latch.by for latch in (await rig.platform.describe("latched")).latches] == ["ben"]
        assert (listed.status, listed.json["error"]["code"]) == (1, Code.TEMPORAL_DOWN)
    told = await rig.cli("kill", "latched", "--reason", "still wrong", "-o", "json", who="ben")
    assert (told.status, told.json["bots"][0]["promotion_id"] is not None) == (0, True)
    result, *_ = await asyncio.gather(
        rig.ends("latched"), rig.is_stable("orchestra", waiting["orchestra"]), rig.is_stable("young", young)
    )
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.KILLED)
    await rig.came_down("latched", waiting["latched"])


async def test_a_platform_killed_in_a_canary_comes_back_with_nothing_doubled(
    waiting: dict[str, Release], rig: Rig
) -> None:
    assert await rig.exposed("grounded")
    async with rig.without_platform():
        await asyncio.sleep(1)
        assert (await rig.state("grounded")).stop is None, "an outage alone flattens nobody"
    result = await rig.ends("grounded")
    if result.ending is Ending.STABLE:
        await rig.settled("grounded", waiting["grounded"])
    else:
        await rig.came_down("grounded", waiting["grounded"])


async def test_without_prometheus_a_canary_neither_advances_nor_falls(waiting: dict[str, Release], rig: Rig) -> None:
    rig.stack.prometheus.kill()  # no other test of this module needs it
    await rig.try_approve("blind")  # the gates are judged again before an approval moves anything

    async def judged_blindly() -> bool:
        decision = (await rig.state("blind")).decision
        verdicts = {verdict.name: verdict.outcome for verdict in decision.verdicts} if decision else {}
        if verdicts.get("sends-orders") not in (Outcome.ERROR, Outcome.NO_DATA):
            return False
        assert decision is not None
        assert decision.step is Step.CONTINUE
        return True

    await until("a judgement without Prometheus", judged_blindly)
    await asyncio.sleep(1)  # two more looks
    state = await rig.state("blind")
    assert (state.stage_name, state.phase, state.stop) == ("canary-10", Phase.OBSERVING, None)
    assert await judged_blindly()
    rig.stack.prometheus.start()
    await rig.is_stable("blind", waiting["blind"])


async def test_a_start_while_the_platform_is_down_is_refused_with_the_reason(rig: Rig) -> None:
    release = await rig.bot("stranded")
    async with rig.without_platform():
        told = await rig.cli("start", rig.release_file(release))
    assert told.status == 1
    assert "[OPS_PLATFORM_DOWN]" in told.err
    assert "describe for stranded" in told.err
    assert "Check that it is up" in told.err
    assert not await rig.ana.running("stranded")
