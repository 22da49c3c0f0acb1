"""What the contract suite needs of a platform under test; a new adapter supplies one of these."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import (
    BotFacts,
    Exposure,
    ExposureOrder,
    HoldOutOrder,
    LatchOrder,
    LeaseOrder,
    LeaseState,
    Limits,
    Mode,
    PrepareOrder,
    ReassignOrder,
    RestoreOrder,
    SettleOrder,
    Variant,
)
from promotion_ladder.core.release import Release
from promotion_ladder.ports import Platform
from promotion_ladder.simulation.behaviour import Kind
from promotion_ladder.simulation.bots import BotSpec
from promotion_ladder.simulation.process import Knobs

T = TypeVar("T")

TOTAL = Decimal("100000.00")
SHARE = Decimal("10000.00")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LIMITS = Limits(
    instruments=("WTI", "WTI-MINI"),
    price_band=Decimal("0.05"),
    max_order_value=Decimal(50000),
    max_orders_per_minute=100000,
    max_position_value=Decimal(50000),
    venues=("sim-exchange",),
)
_numbers = itertools.count(1)


async def eventually(look: Callable[[], Awaitable[T]], enough: Callable[[T], object], seconds: float = 5) -> T:
    """Look until it is enough; the last look."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        seen = await look()
        if enough(seen):
            return seen
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s; last seen: {seen}"
        await asyncio.sleep(0.01)


def refused(code: Code) -> "pytest.RaisesExc[LadderError]":
    return pytest.RaisesExc(LadderError, check=lambda error: error.code is code)


@dataclass
class Climb:
    """One promotion of one bot, with the boring fields filled in and a new key for every order."""

    platform: Platform
    knobs: Knobs
    release: Release
    promotion_id: str
    epoch: int
    keys: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def bot(self) -> str:
        return self.release.bot

    def key(self) -> str:
        return f"{self.promotion_id}:{self.epoch}:{next(self.keys)}"

    def prepare_order(self, mode: Mode = Mode.CANARY, key: str = "") -> PrepareOrder:
        return PrepareOrder(
            promotion_id=self.promotion_id, epoch=self.epoch, release=self.release, stage=str(mode), mode=mode,
            key=key or self.key(),
        )  # fmt: skip

    async def prepare(self, mode: Mode = Mode.CANARY, key: str = "") -> None:
        await self.platform.prepare(self.prepare_order(mode, key))

    def order(
        self,
        mode: Mode = Mode.CANARY,
        candidate: Decimal = SHARE,
        baseline: Decimal = SHARE,
        *,
        stable: Decimal | None = None,
        limits: Limits | None = LIMITS,
        lease: float | None = 60,
        key: str = "",
    ) -> ExposureOrder:
        return ExposureOrder(
            promotion_id=self.promotion_id, epoch=self.epoch, stage=str(mode), mode=mode, candidate=candidate,
            baseline=baseline, stable=TOTAL - candidate - baseline if stable is None else stable, limits=limits,
            lease=None if lease is None else timedelta(seconds=lease), key=key or self.key(),
        )  # fmt: skip

    async def canary(self, lease: float = 60) -> dict[Variant, Exposure]:
        await self.prepare(Mode.CANARY)
        return by_variant(await self.platform.set_exposure(self.bot, self.order(lease=lease)))

    async def live(self, lease: float = 60) -> dict[Variant, Exposure]:
        await self.prepare(Mode.LIVE)
        order = self.order(Mode.LIVE, TOTAL, Decimal(0), lease=lease)
        return by_variant(await self.platform.set_exposure(self.bot, order))

    async def trial(self, mode: Mode) -> dict[Variant, Exposure]:
        """Shadow or paper."""
        await self.prepare(mode)
        order = self.order(mode, Decimal(0), Decimal(0), limits=None, lease=None)
        return by_variant(await self.platform.set_exposure(self.bot, order))

    async def renew(self, seconds: float = 60) -> LeaseState:
        order = LeaseOrder(promotion_id=self.promotion_id, epoch=self.epoch, ttl=timedelta(seconds=seconds))
        return await self.platform.renew_lease(self.bot, order)

    async def restore(self, key: str = "") -> dict[Variant, Exposure]:
        order = RestoreOrder(promotion_id=self.promotion_id, epoch=self.epoch, key=key or self.key())
        return by_variant(await self.platform.restore(self.bot, order))

    async def reassign(self, key: str = "") -> dict[str, Decimal]:
        """Hand over to stable; what stable holds then, by instrument."""
        order = ReassignOrder(promotion_id=self.promotion_id, epoch=self.epoch, key=key or self.key())
        return {p.instrument: p.quantity for p in await self.platform.reassign(self.bot, order)}

    async def settle(self, expected: BotFacts, key: str = "") -> BotFacts:
        order = SettleOrder(
            promotion_id=self.promotion_id, epoch=self.epoch, release=self.release.ref,
            expected_stable=expected.stable, key=key or self.key(),
        )  # fmt: skip
        return await self.platform.settle(self.bot, order)

    async def flatten(self, *variants: Variant) -> None:
        for variant in variants or (Variant.CANDIDATE, Variant.BASELINE):
            await self.platform.pause_entries(self.bot, variant, self.key())
            await self.platform.cancel_orders(self.bot, variant, self.key())
            for position in await self.platform.positions(self.bot, variant):
                await self.platform.exit_position(self.bot, variant, position.instrument, self.key())

    async def holding(self, variant: Variant = Variant.CANDIDATE) -> str:
        """Wait until the variant holds something, and let it stay; the instrument."""
        await self.knobs.fault("hold_on", bot=self.bot)
        held = await eventually(lambda: self.platform.positions(self.bot, variant), len)
        return held[0].instrument


@dataclass
class Bed:
    """A platform under test, and the means to set scenes on it."""

    platform: Platform
    knobs: Knobs
    stops_one_market: bool = True
    """Whether a latch on a market stops that one alone; else it stops all of the bot."""

    async def bot(self, account: str = "", venue: str = "sim-exchange", strategy: str = "") -> str:
        """A new bot; on an account of its own unless one is named."""
        name = f"bot-{next(_numbers)}"
        spec = BotSpec(
            bot=name, account=account or f"account-of-{name}", venue=venue, strategy=strategy, total_capital=TOTAL
        )
        await self.knobs.add_bot(spec)
        return name

    async def climb(
        self, bot: str = "", version: str = "2.0.0", kind: Kind = Kind.GOOD, promotion: str = "p1"
    ) -> Climb:
        """A promotion that owns its bot and whose release is published."""
        name = bot or await self.bot()
        release = await self.knobs.make(name, version, kind)
        epoch = await self.platform.acquire(name, promotion)
        return Climb(self.platform, self.knobs, release, promotion, epoch)

    async def exposed(self, bot: str) -> dict[Variant, Exposure]:
        return by_variant([each for each in await self.platform.exposures() if each.bot == bot])

    async def happened(self, bot: str, verb: str, key: str = "") -> int:
        """How often a verb really took effect."""
        return len(await self.knobs.effects(bot, verb, key))


def by_variant(exposures: list[Exposure]) -> dict[Variant, Exposure]:
    return {each.variant: each for each in exposures}


def latch_order(scope: str, target: str, key: str) -> LatchOrder:
    return LatchOrder(scope=scope, target=target, reason="a drill", by="alice", key=key)


def hold_out_order(release: Release, key: str) -> HoldOutOrder:
    return HoldOutOrder(digest=release.digest, version=release.version, reason="it bled", by="alice", key=key)
