"""``ratio`` and ``delta``: the candidate's number against the baseline's.

Point comparisons of noisy numbers: they suit error rates and latencies with plenty of samples. For PnL they are wrong
(signs, zero, unequal shares); use ``trades``.
"""

from decimal import Decimal
from typing import ClassVar, Literal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumberEvidence, PairEvidence
from promotion_ladder.core.gates.check import Asked, Wants
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.verdict import Outcome, Verdict


class ComparisonCheck(MetricCheck):
    """The parameters shared by gates that compare with another variant."""

    wants: ClassVar[Wants] = Wants.METRIC_PAIR
    against: Literal[Variant.BASELINE, Variant.STABLE] = Variant.STABLE
    """What the candidate is compared with; ``baseline`` needs a stage that runs one."""

    def queries(self) -> dict[str, Asked]:
        """The one query, of both sides."""
        return {"query": Asked(self.query), "against": Asked(self.query, variant=self.against)}

    def compare(self, candidate: Decimal, baseline: Decimal) -> Decimal | None:
        """The compared number, or None where it is not defined."""
        raise NotImplementedError  # ratio and delta have their own

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`PairEvidence`."""
        if not isinstance(evidence, PairEvidence):
            return self.wrong_kind(evidence)
        sides = ((evidence.candidate, "candidate"), (evidence.baseline, str(self.against)))
        for number, whose in sides:
            bad = self.unusable(number, whose)
            if bad is not None:
                return bad
        candidate, baseline = evidence.candidate.value, evidence.baseline.value
        if candidate is None or baseline is None:
            return self.missing(Code.NO_DATA, "no value")
        value = self.compare(candidate, baseline)
        if value is None:
            return self.verdict(
                Outcome.INCONCLUSIVE,
                f"{self.against} is {baseline}: no {self.kind} against it exists",
                code=Code.NOT_A_NUMBER,
                n=evidence.candidate.samples,
            )
        return self.bounded(evidence.candidate, value, (self.min, self.max), f"{self.kind} against {self.against}")


class RatioGate(ComparisonCheck):
    """candidate / baseline within bounds.

    Both zero counts as 1 (equal). A baseline of zero, or any negative side, has no meaningful ratio: inconclusive.
    """

    kind: Literal["ratio"] = "ratio"

    def compare(self, candidate: Decimal, baseline: Decimal) -> Decimal | None:
        """Candidate / baseline for non-negative numbers."""
        if candidate < 0 or baseline < 0:
            return None
        if baseline == 0:
            return Decimal(1) if candidate == 0 else None
        return candidate / baseline


class DeltaGate(ComparisonCheck):
    """Candidate minus baseline within bounds."""

    kind: Literal["delta"] = "delta"
    unit: Literal["usd", "per_capital"] | None = None
    """``usd``: amounts of money, which grow with capital. ``per_capital``: each side is divided by its own first."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`PairEvidence`; with ``per_capital`` a side that has no capital is no data."""
        if self.unit != "per_capital" or not isinstance(evidence, PairEvidence):
            return super().judge(evidence)
        mine, theirs = evidence.candidate_capital, evidence.baseline_capital
        if mine is None or mine <= 0 or theirs is None or theirs <= 0:
            whose = "candidate" if mine is None or mine <= 0 else self.against
            return self.missing(Code.NO_DATA, f"{whose} has no capital in this stage, so nothing per capital exists")
        sides = {"candidate": _per(evidence.candidate, mine), "baseline": _per(evidence.baseline, theirs)}
        return super().judge(evidence.model_copy(update=sides))

    def compare(self, candidate: Decimal, baseline: Decimal) -> Decimal | None:
        """The plain difference."""
        return candidate - baseline


def _per(number: NumberEvidence, capital: Decimal) -> NumberEvidence:
    return number.model_copy(update={"value": None if number.value is None else number.value / capital})
