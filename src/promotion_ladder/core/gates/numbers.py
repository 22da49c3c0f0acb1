"""The base of kinds that judge several named numbers, and the two that are a share of counts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from promotion_ladder.core.base import Share
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumbersEvidence
from promotion_ladder.core.gates.check import Asked, Check, GateBase, Wants, show
from promotion_ladder.core.query import counted
from promotion_ladder.core.verdict import Outcome, Verdict


class NumbersCheck(Check):
    """A check on named numbers, each from a query that has a default over documented metric names."""

    wants: ClassVar[Wants] = Wants.NUMBERS

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """The verdict on numbers of which none is missing."""
        raise NotImplementedError  # each kind has its own

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`NumbersEvidence`; one number missing is no pass."""
        if not isinstance(evidence, NumbersEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        for name, asked in self.queries().items():
            wanted = [f"{name} {label}" for label in asked.expected] if asked.by else [name]
            lacking = [each for each in wanted if each not in evidence.numbers]
            if lacking:
                return self.missing(Code.NO_DATA, f"no number for '{lacking[0]}'")
        return self.weigh(evidence.numbers)

    def too_few(self, n: Decimal, least: int, what: str) -> Verdict | None:
        """The verdict on fewer than ``least`` events; None when there are enough."""
        if n >= least:
            return None
        sentence = f"{show(n)} {what}, at least {least} needed"
        if n <= 0:
            return self.verdict(Outcome.NO_DATA, sentence, n=0)
        return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.TOO_FEW_SAMPLES, n=round(n))


def labelled(numbers: Mapping[str, Decimal], name: str) -> dict[str, Decimal]:
    """The numbers asked as ``name`` for each value of a label, by that value."""
    return {key.removeprefix(f"{name} "): value for key, value in numbers.items() if key.startswith(f"{name} ")}


class FillRatioGate(NumbersCheck, GateBase):
    """Enough of the orders sent were filled."""

    kind: Literal["fill_ratio"] = "fill_ratio"
    min: Share = Field(default=Decimal("0.8"), gt=0)
    """Least share of orders that are filled."""
    fills: str = counted("fills")
    """Query for the number of orders filled."""
    orders: str = counted("orders")
    """Query for the number of orders sent."""
    min_n: int = Field(default=50, ge=1)
    """Fewer orders are inconclusive."""

    def queries(self) -> dict[str, Asked]:
        """Fills and orders since the observation began."""
        return {"fills": Asked(self.fills), "orders": Asked(self.orders)}

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """Fills over orders, at least ``min``."""
        fills, orders = numbers["fills"], numbers["orders"]
        few = self.too_few(orders, self.min_n, "orders sent")
        if few is not None:
            return few
        value = fills / orders
        return self.verdict(
            Outcome.PASS if fills >= self.min * orders else Outcome.FAIL,
            f"{show(fills)} of {show(orders)} orders were filled, {show(value, self.min)}; at least {show(self.min)}",
            value=value, limit=self.min, n=round(orders),
        )  # fmt: skip


class DenyRateGate(NumbersCheck, GateBase):
    """The bot's own policy denies few of its decisions."""

    kind: Literal["deny_rate"] = "deny_rate"
    max: Share = Decimal("0.03")
    """Greatest share of decisions that are denied."""
    denied: str = counted("policy_denied")
    """Query for the number of decisions that were denied before the venue saw them."""
    decisions: str = counted("policy_decisions")
    """Query for the number of decisions asked about."""
    min_n: int = Field(default=50, ge=1)
    """Fewer decisions are inconclusive."""

    def queries(self) -> dict[str, Asked]:
        """Denied and all decisions since the observation began."""
        return {"denied": Asked(self.denied), "decisions": Asked(self.decisions)}

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """Denied over all, at most ``max``."""
        denied, decisions = numbers["denied"], numbers["decisions"]
        few = self.too_few(decisions, self.min_n, "decisions")
        if few is not None:
            return few
        value = denied / decisions
        return self.verdict(
            Outcome.PASS if denied <= self.max * decisions else Outcome.FAIL,
            f"{show(denied)} of {show(decisions)} decisions were denied, {show(value, self.max)}; at most "
            f"{show(self.max)}",
            value=value, limit=self.max, n=round(decisions),
        )  # fmt: skip
