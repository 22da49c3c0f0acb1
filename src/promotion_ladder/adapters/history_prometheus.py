"""The series of a ladder's gates out of a Prometheus, by range queries over a whole history."""

from datetime import datetime, timedelta
from typing import NamedTuple

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.gates import Gate, NonInferiorityGate, Wants
from promotion_ladder.core.history import Key, Timeline
from promotion_ladder.core.ladder import Ladder, Stage
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.query import expand
from promotion_ladder.ports import MetricSource

MOST_STEPS = 10_000
"""In one query; Prometheus refuses more than 11 000."""


class Asked(NamedTuple):
    """Whose series are asked for, and of which time."""

    bot: str
    release: str
    """Version of the candidate."""
    stable: str
    """Version of stable, which a baseline runs too."""
    since: datetime
    until: datetime


class _Query(NamedTuple):
    text: str
    step: timedelta


async def recorded_series(source: MetricSource, ladder: Ladder, asked: Asked) -> dict[Key, Timeline]:
    """Every series that gates of ``ladder`` ask for; ``$window`` is a slice, or the least time a stage is observed.

    Raises LadderError with the code of the source when a query is refused or the source does not answer.
    """
    found: dict[Key, Timeline] = {}
    told: dict[_Query, Timeline] = {}
    for stage in ladder.stages:
        for gate in stage.gates:
            for key, query in _queries(ladder, stage, gate, asked):
                if query not in told:
                    told[query] = await _series(source, query, asked, gate.name)
                found[key] = told[query]
    return found


def _queries(ladder: Ladder, stage: Stage, gate: Gate, asked: Asked) -> list[tuple[Key, _Query]]:
    """One series each; what asks for the values of a label, and so for several, is not fetched."""
    found = []
    for name, each in gate.queries().items():
        if each.by:
            continue
        step = gate.slice if isinstance(gate, NonInferiorityGate) else stage.observe.every
        version = asked.release if each.variant is Variant.CANDIDATE else asked.stable
        labels = {"bot": asked.bot, "release": version, "variant": str(each.variant)}
        query = _Query(expand(each.query, ladder.metrics, labels, each.window or stage.observe.min), step)
        found.append((Key(gate.name, field_of(gate, name), each.variant, stage.name), query))
    return found


def field_of(gate: Gate, name: str) -> str:
    """The field of a history: the same for either side of a comparison."""
    if gate.wants is Wants.NUMBERS:
        return name
    return "query" if name == "against" else name.removesuffix("_against")


async def _series(source: MetricSource, query: _Query, asked: Asked, gate: str) -> Timeline:
    steps = (asked.until - asked.since) // query.step
    points: list[tuple[datetime, float | None]] = []
    for first in range(0, steps + 1, MOST_STEPS):
        last = min(first + MOST_STEPS - 1, steps)
        begin, end = (asked.since + place * query.step for place in (first, last))
        part = await source.points(query.text, begin, end, query.step)
        if part.problem is not None and part.problem is not Code.NO_DATA:
            raise LadderError(part.problem, f"gate {gate}: {part.detail}")
        points += [(begin + place * query.step, value) for place, value in enumerate(part.values) if value is not None]
    return Timeline(points)
