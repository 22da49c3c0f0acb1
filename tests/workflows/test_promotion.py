"""The story on the time-skipping server: up, down, and every way to stand still."""

from tests.workflows.conftest import World

from promotion_ladder.core.decide import judge
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase


async def test_a_healthy_release_climbs_all_five_stages_and_settles(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    receipt = await world.update(Verb.APPROVE, "rita")
    assert receipt["accepted"]
    result = await world.result()
    assert result.ending is Ending.STABLE
    assert result.stages == ("replay", "shadow", "paper", "canary-10", "live")
    assert world.platform.stable == result.release
    assert world.kinds()[-1] == "ended"
    assert result.audit_seq == len(world.kinds())


async def test_every_recorded_decision_can_be_judged_again_from_the_recorded_evidence(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    await world.update(Verb.APPROVE, "rita")
    await world.result()
    judged = [link.event for link in world.audit.events[world.promotion_id] if link.event.kind == "judged"]
    assert len(judged) >= 5
    for event in judged:
        stage = next(stage for stage in world.directory.the_ladder.stages if stage.name == event.stage)
        evidence = await world.audit.evidence(event.evidence or "")
        assert evidence is not None
        again = [verdict.model_dump(mode="json") for verdict in judge(stage, evidence.items)]
        assert event.data["verdicts"] == again


async def test_a_veto_in_the_window_ends_it_with_nothing_exposed(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    await world.signal(Verb.VETO, "ben", reason="earnings tonight")
    result = await world.result()
    assert result.ending is Ending.VETOED
    assert [h.version for h in world.platform.held_out] == ["2.0.0"]
    assert not any(effect.startswith("expose canary") for effect in world.platform.effects)
