"""How a promotion looks in a terminal: its rungs, its gates with number and limit, what it waits for."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from promotion_ladder.core.base import show_duration
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.pending import pending
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.state import Ending, Phase, PromotionState
from promotion_ladder.core.verdict import Outcome, Verdict

OUTCOMES = {
    Outcome.PASS: ("✔", "green"),
    Outcome.FAIL: ("✖", "red"),
    Outcome.INCONCLUSIVE: ("?", "yellow"),
    Outcome.NO_DATA: ("◌", "yellow"),
    Outcome.ERROR: ("⚠", "red"),
}
PHASES = {
    Phase.AWAITING_NOTICE: "yellow",
    Phase.VETO_WINDOW: "yellow",
    Phase.AWAITING_APPROVAL: "yellow",
    Phase.ON_HOLD: "yellow",
    Phase.COMING_DOWN: "red",
}
ENDINGS = {Ending.STABLE: "bold green", Ending.ROLLED_BACK: "bold red", Ending.VETOED: "bold yellow"}


def promotion_tree(state: PromotionState, now: datetime, *, compact: bool = False) -> RenderableType:
    """The whole promotion; ``compact`` puts all rungs on one line, shows only the one it stands on, and cuts lines."""
    if compact:
        cut = [_header(state), _rungs(state), *_details(state, now)]
        for line in cut:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*cut[:2], *(Padding(line, (0, 0, 0, 2)) for line in cut[2:]))
    tree = Tree(_header(state), guide_style="dim")
    for index, stage in enumerate(state.ladder.stages if state.ladder else ()):
        branch = tree.add(_rung(state, index, stage))
        if index == state.stage_index:
            for line in _details(state, now):
                branch.add(line)
    if state.ladder is None:
        tree.add(_details(state, now)[0])
    return tree


def status_word(state: PromotionState) -> Text:
    """What it does, or how it ended, in one coloured word."""
    if state.ending is not None:
        return Text(str(state.ending).replace("_", " "), style=ENDINGS.get(state.ending, "bold"))
    return Text(str(state.phase).replace("_", " "), style=PHASES.get(state.phase, "cyan"))


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style)


def _header(state: PromotionState) -> Text:
    release = state.release
    header = _line("")
    header.append(f"{release.bot} {release.version}", style="bold")
    header.append("  ")
    header.append_text(status_word(state))
    header.append(f"  {release.change} by {release.author}", style="dim")
    if state.stable is not None:
        header.append(f", replaces {state.stable.version}", style="dim")
    return header


def _share(stage: Stage) -> str:
    return f"{stage.share:.0%}" if stage.mode.touches_money else ""


def _mark(state: PromotionState, index: int) -> tuple[str, str]:
    if index < state.stage_index or state.ending is Ending.STABLE:
        return "✔", "green"
    if index > state.stage_index:
        return "·", "dim"
    if state.stop is not None or state.ending is not None:
        return "✖", "red"
    return ("॥", "yellow") if state.hold is not None else ("▶", "cyan")


def _rung(state: PromotionState, index: int, stage: Stage) -> Text:
    mark, style = _mark(state, index)
    rung = _line("")
    rung.append(f"{mark} ", style=style)
    rung.append(f"{stage.name:<10}", style="bold" if index == state.stage_index else "")
    rung.append(f" {_share(stage):>4} ", style="magenta")
    passed = next((record for record in reversed(state.passed) if record.stage == stage.name), None)
    if passed is not None:
        took = timedelta(seconds=round((passed.left_at - passed.entered_at).total_seconds()))
        how = "carried over" if passed.carried_from else show_duration(took)
        rung.append(f" {stage.exit.kind}, {how}", style="dim")
    elif index == state.stage_index and state.attempt > 1:
        rung.append(f" attempt {state.attempt}", style="yellow")
    elif index > state.stage_index:
        rung.append(f" {stage.mode}, left by {stage.exit.kind}", style="dim")
    return rung


def _rungs(state: PromotionState) -> Text:
    line = _line("  ")
    for index, stage in enumerate(state.ladder.stages if state.ladder else ()):
        mark, style = _mark(state, index)
        line.append(f"{mark} ", style=style)
        line.append(stage.name, style="bold" if index == state.stage_index else "dim")
        line.append("  ")
    return line


def _details(state: PromotionState, now: datetime) -> list[Text]:
    """What is seen, and what is waited for, at the stage it stands on."""
    lines: list[Text] = []
    if state.ending is Ending.STABLE or state.ladder is None:
        return [_line(state.ended_sentence or "…", "green" if state.ending is Ending.STABLE else "")]
    if state.stop is not None:
        lines.append(_line(f"{state.stop.reason}", "red"))
        lines += _way_down(state, now)
        return lines
    if state.capital is not None and state.stage.mode in (Mode.CANARY, Mode.LIVE) and state.entered_at:
        money = f"{state.capital * state.stage.share:,.2f} of {state.capital:,.2f} at the venue"
        lines.append(_line(money, "magenta"))
    for verdict in state.decision.verdicts if state.decision else ():
        lines.append(_verdict(verdict))
    lines.append(_waiting(state, now))
    return lines


def _way_down(state: PromotionState, now: datetime) -> list[Text]:
    lines: list[Text] = []
    if state.wind_down_until is not None and state.flat_at is None and state.wind_down_until > now:
        left = show_duration(timedelta(seconds=round((state.wind_down_until - now).total_seconds())))
        lines.append(_line(f"positions close by themselves, {left} left, else flattened", "yellow"))
    if state.flat is not None and state.stop is not None:
        took = f" after {(state.flat_at - state.stop.at).total_seconds():.2f}s" if state.flat_at else ""
        style = "green" if state.flat.is_flat else "bold red"
        lines.append(_line(f"positions: {state.flat.state}{took}, said by bot and venue", style))
        lines += [_line(f"  {r.instrument}: {r.at_bot} {r.error}", "red") for r in state.flat.residues]
    if state.restored:
        lines.append(_line(f"stable {state.stable.version if state.stable else ''} has the whole again", "green"))
    if state.stop is not None and state.stop.hold_out and state.ending is not None:
        lines.append(_line(f"{state.release.version} is held out until a person lifts it", "yellow"))
    return lines


def _verdict(verdict: Verdict) -> Text:
    mark, style = OUTCOMES[verdict.outcome]
    line = _line("")
    line.append(f"{mark} ", style=style)
    line.append(f"{verdict.name}: ", style="bold")
    line.append(verdict.sentence)
    return line


def _waiting(state: PromotionState, now: datetime) -> Text:
    wait = pending(state)
    line = _line("")
    line.append("… ", style="dim")
    line.append(f"waits for {wait.sentence}", style="yellow" if wait.who else "dim")
    if wait.deadline is not None:
        left = max(wait.deadline - now, timedelta(0))
        line.append(f", {show_duration(timedelta(seconds=round(left.total_seconds())))} left", style="bold")
    if wait.on_silence:
        line.append(f", else {wait.on_silence}", style="dim")
    return line
