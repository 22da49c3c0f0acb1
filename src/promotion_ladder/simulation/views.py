"""What the platform tells: facts, exposures, positions, orders, trades, telemetry, and whether it is flat."""

import json
from datetime import datetime
from decimal import Decimal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness, FlatReport, Residue
from promotion_ladder.core.platform import (
    BotFacts,
    ClosedTrade,
    Exposure,
    HoldOut,
    Latch,
    Mode,
    Order,
    Position,
    Telemetry,
    Variant,
)
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.simulation import book, leases
from promotion_ladder.simulation.world import Row, World, show_time

CAPABILITIES = frozenset({"lease", "epoch", "keys", "latch", "reassign", "simulated"})


def facts(world: World, name: str) -> BotFacts:
    """What the platform owns about one bot."""
    bot = world.bot(name)
    return BotFacts(
        bot=name,
        account=bot["account"],
        venue=bot["venue"],
        strategy=bot["strategy"],
        instruments=tuple(json.loads(bot["instruments"])),
        stable=world.release(name, bot["stable"]).ref,
        epoch=bot["epoch"],
        promotion_id=bot["promotion_id"],
        total_capital=Decimal(bot["total_capital"]),
        latches=tuple(covering(world, bot)),
        held_out=tuple(
            HoldOut.model_validate(row)
            for row in world.rows("SELECT * FROM hold_outs WHERE bot = ? ORDER BY at, digest", name)
        ),
        capabilities=CAPABILITIES - world.without,
    )


def covering(world: World, bot: Row) -> list[Latch]:
    """Every latch that covers the bot or one of its instruments, oldest first."""
    return [
        Latch.model_validate(row)
        for row in world.rows("SELECT * FROM latches ORDER BY at, scope, target")
        if _covers(row, bot)
    ]


def blocked(world: World, bot: Row, instrument: str | None = None) -> list[Latch]:
    """The latches that forbid a new entry in ``instrument``; without one, those that forbid any new exposure.

    A latch on a market forbids that market only; when every instrument of the bot is latched, all is forbidden.
    """
    found = covering(world, bot)
    if instrument is not None:
        return [latch for latch in found if latch.scope != "market" or latch.target == instrument]
    markets = {latch.target for latch in found if latch.scope == "market"}
    all_latched = markets.issuperset(json.loads(bot["instruments"]))
    return [latch for latch in found if latch.scope != "market" or all_latched]


def _covers(latch: Row, bot: Row) -> bool:
    match latch["scope"]:
        case "global":
            return True
        case "market":
            return latch["target"] in json.loads(bot["instruments"])
        case scope:
            return bool(latch["target"] == bot[scope])


def exposures(world: World, name: str) -> list[Exposure]:
    """Every variant of one bot that exists, with or without money: the read-back of a state verb."""
    bot = world.bot(name)
    stopped = bool(blocked(world, bot))
    remaining = leases.left(world, name)
    found = []
    for row in world.rows("SELECT * FROM variants WHERE bot = ? ORDER BY variant", name):
        orders, held = book.at_venue(world, name, row["variant"])
        found.append(
            Exposure(
                bot=name,
                variant=Variant(row["variant"]),
                release=ReleaseRef(version=row["version"], digest=row["digest"]),
                mode=Mode(row["mode"]),
                capital=Decimal(row["capital"]),
                epoch=bot["epoch"],
                promotion_id=bot["promotion_id"],
                paused=bool(row["paused"]) or stopped,
                open_orders=orders,
                open_positions=held,
                lease_left_seconds=None if row["variant"] == Variant.STABLE else remaining,
            )
        )
    return found


def all_exposures(world: World) -> list[Exposure]:
    """Every variant of every bot that has capital, orders or positions at the venue."""
    names = [row["bot"] for row in world.rows("SELECT bot FROM bots ORDER BY bot")]
    every = (exposure for name in names for exposure in exposures(world, name))
    return [each for each in every if each.capital > 0 or each.open_orders or each.open_positions]


def positions(world: World, name: str, variant: Variant) -> list[Position]:
    """What the bot believes it holds; in paper this is its paper book."""
    world.bot(name)
    rows = book.positions(world, name, variant)
    price = world.prices.at(world.tick)
    return [Position.model_validate({**row, "price": price}) for row in rows if row["mode"] != Mode.SHADOW]


def orders(world: World, name: str, variant: Variant, since: datetime) -> list[Order]:
    """Orders since then, oldest first; the hypothetical ones of shadow are none."""
    world.bot(name)
    rows = world.rows(
        "SELECT * FROM orders WHERE bot = ? AND variant = ? AND at >= ? AND mode != 'shadow' ORDER BY n",
        name,
        variant,
        show_time(since),
    )
    return [Order.model_validate({**row, "order_id": f"o{row['n']}"}) for row in rows]


def trades(world: World, name: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
    """Trades closed since then, oldest first."""
    world.bot(name)
    rows = world.rows(
        "SELECT * FROM trades WHERE bot = ? AND variant = ? AND closed_at >= ? ORDER BY n",
        name,
        variant,
        show_time(since),
    )
    return [ClosedTrade.model_validate({**row, "trade_id": f"t{row['n']}", "release": row["version"]}) for row in rows]


def telemetry(world: World, name: str, variant: Variant) -> Telemetry:
    """How the variant stands now; ``OPS_PLATFORM_REFUSED`` when the bot has no such variant.

    ``capital`` is what the variant sizes its trades by: money in canary and live, a notional amount in shadow and paper
    (where the money at risk, as exposures tell it, is 0).
    """
    world.bot(name)
    row = world.variant(name, variant)
    if row is None:
        raise LadderError(
            Code.PLATFORM_REFUSED, f"{name} has no {variant} now", "Prepare a release first, or ask for stable."
        )
    mode = Mode(row["mode"])
    resting = world.value(
        "SELECT count(*) FROM orders WHERE bot = ? AND variant = ? AND status = 'open'", name, variant
    )
    base_realized, base_unrealized = Decimal(row["base_realized"]), Decimal(row["base_unrealized"])
    return Telemetry(
        bot=name,
        variant=variant,
        at=world.now(),
        mode=mode,
        stage=row["stage"],
        ladder_hash=row["ladder_hash"],
        capital=Decimal(row["capital"] if mode.touches_money else row["notional"]),
        heartbeat_at=row["heartbeat_at"],
        market_data_at=row["data_at"],
        market_data=json.loads(row["market_data"]),
        realized_pnl=Decimal(row["realized"]) - base_realized,
        unrealized_pnl=Decimal(row["unrealized"]) - base_unrealized,
        peak_pnl=max(Decimal(row["peak"]) - base_realized - base_unrealized, Decimal(0)),
        positions=len(book.positions(world, name, variant)),
        open_orders=resting,
    )


def verify_flat(world: World, name: str, variant: Variant) -> FlatReport:
    """Whether the bot's own book and the venue agree that nothing of this variant is left.

    The venue knows only the account's net. What it holds less what every other variant on the account accounts for must
    be what this variant accounts for; a difference nobody can attribute is never called flat.
    """
    bot = world.bot(name)
    down = world.fault(name, "venue_down")
    residues = []
    for instrument in _instruments(world, bot):
        mine, resting, error = _own(world, name, variant, instrument)
        rest = None if down else _unaccounted(world, bot["account"], instrument) + mine
        if mine or resting or rest:
            residues.append(
                Residue(instrument=instrument, at_bot=mine, at_venue=rest, open_orders=resting, error=error)
            )
    if any(residue.at_bot or residue.open_orders for residue in residues):
        return FlatReport(
            state=Flatness.RESIDUAL, residues=tuple(residues), detail=f"{name} {variant} still holds something"
        )
    if down:
        return FlatReport(
            state=Flatness.FLAT_UNVERIFIED, detail=f"the bot holds nothing, but venue {bot['venue']} does not answer"
        )
    if residues:
        return FlatReport(
            state=Flatness.FLAT_UNVERIFIED,
            residues=tuple(residues),
            detail=f"the bot holds nothing, but no bot accounts for what {bot['account']} has at the venue",
        )
    return FlatReport(state=Flatness.FLAT, detail="bot and venue hold nothing")


def _instruments(world: World, bot: Row) -> list[str]:
    """The bot's instruments, and whatever else its account or book holds."""
    at_venue = world.rows("SELECT instrument FROM venue WHERE account = ?", bot["account"])
    held = world.rows("SELECT instrument FROM positions WHERE bot = ?", bot["bot"])
    return sorted({*json.loads(bot["instruments"]), *(row["instrument"] for row in (*at_venue, *held))})


def _own(world: World, name: str, variant: Variant, instrument: str) -> tuple[Decimal, int, str]:
    """What the variant believes it holds at the venue, its resting orders there, and why its last exit failed."""
    held = world.row(
        "SELECT quantity, exit_error FROM positions"
        " WHERE bot = ? AND variant = ? AND instrument = ? AND mode IN ('canary', 'live')",
        name,
        variant,
        instrument,
    )
    resting = world.value(
        "SELECT count(*) FROM orders WHERE bot = ? AND variant = ? AND instrument = ? AND status = 'open'"
        " AND mode IN ('canary', 'live')",
        name,
        variant,
        instrument,
    )
    return (Decimal(held["quantity"]), resting, held["exit_error"]) if held else (Decimal(0), resting, "")


def _unaccounted(world: World, account: str, instrument: str) -> Decimal:
    """What the venue holds for the account beyond what all its bots believe they hold."""
    net = world.value("SELECT quantity FROM venue WHERE account = ? AND instrument = ?", account, instrument)
    believed = world.rows(
        "SELECT quantity FROM positions JOIN bots USING (bot)"
        " WHERE account = ? AND instrument = ? AND mode IN ('canary', 'live')",
        account,
        instrument,
    )
    return Decimal(net or 0) - sum((Decimal(row["quantity"]) for row in believed), Decimal(0))
