"""``drift``: a feature's recent values against those the model was trained on.

An alarm needs both: a divergence of some size, and one that chance does not explain. A passing gate says "no drift
alarm", never "the same distribution".
"""

from decimal import Decimal
from typing import ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from promotion_ladder.core.base import Number
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, HistogramEvidence
from promotion_ladder.core.gates.check import Asked, GateBase, OnFail, Wants
from promotion_ladder.core.statistics import (
    chi_square_quantile,
    effective_samples,
    kl_divergence,
    kl_to_mean_shift_sd,
    psi,
)
from promotion_ladder.core.verdict import Outcome, Verdict

SURE = 0.99
LEAST_PER_BUCKET = 10


class DriftGate(GateBase):
    """KL(recent‖training), and on request PSI, stay below their limits or within what chance alone explains."""

    wants: ClassVar[Wants] = Wants.HISTOGRAM
    kind: Literal["drift"] = "drift"
    max_kl: Number | None = Field(default=Decimal("0.20"), gt=0)
    """Divergence in nats from which it is drift; 0.20 is a normal feature shifted by 0.63 standard deviations."""
    max_psi: Number | None = Field(default=None, gt=0)
    """Population stability index from which it is drift; not asked unless stated."""
    autocorrelation: Number = Field(default=Decimal(0), ge=0, lt=1)
    """Lag-1 autocorrelation φ of the feature: n values are worth n(1-φ)/(1+φ) independent ones."""
    recent: str = "sum by (le) (increase($feature{$labels}[$window])) and on() count($feature{$labels})"
    """Query for the cumulative counts by ``le`` of the recent values."""
    training: str = "sum by (le) ($feature_training{$labels})"
    """The same of the training data, with the same edges."""
    on_fail: OnFail = OnFail.HOLD
    """Drift is not harm shown: a person decides, after the model was evaluated again."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.max_kl is None and self.max_psi is None:
            raise ValueError("state 'max_kl', 'max_psi' or both; without a limit the gate could not fail")
        return self

    def queries(self) -> dict[str, Asked]:
        """Two histograms."""
        return {"recent": Asked(self.recent, by="le"), "training": Asked(self.training, by="le")}

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`HistogramEvidence` of recent and training values."""
        if not isinstance(evidence, HistogramEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        recent, training = [float(c) for c in evidence.candidate], [float(c) for c in evidence.baseline]
        buckets, n = len(evidence.edges) + 1, sum(recent)
        if not len(recent) == len(training) == buckets or buckets < 2 or min(recent + training) < 0:
            sentence = f"{len(recent)} recent and {len(training)} training counts do not fit {buckets} buckets"
            return self.verdict(Outcome.ERROR, sentence, code=Code.QUERY_REFUSED)
        if not n or not sum(training):
            return self.missing(Code.NO_DATA, f"no {'training' if n else 'recent'} value was counted")
        effective = effective_samples(n, float(self.autocorrelation))
        if effective < LEAST_PER_BUCKET * buckets:
            return self.verdict(
                Outcome.INCONCLUSIVE,
                f"{n:.0f} recent values are worth {effective:.0f} independent ones, {LEAST_PER_BUCKET * buckets} are "
                f"needed for {buckets} buckets: too few to say, which is not healthy",
                code=Code.TOO_FEW_SAMPLES, n=round(n),
            )  # fmt: skip
        return self._measure(recent, training, n, effective)

    def _measure(self, recent: list[float], training: list[float], n: float, effective: float) -> Verdict:
        """The measure that speaks most against the release decides."""
        noise = chi_square_quantile(len(recent) - 1, SURE) / (2 * effective)
        kl, both_ways = kl_divergence(recent, training), psi(recent, training)
        bias = (len(recent) - 1) / (2 * n) * (1 + n / sum(training))
        details: dict[str, JsonValue] = {
            "kl": kl, "kl_less_bias": kl - bias, "psi": both_ways, "noise_kl": noise, "n_effective": effective,
        }  # fmt: skip
        shift = kl_to_mean_shift_sd(max(kl, 0.0))
        measured = (("KL", kl, self.max_kl, noise), ("PSI", both_ways, self.max_psi, 2 * noise))
        verdicts = []
        for what, value, limit, floor in measured:
            if limit is None:
                continue
            said = f"{what} is {value:.4g}, drift from {limit:.4g} on, chance explains {floor:.4g}"
            said += f"; {n:.0f} recent values, as of a normal feature shifted by {shift:.2f} sd"
            outcome, code = Outcome.PASS, Code.GATE_PASSED
            if value >= limit and value > floor:
                outcome, code = Outcome.FAIL, Code.DRIFTED
                said += ": evaluate the model again, by a fresh replay of this release"
            elif value >= limit:
                outcome, code = Outcome.INCONCLUSIVE, Code.TOO_FEW_SAMPLES
            verdicts.append(self.verdict(
                outcome, said, code=code, value=Decimal(repr(value)), limit=limit, n=round(n), details=details
            ))  # fmt: skip
        order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
        return min(verdicts, key=lambda verdict: order.index(verdict.outcome))
