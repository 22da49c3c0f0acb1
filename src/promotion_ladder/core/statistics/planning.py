"""How much must be seen: sample sizes, exact intervals and the boundaries of a fixed horizon.

Group-sequential boundaries: Lan & DeMets 1983 (spending), Armitage, McPherson & Rowe 1969 (the recursion).
"""

# ruff: noqa: PLC0415 - numpy and scipy are imported where they are used: see the package

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from promotion_ladder.core.statistics.mixture import mixture_bound, normal_cdf

_GRID = 801


def sample_size_ni_mean(margin_sd: float, alpha: float, power: float, ratio: float) -> float:
    """Samples of the candidate that show a mean not worse by ``margin_sd`` standard deviations, in one look.

    ``ratio`` is how many the baseline has for each of them. (z_alpha + z_β)²·(1 + 1/ratio)/margin².
    """
    from scipy.special import ndtri

    return float((ndtri(1 - alpha) + ndtri(power)) ** 2 * (1 + 1 / ratio) / margin_sd**2)


def sample_size_paired(delta: float, sd_diff: float, alpha: float, power: float) -> float:
    """Pairs that show a mean difference of ``delta`` with this spread of differences, in one look."""
    from scipy.special import ndtri

    return float(((ndtri(1 - alpha) + ndtri(power)) * sd_diff / delta) ** 2)


def anytime_power(margin: float, v1: float, slices: int, alpha: float, rho: float) -> float:
    """Chance that ``slices`` slices show that an arm as good as the other is not worse by ``margin``.

    ``v1`` is the variance of the difference after one slice; information grows with slices. The boundary is that of
    the anytime-valid mixture, looked at once at the end: it may be reached earlier, so the true chance is a little
    larger.
    """
    if v1 <= 0:
        return 1.0
    return normal_cdf(margin / math.sqrt(v1 / slices) - mixture_bound(slices, alpha, rho) / math.sqrt(slices))


def anytime_slices(margin: float, v1: float, alpha: float, rho: float, *, power: float, most: int) -> int | None:
    """The fewest slices with at least this :func:`anytime_power`; None where ``most`` do not have it."""
    if anytime_power(margin, v1, most, alpha, rho) < power:
        return None
    low, high = 0, most  # power grows with slices: z grows with their root, the boundary over it at most as log log
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if anytime_power(margin, v1, middle, alpha, rho) >= power else (middle, high)
    return high


def anytime_margin(v1: float, slices: int, alpha: float, rho: float, *, power: float) -> float:
    """The margin that ``slices`` slices show with this power."""
    from scipy.special import ndtri

    return math.sqrt(v1 / slices) * (float(ndtri(power)) + mixture_bound(slices, alpha, rho) / math.sqrt(slices))


def clopper_pearson(x: int, n: int, alpha: float) -> list[float]:
    """The exact two-sided 1-alpha interval of a share of ``x`` in ``n``."""
    from scipy.special import betaincinv

    low = float(betaincinv(x, n - x + 1, alpha / 2)) if x else 0.0
    high = float(betaincinv(x + 1, n - x, 1 - alpha / 2)) if x < n else 1.0
    return [low, high]


def group_sequential_z(t: Sequence[float], alpha: float, spending: str, sides: int) -> list[float]:
    """The z each look must reach, at parts ``t`` of the horizon, for an error of ``alpha`` over all of them.

    ``spending`` is ``obrien_fleming`` (2 - 2Φ(z_{alpha/2}/√t)) or ``power_φ`` (alpha·t^φ).
    """
    return list(_boundaries(tuple(t), alpha / sides, spending, sides))


def _spent(spending: str, alpha: float) -> Callable[[float], float]:
    from scipy.special import ndtr, ndtri

    if spending == "obrien_fleming":
        z = float(ndtri(1 - alpha / 2))
        return lambda t: float(2 * ndtr(-z / math.sqrt(t)))
    phi = float(spending.removeprefix("power_"))
    return lambda t: float(alpha * t**phi)


@lru_cache(maxsize=64)
def _boundaries(t: tuple[float, ...], alpha: float, spending: str, sides: int) -> tuple[float, ...]:
    """Look by look: the density of the sum among those not stopped yet, and the bound that stops what may be spent."""
    import numpy as np
    from scipy.special import ndtr

    spent = _spent(spending, alpha)
    found: list[float] = []
    done, before = 0.0, 0.0
    grid, density = np.array([0.0]), np.array([1.0])  # of S(t), with the weights of integration in it
    for now in t:
        step = math.sqrt(now - before)
        aim = spent(now) - done
        low, high = 0.0, 12.0 * math.sqrt(now)
        for _ in range(60):
            middle = (low + high) / 2
            stopped = float(density @ ndtr((grid - middle) / step))
            low, high = (middle, high) if stopped > aim else (low, middle)
        bound = (low + high) / 2
        found.append(bound / math.sqrt(now))
        floor = -bound if sides == 2 else -10.0 * math.sqrt(now)
        places = np.linspace(floor, bound, _GRID)
        weights = np.full(_GRID, places[1] - places[0])
        weights[1:-1:2] *= 4 / 3
        weights[2:-1:2] *= 2 / 3
        weights[[0, -1]] /= 3
        apart = (places[:, None] - grid[None, :]) / step
        fresh = np.exp(-0.5 * apart**2) @ density / (step * math.sqrt(2 * math.pi))
        grid, density = places, fresh * weights
        done, before = spent(now), now
    return tuple(found)
