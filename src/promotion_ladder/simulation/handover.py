"""Handing over: stable takes what candidate and baseline hold at the venue. Nothing is traded, the net stays.

It happens at the market's price: up to now profit and loss are the giver's, from now on they are stable's.
"""

from decimal import Decimal

from promotion_ladder.core.platform import Mode, Position, ReassignOrder, Variant
from promotion_ladder.simulation import book, views
from promotion_ladder.simulation.control import fenced
from promotion_ladder.simulation.world import Row, World


def reassign(world: World, name: str, order: ReassignOrder) -> list[Position]:
    """Stable holds what candidate and baseline held; their resting entries are cancelled."""

    def act() -> None:
        fenced(world, name, order.promotion_id, order.epoch)
        moved = {}
        for variant in (Variant.CANDIDATE, Variant.BASELINE):
            book.cancel_entries(world, name, variant)
            for position in book.positions(world, name, variant):
                if Mode(position["mode"]).touches_money:
                    _hand_over(world, position)
                    moved[f"{variant}.{position['instrument']}"] = position["quantity"]
        world.effect("reassign", name, Variant.STABLE, order.key, moved=moved)

    world.bot(name)
    world.once("reassign", name, order.key, order, act)
    return views.positions(world, name, Variant.STABLE)


def _hand_over(world: World, position: Row) -> None:
    price = world.prices.at(world.tick)
    given = Decimal(position["quantity"])
    book.settle_position(world, position, abs(given), price)
    identity = (position["bot"], Variant.STABLE, position["instrument"])
    book.add(world, identity, given, price, position["exit_tick"])
