"""The same seed tells the same story: however fast it ticks, whenever it is interrupted."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.simulation.desk import BOT, SHARE, TOTAL, Desk, ev_per_dollar, win_rate

from promotion_ladder.core.platform import Mode, Variant
from promotion_ladder.simulation import views
from promotion_ladder.simulation.behaviour import Kind


def test_interruptions_change_nothing(tmp_path: Path) -> None:
    straight, broken = Desk(tmp_path / "a.sqlite"), Desk(tmp_path / "b.sqlite")
    for desk in (straight, broken):
        desk.ticks(30)
        desk.expose()
    straight.ticks(200)
    for _ in range(20):
        broken.ticks(10)
        broken.reopen()
    for variant in ("stable", "baseline", "candidate"):
        assert straight.trades(variant) == broken.trades(variant)
        assert len(straight.trades(variant)) > 20
    for desk in (straight, broken):
        desk.world.close()


def test_wins_come_in_the_same_order_whenever_the_climb_begins(tmp_path: Path) -> None:
    early, late = Desk(tmp_path / "a.sqlite"), Desk(tmp_path / "b.sqlite")
    early.ticks(3)
    late.ticks(777)
    wins = []
    for desk in (early, late):
        desk.expose(Kind.BLEEDING)
        desk.ticks(150)
        wins.append([Decimal(trade["pnl"]) > 0 for trade in desk.trades()])
        desk.world.close()
    # Holding times differ only where the market stood still, so the shorter list is a prefix of the longer.
    shorter = min(len(each) for each in wins)
    assert shorter > 40
    assert sum(a == b for a, b in zip(*wins, strict=False)) >= shorter - 2


def test_another_seed_is_another_story(tmp_path: Path) -> None:
    one, other = Desk(tmp_path / "a.sqlite", seed=1), Desk(tmp_path / "b.sqlite", seed=2)
    for desk in (one, other):
        desk.ticks(100)
        desk.world.close()
    one.open()
    other.open()
    assert one.trades("stable") != other.trades("stable")
    one.world.close()
    other.world.close()


def test_the_seed_is_kept_with_the_state(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a.sqlite", seed=1)
    desk.seed = 2
    desk.reopen()
    assert desk.world.seed == 1
    desk.world.close()


def test_good_wins_and_stable_does_too(desk: Desk) -> None:
    desk.expose(Kind.GOOD)
    desk.ticks(400)
    for variant in ("stable", "baseline"):
        assert win_rate(desk.trades(variant)) == pytest.approx(0.65, abs=0.04)
    assert win_rate(desk.trades()) == pytest.approx(0.75, abs=0.04)
    for variant in ("stable", "baseline", "candidate"):
        assert ev_per_dollar(desk.trades(variant)) > Decimal("0.003")


def test_profit_is_comparable_per_unit_of_capital(desk: Desk) -> None:
    desk.expose(Kind.GOOD)
    desk.ticks(50)
    sizes = {v: [Decimal(t["size"]) for t in desk.trades(v)] for v in ("stable", "candidate")}
    assert max(sizes["candidate"]) == pytest.approx(SHARE / 10, rel=Decimal("0.1"))
    after = [Decimal(t["size"]) for t in desk.trades("stable") if t["tick"] > 15]
    assert max(after) == pytest.approx((TOTAL - 2 * SHARE) / 10, rel=Decimal("0.1"))


def test_bleeding_is_good_until_it_has_traded_with_money(desk: Desk) -> None:
    desk.expose(Kind.BLEEDING, Mode.SHADOW)
    desk.ticks(200)
    desk.expose(Kind.BLEEDING, Mode.PAPER)
    desk.ticks(200)
    for mode in ("shadow", "paper"):
        assert win_rate(desk.trades(mode=mode)) > 0.65
    desk.expose(Kind.BLEEDING, Mode.CANARY)
    desk.ticks(300)
    money = desk.trades(mode="canary")
    assert win_rate(money[14:]) < 0.2
    assert ev_per_dollar(money[14:]) < Decimal("-0.01")
    told = views.telemetry(desk.world, BOT, Variant.CANDIDATE)
    assert told.realized_pnl < -SHARE / 100
    assert told.peak_pnl > told.realized_pnl


def test_rejecting_shows_in_paper_and_with_money_not_in_shadow(desk: Desk) -> None:
    for mode in (Mode.SHADOW, Mode.PAPER, Mode.CANARY):
        desk.expose(Kind.REJECTING, mode)
        before = len(desk.orders())
        desk.ticks(200)
        entries = [order for order in desk.orders()[before:] if not order["reduces"]]
        share = sum(order["status"] == "rejected" for order in entries) / len(entries)
        assert share == (0 if mode is Mode.SHADOW else pytest.approx(0.35, abs=0.12))


def test_stale_data_stops_while_the_heart_beats(desk: Desk) -> None:
    desk.expose(Kind.STALE)
    desk.ticks(100)
    told = views.telemetry(desk.world, BOT, Variant.CANDIDATE)
    stable = views.telemetry(desk.world, BOT, Variant.STABLE)
    assert told.market_data_at is not None
    assert told.heartbeat_at is not None
    assert stable.market_data_at is not None
    assert told.market_data_at < told.heartbeat_at
    assert told.market_data_at < stable.market_data_at
    assert desk.trades()[-1]["tick"] > 80


def test_a_crashed_bot_leaves_everything_as_it_is(desk: Desk) -> None:
    desk.expose(Kind.CRASHING)
    desk.ticks(100)
    told = views.telemetry(desk.world, BOT, Variant.CANDIDATE)
    stable = views.telemetry(desk.world, BOT, Variant.STABLE)
    assert told.heartbeat_at is not None
    assert stable.heartbeat_at is not None
    assert told.heartbeat_at < stable.heartbeat_at
    assert 5 <= len(desk.trades()) <= 7
    assert desk.trades()[-1]["tick"] < 50


def test_misbehaviour_can_be_moved_to_any_mode_and_number(desk: Desk) -> None:
    desk.expose(Kind.BLEEDING, Mode.SHADOW, after=0, modes=(Mode.SHADOW,))
    desk.ticks(200)
    assert win_rate(desk.trades()) < 0.2


def test_shadow_records_trades_but_no_orders_and_no_positions(desk: Desk) -> None:
    desk.expose(Kind.GOOD, Mode.SHADOW)
    desk.ticks(60)
    assert len(desk.trades(mode="shadow")) > 10
    assert views.orders(desk.world, BOT, Variant.CANDIDATE, desk.world.now().replace(year=2000)) == []
    assert views.positions(desk.world, BOT, Variant.CANDIDATE) == []
    assert desk.exposure(Variant.CANDIDATE).capital == 0


def test_paper_has_a_book_of_its_own(desk: Desk) -> None:
    desk.expose(Kind.GOOD, Mode.PAPER)
    seen = 0
    for _ in range(60):
        desk.ticks(1)
        seen += len(views.positions(desk.world, BOT, Variant.CANDIDATE))
        venue = {r["instrument"]: Decimal(r["quantity"]) for r in desk.world.rows("SELECT * FROM venue")}
        stable = views.positions(desk.world, BOT, Variant.STABLE)
        for instrument, net in venue.items():
            assert net == sum((p.quantity for p in stable if p.instrument == instrument), Decimal(0))
    assert seen > 20
    assert desk.exposure(Variant.CANDIDATE).open_positions == 0


def test_what_shadow_held_is_forgotten_when_money_comes(desk: Desk) -> None:
    desk.expose(Kind.GOOD, Mode.SHADOW)
    desk.ticks(4)
    assert desk.world.value("SELECT count(*) FROM positions WHERE variant = 'candidate'") > 0
    desk.expose(Kind.GOOD, Mode.CANARY)
    assert desk.world.value("SELECT count(*) FROM positions WHERE variant = 'candidate'") == 0
    told = views.telemetry(desk.world, BOT, Variant.CANDIDATE)
    assert (told.realized_pnl, told.mode) == (Decimal(0), Mode.CANARY)


def test_what_canary_holds_goes_on_in_live(desk: Desk) -> None:
    desk.expose(Kind.GOOD, Mode.CANARY)
    while not views.positions(desk.world, BOT, Variant.CANDIDATE):
        desk.ticks(1)
    held = views.positions(desk.world, BOT, Variant.CANDIDATE)
    desk.expose(Kind.GOOD, Mode.LIVE)
    assert views.positions(desk.world, BOT, Variant.CANDIDATE) == held
    desk.ticks(10)
    assert views.positions(desk.world, BOT, Variant.STABLE) == []
    desk.ticks(30)
    assert desk.trades(mode="live")
    assert views.positions(desk.world, BOT, Variant.STABLE) == [], "without capital, stable enters nothing"
