"""``slippage``: what fills cost against what the model said they would."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import Field

from promotion_ladder.core.base import Number
from promotion_ladder.core.gates.check import Asked, GateBase, show
from promotion_ladder.core.gates.numbers import NumbersCheck
from promotion_ladder.core.query import counted
from promotion_ladder.core.verdict import Outcome, Verdict


class SlippageGate(NumbersCheck, GateBase):
    """The error of predicted slippage is small: its root mean square, and on request its mean. In basis points."""

    kind: Literal["slippage"] = "slippage"
    max_rmse: Number = Field(gt=0)
    """Greatest root mean square of real less predicted slippage."""
    max_mean: Number | None = None
    """Greatest mean of real less predicted: above zero, fills cost more than the model believes."""
    predicted: str = counted("slippage_predicted")
    """Query for the sum of predicted slippage."""
    real: str = counted("slippage_real")
    """Query for the sum of real slippage."""
    squared_error: str = counted("slippage_squared_error")
    """Query for the sum of squared errors."""
    fills: str = counted("fills")
    """Query for the number of fills they are sums over."""
    min_n: int = Field(default=50, ge=1)
    """Fewer fills are inconclusive."""

    def queries(self) -> dict[str, Asked]:
        """Three sums and their count since the observation began."""
        names = ("predicted", "real", "squared_error", "fills")
        return {name: Asked(query) for name, query in zip(names, self._texts(), strict=True)}

    def _texts(self) -> tuple[str, ...]:
        return self.predicted, self.real, self.squared_error, self.fills

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """The root mean square first; then the mean where it is asked."""
        n = numbers["fills"]
        few = self.too_few(n, self.min_n, "fills")
        if few is not None:
            return few
        rmse = max(numbers["squared_error"] / n, Decimal(0)).sqrt()
        mean = (numbers["real"] - numbers["predicted"]) / n
        biased = self.max_mean is not None and mean > self.max_mean
        value, limit = (mean, self.max_mean) if biased and rmse <= self.max_rmse else (rmse, self.max_rmse)
        asked = "" if self.max_mean is None else f", at most {show(self.max_mean)} bps"
        return self.verdict(
            Outcome.FAIL if biased or rmse > self.max_rmse else Outcome.PASS,
            f"over {show(n)} fills slippage differs from its prediction by {show(rmse, self.max_rmse)} bps (root mean "
            f"square), at most {show(self.max_rmse)} bps; on average by {show(mean, self.max_mean)} bps{asked}",
            value=value, limit=limit, n=round(n), details={"rmse": float(rmse), "mean": float(mean)},
        )  # fmt: skip
