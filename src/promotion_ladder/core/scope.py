"""Scopes: what a kill, a latch or a drill touches, and which bots that covers."""

from collections.abc import Sequence
from enum import StrEnum

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import BotFacts, Latch, Scope

EVERYTHING = "all"
"""The target of scope ``global``."""


class KillMode(StrEnum):
    """What happens to what is held already."""

    PAUSE = "pause"
    """It stays; nothing new is taken."""
    FLATTEN = "flatten"
    """Candidate and baseline are exited until bot and venue both say flat."""


def covers(scope: Scope, target: str, facts: BotFacts) -> bool:
    """Whether the bot of ``facts`` is touched; what the platform does not tell of it covers nothing."""
    return scope is Scope.GLOBAL or (bool(target) and target in targets(scope, facts))


def targets(scope: Scope, facts: BotFacts) -> tuple[str, ...]:
    """The targets of ``scope`` by which the bot of ``facts`` is reached."""
    match scope:
        case Scope.MARKET:
            return facts.instruments
        case Scope.BOT:
            return (facts.bot,)
        case Scope.STRATEGY:
            return (facts.strategy,) if facts.strategy else ()
        case Scope.VENUE:
            return (facts.venue,)
        case Scope.GLOBAL:
            return (EVERYTHING,)


def standing(facts: BotFacts, scope: str, target: str) -> Latch | None:
    """The latch of exactly this scope and target that stands until a person lifts it, if the platform shows it."""
    return next((x for x in facts.latches if (x.scope, x.target) == (scope, target) and not x.is_guards), None)


def shown(scope: Scope, target: str) -> str:
    """A scope with its target, as people say it: ``venue sim-exchange``, ``everything``."""
    return "everything" if scope is Scope.GLOBAL else f"{scope} {target}"


def aimed(scope: Scope | str, target: str) -> tuple[Scope, str]:
    """Scope and target as the platform takes them; raises LadderError when they do not name anything."""
    try:
        known = Scope(scope)
    except ValueError:
        raise LadderError(
            Code.UNKNOWN_TARGET, f"there is no scope '{scope}'", f"name one of {', '.join(Scope)}"
        ) from None
    if known is Scope.GLOBAL:
        if target not in ("", EVERYTHING):
            raise LadderError(Code.UNKNOWN_TARGET, f"scope global takes no target, not '{target}'", "leave it out")
        return known, EVERYTHING
    if not target:
        raise LadderError(
            Code.UNKNOWN_TARGET, f"scope {known} needs a target", f"add --target, the name of the {known}"
        )
    return known, target


def nothing_covered(scope: Scope, target: str, every: Sequence[BotFacts]) -> LadderError:
    """Why a scope covers nothing, with what it could have named."""
    known = sorted({each for facts in every for each in targets(scope, facts)})
    what = f"known: {', '.join(known)}" if known else f"the platform tells no {scope} of any bot"
    return LadderError(Code.UNKNOWN_TARGET, f"no bot is covered by {shown(scope, target)}; {what}")
