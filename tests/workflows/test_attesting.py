"""Preflight results on their way up: recorded at the start, judged by a gate, proved again where they are too old."""

from typing import Any

from tests.workflows.conftest import GATE, LADDER, World, stage

from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.evidence import AttestationEvidence
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Phase, PromotionState


def attest(world: World, at: str, **gate: Any) -> None:
    """The stage named ``at`` asks for results that are younger than a quarter of an hour."""
    asks = {"kind": "attestation", "name": "proved", "max_age": "15m"} | gate
    stages = [
        stage(each["name"], each["mode"], gates=[GATE, asks]) if each["name"] == at else each
        for each in Ladder.model_validate(LADDER).model_dump(mode="json")["stages"]
    ]
    probes = [{"name": name, "command": ["true"]} for name in ("margin", "config")]
    world.directory.the_ladder = Ladder.model_validate({**LADDER, "preflight": probes, "stages": stages})


def events(world: World, kind: str) -> list[AuditEvent]:
    return [link.event for link in world.audit.events[world.promotion_id] if link.event.kind == kind]


async def test_what_passed_at_the_start_is_recorded_and_passes_the_gate(world: World) -> None:
    attest(world, "replay", of=["margin"])
    await world.start()
    state = await world.until_phase(Phase.OBSERVING, "shadow")
    (started,) = events(world, "started")
    assert [(each["name"], each["passed"]) for each in started.data["preflight"]] == [
        ("margin", True),
        ("config", True),
    ]
    assert [result.name for result in state.preflight] == ["margin", "config"]
    found = [stored.items["proved"] for stored in world.audit.stored.values() if stored.stage == "replay"]
    assert all(isinstance(each, AttestationEvidence) and each.results == state.preflight for each in found)
    assert found
    assert "attested" not in world.kinds(), "nothing asks for newer ones"


async def test_a_stage_that_finds_the_results_too_old_proves_again_before_it_is_entered(world: World) -> None:
    attest(world, "paper")
    await world.start()
    state = await world.until_phase(Phase.OBSERVING, "paper")
    kinds = world.kinds()
    assert kinds.count("attested") == 1
    assert kinds.index("attested") < len(kinds) - kinds[::-1].index("stage_entered") - 1
    assert events(world, "attested")[0].code is Code.GATE_PASSED
    assert state.started_at is not None
    assert min(result.at for result in state.preflight) > state.started_at


async def test_results_that_grow_old_hold_the_stage_and_a_retry_proves_again(world: World) -> None:
    attest(world, "shadow")
    await world.start()
    held = await world.until_phase(Phase.ON_HOLD)
    assert held.hold is not None
    assert (held.stage_name, held.hold.code) == ("shadow", Code.OBSERVE_EXHAUSTED)
    assert "old, at most 15m" in held.hold.reason
    world.probes.problem = "exited 3"
    await world.update(Verb.RETRY, "omar")
    failed = await world.until(lambda state: held_by(state, Code.GATE_FAILED))
    assert failed.hold is not None
    assert failed.hold.reason == "gate proved: preflight probe margin failed: exited 3"
    assert events(world, "attested")[-1].code is Code.PREFLIGHT_FAILED
    world.probes.problem = ""
    await world.update(Verb.RETRY, "omar")
    await world.until_phase(Phase.OBSERVING, "paper")
    assert [event.code for event in events(world, "attested")] == [Code.PREFLIGHT_FAILED, Code.GATE_PASSED]


def held_by(state: PromotionState, code: Code) -> bool:
    return state.hold is not None and state.hold.code is code
