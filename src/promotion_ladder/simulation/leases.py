"""Leases: exposure that nobody renews goes back by itself.

The deadline is on the monotonic clock; what is left is stored with every tick. After a restart what was stored is
left: while the process was dead it could not trade, and the time it was dead neither extends nor eats the lease.
"""

from datetime import timedelta
from decimal import Decimal

from promotion_ladder.core.platform import Mode, Variant
from promotion_ladder.simulation import book
from promotion_ladder.simulation.world import Row, World


def grant(world: World, bot: str, ttl: timedelta | None) -> None:
    """Let the bot's exposure stand for ``ttl`` from now; None ends the lease without taking anything."""
    seconds = ttl.total_seconds() if ttl is not None else None
    world.run("UPDATE bots SET lease_left = ?, lease_lost = 0 WHERE bot = ?", seconds, bot)
    if seconds is None:
        world.deadlines.pop(bot, None)
    else:
        world.deadlines[bot] = world.monotonic() + seconds


def left(world: World, bot: str) -> float | None:
    """Seconds the lease still runs (not below 0), or None when none runs."""
    deadline = world.deadlines.get(bot)
    return None if deadline is None else max(0.0, deadline - world.monotonic())


def expire_leases(world: World) -> None:
    """Take exposure back whose lease ran out, and store what the others have left."""
    for bot in list(world.deadlines):
        remaining = left(world, bot) or 0.0
        world.run("UPDATE bots SET lease_left = ? WHERE bot = ?", remaining, bot)
        if remaining <= 0:
            lose(world, world.bot(bot))


def lose(world: World, bot: Row) -> None:
    """The lease ran out: canary is flattened and stable gets the whole back, live takes no new entries.

    Called again at each tick until it is done: a venue that is down or refuses only delays it.
    """
    name = bot["bot"]
    candidate = world.variant(name, Variant.CANDIDATE)
    if not bot["lease_lost"]:
        world.run("UPDATE bots SET lease_lost = 1 WHERE bot = ?", name)
        world.effect("lease_lost", name, Variant.CANDIDATE, mode=candidate["mode"] if candidate else None)
    world.run("UPDATE variants SET paused = 1 WHERE bot = ? AND variant != 'stable'", name)
    if candidate is not None and candidate["mode"] == Mode.CANARY and not _flattened(world, bot):
        return
    world.run("UPDATE bots SET lease_left = NULL WHERE bot = ?", name)
    world.deadlines.pop(name, None)


def _flattened(world: World, bot: Row) -> bool:
    name = bot["bot"]
    world.run("UPDATE variants SET capital = '0' WHERE bot = ? AND variant != 'stable'", name)
    if world.fault(name, "venue_down"):
        return False
    for variant in (Variant.CANDIDATE, Variant.BASELINE):
        book.cancel_entries(world, name, variant)
        for position in book.positions(world, name, variant):
            if world.take_fault(name, "tick", "refuse_exit"):
                book.refuse_exit(world, bot, position, None)
            else:
                book.close(world, bot, position, abs(Decimal(position["quantity"])))
    if any(book.at_venue(world, name, variant) != (0, 0) for variant in (Variant.CANDIDATE, Variant.BASELINE)):
        return False
    world.run("UPDATE variants SET capital = ? WHERE bot = ? AND variant = 'stable'", bot["total_capital"], name)
    world.effect("lease_returned", name, Variant.STABLE, capital=bot["total_capital"])
    return True
