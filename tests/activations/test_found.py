"""What the walk through all orders has found: one plain story for each."""

import pytest
from tests.activations.desk import Desk, a_trip, begin
from tests.activations.drive import cancel, done, fired

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
