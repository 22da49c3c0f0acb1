"""``position``: how much the candidate holds, in one instrument or in all of them together."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from promotion_ladder.core.base import Money
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, HoldingsEvidence
from promotion_ladder.core.gates.check import GuardBase, Wants, show
from promotion_ladder.core.verdict import Outcome, Verdict


class PositionGuard(GuardBase):
    """Trips when more than ``max`` is held."""

    wants: ClassVar[Wants] = Wants.POSITIONS
    kind: Literal["position"] = "position"
    max: Money = Field(gt=0)
    """Largest value that is still good, long or short."""
    of: Literal["instrument", "total"] = "instrument"
    """Whether the limit is for each instrument, or for all together; long and short add up, they do not cancel."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`HoldingsEvidence`; strictly more than the limit fails, nothing held is a pass."""
        if not isinstance(evidence, HoldingsEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        values = evidence.values
        largest = max(values, key=lambda instrument: values[instrument], default=None)
        if self.of == "total" or largest is None:
            value, what = sum(values.values(), Decimal(0)), "value held in all instruments"
        else:
            value, what = values[largest], f"value held in {largest}"
        return self.verdict(
            Outcome.FAIL if value > self.max else Outcome.PASS,
            f"{what} is {show(value, self.max)}, limit at most {show(self.max)}",
            code=Code.GATE_FAILED if value > self.max else Code.GATE_PASSED,
            value=value,
            limit=self.max,
            n=len(values),
        )
