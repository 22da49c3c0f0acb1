"""Rollout, approval, audit, drift: the texts of ``GOV_*``."""

TEXTS = {
    "GOV_GATE_PASSED": (
        "The evidence is within the gate's limit.",
        "Nothing to do.",
    ),
    "GOV_GATE_FAILED": (
        "The evidence is outside the gate's limit.",
        "Look at the value against the limit; 'ladder hold' stops the climb without changing exposure.",
    ),
    "GOV_GATES_PASSED": (
        "Every gate of the stage passes on fresh evidence.",
        "Nothing to do.",
    ),
    "GOV_GATES_OPEN": (
        "Not every gate passes yet; the stage goes on being observed.",
        "Wait, or 'ladder extend' if the stage needs longer than its maximum.",
    ),
    "GOV_OBSERVE_EXHAUSTED": (
        "The stage reached its longest observation without every gate passing.",
        "'ladder extend', 'ladder retry' or 'ladder rollback'.",
    ),
    "GOV_TOO_FEW_SAMPLES": (
        "There are fewer samples than the gate needs to judge.",
        "Wait for more; if the bot trades too rarely for this ladder, lengthen 'observe'.",
    ),
    "GOV_NOT_LONG_ENOUGH": (
        "The stage has not been observed for its minimum time yet.",
        "Wait.",
    ),
    "GOV_NOT_SHOWN": (
        "It is not yet shown that the candidate is good enough, nor that it is worse.",
        "Wait; 'ladder plan' says how long a stage must watch. A margin that is too tight is never shown.",
    ),
    "GOV_SLICES_DEPEND": (
        "Neighbouring slices resemble one another, so that chance looks like proof.",
        "Lengthen the gate's 'slice' to several times as long as positions or bursts last.",
    ),
    "GOV_REPLAY_DIFFERS": (
        "Two replays of this release over the same data decided differently.",
        "The release is not deterministic; find the cause before it trades.",
    ),
    "GOV_LOOKS_OPEN": (
        "The looks so far reach neither their number nor a limit.",
        "Wait for more looks; a policy without 'count' ends only when a limit is reached.",
    ),
    "GOV_LOOKS_INCONCLUSIVE": (
        "The looks ended without an answer: too many could not say, or too few passed in a row.",
        "Look at why they could not say; a metric that comes late needs a pause or a higher 'inconclusive_limit'.",
    ),
    "GOV_SCORE_MARGINAL": (
        "The score of all gates is below 'pass' and not below 'marginal'.",
        "Look at the gates that did not pass, then decide: 'ladder skip', 'ladder retry' or 'ladder rollback'.",
    ),
    "GOV_CASE_UNREADABLE": (
        "The gate or the evidence in the file cannot be read, so nothing was judged.",
        "Mend the field that is named; docs/evaluate.md shows the form.",
    ),
    "GOV_WRONG_EVIDENCE": (
        "The evidence is of a kind that the gate does not judge.",
        "Give the gate evidence of its own kind; docs/evaluate.md has the table.",
    ),
    "GOV_SLO_MISSED": (
        "A service level is below its target: more events were bad than its error budget allows.",
        "The verdict names the owner; find out what the bad events have in common before anything is relaxed.",
    ),
    "GOV_DRIFTED": (
        "Recent data differs from the training data by more than the limit, and by more than chance explains.",
        "Evaluate the model again: 'ladder rollback', then a start from the first stage replays this digest afresh.",
    ),
    "GOV_VIOLATIONS": (
        "The release broke its parser's or schema's rules: critically, or more often than what it is compared with.",
        "Read the bot's log for the violations; they are in what it reads or in what it writes.",
    ),
    "GOV_APPROVED": (
        "The approval counts.",
        "Nothing to do.",
    ),
    "GOV_ALLOWED": (
        "The person may do this.",
        "Nothing to do.",
    ),
    "GOV_VETOED": (
        "A person entitled to stop it vetoed the promotion.",
        "The release is held out; 'ladder holdout lift' lets it climb again.",
    ),
    "GOV_VETO_WINDOW_PASSED": (
        "The veto window ran out, nobody objected and the gates still pass.",
        "Nothing to do.",
    ),
    "GOV_HELD": (
        "A person stopped the climb; exposure is unchanged and guards are alive.",
        "'ladder resume', 'ladder retry', 'ladder skip' or 'ladder rollback'.",
    ),
    "GOV_ROLLED_BACK_BY_PERSON": (
        "A person asked for the rollback.",
        "Nothing to do.",
    ),
    "GOV_SKIPPED": (
        "A person with the right left the stage without its gates.",
        "Nothing to do; the record says who and why.",
    ),
    "GOV_CANCELLED": (
        "The promotion was ended before anything was exposed.",
        "Nothing to do.",
    ),
    "GOV_SUPERSEDED": (
        "Another release of the same bot took over.",
        "Nothing to do.",
    ),
    "GOV_APPROVAL_EXPIRED": (
        "The approval was not given in time.",
        "Start again, or ask the approvers why.",
    ),
    "GOV_UNKNOWN_PERSON": (
        "people.yaml knows nobody by this identity.",
        "Add the person to people.yaml, or act as somebody it knows.",
    ),
    "GOV_NOT_ENTITLED": (
        "The person has none of the roles this needs.",
        "Ask somebody with the role; 'ladder status' names who may act.",
    ),
    "GOV_FOUR_EYES": (
        "The author of a release may not approve it here.",
        "Ask a second person.",
    ),
    "GOV_ALREADY_APPROVED": (
        "This person's approval is counted already.",
        "Nothing to do.",
    ),
    "GOV_REASON_NEEDED": (
        "This needs a reason in words.",
        "Add --reason.",
    ),
    "GOV_DIRECTORY_UNREADABLE": (
        "People or policy could not be read, so nobody's right could be established.",
        "Mend people.yaml or policy.yaml ('ladder check'); prohibitions stand meanwhile.",
    ),
    "GOV_WRONG_PROMOTION": (
        "The message was meant for another promotion; it was recorded and ignored.",
        "Look at 'ladder status' and act on the promotion that runs now.",
    ),
    "GOV_WRONG_STAGE": (
        "The message was meant for another stage or attempt.",
        "Look at 'ladder status' and act on what it shows now.",
    ),
    "GOV_STALE_EVIDENCE": (
        "The evidence has changed since the person looked at it.",
        "Look at the fresh evidence and decide again.",
    ),
    "GOV_NOTHING_TO_APPROVE": (
        "The promotion is not waiting for an approval.",
        "'ladder status' shows what it waits for.",
    ),
    "GOV_NOT_RULED_YET": (
        "The message is stored and stands as sent, but nobody has ruled on it yet.",
        "Look again in some seconds: 'ladder status', or the promotion's message; start a worker if none runs.",
    ),
    "GOV_UNKNOWN_BUTTON": (
        "The button is none of ours, or its record is gone.",
        "Open the promotion's newest message in the ladder's channel, or use 'ladder status'.",
    ),
    "GOV_WRONG_PLACE": (
        "The message is a copy, or an old one: the promotion's own message is another.",
        "Open the promotion's newest message in the ladder's channel; a veto, hold or kill counts from anywhere.",
    ),
    "GOV_WRONG_WORKSPACE": (
        "It came from another Slack workspace than the one in slack.yaml.",
        "Act from the desk's own workspace; people of other companies in a shared channel may only look.",
    ),
    "GOV_NOT_ON_HOLD": (
        "The promotion is not on hold.",
        "'ladder status' shows what it does.",
    ),
    "GOV_NOTHING_TO_EXTEND": (
        "There is no observation or window to extend.",
        "'ladder status' shows what the promotion does.",
    ),
    "GOV_EXTENSION_OUT_OF_RANGE": (
        "An extension is longer than nothing and at most 90 days.",
        "Say how much longer, for instance --by 2h.",
    ),
    "GOV_TOO_MANY_MESSAGES": (
        "So many messages wait for their ruling that this one was not taken in.",
        "Try again; a prohibition of yours that waits already need not be sent twice.",
    ),
    "GOV_NOT_A_SUCCESSOR": (
        "What was to take over is no other promotion of this bot.",
        "'ladder start RELEASE.yaml --supersede' makes the right one.",
    ),
    "GOV_STILL_EXPOSED": (
        "Something is exposed, so the promotion cannot just be cancelled.",
        "'ladder rollback' flattens first.",
    ),
    "GOV_COMING_DOWN": (
        "The promotion is already coming down; nothing can move it up again.",
        "Wait until it is flat, then start again.",
    ),
    "GOV_UNREADABLE_MESSAGE": (
        "A message could not be read; it was taken as a hold.",
        "'ladder resume' when you know what it meant.",
    ),
    "GOV_ANOTHER_RELEASE_CLIMBS": (
        "Another release of this bot is on its ladder.",
        "Wait for it, roll it back, or start with --supersede.",
    ),
    "GOV_HELD_OUT": (
        "The release was refused before and is held out.",
        "'ladder holdout lift' with a reason, then start again.",
    ),
    "GOV_ALREADY_STABLE": (
        "This release is stable already.",
        "Nothing to do.",
    ),
    "GOV_NO_LADDER_NEEDED": (
        "The policy asks for no ladder for this class of change.",
        "Deploy it the usual way; the reason is recorded.",
    ),
    "GOV_CHANGE_CLASS_TOO_LOW": (
        "A change of documents or manifest may not change the digest of what runs.",
        "State the class of what really changed.",
    ),
    "GOV_UNKNOWN_STAGE": (
        "The ladder has no stage of this name.",
        "Choose one of the named stages.",
    ),
    "GOV_LADDER_UNREADABLE": (
        "The ladder or the policy is not valid.",
        "Run 'ladder check' on the file and mend what it names.",
    ),
    "GOV_EVIDENCE_NOT_CARRIED": (
        "The earlier climb holds no passed stage of this very release and ladder to carry over.",
        "Start from the first stage.",
    ),
    "GOV_PREFLIGHT_FAILED": (
        "A preflight check of the ladder failed.",
        "Run the ladder's probe of this name by hand (no output is kept), mend what it says, then start or retry.",
    ),
    "GOV_NOT_ATTESTED": (
        "A preflight probe has no result, or none that is young enough.",
        "'ladder retry' runs the probes again, once the stage is held.",
    ),
    "GOV_APPROVALS_WAIT": (
        "Too many approvals wait for people already.",
        "'ladder list' shows who waits; answer some of them, then 'ladder resume'.",
    ),
    "GOV_STARTED": (
        "The promotion was started.",
        "Nothing to do.",
    ),
    "GOV_INCIDENT_OPEN": (
        "A critical incident of this bot, or of a scope that covers it, is not resolved.",
        "'ladder incidents' says what must be done; 'ladder incidents resolve' when it is.",
    ),
    "GOV_NO_SUCH_INCIDENT": (
        "The queue holds no open incident of this id.",
        "'ladder incidents' lists those that wait; with --all also those that are resolved.",
    ),
    "GOV_SETTLED": (
        "The release is stable now.",
        "Nothing to do.",
    ),
}
