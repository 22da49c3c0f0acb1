"""``bounds`` of a ``non_inferiority`` gate: a mean of scores that cannot be below or above what is stated.

With it the evidence is a bet on each slice (core/statistics/betting.py) instead of an estimate of the spread: exact for
finitely many slices however skewed the scores are, and for whatever scores of one slice have to do with one another.
Every slice counts alike, whatever is in it: what is judged is the mean, over slices, of the difference of both means.
"""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Self

from pydantic import model_validator

from promotion_ladder.core.base import Number, Spec
from promotion_ladder.core.evidence import Arm
from promotion_ladder.core.gates.check import show
from promotion_ladder.core.gates.terms import Evidenced, Terms
from promotion_ladder.core.statistics.betting import ScoreBets
from promotion_ladder.core.statistics.slices import Difference, Quad, SliceSums

ROUNDING = 1e-9
"""How far beyond a bound, in parts of the width, is still the bound: sums of floats are not exact."""


class Bounds(Spec):
    """The lowest and the highest that one score can be."""

    low: Number
    """Of one score, in the units of the mean."""
    high: Number
    """Above ``low`` by more than the gate's ``margin``; the narrower, the sooner something is shown."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if not 0 < self.width < math.inf:
            raise ValueError(f"'low' must be below 'high' in 'bounds'; low is {self.low}, high is {self.high}")
        return self

    @property
    def width(self) -> float:
        """The widest that two means can differ."""
        return float(self.high) - float(self.low)

    def means(self, slices: Iterable[Quad]) -> tuple[list[Quad], int]:
        """The slices that tell of both arms, each as two means of weight one, and how many contradict the bounds.

        Means are counted from ``low``: their differences are the same, and none is lost to rounding far from zero.
        """
        low, high = float(self.low), float(self.high)
        slack, kept, outside = ROUNDING * self.width, list[Quad](), 0
        for y_c, n_c, y_b, n_b in slices:
            told = [y / n for y, n in ((y_c, n_c), (y_b, n_b)) if n > 0]
            if not all(low - slack <= mean <= high + slack for mean in told):  # NaN is in no range
                outside += 1
            elif len(told) == 2:
                c, b = (min(max(mean, low), high) - low for mean in told)
                kept.append((c, 1.0, b, 1.0))
        return kept, outside

    def outside(self, arms: Iterable[Arm]) -> int:
        """How many slices of one arm contradict the bounds."""
        return self.means((float(arm.sum), float(arm.count), 0.0, 0.0) for arm in arms)[1]

    def share(self, margin: Decimal | float | None) -> float:
        """``margin`` in parts of the width."""
        return float(margin or 0) / self.width

    def bet(
        self, before: ScoreBets | None, slices: Iterable[Quad], good: int, margin: Decimal | None
    ) -> tuple[list[Quad], ScoreBets]:
        """The slices as :meth:`means`, and the bets after them; ``good`` is -1 where a lower score is better."""
        kept, outside = self.means(slices)
        # two means differ by the width at most, but their quotient may round to a little more than 1
        apart = [min(max(good * (c - b) / self.width, -1.0), 1.0) for c, _, b, _ in kept]
        return kept, (before or ScoreBets.within(self.share(margin))).plus(apart, outside)

    def contradicted(self, outside: int) -> str:
        """In words, that means lie where none can be."""
        low, high = show(self.low), show(self.high)
        return f"a mean lies outside 'bounds', {low} to {high} (slices: {outside}): clip the score in its query"

    def evidenced(self, sums: SliceSums, bets: ScoreBets, good: int, terms: Terms) -> Evidenced:
        """What the bets show. Slices that are all alike show something, too: no spread is needed."""
        c, k, b, _ = sums.total
        value = good * (c - b) / k
        spread = sums.difference()
        difference = Difference(value, 0.0, 0.0) if spread is None else spread._replace(value=value)
        left = max(terms.horizon - sums.slices, 0)
        each = difference.variance * sums.slices / self.width**2
        likely = bets.fine.chance(value / self.width, each, left, terms.alpha) if left else 0.0
        return Evidenced(
            difference, bets.harm.log_e, bets.fine.log_e,
            math.log(terms.tests / terms.alpha), math.log(1 / terms.alpha),
            sure=bets.fine.least(terms.alpha) * self.width, likely=likely, exact=None,
        )  # fmt: skip
