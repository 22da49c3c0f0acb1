"""``trades``: what the candidate's closed trades since the stage began must show. Only what is stated is asked.

Trades that are ``SEALED`` old are added up and carried from look to look, so that a look asks for and stores the new
ones alone.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from promotion_ladder.core.base import Money, Number, Share
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, TradeOutcome, TradesEvidence
from promotion_ladder.core.gates.check import GateBase, Wants, show, show_limit
from promotion_ladder.core.statistics.carried import Carried, TradeSums
from promotion_ladder.core.verdict import Outcome, Verdict

SEALED = timedelta(minutes=10)
"""How long ago a trade was closed when it is added up for good; what a platform tells later than that is not seen."""
_NONE = TradeSums()


def win_rate(trades: TradeSums) -> Decimal:
    """Share of trades with a profit; a trade of exactly zero is not a win. ``trades`` must not be empty."""
    return Decimal(trades.wins) / trades.n


def ev_per_dollar(trades: TradeSums) -> Decimal | None:
    """Total profit per unit of value traded, exact; None when nothing of value was traded."""
    return trades.pnl / trades.size if trades.size > 0 else None


def since_entry(evidence: TradesEvidence, since: datetime | None = None) -> list[TradeOutcome]:
    """The trades closed after the stage was entered, or what is carried ends, and not in the future.

    With ``since`` those closed from then on.
    """
    if since is None:
        since = evidence.stage_entered_at
        if evidence.before is not None and evidence.before.until is not None:
            since = max(since, evidence.before.until)
    return [trade for trade in evidence.candidate if since <= trade.closed_at <= evidence.now]


def added_up(trades: Iterable[TradeOutcome], before: TradeSums = _NONE) -> TradeSums:
    """``before`` with ``trades``."""
    n, wins, pnl, size = before.n, before.wins, before.pnl, before.size
    for trade in trades:
        n += 1
        wins += trade.pnl > 0
        pnl += trade.pnl
        size += trade.size
    return TradeSums.model_construct(n=n, wins=wins, pnl=pnl, size=size)


class Totals(NamedTuple):
    """What a gate on trades looks at; the same whether it was counted now or carried along."""

    n: int
    wins: int
    """Trades with a profit above zero."""
    pnl: Decimal
    size: Decimal
    days: Decimal
    """Since the stage was entered."""


class TradesGate(GateBase):
    """Closed trades since the stage began reach every stated floor (inclusive), compared in exact arithmetic."""

    wants: ClassVar[Wants] = Wants.TRADES
    kind: Literal["trades"] = "trades"
    min_n: int | None = Field(default=None, ge=1)
    """Closed trades."""
    min_win_rate: Share | None = None
    """Share of trades with a profit above zero."""
    min_ev_per_dollar: Number | None = None
    """Total profit over total size."""
    min_total_pnl: Money | None = None
    """Total profit."""
    min_days_in_stage: Number | None = Field(default=None, gt=0)
    """Days since the stage was entered."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self._asked():
            raise ValueError("state at least one floor; a gate that asks nothing would always pass")
        return self

    def _asked(self) -> dict[str, Decimal]:
        names = ("min_n", "min_win_rate", "min_ev_per_dollar", "min_total_pnl", "min_days_in_stage")
        return {name: Decimal(value) for name in names if (value := getattr(self, name)) is not None}

    def judge(self, evidence: Evidence, carried: Carried | None = None) -> Verdict:
        """Judge :class:`TradesEvidence`; too few trades are inconclusive, a floor missed is a fail.

        ``carried`` is what :meth:`carry` made of the evidence, where that is known.
        """
        if not isinstance(evidence, TradesEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        sums = carried or self.carry(evidence)
        seen = added_up(since_entry(evidence, sums.until), sums.closed or _NONE)
        days = Decimal(str((evidence.now - evidence.stage_entered_at).total_seconds())) / 86400
        return self.conclude(Totals(seen.n, seen.wins, seen.pnl, seen.size, days))

    def carry(self, evidence: TradesEvidence) -> Carried:
        """The running sums with the trades of ``evidence`` that are sealed by now."""
        until = max(evidence.now - SEALED, evidence.stage_entered_at)
        if evidence.before is not None and evidence.before.until is not None:
            until = max(until, evidence.before.until)
        before = (evidence.before.closed if evidence.before is not None else None) or _NONE
        sealed = [trade for trade in since_entry(evidence) if trade.closed_at < until]
        return Carried.model_construct(closed=added_up(sealed, before), since=evidence.stage_entered_at, until=until)

    def conclude(self, totals: Totals) -> Verdict:
        """The verdict on what was counted."""
        n, asked = totals.n, self._asked()
        first, limit = next(iter(asked.items()))
        if not n:  # not even when only days are asked: time alone promotes nothing
            return self.verdict(
                Outcome.NO_DATA, "no closed trade in this stage yet", limit=limit, n=0, value=Decimal(0)
            )
        measured: dict[str, Decimal | None] = {
            "min_n": Decimal(n),
            "min_win_rate": Decimal(totals.wins) / n,
            "min_ev_per_dollar": totals.pnl / totals.size if totals.size > 0 else None,
            "min_total_pnl": totals.pnl,
            "min_days_in_stage": totals.days,
        }
        for name, floor in asked.items():
            bad = self._missed(name, measured[name], floor, n)
            if bad is not None:
                return bad
        shown = ", ".join(
            f"{name[4:]} {show(measured[name], floor)} ≥ {show_limit(floor)}" for name, floor in asked.items()
        )
        return self.verdict(Outcome.PASS, shown, value=measured[first], limit=limit, n=n)

    def _missed(self, name: str, value: Decimal | None, floor: Decimal, n: int) -> Verdict | None:
        if value is None:
            return self.verdict(
                Outcome.NO_DATA, "the trades have no size, so no value per dollar exists", limit=floor, n=n
            )
        if value >= floor:
            return None
        sentence = f"{name[4:]} is {show(value, floor)}, at least {show_limit(floor)} is asked"
        if name == "min_n":
            return self.verdict(
                Outcome.INCONCLUSIVE, sentence, code=Code.TOO_FEW_SAMPLES, value=value, limit=floor, n=n
            )
        if name == "min_days_in_stage":
            return self.verdict(
                Outcome.INCONCLUSIVE, sentence, code=Code.NOT_LONG_ENOUGH, value=value, limit=floor, n=n
            )
        return self.verdict(Outcome.FAIL, sentence, value=value, limit=floor, n=n)
