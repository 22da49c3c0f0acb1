"""How long a stage must watch until its ``non_inferiority`` gates can show what they are asked to show.

A difference after K slices has the variance v1/K, where v1 comes from a recorded history of one arm or from a rate and
a spread that somebody states. Both arms are taken to be like the one that is known.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from promotion_ladder.core.base import Duration, Record, show_duration
from promotion_ladder.core.evidence import Arm, TradeOutcome
from promotion_ladder.core.gates import NonInferiorityGate
from promotion_ladder.core.gates.bounds import Bounds
from promotion_ladder.core.gates.terms import Measure
from promotion_ladder.core.history import History, Key
from promotion_ladder.core.ladder import Ladder, Stage
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.slicing import Span, of_trades
from promotion_ladder.core.statistics.betting import MeanBets
from promotion_ladder.core.statistics.mixture import mixture_rho
from promotion_ladder.core.statistics.planning import anytime_margin, anytime_slices

POWER = 0.8
POWER_Z = 0.8416
"""Standard errors that one look in five falls short by."""
SCALES = (0.5, 1.0, 2.0, 4.0)
"""The margins that are planned for, as parts of the one that is asked."""
LEAST_SLICES = 20
"""Slices with data that a spread is taken from."""


class Known(Record):
    """What is known of one arm, a slice at a time."""

    v1: float
    """Variance of its ratio after one slice."""
    ratio: float
    """Its ratio: what rates and quantiles are judged against."""
    filled: float
    """Share of slices that have data."""
    samples: float
    """Outcomes in a slice."""
    source: str
    outside: int = 0
    """Slices that contradict the gate's ``bounds``."""


class Margin(Record):
    """How long one margin takes."""

    margin: float
    """In the gate's own unit: the mean's for means, a factor for rates and quantiles."""
    watch: Duration | None
    """None: not within ``observe.max``."""


class Planned(Record):
    """The plan of one gate in one stage."""

    stage: str
    gate: str
    margin: float
    watch: Duration | None = None
    """Time to watch for 80 % power; None where that is never reached before ``observe.max`` or cannot be told."""
    longest: Duration
    """``observe.max``."""
    reachable: float | None = None
    """The tightest margin that ``observe.max`` shows with 80 % power."""
    margins: tuple[Margin, ...] = ()
    because: str
    """In one sentence."""
    known: Known | None = None


def sliced(gate: NonInferiorityGate, history: History, stage: str, variant: Variant) -> list[Arm | None]:
    """The whole history of one arm in slices; an empty one has a count of 0, one the source did not tell is None."""
    if gate.of_trades:
        track = history.trades(variant)
        if not track.times:
            return []
        return _of_trades(track.trades, track.times[0], gate.slice, (track.times[-1] - track.times[0]) // gate.slice)
    sums, counts = (history.find(Key(gate.name, field, variant, stage)) for field in ("sum", "count"))
    if sums is None or counts is None:
        return []
    begin, end = max(sums.times[0], counts.times[0]) - gate.slice, min(sums.times[-1], counts.times[-1])
    starts = [begin + place * gate.slice for place in range((end - begin) // gate.slice)]
    return [gate.arm(sums.added(s, s + gate.slice), counts.added(s, s + gate.slice)) for s in starts]


def _of_trades(trades: Sequence[TradeOutcome], begin: datetime, length: timedelta, n: int) -> list[Arm | None]:
    span = Span(begin, begin + n * length)
    told = {slice_.start: slice_.candidate for slice_ in of_trades(trades, (), span, length)}
    return [told.get(start, Arm(sum=Decimal(0), count=Decimal(0), samples=0)) for start in span.starts(length)]


def known_of(arms: Sequence[Arm | None], source: str, bounds: Bounds | None = None) -> Known | None:
    """What slices of one arm say; None where there are too few of them. With ``bounds`` each counts alike."""
    told = [arm for arm in arms if arm is not None]
    full = [
        (float(arm.sum), float(arm.count), float(arm.count if arm.samples is None else arm.samples))
        for arm in told if arm.count > 0
    ]  # fmt: skip
    if len(full) < LEAST_SLICES:
        return None
    outside = bounds.outside(told) if bounds is not None else 0
    if bounds is not None:
        full = [(y / n, 1.0, samples) for y, n, samples in full]
    total, k = sum(n for _, n, _ in full), len(full)
    ratio = sum(y for y, _, _ in full) / total
    v1 = k * k / (k - 1) * sum((y - ratio * n) ** 2 for y, n, _ in full) / total**2
    samples = sum(each for _, _, each in full) / len(told)
    return Known(v1=v1, ratio=ratio, filled=k / len(told), samples=samples, source=source, outside=outside)


def stated(gate: NonInferiorityGate, trades_per_hour: float, sd: float) -> Known | None:
    """The same from a trade rate and the spread of one trade's profit per value traded; only for gates on trades."""
    if not gate.of_trades:
        return None
    mean = trades_per_hour * gate.slice / timedelta(hours=1)
    filled = 1 - math.exp(-mean)  # trades come when they come: a slice without one says nothing
    source = f"{trades_per_hour:g} trades an hour, spread {sd:g}"
    return Known(v1=sd**2 * filled / mean, ratio=0.0, filled=filled, samples=mean, source=source)


def plan(ladder: Ladder, known: dict[tuple[str, str], Known]) -> Iterator[Planned]:
    """The plan of every ``non_inferiority`` gate; ``known`` by stage and gate, or under an empty stage for all."""
    for stage in ladder.stages:
        for gate in stage.gates:
            if isinstance(gate, NonInferiorityGate):
                yield _planned(stage, gate, known.get((stage.name, gate.name)))


def _planned(stage: Stage, gate: NonInferiorityGate, known: Known | None) -> Planned:
    asked = float(gate.margin if gate.margin is not None else gate.max_ratio or 0)
    said = {"stage": stage.name, "gate": gate.name, "margin": asked, "longest": stage.observe.longest, "known": known}
    if known is None:
        because = "nothing is known of it: give a --history with at least 20 slices of it"
        return Planned.model_validate({**said, "because": because})
    if gate.measure is not Measure.MEAN and known.ratio <= 0:
        return Planned.model_validate({**said, "because": "no event was recorded, so no rate can be compared"})
    if gate.bounds is not None and known.outside:
        return Planned.model_validate({**said, "because": gate.bounds.contradicted(known.outside)})
    most = max(int(stage.observe.longest / gate.slice * _filled(gate, known)), 1)
    step = 1 if gate.measure is Measure.MEAN else asked - 1
    tried = [asked * scale if gate.measure is Measure.MEAN else 1 + step * scale for scale in SCALES]
    tried = [margin for margin in tried if gate.bounds is None or gate.bounds.share(margin) < 1]
    margins = [Margin(margin=margin, watch=_watch(stage, gate, known, margin, most)) for margin in tried]
    watch = margins[SCALES.index(1.0)].watch
    reachable = _reachable(stage, gate, known, most)
    longest = show_duration(stage.observe.longest)
    if watch is None:
        because = f"not within {longest}: {reachable:.3g} could be shown by then; {asked:g} is asked"
    else:
        because = f"80 % power after {show_duration(watch)} of at most {longest}"
    return Planned.model_validate(
        {**said, "watch": watch, "reachable": reachable, "margins": margins, "because": because}
    )


def _filled(gate: NonInferiorityGate, known: Known) -> float:
    """Share of slices that count: on a slice in which one arm has nothing no bet can be made."""
    return known.filled if gate.bounds is None else known.filled**2


def _bet_slices(bounds: Bounds, known: Known, margin: float, alpha: float, most: int) -> int | None:
    """The fewest slices that show ``margin`` where each is bet on; None where ``most`` do not."""
    bets, variance = MeanBets(m0=-bounds.share(margin)), 2 * known.v1 / bounds.width**2

    def enough(slices: int) -> bool:
        return bets.foreseen(0.0, variance, slices, -POWER_Z) >= math.log(1 / alpha)

    if not enough(most):
        return None
    low, high = 0, most  # each capital falls with the root of slices at first, then grows for good
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _terms(stage: Stage, gate: NonInferiorityGate) -> tuple[float, float]:
    terms = stage.terms(gate, 1)
    return terms.alpha, mixture_rho(terms.horizon / 2, terms.alpha)


def _variance(gate: NonInferiorityGate, known: Known, margin: float) -> tuple[float, float]:
    """The distance to be shown, and the variance of what is compared, after one slice with data."""
    if gate.measure is Measure.MEAN:
        return margin, 2 * known.v1
    return (margin - 1) * known.ratio, (1 + margin**2) * known.v1


def _watch(stage: Stage, gate: NonInferiorityGate, known: Known, margin: float, most: int) -> timedelta | None:
    alpha, rho = _terms(stage, gate)
    if gate.bounds is not None:
        slices = _bet_slices(gate.bounds, known, margin, alpha, most)
    else:
        distance, v1 = _variance(gate, known, margin)
        slices = anytime_slices(distance, v1, alpha, rho, power=POWER, most=most)
    if slices is None:
        return None
    enough = stage.samples_needed(gate) / known.samples
    least = max(gate.cover, stage.observe.min) / gate.slice
    needed = math.ceil(max(max(slices, gate.min_slices) / _filled(gate, known), enough, least))
    return needed * gate.slice if needed <= stage.observe.longest / gate.slice else None


def _reachable(stage: Stage, gate: NonInferiorityGate, known: Known, most: int) -> float:
    """The tightest margin by ``observe.max``; of a ratio by bisection, since it widens its own variance."""
    alpha, rho = _terms(stage, gate)
    if gate.bounds is not None:
        low, high = 0.0, gate.bounds.width
        for _ in range(40):
            middle = (low + high) / 2
            shown = _bet_slices(gate.bounds, known, middle, alpha, most) is not None
            low, high = (low, middle) if shown else (middle, high)
        return high
    if gate.measure is Measure.MEAN:
        return anytime_margin(2 * known.v1, most, alpha, rho, power=POWER)
    low, high = 1.0, 1_000.0
    for _ in range(60):
        middle = (low + high) / 2
        distance, v1 = _variance(gate, known, middle)
        enough = distance >= anytime_margin(v1, most, alpha, rho, power=POWER)
        low, high = (low, middle) if enough else (middle, high)
    return high
