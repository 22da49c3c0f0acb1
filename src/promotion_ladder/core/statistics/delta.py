"""Differences of scores between a candidate and what it is compared with; lower is better."""

from collections.abc import Sequence


def canary_delta(new: float, base: float) -> float:
    """``new`` minus ``base``: below zero the candidate's score is the better one. A number, and no evidence yet."""
    return new - base


def brier_delta(y: Sequence[float], p_new: Sequence[float], p_base: Sequence[float]) -> list[float]:
    """Brier scores of two sets of forecasts ``p`` of the same outcomes ``y`` (0 or 1), and their difference.

    Mean of (p - y)²: Brier, Monthly Weather Review 78(1), 1950. Raises ValueError unless all are equally long and not
    empty.
    """
    if not y:
        raise ValueError("there is no forecast")
    new, base = (sum((p - o) ** 2 for p, o in zip(ps, y, strict=True)) / len(y) for ps in (p_new, p_base))
    return [new, base, canary_delta(new, base)]
