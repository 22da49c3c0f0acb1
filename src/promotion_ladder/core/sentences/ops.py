"""Data, platform, notices: the texts of ``OPS_*``."""

TEXTS = {
    "OPS_NO_DATA": (
        "The source answered, but with no data, so nothing can be concluded.",
        "Check that the bot exports the metric and that Prometheus scrapes it.",
    ),
    "OPS_NOT_A_NUMBER": (
        "The source answered NaN or infinity, so nothing can be concluded.",
        "Check the query for a division by zero.",
    ),
    "OPS_OUT_OF_BOUNDS": (
        "A mean lies outside the bounds that its gate states for every score, so the gate cannot pass any more.",
        "Clip the score in its query, or state bounds that hold; then 'ladder retry' begins with no evidence.",
    ),
    "OPS_STALE_DATA": (
        "The newest sample is too old to conclude anything from.",
        "Check the bot and the scrape.",
    ),
    "OPS_SEVERAL_SERIES": (
        "The query answered several series where one was asked.",
        "Aggregate it, for instance with sum(...).",
    ),
    "OPS_QUERY_WARNED": (
        "The source answered with warnings, so the answer may be partial.",
        "Read the warning; mend the query or the source.",
    ),
    "OPS_QUERY_REFUSED": (
        "The source refused the query.",
        "Mend the query; the detail says what is wrong with it.",
    ),
    "OPS_LOOKS_ERRED": (
        "More looks in a row broke than the policy bears.",
        "Mend what the gate looks at; its last error says what that is.",
    ),
    "OPS_SOURCE_DOWN": (
        "The source of evidence did not answer in time.",
        "Check that it is up; the stage waits, and holds at its longest observation.",
    ),
    "OPS_OVERLOADED": (
        "The bot's pool of workers was overloaded, or empty, for longer than the gate allows.",
        "Give the pool more workers, or the release less to do.",
    ),
    "OPS_DATA_GAPS": (
        "A market's data has gaps, or is old.",
        "Look at the feed of the market that the verdict names.",
    ),
    "OPS_ALERT_FIRES": (
        "An alert that the gate looks for is firing.",
        "See to the alert; the gate looks again by itself.",
    ),
    "OPS_HISTORY_UNREADABLE": (
        "The recorded history cannot be read, or does not hold what was asked of it.",
        "Mend the line that the detail names; docs/backtest.md shows the format.",
    ),
    "OPS_PLATFORM_DOWN": (
        "The platform did not answer in time.",
        "Check that it is up; forward moves wait, reducing verbs are retried without end.",
    ),
    "OPS_PLATFORM_REFUSED": (
        "The platform refused the verb.",
        "The detail says why.",
    ),
    "OPS_STALE_EPOCH": (
        "A newer promotion owns the bot, so this state change was refused.",
        "Nothing to do: this is what the epoch is for.",
    ),
    "OPS_UNKNOWN_BOT": (
        "The platform knows no bot of this name.",
        "Check the name of the bot.",
    ),
    "OPS_UNKNOWN_TARGET": (
        "The scope and target cover no bot of the platform.",
        "Name one of the targets that the detail lists.",
    ),
    "OPS_UNKNOWN_RELEASE": (
        "The platform knows no such release of this bot.",
        "Publish the release to the platform first, or check its digests.",
    ),
    "OPS_PLATFORM_LACKS": (
        "The platform cannot do what a stage with money rests on.",
        "Supply lease, epoch, keys and latch beside it, with 'ladder guard BOT --listen', or use another ladder.",
    ),
    "OPS_AUDIT_DOWN": (
        "The audit store did not take the record.",
        "Mend the store; nothing moves up until it answers, coming down goes on.",
    ),
    "OPS_AUDIT_CONFLICT": (
        "An audit record with the same key and other content exists.",
        "Treat as an incident: 'ladder audit verify'.",
    ),
    "OPS_SET_BACK": (
        "The promotion's run was reset in Temporal: it does again what it did since that point.",
        "Look at 'ladder status' and at the positions; 'ladder rollback' if in doubt.",
    ),
    "OPS_NOTICE_UNDELIVERED": (
        "The notice could not be delivered, so the window has not opened.",
        "Mend the channel; the window opens by itself when the notice is delivered.",
    ),
    "OPS_SLACK_DOWN": (
        "Slack did not answer, so nobody knows whether it did what it was asked.",
        "Check status.slack.com and the way there; it is looked for before it is sent again. The CLI has every verb.",
    ),
    "OPS_SLACK_REFUSED": (
        "Slack refused what it was asked.",
        "'ladder slack check' says what is wrong with channel, scopes or groups.",
    ),
    "OPS_SLACK_BUSY": (
        "Slack asks for a pause: more was sent than it takes at once.",
        "Nothing: it is sent again after the pause. If it lasts, give noisy desks channels of their own.",
    ),
    "OPS_SLACK_TOKEN": (
        "Slack does not take the token, or the token lacks a scope.",
        "Install the app anew from config/slack/manifest.yaml, set the token, then 'ladder slack check'.",
    ),
    "OPS_SLACK_BOOK": (
        "What the buttons in Slack stand for cannot be read, so a click cannot be told from another.",
        "Check LADDER_AUDIT_URL; until then use the CLI. A kill works from Slack all the same.",
    ),
    "OPS_SLACK_DEAF": (
        "No gateway hears clicks in Slack, so a message there could not be answered.",
        "Start 'ladder slack'; the window opens by itself when it hears.",
    ),
    "OPS_SLACK_CONFIG": (
        "slack.yaml, or one of the tokens beside it, is missing or cannot be read.",
        "See docs/slack.md; 'ladder slack check' names what is missing.",
    ),
    "OPS_PAGER_DOWN": (
        "A channel to on-call did not take an alert; it is told again until it is taken.",
        "Mend the channel or the network to it; meanwhile 'ladder incidents' lists what on-call should know.",
    ),
    "OPS_ALERT_REFUSED": (
        "A channel to on-call refused an alert as invalid, so it is not sent again.",
        "Mend what the detail names, mostly the key, and try 'ladder incidents test-alert'; 'ladder incidents' has it.",
    ),
    "OPS_GROUPS_UNKNOWN": (
        "Slack did not say who is in the group.",
        "Try again when Slack answers, or let somebody act whose roles stand beside their name in people.yaml.",
    ),
    "OPS_TEMPORAL_DOWN": (
        "Temporal did not answer.",
        "Check the server and TEMPORAL_ADDRESS; 'ladder kill' works without it.",
    ),
    "OPS_NO_SUCH_PROMOTION": (
        "No promotion of this bot is running.",
        "'ladder list' shows what runs; 'ladder audit show' what was.",
    ),
    "OPS_WORKER_SILENT": (
        "The promotion exists but no worker answers.",
        "Start 'ladder worker'; prohibitions are stored and take effect when it is back.",
    ),
    "OPS_STACK_RUNS": (
        "A local stack runs on this directory already.",
        "Use that one, end it with Ctrl-C in its terminal, or name another directory with --state.",
    ),
    "OPS_GUARD_RUNS": (
        "Another process has the state file or the address that this guard needs.",
        "One guard supplies all bots of a platform: use that one, or name another LADDER_STATE or --listen.",
    ),
}
