"""A simulation in this process: ticks are made by hand, the lease's clock too."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from promotion_ladder.core.platform import ExposureOrder, Limits, Mode, PrepareOrder, Variant
from promotion_ladder.simulation import control, engine, views
from promotion_ladder.simulation.behaviour import Behaviour, Kind
from promotion_ladder.simulation.bots import BotSpec, add_bot, make_release
from promotion_ladder.simulation.prices import Prices, load_prices
from promotion_ladder.simulation.world import Row, World

BOT = "wti-trend"
TOTAL = Decimal("100000.00")
SHARE = Decimal("10000.00")
LIMITS = Limits(
    instruments=("WTI", "WTI-MINI"), price_band=Decimal("0.05"), max_order_value=TOTAL,
    max_orders_per_minute=100000, max_position_value=TOTAL, venues=("sim-exchange",),
)  # fmt: skip
PRICES: Prices = load_prices()


@dataclass
class Desk:
    """One bot, or more, and the hands to move time."""

    path: Path
    seed: int = 7
    seconds: float = 0
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.open()
        if self.world.row("SELECT 1 FROM bots") is None:
            add_bot(self.world, BotSpec(bot=BOT, account="a"))

    def open(self) -> None:
        self.world = World(self.path, PRICES, self.seed, monotonic=lambda: self.seconds)

    def reopen(self) -> None:
        self.world.close()
        self.open()

    def ticks(self, count: int) -> None:
        for _ in range(count):
            engine.tick(self.world)

    def expose(
        self, kind: Kind = Kind.GOOD, mode: Mode = Mode.CANARY, *, lease: float = 60, version: str = "2.0.0", **how: Any
    ) -> int:
        """Publish, acquire, prepare, expose; the epoch."""
        release = make_release(BOT, version)
        self.world.publish(release, Behaviour(kind=kind, **how))
        epoch = control.acquire(self.world, BOT, "p")
        n = self.world.value("SELECT count(*) FROM keys")
        control.prepare(
            self.world, BOT,
            PrepareOrder(promotion_id="p", epoch=epoch, release=release, stage=str(mode), mode=mode, key=f"p{n}"),
        )  # fmt: skip
        money = mode.touches_money
        candidate = (TOTAL if mode is Mode.LIVE else SHARE) if money else Decimal(0)
        baseline = SHARE if mode is Mode.CANARY else Decimal(0)
        order = ExposureOrder(
            promotion_id="p", epoch=epoch, stage=str(mode), mode=mode, candidate=candidate, baseline=baseline,
            stable=TOTAL - candidate - baseline, limits=LIMITS if money else None,
            lease=timedelta(seconds=lease) if money else None, key=f"e{n}",
        )  # fmt: skip
        control.set_exposure(self.world, BOT, order)
        return epoch

    def trades(self, variant: str = "candidate", mode: str = "") -> list[Row]:
        return self.world.rows(
            "SELECT tick, variant, version, mode, instrument, pnl, size FROM trades"
            " WHERE bot = ? AND variant = ? AND ? IN ('', mode) ORDER BY n",
            BOT, variant, mode,
        )  # fmt: skip

    def orders(self, variant: str = "candidate") -> list[Row]:
        return self.world.rows("SELECT * FROM orders WHERE bot = ? AND variant = ? ORDER BY n", BOT, variant)

    def variant(self, variant: Variant) -> Row:
        row = self.world.variant(BOT, variant)
        assert row is not None
        return row

    def capital(self, variant: Variant) -> Decimal:
        return Decimal(self.variant(variant)["capital"])

    def exposure(self, variant: Variant) -> Any:
        return next(each for each in views.exposures(self.world, BOT) if each.variant is variant)


def win_rate(trades: list[Row]) -> float:
    return sum(Decimal(trade["pnl"]) > 0 for trade in trades) / len(trades)


def ev_per_dollar(trades: list[Row]) -> Decimal:
    return sum((Decimal(t["pnl"]) for t in trades), Decimal(0)) / sum((Decimal(t["size"]) for t in trades), Decimal(0))
