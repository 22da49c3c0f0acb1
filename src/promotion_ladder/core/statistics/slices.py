"""A difference of two ratios with the variance clustered on slices of time, from a handful of running sums.

Slice k gives x = (y_c, n_c, y_b, n_b): a sum and a count of candidate and baseline. R = Σy/Σn is each arm's ratio. What
one slice adds to R_c - s·R_b beyond its share is linear in x:

    r_k = (y_c - R_c·n_c)/Σn_c - s·(y_b - R_b·n_b)/Σn_b = w·x_k,     v = K/(K-1)·Σ r_k² = K/(K-1)·wᵀ(Σ x xᵀ)w

(the linearised ratio variance, robust to clusters; both arms of a slice are one cluster, so what hits both cancels). So
the sums of x and of its products are all that is kept: a slice costs the same whether it is the tenth or the millionth,
and a process that dies goes on from the numbers it wrote down. The products with the slice before give the
autocorrelation that would make v too small.
"""

import math
from collections.abc import Iterable, Sequence
from operator import add
from typing import NamedTuple, Self

from promotion_ladder.core.base import Record
from promotion_ladder.core.statistics.mixture import mixture_log_e

Quad = tuple[float, float, float, float]
"""y of the candidate, n of the candidate, y of the baseline, n of the baseline."""

_NOTHING: Quad = (0.0, 0.0, 0.0, 0.0)


class Difference(NamedTuple):
    """A difference of ratios, its variance, and how much a slice tells of the next one."""

    value: float
    variance: float
    autocorrelation: float


class SliceSums(Record):
    """The running sums over all slices so far."""

    slices: int = 0
    """Slices with anything in them; an empty one tells nothing."""
    total: Quad = _NOTHING
    products: tuple[float, ...] = (0.0,) * 10
    """Σ x_i·x_j, the upper triangle row by row."""
    lagged: tuple[float, ...] = (0.0,) * 16
    """Σ x_i of a slice times x_j of the slice before it, row by row."""
    last: Quad = _NOTHING

    def plus(self, slices: Iterable[Quad]) -> Self:
        """These sums with further slices, in order of time."""
        k, last = self.slices, self.last
        total, products, lagged = self.total, self.products, self.lagged
        for x in slices:
            a, b, c, d = x
            if not (b or d):
                continue
            k += 1
            total = (total[0] + a, total[1] + b, total[2] + c, total[3] + d)
            pairs = (a * a, a * b, a * c, a * d, b * b, b * c, b * d, c * c, c * d, d * d)
            products = tuple(map(add, products, pairs))
            lagged = tuple(map(add, lagged, [new * old for new in x for old in last]))
            last = x
        made = {"slices": k, "total": total, "products": products, "lagged": lagged, "last": last}
        return self.model_copy(update=made)

    def difference(self, scale: float = 1.0) -> Difference | None:
        """Candidate's ratio minus ``scale`` times the baseline's; None before two slices, or with an empty arm."""
        y_c, n_c, y_b, n_b = self.total
        if self.slices < 2 or n_c <= 0 or n_b <= 0:
            return None
        r_c, r_b = y_c / n_c, y_b / n_b
        w = (1 / n_c, -r_c / n_c, -scale / n_b, scale * r_b / n_b)
        p, g = self.products, self.lagged
        squares = (
            w[0] * w[0] * p[0] + w[1] * w[1] * p[4] + w[2] * w[2] * p[7] + w[3] * w[3] * p[9]
            + 2 * (w[0] * (w[1] * p[1] + w[2] * p[2] + w[3] * p[3]) + w[1] * (w[2] * p[5] + w[3] * p[6])
                   + w[2] * w[3] * p[8])
        )  # fmt: skip
        follow = (
            w[0] * (w[0] * g[0] + w[1] * g[1] + w[2] * g[2] + w[3] * g[3])
            + w[1] * (w[0] * g[4] + w[1] * g[5] + w[2] * g[6] + w[3] * g[7])
            + w[2] * (w[0] * g[8] + w[1] * g[9] + w[2] * g[10] + w[3] * g[11])
            + w[3] * (w[0] * g[12] + w[1] * g[13] + w[2] * g[14] + w[3] * g[15])
        )
        if squares <= 0:  # all slices alike, or rounding says so: nothing is known of the spread
            return Difference(r_c - scale * r_b, 0.0, 0.0)
        return Difference(r_c - scale * r_b, squares * self.slices / (self.slices - 1), follow / squares)


def _sums(
    y_canary: Sequence[float], n_canary: Sequence[float], y_base: Sequence[float], n_base: Sequence[float]
) -> SliceSums:
    return SliceSums().plus(zip(y_canary, n_canary, y_base, n_base, strict=True))


def slice_ratio_diff(
    y_canary: Sequence[float], n_canary: Sequence[float], y_base: Sequence[float], n_base: Sequence[float]
) -> list[float]:
    """Difference of the ratios and its variance clustered on slices."""
    found = _sums(y_canary, n_canary, y_base, n_base).difference()
    return [math.nan, math.nan] if found is None else [found.value, found.variance]


def slice_log_e(
    y_canary: Sequence[float],
    n_canary: Sequence[float],
    y_base: Sequence[float],
    n_base: Sequence[float],
    rho: float,
    margin: float,
    worse: int,
) -> float:
    """Log E that ``worse``·difference + ``margin`` is above zero, on the scale of information (1/variance).

    ``worse`` -1 and no margin: the candidate is lower than the baseline. +1 and a margin: it is not lower by that.
    """
    found = _sums(y_canary, n_canary, y_base, n_base).difference()
    if found is None or found.variance <= 0:
        return 0.0
    information = 1 / found.variance
    return mixture_log_e((worse * found.value + margin) * information, information, rho)
