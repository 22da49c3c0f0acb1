"""What the Temporal UI shows of a run: the state as a short Markdown page."""

from promotion_ladder.core.base import show_duration
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.state import PromotionState


def markdown(state: PromotionState) -> str:
    """The state for a person who looks at the run in Temporal's own UI."""
    release = state.release
    lines = [f"**{release.bot} {release.version}**, {release.change} by {release.author}", ""]
    if state.ladder is not None:
        rungs = []
        for index, stage in enumerate(state.ladder.stages):
            mark = "✔" if index < state.stage_index or state.ending == "stable" else "·"
            if index == state.stage_index and state.ending is None:
                mark = "▶"
            share = f" {stage.share:.0%}" if stage.mode in (Mode.CANARY, Mode.LIVE) else ""
            rungs.append(f"{mark} {stage.name}{share}")
        lines += [" → ".join(rungs), ""]
    lines.append(f"Now: **{state.phase}**" + (f", attempt {state.attempt}" if state.attempt > 1 else ""))
    if state.window is not None:
        lines.append(f"until {state.window.deadline:%Y-%m-%d %H:%M:%S} UTC")
    if state.hold is not None:
        lines += ["", f"On hold by {state.hold.actor}: {state.hold.reason} ({state.hold.code})"]
    if state.stop is not None:
        lines += ["", f"Coming down, {state.stop.actor}: {state.stop.reason} ({state.stop.code})"]
    if state.flat is not None:
        lines.append(f"Positions: **{state.flat.state}**")
    if state.ending is not None:
        lines += ["", f"Ended: **{state.ending}**, {state.ended_sentence}"]
    if state.decision is not None:
        lines += ["", f"After {show_duration(state.decision.elapsed)}: {state.decision.sentence}", ""]
        lines += ["| gate | verdict | reading |", "|---|---|---|"]
        lines += [f"| {v.name} | {v.outcome} | {v.sentence} |" for v in state.decision.verdicts]
    return "\n".join(lines)[:15000]
