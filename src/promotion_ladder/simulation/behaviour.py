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
    DRIFTING = "drifting"
    """Good, but its feature is a standard deviation away from what the model was trained on."""
    MISPRICING = "mispricing"
    """Good, but its fills cost 10 basis points more than its model says."""
    VIOLATING = "violating"
    """Good, but one decision in ten breaks its parser's or schema's rules critically."""
    DENIED = "denied"
    """Good, but its own policy denies ``share`` of its decisions."""


_MONEY = (Mode.CANARY, Mode.LIVE)
_TRADING = (Mode.SHADOW, Mode.PAPER, Mode.CANARY, Mode.LIVE)
_MODES = {
    Kind.BLEEDING: _MONEY,
    Kind.CRASHING: _MONEY,
    Kind.REJECTING: (Mode.PAPER, *_MONEY),
    Kind.SLOW: _TRADING,
    Kind.STALE: _TRADING,
    Kind.DRIFTING: _TRADING,
    Kind.MISPRICING: (Mode.PAPER, *_MONEY),
    Kind.VIOLATING: _TRADING,
    Kind.DENIED: _TRADING,
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
    """Share of orders the venue rejects, for ``rejecting``, or the policy denies, for ``denied``."""
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
    drift: float = 0.0
    """How far its feature has moved, in standard deviations."""
    mispriced: float = 0.0
    """Basis points that a fill costs beyond what the model says."""
    violating: bool = False
    denies: float = 0.0
    """Share of its decisions that its own policy denies."""


def conduct(behaviour: Behaviour, mode: Mode, traded: dict[str, int]) -> Conduct:
    """The conduct of a release of this character in ``mode`` after ``traded`` closed trades per mode."""
    if behaviour.kind is Kind.STABLE:
        return Conduct(skill=13)
    if not behaviour.misbehaves(mode, traded):
        return Conduct()
    bad = {
        Kind.BLEEDING: Conduct(skill=2),
        Kind.REJECTING: Conduct(rejects=behaviour.share),
        Kind.SLOW: Conduct(slow=True),
        Kind.STALE: Conduct(stale=True),
        Kind.CRASHING: Conduct(crashed=True),
        Kind.DRIFTING: Conduct(drift=1.0),
        Kind.MISPRICING: Conduct(mispriced=10.0),
        Kind.VIOLATING: Conduct(violating=True),
        Kind.DENIED: Conduct(denies=behaviour.share),
    }
    return bad.get(behaviour.kind, Conduct())
