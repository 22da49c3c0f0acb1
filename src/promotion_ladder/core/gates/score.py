"""``score``: several gates weighed into one number from 0 to 100, as Kayenta does (docs/gates/score.md)."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import ConfigDict, Field, model_validator

from promotion_ladder.core.base import CENT, Number
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, JudgedGate, VerdictsEvidence
from promotion_ladder.core.gates.check import GateBase, OnFail, Wants, show
from promotion_ladder.core.gates.mann_whitney import Classification
from promotion_ladder.core.verdict import Outcome, Verdict

_PASSED = (Classification.PASS, Outcome.PASS)
_NOT_PASSED = (
    Classification.HIGH, Classification.LOW, Classification.NODATA_FAILED,
    Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR,
)  # fmt: skip
_NO_DATA = (Classification.NODATA, Outcome.NO_DATA)
_KNOWN = (*Classification, *Outcome)


class Weighed(NamedTuple):
    """What gates come to together."""

    score: Decimal
    groups: dict[str, float | None]
    """The score of each group; None for one without data."""
    reason: str
    """Why the score is 0 whatever the groups say; empty otherwise."""


def weighted_sum_score(metrics: Sequence[JudgedGate], group_weights: Mapping[str, Decimal]) -> Weighed:
    """Kayenta's ``WeightedSumScorer``: 0 to 100, rounded half up to two digits.

    A group's score is the share of its gates that passed, gates without data left out; a group of those alone counts
    as 100. Groups without a weight share equally what the weights leave of 100. A critical gate that did not pass, or
    half of all gates without data, makes it 0.
    """
    members: dict[str, list[str]] = {}
    for metric in metrics:
        for group in metric.groups:
            members.setdefault(group, []).append(metric.classification)
    groups = {group: _group_score(words) for group, words in members.items()}
    failed = [metric.name for metric in metrics if metric.critical and metric.classification not in _PASSED]
    if failed:
        return Weighed(Decimal(0), groups, f"critical gate {failed[0]} did not pass")
    without = sum(metric.classification in _NO_DATA for metric in metrics)
    if metrics and 2 * without >= len(metrics):
        return Weighed(Decimal(0), groups, f"{without} of {len(metrics)} gates have no data")
    unweighted = [group for group in groups if group not in group_weights]
    left = (100 - float(sum(group_weights.values()))) / len(unweighted) if unweighted else 0.0
    total = 0.0
    for group, score in groups.items():
        weight = float(group_weights[group]) if group in group_weights else left
        total += (100.0 if score is None else score) * (weight / 100)
    return Weighed(Decimal(repr(total)).quantize(CENT, ROUND_HALF_UP), groups, "")


def _group_score(words: Sequence[str]) -> float | None:
    passed, others = (sum(word in known for word in words) for known in (_PASSED, _NOT_PASSED))
    return passed / (passed + others) * 100 if passed + others else None


class ScoreGate(GateBase):
    """The weighted share of gates that passed is high enough. In a stage it weighs the other gates of the stage."""

    # 'pass' is a keyword of Python; both names are read, so that a dump by field name can be read back
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    wants: ClassVar[Wants] = Wants.VERDICTS
    kind: Literal["score"] = "score"
    on_fail: OnFail = OnFail.ABORT
    passing: Number = Field(default=Decimal(95), alias="pass")
    """A score from here on passes; above 0, at most 100."""
    marginal: Number = Decimal(75)
    """A score from here on, below ``pass``, is inconclusive: it holds for a person; 0 or more, at most ``pass``."""
    groups: dict[str, Number] = {}
    """The weight of each group of gates, in percent; groups without one share what is left of 100."""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if not 0 < self.passing <= 100:
            raise ValueError(f"'pass' must be above 0 and at most 100, was {self.passing}")
        if not 0 <= self.marginal <= self.passing:
            raise ValueError(f"'marginal' must be 0 or more and at most 'pass' ({self.passing}), was {self.marginal}")
        for group, weight in self.groups.items():
            if weight <= 0:
                raise ValueError(f"'groups' must have weights above 0, '{group}' has {weight}")
        if sum(self.groups.values()) > 100:
            raise ValueError(f"'groups' may weigh at most 100 together, were {sum(self.groups.values())}")
        return self

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`VerdictsEvidence`; the value is the score."""
        if not isinstance(evidence, VerdictsEvidence):
            return self.wrong_kind(evidence)
        strange = next((gate for gate in evidence.gates if gate.classification not in _KNOWN), None)
        if strange is not None:
            return self.verdict(
                Outcome.ERROR,
                f"gate {strange.name} is '{strange.classification}'; known are {', '.join(map(str, _KNOWN))}",
                code=Code.QUERY_REFUSED,
            )
        weighed = weighted_sum_score(evidence.gates, self.groups)
        if not evidence.gates or all(score is None for score in weighed.groups.values()):
            why = "no gate stands in a group" if evidence.gates and not weighed.groups else "no gate has data"
            return self._scored(Outcome.NO_DATA, Decimal(0), f"score is 0: {why}", weighed)
        score = weighed.score
        sentence = f"score is {show(score, self.passing)}, at least {show(self.passing)} passes"
        if score >= self.passing:
            return self._scored(Outcome.PASS, score, sentence, weighed)
        if score >= self.marginal:
            return self._scored(Outcome.INCONCLUSIVE, score, f"{sentence}; a person decides", weighed)
        return self._scored(Outcome.FAIL, score, f"{sentence}{weighed.reason and f': {weighed.reason}'}", weighed)

    def _scored(self, outcome: Outcome, score: Decimal, sentence: str, weighed: Weighed) -> Verdict:
        code = {Outcome.INCONCLUSIVE: Code.SCORE_MARGINAL, Outcome.NO_DATA: Code.NO_DATA}.get(outcome)
        return self.verdict(
            outcome, sentence, code=code, value=score, limit=self.passing, details={"groups": dict(weighed.groups)}
        )
