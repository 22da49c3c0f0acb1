"""Statistics for gates: pure functions on plain numbers, and the running sums that stages carry.

Everything here is checked against published libraries and closed forms (tests/core/statistics). numpy and scipy are
imported by the few functions that need them, when they run: their import takes longer than most commands.
"""

from promotion_ladder.core.statistics.mixture import (
    e_bonferroni,
    e_to_p,
    normal_mixture_bound,
    normal_mixture_log_e,
)
from promotion_ladder.core.statistics.planning import (
    clopper_pearson,
    group_sequential_z,
    sample_size_ni_mean,
    sample_size_paired,
)
from promotion_ladder.core.statistics.ranks import (
    cles,
    hodges_lehmann,
    mann_whitney,
    mannwhitney_ci,
    mean_ratio,
    normal_quantile,
    wilcoxon_diff,
)
from promotion_ladder.core.statistics.rates import conditional_rate_log_e, multinomial_log_e
from promotion_ladder.core.statistics.slices import slice_log_e, slice_ratio_diff

__all__ = [
    "cles",
    "clopper_pearson",
    "conditional_rate_log_e",
    "e_bonferroni",
    "e_to_p",
    "group_sequential_z",
    "hodges_lehmann",
    "mann_whitney",
    "mannwhitney_ci",
    "mean_ratio",
    "multinomial_log_e",
    "normal_mixture_bound",
    "normal_mixture_log_e",
    "normal_quantile",
    "sample_size_ni_mean",
    "sample_size_paired",
    "slice_log_e",
    "slice_ratio_diff",
    "wilcoxon_diff",
]
