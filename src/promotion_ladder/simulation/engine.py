"""One tick: leases run out, resting orders fill, positions are left on schedule, new entries are decided."""

import json
from decimal import Decimal

from promotion_ladder.core.platform import Mode
from promotion_ladder.simulation import book, measures
from promotion_ladder.simulation.behaviour import Conduct
from promotion_ladder.simulation.leases import expire_leases
from promotion_ladder.simulation.strategy import decide
from promotion_ladder.simulation.views import blocked
from promotion_ladder.simulation.world import Row, World


def tick(world: World) -> None:
    """Advance the market by one step; one transaction."""
    with world.transaction():
        world.tick += 1
        world.run("UPDATE meta SET value = ? WHERE name = 'tick'", str(world.tick))
        expire_leases(world)
        bots = {row["bot"]: row for row in world.rows("SELECT * FROM bots")}
        for variant in world.rows("SELECT * FROM variants ORDER BY bot, variant"):
            if variant["active"]:
                _step(world, bots[variant["bot"]], variant)
            _beat(world, variant)
        _retire_baselines(world)


def _step(world: World, bot: Row, variant: Row) -> None:
    now = measures.conduct_of(world, variant)
    down = Mode(variant["mode"]).touches_money and world.fault(bot["bot"], "venue_down")
    if down:
        return
    orders = world.rows(
        "SELECT * FROM orders WHERE bot = ? AND variant = ? AND status = 'open'", bot["bot"], variant["variant"]
    )
    held = {row["instrument"]: row for row in book.positions(world, bot["bot"], variant["variant"])}
    resting = {row["instrument"]: row for row in orders}
    for instrument in json.loads(bot["instruments"]):
        if instrument in resting:
            if resting[instrument]["fill_tick"] <= world.tick and not world.fault(bot["bot"], "no_fill"):
                book.fill(world, bot, resting[instrument])
        elif now.crashed:
            continue
        elif instrument in held:
            _leave(world, bot, held[instrument])
        else:
            _enter(world, bot, variant, instrument, now)


def _leave(world: World, bot: Row, position: Row) -> None:
    if position["exit_tick"] > world.tick or world.fault(bot["bot"], "hold_on"):
        return
    if Mode(position["mode"]).touches_money and world.take_fault(bot["bot"], "tick", "refuse_exit"):
        book.refuse_exit(world, bot, position, None)
        return
    book.close(world, bot, position, abs(Decimal(position["quantity"])))


def _enter(world: World, bot: Row, variant: Row, instrument: str, now: Conduct) -> None:
    wake = json.loads(variant["wake"])
    if wake.get(instrument, 0) > world.tick or variant["paused"] or blocked(world, bot, instrument):
        return
    mode = Mode(variant["mode"])
    if Decimal(variant["capital"] if mode.touches_money else variant["notional"]) <= 0:
        return
    story = world.story(bot["bot"], variant["digest"], mode)
    decision = decide(story, variant["decisions"], instrument, world.tick, world.prices, now)
    book.enter(world, bot, variant, decision)
    # The next decision on this instrument waits until this one would be over, even when it was rejected or cancelled:
    # so what the venue does to one order never shifts the ones after it.
    wake[instrument] = world.tick + decision.rest + decision.hold + 1
    variant["decisions"] += 1
    variant["wake"] = json.dumps(wake)
    world.run(
        "UPDATE variants SET decisions = ?, wake = ? WHERE bot = ? AND variant = ?",
        variant["decisions"],
        variant["wake"],
        bot["bot"],
        variant["variant"],
    )


def _beat(world: World, variant: Row) -> None:
    """Show signs of life and mark the book to the market."""
    fresh = world.variant(variant["bot"], variant["variant"])
    if fresh is None:
        return
    now = measures.conduct_of(world, fresh)
    price = world.prices.at(world.tick)
    unrealized = sum(
        (
            (price - Decimal(row["average_price"])) * Decimal(row["quantity"])
            for row in book.positions(world, fresh["bot"], fresh["variant"])
        ),
        Decimal(0),
    )
    peak = max(Decimal(fresh["peak"]), Decimal(fresh["realized"]) + unrealized)
    stamp = world.stamp()
    dead = now.crashed or world.fault(fresh["bot"], "heartbeat_stop")
    seen = _market_data(world, fresh, stamp, stale=now.stale or now.crashed)
    world.run(
        "UPDATE variants SET unrealized = ?, peak = ?, heartbeat_at = ?, data_at = ?, market_data = ?"
        " WHERE bot = ? AND variant = ?",
        str(unrealized),
        str(peak),
        fresh["heartbeat_at"] if dead else stamp,
        max(seen.values()),
        json.dumps(seen),
        fresh["bot"],
        fresh["variant"],
    )


def _market_data(world: World, variant: Row, stamp: str, *, stale: bool) -> dict[str, str]:
    """When each market of the variant was last seen; those that stand still keep their time."""
    before = json.loads(variant["market_data"])
    stopped = {row["instrument"] for row in world.standing(variant["bot"], "data_stop")}
    instruments = json.loads(world.bot(variant["bot"])["instruments"])
    seen = {}
    for each in instruments:
        standing_still = stale or bool({"", each} & stopped)
        measures.market_seen(world, variant, each, stopped=standing_still)
        seen[each] = before.get(each, variant["data_at"]) if standing_still else stamp
    return seen


def _retire_baselines(world: World) -> None:
    """A baseline without capital leaves once it holds nothing."""
    for row in world.rows("SELECT bot FROM variants WHERE variant = 'baseline' AND CAST(capital AS REAL) = 0"):
        if book.at_venue(world, row["bot"], "baseline") == (0, 0):
            world.run("DELETE FROM variants WHERE bot = ? AND variant = 'baseline'", row["bot"])
