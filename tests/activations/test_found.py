"""What the walk through all orders has found: one plain story for each."""

import pytest
from tests.activations.desk import Desk, a_trip, begin
from tests.activations.drive import cancel, done, fired

from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase

pytestmark = pytest.mark.filterwarnings("ignore:.*TMPRL1102")


@pytest.mark.parametrize(("stage", "order"), [(None, "acquire"), ("canary-10", "enter"), ("live", "settle")])
def test_a_cancel_request_withdraws_the_order_under_way(stage: str | None, order: str) -> None:
    """Left to itself it is tried again for ever, while the way down takes away what it gives."""
    desk = begin(stage).until(lambda run: run.opened(order) is not None)
    issued = desk.feed(cancel())
    assert f"cancel {order}" in issued
    assert desk.run.state.stop is not None


def to_the_last_second(stage: str) -> Desk:
    """Everything passed and recorded; only the second of settling is left before the move."""
    return begin(stage).until(lambda run: bool(run.state.passed) and not run.opened("record"), approve=True)


@pytest.mark.parametrize("abort", [True, False])
@pytest.mark.parametrize("guard_first", [True, False])
@pytest.mark.parametrize("stage", ["canary-10", "live"])
def test_a_guard_that_trips_in_the_workflow_task_of_the_last_timer_is_not_too_late(
    stage: str, guard_first: bool, abort: bool
) -> None:
    """It had paused entries at the platform, and the next stage's exposure lifted that pause."""
    desk = to_the_last_second(stage)
    guard = desk.run.opened("guard")
    assert guard is not None
    (timer,) = desk.run.timers
    jobs = [done(guard.seq, a_trip(desk.run.now, abort=abort)), fired(timer)]
    issued = desk.feed(*(jobs if guard_first else reversed(jobs)))
    assert "settle" not in issued
    assert desk.run.ended is None
    assert desk.run.state.stage_name == stage
    assert (desk.run.state.stop if abort else desk.run.state.hold) is not None


@pytest.mark.parametrize("moment", ["restore", "hold_out", "record"])
def test_a_kill_flattens_even_when_the_way_down_seemed_done(moment: str) -> None:
    """Nothing had been exposed, as far as was known: whatever we believe, a kill flattens."""
    desk = begin(None).until(lambda run: run.opened("acquire") is None and run.state.epoch > 0)
    desk.feed(desk.tell(Verb.VETO))
    desk.until(lambda run: run.opened(moment) is not None and (moment != "record" or run.state.phase is Phase.ENDED))
    desk.feed(desk.tell(Verb.KILL))
    desk.until(lambda run: run.ended is not None)
    assert "flatten" in desk.run.issued
    state = desk.run.state
    assert (state.ending, state.ended_because) == (Ending.ROLLED_BACK, Code.KILLED)


def test_a_message_that_comes_while_the_last_notices_wait_is_still_ruled_on_and_recorded() -> None:
    """The chain of the record ended before the event that the result's head names."""
    desk = begin("live").until(lambda run: run.state.phase is Phase.ENDED)
    record = desk.run.opened("record")
    assert record is not None
    desk.feed(desk.answer(record.seq))
    desk.feed(desk.tell(Verb.HOLD))
    notice = desk.run.opened("notify")
    assert notice is not None
    desk.feed(desk.answer(notice.seq))
    assert desk.run.ended is None
    desk.until(lambda run: run.ended is not None)
    assert (desk.run.state.inbox, desk.run.state.outbox) == ([], [])


@pytest.mark.parametrize("event", ["trip and hold", "trip", "veto", "hold"])
def test_what_comes_while_the_last_notice_waits_still_meets_the_old_stage(event: str) -> None:
    """The climb stood at live already: a guard of canary held it there, and a resume gave live its share unentered."""
    desk = begin("canary-10").until(lambda run: run.state.phase is Phase.AWAITING_APPROVAL and not run.opened("record"))
    for job in (desk.tell(Verb.HOLD), desk.ask(Verb.RESUME), desk.ask(Verb.APPROVE)):  # the hold's notice stays open
        desk.feed(job)
        while seqs := [a.seq for a in desk.run.open.values() if a.name not in ("guard", "notify")]:
            desk.feed(desk.answer(seqs[0]))
    desk.feed(fired(min(desk.run.timers)))
    assert desk.run.issued[-1] == "timer 0:00:02"
    last = desk.job(event)
    assert last is not None
    desk.feed(last)
    desk.until(lambda run: run.state.hold is not None or run.state.stop is not None)
    assert desk.run.state.stage_name == "canary-10"
