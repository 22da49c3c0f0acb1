"""Histograms as a source of metrics tells them: cumulative counts by ``le``, as of Prometheus' classic histograms."""

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import HistogramEvidence, NumbersEvidence


def histogram(recent: NumbersEvidence, training: NumbersEvidence) -> HistogramEvidence:
    """Recent and training counts by bucket, of the cumulative ones by ``le``; they must have the same edges."""

    def missing(problem: Code, detail: str) -> HistogramEvidence:
        return HistogramEvidence(edges=(), candidate=(), baseline=(), problem=problem, detail=detail)

    for side, found in (("recent", recent), ("training", training)):
        if found.problem is not None or not found.numbers:
            problem = found.problem or Code.NO_DATA
            return missing(problem, f"{side}: {found.detail or problem.sentence}")
    try:
        (edges, counts), (others, trained) = buckets(recent.numbers), buckets(training.numbers)
    except ValueError as error:
        return missing(Code.QUERY_REFUSED, str(error))
    if edges != others:
        detail = f"recent data has edges {_listed(edges)}, training data {_listed(others)}"
        return missing(Code.QUERY_REFUSED, detail)
    return HistogramEvidence(edges=edges, candidate=counts, baseline=trained)


def buckets(cumulative: Mapping[str, Decimal]) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    """Finite edges and the count of each bucket, of a classic histogram's cumulative counts by ``le``.

    Raises ValueError where there is no infinite edge, or an edge that is no number.
    """
    try:
        by_edge = sorted((Decimal(edge), count) for edge, count in cumulative.items())
    except InvalidOperation:
        raise ValueError(f"an edge is no number: {', '.join(cumulative)}") from None
    if len(by_edge) < 2 or by_edge[-1][0] != math.inf:
        raise ValueError("a histogram needs edges, and a last one of '+Inf'")
    counts, below = [], Decimal(0)
    for _, count in by_edge:
        counts.append(max(count - below, Decimal(0)))  # sums of floats may fall by a crumb
        below = max(count, below)
    return tuple(edge for edge, _ in by_edge[:-1]), tuple(counts)


def _listed(edges: tuple[Decimal, ...]) -> str:
    return ", ".join(map(str, edges))
