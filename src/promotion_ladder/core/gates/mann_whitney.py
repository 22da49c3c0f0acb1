"""``mann_whitney``: two sets of samples compared by rank, as Kayenta's judge does (docs/gates/mann_whitney.md)."""

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, JsonValue, model_validator

from promotion_ladder.core.base import Number
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, SamplesEvidence
from promotion_ladder.core.gates.check import Asked, GateBase, Wants, show
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.statistics.ranks import (
    Interval,
    cles,
    hodges_lehmann,
    mann_whitney,
    mannwhitney_ci,
    mean_ratio,
)
from promotion_ladder.core.verdict import Outcome, Verdict

_RESOLVED = 0.01  # a hundred times what Kayenta's root finder leaves open
_ZERO = 1e-11  # of the largest number: what is left of a difference that is none
_LEAST = 2  # numbers a side; one against one Kayenta cannot judge either


class Classification(StrEnum):
    """Kayenta's words for how a metric came out."""

    PASS = "Pass"  # noqa: S105 - a classification, not a password
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"
    NODATA_FAILED = "NodataFailMetric"
    ERROR = "Error"


class Compared(NamedTuple):
    """What comparing two sets of numbers gives."""

    classification: Classification
    deviation: float | None
    """Mean of the candidate over that of the baseline; 1 for equal data, None where a mean is zero."""
    effect: float | None
    interval: Interval | None
    """Of the shift from baseline to candidate; None for equal data, and where the shift is exactly zero."""


class MannWhitneyGate(GateBase):
    """The candidate's samples are neither higher nor lower than the baseline's by more than chance and tolerance."""

    wants: ClassVar[Wants] = Wants.SAMPLES
    kind: Literal["mann_whitney"] = "mann_whitney"
    query: str | None = Field(default=None, min_length=1)
    """PromQL as in ``threshold``, asked for each variant; a ladder must state it, recorded evidence needs none."""
    against: Literal[Variant.BASELINE, Variant.STABLE] = Variant.STABLE
    """What the candidate is compared with; ``baseline`` needs a stage that runs one."""
    min_samples: int | None = Field(default=None, ge=1)
    """Numbers needed on each side; the stage's ``observe.min_samples`` unless stated, 2 outside of a ladder."""
    tolerance: Number = Decimal("0.25")
    """The whole interval of the shift must lie beyond this share of the estimated shift; 0 or more."""
    confidence: Number = Decimal("0.98")
    """Of the interval of the shift; above 0 and below 1."""
    direction: Literal["either", "increase", "decrease"] = "either"
    """Which change fails."""
    effect: Literal["mean_ratio", "cles"] = "mean_ratio"
    """The size of the change: ratio of the means, or how often a candidate's number exceeds a baseline's."""
    effect_limits: tuple[Number, Number] | None = None
    """A decrease must reach the first, an increase the second; ``[1, 1]``, or ``[0.5, 0.5]`` for ``cles``."""
    critical: bool = False
    """Whether a failure beyond ``critical_limits`` makes the score of all gates 0."""
    critical_limits: tuple[Number, Number] | None = None
    """As ``effect_limits``, with the same defaults."""
    nan: Literal["remove", "replace"] = "remove"
    """What becomes of a sample that is no number: left out, or 0."""
    must_have_data: bool = False
    """Whether a side without any number is a failure."""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if self.tolerance < 0:
            raise ValueError(f"'tolerance' must be 0 or more, was {self.tolerance}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"'confidence' must be above 0 and below 1, was {self.confidence}")
        for field, stated in (("effect_limits", self.effect_limits), ("critical_limits", self.critical_limits)):
            low, high = self._limits(stated)
            if not 0 <= low <= high:
                raise ValueError(f"'{field}' are [low, high], 0 or more and low at most high; was [{low}, {high}]")
        return self

    def _limits(self, stated: tuple[Decimal, Decimal] | None) -> tuple[Decimal, Decimal]:
        no_effect = Decimal(1) if self.effect == "mean_ratio" else Decimal("0.5")
        return stated if stated is not None else (no_effect, no_effect)

    def queries(self) -> dict[str, Asked]:
        """The samples of either side."""
        if self.query is None:
            return {}
        return {"query": Asked(self.query), "against": Asked(self.query, variant=self.against)}

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`SamplesEvidence`; ``details`` has Kayenta's classification and the numbers behind it."""
        if not isinstance(evidence, SamplesEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem not in (None, Code.NO_DATA):
            verdict = self.missing(evidence.problem, evidence.detail)
            return verdict.model_copy(update={"details": _said(Classification.ERROR, critical=self.critical)})
        sides = {"candidate": evidence.candidate, str(self.against): evidence.baseline}
        counts = {whose: sum(sample is not None for sample in samples) for whose, samples in sides.items()}
        empty = [whose for whose, count in counts.items() if not count]
        if evidence.problem is not None or empty:
            return self._no_data(evidence.detail or f"{' and '.join(empty)}: no number among the samples")
        fewest = min(counts, key=lambda whose: counts[whose])
        if self.min_samples is not None and counts[fewest] < self.min_samples:
            return self._too_few(fewest, counts[fewest], self.min_samples, Classification.NODATA)
        candidate, baseline = (self._numbers(samples) for samples in sides.values())
        compared = self.compare(candidate, baseline)
        if counts[fewest] < _LEAST and sorted(candidate) != sorted(baseline):
            return self._too_few(fewest, counts[fewest], _LEAST, compared.classification)
        return self._concluded(compared, counts)

    def _numbers(self, samples: tuple[float | None, ...]) -> list[float]:
        if self.nan == "replace":
            return [0.0 if sample is None else sample for sample in samples]
        return [sample for sample in samples if sample is not None]

    def compare(self, candidate: list[float], baseline: list[float]) -> Compared:
        """Kayenta's classification of numbers, at least one on each side."""
        if sorted(candidate) == sorted(baseline) or len({*candidate, *baseline}) == 1:
            return Compared(Classification.PASS, 1.0, None, None)
        if len(candidate) == len(baseline) == 1:
            return Compared(Classification.ERROR, None, None, None)
        candidate, baseline = _within_reach(candidate, baseline)
        deviation = _rounded(mean_ratio(candidate, baseline))
        effect = deviation if self.effect == "mean_ratio" else cles(candidate, baseline)
        higher, lower, interval = self._shifted(candidate, baseline)
        classification = Classification.PASS
        if higher and self.direction != "decrease":
            classification = Classification.HIGH
        elif lower and self.direction != "increase":
            classification = Classification.LOW
        if not _reaches(self._limits(self.effect_limits), classification, effect):
            classification = Classification.PASS
        return Compared(classification, deviation, effect, interval)

    def _shifted(self, candidate: list[float], baseline: list[float]) -> tuple[bool, bool, Interval | None]:
        """Whether the candidate is higher, lower, and by how much.

        Kayenta's root finder stops within 0.0001 whatever the samples' unit. Where that is not small beside the shift,
        the unit is changed; a shift of exactly zero has no unit, and is put to the test itself.
        """
        shift = hodges_lehmann(candidate, baseline)
        if abs(shift) <= _ZERO * max(map(abs, (*candidate, *baseline))):
            chance = (1 - float(self.confidence)) / 2
            sides: tuple[Literal["greater"], Literal["less"]] = ("greater", "less")
            higher, lower = (mann_whitney(candidate, baseline, side)[1] < chance for side in sides)
            return higher, lower, None
        unit = 1.0 if abs(shift) >= _RESOLVED else abs(shift)
        x, y = ([number / unit for number in side] for side in (candidate, baseline))
        try:
            found = mannwhitney_ci(x, y, float(self.confidence))
        except ValueError:  # each side is one number, as far as doubles tell; Kayenta adds noise to have an interval
            found = Interval(shift / unit, shift / unit, shift / unit)
        bound = float(self.tolerance) * abs(found.estimate)
        return found.low > bound, found.high < -bound, Interval(*(unit * end for end in found))

    def _critical(self, compared: Compared) -> bool:
        limits = self._limits(self.critical_limits)
        return self.critical and _reaches(limits, compared.classification, compared.effect)

    def _concluded(self, compared: Compared, counts: dict[str, int]) -> Verdict:
        failed = compared.classification is not Classification.PASS
        value = compared.effect if compared.effect is not None else compared.deviation
        low, high = self._limits(self.effect_limits)
        number = None if value is None else Decimal(repr(value))
        seen = " against ".join(f"{count} of {whose}" for whose, count in counts.items())
        what = {"mean_ratio": "ratio of means", "cles": "share of larger"}[self.effect]
        size = f", {what} {show(number)}" if compared.effect is not None else ""
        how = {Classification.HIGH: "higher", Classification.LOW: "lower"}.get(compared.classification, "no different")
        return self.verdict(
            Outcome.FAIL if failed else Outcome.PASS,
            f"candidate is {how} by rank: {seen} samples{size}",
            value=number,
            limit={Classification.HIGH: high, Classification.LOW: low}.get(compared.classification),
            n=min(counts.values()),
            details=_said(compared.classification, critical=self._critical(compared))
            | {
                "deviation": compared.deviation,
                "effect": compared.effect,
                "interval": None if compared.interval is None else [compared.interval.low, compared.interval.high],
                "shift": 0.0 if compared.interval is None else compared.interval.estimate,
            },
        )

    def _no_data(self, detail: str) -> Verdict:
        failed = Classification.NODATA_FAILED if self.must_have_data and not self.critical else Classification.NODATA
        return self.verdict(
            Outcome.FAIL if self.must_have_data else Outcome.NO_DATA,
            detail,
            code=Code.NO_DATA,
            n=0,
            details=_said(failed, critical=self.critical),
        )

    def _too_few(self, whose: str, count: int, needed: int, classification: Classification) -> Verdict:
        return self.verdict(
            Outcome.INCONCLUSIVE,
            f"{whose}: {count} samples, {needed} needed",
            code=Code.TOO_FEW_SAMPLES,
            n=count,
            details=_said(classification, critical=False),
        )


def _reaches(limits: tuple[Decimal, Decimal], classification: Classification, effect: float | None) -> bool:
    """Whether a change is as large as the limit on its side asks; one of unknown size is taken to be."""
    low, high = map(float, limits)
    match classification:
        case Classification.HIGH:
            return effect is None or effect >= high
        case Classification.LOW:
            return effect is None or effect <= low
        case _:
            return False


def _said(classification: Classification, *, critical: bool) -> dict[str, JsonValue]:
    return {"classification": str(classification), "critical": critical}


def _rounded(ratio: float | None) -> float | None:
    """To twelve digits: the last ones depend on the unit, and must not decide at a limit."""
    return None if ratio is None else float(f"{ratio:.12g}")


def _within_reach(candidate: list[float], baseline: list[float]) -> tuple[list[float], list[float]]:
    """Both sides in another unit where sums and differences would leave the range of a double."""
    largest = max(map(abs, (*candidate, *baseline)))
    unit = 1.0 if 1e-100 < largest < 1e100 else largest
    return [number / unit for number in candidate], [number / unit for number in baseline]
