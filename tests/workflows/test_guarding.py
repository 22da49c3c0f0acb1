"""What guards do to a climb: between two stages, and when a scope is paused for a while."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.workflows.conftest import World

from promotion_ladder.contracts import GuardTrip
from promotion_ladder.core.codes import Code
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.core.verdict import Outcome, Verdict


def a_trip(*, abort: bool, code: Code = Code.GATE_FAILED) -> GuardTrip:
    verdict = Verdict(
        name="loss", kind="loss", outcome=Outcome.FAIL, code=code, value=Decimal(300), limit=Decimal(100),
        sentence="loss in this stage is 300, limit at most 100", details={"owner": "omar"},
    )  # fmt: skip
    return GuardTrip(verdict=verdict, abort=abort, paused=True, at=datetime.now(UTC))


async def to_live_that_cannot_be_entered(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    world.platform.refuse_exposure = True
    await world.update(Verb.APPROVE)


async def test_what_is_exposed_is_watched_while_the_next_stage_is_entered(world: World) -> None:
    await to_live_that_cannot_be_entered(world)
    state = await world.until(lambda _state: "canary-10 below live" in world.watched)
    assert (state.phase, state.stage_name) == (Phase.ENTERING, "live")
    assert world.watched == ["canary-10", "canary-10 below live"]
    world.platform.refuse_exposure = False
    await world.until_phase(Phase.OBSERVING, "live")
    assert (await world.result()).ending is Ending.STABLE
    assert world.watched == ["canary-10", "canary-10 below live", "live"]


@pytest.mark.parametrize("abort", [True, False])
async def test_a_guard_that_trips_between_two_stages_comes_down(world: World, abort: bool) -> None:
    world.trip, world.trip_at = a_trip(abort=abort), "canary-10 below live"
    await to_live_that_cannot_be_entered(world)
    result = await world.result()
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.GUARD_TRIPPED)
    assert world.platform.held == {}
    assert "expose live 100000.00" not in world.platform.effects
    (told,) = (notice for notice in world.notifier.notices if notice.kind is NoticeKind.GUARD_TRIPPED)
    assert told.owners == ("omar",)


async def test_an_attempt_that_cannot_begin_leaves_the_one_before_watched(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    await world.signal(Verb.HOLD)
    await world.until_phase(Phase.ON_HOLD)
    world.platform.refuse_exposure = True
    await world.update(Verb.RETRY)
    await world.until(lambda _state: "canary-10 below canary-10" in world.watched)
    world.platform.refuse_exposure = False
    state = await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    assert (state.attempt, state.standing) == (2, None)
    assert world.watched == ["canary-10", "canary-10 below canary-10", "canary-10"]


async def test_a_paused_scope_is_recorded_and_told_and_keeps_the_climb_where_it_is(world: World) -> None:
    world.pause_at = "canary-10"
    await world.start()
    state = await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    assert state.paused_scopes == ("market:WTI",)
    assert state.hold is None
    await world.update(Verb.APPROVE)
    await world.until(lambda state: state.paused_scopes == ())
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    await world.update(Verb.APPROVE)
    assert (await world.result()).ending is Ending.STABLE
    events = {link.event.kind: link.event for link in world.audit.events[world.promotion_id]}
    assert events["scope_goes_on"].at - events["scope_paused"].at >= timedelta(hours=2)
    assert [notice.kind for notice in world.notifier.notices].count(NoticeKind.SCOPE_PAUSED) == 2
    live = next(e.event for e in world.audit.events[world.promotion_id] if e.event.stage == "live")
    assert live.at > events["scope_goes_on"].at


async def test_a_blind_guard_says_so_when_it_comes_down(world: World) -> None:
    world.trip, world.trip_at = a_trip(abort=True, code=Code.GUARD_BLIND), "canary-10"
    await world.start()
    assert (await world.result()).code is Code.GUARD_BLIND
