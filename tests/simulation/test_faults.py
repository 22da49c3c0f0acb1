from decimal import Decimal

import pytest
from pydantic import ValidationError
from tests.simulation.desk import BOT, Desk

from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.platform import Variant
from promotion_ladder.simulation import faults, safety, views
from promotion_ladder.simulation.behaviour import Behaviour, Kind
from promotion_ladder.simulation.faults import Fault, FaultKind, addressed


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/bots", ("*", "bots")),
        ("/bots/b", ("b", "describe")),
        ("/bots/b/exposure", ("b", "set_exposure")),
        ("/bots/b/flat", ("b", "verify_flat")),
        ("/bots/b/replays", ("b", "start_replay")),
        ("/bots/b/replays/r", ("b", "replay_result")),
        ("/bots/b/releases/d", ("b", "knows")),
        ("/bots/b/trades", ("b", "trades")),
        ("/metrics", ("*", "metrics")),
        ("/simulation/faults", None),
    ],
)
def test_faults_name_verbs_as_the_port_does(path: str, target: tuple[str, str] | None) -> None:
    assert addressed(path) == target


def test_a_counted_fault_wears_off(desk: Desk) -> None:
    faults.inject(desk.world, Fault(kind=FaultKind.LATENCY, count=2))
    assert [bool(desk.world.take_fault(BOT, "describe", "latency")) for _ in range(3)] == [True, True, False]


def test_a_fault_strikes_only_its_bot_and_verb(desk: Desk) -> None:
    faults.inject(desk.world, Fault(kind=FaultKind.ERROR500, bot=BOT, verb="restore"))
    assert desk.world.take_fault("other", "restore", "error500") is None
    assert desk.world.take_fault(BOT, "settle", "error500") is None
    assert desk.world.take_fault(BOT, "restore", "error500") is not None


def test_faults_outlive_the_process(desk: Desk) -> None:
    faults.inject(desk.world, Fault(kind=FaultKind.VENUE_DOWN))
    desk.reopen()
    assert desk.world.fault(BOT, "venue_down")
    assert faults.clear(desk.world) == 1


def test_orders_for_faults_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="needs bot, instrument and quantity"):
        Fault(kind=FaultKind.VENUE_MANUAL_TRADE, bot=BOT)
    with pytest.raises(ValidationError, match="lasts until it is cleared"):
        Fault(kind=FaultKind.VENUE_DOWN, count=1)


def test_with_the_venue_down_nothing_fills_and_everything_goes_on_afterwards(desk: Desk) -> None:
    desk.expose()
    desk.ticks(20)
    faults.inject(desk.world, Fault(kind=FaultKind.VENUE_DOWN))
    trades, orders = len(desk.trades()), len(desk.orders())
    desk.ticks(20)
    assert (len(desk.trades()), len(desk.orders())) == (trades, orders)
    faults.clear(desk.world)
    desk.ticks(20)
    assert len(desk.trades()) > trades


def test_a_heart_can_stop_and_beat_again(desk: Desk) -> None:
    desk.ticks(1)
    faults.inject(desk.world, Fault(kind=FaultKind.HEARTBEAT_STOP))
    faults.inject(desk.world, Fault(kind=FaultKind.DATA_STOP))
    before = views.telemetry(desk.world, BOT, Variant.STABLE)
    desk.ticks(3)
    after = views.telemetry(desk.world, BOT, Variant.STABLE)
    assert (after.heartbeat_at, after.market_data_at) == (before.heartbeat_at, before.market_data_at)
    assert after.at > before.at
    faults.clear(desk.world)
    desk.ticks(1)
    again = views.telemetry(desk.world, BOT, Variant.STABLE)
    assert again.heartbeat_at is not None
    assert before.heartbeat_at is not None
    assert again.heartbeat_at > before.heartbeat_at


def test_a_refused_exit_on_schedule_is_tried_again(desk: Desk) -> None:
    faults.inject(desk.world, Fault(kind=FaultKind.REFUSE_EXIT, verb="tick", count=3))
    desk.ticks(40)
    rejected = [order for order in desk.orders("stable") if order["status"] == "rejected" and order["reduces"]]
    assert len(rejected) == 3
    assert desk.trades("stable")


def test_what_a_dead_bot_holds_can_still_be_exited(desk: Desk) -> None:
    desk.expose(Kind.CRASHING, after=0)
    faults.inject(desk.world, Fault(kind=FaultKind.HOLD_ON))
    desk.world.publish(desk.world.release(BOT, desk.variant(Variant.CANDIDATE)["digest"]), Behaviour())
    desk.ticks(6)
    held = views.positions(desk.world, BOT, Variant.CANDIDATE)
    assert held
    desk.world.publish(
        desk.world.release(BOT, desk.variant(Variant.CANDIDATE)["digest"]), Behaviour(kind=Kind.CRASHING, after=0)
    )
    faults.clear(desk.world)
    desk.ticks(20)
    still = views.positions(desk.world, BOT, Variant.CANDIDATE)
    assert [(p.instrument, p.quantity) for p in still] == [(p.instrument, p.quantity) for p in held], (
        "a dead bot leaves nothing by itself"
    )
    for position in held:
        receipt = safety.exit_position(desk.world, BOT, Variant.CANDIDATE, position.instrument, position.instrument)
        assert receipt.filled == abs(position.quantity) > Decimal(0)
    assert views.verify_flat(desk.world, BOT, Variant.CANDIDATE).state is Flatness.FLAT
