"""A platform made of another one and of what that one lacks."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError, UnansweredError
from promotion_ladder.core.flat import FlatReport
from promotion_ladder.core.platform import (
    PAUSED_BY,
    BotFacts,
    ClosedTrade,
    ExitReceipt,
    Exposure,
    ExposureOrder,
    HoldOutOrder,
    Latch,
    LatchOrder,
    LeaseOrder,
    LeaseState,
    Order,
    Position,
    PrepareOrder,
    ReassignOrder,
    ReplayOrder,
    ReplayResult,
    RestoreOrder,
    Scope,
    SettleOrder,
    Telemetry,
    Variant,
)
from promotion_ladder.ports import Platform
from promotion_ladder.supplying.keeping import Keeper
from promotion_ladder.supplying.keys import Deed, Keys, Look, exit_sent, exposure_set, settled
from promotion_ladder.supplying.ledger import Lease

STATE_VERBS = frozenset({"prepare", "set_exposure", "restore", "reassign", "settle"})


class Supplied(Platform):
    """``keeper.inner``, and beside it what each bot's platform does not name among its capabilities."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._inner = keeper.inner
        self._ledger = keeper.ledger
        self._keys = Keys(keeper.ledger)

    async def _once(self, deed: Deed, act: Callable[[], Awaitable[Any]], look: Look | None = None) -> Any:
        """Do it once for its key, if the platform does not see to that itself."""
        if "keys" in await self._keeper.lacks(deed.bot):
            return await self._keys.once(deed, act, look)
        return await act()

    # --- what is read -------------------------------------------------------------------------------------------

    async def bots(self) -> list[str]:
        """The names of all bots."""
        return await self._inner.bots()

    async def describe(self, bot: str) -> BotFacts:
        """What the platform owns about the bot, and what is supplied of it; both are named."""
        facts = await self._inner.describe(bot)
        self._keeper.note(facts)
        lacks = await self._keeper.lacks(bot)
        more: dict[str, Any] = {"capabilities": facts.capabilities | lacks}
        if "epoch" in lacks:
            standing = self._ledger.bot(bot)
            more |= {"epoch": standing.epoch, "promotion_id": standing.promotion_id}
        if "latch" in lacks:
            more["latches"] = tuple(self._keeper.latches(bot))
        return facts.model_copy(update=more)

    async def knows(self, bot: str, release_digest: str) -> bool:
        """Whether this release of the bot was published to the platform."""
        return await self._inner.knows(bot, release_digest)

    async def exposures(self) -> list[Exposure]:
        """Every variant of every bot that has capital, orders or positions."""
        return [await self._dress(each) for each in await self._inner.exposures()]

    async def _dress(self, exposure: Exposure) -> Exposure:
        lacks, standing = await self._keeper.lacks(exposure.bot), self._ledger.bot(exposure.bot)
        more: dict[str, Any] = {}
        if "epoch" in lacks:
            more |= {"epoch": standing.epoch, "promotion_id": standing.promotion_id}
        if "lease" in lacks:
            stable = exposure.variant is Variant.STABLE
            more["lease_left_seconds"] = None if stable else self._ledger.left(standing)
        return exposure.model_copy(update=more)

    async def positions(self, bot: str, variant: Variant) -> list[Position]:
        """What the bot believes it holds."""
        return await self._inner.positions(bot, variant)

    async def orders(self, bot: str, variant: Variant, since: datetime) -> list[Order]:
        """Orders since then, oldest first."""
        return await self._inner.orders(bot, variant, since)

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        """Trades closed since then, oldest first."""
        return await self._inner.trades(bot, variant, since)

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        """How the variant stands now; ``RISK_LEASE_LOST`` when it is gone because its lease ran out."""
        try:
            return await self._inner.telemetry(bot, variant)
        except LadderError as error:
            gone = error.code is Code.PLATFORM_REFUSED and variant is not Variant.STABLE
            if gone and self._ledger.bot(bot).lease is Lease.OVER:
                raise LadderError(Code.LEASE_LOST, _ran_out(bot)) from None
            raise

    async def verify_flat(self, bot: str, variant: Variant) -> FlatReport:
        """Whether bot and venue agree that nothing is left."""
        return await self._inner.verify_flat(bot, variant)

    async def start_replay(self, bot: str, order: ReplayOrder) -> str:
        """Start a replay over recorded data; its id."""
        deed = Deed("start_replay", bot, order.key, order)
        return str(await self._once(deed, lambda: self._inner.start_replay(bot, order)))

    async def replay_result(self, bot: str, replay_id: str) -> ReplayResult:
        """What a replay found so far."""
        return await self._inner.replay_result(bot, replay_id)

    # --- what changes who has what ------------------------------------------------------------------------------

    async def acquire(self, bot: str, promotion_id: str) -> int:
        """Own the bot: the new epoch; the same promotion again gets the same epoch."""
        async with self._keeper.turn(bot):  # what the owner up to now has sent arrives first
            if "epoch" not in await self._keeper.lacks(bot):
                return await self._inner.acquire(bot, promotion_id)
            left = self._ledger.on_its_way(bot, STATE_VERBS)
            if left and self._ledger.epoch_of(bot, promotion_id) is None:
                raise LadderError(
                    Code.PLATFORM_DOWN,
                    f"{bot}: what its owner up to now sent when the guard died may still arrive for {left:.1f} s",
                    "Nothing to do: it is tried again.",
                )
            return self._ledger.acquire(bot, promotion_id)

    async def _fence(self, bot: str, promotion_id: str, epoch: int, facts: BotFacts | None = None) -> None:
        """``OPS_STALE_EPOCH`` unless this promotion owns the bot; where the platform fences, it is left to it."""
        if facts is None and "epoch" not in await self._keeper.lacks(bot):
            return
        owner = facts or self._ledger.bot(bot)
        if (epoch, promotion_id) != (owner.epoch, owner.promotion_id):
            raise LadderError(
                Code.STALE_EPOCH,
                f"{bot} belongs to promotion {owner.promotion_id} (epoch {owner.epoch}), "
                f"not to {promotion_id} (epoch {epoch}); nothing was changed",
            )

    async def prepare(self, order: PrepareOrder) -> None:
        """Deploy the candidate, exposed to nothing."""
        bot = order.release.bot

        async def act() -> None:
            async with self._keeper.turn(bot):
                await self._fence(bot, order.promotion_id, order.epoch)
                before = self._ledger.bot(bot).prepared
                self._ledger.change(bot, prepared=True)
                try:
                    await self._inner.prepare(order)
                except UnansweredError:
                    raise
                except LadderError:
                    self._ledger.change(bot, prepared=before)
                    raise

        await self._once(Deed("prepare", bot, order.key, order), act)

    async def set_exposure(self, bot: str, order: ExposureOrder) -> list[Exposure]:
        """Share the capital out, and let it stand for the lease; the read-back."""
        fresh: list[Exposure] = []

        async def act() -> None:
            async with self._keeper.turn(bot):
                await self._fence(bot, order.promotion_id, order.epoch)
                self._refuse_latched(bot)
                fresh.extend(await self._expose(bot, order))

        look = exposure_set(self._inner, self._ledger, bot, order)
        await self._once(Deed("set_exposure", bot, order.key, order), act, look)
        return fresh or await self._exposed(bot)

    async def _expose(self, bot: str, order: ExposureOrder) -> list[Exposure]:
        money = order.mode.touches_money and "lease" in await self._keeper.lacks(bot)
        if money and (order.lease is None or order.lease.total_seconds() <= 0):
            raise LadderError(Code.PLATFORM_REFUSED, f"{bot}: mode {order.mode} without a lease")
        before, paused = self._ledger.bot(bot), self._ledger.newest_pause(bot)
        # The lease comes first: should the guard die in between, no exposure stands that nobody takes back.
        self._ledger.expose(bot, order, order.lease if money else None)
        try:
            answer = await self._inner.set_exposure(bot, order)
        except UnansweredError:
            raise
        except LadderError:
            self._ledger.put_back(before)
            raise
        self._ledger.go_on(bot, paused)
        return await self._held(bot, answer)

    async def _held(self, bot: str, answer: list[Exposure]) -> list[Exposure]:
        """The answer of a verb that lets entries go on; a latch that covers the bot by now pauses them again."""
        dressed = [await self._dress(each) for each in answer]
        if not self._keeper.latches(bot):
            self._ledger.change(bot, held=False)
            return dressed
        await self._keeper.hold(bot)
        return [each.model_copy(update={"paused": True}) for each in dressed]

    async def _exposed(self, bot: str) -> list[Exposure]:
        return [each for each in await self.exposures() if each.bot == bot]

    async def renew_lease(self, bot: str, order: LeaseOrder) -> LeaseState:
        """Let the exposure stand for another ``ttl``; a lease that ran out is not revived."""
        lacks = await self._keeper.lacks(bot)
        if "lease" not in lacks:
            await self._fence(bot, order.promotion_id, order.epoch)
            return await self._inner.renew_lease(bot, order)
        facts = None if "epoch" in lacks else await self._inner.describe(bot)
        await self._fence(bot, order.promotion_id, order.epoch, facts)
        standing = self._ledger.bot(bot)
        if standing.lease is Lease.NONE:
            return LeaseState(alive=False, left_seconds=0, detail=f"{bot}: no lease runs")
        if not self._ledger.left(standing) or order.ttl.total_seconds() <= 0:
            return LeaseState(alive=False, left_seconds=0, detail=_ran_out(bot))
        self._ledger.renew(bot, order.ttl)
        return LeaseState(alive=True, left_seconds=order.ttl.total_seconds())

    async def restore(self, bot: str, order: RestoreOrder) -> list[Exposure]:
        """Candidate and baseline leave, stable has the whole; the read-back."""
        fresh: list[Exposure] = []

        async def act() -> None:
            async with self._keeper.turn(bot):
                await self._fence(bot, order.promotion_id, order.epoch)
                answer = await self._inner.restore(bot, order)
                self._ledger.end(bot)
                fresh.extend(await self._held(bot, answer))

        await self._once(Deed("restore", bot, order.key, order), act)
        return fresh or await self._exposed(bot)

    async def reassign(self, bot: str, order: ReassignOrder) -> list[Position]:
        """Candidate and baseline hand what they hold to stable; what stable holds then."""

        async def act() -> None:
            async with self._keeper.turn(bot):
                await self._fence(bot, order.promotion_id, order.epoch)
                await self._inner.reassign(bot, order)

        await self._once(Deed("reassign", bot, order.key, order), act)
        return await self._inner.positions(bot, Variant.STABLE)

    async def settle(self, bot: str, order: SettleOrder) -> BotFacts:
        """The candidate is stable from now on; the read-back."""

        async def act() -> None:
            async with self._keeper.turn(bot):
                await self._fence(bot, order.promotion_id, order.epoch)
                await self._inner.settle(bot, order)
                self._ledger.end(bot)

        await self._once(Deed("settle", bot, order.key, order), act, settled(self._inner, bot, order))
        return await self.describe(bot)

    # --- what only reduces --------------------------------------------------------------------------------------

    async def pause_entries(self, bot: str, variant: Variant, key: str) -> None:
        """No new entries from now on; it goes through whatever the disk or the epoch says."""
        with contextlib.suppress(LadderError):
            self._ledger.pause(bot, variant)
        await self._inner.pause_entries(bot, variant, key)

    async def cancel_orders(self, bot: str, variant: Variant, key: str) -> int:
        """Cancel every open order that does not reduce; how many."""
        deed = Deed("cancel_orders", bot, key, {"variant": variant}, reduces=True)
        return int(await self._once(deed, lambda: self._inner.cancel_orders(bot, variant, key)))

    async def exit_position(self, bot: str, variant: Variant, instrument: str, key: str) -> ExitReceipt:
        """Close one position at market; a repeated key sends no second order."""

        async def act() -> dict[str, Any]:
            return (await self._inner.exit_position(bot, variant, instrument, key)).model_dump(mode="json")

        deed = Deed("exit_position", bot, key, {"variant": variant, "instrument": instrument}, reduces=True)
        look = exit_sent(self._inner, bot, variant, instrument, key)
        return ExitReceipt.model_validate(await self._once(deed, act, look))

    async def latch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Set the mark against new exposure, and pause the entries of every variant; the read-back."""
        deed = Deed("latch", bot, order.key, order, reduces=True)
        if "latch" not in await self._keeper.lacks(bot):
            await self._once(deed, lambda: _none(self._inner.latch(bot, order)))
            return await self.describe(bot)
        _check_scope(bot, order)

        async def act() -> None:
            try:
                if not any(_owner(each.by) == _owner(order.by) for each in self._marks(order)):
                    self._ledger.set_latch(order)
            finally:
                await self._keeper.hold(bot)

        await self._keys.once(deed, act)
        if order.scope != Scope.BOT:
            await self._keeper.know_all()  # the next look pauses the others that it covers
        return await self.describe(bot)

    async def unlatch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Lift the mark: a person lifts whoever's it is, a guard its own and no other; the read-back."""
        if "latch" not in await self._keeper.lacks(bot):
            await self._once(Deed("unlatch", bot, order.key, order), lambda: _none(self._inner.unlatch(bot, order)))
            return await self.describe(bot)
        _check_scope(bot, order)

        async def act() -> None:
            for each in self._marks(order):
                if not _owner(order.by) or each.by == order.by:
                    self._ledger.lift_latch(each)

        await self._keys.once(Deed("unlatch", bot, order.key, order), act)
        async with self._keeper.turn(bot):
            await self._keeper.go_on(bot)
        return await self.describe(bot)

    async def hold_out(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Hold a refused release out; the read-back."""
        deed = Deed("hold_out", bot, order.key, order, reduces=True)
        await self._once(deed, lambda: _none(self._inner.hold_out(bot, order)))
        return await self.describe(bot)

    async def lift(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Let a held-out release climb again; the read-back."""
        await self._once(Deed("lift", bot, order.key, order), lambda: _none(self._inner.lift(bot, order)))
        return await self.describe(bot)

    def _marks(self, order: LatchOrder) -> list[Latch]:
        return [each for each in self._ledger.latches() if (each.scope, each.target) == (order.scope, order.target)]

    def _refuse_latched(self, bot: str) -> None:
        latches = self._keeper.latches(bot)
        if latches:
            first = latches[0]
            since = f"since {first.at:%Y-%m-%d %H:%M:%S} UTC"
            raise LadderError(
                Code.LATCHED, f"{bot}: latched ({first.scope} {first.target}) by {first.by} {since}: {first.reason}"
            )


async def _none(work: Awaitable[object]) -> None:
    """Do it; the answer is read afresh."""
    await work


def _ran_out(bot: str) -> str:
    return f"{bot}: the lease ran out and the exposure was taken back"


def _owner(by: str) -> str:
    """The guard a mark belongs to; people own theirs together."""
    return by if by.startswith(PAUSED_BY) else ""


def _check_scope(bot: str, order: LatchOrder) -> None:
    if order.scope not in list(Scope):
        raise LadderError(Code.PLATFORM_REFUSED, f"{bot}: no scope '{order.scope}'; one of {', '.join(Scope)} is known")
    if order.scope == Scope.BOT and order.target != bot:
        raise LadderError(Code.PLATFORM_REFUSED, f"{bot}: a latch of scope bot must name it, not '{order.target}'")
