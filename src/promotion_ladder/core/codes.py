"""The one registry of reason codes: each with a sentence and what to do next.

``GOV_*`` rollout, approval, audit, drift; ``RISK_*`` guards, limits, kill, flatten; ``OPS_*`` data, platform,
notices. ``ladder explain CODE`` prints an entry, and docs/codes.md is made from this file.
"""

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """A reason code; ``sentence`` says what happened, ``next_step`` what a person does about it."""

    sentence: str
    next_step: str

    def __new__(cls, value: str, sentence: str, next_step: str) -> Self:
        """A code with its texts."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        member.next_step = next_step
        return member

    # --- gates and decisions ------------------------------------------------------------------------------------
    GATE_PASSED = "GOV_GATE_PASSED", "The evidence is within the gate's limit.", "Nothing to do."
    GATE_FAILED = (
        "GOV_GATE_FAILED",
        "The evidence is outside the gate's limit.",
        "Look at the value against the limit; 'ladder hold' stops the climb without changing exposure.",
    )
    GATES_PASSED = "GOV_GATES_PASSED", "Every gate of the stage passes on fresh evidence.", "Nothing to do."
    GATES_OPEN = (
        "GOV_GATES_OPEN",
        "Not every gate passes yet; the stage goes on being observed.",
        "Wait, or 'ladder extend' if the stage needs longer than its maximum.",
    )
    OBSERVE_EXHAUSTED = (
        "GOV_OBSERVE_EXHAUSTED",
        "The stage reached its longest observation without every gate passing.",
        "'ladder extend', 'ladder retry' or 'ladder rollback'.",
    )
    TOO_FEW_SAMPLES = (
        "GOV_TOO_FEW_SAMPLES",
        "There are fewer samples than the gate needs to judge.",
        "Wait for more; if the bot trades too rarely for this ladder, lengthen 'observe'.",
    )
    NOT_LONG_ENOUGH = (
        "GOV_NOT_LONG_ENOUGH",
        "The stage has not been observed for its minimum time yet.",
        "Wait.",
    )
    REPLAY_DIFFERS = (
        "GOV_REPLAY_DIFFERS",
        "Two replays of this release over the same data decided differently.",
        "The release is not deterministic; find the cause before it trades.",
    )
    # --- people ------------------------------------------------------------------------------------------------
    APPROVED = "GOV_APPROVED", "The approval counts.", "Nothing to do."
    ALLOWED = "GOV_ALLOWED", "The person may do this.", "Nothing to do."
    VETOED = (
        "GOV_VETOED",
        "A person entitled to stop it vetoed the promotion.",
        "The release is held out; 'ladder holdout lift' lets it climb again.",
    )
    VETO_WINDOW_PASSED = (
        "GOV_VETO_WINDOW_PASSED",
        "The veto window ran out, nobody objected and the gates still pass.",
        "Nothing to do.",
    )
    HELD = (
        "GOV_HELD",
        "A person stopped the climb; exposure is unchanged and guards are alive.",
        "'ladder resume', 'ladder retry', 'ladder skip' or 'ladder rollback'.",
    )
    ROLLED_BACK_BY_PERSON = "GOV_ROLLED_BACK_BY_PERSON", "A person asked for the rollback.", "Nothing to do."
    SKIPPED = (
        "GOV_SKIPPED",
        "A person with the right left the stage without its gates.",
        "Nothing to do; the record says who and why.",
    )
    CANCELLED = "GOV_CANCELLED", "The promotion was ended before anything was exposed.", "Nothing to do."
    SUPERSEDED = "GOV_SUPERSEDED", "Another release of the same bot took over.", "Nothing to do."
    APPROVAL_EXPIRED = (
        "GOV_APPROVAL_EXPIRED",
        "The approval was not given in time.",
        "Start again, or ask the approvers why.",
    )
    UNKNOWN_PERSON = (
        "GOV_UNKNOWN_PERSON",
        "people.yaml knows nobody by this identity.",
        "Add the person to people.yaml, or act as somebody it knows.",
    )
    NOT_ENTITLED = (
        "GOV_NOT_ENTITLED",
        "The person has none of the roles this needs.",
        "Ask somebody with the role; 'ladder status' names who may act.",
    )
    FOUR_EYES = (
        "GOV_FOUR_EYES",
        "The author of a release may not approve it here.",
        "Ask a second person.",
    )
    ALREADY_APPROVED = "GOV_ALREADY_APPROVED", "This person's approval is counted already.", "Nothing to do."
    REASON_NEEDED = "GOV_REASON_NEEDED", "This needs a reason in words.", "Add --reason."
    DIRECTORY_UNREADABLE = (
        "GOV_DIRECTORY_UNREADABLE",
        "People or policy could not be read, so nobody's right could be established.",
        "Mend people.yaml or policy.yaml ('ladder check'); prohibitions stand meanwhile.",
    )
    # --- messages ----------------------------------------------------------------------------------------------
    WRONG_PROMOTION = (
        "GOV_WRONG_PROMOTION",
        "The message was meant for another promotion; it was recorded and ignored.",
        "Look at 'ladder status' and act on the promotion that runs now.",
    )
    WRONG_STAGE = (
        "GOV_WRONG_STAGE",
        "The message was meant for another stage or attempt.",
        "Look at 'ladder status' and act on what it shows now.",
    )
    STALE_EVIDENCE = (
        "GOV_STALE_EVIDENCE",
        "The evidence has changed since the person looked at it.",
        "Look at the fresh evidence and decide again.",
    )
    NOTHING_TO_APPROVE = (
        "GOV_NOTHING_TO_APPROVE",
        "The promotion is not waiting for an approval.",
        "'ladder status' shows what it waits for.",
    )
    NOT_ON_HOLD = "GOV_NOT_ON_HOLD", "The promotion is not on hold.", "'ladder status' shows what it does."
    NOTHING_TO_EXTEND = (
        "GOV_NOTHING_TO_EXTEND",
        "There is no observation or window to extend.",
        "'ladder status' shows what the promotion does.",
    )
    EXTENSION_OUT_OF_RANGE = (
        "GOV_EXTENSION_OUT_OF_RANGE",
        "An extension is longer than nothing and at most 90 days.",
        "Say how much longer, for instance --by 2h.",
    )
    TOO_MANY_MESSAGES = (
        "GOV_TOO_MANY_MESSAGES",
        "So many messages wait for their ruling that this one was not taken in.",
        "Try again; a prohibition of yours that waits already need not be sent twice.",
    )
    NOT_A_SUCCESSOR = (
        "GOV_NOT_A_SUCCESSOR",
        "What was to take over is no other promotion of this bot.",
        "'ladder start RELEASE.yaml --supersede' makes the right one.",
    )
    STILL_EXPOSED = (
        "GOV_STILL_EXPOSED",
        "Something is exposed, so the promotion cannot just be cancelled.",
        "'ladder rollback' flattens first.",
    )
    COMING_DOWN = (
        "GOV_COMING_DOWN",
        "The promotion is already coming down; nothing can move it up again.",
        "Wait until it is flat, then start again.",
    )
    UNREADABLE_MESSAGE = (
        "GOV_UNREADABLE_MESSAGE",
        "A message could not be read; it was taken as a hold.",
        "'ladder resume' when you know what it meant.",
    )
    # --- admission ---------------------------------------------------------------------------------------------
    ANOTHER_RELEASE_CLIMBS = (
        "GOV_ANOTHER_RELEASE_CLIMBS",
        "Another release of this bot is on its ladder.",
        "Wait for it, roll it back, or start with --supersede.",
    )
    HELD_OUT = (
        "GOV_HELD_OUT",
        "The release was refused before and is held out.",
        "'ladder holdout lift' with a reason, then start again.",
    )
    ALREADY_STABLE = "GOV_ALREADY_STABLE", "This release is stable already.", "Nothing to do."
    NO_LADDER_NEEDED = (
        "GOV_NO_LADDER_NEEDED",
        "The policy asks for no ladder for this class of change.",
        "Deploy it the usual way; the reason is recorded.",
    )
    CHANGE_CLASS_TOO_LOW = (
        "GOV_CHANGE_CLASS_TOO_LOW",
        "A change of documents or manifest may not change the digest of what runs.",
        "State the class of what really changed.",
    )
    UNKNOWN_STAGE = (
        "GOV_UNKNOWN_STAGE",
        "The ladder has no stage of this name.",
        "Choose one of the named stages.",
    )
    LADDER_UNREADABLE = (
        "GOV_LADDER_UNREADABLE",
        "The ladder or the policy is not valid.",
        "Run 'ladder check' on the file and mend what it names.",
    )
    EVIDENCE_NOT_CARRIED = (
        "GOV_EVIDENCE_NOT_CARRIED",
        "The earlier climb holds no passed stage of this very release and ladder to carry over.",
        "Start from the first stage.",
    )
    PREFLIGHT_FAILED = (
        "GOV_PREFLIGHT_FAILED",
        "A check before the first stage failed.",
        "Mend what the check names, then start again.",
    )
    STARTED = "GOV_STARTED", "The promotion was started.", "Nothing to do."
    INCIDENT_OPEN = (
        "GOV_INCIDENT_OPEN",
        "A critical incident of this bot, or of a scope that covers it, is not resolved.",
        "'ladder incidents' says what must be done; 'ladder incidents resolve' when it is.",
    )
    NO_SUCH_INCIDENT = (
        "GOV_NO_SUCH_INCIDENT",
        "The queue holds no open incident of this id.",
        "'ladder incidents' lists those that wait; with --all also those that are resolved.",
    )
    SETTLED = "GOV_SETTLED", "The release is stable now.", "Nothing to do."
    # --- risk --------------------------------------------------------------------------------------------------
    GUARD_OK = "RISK_GUARD_OK", "The guard sees nothing wrong.", "Nothing to do."
    GUARD_TRIPPED = (
        "RISK_GUARD_TRIPPED",
        "A guard's limit was broken; entries were paused at the platform at once.",
        "Wait until the positions are flat; the release is held out.",
    )
    GUARD_BLIND = (
        "RISK_GUARD_BLIND",
        "A guard could not see what it watches for longer than the stage allows; entries were paused.",
        "Find out why the platform does not say what the guard asks; 'blind_for' and 'on_blind' are the ladder's.",
    )
    SCOPE_PAUSED = (
        "RISK_SCOPE_PAUSED",
        "A guard latched a scope at the platform for a while; it goes on by itself when it is well again.",
        "Look at the data feed of what is named; the climb is watched on and does not move up meanwhile.",
    )
    SCOPE_GOES_ON = (
        "RISK_SCOPE_GOES_ON",
        "What a guard had paused is well again, and the guard lifted its own latch.",
        "Nothing to do.",
    )
    HARM_SHOWN = (
        "RISK_HARM_SHOWN",
        "A gate that aborts on failure failed.",
        "Wait until the positions are flat; the release is held out.",
    )
    KILLED = (
        "RISK_KILLED",
        "A person killed it; the platform's latch stands.",
        "'ladder kill BOT --release' lifts the latch when the cause is mended.",
    )
    LATCHED = (
        "RISK_LATCHED",
        "The platform's latch forbids new exposure.",
        "'ladder kill --release' with the latch's scope and target lifts it, by a named person with a reason.",
    )
    NOT_LATCHED = (
        "RISK_NOT_LATCHED",
        "There is no latch of this scope and target to lift.",
        "'ladder status BOT' shows what latches a bot; name that scope and target.",
    )
    DRILL_REFUSED = (
        "RISK_DRILL_REFUSED",
        "A drill may touch no real money and no latch that stands, and must leave nothing behind.",
        "Drill a simulated platform, or a bot whose candidate stands in shadow or paper.",
    )
    FLAT = "RISK_FLAT", "Bot and venue both say flat.", "Nothing to do."
    NOT_FLAT = (
        "RISK_NOT_FLAT",
        "Positions are left; exits are retried until bot and venue say flat.",
        "Look at the residual positions; close them at the venue by hand if it cannot wait.",
    )
    LEASE_LOST = (
        "RISK_LEASE_LOST",
        "The platform took the exposure back because its lease was not renewed.",
        "Find out why nobody watched, then start again.",
    )
    UNJUSTIFIED_EXPOSURE = (
        "RISK_UNJUSTIFIED_EXPOSURE",
        "The platform exposes something that no running promotion accounts for.",
        "It is latched and flattened; find out who ended the promotion or changed the platform, then lift the latch.",
    )
    WRONG_SHARE = (
        "RISK_WRONG_SHARE",
        "What is exposed is not what the stage grants.",
        "Entries are paused and the promotion holds; 'ladder retry' sets the share anew, 'ladder rollback' ends it.",
    )
    UNATTENDED_EXPOSURE = (
        "RISK_UNATTENDED_EXPOSURE",
        "Something is exposed while its promotion is stuck or answers nobody.",
        "See that a worker of the right version runs; 'ladder kill' if it cannot wait.",
    )
    LATCH_REMOVED = (
        "RISK_LATCH_REMOVED",
        "The record says that a latch stands, but the platform does not have it.",
        "It is set again; 'ladder kill BOT --release' is the way to lift one.",
    )
    LIMITS_MISSING = (
        "RISK_LIMITS_MISSING",
        "A stage that touches money states no limits.",
        "Add 'limits' with instruments, price band, order value, order count, positions and venues.",
    )
    # --- operations --------------------------------------------------------------------------------------------
    NO_DATA = (
        "OPS_NO_DATA",
        "The source answered, but with no data, so nothing can be concluded.",
        "Check that the bot exports the metric and that Prometheus scrapes it.",
    )
    NOT_A_NUMBER = (
        "OPS_NOT_A_NUMBER",
        "The source answered NaN or infinity, so nothing can be concluded.",
        "Check the query for a division by zero.",
    )
    STALE_DATA = (
        "OPS_STALE_DATA",
        "The newest sample is too old to conclude anything from.",
        "Check the bot and the scrape.",
    )
    SEVERAL_SERIES = (
        "OPS_SEVERAL_SERIES",
        "The query answered several series where one was asked.",
        "Aggregate it, for instance with sum(...).",
    )
    QUERY_WARNED = (
        "OPS_QUERY_WARNED",
        "The source answered with warnings, so the answer may be partial.",
        "Read the warning; mend the query or the source.",
    )
    QUERY_REFUSED = (
        "OPS_QUERY_REFUSED",
        "The source refused the query.",
        "Mend the query; the detail says what is wrong with it.",
    )
    SOURCE_DOWN = (
        "OPS_SOURCE_DOWN",
        "The source of evidence did not answer in time.",
        "Check that it is up; the stage waits, and holds at its longest observation.",
    )
    PLATFORM_DOWN = (
        "OPS_PLATFORM_DOWN",
        "The platform did not answer in time.",
        "Check that it is up; forward moves wait, reducing verbs are retried without end.",
    )
    PLATFORM_REFUSED = (
        "OPS_PLATFORM_REFUSED",
        "The platform refused the verb.",
        "The detail says why.",
    )
    STALE_EPOCH = (
        "OPS_STALE_EPOCH",
        "A newer promotion owns the bot, so this state change was refused.",
        "Nothing to do: this is what the epoch is for.",
    )
    UNKNOWN_BOT = "OPS_UNKNOWN_BOT", "The platform knows no bot of this name.", "Check the name of the bot."
    UNKNOWN_TARGET = (
        "OPS_UNKNOWN_TARGET",
        "The scope and target cover no bot of the platform.",
        "Name one of the targets that the detail lists.",
    )
    UNKNOWN_RELEASE = (
        "OPS_UNKNOWN_RELEASE",
        "The platform knows no such release of this bot.",
        "Publish the release to the platform first, or check its digests.",
    )
    AUDIT_DOWN = (
        "OPS_AUDIT_DOWN",
        "The audit store did not take the record.",
        "Mend the store; nothing moves up until it answers, coming down goes on.",
    )
    AUDIT_CONFLICT = (
        "OPS_AUDIT_CONFLICT",
        "An audit record with the same key and other content exists.",
        "Treat as an incident: 'ladder audit verify'.",
    )
    NOTICE_UNDELIVERED = (
        "OPS_NOTICE_UNDELIVERED",
        "The notice could not be delivered, so the window has not opened.",
        "Mend the channel; the window opens by itself when the notice is delivered.",
    )
    TEMPORAL_DOWN = (
        "OPS_TEMPORAL_DOWN",
        "Temporal did not answer.",
        "Check the server and TEMPORAL_ADDRESS; 'ladder kill' works without it.",
    )
    NO_SUCH_PROMOTION = (
        "OPS_NO_SUCH_PROMOTION",
        "No promotion of this bot is running.",
        "'ladder list' shows what runs; 'ladder audit show' what was.",
    )
    WORKER_SILENT = (
        "OPS_WORKER_SILENT",
        "The promotion exists but no worker answers.",
        "Start 'ladder worker'; prohibitions are stored and take effect when it is back.",
    )
