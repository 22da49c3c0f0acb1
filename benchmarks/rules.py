"""When a rule aborts and when it passes, for thousands of repetitions at once. Ours is the shipped gate's, vectorised.

tests/test_calibration.py holds ``non_inferiority`` here against core/gates/non_inferiority.py, verdict by verdict.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from benchmarks.arms import Arm, Floats
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from promotion_ladder.core.gates.non_inferiority import DEPENDENT
from promotion_ladder.core.statistics.many import Question, ask
from promotion_ladder.core.statistics.mixture import mixture_rho
from promotion_ladder.core.statistics.rates import LOWER_BETS

Flags = NDArray[np.bool_]
Looks = NDArray[np.int64]
Z95 = float(ndtri(0.95))


class Answer(NamedTuple):
    """The first look at which a rule aborts, and at which it passes, each as if the other did not exist; 0 is never."""

    abort: Looks
    passed: Looks


def first(hits: Flags) -> Looks:
    """The first look of each repetition, from 1 on; 0 where there is none."""
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def at_the_end(passes: Flags, looks: int) -> Looks:
    """A pass at the last look, or none."""
    return np.where(passes, looks, 0)


# --- ours ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """The parameters of a ``non_inferiority`` gate and its stage, by their names in a ladder."""

    margin: float = 0.0
    max_ratio: float = 1.0
    rate: bool = False
    """``measure`` rate or quantile."""
    min_slices: int = 20
    min_samples: int = 50
    alpha: float = 0.05
    tests: int = 1


class Judged(NamedTuple):
    """Of each repetition after each slice."""

    fails: Flags
    passes: Flags
    log_harm: Floats


def non_inferiority(candidate: Arm, baseline: Arm, asked: Asked) -> Judged:
    """What the gate says after each slice (a bin of the arms), all slices having data; horizon: that many slices."""
    x = np.stack([candidate.total, candidate.n, baseline.total, baseline.n], axis=-1)
    k = np.arange(1, x.shape[1] + 1, dtype=float)
    total = x.cumsum(axis=1)
    before = np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
    # for w.x_k as in core/statistics/slices.py: products of all pairs within a slice, and with the slice before it
    within = np.einsum("rki,rkj->rkij", x, x).cumsum(axis=1)
    across = np.einsum("rki,rkj->rkij", x, before).cumsum(axis=1)
    plain, autocorrelation = _z(total, within, across, k, 1.0)
    bounded, _ = _z(total, within, across, k, asked.max_ratio, offset=asked.margin, rate=asked.rate)
    good = -1.0 if asked.rate else 1.0
    horizon = max(x.shape[1], 10)
    shared = asked.alpha / asked.tests
    harm = _log_e(-good * plain, k, mixture_rho(horizon / 2, shared))
    fine = _log_e(bounded, k, mixture_rho(horizon / 2, asked.alpha))
    ready = (k >= asked.min_slices) & ~(autocorrelation > DEPENDENT) & np.isfinite(plain) & np.isfinite(bounded)
    fails = ready & (harm >= math.log(1 / shared))
    passes = ready & ~fails & (fine >= math.log(1 / asked.alpha))
    if asked.rate:
        passes &= _exact(x, asked.max_ratio) >= math.log(1 / asked.alpha)
    passes &= candidate.n.cumsum(axis=1) >= asked.min_samples
    return Judged(fails, passes, np.where(ready, harm, 0.0))


def _z(
    total: Floats, within: Floats, across: Floats, k: Floats, scale: float, *, offset: float = 0.0, rate: bool = False
) -> tuple[Floats, Floats]:
    """The difference (plus ``offset``; turned round for a rate) over its standard error, and the autocorrelation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        y_c, n_c, y_b, n_b = np.moveaxis(total, -1, 0)
        r_c, r_b = y_c / n_c, y_b / n_b
        w = np.stack([1 / n_c, -r_c / n_c, -scale / n_b, scale * r_b / n_b], axis=-1)
        squares = np.einsum("rki,rkij,rkj->rk", w, within, w)
        follow = np.einsum("rki,rkij,rkj->rk", w, across, w)
        variance = np.where(squares > 0, squares * k / (k - 1), np.nan)
        difference = r_c - scale * r_b
        return ((-difference if rate else difference) + offset) / np.sqrt(variance), follow / squares


def _log_e(z: Floats, k: Floats, rho: float) -> Floats:
    s = z * np.sqrt(k)
    spread = k + rho
    made: Floats = 0.5 * np.log(rho / spread) + s * s / (2 * spread) + math.log(2) + log_ndtr(s / np.sqrt(spread))
    return made


def _exact(x: Floats, bound: float) -> Floats:
    """Log E of the exact comparison of rates, bet by bet (core/statistics/rates.py)."""
    x_c, n_c, x_b, n_b = np.moveaxis(x, -1, 0)
    part = n_c / (n_c + n_b)
    events = x_c.cumsum(axis=1)
    capital = []
    for place in LOWER_BETS:
        psi = bound * place
        tilt = (x_c + x_b) * np.log((part * bound + 1 - part) / (part * psi + 1 - part))
        capital.append(events * math.log(psi / bound) + tilt.cumsum(axis=1))
    made: Floats = np.logaddexp.reduce(np.stack(capital), axis=0) - math.log(len(LOWER_BETS))
    return made


def ours(candidate: Arm, baseline: Arm, looks: int, slices: int, asked: Asked) -> Answer:
    """The gate with ``slices`` slices, read ``looks`` times."""
    judged = non_inferiority(candidate.coarser(slices), baseline.coarser(slices), asked)
    step = slices // looks
    return Answer(first(judged.fails[:, step - 1 :: step]), first(judged.passes[:, step - 1 :: step]))


def scores(candidate: Arm, baseline: Arm, margin: float, bounds: tuple[float, float] | None) -> Answer:
    """The gate on scores of which less is better, with ``bounds`` or without; a slice a bin, a look after each.

    As ``ladder tune`` has it (core/statistics/many.py); tests/core/test_tuning.py holds that against the gate.
    """
    x = np.stack([candidate.total, candidate.n, baseline.total, baseline.n], axis=-1)
    plain = Asked()
    asked = Question(
        margin=margin, scale=1, good=-1, alpha=plain.alpha, shared=plain.alpha, horizon=x.shape[1],
        least=plain.min_slices, dependent=DEPENDENT, exact=False, bounds=bounds,
    )  # fmt: skip
    answers = ask(x, asked)
    return Answer(first(answers.harm), first(answers.fine & (candidate.n.cumsum(axis=1) >= plain.min_samples)))


# --- z-tests ------------------------------------------------------------------------------------------------------


def _welch(candidate: Arm, baseline: Arm, margin: float = 0.0) -> Floats:
    """Z of the difference of means after each bin; 0 before 50 samples, as nobody would look at less."""
    means, spreads = [], []
    for arm in (candidate, baseline):
        n, total, squares = (values.cumsum(axis=1) for values in (arm.n, arm.total, arm.squares))
        means.append(total / n)
        spreads.append((squares - total**2 / n) / (n - 1) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Floats = (means[0] - means[1] + margin) / np.sqrt(spreads[0] + spreads[1])
    return np.where(np.isfinite(z) & (candidate.n.cumsum(axis=1) >= 50), z, 0.0)


def naive(candidate: Arm, baseline: Arm, looks: int, good: int) -> Answer:
    """Welch's z at 5 % at every look; no alarm by the end is a pass. ``good`` -1: less is better."""
    harm = first(good * _welch(candidate.coarser(looks), baseline.coarser(looks)) < -Z95)
    return Answer(harm, at_the_end(harm == 0, looks))


def once(candidate: Arm, baseline: Arm, looks: int, good: int) -> Answer:
    """Welch's z at 5 % once at the end; no alarm is a pass."""
    harm = good * _welch(candidate.coarser(looks), baseline.coarser(looks))[:, -1] < -Z95
    return Answer(at_the_end(harm, looks), at_the_end(~harm, looks))


def naive_margin(candidate: Arm, baseline: Arm, looks: int, margin: float) -> Answer:
    """A z-test of non-inferiority at 5 % at every look, the first success a pass; it never aborts."""
    passed = first(_welch(candidate.coarser(looks), baseline.coarser(looks), margin) > Z95)
    return Answer(np.zeros_like(passed), passed)


def silence(answer: Answer, looks: int) -> Answer:
    """An abort test alone, its silence taken for a pass."""
    return Answer(answer.abort, at_the_end(answer.abort == 0, looks))


# --- peers --------------------------------------------------------------------------------------------------------


def quant_rollout(candidate: Arm, looks: int, floor: float, min_n: int = 50, lookback: int = 30) -> Answer:
    """As quant-rollout 0.1.0, Rollout.tick: KillSwitch on the win rate of the last 30 trades, then the next Gate.

    Both with the same ``floor``; the gate has min_n 50 and its default min_ev_per_dollar 0. The kill switch's second
    rule, value per dollar of the last 100 trades, could only add kills and is left out.
    """
    if candidate.each is None:
        raise ValueError("only a candidate with each of its trades can be looked at by its last thirty")
    won = (candidate.each > 0).cumsum(axis=1)
    ends = np.arange(1, looks + 1) * candidate.each.shape[1] // looks  # trades seen at each look
    last = won[:, ends - 1] - np.where(ends > lookback, won[:, ends - 1 - lookback], 0)
    killed = (ends >= lookback) & (last / lookback < floor)
    profit = candidate.each.cumsum(axis=1)[:, ends - 1]
    passes = (ends >= min_n) & (won[:, ends - 1] / ends >= floor) & (profit >= 0)
    return Answer(first(killed), first(passes & ~killed))


def almanak(candidate: Arm, baseline: Arm, looks: int, *, per_capital: bool = True, end: bool = False) -> Answer:
    """As almanak 2.29.2, CanaryDeployment.compare_performance with its default PromotionCriteria.

    Ratios of net PnL (at least 0.9) and drawdown (at most 1.2) roll back; those of Sharpe and win rate (at least 0.8)
    ask a person. ``end``: looked at once, its default; else polled, and PROMOTE counts at the end. As shipped PnL is
    not divided by capital: ``per_capital`` does that for it.
    """
    ratio = baseline.n[0, 0] / candidate.n[0, 0]
    total_c, total_b = candidate.total.cumsum(axis=1), baseline.total.cumsum(axis=1)
    if per_capital:
        total_b = total_b / ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        pnl = total_c / total_b
        falls = [(np.maximum.accumulate(np.maximum(total, 0), axis=1) - total) for total in (total_c, total_b)]
        drawdown = np.maximum.accumulate(falls[0], axis=1) / np.maximum.accumulate(falls[1], axis=1)
        sharpe, wins = (of(candidate) / of(baseline) for of in (_sharpe, _win_rate))
    place = np.arange(1, looks + 1) * pnl.shape[1] // looks - 1
    enough = (candidate.n.cumsum(axis=1) >= 5)[:, place]
    back = enough & ((pnl < 0.9) | (drawdown > 1.2))[:, place]
    fine = enough & ~back & ~((sharpe < 0.8) | (wins < 0.8))[:, place]
    if end:
        return Answer(at_the_end(back[:, -1], looks), at_the_end(fine[:, -1], looks))
    stopped = first(back)
    return Answer(stopped, at_the_end((stopped == 0) & fine[:, -1], looks))


def _sharpe(arm: Arm) -> Floats:
    n, total, squares = (values.cumsum(axis=1) for values in (arm.n, arm.total, arm.squares))
    made: Floats = total / n / np.sqrt((squares - total**2 / n) / n)
    return made


def _win_rate(arm: Arm) -> Floats:
    made: Floats = arm.wins.cumsum(axis=1) / arm.n.cumsum(axis=1)
    return made


def twice(candidate: Arm, baseline: Arm, looks: int, most: float = 2.0) -> Answer:
    """The rate so far above ``most`` times the baseline's, at any look; no alarm by the end is a pass.

    Our own ``ratio`` gate is such a rule, and so is every alert on twice the error rate.
    """
    rates = [
        arm.total.cumsum(axis=1) / arm.n.cumsum(axis=1) for arm in (candidate.coarser(looks), baseline.coarser(looks))
    ]
    harm = first(rates[0] > most * rates[1])
    return Answer(harm, at_the_end(harm == 0, looks))


def kayenta(candidate: Arm, baseline: Arm, looks: int, good: int) -> Answer:
    """Kayenta's judge, MannWhitneyClassifier on one metric: High or Low at any look aborts, else it passes at the end.

    Mann-Whitney with a 98 % interval (continuity and ties corrected), tolerance 0.25: its lower end, in the bad
    direction, is above a quarter of the size of the Hodges-Lehmann estimate. One value a look, all looks so far, from
    look max(4, looks/10) on.
    """
    x, y = (good * (b.total / b.n) for b in (baseline.coarser(looks), candidate.coarser(looks)))  # x - y: harm
    found = np.zeros(len(x), dtype=np.int64)
    above = np.zeros(len(x))
    z99 = float(ndtri(0.99))
    for look in range(1, looks + 1):
        fresh = slice(0, look)
        above += _above(x[:, look - 1 : look], y[:, fresh]) + _above(x[:, : look - 1], y[:, look - 1 : look])
        if look < max(4, looks // 10):
            continue
        level = z99 * math.sqrt(look * look * (2 * look + 1) / 12) + 0.5 + look * look / 2
        # ties make the true level lower, so what is above nearly all of it is looked at exactly
        for place in np.flatnonzero((found == 0) & (above > 0.9 * (level - look * look / 2) + look * look / 2)):
            apart = (x[place, fresh, None] - y[place, None, fresh]).ravel()
            quarter = 0.25 * abs(float(np.median(apart)))
            if _rank_z(apart, x[place, fresh], y[place, fresh], quarter) > z99:
                found[place] = look
    return Answer(found, at_the_end(found == 0, looks))


def _above(x: Floats, y: Floats) -> Floats:
    made: Floats = (x > y).sum(axis=1) + 0.5 * (x == y).sum(axis=1)
    return made


def _rank_z(apart: Floats, x: Floats, y: Floats, shift: float) -> float:
    """Z of Mann-Whitney's U for x - shift against y, continuity and ties corrected, as R's wilcox.test has it."""
    m = len(x)
    u = float((apart > shift).sum() + 0.5 * (apart == shift).sum())
    ties = np.unique(np.concatenate([x - shift, y]), return_counts=True)[1].astype(float)
    spread = math.sqrt(m * m / 12 * (2 * m + 1 - float((ties**3 - ties).sum()) / (2 * m * (2 * m - 1))))
    return (u - m * m / 2 - 0.5) / spread if spread else 0.0
