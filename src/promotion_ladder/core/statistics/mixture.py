"""The one-sided normal-mixture e-process: evidence that may be looked at as often as one likes.

An e-process E has expectation at most 1 at every stopping time when nothing is wrong, so it reaches 1/alpha with a
probability of at most alpha however often it is looked at (Ville). Sources: Robbins 1970; Howard, Ramdas, McAuliffe,
Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence sequences*, Ann. Statist. 49(2), 2021; Waudby-Smith,
Arbour, Sinha, Kennedy, Ramdas, *Time-uniform central limit theory and asymptotic confidence sequences*, 2024.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def normal_cdf(z: float) -> float:
    """Φ(z)."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def log_normal_cdf(z: float) -> float:
    """Log Φ(z), also where Φ(z) is too small for a float (Abramowitz & Stegun 26.2.12).

    scipy.special has it too, but this is on the way of every command, and importing that takes a fifth of a second.
    """
    if z > -30:
        return math.log(normal_cdf(z))
    return -z * z / 2 - _HALF_LOG_TAU - math.log(-z) + math.log1p(-1 / z**2 + 3 / z**4 - 15 / z**6)


def mixture_rho(v_opt: float, alpha: float, *, one_sided: bool = True) -> float:
    """The tuning constant that makes the boundary tightest at intrinsic time ``v_opt``; to be fixed before the data."""
    level = 2 * alpha if one_sided else alpha
    return v_opt / (2 * math.log(1 / level) + math.log1p(2 * math.log(1 / level)))


def mixture_log_e(s: float, v: float, rho: float, *, one_sided: bool = True) -> float:
    """Log E of a sum ``s`` with variance ``v``, mixed over a (half-)normal with precision ``rho``."""
    whole = 0.5 * math.log(rho / (v + rho)) + s * s / (2 * (v + rho))
    return whole + math.log(2) + log_normal_cdf(s / math.sqrt(v + rho)) if one_sided else whole


@lru_cache(maxsize=1024)  # gates of one stage ask for the same slices and the same horizon, at every look
def mixture_bound(v: float, alpha: float, rho: float, *, one_sided: bool = True) -> float:
    """The sum at which log E reaches log(1/alpha) at variance ``v``."""
    spread = math.sqrt(v + rho)
    if not one_sided:
        return spread * math.sqrt(math.log1p(v / rho) + 2 * math.log(1 / alpha))
    s = math.sqrt(2) * spread * math.sqrt(math.log1p(math.sqrt((v + rho) / rho) / (2 * alpha)))  # < 2 % too wide
    for _ in range(6):  # Newton; from above log E is convex enough to need three
        excess = mixture_log_e(s, v, rho) - math.log(1 / alpha)
        z = s / spread
        hazard = math.exp(-z * z / 2 - _HALF_LOG_TAU - log_normal_cdf(z))
        step = excess / (s / (v + rho) + hazard / spread)
        s -= step
        if abs(step) < 1e-12 * spread:
            break
    return s


def conditional_power(z: float, slices: int, horizon: int, alpha: float, rho: float) -> float:
    """Chance to reach the boundary by the horizon if the trend so far goes on.

    ``z`` is the estimate over its standard error after ``slices`` of ``horizon`` slices; information grows with slices.
    """
    if slices >= horizon:
        return 0.0
    s = z * math.sqrt(slices)
    left = horizon - slices
    return normal_cdf((s + s / slices * left - mixture_bound(horizon, alpha, rho)) / math.sqrt(left))


def normal_mixture_log_e(s: float, v: float, v_opt: float, alpha_opt: float, *, one_sided: bool = True) -> float:
    """:func:`mixture_log_e` tuned to ``v_opt`` and ``alpha_opt``."""
    return mixture_log_e(s, v, mixture_rho(v_opt, alpha_opt, one_sided=one_sided), one_sided=one_sided)


def normal_mixture_bound(v: float, alpha: float, v_opt: float, alpha_opt: float, *, one_sided: bool = True) -> float:
    """:func:`mixture_bound` tuned to ``v_opt`` and ``alpha_opt``."""
    return mixture_bound(v, alpha, mixture_rho(v_opt, alpha_opt, one_sided=one_sided), one_sided=one_sided)


def e_to_p(e: Sequence[float]) -> list[float]:
    """The p-value of each e-value: min(1, 1/e)."""
    return [min(1.0, 1 / value) if value > 0 else 1.0 for value in e]


def e_bonferroni(e: Sequence[float], alpha: float) -> list[bool]:
    """Which of M e-values reject when the family may err with alpha: those of M/alpha, under any dependence."""
    return [value >= len(e) / alpha for value in e]
