"""What a guard sees of closed trades: the same as if it read the whole stage again, from the newest alone."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import FakePlatform
from tests.test_watching import stage

from promotion_ladder.core.gates import StreakGuard
from promotion_ladder.core.platform import ClosedTrade, Mode, Telemetry, Variant
from promotion_ladder.sight import Closed, Sight

ENTERED = datetime(2026, 1, 5, 9, tzinfo=UTC)
STREAK = {"kind": "streak", "name": "streak", "win_rate_lookback": 30, "min_win_rate": "45%"}
GUARD = StreakGuard.model_validate(STREAK)


def closed(number: int, at: datetime, pnl: int) -> ClosedTrade:
    return ClosedTrade(
        trade_id=f"t{number}", bot="bot", variant=Variant.CANDIDATE, release="2.0.0", mode=Mode.LIVE, instrument="WTI",
        pnl=Decimal(pnl), size=Decimal(1000), opened_at=at, closed_at=at,
    )  # fmt: skip


@dataclass
class Trading(FakePlatform):
    """A platform with trades; it remembers how many it told."""

    now: datetime = ENTERED
    done: list[ClosedTrade] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        return (await super().telemetry(bot, variant)).model_copy(update={"at": self.now})

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        found = [trade for trade in self.done if since <= trade.closed_at <= self.now]
        self.told.append(len(found))
        return sorted(found, key=lambda trade: trade.closed_at)


def trading(seed: int, hours: int, each_hour: int) -> Trading:
    dice = random.Random(seed)
    moments = sorted(ENTERED + timedelta(seconds=dice.uniform(0, hours * 3600)) for _ in range(hours * each_hour))
    done = [closed(number, at, dice.choice((1, -1))) for number, at in enumerate(moments)]
    return Trading(mode=Mode.LIVE, stage="canary", done=done)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((6, 40, 400)))
async def test_a_guard_says_the_same_as_one_that_reads_the_whole_stage_at_every_look(seed: int, each_hour: int) -> None:
    platform = trading(seed, hours=3, each_hour=each_hour)
    memory = Closed(stage(STREAK))
    for minute in range(0, 180, 7):
        platform.now = ENTERED + timedelta(minutes=minute)
        remembers = await Sight(platform, "bot", ENTERED, memory).trades()
        rereads = await Sight(platform, "bot", ENTERED).trades()
        one, other = GUARD.judge(remembers), GUARD.judge(rereads)
        assert (one.outcome, one.value, one.code) == (other.outcome, other.value, other.code)


async def test_a_trade_that_is_told_minutes_late_counts() -> None:
    platform = trading(7, hours=3, each_hour=60)
    memory, missing = Closed(stage(STREAK)), platform.done.pop(100)
    platform.now = missing.closed_at + timedelta(minutes=3)
    await Sight(platform, "bot", ENTERED, memory).trades()
    platform.done.append(missing)
    platform.now += timedelta(minutes=4)
    evidence = await Sight(platform, "bot", ENTERED, memory).trades()
    assert missing.closed_at in [trade.closed_at for trade in evidence.candidate]


async def test_a_look_asks_for_the_newest_minutes_however_long_the_stage_stands() -> None:
    platform = trading(1, hours=48, each_hour=120)
    memory = Closed(stage(STREAK))
    for minute in range(0, 48 * 60, 5):
        platform.now = ENTERED + timedelta(minutes=minute)
        await Sight(platform, "bot", ENTERED, memory).trades()
    assert max(platform.told) < 120, "a quarter of an hour of trades, not days of them"
