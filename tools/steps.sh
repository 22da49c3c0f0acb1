# shellcheck shell=sh
# Sourced by the other scripts: one line per step, with its time; a step's own output is shown only when it fails.

step_log=$(mktemp)
trap 'rm -f "$step_log"' EXIT
trap 'exit 130' HUP INT TERM

# attempt LABEL COMMAND...: runs it; a dot every five seconds shows that it is alive. Returns the command's status.
attempt() {
    attempt_label=$1
    shift
    attempt_start=$(date +%s)
    printf '%s' "$attempt_label"
    # The sleep must not hold the caller's pipe open, and the dots must end even if this script is killed.
    (while sleep 5 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do printf ' .'; done) &
    attempt_dots=$!
    attempt_status=0
    printf '\n== %s\n' "$attempt_label" >>"$step_log"
    "$@" </dev/null >>"$step_log" 2>&1 || attempt_status=$?
    kill "$attempt_dots" 2>/dev/null || true
    wait "$attempt_dots" 2>/dev/null || true
    attempt_time=$(($(date +%s) - attempt_start))
    if [ "$attempt_status" -eq 0 ]; then
        printf ' %s s\n' "$attempt_time"
    else
        printf ' did not work (%s s)\n' "$attempt_time"
    fi
    return "$attempt_status"
}

# step LABEL COMMAND...: as attempt, but its failure ends the script.
step() {
    attempt "$@" || die "'$1' failed; what it said stands above."
}

# die LINE...: shows the end of what the steps said, then the reason and the ways out.
die() {
    if [ -s "$step_log" ]; then
        tail -n 60 "$step_log" >&2
        printf '\n' >&2
    fi
    printf 'Error: ' >&2
    printf '%s\n' "$@" >&2
    exit 1
}
