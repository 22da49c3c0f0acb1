"""While people are waited for: told again shortly before the end, and told further up when nobody answers."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.core.base import show_duration
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.pending import pending
    from promotion_ladder.core.reminders import Reminder, next_reminder
    from promotion_ladder.workflows.climb import Climb


async def remind(climb: Climb) -> None:
    """Remind for ever: one reminder at a time, each once, whichever window is open."""
    state = climb.state
    while True:
        await workflow.wait_condition(lambda: next_reminder(state, workflow.now()) is not None)
        reminder = next_reminder(state, workflow.now())
        if reminder is not None and await _comes_due(climb, reminder):
            _tell(climb, reminder)


async def _comes_due(climb: Climb, reminder: Reminder) -> bool:
    """Wait for the moment of ``reminder``; False if something makes it void before."""
    now: datetime = workflow.now()
    try:
        await workflow.wait_condition(
            lambda: next_reminder(climb.state, now) != reminder,
            timeout=reminder.at - now,
            timeout_summary=f"reminder: {reminder.kind}",
        )
    except TimeoutError:
        return True
    return False


def _tell(climb: Climb, reminder: Reminder) -> None:
    state, now = climb.state, workflow.now()
    state.reminded = reminder.at
    if state.window is None or now >= state.window.deadline:
        return  # no worker lived at the moment
    waiting = pending(state)
    left = show_duration(state.window.deadline - now)
    title = f"{left} left: {waiting.sentence}; unanswered it is {waiting.on_silence}"
    climb.tell(reminder.kind, title, deadline=state.window.deadline, needs_person=reminder.kind is NoticeKind.ESCALATED)
