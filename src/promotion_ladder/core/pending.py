"""What a promotion waits for, for the person who must act."""

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.rules import approval_terms, quorum
from promotion_ladder.core.state import Phase, PromotionState

WAITS_FOR_PEOPLE = (Phase.AWAITING_APPROVAL, Phase.VETO_WINDOW, Phase.ON_HOLD)
"""Where somebody may want to act now."""


class Pending(Record):
    """What is waited for, who may act, until when, and what silence does."""

    waiting_for: str
    who: tuple[str, ...] = ()
    """Roles; empty when nobody need act."""
    not_by: str = ""
    """The one person who may not, where four eyes are asked."""
    deadline: Time | None = None
    on_silence: str = ""
    """What happens at the deadline, or for as long as nobody acts."""

    @property
    def sentence(self) -> str:
        """All of it but the time left: ``approval 0 of 1 by risk, not ana``."""
        by = f" by {', '.join(self.who)}" if self.who else ""
        return self.waiting_for + by + (f", not {self.not_by}" if self.not_by else "")


def pending(state: PromotionState) -> Pending:
    """What ``state`` waits for, in words."""
    deadline = state.window.deadline if state.window else None
    match state.phase:
        case Phase.AWAITING_APPROVAL:
            roles, four_eyes = approval_terms(state)
            return Pending(
                waiting_for=f"approval {len(state.approvals)} of {quorum(state)}",
                who=roles,
                not_by=state.author if four_eyes else "",
                deadline=deadline,
                on_silence="rolled back" if state.may_be_exposed else "held",
            )
        case Phase.VETO_WINDOW:
            return Pending(waiting_for="a veto, if anyone objects", deadline=deadline, on_silence="goes on")
        case Phase.AWAITING_NOTICE:
            roles, _ = approval_terms(state)
            then = ", then approval" if roles else ""
            return Pending(waiting_for=f"the delivery of its notice{then}", who=roles, on_silence="stays")
        case Phase.ON_HOLD:
            reason = f" ({state.hold.reason})" if state.hold else ""
            return Pending(waiting_for=f"resume, retry, skip or rollback{reason}", on_silence="stays")
        case Phase.PAUSING:
            return Pending(waiting_for="the end of its pause", deadline=state.pause_until)
        case Phase.OBSERVING:
            return Pending(waiting_for="its gates", deadline=state.observe_until, on_silence="held")
        case Phase.COMING_DOWN:
            return Pending(waiting_for="bot and venue to say flat")
        case _:
            return Pending(waiting_for=f"nobody: it is {state.phase}")
