"""The one registry of reason codes: each with a sentence and what to do next.

``GOV_*`` rollout, approval, audit, drift; ``RISK_*`` guards, limits, kill, flatten; ``OPS_*`` data, platform,
notices. ``ladder explain CODE`` prints an entry, and docs/codes.md is made from this registry. The texts stand in
:mod:`promotion_ladder.core.sentences`, a file for each family.
"""

from enum import StrEnum

from promotion_ladder.core.sentences import gov, ops, risk

_TEXTS = gov.TEXTS | risk.TEXTS | ops.TEXTS


class Code(StrEnum):
    """A reason code; ``sentence`` says what happened, ``next_step`` what a person does about it."""

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        return _TEXTS[self.value][0]

    @property
    def next_step(self) -> str:
        """What a person does about it."""
        return _TEXTS[self.value][1]

    # --- gates and decisions ----------------------------------------------------------------------------------------
    GATE_PASSED = "GOV_GATE_PASSED"
    GATE_FAILED = "GOV_GATE_FAILED"
    GATES_PASSED = "GOV_GATES_PASSED"
    GATES_OPEN = "GOV_GATES_OPEN"
    OBSERVE_EXHAUSTED = "GOV_OBSERVE_EXHAUSTED"
    TOO_FEW_SAMPLES = "GOV_TOO_FEW_SAMPLES"
    NOT_LONG_ENOUGH = "GOV_NOT_LONG_ENOUGH"
    NOT_SHOWN = "GOV_NOT_SHOWN"
    SLICES_DEPEND = "GOV_SLICES_DEPEND"
    REPLAY_DIFFERS = "GOV_REPLAY_DIFFERS"
    # --- people -----------------------------------------------------------------------------------------------------
    APPROVED = "GOV_APPROVED"
    ALLOWED = "GOV_ALLOWED"
    VETOED = "GOV_VETOED"
    VETO_WINDOW_PASSED = "GOV_VETO_WINDOW_PASSED"
    HELD = "GOV_HELD"
    ROLLED_BACK_BY_PERSON = "GOV_ROLLED_BACK_BY_PERSON"
    SKIPPED = "GOV_SKIPPED"
    CANCELLED = "GOV_CANCELLED"
    SUPERSEDED = "GOV_SUPERSEDED"
    APPROVAL_EXPIRED = "GOV_APPROVAL_EXPIRED"
    UNKNOWN_PERSON = "GOV_UNKNOWN_PERSON"
    NOT_ENTITLED = "GOV_NOT_ENTITLED"
    FOUR_EYES = "GOV_FOUR_EYES"
    ALREADY_APPROVED = "GOV_ALREADY_APPROVED"
    REASON_NEEDED = "GOV_REASON_NEEDED"
    DIRECTORY_UNREADABLE = "GOV_DIRECTORY_UNREADABLE"
    # --- messages ---------------------------------------------------------------------------------------------------
    WRONG_PROMOTION = "GOV_WRONG_PROMOTION"
    WRONG_STAGE = "GOV_WRONG_STAGE"
    STALE_EVIDENCE = "GOV_STALE_EVIDENCE"
    NOTHING_TO_APPROVE = "GOV_NOTHING_TO_APPROVE"
    NOT_ON_HOLD = "GOV_NOT_ON_HOLD"
    NOT_RULED_YET = "GOV_NOT_RULED_YET"
    UNKNOWN_BUTTON = "GOV_UNKNOWN_BUTTON"
    WRONG_PLACE = "GOV_WRONG_PLACE"
    WRONG_WORKSPACE = "GOV_WRONG_WORKSPACE"
    NOTHING_TO_EXTEND = "GOV_NOTHING_TO_EXTEND"
    EXTENSION_OUT_OF_RANGE = "GOV_EXTENSION_OUT_OF_RANGE"
    TOO_MANY_MESSAGES = "GOV_TOO_MANY_MESSAGES"
    NOT_A_SUCCESSOR = "GOV_NOT_A_SUCCESSOR"
    STILL_EXPOSED = "GOV_STILL_EXPOSED"
    COMING_DOWN = "GOV_COMING_DOWN"
    UNREADABLE_MESSAGE = "GOV_UNREADABLE_MESSAGE"
    # --- admission --------------------------------------------------------------------------------------------------
    ANOTHER_RELEASE_CLIMBS = "GOV_ANOTHER_RELEASE_CLIMBS"
    HELD_OUT = "GOV_HELD_OUT"
    ALREADY_STABLE = "GOV_ALREADY_STABLE"
    NO_LADDER_NEEDED = "GOV_NO_LADDER_NEEDED"
    CHANGE_CLASS_TOO_LOW = "GOV_CHANGE_CLASS_TOO_LOW"
    UNKNOWN_STAGE = "GOV_UNKNOWN_STAGE"
    LADDER_UNREADABLE = "GOV_LADDER_UNREADABLE"
    EVIDENCE_NOT_CARRIED = "GOV_EVIDENCE_NOT_CARRIED"
    PREFLIGHT_FAILED = "GOV_PREFLIGHT_FAILED"
    STARTED = "GOV_STARTED"
    INCIDENT_OPEN = "GOV_INCIDENT_OPEN"
    NO_SUCH_INCIDENT = "GOV_NO_SUCH_INCIDENT"
    SETTLED = "GOV_SETTLED"
    # --- risk -------------------------------------------------------------------------------------------------------
    GUARD_OK = "RISK_GUARD_OK"
    GUARD_TRIPPED = "RISK_GUARD_TRIPPED"
    GUARD_BLIND = "RISK_GUARD_BLIND"
    SCOPE_PAUSED = "RISK_SCOPE_PAUSED"
    SCOPE_GOES_ON = "RISK_SCOPE_GOES_ON"
    HARM_SHOWN = "RISK_HARM_SHOWN"
    KILLED = "RISK_KILLED"
    LATCHED = "RISK_LATCHED"
    NOT_LATCHED = "RISK_NOT_LATCHED"
    DRILL_REFUSED = "RISK_DRILL_REFUSED"
    FLAT = "RISK_FLAT"
    NOT_FLAT = "RISK_NOT_FLAT"
    LEASE_LOST = "RISK_LEASE_LOST"
    UNJUSTIFIED_EXPOSURE = "RISK_UNJUSTIFIED_EXPOSURE"
    WRONG_SHARE = "RISK_WRONG_SHARE"
    UNATTENDED_EXPOSURE = "RISK_UNATTENDED_EXPOSURE"
    LATCH_REMOVED = "RISK_LATCH_REMOVED"
    LIMITS_MISSING = "RISK_LIMITS_MISSING"
    # --- operations -------------------------------------------------------------------------------------------------
    NO_DATA = "OPS_NO_DATA"
    NOT_A_NUMBER = "OPS_NOT_A_NUMBER"
    STALE_DATA = "OPS_STALE_DATA"
    SEVERAL_SERIES = "OPS_SEVERAL_SERIES"
    QUERY_WARNED = "OPS_QUERY_WARNED"
    QUERY_REFUSED = "OPS_QUERY_REFUSED"
    SOURCE_DOWN = "OPS_SOURCE_DOWN"
    HISTORY_UNREADABLE = "OPS_HISTORY_UNREADABLE"
    PLATFORM_DOWN = "OPS_PLATFORM_DOWN"
    PLATFORM_REFUSED = "OPS_PLATFORM_REFUSED"
    STALE_EPOCH = "OPS_STALE_EPOCH"
    UNKNOWN_BOT = "OPS_UNKNOWN_BOT"
    UNKNOWN_TARGET = "OPS_UNKNOWN_TARGET"
    UNKNOWN_RELEASE = "OPS_UNKNOWN_RELEASE"
    PLATFORM_LACKS = "OPS_PLATFORM_LACKS"
    AUDIT_DOWN = "OPS_AUDIT_DOWN"
    AUDIT_CONFLICT = "OPS_AUDIT_CONFLICT"
    SET_BACK = "OPS_SET_BACK"
    NOTICE_UNDELIVERED = "OPS_NOTICE_UNDELIVERED"
    SLACK_DOWN = "OPS_SLACK_DOWN"
    SLACK_REFUSED = "OPS_SLACK_REFUSED"
    SLACK_BUSY = "OPS_SLACK_BUSY"
    SLACK_TOKEN = "OPS_SLACK_TOKEN"  # noqa: S105 - the name of a reason
    SLACK_BOOK = "OPS_SLACK_BOOK"
    SLACK_DEAF = "OPS_SLACK_DEAF"
    SLACK_CONFIG = "OPS_SLACK_CONFIG"
    PAGER_DOWN = "OPS_PAGER_DOWN"
    ALERT_REFUSED = "OPS_ALERT_REFUSED"
    GROUPS_UNKNOWN = "OPS_GROUPS_UNKNOWN"
    TEMPORAL_DOWN = "OPS_TEMPORAL_DOWN"
    NO_SUCH_PROMOTION = "OPS_NO_SUCH_PROMOTION"
    WORKER_SILENT = "OPS_WORKER_SILENT"
    STACK_RUNS = "OPS_STACK_RUNS"
