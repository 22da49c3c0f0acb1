"""The rules of messages: what a promotion in a given state may be told, whoever tells it."""

from datetime import timedelta

from promotion_ladder.core.base import Record
from promotion_ladder.core.canonical import digest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.ladder import ApprovalExit, VetoExit
from promotion_ladder.core.people import Ruling, Verb, named
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.state import Command, Hold, Phase, PromotionState
from promotion_ladder.core.ways import Flatten, WayDown

LONGEST_EXTENSION = timedelta(days=90)
RESUME_EXPIRES = timedelta(hours=24)
"""How long an approval of entering at a later stage is waited for."""


class Refusal(Record):
    """Why a message has no effect."""

    code: Code
    sentence: str


def refusal(state: PromotionState, command: Command) -> Refusal | None:
    """Why ``command`` cannot have effect in ``state``, whoever sent it; None if it can.

    Prohibitions are refused only when they are meant for another promotion or there is nothing left to prohibit.
    """
    bad = misdirected(state, command)
    if bad is not None:
        return bad
    if state.stop is not None and command.verb not in (Verb.KILL, Verb.VETO, Verb.ROLLBACK, Verb.HOLD):
        return Refusal(code=Code.COMING_DOWN, sentence=f"it is coming down: {state.stop.reason}")
    if command.verb is Verb.SUPERSEDE:
        return _no_successor(state, command)
    if command.verb.prohibits:
        return None
    return _misplaced(state, command) or _out_of_turn(state, command)


def misdirected(state: PromotionState, command: Command) -> Refusal | None:
    """Why a message is not for this promotion at all; None if it is."""
    if command.promotion_id == state.promotion_id:
        return None
    return Refusal(
        code=Code.WRONG_PROMOTION, sentence=f"meant for {command.promotion_id}, this is {state.promotion_id}"
    )


def _no_successor(state: PromotionState, command: Command) -> Refusal | None:
    after = command.successor
    if after is None or after.release.bot != state.release.bot or after.promotion_id == state.promotion_id:
        return Refusal(code=Code.NOT_A_SUCCESSOR, sentence=Code.NOT_A_SUCCESSOR.sentence)
    return None


def _misplaced(state: PromotionState, command: Command) -> Refusal | None:
    """A permission says which stage and attempt it is for."""
    if command.stage is not None and command.stage != state.stage_name:
        return Refusal(
            code=Code.WRONG_STAGE, sentence=f"meant for stage {command.stage}, it is at {state.stage_name or 'none'}"
        )
    if command.attempt is not None and command.attempt != state.attempt:
        return Refusal(
            code=Code.WRONG_STAGE, sentence=f"meant for attempt {command.attempt}, this is attempt {state.attempt}"
        )
    return None


def _out_of_turn(state: PromotionState, command: Command) -> Refusal | None:
    """A permission fits what the promotion waits for."""
    match command.verb:
        case Verb.APPROVE:
            return _approval_out_of_turn(state, command)
        case Verb.RESUME | Verb.RETRY | Verb.SKIP if _another_hold(state, command):
            return Refusal(code=Code.STALE_EVIDENCE, sentence="another hold was looked at than the one that stands now")
        case Verb.RESUME if state.hold is None and not _pauses_until_resumed(state):
            return Refusal(code=Code.NOT_ON_HOLD, sentence=f"it is {state.phase}, nothing to resume")
        case Verb.RETRY | Verb.SKIP if state.hold is None:
            return Refusal(code=Code.NOT_ON_HOLD, sentence=f"it is {state.phase}; {command.verb} needs a hold first")
        case Verb.RETRY | Verb.SKIP if state.entered_at is None:
            return Refusal(code=Code.NOT_ON_HOLD, sentence="the stage was not entered yet; resume, or roll back")
        case Verb.EXTEND if command.extend_by is None or not timedelta(0) < command.extend_by <= LONGEST_EXTENSION:
            return Refusal(code=Code.EXTENSION_OUT_OF_RANGE, sentence=Code.EXTENSION_OUT_OF_RANGE.sentence)
        case Verb.EXTEND if state.observe_until is None:
            return Refusal(code=Code.NOTHING_TO_EXTEND, sentence=f"it is {state.phase}, nothing to extend")
        case Verb.CANCEL if state.may_be_exposed:
            return Refusal(code=Code.STILL_EXPOSED, sentence=f"stage {state.stage_name} exposes capital")
        case _:
            return None


def hold_mark(hold: Hold) -> str:
    """What tells one hold from another; who ends a hold names it where it was shown to them."""
    return digest(hold.model_dump(mode="json"))


def _another_hold(state: PromotionState, command: Command) -> bool:
    return command.evidence is not None and state.hold is not None and command.evidence != hold_mark(state.hold)


def _approval_out_of_turn(state: PromotionState, command: Command) -> Refusal | None:
    if state.phase is not Phase.AWAITING_APPROVAL or state.window is None:
        return Refusal(code=Code.NOTHING_TO_APPROVE, sentence=f"it is {state.phase}, nothing to approve")
    if command.evidence is None or command.stage is None or command.attempt is None:
        return Refusal(
            code=Code.STALE_EVIDENCE, sentence="an approval names the stage, the attempt and the evidence it is for"
        )
    if command.evidence != state.window.evidence:
        return Refusal(
            code=Code.STALE_EVIDENCE,
            sentence=f"evidence {command.evidence[:8]} was looked at, now it is {state.window.evidence[:8]}",
        )
    return None


def _pauses_until_resumed(state: PromotionState) -> bool:
    return state.phase is Phase.PAUSING and state.stage.pause == "until_resumed"


def way_down(state: PromotionState) -> WayDown:
    """What becomes of the positions now: what the stage says, but a kill flattens, and so does a lost lease."""
    if state.ladder is None or state.stop is None or state.stop.code in (Code.KILLED, Code.LEASE_LOST):
        return Flatten()
    return state.stage.on_abort


def approver_refusal(state: PromotionState, ruling: Ruling, reason: str) -> Refusal | None:
    """Why this person's approval does not count for what the promotion waits for; None if it does.

    Four eyes and the quorum count persons: the author may not approve for somebody away, nor somebody in the author's
    name; nobody approves
    twice, and what was approved in somebody's name is not approved by that person once more.
    """
    needed, four_eyes = approval_terms(state)
    who, acts_for = ruling.principal, ruling.capacity(needed, but=state.author if four_eyes else "")
    if acts_for is None and set(needed) & set(ruling.unknown):
        return Refusal(
            code=Code.GROUPS_UNKNOWN, sentence=f"{Code.GROUPS_UNKNOWN.sentence[:-1]} that could entitle {who}"
        )
    if acts_for is None and ruling.capacity(needed) is not None:
        return Refusal(code=Code.FOUR_EYES, sentence=f"{who} could only for {state.author}, who made it and may not")
    if acts_for is None:
        return Refusal(code=Code.NOT_ENTITLED, sentence=f"{who} has none of the roles {', '.join(needed)}")
    if four_eyes and who == state.author:
        return Refusal(code=Code.FOUR_EYES, sentence=f"{who} made {state.release.version} and may not approve it")
    for given in state.approvals:
        if given.principal == who or (given.acts_for or given.principal) == (acts_for or who):
            return Refusal(
                code=Code.ALREADY_APPROVED, sentence=f"{named(given.principal, given.acts_for)} has approved already"
            )
    if state.stage.mode in (Mode.CANARY, Mode.LIVE) and not reason.strip():
        return Refusal(code=Code.REASON_NEEDED, sentence=f"approving at stage {state.stage_name} needs a reason")
    return None


def approval_terms(state: PromotionState) -> tuple[tuple[str, ...], bool]:
    """The roles of which an approver needs one, and whether four eyes are asked, for what is waited for now."""
    if state.resume_roles:
        return state.resume_roles, True
    leaving = state.stage.exit
    return (leaving.roles, leaving.four_eyes) if isinstance(leaving, ApprovalExit) else ((), True)


def needs_approval(state: PromotionState) -> bool:
    """Whether people must agree to what comes next; else nobody must object."""
    return bool(state.resume_roles) or isinstance(state.stage.exit, ApprovalExit)


def window_length(state: PromotionState) -> timedelta:
    """How long people have for what is asked of them now; nothing where they are asked nothing."""
    if state.resume_roles:
        return RESUME_EXPIRES
    leaving = state.stage.exit
    if isinstance(leaving, ApprovalExit):
        return leaving.expires
    return leaving.window if isinstance(leaving, VetoExit) else timedelta(0)


def evidence_asked(state: PromotionState) -> str:
    """What people are shown when they are asked, and an approval binds to."""
    return state.evidence or digest([record.model_dump(mode="json") for record in state.passed])


def step_asked(state: PromotionState) -> str:
    """What an approval would let happen: a resumed climb enters its stage, any other leaves it."""
    return f"{'enter' if state.resume_roles else 'leave'} {state.stage_name}"


def quorum(state: PromotionState) -> int:
    """How many different approvals are needed for what is waited for now."""
    if state.resume_roles:
        return state.resume_quorum
    leaving = state.stage.exit
    return leaving.quorum if isinstance(leaving, ApprovalExit) else 1
