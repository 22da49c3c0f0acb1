"""What a platform says and is told: the data of the platform contract (docs/platform-contract.md).

Denied is refused by us or the platform's own rules; rejected is refused by the venue. Quantities and money are exact.
"""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from promotion_ladder.core.base import Duration, Money, Number, Record, Share, Spec, Time
from promotion_ladder.core.release import Name, Release, ReleaseRef


class Variant(StrEnum):
    """Who trades: the release that is stable, a fresh copy of it for a fair comparison, or the candidate."""

    STABLE = "stable"
    BASELINE = "baseline"
    CANDIDATE = "candidate"


class Mode(StrEnum):
    """How much of the world a stage touches."""

    REPLAY = "replay"
    SHADOW = "shadow"
    PAPER = "paper"
    CANARY = "canary"
    LIVE = "live"

    @property
    def touches_money(self) -> bool:
        """Whether orders of this mode reach a venue."""
        return self in (Mode.CANARY, Mode.LIVE)


class Limits(Spec):
    """Pre-trade limits of a stage that touches money: exactly the items of RTS 6 (EU) 2017/589 Art. 8."""

    instruments: tuple[Name, ...] = Field(min_length=1)
    """What may be traded (Art. 8(a))."""
    price_band: Share
    """Largest distance of an order's price from the market, as a share of it (Art. 8(b))."""
    max_order_value: Money = Field(gt=0)
    """Largest value of one order (Art. 8(b))."""
    max_orders_per_minute: int = Field(gt=0)
    """Most orders in any minute (Art. 8(b))."""
    max_position_value: Money = Field(gt=0)
    """Largest value held in one instrument (Art. 8(c))."""
    venues: tuple[Name, ...] = Field(min_length=1)
    """Where it may trade (Art. 8(d))."""


class Scope(StrEnum):
    """What a kill, a latch, a guard's pause or a drill touches."""

    MARKET = "market"
    """One instrument, wherever it is traded."""
    BOT = "bot"
    STRATEGY = "strategy"
    VENUE = "venue"
    GLOBAL = "global"


PAUSED_BY = "guard:"
"""How ``by`` of a latch begins that a guard set for a while, and that only this guard or a person lifts."""


class Latch(Record):
    """The platform's own mark that a scope may take no new exposure."""

    scope: str
    """``market``, ``bot``, ``strategy``, ``venue`` or ``global``."""
    target: str
    """What the scope names, for instance the bot."""
    reason: str
    by: str
    """Who set it. Guards' latches (``guard:…``) stand beside a person's for the same target, each by itself."""
    at: Time

    @property
    def is_guards(self) -> bool:
        """Whether a guard set it for a while: it lifts it when it likes, so it stands for nobody else's."""
        return self.by.startswith(PAUSED_BY)


class HoldOut(Record):
    """A refused release that may not climb until a person lifts this."""

    digest: str
    version: str
    reason: str
    by: str
    at: Time

    def against(self, version: str) -> str:
        """Why ``version``, a release of this digest, may not climb. Lifting asks for the version it was held out as."""
        known = version if version == self.version else f"{version} is the same as {self.version}, which"
        return f"{known} is held out since {self.at:%Y-%m-%d %H:%M}: {self.reason}"


class BotFacts(Record):
    """What the platform owns about one bot."""

    bot: str
    account: str
    venue: str
    strategy: str = ""
    """What a scope ``strategy`` names; empty where the platform does not tell."""
    instruments: tuple[str, ...]
    stable: ReleaseRef
    epoch: int
    """Grows with every promotion that acquires the bot; state verbs of an older epoch are refused."""
    promotion_id: str | None
    """Who acquired the bot last."""
    total_capital: Money
    latches: tuple[Latch, ...] = ()
    held_out: tuple[HoldOut, ...] = ()
    capabilities: frozenset[str] = frozenset()
    """Of ``lease``, ``epoch``, ``keys``, ``latch``, ``reassign``: what the platform does itself.

    ``simulated``: no money is real.
    """


class Exposure(Record):
    """One variant that can lose money, or has something at the venue."""

    bot: str
    variant: Variant
    release: ReleaseRef
    mode: Mode
    capital: Money
    epoch: int
    promotion_id: str | None
    paused: bool
    open_orders: int
    open_positions: int
    lease_left_seconds: float | None = None


class Position(Record):
    """Something held."""

    bot: str
    variant: Variant
    instrument: str
    quantity: Number
    """Signed: negative is short."""
    average_price: Number
    price: Number | None = None
    """What one is worth at the market now; None where the platform does not say."""

    @property
    def value(self) -> Money:
        """What is held is worth, never negative; at the price paid where the market's is not known."""
        return abs(self.quantity) * (self.price if self.price is not None else self.average_price)


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"


class OrderStatus(StrEnum):
    """Life of an order; ``denied`` never left us, ``rejected`` came back from the venue."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DENIED = "denied"


class Order(Record):
    """One order."""

    order_id: str
    bot: str
    variant: Variant
    instrument: str
    side: Side
    quantity: Number
    price: Number
    status: OrderStatus
    reduces: bool
    """Whether it can only reduce a position."""
    key: str | None
    """The idempotency key of the order that asked for it, if a person or a promotion did."""
    at: Time


class ClosedTrade(Record):
    """One round trip that is over."""

    trade_id: str
    bot: str
    variant: Variant
    release: str
    mode: Mode
    instrument: str
    pnl: Money
    size: Money
    """Value traded, in the account's currency; expected value is judged per dollar of it."""
    opened_at: Time
    closed_at: Time


class Telemetry(Record):
    """How a variant stands now, by the platform's own clock."""

    bot: str
    variant: Variant
    at: Time
    """The platform's clock; ages are measured against it, so that clocks need not agree."""
    mode: Mode
    stage: str = ""
    """The stage the variant was last prepared or exposed for; a guard of another stage must not act."""
    ladder_hash: str = ""
    """The hash of the ladder this stage belongs to, as it was last prepared; empty where the platform keeps none."""
    capital: Money
    heartbeat_at: Time | None
    market_data_at: Time | None
    market_data: dict[str, Time | None] = {}
    """The newest market data of each instrument; empty where the platform knows only the newest of all."""
    realized_pnl: Money
    """Since the variant entered its stage (stable: its mode)."""
    unrealized_pnl: Money
    """Change of the open positions' worth since then."""
    peak_pnl: Money
    """Highest realised plus unrealised profit since then, at least 0."""
    positions: int
    open_orders: int


class PrepareOrder(Record):
    """Deploy a release as candidate, exposed to nothing."""

    promotion_id: str
    epoch: int
    release: Release
    stage: str
    mode: Mode
    overrides: dict[str, str] = {}
    ladder_hash: str = ""
    """Which ladder the stage belongs to, so that a guard beside the bot can find its limits."""
    key: str


class ExposureOrder(Record):
    """Give the candidate its share; declarative, so that saying it twice is saying it once."""

    promotion_id: str
    epoch: int
    stage: str
    mode: Mode
    candidate: Money
    baseline: Money
    stable: Money
    limits: Limits | None
    lease: Duration | None
    """How long the exposure stands without being renewed; None where nothing is exposed."""
    key: str


class RestoreOrder(Record):
    """Take the candidate and baseline away and give stable the whole again."""

    promotion_id: str
    epoch: int
    key: str


class ReassignOrder(Record):
    """Hand what candidate and baseline hold at the venue to stable; nothing is traded."""

    promotion_id: str
    epoch: int
    key: str


class SettleOrder(Record):
    """Make the candidate stable, if stable is still the release it was to replace."""

    promotion_id: str
    epoch: int
    release: ReleaseRef
    expected_stable: ReleaseRef
    key: str


class LatchOrder(Record):
    """Set or lift the mark against new exposure."""

    scope: str
    target: str
    reason: str
    by: str
    key: str


class HoldOutOrder(Record):
    """Hold a release out, or lift it."""

    digest: str
    version: str
    reason: str
    by: str
    key: str


class LeaseOrder(Record):
    """Renew the exposure of this promotion for ``ttl`` more."""

    promotion_id: str
    epoch: int
    ttl: Duration


class LeaseState(Record):
    """What is left of a lease after renewal."""

    alive: bool
    left_seconds: float
    detail: str = ""


class ReplayRun(Record):
    """One pass of a release over recorded market data."""

    decisions_sha256: str
    """Hash over every decision in order; equal runs have equal hashes."""
    decisions: int
    pnl: Money
    max_drawdown: Money
    trades: tuple[ClosedTrade, ...]


class ReplayOrder(Record):
    """Run the candidate twice and stable once over the recorded data."""

    release: Release
    key: str


class ReplayResult(Record):
    """What the replay found; ``done`` is False while it runs."""

    replay_id: str
    done: bool
    candidate: ReplayRun | None = None
    repeat: ReplayRun | None = None
    stable: ReplayRun | None = None
    detail: str = ""


class ExitReceipt(Record):
    """What the platform answered to one exit."""

    instrument: str
    order_id: str | None
    filled: Number = Decimal(0)
    detail: str = ""


DEFAULT_LEASE = timedelta(seconds=30)
"""Exposure stands this long without renewal, unless the ladder says otherwise."""
