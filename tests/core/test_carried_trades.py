"""``trades`` carried from look to look says what it says of all trades at once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import FakePlatform

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import carry, judge
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import StoredEvidence, TradeOutcome, TradesEvidence
from promotion_ladder.core.gates.trades import SEALED, TradesGate
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.platform import ClosedTrade, Telemetry, Variant
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Outcome
from promotion_ladder.sight import Sight

ENTERED = datetime(2026, 6, 1, 14, tzinfo=UTC)
STAGE = Stage.model_validate({
    "name": "shadow", "mode": "shadow", "observe": {"min": "1h", "max": "9h"},
    "gates": [{"kind": "trades", "name": "closed", "min_n": 8, "min_win_rate": "50%", "min_ev_per_dollar": 0}],
})  # fmt: skip
MONEY = st.decimals(min_value=-1000, max_value=1000, places=2)
TRADES = st.lists(st.builds(
    TradeOutcome, pnl=MONEY, size=st.decimals(min_value=1, max_value=1000, places=2),
    closed_at=st.integers(0, 120).map(lambda minute: ENTERED + timedelta(minutes=minute)),
), max_size=40)  # fmt: skip


def told(trades: list[TradeOutcome], now: datetime, before: Carried | None = None) -> TradesEvidence:
    since = before.until if before is not None and before.until is not None else ENTERED
    seen = tuple(trade for trade in trades if since <= trade.closed_at <= now)
    return TradesEvidence(before=before, candidate=seen, stage_entered_at=ENTERED, now=now)


@settings(deadline=None)
@given(TRADES, st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_whenever_it_is_looked_at(trades: list[TradeOutcome], minutes: list[int]) -> None:
    before, now = None, ENTERED
    for wait in minutes:
        now += timedelta(minutes=wait)
        evidence = told(trades, now, before)
        stored = StoredEvidence.model_validate_json(
            StoredEvidence(
                promotion_id="p", stage="shadow", attempt=1, taken_at=now, window_start=ENTERED,
                items={"closed": evidence},
            ).model_dump_json()
        )  # fmt: skip
        before = carry(STAGE, stored.items, 1)["closed"]
        assert judge(STAGE, stored.items) == judge(STAGE, {"closed": told(trades, now)})


def test_a_look_reads_no_more_than_what_is_new() -> None:
    trades = [TradeOutcome(pnl=Decimal(1), size=Decimal(10), closed_at=ENTERED + i * SEALED / 10) for i in range(500)]
    now = trades[-1].closed_at
    before = carry(STAGE, {"closed": told(trades, now)}, 1)["closed"]
    assert before.closed is not None
    assert before.closed.n == 489
    assert len(told(trades, now, before).candidate) == 11


def test_what_cannot_be_read_leaves_the_sums_as_they_are() -> None:
    trades = [TradeOutcome(pnl=Decimal(1), size=Decimal(10), closed_at=ENTERED)] * 9
    before = carry(STAGE, {"closed": told(trades, ENTERED + 2 * SEALED)}, 1)["closed"]
    down = TradesEvidence(
        before=before, candidate=(), stage_entered_at=ENTERED, now=ENTERED, problem=Code.PLATFORM_DOWN, detail="down"
    )
    assert judge(STAGE, {"closed": down})[0].outcome is Outcome.ERROR
    assert carry(STAGE, {"closed": down}, 1) == {"closed": before}
    first = down.model_copy(update={"before": None})
    assert carry(STAGE, {"closed": first}, 1) == {}


class Asked(FakePlatform):
    """Remembers since when trades were asked for."""

    since: datetime | None = None
    broken = False

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        self.since = since
        if self.broken:
            raise LadderError(Code.PLATFORM_DOWN, "no answer", "Wait.")
        return []

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        return (await super().telemetry(bot, variant)).model_copy(update={"at": ENTERED + timedelta(hours=1)})


@pytest.mark.parametrize("broken", [False, True])
async def test_the_platform_is_asked_for_what_is_new(broken: bool) -> None:
    platform = Asked()
    platform.broken = broken
    before = Carried(since=ENTERED, until=ENTERED + timedelta(minutes=50))
    evidence = await Sight(platform, "bot", ENTERED).trades(before)
    assert platform.since == before.until
    assert evidence.before == before
    assert (evidence.problem is not None) == broken


async def test_a_stage_that_was_entered_again_begins_anew() -> None:
    platform = Asked()
    before = Carried(since=ENTERED - timedelta(hours=1), until=ENTERED)
    evidence = await Sight(platform, "bot", ENTERED).trades(before)
    assert platform.since == ENTERED
    assert evidence.before is None


def test_a_gate_judged_by_itself_needs_nothing_carried() -> None:
    gate = TradesGate(name="closed", min_n=1)
    trades = [TradeOutcome(pnl=Decimal(1), size=Decimal(10), closed_at=ENTERED)]
    assert gate.judge(told(trades, ENTERED)).outcome is Outcome.PASS
