"""Leases on a clock moved by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.simulation.desk import BOT, SHARE, TOTAL, Desk

from promotion_ladder.core.platform import LeaseOrder, Mode, Variant
from promotion_ladder.simulation import control, faults, views
from promotion_ladder.simulation.faults import Fault, FaultKind


def renew(desk: Desk, epoch: int, seconds: float = 10) -> bool:
    order = LeaseOrder(promotion_id="p", epoch=epoch, ttl=timedelta(seconds=seconds))
    return control.renew_lease(desk.world, BOT, order).alive


def test_the_time_a_process_is_dead_neither_extends_nor_eats_the_lease(desk: Desk) -> None:
    desk.expose(lease=10)
    desk.seconds += 4
    desk.ticks(1)
    desk.world.close()
    desk.seconds += 1000
    desk.open()
    assert desk.exposure(Variant.CANDIDATE).lease_left_seconds == pytest.approx(6)
    desk.seconds += 5
    desk.ticks(1)
    assert desk.capital(Variant.CANDIDATE) == SHARE
    desk.seconds += 2
    desk.ticks(1)
    assert desk.capital(Variant.CANDIDATE) == 0


def test_a_lease_over_the_deadline_is_not_revived_even_before_the_next_tick(desk: Desk) -> None:
    epoch = desk.expose(lease=10)
    desk.seconds += 9
    assert renew(desk, epoch)
    desk.seconds += 9
    assert renew(desk, epoch)
    desk.seconds += 10
    assert not renew(desk, epoch)
    desk.ticks(1)
    assert desk.capital(Variant.STABLE) == TOTAL


@pytest.mark.parametrize("trouble", [FaultKind.VENUE_DOWN, FaultKind.REFUSE_EXIT])
def test_stable_waits_for_its_capital_while_the_venue_does_not_let_go(desk: Desk, trouble: FaultKind) -> None:
    desk.expose(lease=10)
    faults.inject(desk.world, Fault(kind=FaultKind.HOLD_ON))
    desk.ticks(6)
    assert views.positions(desk.world, BOT, Variant.CANDIDATE)
    faults.inject(desk.world, Fault(kind=trouble))
    desk.seconds += 11
    desk.ticks(5)
    assert desk.capital(Variant.CANDIDATE) == 0
    assert desk.capital(Variant.STABLE) == TOTAL - 2 * SHARE
    assert views.positions(desk.world, BOT, Variant.CANDIDATE)
    faults.clear(desk.world)
    desk.ticks(1)
    assert desk.capital(Variant.STABLE) == TOTAL
    assert views.positions(desk.world, BOT, Variant.CANDIDATE) == []
    lost = desk.world.rows("SELECT * FROM effects WHERE verb = 'lease_lost'")
    assert len(lost) == 1


def test_a_new_exposure_after_a_lost_lease_starts_a_new_one(desk: Desk) -> None:
    epoch = desk.expose(mode=Mode.LIVE, lease=10)
    desk.seconds += 11
    desk.ticks(1)
    assert desk.exposure(Variant.CANDIDATE).paused
    desk.expose(mode=Mode.LIVE, lease=10)
    assert not desk.exposure(Variant.CANDIDATE).paused
    assert renew(desk, epoch)


def test_without_money_there_is_no_lease(desk: Desk) -> None:
    epoch = desk.expose(mode=Mode.SHADOW)
    desk.seconds += 10000
    desk.ticks(20)
    assert desk.exposure(Variant.CANDIDATE).lease_left_seconds is None
    assert not renew(desk, epoch)
    assert Decimal(desk.variant(Variant.CANDIDATE)["notional"]) == TOTAL / 10
    assert not desk.exposure(Variant.CANDIDATE).paused
