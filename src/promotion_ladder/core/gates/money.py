"""``loss`` and ``drawdown``: hard limits on the candidate's money in this stage. They need no statistics."""

from decimal import Decimal
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from promotion_ladder.core.base import Money, Share
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, StandingEvidence
from promotion_ladder.core.gates.check import Check, GateBase, GuardBase, Wants, show, show_limit
from promotion_ladder.core.verdict import Outcome, Verdict


class MoneyCheck(Check):
    """A limit on money lost, absolute or as a share of the candidate's capital."""

    wants: ClassVar[Wants] = Wants.STANDING
    what: ClassVar[str]
    needs_peak: ClassVar[bool] = False
    max: Money | None = Field(default=None, gt=0)
    """Most money that may be lost."""
    max_share: Share | None = Field(default=None, gt=0)
    """The same as a share of the candidate's capital in this stage."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.max is None) == (self.max_share is None):
            raise ValueError("state either 'max' (money) or 'max_share' (of the candidate's capital)")
        return self

    def lost(self, pnl: Decimal, peak: Decimal) -> Decimal:
        """The money lost, at least zero."""
        raise NotImplementedError  # loss and drawdown have their own

    def limit(self, capital: Decimal | None) -> Decimal | None:
        """The most that may be lost; None where it is a share of nothing."""
        if self.max_share is None:
            return self.max
        return self.max_share * capital if capital else None

    def broken(self, standing: StandingEvidence) -> bool:
        """Whether :meth:`judge` fails ``standing``, for those who need no words for the other answers."""
        limit = self.limit(standing.capital)
        if standing.problem is not None or standing.pnl is None or standing.peak_pnl is None or limit is None:
            return self.judge(standing).outcome is Outcome.FAIL
        return self.lost(standing.pnl, standing.peak_pnl) > limit

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`StandingEvidence`; strictly more than the limit fails."""
        if not isinstance(evidence, StandingEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None or evidence.pnl is None:
            return self.missing(evidence.problem or Code.NO_DATA, evidence.detail)
        if self.needs_peak and evidence.peak_pnl is None:
            return self.missing(Code.NO_DATA, "the highest profit of this stage is not known")
        limit = self.limit(evidence.capital)
        if limit is None:
            return self.missing(Code.NO_DATA, "the candidate has no capital, so no share of it can be lost")
        value = self.lost(evidence.pnl, evidence.peak_pnl or Decimal(0))
        return self.verdict(
            Outcome.FAIL if value > limit else Outcome.PASS,
            f"{self.what} is {show(value, limit)}, limit at most {show_limit(limit)}",
            value=value,
            limit=limit,
        )


class LossGuard(MoneyCheck, GuardBase):
    """Trips when the stage has lost more than the limit, realised and unrealised together."""

    kind: Literal["loss"] = "loss"
    what: ClassVar[str] = "loss in this stage"

    def lost(self, pnl: Decimal, peak: Decimal) -> Decimal:  # noqa: ARG002 - a loss has no peak
        """How far below zero."""
        return max(-pnl, Decimal(0))


class DrawdownCheck(MoneyCheck):
    """The fall from the stage's highest profit."""

    what: ClassVar[str] = "drawdown in this stage"
    needs_peak: ClassVar[bool] = True

    def lost(self, pnl: Decimal, peak: Decimal) -> Decimal:
        """How far below the peak, where the peak is at least zero."""
        return max(max(peak, Decimal(0)) - pnl, Decimal(0))


class DrawdownGate(DrawdownCheck, GateBase):
    """The drawdown is within the limit."""

    kind: Literal["drawdown"] = "drawdown"


class DrawdownGuard(DrawdownCheck, GuardBase):
    """The drawdown stays within the limit."""

    kind: Literal["drawdown"] = "drawdown"
