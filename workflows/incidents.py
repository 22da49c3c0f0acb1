"""What of a promotion needs a person: into the queue of incidents, beside the story and never awaited by it."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.incidents import IncidentNews, NewIncident, Severity
    from promotion_ladder.workflows.climb import Climb

NOTICE_PATIENCE = timedelta(minutes=5)
"""How long a window may wait for its notice before somebody must look at the channel."""


def open_incident(climb: Climb, about: str, severity: Severity, code: Code, sentence: str, action: str) -> None:
    """Open the promotion's incident ``about`` something, unless it is open; it waits for its writing in the state."""
    state = climb.state
    key = _key(climb, about)
    if key in state.unresolved:
        return
    state.unresolved.append(key)
    new = NewIncident(
        key=key, severity=severity, scope="bot", target=state.release.bot, code=code, sentence=sentence[:2000],
        action=action,
    )  # fmt: skip
    state.news.append(IncidentNews(at=workflow.now(), opened=new))


def resolve_incident(climb: Climb, about: str, sentence: str) -> None:
    """End the promotion's incident ``about`` something, if it opened one: what was wrong is over."""
    state = climb.state
    key = _key(climb, about)
    if key in state.unresolved:
        state.unresolved.remove(key)
        state.news.append(IncidentNews(at=workflow.now(), resolved=key, sentence=sentence))


def _key(climb: Climb, about: str) -> str:
    return f"{about}:{climb.state.promotion_id}"


async def delivered(climb: Climb, notice_id: str) -> None:
    """Wait until a notice was delivered, however long it takes; a person hears of a channel that does not take it."""

    def gone() -> bool:
        return all(notice.notice_id != notice_id for notice in climb.state.notices)

    late = workflow.now() + NOTICE_PATIENCE
    if not await climb.wait(gone, "notice", lambda: late):
        open_incident(
            climb, "notice", Severity.WARNING, Code.NOTICE_UNDELIVERED,
            f"{climb.state.release.bot}: the notice of {climb.state.stage_name} could not be delivered for 5 minutes, "
            "so its window does not open",
            "on-call: mend the channel for notices; the window opens by itself then",
        )  # fmt: skip
        await climb.wait(gone, "notice")
    resolve_incident(climb, "notice", "the notice was delivered")
