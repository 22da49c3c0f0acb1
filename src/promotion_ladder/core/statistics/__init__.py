"""Statistics the gates stand on: pure functions of numbers, each checked against the peer or library it agrees with."""

from promotion_ladder.core.statistics.ranks import (
    Interval,
    cles,
    hodges_lehmann,
    mann_whitney,
    mannwhitney_ci,
    mean_ratio,
    normal_quantile,
    wilcoxon_diff,
)

__all__ = [
    "Interval",
    "cles",
    "hodges_lehmann",
    "mann_whitney",
    "mannwhitney_ci",
    "mean_ratio",
    "normal_quantile",
    "wilcoxon_diff",
]
