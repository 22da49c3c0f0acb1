"""While people are waited for: reminded once each, called further up when silent, and never cheated of their window."""

from collections import Counter
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from tests.workflows.conftest import World

from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.people import Verb
from promotion_ladder.core.rules import hold_mark
from promotion_ladder.core.state import Ending, Phase


def told(world: World) -> Counter[NoticeKind]:
    return Counter(notice.kind for notice in world.notifier.notices)


async def test_an_approval_nobody_gives_is_escalated_once_and_counted_down_to_its_end(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    before = told(world)[NoticeKind.COUNTDOWN]
    await world.result()
    assert told(world)[NoticeKind.ESCALATED] == 1
    assert told(world)[NoticeKind.COUNTDOWN] - before == 3
    (call,) = [notice for notice in world.notifier.notices if notice.kind is NoticeKind.ESCALATED]
    assert "approval 0 of 1 by risk" in call.title
    assert "rolled back" in call.title
    assert call.needs_person


async def test_an_answer_is_told_with_how_many_are_still_needed(world: World) -> None:
    await world.start()
    state = await world.until_phase(Phase.AWAITING_APPROVAL)
    assert state.window is not None
    await world.update(Verb.APPROVE, reason="fine", **await world.seen(Verb.APPROVE))
    await world.until_phase(Phase.OBSERVING, "live")
    (answer,) = [notice for notice in world.notifier.notices if notice.kind is NoticeKind.ANSWERED]
    assert "rita approved 2.0.0 at canary-10 (1 of 1)" in answer.title
    await world.signal(Verb.VETO, reason="done")
    await world.result()


async def test_a_window_in_which_a_veto_could_not_be_heard_is_made_longer_by_as_much(world: World) -> None:
    world.notifier.silent = timedelta(hours=2)
    await world.start()
    opened = await world.until_phase(Phase.VETO_WINDOW, "paper")
    assert opened.window is not None
    moved = await world.until(lambda state: state.window is not None and bool(state.window.silence))
    assert moved.window is not None
    assert moved.window.silence == timedelta(hours=2)
    assert moved.window.deadline - opened.window.deadline >= timedelta(hours=2)
    await world.signal(Verb.VETO, reason="read it only now")
    assert (await world.result()).ending is Ending.VETOED
    assert world.kinds().count("window_moved") == 1


async def test_while_nobody_can_say_whether_a_veto_is_heard_the_window_stays_open(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    world.notifier.down = True
    state = await world.until(lambda _: "window_moved" in world.kinds())
    assert state.stage_name == "paper"
    world.notifier.down = False
    await world.until(lambda state: state.stage_name == "canary-10")
    await world.signal(Verb.VETO, reason="done")
    await world.result()


async def test_what_no_channel_took_before_the_end_is_told_afterwards_and_the_lock_does_not_wait(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    world.notifier.down = True
    await world.signal(Verb.VETO, reason="while Slack is away")
    result = await world.result()
    assert result.ending is Ending.VETOED
    assert NoticeKind.ENDED not in told(world)
    world.notifier.down = False
    left = world.client.get_workflow_handle(f"notices/{result.promotion_id}")
    await left.result()
    assert told(world)[NoticeKind.ENDED] == 1
    assert world.notifier.tellings[-1].card.ending is Ending.VETOED


async def test_who_ends_a_hold_ends_the_one_they_saw(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.HOLD, "omar", reason="one")
    one = (await world.until_phase(Phase.ON_HOLD)).hold
    assert one is not None
    await world.update(Verb.RESUME, "ana", reason="fine", evidence=hold_mark(one))
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.HOLD, "rob", reason="two: do not resume")
    await world.until_phase(Phase.ON_HOLD)
    with pytest.raises(WorkflowUpdateFailedError):
        await world.update(Verb.RESUME, "ana", reason="late", evidence=hold_mark(one))
    assert (await world.state()).hold is not None
    await world.signal(Verb.VETO, reason="done")
    await world.result()


async def test_an_approval_that_could_not_be_heard_does_not_expire(world: World) -> None:
    await world.start()
    opened = await world.until_phase(Phase.AWAITING_APPROVAL)
    world.notifier.silent = timedelta(hours=3)
    moved = await world.until(lambda state: state.window is not None and bool(state.window.silence))
    assert opened.window is not None
    assert moved.window is not None
    assert moved.window.deadline - opened.window.deadline >= timedelta(hours=3)
    assert moved.phase is Phase.AWAITING_APPROVAL
    await world.signal(Verb.VETO, reason="done")
    await world.result()
