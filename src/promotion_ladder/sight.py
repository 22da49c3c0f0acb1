"""What a look at one candidate shows, by its platform's word.

What checks of one look share is fetched once, and of closed trades each look fetches the newest alone.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import (
    Evidence,
    HoldingsEvidence,
    NumberEvidence,
    StandingEvidence,
    TradeOutcome,
    TradesEvidence,
)
from promotion_ladder.core.gates import Guard, RejectBurstGuard, StreakGuard, Wants
from promotion_ladder.core.gates.trades import SEALED
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.platform import ClosedTrade, OrderStatus, Scope, Telemetry, Variant
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.ports import Platform

MINUTE = timedelta(minutes=1)


class Closed:
    """The newest closed trades of a stage: as many as its guards look back, and those that may still be told late.

    A stage that lives for weeks closes more than can be fetched every second.
    """

    def __init__(self, stage: Stage) -> None:
        guards = stage.guards.checks if stage.guards is not None else ()
        looked_back = [(one.win_rate_lookback, one.ev_lookback) for one in guards if isinstance(one, StreakGuard)]
        self._least = max((n or 0 for pair in looked_back for n in pair), default=0)
        self._trades: list[ClosedTrade] = []

    @property
    def since(self) -> datetime | None:
        """From when on trades are to be asked for; None for all of the stage."""
        return self._trades[-1].closed_at - SEALED if self._trades else None

    def with_new(self, told: Iterable[ClosedTrade]) -> list[ClosedTrade]:
        """Those remembered and those ``told`` now, oldest first, each once."""
        by_id = {trade.trade_id: trade for trade in (*self._trades, *told)}
        self._trades = sorted(by_id.values(), key=lambda trade: trade.closed_at)
        late = self.since
        old = sum(late is not None and trade.closed_at < late for trade in self._trades)
        del self._trades[: max(0, min(old, len(self._trades) - self._least))]
        return self._trades


class Sight:
    """One look at a candidate through its platform; what checks share is fetched once. Evidence never raises."""

    def __init__(self, platform: Platform, bot: str, entered_at: datetime, closed: "Closed | None" = None) -> None:
        """``closed`` remembers from look to look which trades were closed."""
        self._platform = platform
        self._bot = bot
        self._entered_at = entered_at
        self._closed = closed
        self._telemetry: Telemetry | LadderError | None = None

    async def telemetry(self) -> Telemetry:
        """How the candidate stands, fetched once a look; raises LadderError when the platform does not say."""
        if self._telemetry is None:
            try:
                self._telemetry = await self._platform.telemetry(self._bot, Variant.CANDIDATE)
            except LadderError as error:
                self._telemetry = error
        if isinstance(self._telemetry, LadderError):
            raise self._telemetry
        return self._telemetry

    async def seen(self, check: Guard) -> dict[str, Evidence]:
        """What ``check`` judges, by what a pause of its scope would name; only a scope of markets has several."""
        if check.scope is Scope.MARKET:
            return {**await self._market_ages()}
        return {"": await self.standing(check.wants, check.within if isinstance(check, RejectBurstGuard) else MINUTE)}

    async def standing(self, wants: Wants, within: timedelta = MINUTE) -> Evidence:
        """What the platform says of the candidate, where that is what is wanted."""
        match wants:
            case Wants.TRADES:
                return await self.trades()
            case Wants.STANDING:
                return await self._money()
            case Wants.REJECTS | Wants.ORDERS:
                return await self._orders(within, rejected=wants is Wants.REJECTS)
            case Wants.POSITIONS:
                return await self._holdings()
            case _:
                return await self._age(wants)

    async def trades(self, before: Carried | None = None) -> TradesEvidence:
        """Closed trades since the stage began, or since what is carried ends."""
        entered = self._entered_at
        if before is not None and before.since != entered:
            before = None  # the stage was entered again: what was closed before does not count
        since = before.until if before is not None and before.until is not None else entered
        try:
            telemetry = await self.telemetry()
            if self._closed is not None:
                since = max(since, self._closed.since or since)
            closed = await self._platform.trades(self._bot, Variant.CANDIDATE, since)
        except LadderError as error:
            return TradesEvidence(
                before=before, candidate=(), stage_entered_at=entered, now=entered,
                problem=error.code, detail=error.detail,
            )  # fmt: skip
        if self._closed is not None:
            closed = self._closed.with_new(closed)
        return TradesEvidence(
            before=before,
            candidate=tuple(TradeOutcome(pnl=t.pnl, size=t.size, closed_at=t.closed_at) for t in closed),
            stage_entered_at=entered,
            now=telemetry.at,
            capital=telemetry.capital,
        )

    async def _money(self) -> StandingEvidence:
        try:
            telemetry = await self.telemetry()
        except LadderError as error:
            return StandingEvidence(pnl=None, problem=error.code, detail=error.detail)
        return StandingEvidence(
            pnl=telemetry.realized_pnl + telemetry.unrealized_pnl,
            peak_pnl=telemetry.peak_pnl,
            capital=telemetry.capital,
        )

    async def _age(self, wants: Wants) -> NumberEvidence:
        try:
            telemetry = await self.telemetry()
        except LadderError as error:
            return NumberEvidence(value=None, problem=error.code, detail=error.detail, source="telemetry")
        newest = telemetry.market_data_at if wants is Wants.MARKET_DATA_AGE else telemetry.heartbeat_at
        return _aged(telemetry.at, newest)

    async def _market_ages(self) -> dict[str, NumberEvidence]:
        try:
            telemetry = await self.telemetry()
        except LadderError as error:
            return {"": NumberEvidence(value=None, problem=error.code, detail=error.detail, source="telemetry")}
        ages = {market: _aged(telemetry.at, newest) for market, newest in telemetry.market_data.items()}
        nothing = "the platform tells no market data of single markets"
        return ages or {"": NumberEvidence(value=None, problem=Code.NO_DATA, detail=nothing, source="telemetry")}

    async def _orders(self, within: timedelta, *, rejected: bool) -> NumberEvidence:
        try:
            telemetry = await self.telemetry()
            orders = await self._platform.orders(self._bot, Variant.CANDIDATE, telemetry.at - within)
        except LadderError as error:
            return NumberEvidence(value=None, problem=error.code, detail=error.detail, source="orders")
        counted = sum(not rejected or order.status is OrderStatus.REJECTED for order in orders)
        return NumberEvidence(value=Decimal(counted), at=telemetry.at, samples=len(orders), source="orders")

    async def _holdings(self) -> HoldingsEvidence:
        try:
            held = await self._platform.positions(self._bot, Variant.CANDIDATE)
        except LadderError as error:
            return HoldingsEvidence(values={}, problem=error.code, detail=error.detail)
        return HoldingsEvidence(values={position.instrument: position.value for position in held})


def _aged(now: datetime, newest: datetime | None) -> NumberEvidence:
    if newest is None:
        return NumberEvidence(value=None, problem=Code.NO_DATA, detail="never seen", source="telemetry")
    age = Decimal(str(round((now - newest).total_seconds(), 3)))
    return NumberEvidence(value=age, at=newest, source="telemetry")
