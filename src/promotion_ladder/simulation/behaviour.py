"""How a simulated release behaves, and how well or badly it does at this moment."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from promotion_ladder.core.base import Spec
from promotion_ladder.core.platform import Mode

BLOCK = 20
"""Decisions come in blocks of this many, and in each block exactly ``skill`` of them go the right way."""


class Kind(StrEnum):
    """The characters a release can have."""

    STABLE = "stable"
    """Right 13 times of 20."""
    GOOD = "good"
    """Right 15 times of 20: better than stable."""
    BLEEDING = "bleeding"
    """As good, until it has traded for a while in a mode of its ``modes``; then right 2 times of 20."""
    REJECTING = "rejecting"
    """Good, but the venue rejects ``share`` of its orders."""
    SLOW = "slow"
    """Good, but it takes most of a second from tick to trade."""
    STALE = "stale"
    """Good, but at some point its market data stops advancing (it trades on)."""
    CRASHING = "crashing"
    """Good, but at some point it is gone: no heartbeat, no decisions, positions left as they are."""


_MONEY = (Mode.CANARY, Mode.LIVE)
_TRADING = (Mode.SHADOW, Mode.PAPER, Mode.CANARY, Mode.LIVE)
_MODES = {
    Kind.BLEEDING: _MONEY,
    Kind.CRASHING: _MONEY,
    Kind.REJECTING: (Mode.PAPER, *_MONEY),
    Kind.SLOW: _TRADING,
    Kind.STALE: _TRADING,
}
_AFTER = {Kind.BLEEDING: 10, Kind.CRASHING: 5, Kind.STALE: 5}


class Behaviour(Spec):
    """The character of a release: what goes wrong with it, where and when."""

    kind: Kind = Kind.GOOD
    after: int | None = Field(default=None, ge=0)
    """Closed trades in ``modes`` after which it misbehaves; None is the kind's own number (bleeding 10)."""
    modes: tuple[Mode, ...] | None = None
    """Where it misbehaves; None is the kind's own choice (bleeding and crashing: canary and live)."""
    share: float = Field(default=0.35, ge=0, le=1)
    """Share of orders the venue rejects, for ``rejecting``."""
    nondeterministic: bool = False
    """Whether two replays of it differ."""

    def misbehaves(self, mode: Mode, traded: dict[str, int]) -> bool:
        """Whether it does what its kind is named after, having closed ``traded`` trades per mode."""
        modes = self.modes if self.modes is not None else _MODES.get(self.kind, ())
        after = self.after if self.after is not None else _AFTER.get(self.kind, 0)
        return mode in modes and sum(traded.get(each, 0) for each in modes) >= after


@dataclass(frozen=True)
class Conduct:
    """How a variant does right now."""

    skill: int = 15
    """Decisions of a block of 20 that go the right way."""
    rejects: float = 0.02
    """Share of its orders that the venue rejects."""
    slow: bool = False
    stale: bool = False
    crashed: bool = False


def conduct(behaviour: Behaviour, mode: Mode, traded: dict[str, int]) -> Conduct:
    """The conduct of a release of this character in ``mode`` after ``traded`` closed trades per mode."""
    if behaviour.kind is Kind.STABLE:
        return Conduct(skill=13)
    if not behaviour.misbehaves(mode, traded):
        return Conduct()
    match behaviour.kind:
        case Kind.BLEEDING:
            return Conduct(skill=2)
        case Kind.REJECTING:
            return Conduct(rejects=behaviour.share)
        case Kind.SLOW:
            return Conduct(slow=True)
        case Kind.STALE:
            return Conduct(stale=True)
        case Kind.CRASHING:
            return Conduct(crashed=True)
        case _:
            return Conduct()
