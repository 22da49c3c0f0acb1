"""The simulated platform in this process, on the test server's clock, and what can be made to go wrong with it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from temporalio import activity

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import Exposure, Telemetry, Variant
from promotion_ladder.core.release import Release
from promotion_ladder.simulation import control, engine, faults, handover, safety, views
from promotion_ladder.simulation.behaviour import Behaviour
from promotion_ladder.simulation.bots import BotSpec, add_bot
from promotion_ladder.simulation.faults import Fault, FaultKind
from promotion_ladder.simulation.prices import load_prices
from promotion_ladder.simulation.world import Row, World

TICK = timedelta(seconds=20)
MOST_TICKS = 8
"""Ticks the market makes at most in one leap of time."""
VERBS: dict[str, Callable[..., Any]] = {
    "bots": lambda world: [row["bot"] for row in world.rows("SELECT bot FROM bots ORDER BY bot")],
    "describe": views.facts,
    "knows": lambda world, bot, digest: world.release(bot, digest).digest == digest,
    "exposures": views.all_exposures,
    "positions": views.positions,
    "orders": views.orders,
    "trades": views.trades,
    "telemetry": views.telemetry,
    "verify_flat": views.verify_flat,
    "acquire": control.acquire,
    "prepare": lambda world, order: control.prepare(world, order.release.bot, order),
    "set_exposure": control.set_exposure,
    "renew_lease": control.renew_lease,
    "pause_entries": safety.pause,
    "cancel_orders": safety.cancel,
    "exit_position": safety.exit_position,
    "restore": control.restore,
    "reassign": handover.reassign,
    "settle": control.settle,
    "latch": safety.latch,
    "unlatch": safety.unlatch,
    "hold_out": safety.hold_out,
    "lift": safety.lift,
}


@dataclass
class Simulated:
    """The port ``Platform``, straight on the functions that the simulation serves.

    Its clock is the server's: each activity brings the time at which it was started, and leases run on that clock.
    """

    now: datetime = field(init=False)
    world: World = field(init=False)
    bot: str = ""
    away: int = 0
    """How many calls will not be answered, and do nothing."""
    dead: str = ""
    """The verb that is never answered, while all others are."""
    lost: dict[str, int] = field(default_factory=dict)
    """How many changes by each verb will be made with the answer lost."""
    losing: bool = False
    """Whether the candidate's telemetry tells a loss that no guard lets pass."""
    misused: list[str] = field(default_factory=list)
    """Keys that were used again for something else."""
    strange: Decimal = Decimal(0)
    """What somebody traded by hand at the venue."""
    ticked: datetime = field(init=False)

    def begin(self, bot: str, now: datetime, releases: tuple[Release, ...]) -> None:
        """A new platform with one bot."""
        self.bot, self.now, self.ticked, self.strange = bot, now, now, Decimal(0)
        self.world = World(":memory:", load_prices(), now=lambda: self.now, monotonic=self.seconds)
        add_bot(self.world, BotSpec(bot=bot, account=bot))
        for release in releases:
            self.world.publish(release, Behaviour())
        self.mend()
        self.misused.clear()

    def seconds(self) -> float:
        """The clock on which leases and blindness run."""
        return self.now.timestamp()

    def at(self, moment: datetime) -> None:
        """Time goes on: leases run out, the market moves."""
        self.now = max(self.now, moment)
        for _ in range(min(MOST_TICKS, (self.now - self.ticked) // TICK)):
            self.ticked = self.now
            engine.tick(self.world)

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        if verb not in VERBS:
            raise AttributeError(verb)
        return partial(self._call, verb)

    async def _call(self, verb: str, *given: Any) -> Any:
        if activity.in_activity():
            self.at(activity.info().started_time)
        if self.away > 0 or verb == self.dead:
            self.away = max(0, self.away - 1)
            raise LadderError(Code.PLATFORM_DOWN, f"{verb} is not answered")
        try:
            answer = VERBS[verb](self.world, *given)
        except LadderError as error:
            if "was used for another content" in error.detail:
                self.misused.append(error.detail)
            raise
        if self.lost.get(verb, 0) > 0:
            self.lost[verb] -= 1
            raise LadderError(Code.PLATFORM_DOWN, f"the answer of {verb} is lost")
        if self.losing and isinstance(answer, Telemetry):
            return answer.model_copy(update={"realized_pnl": Decimal(-1_000_000)})
        return answer

    # --- what goes wrong ------------------------------------------------------------------------------------------

    def break_(self, kind: FaultKind, count: int | None = None) -> None:
        """Let something go wrong at the venue."""
        faults.inject(self.world, Fault(kind=kind, count=count))

    def trade_by_hand(self) -> None:
        """Somebody trades at the venue, past every bot."""
        self._hand(Decimal(3))

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        faults.clear(self.world)
        if self.strange:
            self._hand(-self.strange)
        self.away = 0
        self.lost.clear()
        self.losing, self.dead = False, ""

    def _hand(self, quantity: Decimal) -> None:
        kind = FaultKind.VENUE_MANUAL_TRADE
        faults.inject(self.world, Fault(kind=kind, bot=self.bot, instrument="WTI", quantity=quantity))
        self.strange += quantity

    @property
    def doubtful(self) -> bool:
        """Whether the venue cannot say flat, whatever is held."""
        return bool(self.strange) or self.world.fault(self.bot, FaultKind.VENUE_DOWN)

    # --- looking --------------------------------------------------------------------------------------------------

    def variants(self) -> dict[Variant, Exposure]:
        """Every variant that there is, now."""
        return {exposure.variant: exposure for exposure in views.exposures(self.world, self.bot)}

    @property
    def stable(self) -> str:
        """The digest of the release that is stable."""
        return str(self.world.bot(self.bot)["stable"])

    def effects(self) -> list[Row]:
        """What really happened, oldest first."""
        return self.world.rows("SELECT * FROM effects ORDER BY n")
