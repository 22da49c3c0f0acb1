"""The moments between: holds, stops and messages that hit while something else is under way; resuming."""

from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from tests.workflows.conftest import LADDER, RELEASE, World, stage
from tests.workflows.test_ways import refused

from promotion_ladder.core.codes import Code
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.state import Ending, Phase, StartOrder


async def test_a_climb_resumes_with_evidence_carried_over_and_the_approval_it_jumps(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    await world.update(Verb.APPROVE, "rita")
    await world.until_phase(Phase.OBSERVING, "live")
    await world.signal(Verb.ROLLBACK)
    await world.result()
    world.platform.held_out.clear()
    first, world.promotion_id = world.promotion_id, "bot/2.0.0/resumed"
    await world.start(from_stage="live", basis=first)
    state = await world.until_phase(Phase.AWAITING_APPROVAL)
    assert state.stage_name == "live"
    assert {record.carried_from for record in state.passed} == {first}
    await world.update(Verb.APPROVE, "rita")
    assert (await world.result()).ending is Ending.STABLE


async def test_what_was_not_earned_cannot_be_carried_over(world: World) -> None:
    await world.start(from_stage="canary-10")
    assert (await world.result()).code is Code.EVIDENCE_NOT_CARRIED


async def test_leftover_exposure_is_flattened_before_the_climb_begins(world: World) -> None:
    world.platform.shares[Variant.CANDIDATE] = Decimal(500)
    world.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(1)
    await world.start()
    await world.until_phase(Phase.OBSERVING, "replay")
    assert world.platform.held == {}
    assert "leftover_found" in world.kinds()


async def test_a_failed_probe_refuses_the_start(world: World) -> None:
    world.probes.problem = "exited 1: no margin left"
    plain = world.directory.the_ladder.model_dump(mode="json")
    plain["preflight"] = [{"name": name, "command": ["true"]} for name in ("margin", "config")]
    world.directory.the_ladder = type(world.directory.the_ladder).model_validate(plain)
    await world.start()
    result = await world.result()
    assert (result.ending, result.code) == (Ending.REFUSED, Code.PREFLIGHT_FAILED)
    assert result.sentence == "margin: exited 1: no margin left; config: exited 1: no margin left"
    (refused_,) = [link.event for link in world.audit.events[world.promotion_id] if link.event.kind == "refused"]
    assert [(found["name"], found["passed"]) for found in refused_.data["preflight"]] == [
        ("margin", False), ("config", False),
    ]  # fmt: skip


async def test_time_on_hold_counts_for_nothing(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    await world.env.sleep(timedelta(hours=5))
    await world.update(Verb.RESUME, "omar")
    state = await world.until(lambda state: state.phase is Phase.OBSERVING and state.decision is not None)
    assert state.decision is not None
    assert state.decision.elapsed < timedelta(minutes=10)
    assert state.stage_name == "shadow"


async def test_a_hold_before_admission_can_only_be_resumed_or_rolled_back(world: World) -> None:
    world.platform.down = True
    await world.start()
    await world.signal(Verb.HOLD)
    for verb in (Verb.RETRY, Verb.SKIP, Verb.EXTEND, Verb.APPROVE):
        assert (await refused(world, verb, extend_by="PT1H"))[0] in (
            Code.NOT_ON_HOLD,
            Code.NOTHING_TO_EXTEND,
            Code.NOTHING_TO_APPROVE,
        )
    await world.signal(Verb.VETO, "ben")
    world.platform.down = False
    assert (await world.result()).ending in (Ending.VETOED, Ending.REFUSED)


async def test_an_expired_approval_is_asked_for_anew_after_a_resume(world: World) -> None:
    """A hold on an expired approval is no approval, and a resume is none either."""
    world.directory.the_ladder = Ladder.model_validate(
        LADDER
        | {"stages": [stage("paper", "paper", exit={"kind": "approval", "roles": ["risk"], "expires": "1h"}),
                      *LADDER["stages"][3:]]}
    )  # fmt: skip
    await world.start()
    state = await world.until_phase(Phase.ON_HOLD, "paper")
    assert state.hold is not None
    assert state.hold.code is Code.APPROVAL_EXPIRED
    await world.update(Verb.RESUME, "omar")
    state = await world.until_phase(Phase.AWAITING_APPROVAL, "paper")
    assert state.approvals == []


async def test_coming_down_never_ends_as_failed_whatever_the_platform_answers(world: World) -> None:
    world.platform.refuse_pauses = 3
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    await world.signal(Verb.KILL)
    result = await world.result()
    assert result.ending is Ending.ROLLED_BACK
    assert world.platform.held == {}


@pytest.mark.parametrize("by", ["-PT31M", "PT0S", "P999999D"])
async def test_an_extension_out_of_range_is_refused(world: World, by: str) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    assert (await refused(world, Verb.EXTEND, "omar", extend_by=by))[0] == Code.EXTENSION_OUT_OF_RANGE


async def test_a_supersession_by_another_bots_release_is_refused(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    alien = RELEASE.model_copy(update={"bot": "other"})
    await world.signal(
        Verb.SUPERSEDE, "ana", successor=StartOrder(promotion_id="other/1/x", release=alien, identity="ana")
    )
    await world.until(lambda _state: "supersede_refused" in world.kinds())
    assert (await world.state()).stop is None


@pytest.mark.parametrize("verb", [Verb.VETO, Verb.KILL, Verb.HOLD])
@pytest.mark.parametrize("encoding", [b"json/plain", b"binary/what"])
async def test_a_prohibition_that_does_not_decode_holds(world: World, verb: Verb, encoding: bytes) -> None:
    handle = await world.start()
    await handle.signal(str(verb), RawValue(Payload(metadata={"encoding": encoding}, data=b'{"bad')))
    assert (await world.until_phase(Phase.ON_HOLD)).hold is not None


async def test_a_kill_overrules_a_supersession(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    world.platform.refuse_exits = 1000  # on the way down until the kill has come
    second = RELEASE.model_copy(update={"version": "2.1.0", "params": "sha256:" + "c" * 64})
    order = StartOrder(promotion_id="bot/2.1.0/next", release=second, identity="ana")
    await world.signal(Verb.SUPERSEDE, "ana", successor=order)
    await world.until_phase(Phase.COMING_DOWN)
    await world.signal(Verb.KILL)
    await world.until(lambda state: state.stop is not None and state.stop.code is Code.KILLED)
    world.platform.refuse_exits = 0
    result = await world.result()
    assert (result.promotion_id, result.code) == (world.promotion_id, Code.KILLED)
    assert [held.version for held in world.platform.held_out] == ["2.0.0"]


async def test_a_kill_before_the_bot_is_owned_flattens_what_was_left(world: World) -> None:
    world.platform.shares[Variant.CANDIDATE] = Decimal(500)
    world.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(1)
    world.platform.refuse_acquire = True
    await world.start()
    await world.until_phase(Phase.ENTERING)
    await world.signal(Verb.KILL)
    await world.until(lambda state: state.flat is not None and state.flat.is_flat)
    assert world.platform.held == {}, "flat does not wait for the bot to be owned"
    world.platform.refuse_acquire = False
    assert (await world.result()).code is Code.KILLED
    assert set(world.platform.shares) == {Variant.STABLE}


async def test_an_unknown_author_is_refused(world: World) -> None:
    await world.start(release=RELEASE.model_copy(update={"author": "nobody"}))
    assert (await world.result()).code is Code.UNKNOWN_PERSON


async def test_what_was_judged_before_a_long_outage_of_the_record_is_judged_again(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    world.audit.down = True
    await world.env.sleep(timedelta(minutes=45))
    world.metrics.value = Decimal(-1)
    world.audit.down = False
    await world.env.sleep(timedelta(minutes=15))
    assert (await world.state()).stage_name == "paper"
    assert not any(effect.startswith("expose canary") for effect in world.platform.effects)


async def test_a_stage_that_begins_again_never_shows_as_observed_already(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    world.audit.down = True  # the next run begins when all is written, or two seconds later
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    await world.update(Verb.RETRY, "omar")
    state = await world.until(lambda state: state.attempt == 2)
    assert (state.phase, state.observed_from) == (Phase.ENTERING, None)


async def test_a_message_sent_again_gets_the_same_answer_in_a_later_run(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    stranger = {"identity": "mallory", "message_id": "from mallory"}
    denied = await refused(world, Verb.RESUME, **stranger)
    assert denied[0] == Code.UNKNOWN_PERSON
    allowed = await world.update(Verb.RESUME, "omar", message_id="from omar")
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    assert await refused(world, Verb.RESUME, **stranger) == denied
    assert await world.update(Verb.RESUME, "omar", message_id="from omar") == allowed
    assert world.kinds().count("resume_accepted") == 1


async def test_a_stop_before_the_climb_owns_the_bot_still_clears_what_an_earlier_one_left(world: World) -> None:
    world.platform.shares = {Variant.STABLE: Decimal(0), Variant.CANDIDATE: Decimal(10000)}
    world.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(1)
    world.platform.refuse_acquire = True
    await world.start()
    await world.until_phase(Phase.ENTERING)
    await world.signal(Verb.ROLLBACK)
    await world.until_phase(Phase.COMING_DOWN)
    world.platform.refuse_acquire = False
    assert (await world.result()).ending is Ending.ROLLED_BACK
    assert world.platform.held == {}
    assert set(world.platform.shares) == {Variant.STABLE}, "no capital stays with a candidate that nobody watches"
