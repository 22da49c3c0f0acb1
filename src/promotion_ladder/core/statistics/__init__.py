"""Published formulas as plain functions: what the gates compute with, each with its source."""

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
from promotion_ladder.core.statistics.slo import (
    burn_alert,
    burn_max,
    burn_threshold,
    slo,
    staleness,
    threshold,
)

__all__ = [
    "brier_delta",
    "burn_alert",
    "burn_max",
    "burn_threshold",
    "canary_delta",
    "chi_square_quantile",
    "effective_samples",
    "g_test",
    "histogram_quantile",
    "jensen_shannon_distance",
    "kl_divergence",
    "kl_divergence_bits",
    "kl_gaussian",
    "kl_to_mean_shift_sd",
    "psi",
    "slo",
    "staleness",
    "threshold",
    "wasserstein",
]
