"""The simulation as the port that everybody else speaks: each verb is one transaction of the world."""

from collections.abc import Callable
from datetime import datetime

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import FlatReport
from promotion_ladder.core.platform import (
    BotFacts,
    ClosedTrade,
    ExitReceipt,
    Exposure,
    ExposureOrder,
    HoldOutOrder,
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
    SettleOrder,
    Telemetry,
    Variant,
)
from promotion_ladder.ports import Platform
from promotion_ladder.simulation import control, handover, replay, safety, views
from promotion_ladder.simulation.world import World


class SimulatedPlatform(Platform):
    """The port over one world; ``wake`` is called when there is a replay to run."""

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake

    async def bots(self) -> list[str]:
        """The names of all bots."""
        return [row["bot"] for row in self._world.rows("SELECT bot FROM bots ORDER BY bot")]

    async def describe(self, bot: str) -> BotFacts:
        """What the platform owns about the bot."""
        return views.facts(self._world, bot)

    async def knows(self, bot: str, release_digest: str) -> bool:
        """Whether this release of the bot was published."""
        self._world.bot(bot)
        return self._world.row("SELECT 1 FROM releases WHERE bot = ? AND digest = ?", bot, release_digest) is not None

    async def exposures(self) -> list[Exposure]:
        """Every variant of every bot that has capital, orders or positions."""
        return views.all_exposures(self._world)

    async def acquire(self, bot: str, promotion_id: str) -> int:
        """Own the bot."""
        return control.acquire(self._world, bot, promotion_id)

    async def prepare(self, order: PrepareOrder) -> None:
        """Deploy the candidate."""
        control.prepare(self._world, order.release.bot, order)

    async def set_exposure(self, bot: str, order: ExposureOrder) -> list[Exposure]:
        """Share the capital out."""
        return control.set_exposure(self._world, bot, order)

    async def renew_lease(self, bot: str, order: LeaseOrder) -> LeaseState:
        """Let the exposure stand for longer."""
        return control.renew_lease(self._world, bot, order)

    async def pause_entries(self, bot: str, variant: Variant, key: str) -> None:
        """No new entries from now on."""
        safety.pause(self._world, bot, variant, key)

    async def cancel_orders(self, bot: str, variant: Variant, key: str) -> int:
        """Cancel every open order that does not reduce; how many."""
        return safety.cancel(self._world, bot, variant, key)

    async def exit_position(self, bot: str, variant: Variant, instrument: str, key: str) -> ExitReceipt:
        """Close one position at the market."""
        return safety.exit_position(self._world, bot, variant, instrument, key)

    async def positions(self, bot: str, variant: Variant) -> list[Position]:
        """What the bot believes it holds."""
        return views.positions(self._world, bot, variant)

    async def orders(self, bot: str, variant: Variant, since: datetime) -> list[Order]:
        """Orders since then."""
        return views.orders(self._world, bot, variant, since)

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        """Trades closed since then."""
        return views.trades(self._world, bot, variant, since)

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        """How the variant stands now."""
        return views.telemetry(self._world, bot, variant)

    async def verify_flat(self, bot: str, variant: Variant) -> FlatReport:
        """Whether bot and venue agree that nothing is left."""
        return views.verify_flat(self._world, bot, variant)

    async def restore(self, bot: str, order: RestoreOrder) -> list[Exposure]:
        """Candidate and baseline leave, stable has the whole."""
        return control.restore(self._world, bot, order)

    async def reassign(self, bot: str, order: ReassignOrder) -> list[Position]:
        """Stable takes what candidate and baseline hold."""
        return handover.reassign(self._world, bot, order)

    async def settle(self, bot: str, order: SettleOrder) -> BotFacts:
        """The candidate is stable from now on."""
        return control.settle(self._world, bot, order)

    async def latch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Set the mark against new exposure."""
        return safety.latch(self._world, bot, order)

    async def unlatch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Lift the mark."""
        return safety.unlatch(self._world, bot, order)

    async def hold_out(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Hold a refused release out."""
        return safety.hold_out(self._world, bot, order)

    async def lift(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Let a held-out release climb again."""
        return safety.lift(self._world, bot, order)

    async def start_replay(self, bot: str, order: ReplayOrder) -> str:
        """Start a replay over recorded data."""
        replay_id = replay.start(self._world, bot, order)
        self._wake()
        return replay_id

    async def replay_result(self, bot: str, replay_id: str) -> ReplayResult:
        """What a replay found so far."""
        self._world.bot(bot)
        found = replay.result(self._world, bot, replay_id)
        if found is None:
            raise LadderError(Code.PLATFORM_REFUSED, f"{bot} has no replay '{replay_id}'", "Start it first.")
        return found
