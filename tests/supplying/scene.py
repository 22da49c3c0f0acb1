"""A bare simulation and a guard beside it in one process: clocks and deaths are made by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from tests.contract.bed import TOTAL, Climb, by_variant
from tests.guards import BARE

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import UnansweredError
from promotion_ladder.core.platform import Variant
from promotion_ladder.ports import Platform
from promotion_ladder.simulation import engine, faults
from promotion_ladder.simulation.behaviour import Behaviour
from promotion_ladder.simulation.bots import BotSpec, add_bot, make_release
from promotion_ladder.simulation.faults import Fault, FaultKind
from promotion_ladder.simulation.platform import SimulatedPlatform
from promotion_ladder.simulation.prices import load_prices
from promotion_ladder.simulation.process import Knobs
from promotion_ladder.simulation.world import World
from promotion_ladder.supplying import Clock, Keeper, Ledger, Supplied

BOT = "wti"
PRICES = load_prices()


class KilledError(BaseException):
    """The guard died while it waited for the platform."""


class Inner:
    """The bare platform, whose answers can be lost: ``ends`` says how each verb's next call ends after its effect."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.ends: dict[str, BaseException] = {}
        self.calls: list[str] = []
        self.lost: set[str] = set()
        """Verbs that do not arrive, and nobody hears of it."""

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        async def call(*given: Any) -> Any:
            self.calls.append(verb)
            if verb in self.lost:
                raise UnansweredError(Code.PLATFORM_DOWN, "no answer")
            answer = await getattr(self._platform, verb)(*given)
            if verb in self.ends:
                raise self.ends.pop(verb)
            return answer

        return call


class Scene:
    """A bare platform with one bot and a guard beside it, whose clock and deaths are made by hand."""

    def __init__(self, folder: Path, without: tuple[str, ...] = BARE) -> None:
        self.seconds, self.boot = 100.0, "this boot"
        self.world = World(
            folder / "sim.sqlite", PRICES, monotonic=lambda: self.seconds, without=frozenset(without)
        )  # fmt: skip
        add_bot(self.world, BotSpec(bot=BOT, account="a", total_capital=TOTAL))
        self.inner = Inner(SimulatedPlatform(self.world, lambda: None))
        self.file = folder / "guard.sqlite"
        self.said: list[str] = []
        self.begin()

    def begin(self) -> None:
        self.ledger = Ledger(self.file, Clock(lambda: self.seconds, self.boot))
        inner = cast("Platform", self.inner)
        self.keeper = Keeper(inner, self.ledger, lambda _bot, kind, _sentence, _code: self.said.append(kind))
        self.platform = Supplied(self.keeper)

    def die(self) -> None:
        self.ledger.close()

    def again(self) -> None:
        self.die()
        self.begin()

    async def climb(self, version: str = "2.0.0", promotion: str = "p1") -> Climb:
        release = make_release(BOT, version)
        self.world.publish(release, Behaviour())
        epoch = await self.platform.acquire(BOT, promotion)
        return Climb(self.platform, cast("Knobs", None), release, promotion, epoch)

    async def look(self) -> None:
        """The keeper looks once, and ends what it began; then again, for what it did not yet know."""
        for _ in range(2):
            self.keeper._due.clear()
            await self.keeper.look()
            await asyncio.gather(*self.keeper._mending.values())

    def ticks(self, count: int) -> None:
        for _ in range(count):
            engine.tick(self.world)

    def fault(self, kind: FaultKind) -> None:
        faults.inject(self.world, Fault(kind=kind, bot=BOT))

    async def hold_something(self) -> str:
        self.fault(FaultKind.HOLD_ON)
        self.ticks(40)
        return (await self.platform.positions(BOT, Variant.CANDIDATE))[0].instrument

    def effects(self, verb: str) -> int:
        return int(self.world.value("SELECT count(*) FROM effects WHERE verb = ?", verb))

    async def exposed(self) -> dict[Variant, Any]:
        return by_variant(await self.platform.exposures())

    async def paused(self) -> set[Variant]:
        return {variant for variant, each in (await self.exposed()).items() if each.paused}


class Dying:
    """A platform that nothing reaches: the guard dies first."""

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        async def call(*_: Any) -> Any:
            raise KilledError

        return call
