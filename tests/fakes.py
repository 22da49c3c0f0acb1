"""Fakes of every port: first-class test code, small enough to be believed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from promotion_ladder.core.admission import MONEY_NEEDS
from promotion_ladder.core.canonical import GENESIS, digest
from promotion_ladder.core.card import Telling
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import DESK, AuditEvent, ChainedEvent
from promotion_ladder.core.evidence import ProbeResult, StoredEvidence
from promotion_ladder.core.flat import Flatness, FlatReport, Residue
from promotion_ladder.core.ladder import Ladder, Probe
from promotion_ladder.core.notice import Delivery, Notice
from promotion_ladder.core.people import People, Policy
from promotion_ladder.core.platform import (
    PAUSED_BY,
    BotFacts,
    ClosedTrade,
    ExitReceipt,
    Exposure,
    ExposureOrder,
    HoldOut,
    HoldOutOrder,
    Latch,
    LatchOrder,
    LeaseOrder,
    LeaseState,
    Mode,
    Order,
    Position,
    PrepareOrder,
    ReassignOrder,
    ReplayOrder,
    ReplayResult,
    ReplayRun,
    RestoreOrder,
    SettleOrder,
    Telemetry,
    Variant,
)
from promotion_ladder.core.release import ReleaseRef

STABLE = ReleaseRef(version="1.0.0", digest="0" * 64)
TOTAL = Decimal("100000.00")


@dataclass
class FakePlatform:
    """One bot in memory, with a log of every effect and switches for what goes wrong."""

    stable: ReleaseRef = STABLE
    epoch: int = 0
    owner: str | None = None
    mode: Mode = Mode.REPLAY
    stage: str = ""
    shares: dict[Variant, Decimal] = field(default_factory=lambda: {Variant.STABLE: TOTAL})
    held: dict[tuple[Variant, str], Decimal] = field(default_factory=dict)
    resting: dict[Variant, int] = field(default_factory=dict)
    """Orders that were neither filled nor cancelled."""
    pnl: Decimal = Decimal(0)
    latches: list[Latch] = field(default_factory=list)
    held_out: list[HoldOut] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    keys: dict[str, ExitReceipt] = field(default_factory=dict)
    down: bool = False
    refuse_exits: int = 0
    """How many exits will be refused."""
    refuse_pauses: int = 0
    """How many pauses will be refused."""
    refuse_acquire: bool = False
    refuse_reassign: bool = False
    lease_alive: bool = True
    paused: set[Variant] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    """Markets whose data is an hour old."""
    markets: tuple[str, ...] = ("WTI", "BRENT")
    """The markets whose data is told."""
    ladder_hash: str = ""
    refuse_exposure: bool = False
    blind: bool = False
    """Whether orders are not told."""
    renewed: int = 0

    def _up(self) -> None:
        if self.down:
            raise LadderError(Code.PLATFORM_DOWN, "the platform does not answer")

    def _fence(self, epoch: int) -> None:
        self._up()
        if epoch < self.epoch:
            raise LadderError(Code.STALE_EPOCH, f"epoch {epoch} is over, it is {self.epoch}")

    async def bots(self) -> list[str]:
        return ["bot"]

    async def describe(self, bot: str) -> BotFacts:
        self._up()
        if bot != "bot":
            raise LadderError(Code.UNKNOWN_BOT, f"no bot is named {bot}")
        return BotFacts(
            bot=bot, account="a", venue="sim", instruments=("WTI",), stable=self.stable, epoch=self.epoch,
            promotion_id=self.owner, total_capital=TOTAL, latches=tuple(self.latches), held_out=tuple(self.held_out),
            capabilities=MONEY_NEEDS | {"reassign"},
        )  # fmt: skip

    async def knows(self, bot: str, release_digest: str) -> bool:
        return True

    async def exposures(self) -> list[Exposure]:
        self._up()
        return [
            Exposure(
                bot="bot", variant=variant, release=self.stable, mode=self.mode, capital=capital, epoch=self.epoch,
                promotion_id=self.owner, paused=variant in self.paused, open_orders=0,
                open_positions=sum(v is variant for v, _ in self.held),
            )
            for variant, capital in self.shares.items()
            if capital
        ]  # fmt: skip

    async def acquire(self, bot: str, promotion_id: str) -> int:
        self._up()
        if self.refuse_acquire:
            raise LadderError(Code.PLATFORM_DOWN, "acquire does not answer")
        if self.owner != promotion_id:
            self.epoch, self.owner = self.epoch + 1, promotion_id
        return self.epoch

    async def prepare(self, order: PrepareOrder) -> None:
        self._fence(order.epoch)
        self.mode, self.stage = order.mode, order.stage
        self.effects.append(f"prepare {order.stage}")

    async def set_exposure(self, bot: str, order: ExposureOrder) -> list[Exposure]:
        self._fence(order.epoch)
        if self.latches:
            raise LadderError(Code.LATCHED, "latched")
        if self.refuse_exposure:
            raise LadderError(Code.PLATFORM_DOWN, "set_exposure does not answer")
        assert order.candidate + order.baseline + order.stable == TOTAL
        self.mode = order.mode
        self.shares = {
            Variant.STABLE: order.stable, Variant.BASELINE: order.baseline, Variant.CANDIDATE: order.candidate
        }  # fmt: skip
        self.paused = set()
        if order.candidate:
            self.held[Variant.CANDIDATE, "WTI"] = Decimal(1)
        self.effects.append(f"expose {order.stage} {order.candidate}")
        return await self.exposures()

    async def renew_lease(self, bot: str, order: LeaseOrder) -> LeaseState:
        self._fence(order.epoch)
        self.renewed += 1
        return LeaseState(alive=self.lease_alive, left_seconds=order.ttl.total_seconds())

    async def pause_entries(self, bot: str, variant: Variant, key: str) -> None:
        self._up()
        if self.refuse_pauses > 0:
            self.refuse_pauses -= 1
            raise LadderError(Code.PLATFORM_REFUSED, "the platform refuses to pause")
        self.paused.add(variant)
        self.effects.append(f"pause {variant}")

    async def cancel_orders(self, bot: str, variant: Variant, key: str) -> int:
        self._up()
        return self.resting.pop(variant, 0)

    async def exit_position(self, bot: str, variant: Variant, instrument: str, key: str) -> ExitReceipt:
        self._up()
        if key in self.keys:
            return self.keys[key]
        if self.refuse_exits > 0:
            self.refuse_exits -= 1
            raise LadderError(Code.PLATFORM_REFUSED, "the venue refuses the exit")
        self.held.pop((variant, instrument), None)
        self.effects.append(f"exit {variant} {instrument}")
        self.keys[key] = ExitReceipt(instrument=instrument, order_id=key)
        return self.keys[key]

    async def positions(self, bot: str, variant: Variant) -> list[Position]:
        self._up()
        return [
            Position(bot=bot, variant=v, instrument=i, quantity=q, average_price=Decimal(80))
            for (v, i), q in self.held.items()
            if v is variant
        ]

    async def orders(self, bot: str, variant: Variant, since: datetime) -> list[Order]:
        if self.blind:
            raise LadderError(Code.PLATFORM_DOWN, "orders do not answer")
        return []

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        return []

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        self._up()
        now = datetime.now(UTC)
        return Telemetry(
            bot=bot, variant=variant, at=now, mode=self.mode, stage=self.stage,
            ladder_hash=self.ladder_hash, capital=self.shares.get(variant, Decimal(0)), heartbeat_at=now,
            market_data_at=now, realized_pnl=self.pnl,
            market_data={name: now - timedelta(hours=name in self.stale) for name in self.markets},
            unrealized_pnl=Decimal(0), peak_pnl=Decimal(0), positions=0, open_orders=0,
        )  # fmt: skip

    async def verify_flat(self, bot: str, variant: Variant) -> FlatReport:
        self._up()
        left = tuple(Residue(instrument=i, at_bot=q, at_venue=q) for (v, i), q in self.held.items() if v is variant)
        return FlatReport(state=Flatness.RESIDUAL if left else Flatness.FLAT, residues=left)

    async def restore(self, bot: str, order: RestoreOrder) -> list[Exposure]:
        self._fence(order.epoch)
        self.shares = {Variant.STABLE: TOTAL}
        self.effects.append("restore")
        return await self.exposures()

    async def reassign(self, bot: str, order: ReassignOrder) -> list[Position]:
        self._fence(order.epoch)
        if self.refuse_reassign:
            raise LadderError(Code.PLATFORM_REFUSED, "stable may not hold more")
        for variant, instrument in [key for key in self.held if key[0] is not Variant.STABLE]:
            given = self.held.pop((variant, instrument))
            self.held[Variant.STABLE, instrument] = self.held.get((Variant.STABLE, instrument), Decimal(0)) + given
        self.effects.append("reassign")
        return await self.positions(bot, Variant.STABLE)

    async def settle(self, bot: str, order: SettleOrder) -> BotFacts:
        self._fence(order.epoch)
        self.stable = order.release
        self.shares = {Variant.STABLE: TOTAL}
        self.held.clear()
        self.effects.append(f"settle {order.release.version}")
        return await self.describe(bot)

    async def latch(self, bot: str, order: LatchOrder) -> BotFacts:
        self.latches.append(
            Latch(scope=order.scope, target=order.target, reason=order.reason, by=order.by, at=datetime.now(UTC))
        )
        return await self.describe(bot)

    async def unlatch(self, bot: str, order: LatchOrder) -> BotFacts:
        lifted = order.by if order.by.startswith(PAUSED_BY) else None
        self.latches = [latch for latch in self.latches if lifted is not None and latch.by != lifted]
        self.effects.append(f"unlatch {order.scope} {order.target}")
        return await self.describe(bot)

    async def hold_out(self, bot: str, order: HoldOutOrder) -> BotFacts:
        self._up()
        if all(h.digest != order.digest for h in self.held_out):
            self.held_out.append(
                HoldOut(digest=order.digest, version=order.version, reason=order.reason, by=order.by,
                        at=datetime.now(UTC))
            )  # fmt: skip
            self.effects.append(f"hold_out {order.version}")
        return await self.describe(bot)

    async def lift(self, bot: str, order: HoldOutOrder) -> BotFacts:
        self.held_out = [h for h in self.held_out if h.digest != order.digest]
        return await self.describe(bot)

    async def start_replay(self, bot: str, order: ReplayOrder) -> str:
        return "r1"

    async def replay_result(self, bot: str, replay_id: str) -> ReplayResult:
        run = ReplayRun(decisions_sha256="d" * 64, decisions=10, pnl=Decimal(1), max_drawdown=Decimal(0), trades=())
        return ReplayResult(replay_id=replay_id, done=True, candidate=run, repeat=run, stable=run)


@dataclass
class FakeAudit:
    """Chains in memory; exactly once by key, and it can be down."""

    events: dict[str, list[ChainedEvent]] = field(default_factory=dict)
    stored: dict[str, StoredEvidence] = field(default_factory=dict)
    desk: list[str] = field(default_factory=list)
    down: bool = False

    def kinds(self, chain: str) -> list[str]:
        return [link.event.kind for link in self.events.get(chain, [])]

    async def append(self, events: list[AuditEvent]) -> str:
        if self.down:
            raise LadderError(Code.AUDIT_DOWN)
        head = GENESIS
        for event in events:
            chain = self.events.setdefault(event.chain, [])
            if event.seq <= len(chain):
                assert chain[event.seq - 1].event == event, "same key, other content"
            else:
                assert event.seq == len(chain) + 1, "a gap"
                previous = chain[-1].hash if chain else GENESIS
                chain.append(ChainedEvent(event=event, previous=previous, hash=event.hash_after(previous)))
            head = chain[-1].hash
        return head

    async def append_to_desk(self, kind: str, actor: str, at: datetime, sentence: str, **data: str) -> None:
        if self.down:
            raise LadderError(Code.AUDIT_DOWN)
        self.desk.append(sentence)
        seq = len(self.events.get(DESK, [])) + 1
        await self.append([
            AuditEvent(chain=DESK, seq=seq, at=at, kind=kind, actor=actor, sentence=sentence, data=data)
        ])  # fmt: skip

    async def chain(self, chain: str) -> list[ChainedEvent]:
        if self.down:
            raise LadderError(Code.AUDIT_DOWN)
        return list(self.events.get(chain, []))

    async def chains(self, bot: str | None = None) -> list[str]:
        return [chain for chain in reversed(self.events) if bot is None or chain.startswith(f"{bot}/")]

    async def put_evidence(self, evidence: StoredEvidence) -> str:
        if self.down:
            raise LadderError(Code.AUDIT_DOWN)
        key = digest(evidence)
        self.stored[key] = evidence
        return key

    async def evidence(self, evidence_hash: str) -> StoredEvidence | None:
        return self.stored.get(evidence_hash)


@dataclass
class FakeNotifier:
    """Keeps notices; it can be down."""

    tellings: list[Telling] = field(default_factory=list)
    down: bool = False
    silent: timedelta = timedelta(0)
    """How long nobody could have answered."""

    @property
    def notices(self) -> list[Notice]:
        return [telling.notice for telling in self.tellings]

    async def notify(self, telling: Telling) -> Delivery:
        if self.down:
            raise LadderError(Code.NOTICE_UNDELIVERED)
        self.tellings.append(telling)
        return Delivery(notice_id=telling.notice.notice_id, channel="fake")

    async def silence(self, since: datetime) -> timedelta:
        if self.down:
            raise LadderError(Code.NOTICE_UNDELIVERED)
        return self.silent


@dataclass
class FakeDirectory:
    """People, policy and one ladder."""

    the_ladder: Ladder
    the_people: People
    the_policy: Policy
    broken: bool = False

    def people(self) -> People:
        if self.broken:
            raise LadderError(Code.DIRECTORY_UNREADABLE)
        return self.the_people

    def policy(self) -> Policy:
        return self.the_policy

    def ladder(self, name: str) -> Ladder:
        return self.the_ladder


@dataclass
class FakeProbes:
    """Every probe answers ``problem``."""

    problem: str = ""

    async def run(self, probe: Probe, at: datetime) -> ProbeResult:
        return ProbeResult(name=probe.name, passed=not self.problem, at=at, problem=self.problem)
