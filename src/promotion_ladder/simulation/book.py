"""The trading book: entry orders, fills, exits, closed trades and the venue's net.

Shadow and paper live in the bot's own book only; canary and live also change what the venue holds for the account.
"""

import json
from datetime import timedelta
from decimal import Decimal

from promotion_ladder.core.platform import Limits, Mode, OrderStatus, Side
from promotion_ladder.simulation import measures
from promotion_ladder.simulation.strategy import Decision, entry_price, quantity
from promotion_ladder.simulation.world import Row, World, show_time

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the tick-to-trade histogram, in seconds; the last bucket, infinity, is implied."""


def enter(world: World, bot: Row, variant: Row, decision: Decision) -> None:
    """Send an entry order that rests for some ticks; it may be denied by a limit or rejected by the venue at once."""
    price = world.prices.at(world.tick)
    mode = Mode(variant["mode"])
    capital = Decimal(variant["capital"] if mode.touches_money else variant["notional"])
    size = quantity(capital, price)
    if size <= 0:
        return
    limit = entry_price(price, decision.direction)
    breach = breached(world, bot, variant, decision.instrument, size, limit) if mode.touches_money else ""
    breach = "the bot's own policy denies it" if decision.denied else breach
    if breach:
        status = OrderStatus.DENIED
    elif decision.rejected and mode is not Mode.SHADOW:
        status = OrderStatus.REJECTED
    else:
        status = OrderStatus.OPEN
    side = Side.BUY if decision.direction > 0 else Side.SELL
    order: Row = {
        "instrument": decision.instrument,
        "side": side,
        "quantity": size,
        "price": limit,
        "status": status,
        "reduces": 0,
        "key": None,
        "fill_tick": world.tick + decision.rest,
        "hold": decision.hold,
    }
    number = _insert_order(world, variant, order)
    measures.decided(world, variant, decision, status)
    if breach:
        world.effect("denied", bot["bot"], variant["variant"], order_id=f"o{number}", reason=breach)
        return
    if mode.touches_money:
        world.effect("order", bot["bot"], variant["variant"], order_id=f"o{number}", mode=mode, **order)
    _observe(world, variant, decision.latency, sent=mode is not Mode.SHADOW, rejected=status is OrderStatus.REJECTED)


def breached(world: World, bot: Row, variant: Row, instrument: str, size: Decimal, price: Decimal) -> str:
    """Which pre-trade limit of the stage this entry would break; empty if none. Stable has no limits of a stage."""
    if variant["variant"] == "stable" or bot["limits"] is None:
        return ""
    limits = Limits.model_validate_json(bot["limits"])
    market = world.prices.at(world.tick)
    minute_ago = show_time(world.now() - timedelta(minutes=1))
    sent = world.value(
        "SELECT count(*) FROM orders WHERE bot = ? AND variant = ? AND at > ? AND status != 'denied'",
        bot["bot"],
        variant["variant"],
        minute_ago,
    )
    checks = (
        (instrument not in limits.instruments, f"instrument {instrument} is not allowed"),
        (bot["venue"] not in limits.venues, f"venue {bot['venue']} is not allowed"),
        (abs(price - market) > limits.price_band * market, f"price {price} is too far from {market}"),
        (size * price > limits.max_order_value, f"order value {size * price} is above {limits.max_order_value}"),
        (size * price > limits.max_position_value, f"position would be above {limits.max_position_value}"),
        (sent >= limits.max_orders_per_minute, f"{sent} orders in the last minute"),
    )
    return next((reason for broken, reason in checks if broken), "")


def fill(world: World, bot: Row, order: Row) -> None:
    """Fill a resting entry order whole, at the market."""
    sign = 1 if order["side"] == Side.BUY else -1
    held = Decimal(order["quantity"]) * sign
    price = world.prices.at(world.tick)
    world.run("UPDATE orders SET status = 'filled' WHERE n = ?", order["n"])
    identity = (order["bot"], order["variant"], order["instrument"])
    add(world, identity, held, price, world.tick + order["hold"])
    if Mode(order["mode"]) is not Mode.SHADOW:
        measures.filled(world, world.variant(order["bot"], order["variant"]) or {}, order["n"])
    if Mode(order["mode"]).touches_money:
        move_venue(world, bot["account"], order["instrument"], held)


def close(world: World, bot: Row, position: Row, size: Decimal, key: str | None = None) -> int:
    """Sell (or buy back) ``size`` of a position at the market, record the trade; the number of the order."""
    variant = world.variant(position["bot"], position["variant"]) or {}
    held = Decimal(position["quantity"])
    sign = 1 if held > 0 else -1
    price = world.prices.at(world.tick)
    order = exit_order(position, size, price, OrderStatus.FILLED, key)
    number = _insert_order(world, variant, order)
    if Mode(position["mode"]).touches_money:
        move_venue(world, bot["account"], position["instrument"], -sign * size)
        world.effect("order", bot["bot"], position["variant"], order_id=f"o{number}", mode=position["mode"], **order)
    if position["mode"] != Mode.SHADOW:
        _observe(world, variant, None, sent=True, rejected=False)
        measures.filled(world, variant, number)
    settle_position(world, position, size, price)
    return number


def settle_position(world: World, position: Row, size: Decimal, price: Decimal) -> None:
    """Take ``size`` of a position out of the bot's book at ``price`` and record the trade; the venue is not touched."""
    variant = world.variant(position["bot"], position["variant"]) or {}
    _book_trade(world, variant, position, size, price)
    held = Decimal(position["quantity"])
    identity = (position["bot"], position["variant"], position["instrument"])
    if size == abs(held):
        world.run("DELETE FROM positions WHERE bot = ? AND variant = ? AND instrument = ?", *identity)
    else:
        left = str(held - size if held > 0 else held + size)
        world.run("UPDATE positions SET quantity = ? WHERE bot = ? AND variant = ? AND instrument = ?", left, *identity)


def add(world: World, identity: tuple[str, str, str], held: Decimal, price: Decimal, exit_tick: int) -> None:
    """Add ``held`` (signed) at ``price`` to what a variant has of an instrument; the venue is not touched.

    Usually it has nothing. After a handover it may: what is opposite closes first, the rest is averaged in.
    """
    bot, variant, instrument = identity
    mine = next((row for row in positions(world, bot, variant) if row["instrument"] == instrument), None)
    if mine is not None and Decimal(mine["quantity"]) * held < 0:
        netted = min(abs(held), abs(Decimal(mine["quantity"])))
        settle_position(world, mine, netted, price)
        held -= netted if held > 0 else -netted
        mine = None  # whatever is left of one of the two, nothing is left of the other
    if not held:
        return
    before = Decimal(mine["quantity"]) if mine else Decimal(0)
    average = Decimal(mine["average_price"]) if mine else price
    world.run(
        "INSERT OR REPLACE INTO positions (bot, variant, instrument, mode, quantity, average_price, opened_at,"
        " exit_tick) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        bot,
        variant,
        instrument,
        (world.variant(bot, variant) or {})["mode"],
        str(before + held),
        str((before * average + held * price) / (before + held)),
        world.stamp(),
        exit_tick,
    )


def refuse_exit(world: World, bot: Row, position: Row, key: str | None) -> int:
    """Record an exit order that the venue rejected; the number of the order."""
    variant = world.variant(position["bot"], position["variant"]) or {}
    size = abs(Decimal(position["quantity"]))
    order = exit_order(position, size, world.prices.at(world.tick), OrderStatus.REJECTED, key)
    number = _insert_order(world, variant, order)
    world.effect("order", bot["bot"], position["variant"], order_id=f"o{number}", mode=position["mode"], **order)
    _observe(world, variant, None, sent=True, rejected=True)
    world.run(
        "UPDATE positions SET exit_error = 'the venue rejected the exit'"
        " WHERE bot = ? AND variant = ? AND instrument = ?",
        position["bot"],
        position["variant"],
        position["instrument"],
    )
    return number


def exit_order(position: Row, size: Decimal, price: Decimal, status: OrderStatus, key: str | None) -> Row:
    """A market order that reduces ``position``."""
    side = Side.SELL if Decimal(position["quantity"]) > 0 else Side.BUY
    return {
        "instrument": position["instrument"],
        "side": side,
        "quantity": size,
        "price": price,
        "status": status,
        "reduces": 1,
        "key": key,
        "fill_tick": None,
        "hold": None,
    }


def cancel_entries(world: World, bot: str, variant: str) -> int:
    """Cancel every resting entry order; how many."""
    resting = world.rows("SELECT n FROM orders WHERE bot = ? AND variant = ? AND status = 'open'", bot, variant)
    world.run("UPDATE orders SET status = 'cancelled' WHERE bot = ? AND variant = ? AND status = 'open'", bot, variant)
    return len(resting)


def positions(world: World, bot: str, variant: str) -> list[Row]:
    """What one variant holds."""
    return world.rows("SELECT * FROM positions WHERE bot = ? AND variant = ? ORDER BY instrument", bot, variant)


def at_venue(world: World, bot: str, variant: str) -> tuple[int, int]:
    """How many resting orders and positions of one variant are at the venue."""
    money = "mode IN ('canary', 'live')"
    orders = world.value(
        f"SELECT count(*) FROM orders WHERE bot = ? AND variant = ? AND status = 'open' AND {money}",  # noqa: S608
        bot,
        variant,
    )
    held = world.value(
        f"SELECT count(*) FROM positions WHERE bot = ? AND variant = ? AND {money}",  # noqa: S608
        bot,
        variant,
    )
    return orders, held


def move_venue(world: World, account: str, instrument: str, by: Decimal) -> None:
    """Change what the venue holds for the account."""
    held = world.value("SELECT quantity FROM venue WHERE account = ? AND instrument = ?", account, instrument)
    net = Decimal(held or 0) + by
    world.run("INSERT OR REPLACE INTO venue VALUES (?, ?, ?)", account, instrument, str(net))


def _book_trade(world: World, variant: Row, position: Row, size: Decimal, price: Decimal) -> None:
    entered = Decimal(position["average_price"])
    sign = 1 if Decimal(position["quantity"]) > 0 else -1
    pnl = (price - entered) * size * sign
    measures.closed(world, variant, position, pnl)
    world.run(
        "INSERT INTO trades (bot, variant, version, mode, instrument, pnl, size, opened_at, closed_at, tick)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        position["bot"],
        position["variant"],
        variant["version"],
        position["mode"],
        position["instrument"],
        str(pnl),
        str(size * entered),
        position["opened_at"],
        world.stamp(),
        world.tick,
    )
    traded = json.loads(variant["traded"])
    traded[position["mode"]] = traded.get(position["mode"], 0) + 1
    world.run(
        "UPDATE variants SET realized = ?, traded = ? WHERE bot = ? AND variant = ?",
        str(Decimal(variant["realized"]) + pnl),
        json.dumps(traded),
        position["bot"],
        position["variant"],
    )


def _insert_order(world: World, variant: Row, order: Row) -> int:
    return world.run(
        "INSERT INTO orders (bot, variant, version, mode, instrument, side, quantity, price, status, reduces, key, at,"
        " fill_tick, hold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        variant["bot"],
        variant["variant"],
        variant["version"],
        variant["mode"],
        order["instrument"],
        order["side"],
        str(order["quantity"]),
        str(order["price"]),
        order["status"],
        order["reduces"],
        order["key"],
        world.stamp(),
        order["fill_tick"],
        order["hold"],
    )


def _observe(world: World, variant: Row, latency: float | None, *, sent: bool, rejected: bool) -> None:
    """Count an order (and, for entries, its tick-to-trade time) in the metrics, which outlive the process."""
    identity = (variant["bot"], variant["variant"], variant["version"])
    found = world.row("SELECT * FROM series WHERE bot = ? AND variant = ? AND version = ?", *identity)
    buckets = json.loads(found["buckets"]) if found else [0] * (len(BUCKETS) + 1)
    if latency is not None:
        buckets[next((i for i, bound in enumerate(BUCKETS) if latency <= bound), len(BUCKETS))] += 1
    world.run(
        "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?)",
        *identity,
        (found["orders"] if found else 0) + sent,
        (found["rejected"] if found else 0) + rejected,
        (found["latency_sum"] if found else 0.0) + (latency or 0.0),
        json.dumps(buckets),
    )
