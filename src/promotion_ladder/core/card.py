"""The card of a promotion: what a person must see to say yes or no within a minute, whatever shows it to them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from promotion_ladder.core.base import Money, Record, Time
from promotion_ladder.core.notice import Notice
from promotion_ladder.core.pending import Pending, pending
from promotion_ladder.core.people import Verb
from promotion_ladder.core.release import ChangeClass
from promotion_ladder.core.rules import evidence_asked, hold_mark, needs_approval, quorum, window_length
from promotion_ladder.core.state import Ending, Phase, PromotionState, Window
from promotion_ladder.core.verdict import Verdict

STABLE = "stable"
"""Where the last stage leads."""


class Place(StrEnum):
    """Where a rung stands from the climb's point of view."""

    PASSED = "passed"
    HERE = "here"
    AHEAD = "ahead"


class Rung(Record):
    """One stage of the ladder."""

    name: str
    share: Decimal
    """The candidate's share of the capital at the venue, 0 to 1."""
    place: Place


class Card(Record):
    """One promotion as it stands."""

    bot: str
    release: str
    digest: str
    author: str
    change: ChangeClass
    reason: str
    """Why it was started, in the starter's words."""
    phase: Phase
    stage: str
    attempt: int
    entered_at: Time | None
    capital: Money | None
    """The whole capital of the bot, in its currency."""
    rungs: tuple[Rung, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    """The newest judgement's."""
    evidence: str | None = None
    """What an approval binds to; on hold, what tells this hold from another."""
    pending: Pending
    """Who may act until when, and what silence does."""
    quorum: int
    """How many must approve, where approval is waited for."""
    approvals: tuple[str, ...] = ()
    """Who has approved so far."""
    why: str = ""
    """Why it is on hold, comes down or has ended."""
    exposed: bool
    ending: Ending | None = None
    verbs: tuple[Verb, ...] = ()
    """What a person with the right can do from here."""

    @property
    def here(self) -> Rung | None:
        """The rung it stands on; None before admission."""
        return next((rung for rung in self.rungs if rung.place is Place.HERE), None)

    @property
    def above(self) -> Rung | None:
        """The rung it would climb to; None from the last one, which leads to stable, and before admission."""
        return next((rung for rung in self.rungs if rung.place is Place.AHEAD), None)


class Telling(Record):
    """A notice on its way to people, with the promotion as it stands when it is sent."""

    notice: Notice
    card: Card
    followed: bool = False
    """Whether another notice of this promotion waits behind it: what shows the newest state may wait for that one."""


def card(state: PromotionState, now: datetime) -> Card:
    """The card of ``state``; what is about to be asked is shown as asked from ``now`` on."""
    if state.phase is Phase.AWAITING_NOTICE:
        state = _as_asked(state, now)
    return Card(
        bot=state.release.bot, release=state.release.version, digest=state.release.digest,
        author=state.author or state.release.author, change=state.release.change, reason=state.order.reason,
        phase=state.phase, stage=state.stage_name, attempt=state.attempt, entered_at=state.entered_at,
        capital=state.capital, rungs=_rungs(state),
        verdicts=state.decision.verdicts if state.decision is not None else (),
        evidence=_seen(state),
        pending=pending(state), quorum=quorum(state) if state.ladder is not None else 1,
        approvals=tuple(approval.principal for approval in state.approvals), why=_why(state),
        exposed=state.may_be_exposed, ending=state.ending, verbs=_verbs(state),
    )  # fmt: skip


def _seen(state: PromotionState) -> str | None:
    if state.hold is not None:
        return hold_mark(state.hold)
    return state.window.evidence if state.window is not None else None


def _as_asked(state: PromotionState, now: datetime) -> PromotionState:
    """The state once its notice is delivered."""
    asks = needs_approval(state)
    window = Window(opened_at=now, deadline=now + window_length(state), notice_id="", evidence=evidence_asked(state))
    phase = Phase.AWAITING_APPROVAL if asks else Phase.VETO_WINDOW
    return state.model_copy(update={"phase": phase, "window": window})


def _rungs(state: PromotionState) -> tuple[Rung, ...]:
    at = state.stage_index if state.ending is not Ending.STABLE else len(state.ladder.stages) if state.ladder else 0
    return tuple(
        Rung(
            name=stage.name, share=stage.share,
            place=Place.PASSED if index < at else Place.HERE if index == at else Place.AHEAD,
        )
        for index, stage in enumerate(state.ladder.stages if state.ladder is not None else ())
    )  # fmt: skip


def _why(state: PromotionState) -> str:
    if state.ending is not None:
        return state.ended_sentence
    if state.stop is not None:
        return state.stop.reason
    return state.hold.reason if state.hold is not None else ""


def _verbs(state: PromotionState) -> tuple[Verb, ...]:
    """Prohibitions as long as there is something to prohibit; a permission only where it is waited for."""
    if state.ending is not None:
        return ()
    if state.stop is not None:
        return (Verb.KILL,) if state.may_be_exposed else ()
    if state.hold is not None:
        entered = (Verb.RETRY, Verb.SKIP) if state.entered_at is not None else ()
        return (Verb.RESUME, *entered, Verb.ROLLBACK, Verb.KILL)
    asked = state.phase is Phase.AWAITING_APPROVAL
    return (*((Verb.APPROVE,) if asked else ()), Verb.VETO, Verb.HOLD, Verb.KILL)
