"""Every way to stand still, go on, and come down, on the time-skipping server."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from tests.fakes import TOTAL
from tests.workflows.conftest import RELEASE, World

from promotion_ladder import contracts
from promotion_ladder.contracts import GuardTrip
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import verify
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Latch, Variant
from promotion_ladder.core.state import Ending, Phase, PromotionResult, StartOrder
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.workflows.promotion import Promotion


def a_trip(*, abort: bool = True) -> GuardTrip:
    verdict = Verdict(
        name="loss", kind="loss", outcome=Outcome.FAIL, code=Code.GUARD_TRIPPED, value=Decimal(300),
        limit=Decimal(100), sentence="loss in this stage is 300, limit at most 100",
    )  # fmt: skip
    return GuardTrip(verdict=verdict, abort=abort, paused=True, at=datetime.now(UTC))


async def refused(world: World, verb: Verb, identity: str = "rita", **fields: Any) -> tuple[str, str]:
    """The code and sentence of a refused update."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await world.update(verb, identity, **fields)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.type or "", cause.message


async def test_a_tripped_guard_flattens_restores_and_holds_out(world: World) -> None:
    world.trip, world.trip_at = a_trip(), "canary-10"
    await world.start()
    result = await world.result()
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.GUARD_TRIPPED)
    assert world.platform.held == {}
    assert world.platform.shares == {Variant.STABLE: TOTAL}
    assert [h.version for h in world.platform.held_out] == ["2.0.0"]
    assert result.flat_seconds is not None
    order = [
        kind for kind in world.kinds() if kind in ("guard_tripped", "stopped", "flattened", "restored", "held_out")
    ]
    assert order == ["guard_tripped", "stopped", "flattened", "restored", "held_out"]
    assert verify(world.audit.events[world.promotion_id], result.audit_head) == []


async def test_exits_are_sent_again_until_bot_and_venue_say_flat(world: World) -> None:
    world.trip, world.trip_at = a_trip(), "canary-10"
    world.platform.refuse_exits = 3
    await world.start()
    result = await world.result()
    assert result.ending is Ending.ROLLED_BACK
    assert world.kinds().count("not_flat") == 3
    assert world.platform.held == {}


async def test_a_kill_in_every_exposed_moment_flattens(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    await world.signal(Verb.KILL, "nobody-knows-me")
    result = await world.result()
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.KILLED)
    assert world.platform.held == {}


async def test_a_guard_that_holds_leaves_exposure_unchanged(world: World) -> None:
    world.trip, world.trip_at = a_trip(abort=False), "canary-10"
    await world.start()
    state = await world.until_phase(Phase.ON_HOLD, "canary-10")
    assert state.hold is not None
    assert state.hold.code is Code.GUARD_TRIPPED
    assert world.platform.shares[Variant.CANDIDATE] == Decimal("10000.00")
    await world.signal(Verb.ROLLBACK)
    assert (await world.result()).code is Code.ROLLED_BACK_BY_PERSON


async def test_after_a_guards_hold_the_watch_goes_on_and_resume_lets_it_trade_again(world: World) -> None:
    world.trip, world.trip_at = a_trip(abort=False), "canary-10"
    await world.start()
    await world.until_phase(Phase.ON_HOLD, "canary-10")
    await world.until(lambda _state: world.guarding == [(), ("loss",)])
    world.trip = None
    await world.update(Verb.RESUME, "omar")
    await world.until(lambda _state: world.platform.effects.count("expose canary-10 10000.00") == 2)
    await world.until(lambda _state: world.guarding == [(), ("loss",), ()])
    await world.until(lambda _state: "reopened" in world.kinds())


async def test_hold_stops_the_clocks_and_resume_goes_on(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    await world.signal(Verb.HOLD)
    before = await world.until_phase(Phase.ON_HOLD)
    assert before.window is not None
    await world.env.sleep(timedelta(hours=3))
    assert (await world.state()).phase is Phase.ON_HOLD
    await world.update(Verb.RESUME, "omar")
    after = await world.until_phase(Phase.VETO_WINDOW)
    assert after.window is not None
    assert after.window.deadline - before.window.deadline >= timedelta(hours=3)


async def test_retry_begins_the_stage_again_as_its_next_attempt(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    await world.update(Verb.RETRY, "omar")
    state = await world.until(lambda state: state.attempt == 2 and state.observed_from is not None)
    assert state.stage_name == "shadow"
    assert world.platform.effects.count("prepare shadow") == 2


async def test_skip_needs_the_right_and_is_recorded(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    assert (await refused(world, Verb.SKIP, "omar"))[0] == Code.NOT_ENTITLED
    await world.update(Verb.SKIP, "rita")
    state = await world.until_phase(Phase.OBSERVING, "paper")
    assert [(r.stage, r.code) for r in state.passed][-1] == ("shadow", Code.SKIPPED)
    assert "skip_refused" in world.kinds()


async def test_evidence_that_never_comes_holds_at_the_longest_observation(world: World) -> None:
    world.metrics.value = None
    world.metrics.problem = Code.NO_DATA
    await world.start()
    state = await world.until_phase(Phase.ON_HOLD, "shadow")
    assert state.hold is not None
    assert state.hold.code is Code.OBSERVE_EXHAUSTED
    await world.update(Verb.EXTEND, "omar", extend_by="PT2H")
    world.metrics.value, world.metrics.problem = Decimal(1), None
    await world.update(Verb.RESUME, "omar")
    await world.until_phase(Phase.OBSERVING, "paper")


async def test_gates_that_fail_at_the_end_of_the_window_send_it_back(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    world.metrics.value = Decimal(-1)
    state = await world.until(lambda state: state.phase is Phase.OBSERVING and state.stage_name == "paper")
    assert state.window is None
    assert "sent_back" in world.kinds()
    assert not any(effect.startswith("expose canary") for effect in world.platform.effects)


async def test_the_window_opens_only_when_its_notice_was_delivered(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "paper")
    world.notifier.down = True
    await world.until_phase(Phase.AWAITING_NOTICE, "paper")
    await world.env.sleep(timedelta(hours=5))
    assert (await world.state()).phase is Phase.AWAITING_NOTICE
    world.notifier.down = False
    await world.until_phase(Phase.VETO_WINDOW)


async def test_nothing_moves_up_while_the_record_is_down_and_a_kill_works(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    world.audit.down = True
    await world.env.sleep(timedelta(hours=2))
    state = await world.state()
    assert state.stage_name == "canary-10"
    await world.signal(Verb.KILL)
    await world.until(lambda state: state.flat is not None and state.flat.is_flat)
    assert world.platform.held == {}
    world.audit.down = False
    assert (await world.result()).code is Code.KILLED


@pytest.mark.parametrize(
    ("identity", "fields", "code"),
    [
        ("omar", {}, Code.NOT_ENTITLED),
        ("mallory", {}, Code.UNKNOWN_PERSON),
        ("rita", {"reason": ""}, Code.REASON_NEEDED),
        ("rita", {"evidence": "0" * 64}, Code.STALE_EVIDENCE),
        ("rita", {"attempt": 2}, Code.WRONG_STAGE),
        ("rita", {"stage": "live"}, Code.WRONG_STAGE),
        ("rita", {"promotion_id": "bot/1.9.0/old"}, Code.WRONG_PROMOTION),
    ],
)
async def test_an_approval_that_does_not_fit_is_refused(
    world: World, identity: str, fields: dict[str, Any], code: Code
) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    assert (await refused(world, Verb.APPROVE, identity, **fields))[0] == code
    assert (await world.state()).approvals == []


async def test_the_author_may_not_approve_where_four_eyes_are_asked(world: World) -> None:
    people = world.directory.the_people.model_dump()
    people["people"][0]["roles"] = ["quant", "risk"]
    world.directory.the_people = type(world.directory.the_people).model_validate(people)
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    assert (await refused(world, Verb.APPROVE, "ana"))[0] == Code.FOUR_EYES


async def test_an_approval_by_signal_counts_by_the_same_rules(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    await world.signal(Verb.APPROVE, "omar")
    await world.until(lambda _state: "approve_refused" in world.kinds())
    await world.signal(Verb.APPROVE, "rita")
    assert (await world.result()).ending is Ending.STABLE


async def test_silence_at_an_approval_brings_down_what_is_exposed(world: World) -> None:
    await world.start()
    result = await world.result()
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.APPROVAL_EXPIRED)
    assert world.platform.held == {}


async def test_cancel_ends_quietly_before_exposure_and_is_refused_after(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    assert (await refused(world, Verb.CANCEL, "omar"))[0] == Code.STILL_EXPOSED
    await world.signal(Verb.ROLLBACK)
    await world.result()
    world.platform.held_out.clear()
    world.promotion_id = "bot/2.0.0/again"
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    await world.update(Verb.CANCEL, "omar")
    result = await world.result()
    assert result.ending is Ending.CANCELLED
    assert world.platform.held_out == []


async def test_messages_for_another_promotion_are_recorded_and_ignored(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    for verb in (Verb.VETO, Verb.KILL, Verb.HOLD, Verb.ROLLBACK):
        await world.signal(verb, promotion_id="bot/1.9.0/old")
    await world.until(lambda _state: "hold_refused" in world.kinds() and "kill_refused" in world.kinds())
    state = await world.until_phase(Phase.OBSERVING, "paper")
    assert state.stop is None


@pytest.mark.parametrize("payload", [None, "veto!", {"verb": "sing"}, [1, 2], float("nan")])
@pytest.mark.parametrize("name", ["veto", "hold", "kill", "rollback", "approve", "supersede", "vetoo"])
async def test_a_message_that_cannot_be_read_holds(world: World, name: str, payload: Any) -> None:
    handle = await world.start()
    await handle.signal(name, payload)
    state = await world.until_phase(Phase.ON_HOLD)
    assert state.hold is not None
    assert state.hold.code is Code.UNREADABLE_MESSAGE


async def test_a_signal_with_no_argument_at_all_holds(world: World) -> None:
    handle = await world.start()
    await handle.signal("veto")
    assert (await world.until_phase(Phase.ON_HOLD)).hold is not None


async def test_an_unreadable_directory_refuses_permissions_and_lets_prohibitions_stand(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    world.directory.broken = True
    assert (await refused(world, Verb.APPROVE, "rita"))[0] == Code.DIRECTORY_UNREADABLE
    await world.signal(Verb.VETO, "who-knows")
    assert (await world.result()).ending is Ending.VETOED


async def test_a_veto_by_a_stranger_is_refused_and_the_climb_goes_on(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    await world.signal(Verb.VETO, "mallory")
    await world.until_phase(Phase.PAUSING, "canary-10")
    assert "veto_refused" in world.kinds()


async def test_supersede_brings_the_first_down_and_goes_on_as_the_second(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    second = RELEASE.model_copy(update={"version": "2.1.0", "params": "sha256:" + "c" * 64})
    order = StartOrder(promotion_id="bot/2.1.0/next", release=second, identity="ana")
    await world.signal(Verb.SUPERSEDE, "ana", successor=order)
    state = await world.until(lambda state: state.release.version == "2.1.0" and state.phase is Phase.OBSERVING)
    assert state.promotion_id == "bot/2.1.0/next"
    assert world.platform.held == {}
    assert world.platform.held_out == []
    assert world.audit.kinds(world.promotion_id)[-1] == "ended"


async def test_many_signals_renew_the_run_and_lose_nothing(world: World) -> None:
    handle = await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    first = (await handle.describe()).run_id
    for _ in range(505):
        await world.signal(Verb.HOLD, promotion_id="bot/1.9.0/old", message_id=uuid.uuid4().hex)
    await world.until(lambda state: state.signals < 500 and not state.inbox)
    again: WorkflowHandle[Promotion, PromotionResult] = world.client.get_workflow_handle(
        contracts.workflow_id("bot"), result_type=PromotionResult
    )
    assert (await again.describe()).run_id != first
    await world.signal(Verb.VETO, "ben")
    # Asked of the new run: the test server writes a signal that races continue-as-new behind the end of the old one's
    # history, and who waits there for its end waits for ever.
    assert (await again.result()).ending is Ending.VETOED


async def test_a_temporal_cancel_comes_down_too(world: World) -> None:
    handle = await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    await handle.cancel()
    result = await world.result()
    assert result.ending is Ending.ROLLED_BACK
    assert world.platform.held == {}


async def test_a_latched_platform_refuses_the_start(world: World) -> None:
    world.platform.latches.append(Latch(scope="bot", target="bot", reason="drill", by="omar", at=datetime.now(UTC)))
    await world.start()
    result = await world.result()
    assert (result.ending, result.code) == (Ending.REFUSED, Code.LATCHED)


async def test_a_stage_whose_exposure_a_latch_forbids_waits_for_a_person_and_nothing_comes_down(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    world.platform.latches.append(Latch(scope="venue", target="sim", reason="odd", by="omar", at=datetime.now(UTC)))
    await world.update(Verb.APPROVE)
    state = await world.until(lambda state: state.hold is not None)
    assert (state.stage_name, state.entered_at, state.hold and state.hold.code) == ("live", None, Code.LATCHED)
    assert world.platform.shares[Variant.CANDIDATE] == TOTAL / 10, "what stood below stands and is watched"
    await world.update(Verb.RESUME, "omar")
    again = await world.until(
        lambda now: now.hold is not None and state.hold is not None and now.hold.at > state.hold.at
    )
    assert again.stop is None, "going on too early changes nothing"
    world.platform.latches.clear()
    await world.update(Verb.RESUME, "omar")
    assert (await world.until(lambda state: state.entered_at is not None)).stage_name == "live"


async def test_after_a_kill_that_only_pauses_resume_waits_for_the_latch_and_then_lets_it_trade_again(
    world: World,
) -> None:
    await world.start()
    await world.until_phase(Phase.PAUSING, "canary-10")
    world.platform.latches.append(Latch(scope="bot", target="bot", reason="odd", by="omar", at=datetime.now(UTC)))
    await world.signal(Verb.HOLD, "omar", paused=True)
    await world.until_phase(Phase.ON_HOLD)
    await world.update(Verb.RESUME, "omar")
    state = await world.until(lambda state: state.hold is not None and state.hold.code is Code.LATCHED)
    assert state.stop is None
    world.platform.latches.clear()
    await world.update(Verb.RESUME, "omar")
    await world.until(lambda _state: world.platform.effects.count("expose canary-10 10000.00") == 2)
    assert (await world.until_phase(Phase.PAUSING, "canary-10")).hold is None
