"""The same tests for many sequences of slices at once: what ``ladder tune`` asks four hundred times.

Formulas are those of slices.py, mixture.py, rates.py and betting.py, over arrays; tests hold both against each other.
numpy comes with this module, so it is imported only when it is needed.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

from promotion_ladder.core.statistics.betting import LAMS
from promotion_ladder.core.statistics.mixture import mixture_rho
from promotion_ladder.core.statistics.rates import LOWER_BETS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]


class Question(NamedTuple):
    """What is asked of every sequence."""

    margin: float
    scale: float
    """Factor on the other arm: the ``max_ratio`` of rates, else 1."""
    good: int
    """1 where more is better, -1 where less is."""
    alpha: float
    shared: float
    """What harm may err: alpha over the tests of the stage."""
    horizon: int
    least: int
    """Slices before anything is concluded."""
    dependent: float
    """Autocorrelation above which nothing is concluded."""
    exact: bool
    """Whether the exact comparison of rates has to agree."""
    bounds: tuple[float, float] | None = None
    """Of scores that are bet on; what lies outside is taken to be at the bound."""


class Answers(NamedTuple):
    """By sequence and slice with data; slices without any stand at the end and answer nothing."""

    slot: Places
    """Which slice of the sequence it was."""
    harm: Bools
    fine: Bools


def _differences(x: Floats, k: Places, scale: float) -> tuple[Floats, Floats, Floats]:
    """Value, variance and autocorrelation after each slice: SliceSums.difference."""
    before = np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
    total = np.cumsum(x, axis=1)
    n_c, n_b = total[..., 1], total[..., 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        r_c, r_b = total[..., 0] / n_c, total[..., 2] / n_b
        w = np.stack([1 / n_c, -r_c / n_c, -scale / n_b, scale * r_b / n_b], axis=-1)
        squares, follow = np.zeros_like(n_c), np.zeros_like(n_c)
        for i in range(4):
            for j in range(4):
                both = w[..., i] * w[..., j]
                squares += both * np.cumsum(x[..., i] * x[..., j], axis=1)
                follow += both * np.cumsum(x[..., i] * before[..., j], axis=1)
        return r_c - scale * r_b, squares * k / (k - 1), follow / squares


def _log_e(z: Floats, k: Places, rho: float) -> Floats:
    """mixture_log_e at ``k`` slices, for an estimate of ``z`` standard errors."""
    s, spread = z * np.sqrt(k), k + rho
    whole: Floats = 0.5 * np.log(rho / spread) + s * s / (2 * spread) + math.log(2) + log_ndtr(s / np.sqrt(spread))
    return whole


def _exact(x: Floats, bound: float) -> Floats:
    """RateBets.log_e after each slice."""
    psis = bound * np.array(LOWER_BETS)
    exposed = (x[..., 1] > 0) & (x[..., 3] > 0)
    both = x[..., 1] + x[..., 3]
    part = np.where(exposed, x[..., 1] / np.where(both > 0, both, 1), 0.5)
    events_c = np.cumsum(np.where(exposed, x[..., 0], 0), axis=1)
    events = np.where(exposed, x[..., 0] + x[..., 2], 0)
    whole = part * bound + 1 - part
    capital = [
        events_c * math.log(psi / bound) + np.cumsum(events * np.log(whole / (part * psi + 1 - part)), axis=1)
        for psi in psis
    ]
    found: Floats = logsumexp(np.stack(capital), axis=0) - math.log(len(psis))
    return found


def _means(x: Floats, low: float, high: float) -> Floats:
    """Bounds.means: each slice as two means of weight one; nothing where one arm has none."""
    both = (x[..., 1] > 0) & (x[..., 3] > 0)
    means = [np.clip(x[..., y] / np.where(both, x[..., y + 1], 1), low, high) - low for y in (0, 2)]
    return np.stack([means[0], both, means[1], both], axis=-1) * both[..., None]


def _bets(x: Floats, m0: float, side: float) -> Floats:
    """MeanBets.log_e after each slice, of the differences of means times ``side``."""
    over = np.clip(side * (x[..., 0] - x[..., 2]), -1, 1) - np.where(x[..., 1] > 0, m0, 0)
    capital = [np.cumsum(np.log1p(lam / (1 + m0) * over), axis=1) for lam in LAMS]
    found: Floats = logsumexp(np.stack(capital), axis=0) - math.log(len(LAMS))
    return found


def _bet_on(x: Floats, slot: Places, known: Bools, asked: Question, width: float) -> Answers:
    harm = known & (_bets(x, 0.0, -asked.good / width) >= math.log(1 / asked.shared))
    fine = known & ~harm & (_bets(x, -asked.margin / width, asked.good / width) >= math.log(1 / asked.alpha))
    return Answers(slot, harm, fine)


def ask(x: Floats, asked: Question) -> Answers:
    """``x`` has sequences, slices and the four numbers of a slice (slices.py)."""
    if asked.bounds is not None:
        x = _means(x, *asked.bounds)
    filled = (x[..., 1] != 0) | (x[..., 3] != 0)
    slot = np.argsort(~filled, axis=1, kind="stable")
    x, filled = np.take_along_axis(x, slot[..., None], axis=1), np.take_along_axis(filled, slot, axis=1)
    k = np.cumsum(filled, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, variance, auto = _differences(x, k, 1.0)
        if asked.bounds is not None:  # slices that are all alike, without any autocorrelation, show something, too
            known = filled & (k >= asked.least) & ~(auto > asked.dependent)
            return _bet_on(x, slot, known, asked, asked.bounds[1] - asked.bounds[0])
        bounded, spread = (value, variance) if asked.scale == 1 else _differences(x, k, asked.scale)[:2]
        z_harm = -asked.good * value / np.sqrt(variance)
        z_fine = (asked.good * bounded + asked.margin) / np.sqrt(spread)
        known = filled & (k >= asked.least) & (auto <= asked.dependent) & (variance > 0) & (spread > 0)
        rho_harm, rho = (mixture_rho(asked.horizon / 2, level) for level in (asked.shared, asked.alpha))
        harm = known & (_log_e(z_harm, k, rho_harm) >= math.log(1 / asked.shared))
        fine = known & ~harm & (_log_e(z_fine, k, rho) >= math.log(1 / asked.alpha))
    if asked.exact:
        fine &= _exact(x, asked.scale) >= math.log(1 / asked.alpha)
    return Answers(slot, harm, fine)


def blocks(rng: np.random.Generator, have: int, want: int, length: int, sequences: int) -> Places:
    """Places of a circular block bootstrap: ``want`` of ``have``, in blocks of ``length`` that stay together."""
    starts = rng.integers(0, have, size=(sequences, -(-want // length)))
    whole = (starts[..., None] + np.arange(length)) % have
    places: Places = whole.reshape(sequences, -1)[:, :want]
    return places
