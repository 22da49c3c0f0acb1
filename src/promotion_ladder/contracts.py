"""Names and payloads that cross Temporal: ids, queues, search attributes, activity inputs and outputs."""

from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from promotion_ladder.core.base import Duration, Money, Record, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.evidence import AttestationEvidence, ProbeResult
from promotion_ladder.core.ladder import Ladder, Probe, Stage
from promotion_ladder.core.people import Verb
from promotion_ladder.core.reconcile import Finding, Mended
from promotion_ladder.core.release import Release, ReleaseRef
from promotion_ladder.core.state import StageRecord, StartOrder
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Verdict

WORKFLOW = "Promotion"
LAST_NOTICES = "LastNotices"
RECONCILIATION = "Reconciliation"

QUEUE_LADDER = "ladder"
QUEUE_EVIDENCE = "ladder-evidence"
QUEUE_PLATFORM = "ladder-platform"
QUEUE_NOTICES = "ladder-notices"
"""Its own, because a channel that hangs must keep nobody waiting but those it would tell."""
QUEUE_GUARDS = "ladder-guards"
QUEUE_SAFETY = "ladder-safety"

ACTIVITY_FLATTEN = "flatten"

BOT = SearchAttributeKey.for_keyword("Bot")
RELEASE = SearchAttributeKey.for_keyword("Release")
STAGE = SearchAttributeKey.for_keyword("Stage")
STATUS = SearchAttributeKey.for_keyword("Status")
EXPOSED = SearchAttributeKey.for_bool("Exposed")
SEARCH_ATTRIBUTES = (BOT, RELEASE, STAGE, STATUS, EXPOSED)

MEMO_PROMOTION = "promotion_id"
MEMO_RELEASE = "release"
MEMO_DIGEST = "digest"
MEMO_AUDIT = "audit_head"


def workflow_id(bot: str) -> str:
    """The id of a bot's promotion: the lock that lets one ladder per bot run at a time."""
    return f"promotion/{bot}"


def memo(order: StartOrder) -> dict[str, str]:
    """What is readable of a promotion with no worker."""
    return {
        MEMO_PROMOTION: order.promotion_id,
        MEMO_RELEASE: order.release.version,
        MEMO_DIGEST: order.release.digest,
    }


def search_attributes(order: StartOrder) -> TypedSearchAttributes:
    """What a promotion can be found by from its first moment."""
    return TypedSearchAttributes([
        SearchAttributePair(BOT, order.release.bot),
        SearchAttributePair(RELEASE, order.release.version),
        SearchAttributePair(STAGE, "-"),
        SearchAttributePair(STATUS, "starting"),
        SearchAttributePair(EXPOSED, value=False),
    ])  # fmt: skip


class Admission(Record):
    """Whether a climb may begin, and everything frozen for it."""

    refused: Code | None = None
    sentence: str = ""
    principal: str = ""
    author: str = ""
    ladder: Ladder | None = None
    ladder_hash: str = ""
    stable: ReleaseRef | None = None
    capital: Money | None = None
    stage_index: int = 0
    carried: tuple[StageRecord, ...] = ()
    resume_roles: tuple[str, ...] = ()
    resume_quorum: int = 1
    preflight: tuple[ProbeResult, ...] = ()
    """What each probe found, where they were run; of a refused climb too."""


class ProveOrder(Record):
    """Run preflight probes."""

    probes: tuple[Probe, ...]


class Proof(Record):
    """What each probe found."""

    results: tuple[ProbeResult, ...]


class Claim(Record):
    """A person's word that is to be ruled on."""

    identity: str
    verb: Verb
    also_roles: tuple[str, ...] = ()


class StageOrder(Record):
    """What activities of one stage need to know."""

    promotion_id: str
    epoch: int
    release: Release
    stable: ReleaseRef
    stage: Stage
    metrics: dict[str, str]
    """The ladder's metric names."""
    attempt: int
    capital: Money
    entered_at: Time | None = None
    """By the platform's clock, once the stage's exposure was read back."""
    entry: int = 0
    """How often the exposure of this attempt was given anew, after a guard had paused it."""
    muted: tuple[str, ...] = ()
    """Guards that tripped and hold: not judged again while a person decides."""
    next_stage: str = ""
    """For guards of what stands while the stage above is entered: its name, which the platform may tell already."""
    paused: tuple[str, ...] = ()
    """Scopes that guards have paused for a while, as far as the promotion knows: ``market:WTI``."""
    ladder_hash: str = ""
    probes: tuple[str, ...] = ()
    """The ladder's preflight probes, by name."""
    preflight: tuple[ProbeResult, ...] = ()
    """What they found when they were last run."""

    def attestation(self, now: datetime) -> AttestationEvidence:
        """What is known of the probes."""
        return AttestationEvidence(results=self.preflight, now=now, probes=self.probes)


class JudgeOrder(Record):
    """Judge all gates of a stage now."""

    stage_order: StageOrder
    observed_from: Time
    at: Time
    """The workflow's clock: where windows end must not depend on when the activity got its turn."""
    elapsed: Duration
    """Time observed, without holds."""
    longest: Duration
    carried: dict[str, Carried] = {}
    """The running sums of the looks before, by gate."""


class Judgement(Record):
    """What was found, with the hash under which its evidence is stored."""

    decision: Decision
    evidence: str
    at: Time
    carried: dict[str, Carried] = {}
    """The running sums after this look, by gate."""


class GuardTrip(Record):
    """A guard's limit was broken; the platform was told to pause, and what aborts to cancel, before this was sent."""

    verdict: Verdict
    abort: bool
    """Whether to come down; else to hold."""
    paused: bool
    """Whether the platform confirmed all of that."""
    at: Time
    scopes: tuple[str, ...] | None = None
    """Not a trip: all scopes that are paused for a while now, after one was paused or let go on."""


class Since(Record):
    """A moment from which something is asked."""

    at: Time


class Silence(Record):
    """How long people could not have answered."""

    lasted: Duration


class Acquired(Record):
    """The bot is ours."""

    epoch: int
    leftover: bool
    """Whether the platform still exposes something of an earlier climb."""


class Entered(Record):
    """A stage's exposure, read back."""

    at: Time
    sentence: str


class FlattenOrder(Record):
    """Bring candidate and baseline to flat."""

    promotion_id: str
    bot: str
    epoch: int
    attempt: int
    """Number of this try; a new try sends new exits."""


class RestoreRequest(Record):
    """Give stable the whole back."""

    promotion_id: str
    bot: str
    digest: str
    """The candidate's; if it is stable already there is nothing to restore."""


class ClearRequest(Record):
    """Take away what an earlier climb left, flat by now."""

    promotion_id: str
    bot: str
    epoch: int


class HoldOutRequest(Record):
    """Keep a refused release from climbing again."""

    promotion_id: str
    bot: str
    release: ReleaseRef
    reason: str
    by: str


class SettleRequest(Record):
    """Make the candidate stable."""

    promotion_id: str
    bot: str
    epoch: int
    release: ReleaseRef
    expected_stable: ReleaseRef


class Acknowledged(Record):
    """An effect, read back."""

    sentence: str


class MendOrder(Record):
    """Make one finding safe."""

    finding: Finding
    at: Time
    """When it was found; the same again does nothing twice."""


class MendReport(Record):
    """A finding and what was done about it, for people and the record."""

    finding: Finding
    at: Time
    mended: Mended | None = None
    """None when it could not be made safe; the next look takes it up again."""


class Events(Record):
    """Events to be written, in order."""

    events: tuple[AuditEvent, ...]


class Tail(Record):
    """The last event of a chain: its number and its hash."""

    chain: str
    seq: int
    head: str
