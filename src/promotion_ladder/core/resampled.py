"""Each kind of gate on resampled histories; numpy is imported with this module, so it is imported when it is needed."""

import math
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from promotion_ladder.core.gates import NonInferiorityGate, OnFail, RatioGate, StreakGuard, TradesGate
from promotion_ladder.core.gates.comparison import ComparisonCheck
from promotion_ladder.core.gates.non_inferiority import DEPENDENT
from promotion_ladder.core.gates.terms import Measure
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.history import LEAST_FRESHNESS, Key, Timeline
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.plan import sliced
from promotion_ladder.core.statistics.many import Bools, Floats, Question, ask, blocks
from promotion_ladder.core.tuning import LEAST, Setting, Stops

SHIFTS = (0.1, 0.2, 0.5)
"""How many standard deviations a mean gets worse."""
FACTORS = (1.5, 2.0)
"""How many times a rate gets worse."""
BATCH = 50
"""Sequences at once: what fits into memory."""
BLOCK = 5
"""Slices that stay together, at least."""

Times = list[timedelta | None]


def _dice(setting: Setting, stage: Stage, name: str) -> np.random.Generator:
    """One stream for each gate, so that another gate in the ladder changes nothing."""
    return np.random.default_rng([setting.seed, zlib.crc32(f"{stage.name}/{name}".encode())])


def _first(hit: Bools, when: Callable[[int, int], timedelta]) -> Times:
    """When each sequence is first hit: ``when`` of the sequence and the place."""
    return [when(row, int(np.argmax(each))) if each.any() else None for row, each in enumerate(hit)]


def _length(have: int) -> int:
    return max(BLOCK, round(math.cbrt(have)))


# --- non_inferiority ------------------------------------------------------------------------------------------------


class _Source(NamedTuple):
    """Two arms out of one: draws sequences of slices, ``samples`` of the candidate beside them."""

    draw: Callable[[np.random.Generator, int], tuple[Floats, Floats]]
    sd: float
    """Spread of one outcome, in units of the mean."""


def non_inferiority(stage: Stage, gate: NonInferiorityGate, setting: Setting) -> Stops | str:
    """When each sequence of slices is stopped, or why that cannot be told."""
    if gate.design != "anytime":
        return "a fixed horizon is not simulated: its error is what 'alpha' says"
    want = int(stage.observe.longest / gate.slice)
    source = _of_trades(gate, setting, want) if gate.of_trades else _of_series(stage, gate, setting, want)
    if isinstance(source, str):
        return source
    terms, mean = stage.terms(gate, 1), gate.measure is Measure.MEAN
    asked = Question(
        margin=float(gate.margin or 0), scale=float(gate.max_ratio or 1),
        good=1 if mean and gate.better == "higher" else -1, alpha=terms.alpha, shared=terms.alpha / terms.tests,
        horizon=terms.horizon, least=gate.min_slices, dependent=DEPENDENT, exact=not mean,
        bounds=None if gate.bounds is None else (float(gate.bounds.low), float(gate.bounds.high)),
    )  # fmt: skip
    words = [f"-{d:g} sd" for d in SHIFTS] if mean else [f"x{m:g}" for m in FACTORS]
    rng, good, worse = _dice(setting, stage, gate.name), Times(), {word: Times() for word in words}
    for begin in range(0, setting.splits, BATCH):
        x, samples = source.draw(rng, min(BATCH, setting.splits - begin))
        good += _stopped(stage, gate, asked, x, samples)
        for place, word in enumerate(words):
            bad = x.copy()
            if mean:
                bad[..., 0] -= asked.good * SHIFTS[place] * source.sd * x[..., 1]
            else:
                bad[..., 0] += rng.binomial(np.rint(x[..., 0]).astype(np.int64), FACTORS[place] - 1)
            worse[word] += _stopped(stage, gate, asked, bad, samples)
    return Stops(good, worse)


def _stopped(stage: Stage, gate: NonInferiorityGate, asked: Question, x: Floats, samples: Floats) -> Times:
    answers = ask(x, asked)
    ends = (answers.slot + 1) * (gate.slice / timedelta(seconds=1))
    if gate.on_fail is not OnFail.WAIT:
        return _first(answers.harm, lambda row, place: timedelta(seconds=float(ends[row, place])))
    counted = np.take_along_axis(np.cumsum(samples, axis=1), answers.slot, axis=1)
    seconds = max(stage.observe.min, gate.cover).total_seconds()
    passed = answers.fine & (counted >= stage.samples_needed(gate)) & (ends >= seconds)
    return [None if row.any() else stage.observe.longest for row in passed]


def _of_trades(gate: NonInferiorityGate, setting: Setting, want: int) -> _Source | str:
    """Every trade goes to one of the two arms at random; then whole slices are drawn, in blocks."""
    track = setting.history.trades(setting.arm)
    have = int((track.times[-1] - track.times[0]) / gate.slice) if track.times else 0
    if have < LEAST:
        return f"the trades of {setting.arm} span {have} slices, {LEAST} are needed"
    begin = track.times[0]
    kept = [trade for trade in track.trades if trade.size > 0 and trade.closed_at < begin + have * gate.slice]
    slot = np.array([(trade.closed_at - begin) // gate.slice for trade in kept])
    pnl, size = (np.array([float(getattr(trade, name)) for trade in kept]) for name in ("pnl", "size"))
    count = np.ones_like(pnl)
    whole = [np.bincount(slot, values, minlength=have) for values in (pnl, size)]

    def draw(rng: np.random.Generator, sequences: int) -> tuple[Floats, Floats]:
        x, samples = np.empty((sequences, want, 4)), np.empty((sequences, want))
        for row, places in enumerate(blocks(rng, have, want, _length(have), sequences)):
            mine = rng.random(len(kept)) < 0.5
            own = [np.bincount(slot[mine], values[mine], minlength=have) for values in (pnl, size, count)]
            both = (own[0], own[1], whole[0] - own[0], np.maximum(whole[1] - own[1], 0))
            x[row] = np.stack([values[places] for values in both], axis=-1)
            samples[row] = own[2][places]
        return x, samples

    return _Source(draw, float(np.std(pnl / size)))


def _of_series(stage: Stage, gate: NonInferiorityGate, setting: Setting, want: int) -> _Source | str:
    """Events go to one of two arms at random; of means only sums are known, so each arm is drawn from other slices."""
    arms = [arm for arm in sliced(gate, setting.history, stage.name, setting.arm) if arm is not None]
    if len(arms) < LEAST:
        return f"the series of {setting.arm} tell {len(arms)} slices, {LEAST} are needed"
    y, n = (np.array([float(getattr(arm, name)) for arm in arms]) for name in ("sum", "count"))
    if n.sum() <= 0:
        return f"the series of {setting.arm} count nothing"
    if gate.bounds is not None and (outside := gate.bounds.outside(arms)):
        return gate.bounds.contradicted(outside)

    def draw(rng: np.random.Generator, sequences: int) -> tuple[Floats, Floats]:
        one, other = (blocks(rng, len(arms), want, _length(len(arms)), sequences) for _ in range(2))
        if gate.measure is Measure.MEAN:
            return np.stack([y[one], n[one], y[other], n[other]], axis=-1), n[one]
        events, exposures = (np.rint(values[one]).astype(np.int64) for values in (y, n))
        mine, exposed = rng.binomial(events, 0.5), rng.binomial(exposures, 0.5)
        x = np.stack([mine, exposed, events - mine, exposures - exposed], axis=-1).astype(np.float64)
        return x, x[..., 1]

    spread = float(np.sqrt(np.sum((y - y.sum() / n.sum() * n) ** 2) / n.sum()))
    return _Source(draw, spread)


# --- gates on queries -----------------------------------------------------------------------------------------------


def metric(stage: Stage, gate: MetricCheck, setting: Setting) -> Stops | str:
    """When each sequence of looks is stopped, or why that cannot be told."""
    series = setting.history.find(Key(gate.name, "query", setting.arm, stage.name))
    if series is None:
        return f"nothing was recorded of {setting.arm} for it"
    values = _looks(series, stage.observe.every)
    if np.isfinite(values).sum() < LEAST:
        return f"the series of {setting.arm} has {int(np.isfinite(values).sum())} values, {LEAST} are needed"
    want = int(stage.observe.longest / stage.observe.every) + 1
    length = min(max(_length(len(values)), int(stage.observe.min / stage.observe.every)), max(len(values) // 4, BLOCK))
    up, spread = gate.max is not None, float(np.nanstd(values))
    shifted = isinstance(gate, ComparisonCheck) and not isinstance(gate, RatioGate)
    words = [f"{'+' if up else '-'}{d:g} sd" for d in SHIFTS] if shifted else [f"x{m:g}" for m in FACTORS]
    if not up and not shifted:
        words = [f"÷{m:g}" for m in FACTORS]
    rng, good, worse = _dice(setting, stage, gate.name), Times(), {word: Times() for word in words}
    for begin in range(0, setting.splits, BATCH):
        rows = min(BATCH, setting.splits - begin)
        mine, other = (values[blocks(rng, len(values), want, length, rows)] for _ in range(2))
        good += _judged(stage, gate, mine, other)
        for place, word in enumerate(words):
            by = SHIFTS[place] * spread if shifted else _share(FACTORS[place], up=up) * np.abs(mine)
            worse[word] += _judged(stage, gate, mine + by if up else mine - by, other)
    return Stops(good, worse)


def _share(factor: float, *, up: bool) -> float:
    return factor - 1 if up else 1 - 1 / factor


def _looks(series: Timeline, every: timedelta) -> Floats:
    """The newest value at each look of the whole series; NaN where there was none, or it was stale."""
    begin, step = series.times[0], every.total_seconds()
    times = np.array([(at - begin).total_seconds() for at in series.times])
    known = np.array([np.nan if value is None else value for value in series.values])
    looks = np.arange(0.0, times[-1] + step / 2, step)
    place = np.searchsorted(times, looks, side="right") - 1
    fresh = looks - times[place] <= max(3 * step, LEAST_FRESHNESS.total_seconds())
    return np.where(fresh, known[place], np.nan)


def _judged(stage: Stage, gate: MetricCheck, mine: Floats, other: Floats) -> Times:
    value, finite = mine, np.isfinite(mine)
    if isinstance(gate, ComparisonCheck):
        finite &= np.isfinite(other)
        value = mine - other
        if isinstance(gate, RatioGate):
            with np.errstate(divide="ignore", invalid="ignore"):
                value = np.where(other == 0, np.where(mine == 0, 1.0, np.nan), mine / other)
            value = np.where((mine < 0) | (other < 0), np.nan, value)
    low = -np.inf if gate.min is None else float(gate.min)
    high = np.inf if gate.max is None else float(gate.max)
    known = np.isfinite(value) & (np.cumsum(finite, axis=1) >= stage.samples_needed(gate))
    inside = known & (value >= low) & (value <= high)
    return _ended(stage, gate.on_fail, known & ~inside, inside)


def _ended(stage: Stage, on_fail: OnFail, failed: Bools, passed: Bools) -> Times:
    """When a gate that is judged at every look stops the climb."""
    every = stage.observe.every
    if on_fail is not OnFail.WAIT:
        return _first(failed, lambda _, place: place * every)
    least = int(np.ceil(stage.observe.min / every))
    return [None if row[least:].any() else stage.observe.longest for row in passed]


# --- gates and guards on trades -------------------------------------------------------------------------------------


class _Trades(NamedTuple):
    """Every trade of one arm, and the spread of its profit per value traded."""

    at: list[datetime]
    pnl: NDArray[np.float64]
    size: NDArray[np.float64]

    @property
    def spread(self) -> float:
        return float(np.std(self.pnl / self.size))


def _trades(setting: Setting) -> _Trades:
    kept = [trade for trade in setting.history.trades(setting.arm).trades if trade.size > 0]
    pnl, size = (np.array([float(getattr(trade, name)) for trade in kept]) for name in ("pnl", "size"))
    return _Trades([trade.closed_at for trade in kept], pnl, size)


def trades(stage: Stage, gate: TradesGate, setting: Setting) -> Stops | str:
    """When each sequence of looks is stopped, or why that cannot be told."""
    found, every = _trades(setting), stage.observe.every
    have = int((found.at[-1] - found.at[0]) / every) + 1 if found.at else 0
    if len(found.at) < LEAST or have < LEAST:
        return f"{len(found.at)} trades of {setting.arm} over {have} looks were recorded, {LEAST} are needed of both"
    slot = np.array([(at - found.at[0]) // every for at in found.at])
    want = int(stage.observe.longest / every) + 1
    shifts = (0.0, *SHIFTS)
    cells = []
    for shift in shifts:
        pnl = found.pnl - shift * found.spread * found.size
        cells.append([
            np.bincount(slot, each, minlength=have).astype(np.float64)
            for each in (np.ones_like(pnl), (pnl > 0).astype(float), pnl, found.size)
        ])  # fmt: skip
    rng, times = _dice(setting, stage, gate.name), [Times() for _ in shifts]
    for begin in range(0, setting.splits, BATCH):
        places = blocks(rng, have, want, _length(have), min(BATCH, setting.splits - begin))
        for stopped, cell in zip(times, cells, strict=True):
            n, wins, pnl, size = (np.cumsum(values[places], axis=1, dtype=np.float64) for values in cell)
            stopped.extend(_reached(stage, gate, (n, wins, pnl, size)))
    return Stops(times[0], {f"-{d:g} sd": each for d, each in zip(SHIFTS, times[1:], strict=True)})


def _reached(stage: Stage, gate: TradesGate, totals: tuple[Floats, Floats, Floats, Floats]) -> Times:
    n, wins, pnl, size = totals
    floors = ((gate.min_win_rate, wins, n), (gate.min_ev_per_dollar, pnl, size), (gate.min_total_pnl, pnl, 1.0))
    missed = np.zeros_like(n, dtype=bool)
    for floor, part, of in floors:
        if floor is not None:
            missed |= part < float(floor) * of
    enough = (n > 0) & (n >= (gate.min_n or 0))
    pause = stage.pause if isinstance(stage.pause, timedelta) else timedelta(0)
    days = pause / timedelta(days=1) + np.arange(n.shape[1]) * (stage.observe.every / timedelta(days=1))
    late = days >= float(gate.min_days_in_stage or 0)
    return _ended(stage, gate.on_fail, enough & missed, enough & ~missed & late)


def streak(stage: Stage, guard: StreakGuard, setting: Setting) -> Stops | str:
    """When the guard trips in each sequence of trades, or why that cannot be told."""
    found = _trades(setting)
    longest = max(guard.win_rate_lookback or 0, guard.ev_lookback or 0)
    if len(found.at) < max(LEAST, longest):
        return f"{len(found.at)} trades of {setting.arm} were recorded, {max(LEAST, longest)} are needed"
    apart = (found.at[-1] - found.at[0]) / (len(found.at) - 1)
    want = int(stage.observe.longest / apart) if apart else 0
    least = min(each for each in (guard.win_rate_lookback, guard.ev_lookback) if each is not None)
    if want < least:
        return f"{want} trades are to be expected by observe.max, and it looks at {least}"
    rng, shifts = _dice(setting, stage, guard.name), (0.0, *SHIFTS)
    times = [Times() for _ in shifts]
    for begin in range(0, setting.splits, BATCH):
        places = blocks(rng, len(found.at), want, _length(len(found.at)), min(BATCH, setting.splits - begin))
        size = found.size[places]
        for stopped, shift in zip(times, shifts, strict=True):
            pnl = found.pnl[places] - shift * found.spread * size
            stopped.extend(_first(_broken(guard, pnl, size), lambda _, place: (place + 1) * apart))
    return Stops(times[0], {f"-{d:g} sd": each for d, each in zip(SHIFTS, times[1:], strict=True)})


def _broken(guard: StreakGuard, pnl: Floats, size: Floats) -> Bools:
    """After which trades the last ones lie below a floor."""
    broken = np.zeros(pnl.shape, dtype=bool)
    if guard.win_rate_lookback is not None and guard.min_win_rate is not None:
        won, floor = _last((pnl > 0).astype(float), guard.win_rate_lookback), float(guard.min_win_rate)
        broken |= won < floor * guard.win_rate_lookback - 1e-9  # NaN, before there are enough, is not below
    if guard.ev_lookback is not None and guard.min_ev_per_dollar is not None:
        earned, traded = (_last(values, guard.ev_lookback) for values in (pnl, size))
        broken |= earned < float(guard.min_ev_per_dollar) * traded
    return broken


def _last(values: Floats, lookback: int) -> Floats:
    """The sum of the last ``lookback`` values after each; NaN before there are that many."""
    total = np.cumsum(values, axis=1)
    found = np.full(values.shape, np.nan)
    if lookback <= values.shape[1]:
        before = np.concatenate([np.zeros((len(values), 1)), total[:, :-lookback]], axis=1)
        found[:, lookback - 1 :] = total[:, lookback - 1 :] - before
    return found
