"""Every pair of events, in both orders, in one workflow task and across two, at every moment of a climb; and rows.

After each workflow task :class:`tests.activations.walk.Walk` checks what must always hold, and plays on to the
end.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.activations.walk import EVENTS, Broken, Moment, Walk, first_step, moments

from promotion_ladder.core.state import Phase

pytestmark = pytest.mark.filterwarnings("ignore:.*TMPRL1102")  # a stop keeps no run waiting for unanswered updates

MESSAGES = ("veto", "hold", "kill", "approve")
OBSERVING = first_step("canary-10", lambda state: state.phase is Phase.OBSERVING)
ASKING = first_step("canary-10", lambda state: state.phase is Phase.AWAITING_APPROVAL)
PLACES: dict[str, tuple[Moment, ...]] = {
    "replay": tuple(moments(None)),
    "shadow": tuple(moments("shadow")),
    "paper": tuple(moments("paper")),
    "canary": tuple(moments("canary-10")),
    "live": tuple(moments("live")),
    "held while observing": tuple(moments("canary-10", ("hold",), OBSERVING)),
    "held while asking": tuple(moments("canary-10", ("hold",), ASKING)),
    "held by a guard": tuple(moments("canary-10", ("trip and hold",), OBSERVING)),
    "vetoed": tuple(moments("canary-10", ("veto",), OBSERVING)),
    "vetoed before exposure": tuple(moments("paper", ("veto",), 1)),
    "killed": tuple(moments("canary-10", ("kill",), OBSERVING)),
}


def different(places: tuple[Moment, ...]) -> list[Moment]:
    """The moments that differ in more than what is still to be written or told."""
    found: dict[object, Moment] = {}
    for moment in places:
        walk = moment.reach()
        state = walk.run.state
        names = sorted(
            activity.name for activity in walk.run.open.values() if activity.name not in ("record", "notify")
        )
        key = (state.phase, *names, len(walk.run.timers), state.hold is None, state.stop is None, bool(state.passed))
        found.setdefault(key, moment)
        walk.run.close()
    return list(found.values())


def orders(moment: Moment) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Every pair that can happen at ``moment``, workflow task by workflow task; in one task messages come first."""
    here = moment.reach()
    for one in filter(here.can, EVENTS):
        yield from (((one, other),) for other in EVENTS if in_order(one, other) and here.can(one, other))
        then = moment.reach()
        then.deliver(one)
        yield from (((one,), (other,)) for other in filter(then.can, EVENTS))
        then.run.close()
    here.run.close()


def in_order(one: str, other: str) -> bool:
    return one in MESSAGES or other not in MESSAGES


def walk_on(moment: Moment, order: tuple[tuple[str, ...], ...]) -> Walk:
    """The walk after ``order`` to its end."""
    walk = moment.reach()
    try:
        assert all(walk.deliver(*events) for events in order)
        walk.play()
    except Broken:
        walk.run.close()
        raise
    return walk


@pytest.mark.parametrize("place", [place for place in PLACES if place not in ("shadow", "killed")])
def test_no_pair_of_events_breaks_what_must_always_hold(place: str) -> None:
    """In shadow and after a kill the same code runs as in replay and after a veto: one event each, below."""
    walked, broken = 0, []
    for moment in different(PLACES[place]):
        for order in orders(moment):
            try:
                walk_on(moment, order).run.close()
            except Broken as error:
                broken.append(str(error))
            walked += 1
    assert broken == []
    assert walked > 50


ALL = [moment for places in PLACES.values() for moment in places]
ROWS = st.lists(st.tuples(st.sampled_from(EVENTS), st.booleans()), min_size=3, max_size=6)
"""Events in order, each with whether it comes with the one before it."""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ALL), ROWS)
def test_no_longer_row_of_events_breaks_it_either(moment: Moment, row: list[tuple[str, bool]]) -> None:
    """However they fall into workflow tasks; what cannot happen any more at its turn is left out."""
    walk = moment.reach()
    together: list[str] = []
    for event, with_last in [*row, ("", False)]:
        if together and not (with_last and walk.run.ended is None):
            walk.deliver(*sorted(together, key=lambda each: each not in MESSAGES))
            together = []
        if walk.run.ended is not None:
            break
        together.append(event)
    walk.play()
    walk.run.close()


@pytest.mark.parametrize("place", PLACES)
def test_every_event_at_every_moment_replays_to_the_same_commands(place: str) -> None:
    for moment in PLACES[place]:
        here = moment.reach()
        for event in filter(here.can, EVENTS):
            walk = walk_on(moment, ((event,),))
            again = walk.run.again()
            assert again.problem is None
            assert again.issued == walk.run.issued
            again.close()
            walk.run.close()
        here.run.close()
