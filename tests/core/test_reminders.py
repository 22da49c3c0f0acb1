"""When people who are waited for are reminded: each time once, and never when nobody is waited for."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.cards import NOW, a_state, approval_of

from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.reminders import Reminder, next_reminder
from promotion_ladder.core.state import Phase, PromotionState, Window


def waiting(length: timedelta, phase: Phase = Phase.AWAITING_APPROVAL, **more: Any) -> PromotionState:
    window = Window(opened_at=NOW, deadline=NOW + length, notice_id="n", evidence="e" * 64)
    return a_state(phase=phase, window=window, **more)


def reminded(state: PromotionState, since: datetime = NOW) -> list[tuple[float, NoticeKind]]:
    """Every reminder from ``since`` on, in minutes after the window opened."""
    told = []
    reminder: Reminder | None = next_reminder(state, since)
    while reminder is not None:
        told.append(((reminder.at - NOW) / timedelta(minutes=1), reminder.kind))
        state = state.model_copy(update={"reminded": reminder.at})
        reminder = next_reminder(state, reminder.at)
    return told


def test_an_approval_is_told_further_up_at_half_time_and_counted_down_at_the_end() -> None:
    assert reminded(waiting(timedelta(hours=4))) == [
        (120, NoticeKind.ESCALATED),
        (210, NoticeKind.COUNTDOWN),
        (235, NoticeKind.COUNTDOWN),
        (239, NoticeKind.COUNTDOWN),
    ]


def test_half_time_counts_more_than_the_countdown_of_the_same_moment() -> None:
    assert reminded(waiting(timedelta(hours=1)))[0] == (30, NoticeKind.ESCALATED)


def test_silence_in_a_veto_window_is_an_answer_so_nobody_is_called() -> None:
    assert {kind for _, kind in reminded(waiting(timedelta(hours=4), Phase.VETO_WINDOW))} == {NoticeKind.COUNTDOWN}


def test_who_has_an_approval_already_is_not_unread() -> None:
    state = waiting(timedelta(hours=4), approvals=[approval_of("rita")])
    assert NoticeKind.ESCALATED not in {kind for _, kind in reminded(state)}


def test_what_a_restart_slept_through_is_not_told_late() -> None:
    assert reminded(waiting(timedelta(hours=4)), NOW + timedelta(minutes=236)) == [(239, NoticeKind.COUNTDOWN)]


def test_nobody_is_reminded_while_it_stands_still_or_comes_down() -> None:
    for phase in Phase:
        if phase not in (Phase.AWAITING_APPROVAL, Phase.VETO_WINDOW):
            assert next_reminder(waiting(timedelta(hours=4), phase), NOW) is None
    assert next_reminder(a_state(phase=Phase.OBSERVING), NOW) is None


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.sampled_from([Phase.AWAITING_APPROVAL, Phase.VETO_WINDOW]))
def test_reminders_come_in_order_each_once_and_within_the_window(seconds: int, since: int, phase: Phase) -> None:
    length = timedelta(seconds=seconds)
    moments = [minutes for minutes, _ in reminded(waiting(length, phase), NOW + timedelta(seconds=since))]
    assert moments == sorted(set(moments))
    assert all(max(0, since / 60) < minutes < seconds / 60 for minutes in moments)
