"""What two bots may earn, how their orders may be refused or late: arms to judge, drawn from a seed.

Everything is in bins of time, the finest that any rule looks at; ``coarser`` adds neighbouring bins up. Profits have a
standard deviation of 1 and a mean of ``EDGE`` in a healthy bot.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Tail = Literal["t3", "skew5", "skew9"]

EDGE = 0.1
"""What a healthy bot earns a trade, in standard deviations; rules that take ratios of profits need some."""
P50, P99 = 1.0, 5.0
"""Milliseconds of a healthy bot, lognormal."""
SIGMA = math.log(P99 / P50) / float(ndtri(0.99))


@dataclass(frozen=True)
class Arm:
    """One arm: repetitions by bins."""

    n: Floats
    total: Floats
    squares: Floats
    wins: Floats
    each: Floats | None = None
    """Repetitions by trades, in order; only of a candidate, for rules that look at the last trades."""

    def coarser(self, bins: int) -> "Arm":
        """The same in fewer bins."""

        def add(values: Floats) -> Floats:
            made: Floats = values.reshape(len(values), bins, -1).sum(axis=2)
            return made

        return replace(self, n=add(self.n), total=add(self.total), squares=add(self.squares), wins=add(self.wins))


@dataclass(frozen=True)
class Trading:
    """How trades of both arms come to be."""

    bins: int = 300
    trades: int = 1200
    """Of the candidate, in all."""
    ratio: int = 1
    """Trades of the baseline for each of the candidate's."""
    tail: Tail = "t3"
    worse: float = 0.0
    """How much less the candidate earns a trade, in standard deviations."""
    rare: bool = False
    """Whether it does so by a rare big loss, the median as it was."""
    own: float = 0.0
    """Part of a trade's variance that all trades of one beat and arm share: what hits one arm alone."""
    common: float = 0.0
    """The same for what hits both arms."""
    beats: int = 60
    """Stretches of time that one shock lasts."""
    follows: float = 0.0
    """Correlation of an arm's shock with the one before (AR(1))."""

    def draw(self, dice: np.random.Generator, reps: int) -> tuple[Arm, Arm]:
        """Candidate and baseline."""
        both = self._shocks(dice, reps, 0.0) * math.sqrt(self.common) if self.common else None
        arms = []
        for candidate in (True, False):
            count = self.trades * (1 if candidate else self.ratio) // self.bins
            pnl = _noise(dice, self.tail, (reps, self.bins, count))
            pnl *= math.sqrt(1 - self.own - self.common)
            if self.own:
                pnl += (self._shocks(dice, reps, self.follows) * math.sqrt(self.own))[:, :, None]
            if both is not None:
                pnl += both[:, :, None]
            pnl += EDGE
            if candidate and self.rare:
                pnl -= np.where(dice.random(pnl.shape) < 0.01, self.worse / 0.01, 0.0)
            elif candidate:
                pnl -= self.worse
            arms.append(_arm(pnl, keep=candidate))
        return arms[0], arms[1]

    def _shocks(self, dice: np.random.Generator, reps: int, follows: float) -> Floats:
        """A shock of variance 1 for each bin; bins of one beat share it."""
        fresh = dice.standard_normal((reps, self.beats))
        for beat in range(1, self.beats):
            fresh[:, beat] = follows * fresh[:, beat - 1] + math.sqrt(1 - follows**2) * fresh[:, beat]
        return np.repeat(fresh, self.bins // self.beats, axis=1)


def _noise(dice: np.random.Generator, tail: Tail, shape: tuple[int, ...]) -> Floats:
    """Mean 0, variance 1. ``skewS``: many small wins and some exponential losses, skewness about -S."""
    if tail == "t3":
        return dice.standard_t(3, shape) / math.sqrt(3)
    share, size = {"skew5": (0.15, 5.0), "skew9": (0.05, 10.0)}[tail]
    # a win of 0.5 to 1.5, or with chance ``share`` a loss that is exponential with mean ``size``
    made = np.where(dice.random(shape) < share, -size * dice.standard_exponential(shape), dice.uniform(0.5, 1.5, shape))
    mean = (1 - share) - share * size
    variance = (1 - share) * (1 + 1 / 12) + share * 2 * size**2 - mean**2
    return (made - mean) / math.sqrt(variance)


@cache
def healthy_wins(tail: Tail) -> float:
    """Share of trades that a healthy bot wins."""
    return float((_noise(np.random.default_rng(0), tail, (1_000_000,)) > -EDGE).mean())


def _arm(pnl: Floats, *, keep: bool) -> Arm:
    return Arm(
        n=np.full(pnl.shape[:2], float(pnl.shape[2])), total=pnl.sum(axis=2), squares=np.square(pnl).sum(axis=2),
        wins=(pnl > 0).sum(axis=2).astype(float), each=pnl.reshape(len(pnl), -1) if keep else None,
    )  # fmt: skip


@dataclass(frozen=True)
class Rejecting:
    """How many orders of both arms are refused, or late."""

    bins: int = 300
    orders: int = 6000
    """Of the candidate, in all."""
    ratio: int = 1
    rate: float = 0.02
    times: float = 1.0
    """The candidate's true rate over the baseline's."""
    cluster: int = 1
    """Orders refused at a time."""

    def draw(self, dice: np.random.Generator, reps: int) -> tuple[Arm, Arm]:
        """Candidate and baseline; ``total`` are the events."""
        arms = []
        for times, ratio in ((self.times, 1), (1.0, self.ratio)):
            count = self.orders * ratio // self.bins
            bursts = dice.binomial(count // self.cluster, self.rate * times, (reps, self.bins))
            arms.append(_counts((bursts * self.cluster).astype(float), count))
        return arms[0], arms[1]


def exceeding(scale: float) -> float:
    """How many orders take longer than the fixed edge ``P99`` where all take ``scale`` times as long as healthy ones.

    What a gate on a quantile counts is these orders, and how many there are of n is binomial: no need to draw each.
    """
    return float(ndtr((math.log(scale) - math.log(P99 / P50)) / SIGMA))


def _counts(events: Floats, count: int) -> Arm:
    n = np.full(events.shape, float(count))
    return Arm(n=n, total=events, squares=events, wins=events)  # an event counts 1, and so does its square


@dataclass(frozen=True)
class Scoring:
    """How scores between 0 and 1 come out in both arms; less is better."""

    bins: int = 200
    each: int = 1
    """Scores in a bin."""
    rare: bool = False
    """1 in 2 of 100 forecasts, else 0; without it, Brier scores of forecasts that are right as often as they say."""
    worse: float = 0.0
    """How much higher the candidate's mean is: it is wrong more often, or some forecasts are turned round."""

    def draw(self, dice: np.random.Generator, reps: int) -> tuple[Arm, Arm]:
        """Candidate and baseline."""
        arms = []
        for worse in (self.worse, 0.0):
            shape = (reps, self.bins, self.each)
            if self.rare:
                scores = (dice.random(shape) < 0.02 + worse).astype(float)
            else:
                said = dice.beta(0.5, 0.5, shape)
                came = dice.random(shape) < said
                turned = dice.random(shape) < 2 * worse  # each costs (1 - 2 said)², a half in the mean
                scores = np.square(np.where(turned, 1 - said, said) - came)
            arms.append(_arm(scores, keep=False))
        return arms[0], arms[1]


Arms = Trading | Rejecting | Scoring
