"""The state verbs: acquire, prepare, set_exposure, renew_lease, restore, settle. All but the first are fenced by epoch.

A key that was used is looked up before the fence: the effect has happened, so the answer is the read-back of now, and
nothing changes. The refusals change nothing either.
"""

import json
from decimal import Decimal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import (
    BotFacts,
    Exposure,
    ExposureOrder,
    LeaseOrder,
    LeaseState,
    Mode,
    PrepareOrder,
    RestoreOrder,
    SettleOrder,
    Variant,
)
from promotion_ladder.simulation import book, leases, views
from promotion_ladder.simulation.bots import add_variant
from promotion_ladder.simulation.world import Row, World

NOTIONAL = Decimal("0.1")
"""Share of the total capital that a candidate sizes by in shadow and paper, where it has no money."""


def acquire(world: World, name: str, promotion_id: str) -> int:
    """Own the bot: a new promotion gets the next epoch, one seen before the epoch it got then (even if stale now)."""
    with world.transaction():
        bot = world.bot(name)
        world.refuse_without("epoch", name)
        known = world.value("SELECT epoch FROM acquisitions WHERE bot = ? AND promotion_id = ?", name, promotion_id)
        if known is not None:
            return int(known)
        epoch = int(bot["epoch"]) + 1
        world.run("INSERT INTO acquisitions VALUES (?, ?, ?)", name, promotion_id, epoch)
        world.run("UPDATE bots SET epoch = ?, promotion_id = ? WHERE bot = ?", epoch, promotion_id, name)
        world.effect("acquire", name)
        return epoch


def prepare(world: World, name: str, order: PrepareOrder) -> None:
    """Deploy the candidate, exposed to nothing; the same release again only takes the new stage's parameters."""

    def act() -> None:
        bot = fenced(world, name, order.promotion_id, order.epoch)
        release = order.release
        if release.bot != name:
            raise LadderError(Code.PLATFORM_REFUSED, f"the release is of bot '{release.bot}', not of '{name}'")
        world.release(name, release.digest)
        _refuse_held_out(world, name, release.digest)
        if bot["stable"] == release.digest:
            raise LadderError(Code.ALREADY_STABLE, f"{release.version} is the stable release of {name} already")
        _replace_candidate(world, name, order)
        world.run(
            "UPDATE variants SET overrides = ?, stage = ?, ladder_hash = ? WHERE bot = ? AND variant = 'candidate'",
            json.dumps(order.overrides),
            order.stage,
            order.ladder_hash,
            name,
        )
        world.effect("prepare", name, Variant.CANDIDATE, order.key, stage=order.stage, release=release.version)

    world.bot(name)
    world.once("prepare", name, order.key, order, act)


def _replace_candidate(world: World, name: str, order: PrepareOrder) -> None:
    present = world.variant(name, Variant.CANDIDATE)
    if present is not None and present["digest"] == order.release.digest:
        return
    if present is not None:
        if Decimal(present["capital"]) > 0:
            raise LadderError(
                Code.PLATFORM_REFUSED,
                f"{name}: candidate {present['version']} still has {present['capital']} of capital; restore first",
            )
        _refuse_unless_flat(world, name, (Variant.CANDIDATE,), "prepare")
        _drop(world, name, Variant.CANDIDATE)
    add_variant(world, Variant.CANDIDATE, order.release, order.mode, Decimal(0))


def set_exposure(world: World, name: str, order: ExposureOrder) -> list[Exposure]:
    """Share the capital out as stated, and let it stand for the lease."""

    def act() -> None:
        bot = fenced(world, name, order.promotion_id, order.epoch)
        candidate = world.variant(name, Variant.CANDIDATE)
        if candidate is None:
            raise LadderError(Code.PLATFORM_REFUSED, f"{name} has no candidate; prepare one first")
        _refuse_held_out(world, name, candidate["digest"])
        _refuse_latched(world, bot)
        _check_parts(world, bot, order)
        if not order.mode.touches_money and Mode(candidate["mode"]).touches_money:
            _refuse_unless_flat(world, name, (Variant.CANDIDATE, Variant.BASELINE), f"mode {order.mode}")
        world.run(
            "UPDATE bots SET limits = ? WHERE bot = ?", order.limits.model_dump_json() if order.limits else None, name
        )
        _set_candidate(world, bot, candidate, order)
        _set_baseline(world, bot, order)
        _open_account(world, name, order.stage)
        world.run("UPDATE variants SET stage = ? WHERE bot = ? AND variant != 'stable'", order.stage, name)
        world.run(
            "UPDATE variants SET capital = ?, paused = 0 WHERE bot = ? AND variant = 'stable'", str(order.stable), name
        )
        if order.stable == 0:
            book.cancel_entries(world, name, Variant.STABLE)
        granted = order.mode.touches_money and "lease" not in world.without
        leases.grant(world, name, order.lease if granted else None)
        parts = {part: str(getattr(order, part)) for part in ("candidate", "baseline", "stable")}
        world.effect("set_exposure", name, Variant.CANDIDATE, order.key, stage=order.stage, mode=order.mode, **parts)

    world.bot(name)
    world.once("set_exposure", name, order.key, order, act)
    return views.exposures(world, name)


def _check_parts(world: World, bot: Row, order: ExposureOrder) -> None:
    name, total = bot["bot"], Decimal(bot["total_capital"])
    parts = order.candidate + order.baseline + order.stable
    if min(order.candidate, order.baseline, order.stable) < 0 or parts != total:
        raise LadderError(
            Code.PLATFORM_REFUSED,
            f"{name}: candidate {order.candidate} + baseline {order.baseline} + stable {order.stable} = {parts}, "
            f"but the whole is {total}",
        )
    if not order.mode.touches_money:
        if order.candidate or order.baseline:
            raise LadderError(
                Code.PLATFORM_REFUSED, f"{name}: mode {order.mode} takes no money; stable keeps the whole"
            )
        return
    if order.candidate <= 0:
        raise LadderError(Code.PLATFORM_REFUSED, f"{name}: mode {order.mode} without capital for the candidate")
    if order.limits is None:
        raise LadderError(Code.LIMITS_MISSING, f"{name}: mode {order.mode} without limits")
    if "lease" in world.without:
        return
    if order.lease is None or order.lease.total_seconds() <= 0:
        raise LadderError(Code.PLATFORM_REFUSED, f"{name}: mode {order.mode} without a lease")


def _set_candidate(world: World, bot: Row, candidate: Row, order: ExposureOrder) -> None:
    name = bot["bot"]
    if candidate["mode"] != order.mode or not candidate["active"]:
        if not Mode(candidate["mode"]).touches_money:
            _clear_book(world, name, Variant.CANDIDATE)
        _enter_mode(world, name, Variant.CANDIDATE, order.mode)
    notional = Decimal(0) if order.mode.touches_money else Decimal(bot["total_capital"]) * NOTIONAL
    world.run(
        "UPDATE variants SET capital = ?, notional = ?, paused = 0 WHERE bot = ? AND variant = 'candidate'",
        str(order.candidate),
        str(notional),
        name,
    )


def _open_account(world: World, name: str, stage: str) -> None:
    """From its first exposure on, a stage's profit and loss are counted from zero; a stage repeated goes on."""
    row = world.variant(name, Variant.CANDIDATE)
    if row is None or row["account_stage"] == stage:
        return
    world.run(
        "UPDATE variants SET account_stage = ?, base_realized = ?, base_unrealized = ?, peak = ?"
        " WHERE bot = ? AND variant = 'candidate'",
        stage,
        row["realized"],
        row["unrealized"],
        str(Decimal(row["realized"]) + Decimal(row["unrealized"])),
        name,
    )


def _set_baseline(world: World, bot: Row, order: ExposureOrder) -> None:
    name = bot["bot"]
    present = world.variant(name, Variant.BASELINE)
    if order.baseline == 0:
        if present is not None:
            # It takes no new entries and leaves its positions on schedule; the tick removes it when it holds nothing.
            book.cancel_entries(world, name, Variant.BASELINE)
            world.run("UPDATE variants SET capital = '0' WHERE bot = ? AND variant = 'baseline'", name)
        return
    if present is None:
        add_variant(world, Variant.BASELINE, world.release(name, bot["stable"]), order.mode, order.baseline)
    if present is None or present["mode"] != order.mode:
        _enter_mode(world, name, Variant.BASELINE, order.mode)
    world.run(
        "UPDATE variants SET capital = ?, paused = 0 WHERE bot = ? AND variant = 'baseline'", str(order.baseline), name
    )


def _enter_mode(world: World, name: str, variant: Variant, mode: Mode) -> None:
    """Start the variant's account of itself afresh; what it holds at the venue goes on."""
    world.run(
        "UPDATE variants SET mode = ?, active = ?, realized = '0', unrealized = '0', peak = '0', decisions = 0,"
        " wake = '{}', account_stage = '', base_realized = '0', base_unrealized = '0' WHERE bot = ? AND variant = ?",
        mode,
        int(mode is not Mode.REPLAY),
        name,
        variant,
    )
    world.run("UPDATE positions SET mode = ? WHERE bot = ? AND variant = ?", mode, name, variant)
    world.run("UPDATE orders SET mode = ? WHERE bot = ? AND variant = ? AND status = 'open'", mode, name, variant)


def renew_lease(world: World, name: str, order: LeaseOrder) -> LeaseState:
    """Let the exposure stand for another ``ttl``; a lease that ran out cannot be revived."""
    world.refuse_without("lease", name)
    with world.transaction():
        bot = fenced(world, name, order.promotion_id, order.epoch)
        remaining = leases.left(world, name)
        if remaining is None:
            detail = "the lease ran out and the exposure was taken back" if bot["lease_lost"] else "no lease runs"
            return LeaseState(alive=False, left_seconds=0, detail=f"{name}: {detail}")
        if remaining <= 0 or order.ttl.total_seconds() <= 0:
            return LeaseState(alive=False, left_seconds=0, detail=f"{name}: the lease ran out just now")
        leases.grant(world, name, order.ttl)
        return LeaseState(alive=True, left_seconds=order.ttl.total_seconds())


def restore(world: World, name: str, order: RestoreOrder) -> list[Exposure]:
    """Candidate and baseline leave and stable has the whole again; refused while they hold anything at the venue."""

    def act() -> None:
        bot = fenced(world, name, order.promotion_id, order.epoch)
        _refuse_unless_flat(world, name, (Variant.CANDIDATE, Variant.BASELINE), "restore")
        _drop(world, name, Variant.CANDIDATE)
        _drop(world, name, Variant.BASELINE)
        world.run(
            "UPDATE variants SET capital = ?, paused = 0 WHERE bot = ? AND variant = 'stable'",
            bot["total_capital"],
            name,
        )
        _end_stage(world, name)
        world.effect("restore", name, Variant.STABLE, order.key, capital=bot["total_capital"])

    world.bot(name)
    world.once("restore", name, order.key, order, act)
    return views.exposures(world, name)


def settle(world: World, name: str, order: SettleOrder) -> BotFacts:
    """The candidate is stable from now on, with the whole; refused while the old stable or baseline hold anything."""

    def act() -> None:
        bot = fenced(world, name, order.promotion_id, order.epoch)
        candidate = world.variant(name, Variant.CANDIDATE)
        if bot["stable"] == order.release.digest and candidate is None:
            return
        if bot["stable"] != order.expected_stable.digest:
            stable = world.release(name, bot["stable"]).ref
            raise LadderError(
                Code.PLATFORM_REFUSED, f"{name}: stable is {stable}, not {order.expected_stable} as expected"
            )
        if candidate is None or candidate["digest"] != order.release.digest or candidate["mode"] != Mode.LIVE:
            raise LadderError(Code.PLATFORM_REFUSED, f"{name}: {order.release} is not the candidate that is live")
        _refuse_unless_flat(world, name, (Variant.STABLE, Variant.BASELINE), "settle")
        _drop(world, name, Variant.STABLE)
        _drop(world, name, Variant.BASELINE)
        for table in ("variants", "positions", "orders"):
            live = "AND status = 'open'" if table == "orders" else ""
            world.run(
                f"UPDATE {table} SET variant = 'stable' WHERE bot = ? AND variant = 'candidate' {live}",  # noqa: S608
                name,
            )
        world.run("UPDATE variants SET capital = ? WHERE bot = ? AND variant = 'stable'", bot["total_capital"], name)
        world.run("UPDATE bots SET stable = ? WHERE bot = ?", order.release.digest, name)
        _end_stage(world, name)
        world.effect("settle", name, Variant.STABLE, order.key, release=order.release.version)

    world.bot(name)
    world.once("settle", name, order.key, order, act)
    return views.facts(world, name)


def fenced(world: World, name: str, promotion_id: str, epoch: int) -> Row:
    """The bot, if this promotion owns it at this epoch; ``OPS_STALE_EPOCH`` if not."""
    bot = world.bot(name)
    if "epoch" in world.without:
        return bot
    if epoch != bot["epoch"] or promotion_id != bot["promotion_id"]:
        raise LadderError(
            Code.STALE_EPOCH,
            f"{name} belongs to promotion {bot['promotion_id']} (epoch {bot['epoch']}), "
            f"not to {promotion_id} (epoch {epoch}); nothing was changed",
        )
    return bot


def _refuse_held_out(world: World, name: str, release_digest: str) -> None:
    held = world.row("SELECT * FROM hold_outs WHERE bot = ? AND digest = ?", name, release_digest)
    if held is not None:
        raise LadderError(Code.HELD_OUT, f"{name} {held['version']} is held out by {held['by']}: {held['reason']}")


def _refuse_latched(world: World, bot: Row) -> None:
    latches = views.blocked(world, bot)
    if latches:
        first = latches[0]
        since = f"since {first.at:%Y-%m-%d %H:%M:%S} UTC"
        raise LadderError(
            Code.LATCHED, f"{bot['bot']}: latched ({first.scope} {first.target}) by {first.by} {since}: {first.reason}"
        )


def _refuse_unless_flat(world: World, name: str, variants: tuple[Variant, ...], verb: str) -> None:
    for variant in variants:
        orders, held = book.at_venue(world, name, variant)
        if orders or held:
            names = [row["instrument"] for row in book.positions(world, name, variant)]
            raise LadderError(
                Code.PLATFORM_REFUSED,
                f"{name}: {verb} refused, {variant} still has {held} positions ({', '.join(names) or 'none'}) "
                f"and {orders} open orders at the venue",
                "Cancel its orders, exit its positions, then try again.",
            )


def _clear_book(world: World, name: str, variant: Variant) -> None:
    """Forget what was held in shadow or paper only; nothing of it is at the venue."""
    book.cancel_entries(world, name, variant)
    world.run("DELETE FROM positions WHERE bot = ? AND variant = ?", name, variant)


def _drop(world: World, name: str, variant: Variant) -> None:
    _clear_book(world, name, variant)
    world.run("DELETE FROM variants WHERE bot = ? AND variant = ?", name, variant)


def _end_stage(world: World, name: str) -> None:
    world.run("UPDATE bots SET limits = NULL WHERE bot = ?", name)
    leases.grant(world, name, None)
