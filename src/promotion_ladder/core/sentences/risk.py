"""Guards, limits, kill, flatten: the texts of ``RISK_*``."""

TEXTS = {
    "RISK_GUARD_OK": (
        "The guard sees nothing wrong.",
        "Nothing to do.",
    ),
    "RISK_GUARD_TRIPPED": (
        "A guard's limit was broken; entries were paused at the platform at once.",
        "Wait until the positions are flat; the release is held out.",
    ),
    "RISK_GUARD_BLIND": (
        "A guard could not see what it watches for longer than the stage allows; entries were paused.",
        "Find out why the platform does not say what the guard asks; 'blind_for' and 'on_blind' are the ladder's.",
    ),
    "RISK_BUDGET_BURNS": (
        "The error budget of a service level burns too fast, in the long window and still in the short one.",
        "The verdict names the owner; wait until the positions are flat, then find out what fails.",
    ),
    "RISK_SCOPE_PAUSED": (
        "A guard latched a scope at the platform for a while; it goes on by itself when it is well again.",
        "Look at the data feed of what is named; the climb is watched on and does not move up meanwhile.",
    ),
    "RISK_SCOPE_GOES_ON": (
        "What a guard had paused is well again, and the guard lifted its own latch.",
        "Nothing to do.",
    ),
    "RISK_HARM_SHOWN": (
        "A gate that aborts on failure failed.",
        "Wait until the positions are flat; the release is held out.",
    ),
    "RISK_KILLED": (
        "A person killed it; the platform's latch stands.",
        "'ladder kill BOT --release' lifts the latch when the cause is mended.",
    ),
    "RISK_LATCHED": (
        "The platform's latch forbids new exposure.",
        "'ladder kill --release' with its scope and target lifts it, by a person with a reason; then 'ladder resume'.",
    ),
    "RISK_NOT_LATCHED": (
        "There is no latch of this scope and target to lift.",
        "'ladder status BOT' shows what latches a bot; name that scope and target.",
    ),
    "RISK_DRILL_REFUSED": (
        "A drill may touch no real money and no latch that stands, and must leave nothing behind.",
        "Drill a simulated platform, or a bot whose candidate stands in shadow or paper.",
    ),
    "RISK_FLAT": (
        "Bot and venue both say flat.",
        "Nothing to do.",
    ),
    "RISK_NOT_FLAT": (
        "Positions are left; exits are retried until bot and venue say flat.",
        "Look at the residual positions; close them at the venue by hand if it cannot wait.",
    ),
    "RISK_LEASE_LOST": (
        "The platform took the exposure back because its lease was not renewed.",
        "Find out why nobody watched, then start again.",
    ),
    "RISK_UNJUSTIFIED_EXPOSURE": (
        "The platform exposes something that no running promotion accounts for.",
        "It is latched and flattened; find out who ended the promotion or changed the platform, then lift the latch.",
    ),
    "RISK_WRONG_SHARE": (
        "What is exposed is not what the stage grants.",
        "Entries are paused and the promotion holds; 'ladder retry' sets the share anew, 'ladder rollback' ends it.",
    ),
    "RISK_UNATTENDED_EXPOSURE": (
        "Something is exposed while its promotion is stuck or answers nobody.",
        "See that a worker of the right version runs; 'ladder kill' if it cannot wait.",
    ),
    "RISK_LATCH_REMOVED": (
        "The record says that a latch stands, but the platform does not have it.",
        "It is set again; 'ladder kill BOT --release' is the way to lift one.",
    ),
    "RISK_LIMITS_MISSING": (
        "A stage that touches money states no limits.",
        "Add 'limits' with instruments, price band, order value, order count, positions and venues.",
    ),
}
