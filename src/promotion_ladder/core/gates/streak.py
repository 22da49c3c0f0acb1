"""``streak``: the classical guard on the last trades since the stage began: win rate and value per dollar."""

from collections.abc import Callable
from decimal import Decimal
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from promotion_ladder.core.base import Number, Share
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, TradesEvidence
from promotion_ladder.core.gates.check import GuardBase, Wants, show
from promotion_ladder.core.gates.trades import added_up, ev_per_dollar, since_entry, win_rate
from promotion_ladder.core.statistics.carried import TradeSums
from promotion_ladder.core.verdict import Outcome, Verdict


class _Measured(NamedTuple):
    """One floor, and what the trades reach."""

    what: str
    lookback: int
    floor: Decimal
    value: Decimal | None

    @property
    def broken(self) -> bool:
        return self.value is not None and self.value < self.floor


class StreakGuard(GuardBase):
    """Trips when the last n trades since the stage began fall below a floor; it waits until n trades exist."""

    wants: ClassVar[Wants] = Wants.TRADES
    kind: Literal["streak"] = "streak"
    win_rate_lookback: int | None = Field(default=None, ge=1)
    """How many of the last trades the win rate is taken from."""
    min_win_rate: Share | None = None
    """Least share of them with a profit above zero."""
    ev_lookback: int | None = Field(default=None, ge=1)
    """How many of the last trades the value per dollar is taken from."""
    min_ev_per_dollar: Number | None = None
    """Least profit over size of them."""

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.win_rate_lookback is None) != (self.min_win_rate is None):
            raise ValueError("'win_rate_lookback' and 'min_win_rate' go together")
        if (self.ev_lookback is None) != (self.min_ev_per_dollar is None):
            raise ValueError("'ev_lookback' and 'min_ev_per_dollar' go together")
        if self.win_rate_lookback is None and self.ev_lookback is None:
            raise ValueError("state a win-rate floor, a value-per-dollar floor, or both")
        return self

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`TradesEvidence`; a floor broken is a fail, equal to the floor is not."""
        if not isinstance(evidence, TradesEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        trades = sorted(since_entry(evidence), key=lambda trade: trade.closed_at)
        return self.conclude(len(trades), lambda lookback: added_up(trades[-lookback:]))

    def conclude(self, n: int, newest: Callable[[int], TradeSums]) -> Verdict:
        """The verdict on ``n`` trades, of which ``newest`` adds up the last ones."""
        found = self._measured(n, newest)
        if any(one.value is None for one in found):
            return self.missing(Code.NO_DATA, "the trades have no size, so no value per dollar exists")
        said = next((one for one in found if one.broken), found[0] if found else None)
        if said is not None:
            sentence = f"{said.what} of the last {said.lookback} trades is {show(said.value, said.floor)}"
            return self.verdict(
                Outcome.FAIL if said.broken else Outcome.PASS, f"{sentence}, at least {show(said.floor)}",
                value=said.value, limit=said.floor, n=n,
            )  # fmt: skip
        needed = min(each for each in (self.win_rate_lookback, self.ev_lookback) if each is not None)
        return self.verdict(
            Outcome.INCONCLUSIVE,
            f"{n} trades of the {needed} it looks at",
            code=Code.TOO_FEW_SAMPLES,
            n=n,
        )

    def broken(self, n: int, newest: Callable[[int], TradeSums]) -> bool:
        """Whether :meth:`conclude` fails the same, for those who need no words for the other answers."""
        found = self._measured(n, newest)
        return any(one.broken for one in found) and all(one.value is not None for one in found)

    def _measured(self, n: int, newest: Callable[[int], TradeSums]) -> list[_Measured]:
        found: list[_Measured] = []
        if self.win_rate_lookback is not None and self.min_win_rate is not None and n >= self.win_rate_lookback:
            value = win_rate(newest(self.win_rate_lookback))
            found.append(_Measured("win rate", self.win_rate_lookback, self.min_win_rate, value))
        if self.ev_lookback is not None and self.min_ev_per_dollar is not None and n >= self.ev_lookback:
            earned = ev_per_dollar(newest(self.ev_lookback))
            found.append(_Measured("value per dollar", self.ev_lookback, self.min_ev_per_dollar, earned))
        return found
