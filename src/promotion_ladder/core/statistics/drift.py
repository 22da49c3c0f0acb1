"""How far recent data is from training data: divergences of histograms, and what chance alone makes of them.

Counts are those of the same buckets in the same order. Divergences are of smoothed shares (c + pseudo)/(n + k pseudo),
since an empty bucket would make them infinite.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import inf, log, nan, sqrt

HALF = 0.5


def kl_divergence(recent: Sequence[float], training: Sequence[float], pseudo: float = HALF) -> float:
    """Σ p ln(p/q) in nats, p of recent and q of training (Kullback and Leibler, Ann. Math. Statist. 22(1), 1951).

    Raises ValueError for unequal lengths, a count below zero, or nothing counted and no ``pseudo``.
    """
    return _relative_entropy(_shares(recent, pseudo), _shares(training, pseudo))


def kl_divergence_bits(recent: Sequence[float], training: Sequence[float], pseudo: float = HALF) -> float:
    """:func:`kl_divergence` in bits."""
    return kl_divergence(recent, training, pseudo) / log(2)


def psi(recent: Sequence[float], training: Sequence[float], pseudo: float = HALF) -> float:
    """Population stability index Σ (p - q) ln(p/q), the divergence both ways (Jeffreys, Proc. R. Soc. A 186, 1946)."""
    return kl_divergence(recent, training, pseudo) + kl_divergence(training, recent, pseudo)


def kl_gaussian(mu1: float, mu0: float, sd: float) -> float:
    """Divergence of two normal distributions of one ``sd`` (Kullback, Information Theory and Statistics, 1959)."""
    return (mu1 - mu0) ** 2 / (2 * sd**2)


def kl_to_mean_shift_sd(kl: float | Sequence[float]) -> float | list[float]:
    """The shift of a normal feature's mean, in standard deviations, that has this divergence: √(2 KL)."""
    return sqrt(2 * kl) if isinstance(kl, int | float) else [sqrt(2 * each) for each in kl]


def g_test(recent: Sequence[float], training: Sequence[float]) -> list[float]:
    """G = 2 Σ c ln(c/e) with e from training's shares, and its p-value by χ² with k - 1 degrees of freedom.

    Woolf, Ann. Hum. Genet. 21(4), 1957. Only for independent samples: a p-value of an autocorrelated feature is noise.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - 0.3 s that no command should pay at its start

    statistic = 2 * sum(recent) * _relative_entropy(_shares(recent, 0), _shares(training, 0))
    return [statistic, float(chdtrc(len(recent) - 1, statistic))]


def jensen_shannon_distance(p: Sequence[float], q: Sequence[float], base: float = 2) -> float:
    """Root of the Jensen-Shannon divergence, finite with empty buckets (Endres and Schindelin, IEEE IT 49, 2003)."""
    left, right = _shares(p, 0), _shares(q, 0)
    middle = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
    both = _relative_entropy(left, middle) + _relative_entropy(right, middle)
    return sqrt(max(both, 0.0) / 2 / log(base))


def wasserstein(a: Sequence[float], b: Sequence[float]) -> float:
    """Area between two samples' distribution functions, in the samples' unit (Vallender, Theory Probab., 1974)."""
    left, right = sorted(a), sorted(b)
    return sum(
        (high - low) * abs(bisect_right(left, low) / len(left) - bisect_right(right, low) / len(right))
        for low, high in pairwise(sorted([*left, *right]))
    )


def histogram_quantile(le: Sequence[float | str], cumulative: Sequence[float], q: float) -> float:
    """Prometheus' classic ``histogram_quantile``: linear inside a bucket, the last finite edge beyond it.

    ``le`` are upper edges, the last one infinite; without that, or with nothing counted, NaN (Prometheus, promql
    ``quantile.go``).
    """
    edges = [float(each) for each in le]
    if len(edges) < 2 or edges[-1] != inf or not cumulative[-1] > 0 or q != q:  # noqa: PLR0124 - only NaN differs
        return nan
    if not 0 <= q <= 1:
        return -inf if q < 0 else inf
    rank = q * cumulative[-1]
    place = next((i for i, count in enumerate(cumulative[:-1]) if count >= rank), len(edges) - 1)
    if place == len(edges) - 1:
        return edges[-2]
    if place == 0 and edges[0] <= 0:
        return edges[0]
    low, below = (edges[place - 1], cumulative[place - 1]) if place else (0.0, 0.0)
    inside = cumulative[place] - below
    return low + (edges[place] - low) * (rank - below) / inside if inside else nan


def effective_samples(n: float, autocorrelation: float) -> float:
    """How many independent samples ``n`` are worth, n (1 - φ)/(1 + φ) for lag-1 correlation φ (Bartlett, 1935)."""
    return n * (1 - autocorrelation) / (1 + autocorrelation)


def chi_square_quantile(freedom: int, share: float) -> float:
    """The value below which ``share`` of a χ² distribution lies."""
    from scipy.special import chdtri  # noqa: PLC0415 - 0.3 s that no command should pay at its start

    return float(chdtri(freedom, 1 - share))


def _shares(counts: Sequence[float], pseudo: float) -> list[float]:
    whole = sum(counts) + pseudo * len(counts)
    if min(counts, default=-1) < 0 or whole <= 0:
        raise ValueError("a histogram needs counts of at least zero, and one of them above")
    return [(count + pseudo) / whole for count in counts]


def _relative_entropy(p: Sequence[float], q: Sequence[float]) -> float:
    total = 0.0
    for a, b in zip(p, q, strict=True):
        if a:
            total += a * log(a / b) if b else inf
    return total
