"""What a stage carries from look to look for one gate: sums, bets and how far it has read. A restart begins anew."""

from datetime import timedelta
from decimal import Decimal

from promotion_ladder.core.base import Money, Number, Record, Time
from promotion_ladder.core.looks import LookCount
from promotion_ladder.core.statistics.betting import ScoreBets
from promotion_ladder.core.statistics.rates import RateBets
from promotion_ladder.core.statistics.slices import SliceSums


class Analysis(Record):
    """The newest planned look of a fixed design: standard errors towards harm and towards being good enough."""

    step: int
    harm: float
    fine: float


class TradeSums(Record):
    """Closed trades added up, exact."""

    n: int = 0
    wins: int = 0
    """Trades with a profit; one of exactly zero is none."""
    pnl: Money = Decimal(0)
    size: Money = Decimal(0)


class Carried(Record):
    """The running sums of one gate in one attempt at a stage."""

    sums: SliceSums = SliceSums()
    bets: RateBets | None = None
    """For rates: the exact comparison beside the slices."""
    scores: ScoreBets | None = None
    """For means of scores with bounds: the bets; ``sums`` then has two means of weight one, from the low bound on."""
    samples: Number = Decimal(0)
    """Trades, orders or whatever of the candidate is counted."""
    missing: int = 0
    """Sealed slices the source could not tell."""
    since: Time | None = None
    """Begin of the first slice."""
    until: Time | None = None
    """End of the last sealed slice: what lies before is judged, and late data changes nothing."""
    analysis: Analysis | None = None
    looks: LookCount | None = None
    """Verdicts counted so far, where the gate states ``looks``."""
    closed: TradeSums | None = None
    """For a gate on closed trades: those before ``until``."""

    @property
    def spanned(self) -> timedelta:
        """Time from the first slice to the last."""
        return self.until - self.since if self.until and self.since else timedelta(0)
