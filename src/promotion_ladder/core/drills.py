"""When a drill may be: only where no real money can be touched, and where nothing is in the way of leaving no trace."""

from collections.abc import Sequence

from promotion_ladder.core.platform import BotFacts, Mode
from promotion_ladder.core.state import Phase, PromotionState

SIMULATED = "simulated"
"""The capability of a platform whose money is not real."""
_STANDING = (
    Phase.PAUSING, Phase.OBSERVING, Phase.AWAITING_NOTICE, Phase.VETO_WINDOW, Phase.AWAITING_APPROVAL, Phase.ON_HOLD,
)  # fmt: skip


def why_no_drill(facts: BotFacts, mode: Mode | None, money: Sequence[str], state: PromotionState | None) -> str:
    """Why a drill may not touch this bot, in one clause; empty if it may.

    ``mode`` is the candidate's, None without one; ``money`` names the variants that the drill would exit and that have
    capital, orders or positions; ``state`` is the running promotion's. One that is about to move would run into the
    drill's latch and come down, so only a climb that stands is drilled: it announces a move a second ahead.
    """
    if facts.latches:
        latch = facts.latches[0]
        return f"it is latched already ({latch.scope} {latch.target}) by {latch.by}: {latch.reason}"
    if SIMULATED not in facts.capabilities:
        if money:
            return f"real money is exposed: {', '.join(money)}"
        if mode not in (Mode.SHADOW, Mode.PAPER):
            return "it is no simulated platform, and no candidate is in shadow or paper"
    if state is not None and _moves(state):
        return f"its promotion is {state.phase} at {state.stage_name or 'no stage yet'} and would run into the latch"
    return ""


def _moves(state: PromotionState) -> bool:
    """Whether the climb may change its exposure within the next moments."""
    left = bool(state.passed) and (state.passed[-1].stage, state.passed[-1].attempt) == (
        state.stage_name,
        state.attempt,
    )
    return left or state.stop is not None or state.phase not in _STANDING
