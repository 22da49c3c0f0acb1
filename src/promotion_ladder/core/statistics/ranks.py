"""Rank statistics of two samples: the Mann-Whitney test and what Kayenta makes of it.

The normal approximation with continuity and tie correction, as R's ``wilcox.test`` and SciPy's ``mannwhitneyu`` have
it (H. B. Mann and D. R. Whitney, Ann. Math. Stat. 18, 1947). The interval is Kayenta's (``MannWhitney.scala`` and
``BrentSolver.java`` of spinnaker/kayenta), down to where its root finder stops. Samples are finite numbers, in any
order, at least one on each side; an empty side is a ValueError.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from math import erfc, fsum, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

Alternative = Literal["two-sided", "greater", "less"]

_TOLERANCE = 1e-4  # Kayenta's, absolute
_EPSILON = 2.0**-52
_MOST_STEPS = 1000


class Interval(NamedTuple):
    """Where the shift from one sample to another lies."""

    low: float
    high: float
    estimate: float


class _Ranked(NamedTuple):
    u: float
    """Pairs in which the first sample's number is larger; a tie is half a pair."""
    mean: float
    sigma: float
    """Standard deviation of ``u`` if both sides are alike, corrected for ties; 0 when all numbers are equal."""


def _ranked(x: Sequence[float], y: Sequence[float]) -> _Ranked:
    n, m = len(x), len(y)
    if not n or not m:
        raise ValueError("a rank test needs at least one number on each side")
    counts = Counter(x)
    counts.update(y)
    rank: dict[float, float] = {}
    below = ties = 0
    for number in sorted(counts):
        alike = counts[number]
        rank[number] = below + (alike + 1) / 2
        below += alike
        ties += alike**3 - alike
    u = sum(rank[number] for number in x) - n * (n + 1) / 2
    sigma = sqrt((n * m / 12) * ((n + m + 1) - ties / ((n + m) * (n + m - 1))))
    return _Ranked(u, n * m / 2, sigma)


def mann_whitney(
    canary: Sequence[float], base: Sequence[float], alternative: Alternative = "two-sided"
) -> tuple[float, float]:
    """U of ``canary`` and the p-value of "both are alike" against ``alternative``, which says how ``canary`` differs.

    As ``scipy.stats.mannwhitneyu(canary, base, alternative=alternative, method="asymptotic")``.
    """
    u, mean, sigma = _ranked(canary, base)
    above = u - mean
    more = {"two-sided": abs(above), "greater": above, "less": -above}[alternative]
    if sigma == 0:
        return u, 1.0
    tail = erfc((more - 0.5) / sigma / sqrt(2)) / 2
    return u, min(1.0, 2 * tail if alternative == "two-sided" else tail)


def wilcoxon_diff(x: Sequence[float], y: Sequence[float], mu: float, quantile: float) -> float:
    """By how many standard deviations U of ``x`` shifted down by ``mu`` exceeds ``quantile``: Kayenta's function.

    Falls as ``mu`` grows. Raises ValueError when all numbers are equal after the shift.
    """
    u, mean, sigma = _ranked([number - mu for number in x], y)
    if sigma == 0:
        raise ValueError("there is no confidence interval when all numbers are equal")
    above = u - mean
    sign = (above > 0) - (above < 0)
    return (above - sign * 0.5) / sigma - quantile


def normal_quantile(p: float) -> float:
    """The number that a standard normal variable stays below with probability ``p``, 0 < p < 1."""
    return NormalDist().inv_cdf(p)


def mannwhitney_ci(x: Sequence[float], y: Sequence[float], conf_level: float) -> Interval:
    """Kayenta's confidence interval and estimate of the shift x - y.

    Its root finder stops within 0.0001 of the root, in the unit of the samples, so on tied samples the last digits are
    the finder's and the ends may even stand the wrong way round. Raises ValueError as :func:`wilcoxon_diff`.
    """
    lowest, highest = min(x) - max(y), max(x) - min(y)

    def root(quantile: float) -> float:
        at_lowest, at_highest = (wilcoxon_diff(x, y, mu, quantile) for mu in (lowest, highest))
        if quantile and at_lowest <= 0:
            return lowest
        if quantile and at_highest >= 0:
            return highest
        return _brent(lambda mu: wilcoxon_diff(x, y, mu, quantile), (lowest, at_lowest), (highest, at_highest))

    quantile = normal_quantile((1.0 - conf_level) / 2)
    return Interval(root(-quantile), root(quantile), root(0))


def _brent(function: Callable[[float], float], low: tuple[float, float], high: tuple[float, float]) -> float:
    """A zero of ``function`` between two (place, value) pairs: R's ``zeroin`` in Kayenta's hand, step by step."""
    (a, fa), (b, fb) = low, high
    c, fc = a, fa
    if abs(fa) <= 5e-324:  # "equal" to zero there is within one unit in the last place
        return a
    if abs(fb) <= 5e-324:
        return b
    for _ in range(_MOST_STEPS + 1):
        previous = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        least = 2 * _EPSILON * abs(b) + _TOLERANCE / 2
        step = (c - b) / 2
        if abs(step) <= least or abs(fb) <= 5e-324:
            return b
        if abs(previous) >= least and abs(fa) > abs(fb):
            step = _interpolated((a, fa), (b, fb), (c, fc), (previous, least, step))
        if abs(step) < least:
            step = least if step > 0 else -least
        a, fa = b, fb
        b += step
        fb = function(b)
        if fb * fc > 0:
            c, fc = a, fa
    return b


def _interpolated(
    one: tuple[float, float], two: tuple[float, float], three: tuple[float, float], steps: tuple[float, float, float]
) -> float:
    """The step by secant or inverse quadratic interpolation where it is safe, else the halving step."""
    (a, fa), (b, fb), (c, fc) = one, two, three
    previous, least, halving = steps
    across = c - b
    if a == c:
        ratio = fb / fa
        p, q = across * ratio, 1.0 - ratio
    else:
        q, ratio, other = fa / fc, fb / fc, fb / fa
        p = other * (across * q * (q - ratio) - (b - a) * (ratio - 1.0))
        q = (q - 1.0) * (ratio - 1.0) * (other - 1.0)
    p, q = (p, -q) if p > 0.0 else (-p, q)
    safe = p < 0.75 * across * q - abs(least * q) / 2 and p < abs(previous * q / 2)
    return p / q if safe else halving


def hodges_lehmann(x: Sequence[float], y: Sequence[float]) -> float:
    """The median of all differences of a number of ``x`` and one of ``y``, to 12 digits of the largest of them.

    By counting instead of listing: 10 000 numbers a side have 100 000 000 differences.
    """
    ordered = sorted(y)
    pairs = len(x) * len(ordered)
    lowest, highest = min(x) - ordered[-1], max(x) - ordered[0]

    def smallest(rank: int) -> float:
        low, high = lowest, highest
        for _ in range(48):
            middle = (low + high) / 2
            if sum(len(ordered) - bisect_left(ordered, number - middle) for number in x) >= rank:
                high = middle
            else:
                low = middle
        return high

    return (smallest((pairs + 1) // 2) + smallest(pairs // 2 + 1)) / 2


def mean_ratio(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Mean of ``x`` over mean of ``y``; None when either is zero, since then the ratio says nothing."""
    above, below = fsum(x) / len(x), fsum(y) / len(y)
    return above / below if above and below else None


def cles(x: Sequence[float], y: Sequence[float]) -> float:
    """How often a number of ``x`` exceeds one of ``y``, a tie being half: the common language effect size."""
    return _ranked(x, y).u / (len(x) * len(y))
