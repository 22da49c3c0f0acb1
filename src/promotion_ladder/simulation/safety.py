"""The reducing verbs: pause, cancel, exit, latch, hold out. They work at any epoch and only ever reduce.

Lifting (unlatch, lift) lives here too: it lets somebody increase exposure later but increases none itself.
"""

from decimal import ROUND_UP, Decimal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import (
    PAUSED_BY,
    BotFacts,
    ExitReceipt,
    HoldOutOrder,
    LatchOrder,
    Mode,
    Scope,
    Variant,
)
from promotion_ladder.simulation import book, views
from promotion_ladder.simulation.strategy import LOT
from promotion_ladder.simulation.world import Row, World


def pause(world: World, name: str, variant: Variant, key: str) -> None:
    """No new entries of this variant until the next set_exposure or restore; reductions go on.

    The one verb whose key is not looked at: to pause what is paused changes nothing, and should a resend arrive after
    somebody resumed, then paused is the safe side.
    """
    with world.transaction():
        world.bot(name)
        present = world.variant(name, variant)
        if present is not None and not present["paused"]:
            world.run("UPDATE variants SET paused = 1 WHERE bot = ? AND variant = ?", name, variant)
            world.effect("pause_entries", name, variant, key)


def cancel(world: World, name: str, variant: Variant, key: str) -> int:
    """Cancel every resting entry order; how many. ``OPS_PLATFORM_DOWN`` while the venue does not answer."""

    def act() -> int:
        resting, _ = book.at_venue(world, name, variant)
        if resting and world.fault(name, "venue_down"):
            raise LadderError(Code.PLATFORM_DOWN, f"{name}: the venue does not answer, {resting} orders may be open")
        cancelled = book.cancel_entries(world, name, variant)
        world.effect("cancel_orders", name, variant, key, cancelled=cancelled)
        return cancelled

    world.bot(name)
    return int(world.once("cancel_orders", name, key, {"variant": variant}, act))


def exit_position(world: World, name: str, variant: Variant, instrument: str, key: str) -> ExitReceipt:
    """Close one position at the market. The venue's refusal is an answer (filled 0), stored under the key like a fill.

    ``OPS_PLATFORM_DOWN`` while the venue does not answer: nothing was sent, so the same key may be tried again.
    """

    def act() -> dict[str, object]:
        receipt = _exit(world, world.bot(name), variant, instrument, key)
        detail = {"instrument": instrument, "order_id": receipt.order_id, "filled": str(receipt.filled)}
        world.effect("exit_position", name, variant, key, **detail)
        return receipt.model_dump(mode="json")

    world.bot(name)
    order = {"variant": variant, "instrument": instrument}
    return ExitReceipt.model_validate(world.once("exit_position", name, key, order, act))


def _exit(world: World, bot: Row, variant: Variant, instrument: str, key: str) -> ExitReceipt:
    name = bot["bot"]
    held = [row for row in book.positions(world, name, variant) if row["instrument"] == instrument]
    if not held or held[0]["mode"] == Mode.SHADOW:
        return ExitReceipt(instrument=instrument, order_id=None, detail="nothing is held")
    position = held[0]
    size = abs(Decimal(position["quantity"]))
    if Mode(position["mode"]).touches_money:
        if world.fault(name, "venue_down"):
            raise LadderError(Code.PLATFORM_DOWN, f"{name}: the venue does not answer; {instrument} was not exited")
        if world.take_fault(name, "exit_position", "refuse_exit"):
            number = book.refuse_exit(world, bot, position, key)
            return ExitReceipt(instrument=instrument, order_id=f"o{number}", detail="the venue rejected the exit")
        if world.take_fault(name, "exit_position", "partial_exit"):
            part = (size / 2).quantize(LOT, rounding=ROUND_UP)
            number = book.close(world, bot, position, part, key)
            detail = f"{part} of {size} filled" if part < size else ""
            return ExitReceipt(instrument=instrument, order_id=f"o{number}", filled=part, detail=detail)
    number = book.close(world, bot, position, size, key)
    return ExitReceipt(instrument=instrument, order_id=f"o{number}", filled=size)


def latch(world: World, name: str, order: LatchOrder) -> BotFacts:
    """Set the mark; one that stands already stays as it was first set. Guards' marks stand beside a person's."""

    def act() -> None:
        theirs = [row for row in _marks(world, order) if _owner(row["by"]) == _owner(order.by)]
        if not theirs:
            world.run(
                "INSERT INTO latches VALUES (?, ?, ?, ?, ?)",
                order.scope,
                order.target,
                order.reason,
                order.by,
                world.stamp(),
            )
        world.effect("latch", name, "", order.key, scope=order.scope, target=order.target, by=order.by)

    world.refuse_without("latch", name)
    _check_scope(world, name, order)
    world.once("latch", name, order.key, order, act)
    return views.facts(world, name)


def unlatch(world: World, name: str, order: LatchOrder) -> BotFacts:
    """Lift the mark of this scope and target: a person lifts whoever's it is, a guard its own and no other."""

    def act() -> None:
        for row in _marks(world, order):
            if not _owner(order.by) or row["by"] == order.by:
                world.run(
                    "DELETE FROM latches WHERE scope = ? AND target = ? AND by = ?",
                    order.scope,
                    order.target,
                    row["by"],
                )
        world.effect("unlatch", name, "", order.key, scope=order.scope, target=order.target, by=order.by)

    world.refuse_without("latch", name)
    _check_scope(world, name, order)
    world.once("unlatch", name, order.key, order, act)
    return views.facts(world, name)


def _marks(world: World, order: LatchOrder) -> list[Row]:
    return world.rows("SELECT * FROM latches WHERE scope = ? AND target = ?", order.scope, order.target)


def _owner(by: str) -> str:
    """The guard a mark belongs to; people own theirs together."""
    return by if by.startswith(PAUSED_BY) else ""


def _check_scope(world: World, name: str, order: LatchOrder) -> None:
    bot = world.bot(name)
    if order.scope not in list(Scope):
        raise LadderError(
            Code.PLATFORM_REFUSED, f"{name}: no scope '{order.scope}'; one of {', '.join(Scope)} is known"
        )
    if order.scope == "bot" and order.target != bot["bot"]:
        raise LadderError(Code.PLATFORM_REFUSED, f"{name}: a latch of scope bot must name it, not '{order.target}'")


def hold_out(world: World, name: str, order: HoldOutOrder) -> BotFacts:
    """Hold a release out; one that is held out already stays as it was first."""

    def act() -> None:
        world.run(
            "INSERT OR IGNORE INTO hold_outs VALUES (?, ?, ?, ?, ?, ?)",
            name,
            order.digest,
            order.version,
            order.reason,
            order.by,
            world.stamp(),
        )
        world.effect("hold_out", name, "", order.key, digest=order.digest, by=order.by)

    world.bot(name)
    world.once("hold_out", name, order.key, order, act)
    return views.facts(world, name)


def lift(world: World, name: str, order: HoldOutOrder) -> BotFacts:
    """Let a held-out release climb again."""

    def act() -> None:
        world.run("DELETE FROM hold_outs WHERE bot = ? AND digest = ?", name, order.digest)
        world.effect("lift", name, "", order.key, digest=order.digest, by=order.by)

    world.bot(name)
    world.once("lift", name, order.key, order, act)
    return views.facts(world, name)
