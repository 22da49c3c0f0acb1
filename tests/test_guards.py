"""The guard activity on a platform in memory: what it does itself, before anybody is told."""

from decimal import Decimal

import pytest
from tests.crowd import guarded_canary
from tests.fake_metrics import FakeMetrics

from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.contracts import GuardTrip
from promotion_ladder.core.gates import OnTrip
from promotion_ladder.core.platform import Variant


async def tripped(then: OnTrip, refusals: int = 0) -> tuple[GuardTrip, dict[Variant, int], set[Variant]]:
    """A loss beyond the limit while both variants have orders: the trip, the orders left and who is paused."""
    platform, order, _ = guarded_canary()
    assert order.stage.guards is not None
    (loss,) = (check for check in order.stage.guards.checks if check.kind == "loss")
    guards = order.stage.guards.model_copy(update={"checks": (loss.model_copy(update={"on_trip": then}),)})
    platform.pnl, platform.refuse_pauses = Decimal(-1_000_000), refusals
    platform.resting = {Variant.CANDIDATE: 3, Variant.BASELINE: 1}
    stage = order.stage.model_copy(update={"guards": guards})
    trip = await GuardActivities(platform, FakeMetrics()).guard(order.model_copy(update={"stage": stage}))
    return trip, platform.resting, platform.paused


@pytest.mark.parametrize("refusals", [0, 3])
async def test_what_is_to_come_down_is_cancelled_by_the_guard_itself_so_that_no_queue_of_temporal_delays_it(
    refusals: int,
) -> None:
    trip, resting, paused = await tripped(OnTrip.ABORT, refusals)
    assert (trip.abort, trip.paused) == (True, True)
    assert resting == {}
    assert paused == {Variant.CANDIDATE, Variant.BASELINE}


async def test_what_is_held_keeps_its_orders_and_baseline_trades_on() -> None:
    trip, resting, paused = await tripped(OnTrip.HOLD)
    assert (trip.abort, trip.paused) == (False, True)
    assert resting == {Variant.CANDIDATE: 3, Variant.BASELINE: 1}
    assert paused == {Variant.CANDIDATE}
