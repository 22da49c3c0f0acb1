"""``ladder plan``: how long each stage must watch."""

import math
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from promotion_ladder.cli.common import FAILED, Format, Output, fail, out, screen, write_json
from promotion_ladder.cli.recorded import Arm, HistoryFolder, LadderFile, chosen, load
from promotion_ladder.core.base import show_duration
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.gates import NonInferiorityGate
from promotion_ladder.core.history import History
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.plan import Known, Planned, known_of, plan, sliced, stated
from promotion_ladder.core.platform import Variant

app = typer.Typer()


@app.command("plan", rich_help_panel="Files")
def plan_(
    ladder: LadderFile,
    history: HistoryFolder = None,
    variant: Arm = None,
    trades_per_hour: Annotated[
        float | None, typer.Option(help="Without a history: how many trades the bot closes.", show_default=False)
    ] = None,
    sd: Annotated[
        float | None,
        typer.Option(help="Without a history: spread of one trade's profit per value traded.", show_default=False),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Say how long each stage must watch until its non_inferiority gates have 80 % power.

    Both arms are taken to be like the one that is known, and the release to be as good as it.

    Exit status: 0 every gate gets there before observe.max, 1 one of them does not, or something cannot be read.

    Examples:
      ladder plan ladder.yaml --history recorded

      ladder plan ladder.yaml --trades-per-hour 40 --sd 0.008
    """
    try:
        read, recorded, notes = load(ladder, history)
        known = _known(read, recorded, history is not None, variant, trades_per_hour, sd)
        planned = list(plan(read, known))
    except LadderError as error:
        fail(output, error)
    if output is Format.JSON:
        write_json({"ladder": read.ladder, "gates": [one.model_dump(mode="json") for one in planned], "notes": notes})
    else:
        _show(planned, notes)
    if any(one.watch is None for one in planned):
        raise typer.Exit(FAILED)


def _known(
    ladder: Ladder, history: History, recorded: bool, variant: Variant | None, rate: float | None, sd: float | None
) -> dict[tuple[str, str], Known]:
    if recorded == (rate is not None or sd is not None) or (not recorded and (rate is None or sd is None)):
        raise typer.BadParameter(
            "state either --history, or --trades-per-hour and --sd together", param_hint="--history"
        )
    if rate is not None and sd is not None and not (0.001 <= rate < math.inf and 0 < sd < math.inf):
        raise typer.BadParameter(
            f"{rate:g} trades an hour with a spread of {sd:g}: both must be above zero, for instance 40 and 0.008",
            param_hint="--trades-per-hour, --sd",
        )
    found: dict[tuple[str, str], Known] = {}
    arm = chosen(history, variant) if recorded else None
    for stage in ladder.stages:
        for gate in stage.gates:
            if not isinstance(gate, NonInferiorityGate):
                continue
            if arm is not None:
                known = known_of(sliced(gate, history, stage.name, arm), f"recorded slices of {arm}", gate.bounds)
            else:
                known = stated(gate, rate or 0, sd or 0)
            if known is not None:
                found[stage.name, gate.name] = known
    return found


def _show(planned: list[Planned], notes: list[str]) -> None:
    if not planned:
        out.print("no stage has a non_inferiority gate: there is nothing to plan")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("stage", "gate", "asked", "watch", "at most", "by then", "other margins"):
        table.add_column(column, overflow="fold")
    for one in planned:
        watch = Text(show_duration(one.watch), style="green") if one.watch is not None else Text("not", style="red")
        others = ", ".join(
            f"{each.margin:.3g}: {show_duration(each.watch) if each.watch is not None else 'not'}"
            for each in one.margins
        )
        reachable = "" if one.reachable is None else f"{one.reachable:.3g}"
        table.add_row(one.stage, one.gate, f"{one.margin:g}", watch, show_duration(one.longest), reachable, others)
    screen.print(table)
    for one in planned:
        if one.watch is None:
            out.print(Text.assemble(("! ", "yellow"), f"{one.stage} {one.gate}: {one.because}"))
    for note in notes:
        out.print(Text.assemble(("! ", "yellow"), note))
