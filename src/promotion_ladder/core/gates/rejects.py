"""``reject_burst`` and ``order_rate``: too many orders rejected by the venue, or sent at all, in a short time."""

from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from promotion_ladder.core.base import Duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumberEvidence
from promotion_ladder.core.gates.check import GuardBase, Wants
from promotion_ladder.core.verdict import Verdict


class RejectBurstGuard(GuardBase):
    """Trips when more than ``max`` orders were rejected within ``within``."""

    wants: ClassVar[Wants] = Wants.REJECTS
    kind: Literal["reject_burst"] = "reject_burst"
    max: int = Field(ge=0)
    """Most rejected orders that are still good."""
    within: Duration = Field(gt=timedelta(0))
    """The time they are counted in."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`NumberEvidence` whose value counts the rejects of the last ``within``."""
        if not isinstance(evidence, NumberEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None or evidence.value is None:
            return self.missing(evidence.problem or Code.NO_DATA, evidence.detail)
        return self.bounded(evidence, evidence.value, (None, Decimal(self.max)), "rejected orders")


class OrderRateGuard(GuardBase):
    """Trips when the candidate made more than ``max`` orders in the last minute, whatever became of them."""

    wants: ClassVar[Wants] = Wants.ORDERS
    kind: Literal["order_rate"] = "order_rate"
    max: int = Field(gt=0)
    """Most orders in any minute that are still good; denied and rejected ones count."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`NumberEvidence` whose value counts the orders of the last minute."""
        if not isinstance(evidence, NumberEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None or evidence.value is None:
            return self.missing(evidence.problem or Code.NO_DATA, evidence.detail)
        return self.bounded(evidence, evidence.value, (None, Decimal(self.max)), "orders in the last minute")
