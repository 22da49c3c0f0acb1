"""The whole state of a promotion: everything needed to go on from any step, in one model.

It is the workflow's input and output at every continue-as-new, and what ``ladder state export`` prints.
"""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from promotion_ladder.core.base import Duration, Money, Record, Time
from promotion_ladder.core.canonical import GENESIS
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.evidence import ProbeResult
from promotion_ladder.core.flat import FlatReport
from promotion_ladder.core.incidents import IncidentNews
from promotion_ladder.core.ladder import Ladder, Stage
from promotion_ladder.core.notice import Notice
from promotion_ladder.core.people import Verb
from promotion_ladder.core.release import Release, ReleaseRef
from promotion_ladder.core.statistics.carried import Carried

SLACK = "slack"
"""The channel of messages that were clicked or typed in Slack."""


class Phase(StrEnum):
    """What a promotion is doing."""

    ADMITTING = "admitting"
    ENTERING = "entering"
    PAUSING = "pausing"
    OBSERVING = "observing"
    AWAITING_NOTICE = "awaiting_notice"
    VETO_WINDOW = "veto_window"
    AWAITING_APPROVAL = "awaiting_approval"
    ON_HOLD = "on_hold"
    COMING_DOWN = "coming_down"
    SETTLING = "settling"
    ENDED = "ended"


class Ending(StrEnum):
    """How a promotion ended."""

    STABLE = "stable"
    ROLLED_BACK = "rolled_back"
    VETOED = "vetoed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class StartOrder(Record):
    """What a client sends to start a climb: names and expected hashes, nothing that is trusted."""

    promotion_id: str
    release: Release
    identity: str
    """Who starts it, by any name people.yaml knows."""
    reason: str = ""
    ladder: str | None = None
    """A ladder by name, where the policy's own choice is not wanted; it must be at least as strict by policy."""
    ladder_hash: str | None = None
    """Refuse unless the worker's ladder has this hash."""
    from_stage: str | None = None
    """Resume at this stage with evidence carried over."""
    basis: str | None = None
    """The promotion whose evidence is carried over; the newest of the same release unless stated."""


class Command(Record):
    """A message from a person to one promotion; the ids it carries are what the person saw."""

    verb: Verb
    promotion_id: str
    identity: str
    message_id: str
    """The same for a message sent twice."""
    stage: str | None = None
    attempt: int | None = None
    evidence: str | None = None
    """Hash of the evidence the person looked at (approve)."""
    reason: str = ""
    extend_by: Duration | None = None
    successor: StartOrder | None = None
    """The release that takes over (supersede)."""
    paused: bool = False
    """Whether the sender has paused entries at the platform, so that going on gives the exposure anew (hold)."""
    channel: str = "cli"


class Receipt(Record):
    """The answer to a command."""

    accepted: bool
    code: Code
    sentence: str


class Ruled(Record):
    """What became of a message, if it was ruled on yet."""

    receipt: Receipt | None = None


class Approval(Record):
    """One person's yes, bound to exactly what they saw."""

    principal: str
    acts_for: str = ""
    """Who was away, when it was given in their name."""
    roles: tuple[str, ...]
    release_digest: str
    stage: str
    attempt: int
    evidence: str
    reason: str
    at: Time


class Window(Record):
    """A wait for people: it runs only while its notice is delivered."""

    opened_at: Time
    deadline: Time
    notice_id: str
    evidence: str
    """The evidence people are shown and approvals bind to."""
    silence: Duration = timedelta(0)
    """How long of it nobody could have answered; the deadline has moved by as much."""


class Stop(Record):
    """Why a promotion comes down; once set it stands."""

    code: Code
    actor: str
    reason: str
    at: Time
    hold_out: bool
    ending: Ending
    guard: str = ""
    """The guard that tripped, if one did."""


class Hold(Record):
    """Why a promotion stands still."""

    code: Code
    actor: str
    reason: str
    at: Time


class StageRecord(Record):
    """A stage that was left upwards."""

    stage: str
    attempt: int
    entered_at: Time
    left_at: Time
    code: Code
    evidence: str | None
    carried_from: str | None = None
    """The promotion that earned it, if it was carried over."""


class Standing(Record):
    """The exposure that stands while the next one is being entered."""

    stage_index: int
    attempt: int
    entry: int
    entered_at: Time


class PromotionState(BaseModel):
    """Everything about one climb. Mutable, changed only by the workflow."""

    model_config = ConfigDict(extra="ignore", ser_json_inf_nan="strings")

    order: StartOrder
    phase: Phase = Phase.ADMITTING
    started_at: Time | None = None

    ladder: Ladder | None = None
    """Frozen at admission."""
    ladder_hash: str = ""
    author: str = ""
    stable: ReleaseRef | None = None
    """The release this one would replace."""
    capital: Money | None = None
    """Total capital of the bot, read once and frozen."""
    epoch: int = 0

    stage_index: int = 0
    attempt: int = 1
    entered_at: Time | None = None
    """When the stage's exposure was read back; None until then."""
    entry: int = 0
    """How often the exposure of this attempt was given anew, after a guard had paused it."""
    pause_until: Time | None = None
    observed_from: Time | None = None
    observe_until: Time | None = None
    """When the stage holds unless its gates pass; ``extend`` moves it."""
    held: Duration = timedelta(0)
    """Time on hold since the stage is observed; it counts for nothing."""
    resumed: bool = False
    """Whether a person ended a pause that lasts until resumed."""
    decision: Decision | None = None
    preflight: tuple[ProbeResult, ...] = ()
    """What the ladder's probes found when they were last run; a new attempt begins with nothing."""
    carried: dict[str, Carried] = {}
    """The running sums of the stage's statistical gates; a new attempt begins with none."""
    evidence: str | None = None
    window: Window | None = None
    approvals: list[Approval] = []
    reminded: Time | None = None
    """When the last reminder of a window was due."""
    resume_quorum: int = 1
    leftover: bool = False
    """Whether an earlier climb's exposure is still to be cleared."""
    entries_paused: bool = False
    """Whether a guard that holds, or a kill that only pauses, had entries paused: going on gives the exposure anew."""
    paused_scopes: tuple[str, ...] = ()
    """What guards have latched for a while, for instance ``market:WTI``; nothing moves up meanwhile."""
    standing: Standing | None = None
    """Money exposed by the stage below, or by the attempt before: watched until this stage's own watch runs."""
    judged_at: Time | None = None
    resume_roles: tuple[str, ...] = ()
    """Who must agree before a resumed climb enters its first stage; empty when nobody need."""

    hold: Hold | None = None
    stop: Stop | None = None
    may_be_exposed: bool = False
    """Set before the first effect at the platform, so that its undo is known even if the effect's answer is lost."""
    wind_down_until: Time | None = None
    """When what closes in its own time is flattened after all."""
    flatten_try: int = 0
    flat: FlatReport | None = None
    flat_at: Time | None = None
    restored: bool = False
    successor: StartOrder | None = None

    passed: list[StageRecord] = []
    inbox: list[Command] = []
    receipts: dict[str, Receipt] = {}
    """The last rulings by message id: a message sent twice counts once, and gets the same answer."""
    overlooked: int = 0
    """Messages that were refused without a ruling: meant for another promotion, or too many at once."""
    signals: int = 0
    """Signals received in this run; the server refuses the 10 001st."""
    outbox: list[AuditEvent] = []
    news: list[IncidentNews] = []
    """What is still to be written to the queue of incidents."""
    unresolved: list[str] = []
    """Keys of incidents that this promotion opened and ends itself when what was wrong is over."""
    notices: list[Notice] = []
    seq: int = 0
    head: str = Field(default=GENESIS)
    written: str = GENESIS
    """The hash of the last event that the store has taken."""
    ending: Ending | None = None
    ended_because: Code | None = None
    ended_sentence: str = ""
    ended_at: Time | None = None

    @property
    def promotion_id(self) -> str:
        """The climb's own id."""
        return self.order.promotion_id

    @property
    def release(self) -> Release:
        """The candidate."""
        return self.order.release

    @property
    def stage(self) -> Stage:
        """The stage the climb is at; only after admission."""
        if self.ladder is None:
            raise ValueError("no stage before admission")
        return self.ladder.stages[self.stage_index]

    @property
    def stage_name(self) -> str:
        """The stage's name, or nothing before admission."""
        return self.stage.name if self.ladder else ""


class PromotionResult(Record):
    """What a finished climb leaves: readable with no worker."""

    promotion_id: str
    bot: str
    release: ReleaseRef
    ending: Ending
    code: Code
    sentence: str
    stages: tuple[str, ...]
    """Stages entered, in order."""
    started_at: Time
    ended_at: Time
    flat_seconds: float | None = None
    """From the decision to come down to verified flat."""
    audit_head: str
    audit_seq: int
