"""What a promotion waits for, for the person who must act."""

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.rules import approval_terms, quorum
from promotion_ladder.core.state import Phase, PromotionState


class Pending(Record):
    """What is waited for, who may act, until when, and what silence does."""

    waiting_for: str
    who: tuple[str, ...] = ()
    """Roles; empty when nobody need act."""
    deadline: Time | None = None
    on_silence: str = ""


def pending(state: PromotionState) -> Pending:
    """What ``state`` waits for, in words."""
    window = state.window
    deadline = window.deadline if window else None
    match state.phase:
        case Phase.AWAITING_APPROVAL:
            roles, four_eyes = approval_terms(state)
            have, need = len(state.approvals), quorum(state)
            but = f", not from {state.author}" if four_eyes and state.author else ""
            silence = "rolled back" if state.may_be_exposed else "held"
            return Pending(
                waiting_for=f"approval {have} of {need} to leave {state.stage_name}{but}",
                who=roles,
                deadline=deadline,
                on_silence=silence,
            )
        case Phase.VETO_WINDOW:
            return Pending(
                waiting_for=f"the veto window of {state.stage_name}", deadline=deadline, on_silence="goes on"
            )
        case Phase.AWAITING_NOTICE:
            return Pending(waiting_for="the delivery of its notice", on_silence="stays")
        case Phase.ON_HOLD:
            reason = state.hold.reason if state.hold else ""
            return Pending(
                waiting_for=f"resume, retry, skip or rollback; on hold: {reason}", who=("oncall",), on_silence="stays"
            )
        case Phase.PAUSING:
            return Pending(waiting_for=f"the pause of {state.stage_name}", deadline=state.pause_until)
        case Phase.OBSERVING:
            return Pending(
                waiting_for=f"the gates of {state.stage_name}", deadline=state.observe_until, on_silence="holds"
            )
        case Phase.COMING_DOWN:
            return Pending(waiting_for="bot and venue to say flat")
        case _:
            return Pending(waiting_for=f"nobody; it is {state.phase}")
