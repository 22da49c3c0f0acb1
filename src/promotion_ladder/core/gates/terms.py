"""What a ``non_inferiority`` gate compares and may err, and what its sums come to."""

from enum import StrEnum
from typing import NamedTuple

from promotion_ladder.core.statistics.slices import Difference


class Measure(StrEnum):
    """What is compared."""

    MEAN = "mean"
    RATE = "rate"
    QUANTILE = "quantile"


class Terms(NamedTuple):
    """What a gate takes from its stage; frozen with the ladder, so known before the data."""

    alpha: float = 0.05
    """How often the stage may err, in each direction; what a retry has left."""
    tests: int = 1
    """How many gates of the stage can abort by chance; they share alpha."""
    horizon: int = 60
    """Slices by ``observe.max``."""


class Evidenced(NamedTuple):
    """What the sums show, oriented so that more is better."""

    difference: Difference
    """Candidate minus the other arm; its sign is that of harm turned round."""
    harm: float
    """Of evidence that it is worse: log E, or z in a fixed design."""
    fine: float
    """Of evidence that it is not worse by the margin."""
    harm_needed: float
    fine_needed: float
    sure: float
    """The least that the oriented difference is, with confidence 1 - alpha."""
    likely: float
    """Chance that ``fine`` gets there by the horizon if the trend goes on."""
    exact: float | None
    """Log E of the exact comparison of rates, which has to agree; None for means."""
