"""Statistics for gates: pure functions on plain numbers, and the running sums that stages carry.

Everything here is checked against published libraries and closed forms (tests/core/statistics). numpy and scipy are
imported by the few functions that need them, when they run: their import takes longer than most commands.
"""

from promotion_ladder.core.statistics.betting import betting_grid_log_e
from promotion_ladder.core.statistics.delta import brier_delta, canary_delta
from promotion_ladder.core.statistics.drift import (
    chi_square_quantile,
    effective_samples,
    g_test,
    histogram_quantile,
    jensen_shannon_distance,
    kl_divergence,
    kl_divergence_bits,
    kl_gaussian,
    kl_to_mean_shift_sd,
    psi,
    wasserstein,
)
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
from promotion_ladder.core.statistics.slo import burn_alert, burn_max, burn_threshold, slo, staleness, threshold

__all__ = [
    "betting_grid_log_e",
    "brier_delta",
    "burn_alert",
    "burn_max",
    "burn_threshold",
    "canary_delta",
    "chi_square_quantile",
    "cles",
    "clopper_pearson",
    "conditional_rate_log_e",
    "e_bonferroni",
    "e_to_p",
    "effective_samples",
    "g_test",
    "group_sequential_z",
    "histogram_quantile",
    "hodges_lehmann",
    "jensen_shannon_distance",
    "kl_divergence",
    "kl_divergence_bits",
    "kl_gaussian",
    "kl_to_mean_shift_sd",
    "mann_whitney",
    "mannwhitney_ci",
    "mean_ratio",
    "multinomial_log_e",
    "normal_mixture_bound",
    "normal_mixture_log_e",
    "normal_quantile",
    "psi",
    "sample_size_ni_mean",
    "sample_size_paired",
    "slice_log_e",
    "slice_ratio_diff",
    "slo",
    "staleness",
    "threshold",
    "wasserstein",
    "wilcoxon_diff",
]
