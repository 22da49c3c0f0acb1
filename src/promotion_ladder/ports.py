"""The seams to the outside world. Adapters implement them; only ``workers/bootstrap.py`` and the CLI join the two.

Every verb is idempotent: mutations carry a key, and the same key again is the same effect once. Each raises
:class:`~promotion_ladder.core.errors.LadderError` with a code of ``OPS_*`` when it cannot answer.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from promotion_ladder.core.alerts import Alert, Told
from promotion_ladder.core.card import Telling
from promotion_ladder.core.events import AuditEvent, ChainedEvent
from promotion_ladder.core.evidence import NumberEvidence, NumbersEvidence, ProbeResult, Series, StoredEvidence
from promotion_ladder.core.flat import FlatReport
from promotion_ladder.core.ladder import Ladder, Probe
from promotion_ladder.core.notice import Delivery
from promotion_ladder.core.people import People, Policy, Verb
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
from promotion_ladder.core.reconcile import Climbing


class Platform(Protocol):
    """Where bots run and trade (docs/platform-contract.md).

    State verbs (``prepare``, ``set_exposure``, ``renew_lease``, ``reassign``, ``restore``, ``settle``) are fenced by
    epoch: an older one is refused with ``OPS_STALE_EPOCH``. Reducing verbs (``pause_entries``, ``cancel_orders``,
    ``exit_position``, ``latch``, ``hold_out``) only reduce and work at any epoch.
    """

    async def bots(self) -> list[str]:
        """The names of all bots."""

    async def describe(self, bot: str) -> BotFacts:
        """What the platform owns about ``bot``; ``OPS_UNKNOWN_BOT`` if there is none."""

    async def knows(self, bot: str, release_digest: str) -> bool:
        """Whether this release of the bot was published to the platform."""

    async def exposures(self) -> list[Exposure]:
        """Every variant of every bot that has capital, orders or positions."""

    async def acquire(self, bot: str, promotion_id: str) -> int:
        """Own the bot: the new epoch; the same promotion again gets the same epoch."""

    async def prepare(self, order: PrepareOrder) -> None:
        """Deploy the candidate, exposed to nothing."""

    async def set_exposure(self, bot: str, order: ExposureOrder) -> list[Exposure]:
        """Share the capital out; the read-back of all variants."""

    async def renew_lease(self, bot: str, order: LeaseOrder) -> LeaseState:
        """Let the exposure stand for another ``ttl``."""

    async def pause_entries(self, bot: str, variant: Variant, key: str) -> None:
        """No new entries from now on; reductions go on."""

    async def cancel_orders(self, bot: str, variant: Variant, key: str) -> int:
        """Cancel every open order that does not reduce; how many."""

    async def exit_position(self, bot: str, variant: Variant, instrument: str, key: str) -> ExitReceipt:
        """Close one position at market; a repeated key sends no second order."""

    async def positions(self, bot: str, variant: Variant) -> list[Position]:
        """What the bot believes it holds."""

    async def orders(self, bot: str, variant: Variant, since: datetime) -> list[Order]:
        """Orders since then, oldest first."""

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        """Trades closed since then, oldest first."""

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        """How the variant stands now."""

    async def verify_flat(self, bot: str, variant: Variant) -> FlatReport:
        """Whether bot and venue agree that nothing is left."""

    async def restore(self, bot: str, order: RestoreOrder) -> list[Exposure]:
        """Candidate and baseline leave, stable has the whole; the read-back."""

    async def reassign(self, bot: str, order: ReassignOrder) -> list[Position]:
        """Candidate and baseline hand what they hold to stable, untraded; what stable holds then, the read-back.

        ``OPS_PLATFORM_REFUSED`` when the platform cannot, or stable may not take it.
        """

    async def settle(self, bot: str, order: SettleOrder) -> BotFacts:
        """The candidate is stable from now on; the read-back."""

    async def latch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Set the mark against new exposure; a guard's stands beside a person's. The read-back."""

    async def unlatch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Lift the mark: in a guard's name its own alone, in a person's all of this scope and target. The read-back."""

    async def hold_out(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Hold a refused release out; the read-back."""

    async def lift(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Let a held-out release climb again; the read-back."""

    async def start_replay(self, bot: str, order: ReplayOrder) -> str:
        """Start a replay over recorded data; its id."""

    async def replay_result(self, bot: str, replay_id: str) -> ReplayResult:
        """What a replay found so far."""


class MetricSource(Protocol):
    """Where metrics come from."""

    async def measure(self, query: str, start: datetime, end: datetime, step: timedelta) -> NumberEvidence:
        """The newest value of ``query`` in the window and how many finite samples it has there; never raises."""

    async def samples(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        """Every sample of the one series of ``query`` in the window, oldest first; never raises."""

    async def points(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        """The value of ``query`` at each step from ``start`` to ``end``, both included; never raises."""

    async def spread(self, query: str, label: str, at: datetime) -> NumbersEvidence:
        """The values of ``query`` at one moment by the value of ``label``, none without series; never raises."""


class AuditStore(Protocol):
    """The append-only record."""

    async def append(self, events: list[AuditEvent]) -> str:
        """Store events exactly once and chain them; the head of the last one's chain.

        Raises ``GOV_``/``OPS_AUDIT_CONFLICT`` when a stored key has other content, ``OPS_AUDIT_DOWN`` when it cannot.
        """

    async def append_to_desk(self, kind: str, actor: str, at: datetime, sentence: str, **data: str) -> None:
        """Store an event of the desk's own chain, whose numbers the store gives."""

    async def chain(self, chain: str) -> list[ChainedEvent]:
        """All events of one chain in order."""

    async def chains(self, bot: str | None = None) -> list[str]:
        """The names of the chains, newest first; with ``bot`` only its promotions."""

    async def put_evidence(self, evidence: StoredEvidence) -> str:
        """Store evidence under its hash; the hash."""

    async def evidence(self, evidence_hash: str) -> StoredEvidence | None:
        """Evidence by its hash."""


class Promotions(Protocol):
    """What the engine says of the promotions it runs."""

    async def of(self, bot: str) -> Climbing:
        """The bot's promotion; never raises: an engine that does not answer is an answer too (``unknown``)."""

    async def tell(self, bot: str, promotion_id: str, verb: Verb, reason: str, message_id: str) -> None:
        """Send a prohibition in the ladder's own name; ``OPS_TEMPORAL_DOWN`` if it was not taken in."""

    async def waiting(self) -> Mapping[str, datetime | None]:
        """Since when each bot's promotion waits for an approval; None where it does not answer since when.

        At most some seconds old. ``OPS_TEMPORAL_DOWN`` if nobody can say who waits.
        """

    async def was_set_back(self, workflow_id: str, run_id: str) -> bool:
        """Whether somebody reset this run, so that it does again what it did; ``OPS_TEMPORAL_DOWN`` if unknown."""


class Notifier(Protocol):
    """A channel to people."""

    async def notify(self, telling: Telling) -> Delivery:
        """Deliver once; the same ``notice_id`` again must not appear twice where the channel can tell."""

    async def silence(self, since: datetime) -> timedelta:
        """How long since then nobody could have answered in this channel; nothing where it only tells."""


class Pager(Protocol):
    """A channel that calls whoever is on call."""

    channel: str
    """Its name in what is kept of what it was told."""

    async def tell(self, alert: Alert) -> None:
        """Tell that an incident is open, acknowledged or resolved; the same ``alert_id`` again is the same alert.

        Raises ``OPS_ALERT_REFUSED`` when it will never be taken, ``OPS_PAGER_DOWN`` when it is to be tried again.
        """


class AlertLedger(Protocol):
    """What each channel to on-call was told, shared by all workers."""

    async def told(self, channel: str, newest: int) -> Told:
        """What ``channel`` knows; one used for the first time knows of nothing since the desk's event ``newest``."""

    async def claim(self, channel: str, alert_id: str, now: datetime, until: datetime) -> bool:
        """Whether the alert is ours to tell ``until`` then: it is not settled, and nobody else's at ``now``."""

    async def give_back(self, channel: str, alert_id: str) -> None:
        """The alert was not told: anybody may claim it."""

    async def settle(self, channel: str, alert_id: str, at: datetime) -> None:
        """The alert was told, or refused for good."""


class Groups(Protocol):
    """Who is in which Slack user group."""

    async def member_of(self, slack_id: str, groups: Collection[str]) -> frozenset[str]:
        """Those of ``groups`` (ids of user groups) that the person of this member id is in.

        ``OPS_GROUPS_UNKNOWN`` when it cannot say.
        """


class Directory(Protocol):
    """What operators edit: people, policy and ladders, read afresh at each use."""

    def people(self) -> People:
        """Who is who; ``GOV_DIRECTORY_UNREADABLE`` if it cannot be read."""

    def policy(self) -> Policy:
        """Which change climbs which ladder and who may do what."""

    def ladder(self, name: str) -> Ladder:
        """The ladder of this name; ``GOV_LADDER_UNREADABLE`` if it cannot be read."""


class Probes(Protocol):
    """Checks before the first stage."""

    async def run(self, probe: Probe, at: datetime) -> ProbeResult:
        """What ``probe`` finds, run ``at`` that time by the clock that will judge its age. Never raises."""
