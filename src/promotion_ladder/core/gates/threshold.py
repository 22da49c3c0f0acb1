"""``threshold``: one number of the candidate within stated bounds."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from promotion_ladder.core.base import Number
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumberEvidence
from promotion_ladder.core.gates.check import Asked, GateBase, Wants
from promotion_ladder.core.verdict import Outcome, Verdict


class MetricCheck(GateBase):
    """The parameters shared by gates on a Prometheus query."""

    query: str = Field(min_length=1)
    """PromQL with ``$labels``, ``$window`` and the ladder's metric names, for instance ``$orders{$labels}``."""
    min: Number | None = None
    """Inclusive lower bound."""
    max: Number | None = None
    """Inclusive upper bound."""
    min_samples: int | None = Field(default=None, ge=1)
    """Finite samples needed in the window; the stage's ``observe.min_samples`` unless stated."""

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("state 'min', 'max' or both; without a bound the gate could not fail")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"'min' ({self.min}) is above 'max' ({self.max}); no value could pass")
        return self

    def queries(self) -> dict[str, Asked]:
        """The one query."""
        return {"query": Asked(self.query)}

    def unusable(self, number: NumberEvidence, whose: str) -> Verdict | None:
        """The verdict on a number that cannot be judged; None when it can."""
        if number.problem is not None:
            return self.missing(number.problem, f"{whose}: {number.detail or number.problem.sentence}")
        if number.value is None:
            return self.missing(Code.NO_DATA, f"{whose}: no value")
        if self.min_samples is not None and (number.samples or 0) < self.min_samples:
            return self.verdict(
                Outcome.INCONCLUSIVE,
                f"{whose}: {number.samples or 0} samples, {self.min_samples} needed",
                code=Code.TOO_FEW_SAMPLES,
                value=number.value,
                limit=self.max if self.max is not None else self.min,
                n=number.samples,
            )
        return None


class ThresholdGate(MetricCheck):
    """The newest value of a query lies within ``min`` and ``max``, both inclusive."""

    wants: ClassVar[Wants] = Wants.METRIC
    kind: Literal["threshold"] = "threshold"

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`NumberEvidence`."""
        if not isinstance(evidence, NumberEvidence):
            return self.wrong_kind(evidence)
        bad = self.unusable(evidence, "candidate")
        if bad is not None or evidence.value is None:
            return bad or self.missing(Code.NO_DATA, "candidate: no value")
        return self.bounded(evidence, evidence.value, (self.min, self.max), "value")
