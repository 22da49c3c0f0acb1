"""Bets on the mean of what is bounded: evidence that holds for ten slices as for ten thousand, whatever the skew.

A gambler who bets the part λ/(1 + m0) of what g in [-1, 1] is above m0 multiplies the capital by
1 + λ/(1 + m0)·(g - m0), which stays above zero and has an expectation of at most 1 while the mean of g, given all that
came before, is at most m0. The mean of the capitals of several λ is an e-process: exact at every look, with no variance
to be estimated and no least number (Waudby-Smith & Ramdas, *Estimating means of bounded random variables by betting*,
JRSS-B 86(1), 2024, arXiv:2010.09686).

One bet a slice, on the difference of the two arms' means in it: the mean of bounded scores is bounded itself, so scores
of one slice may depend on one another as they like. Slices may not: given the past, the next one must be worth m0 at
most.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Self

from promotion_ladder.core.base import Record
from promotion_ladder.core.statistics.mixture import normal_cdf

LAMS = tuple(0.01 * 95 ** (place / 15) for place in range(16))
"""Bets as parts of the greatest that can never lose all, 0.01 to 0.95; fixed, since bets chosen by the data prove
nothing."""


class MeanBets(Record):
    """The running sums of the bets that a mean is above ``m0``."""

    m0: float
    """Fixed with the ladder."""
    lams: tuple[float, ...] = LAMS
    n: int = 0
    capital: tuple[float, ...] = ()
    """Log of the capital of each λ."""

    def plus(self, values: Iterable[float]) -> Self:
        """These bets after further ``values`` in [-1, 1]."""
        n, capital, bets = self.n, self._capital, self._bets
        for value in values:
            n += 1
            over = value - self.m0
            capital = tuple([sum_ + math.log1p(bet * over) for sum_, bet in zip(capital, bets, strict=True)])
        return self.model_copy(update={"n": n, "capital": capital})

    @property
    def log_e(self) -> float:
        """Log of the mean of all capitals."""
        return _log_mean(self._capital)

    def least(self, alpha: float) -> float:
        """What the mean is above with confidence 1 - ``alpha``, at all looks together.

        The same bets against another m have the capital Π (1 + b(g - m0))/(1 + b(m - m0)), whose factors are worth 1 at
        most where the mean is at most m; so m is refuted where their mean reaches 1/alpha. Its logarithm falls with m
        and is convex: Newton from the left never goes too far. At ``m0`` it is :attr:`log_e`, so both say the same.
        """
        mean, needed = -1.0, math.log(1 / alpha)
        for _ in range(100):
            at = [1 + bet * (mean - self.m0) for bet in self._bets]
            capital = [sum_ - self.n * math.log(one) for sum_, one in zip(self._capital, at, strict=True)]
            top = max(capital)
            weights = [math.exp(each - top) for each in capital]
            excess = top + math.log(sum(weights) / len(weights)) - needed
            if excess <= 0:
                break
            falls = self.n * sum(w * bet / one for w, bet, one in zip(weights, self._bets, at, strict=True))
            step = excess * sum(weights) / falls
            mean += step
            if step < 1e-12:
                break
        return min(mean, 1.0)

    def foreseen(self, mean: float, variance: float, further: int, z: float) -> float:
        """Log E after ``further`` values with this mean and variance, ``z`` standard errors better than expected.

        To second order in the spread; every capital grows with the same sum, so that log E rises with ``z``.
        """
        found = []
        for capital, bet in zip(self._capital, self._bets, strict=True):
            at = 1 + bet * (mean - self.m0)
            step = bet / at
            drift = math.log(at) - step * step * variance / 2
            found.append(capital + further * drift + z * step * math.sqrt(further * variance))
        return _log_mean(found)

    def chance(self, mean: float, variance: float, further: int, alpha: float) -> float:
        """Chance that ``further`` values with this mean and variance are enough."""
        low, high = -10.0, 10.0
        for _ in range(20):
            middle = (low + high) / 2
            enough = self.foreseen(mean, variance, further, middle) >= math.log(1 / alpha)
            low, high = (low, middle) if enough else (middle, high)
        return normal_cdf(-high)

    @property
    def _capital(self) -> tuple[float, ...]:
        return self.capital or (0.0,) * len(self.lams)

    @property
    def _bets(self) -> list[float]:
        return [lam / (1 + self.m0) for lam in self.lams]


class ScoreBets(Record):
    """The bets on the difference of two bounded means, more being better, in parts of the widest it can be."""

    harm: MeanBets
    """That the candidate is worse."""
    fine: MeanBets
    """That it is not worse by the margin."""
    outside: int = 0
    """Slices whose mean contradicts the bounds; nothing was bet on them."""

    @classmethod
    def within(cls, margin: float) -> Self:
        """Bets on harm, and on being less than ``margin`` worse, a part of the widest difference."""
        return cls(harm=MeanBets(m0=0.0), fine=MeanBets(m0=-margin))

    def plus(self, differences: Sequence[float], outside: int) -> Self:
        """These bets after further slices, with how many had to be left out."""
        return self.model_copy(update={
            "harm": self.harm.plus(-one for one in differences), "fine": self.fine.plus(differences),
            "outside": self.outside + outside,
        })  # fmt: skip


def betting_grid_log_e(g: Sequence[float], m0: float, lams: Sequence[float]) -> float:
    """Log E that the mean of ``g`` in [-1, 1] is above ``m0``, betting ``lams``; one item a look."""
    return MeanBets(m0=m0, lams=tuple(lams)).plus(g).log_e


def _log_mean(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(each - top) for each in logs) / len(logs))
