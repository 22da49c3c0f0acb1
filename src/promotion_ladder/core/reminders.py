"""When people who are waited for are reminded."""

from datetime import datetime, timedelta

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.state import Phase, PromotionState

BEFORE_THE_END = (timedelta(minutes=30), timedelta(minutes=5), timedelta(minutes=1))


class Reminder(Record):
    """One reminder that is due."""

    at: Time
    kind: NoticeKind


def next_reminder(state: PromotionState, now: datetime) -> Reminder | None:
    """The next reminder after ``now`` of the window that is open; None if none is, or none is left.

    The last half hour is counted down at 30, 5 and 1 minutes before the end. An approval that nobody has given when
    half of its time is over is told further up; silence in a veto window is an answer, so that is not. While the
    promotion stands still or comes down nobody is reminded, and what was told is not told again (``state.reminded``).
    """
    window = state.window
    if window is None or state.phase not in (Phase.VETO_WINDOW, Phase.AWAITING_APPROVAL):
        return None
    since = max(now, state.reminded) if state.reminded is not None else now
    due = [
        Reminder(at=window.deadline - before, kind=NoticeKind.COUNTDOWN)
        for before in BEFORE_THE_END
        if window.deadline - before > window.opened_at
    ]
    if state.phase is Phase.AWAITING_APPROVAL and not state.approvals:
        half = window.opened_at + (window.deadline - window.opened_at) / 2
        due.append(Reminder(at=half, kind=NoticeKind.ESCALATED))
    left = [one for one in due if one.at > since]
    return min(left, key=lambda one: (one.at, one.kind is not NoticeKind.ESCALATED), default=None)
