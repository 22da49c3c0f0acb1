"""How a stage is left once its gates pass: at once, after a veto window, or with approvals.

The gates are judged again at the end of every wait: time passing promotes nothing.
"""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.notification import NotificationActivities
    from promotion_ladder.contracts import Since
    from promotion_ladder.core.base import show_duration
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.decide import Step
    from promotion_ladder.core.ladder import ApprovalExit, VetoExit
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.rules import approval_terms, evidence_asked, quorum, step_asked, window_length
    from promotion_ladder.core.state import Ending, Phase, Window
    from promotion_ladder.workflows.climb import Climb, Disturbed
    from promotion_ladder.workflows.incidents import delivered
    from promotion_ladder.workflows.observation import judge
    from promotion_ladder.workflows.options import SILENCE


NOBODY_KNOWS = timedelta(minutes=5)
"""How much longer a window is kept open while it cannot be asked whether an answer would have been heard."""
PUNCTUAL = timedelta(seconds=5)
"""A notice that took longer to be delivered told an earlier deadline than there is."""


async def leave(climb: Climb) -> Code | None:
    """Pass the stage's exit: the code it was left by, or None if the gates no longer pass."""
    leaving = climb.state.stage.exit
    match leaving:
        case VetoExit():
            await _veto_window(climb)
        case ApprovalExit():
            await _approval(climb)
        case _:
            return Code.GATES_PASSED
    climb.state.window = None
    decision = (await judge(climb)).decision
    if decision.step is not Step.ADVANCE:
        climb.state.approvals.clear()
        sentence = f"gates no longer pass: {decision.sentence}"
        climb.record("sent_back", sentence, code=decision.code)
        climb.tell(NoticeKind.SENT_BACK, sentence)
        return None
    return Code.VETO_WINDOW_PASSED if isinstance(leaving, VetoExit) else Code.APPROVED


async def _veto_window(climb: Climb) -> None:
    """Run the window; it opens only when its notice was delivered."""
    if climb.state.window is None:
        lasts = show_duration(window_length(climb.state))
        await _open(climb, NoticeKind.VETO_WINDOW, f"leaves {climb.state.stage_name} in {lasts} unless somebody vetoes")
    climb.enter_phase(Phase.VETO_WINDOW)
    while True:
        await climb.wait(lambda: False, f"veto window of {climb.state.stage_name}", lambda: _deadline(climb))
        if not await _was_deaf(climb):
            return


async def _was_deaf(climb: Climb) -> bool:
    """Whether nobody could have answered for a part of the window that just ended: it is made up for."""
    window = climb.state.window
    if window is None:
        return False
    ask = Since(at=window.opened_at)
    try:
        lasted = (
            await climb.perform(
                NotificationActivities.silence, ask, "could an answer have been heard?", SILENCE, harmless=True
            )
        ).lasted
    except Disturbed:
        return True  # a hold moves the deadline, or whatever ends it
    except ActivityError:
        _keep_open(climb, window.silence, workflow.now() + NOBODY_KNOWS, "nobody can say whether an answer is heard")
        return True
    lost = lasted - window.silence
    if lost <= timedelta(0):
        return False
    _keep_open(climb, lasted, workflow.now() + lost, f"for {show_duration(lost)} nobody could have answered")
    return True


def _keep_open(climb: Climb, silence: timedelta, deadline: datetime, why: str) -> None:
    state = climb.state
    if state.window is None:
        return
    state.window = state.window.model_copy(update={"deadline": deadline, "silence": silence})
    sentence = f"{why}: the window of {state.stage_name} stays open"
    climb.record("window_moved", sentence, code=Code.NOTICE_UNDELIVERED, deadline=deadline.isoformat())
    climb.tell(NoticeKind.WINDOW_MOVED, sentence, deadline=deadline)


async def _approval(climb: Climb) -> None:
    """Wait for the quorum; silence until the deadline brings down what is exposed and holds what is not."""
    state = climb.state
    roles, _ = approval_terms(state)
    needed = quorum(state)
    if state.window is None:
        state.approvals.clear()
        people = f"{needed} of {', '.join(roles)}"
        await _open(climb, NoticeKind.APPROVAL_NEEDED, f"needs {people} to {step_asked(state)}")
    climb.enter_phase(Phase.AWAITING_APPROVAL)
    while True:
        enough = await climb.wait(
            lambda: len(state.approvals) >= needed, f"approval of {state.stage_name}", lambda: _deadline(climb)
        )
        if enough or not await _was_deaf(climb):
            break
    if not enough:
        _expired(climb)
        await climb.checkpoint()
        state.window = None  # resumed after the hold: asked for anew
        await _approval(climb)


def _expired(climb: Climb) -> None:
    sentence = f"nobody with the right approved {climb.state.stage_name} in time"
    if climb.state.may_be_exposed:
        climb.stop(Code.APPROVAL_EXPIRED, "ladder", sentence, Ending.ROLLED_BACK)
    else:
        climb.hold(Code.APPROVAL_EXPIRED, "ladder", sentence)


async def await_resume_approval(climb: Climb) -> None:
    """Before a resumed climb enters its first stage: the approval that the skipped exits would have asked for."""
    if climb.state.resume_roles:
        await _approval(climb)
        climb.state.window, climb.state.resume_roles = None, ()


async def _open(climb: Climb, kind: NoticeKind, title: str) -> None:
    climb.enter_phase(Phase.AWAITING_NOTICE)
    state, lasts = climb.state, window_length(climb.state)
    verdicts = state.decision.verdicts if state.decision else ()
    lines = tuple(f"{verdict.name}: {verdict.sentence} ({verdict.outcome})" for verdict in verdicts)
    told: datetime = workflow.now()
    notice_id = climb.tell(kind, title, lines, deadline=told + lasts, needs_person=True)
    await delivered(climb, notice_id)
    opened: datetime = workflow.now()
    state.window = Window(
        opened_at=opened, deadline=opened + lasts, notice_id=notice_id, evidence=evidence_asked(state)
    )
    climb.record("window_opened", title, evidence=state.evidence, deadline=(opened + lasts).isoformat())
    if opened - told > PUNCTUAL:
        climb.tell(NoticeKind.WINDOW_MOVED, title, deadline=opened + lasts)


def _deadline(climb: Climb) -> datetime | None:
    return climb.state.window.deadline if climb.state.window else None
