"""``ladder tune``: which gates would stop a good release, and which would miss a bad one."""

from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from promotion_ladder.cli.common import Format, Output, err, fail, out, screen, write_json
from promotion_ladder.cli.recorded import Arm, HistoryFolder, LadderFile, Plot, chosen, load
from promotion_ladder.core.base import show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.tuning import NOISY, REMEDIES, Found, Setting, Tuned, Untuned, tune

app = typer.Typer()


@app.command("tune", rich_help_panel="Files")
def tune_(
    ladder: LadderFile,
    history: HistoryFolder = None,
    variant: Arm = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same answer.")] = 1,
    splits: Annotated[int, typer.Option(min=20, max=100_000, help="How many resampled climbs.")] = 400,
    plot: Plot = None,
    output: Output = Format.TEXT,
) -> None:
    """Say how often each gate would stop a release as good as the bot itself, and how often it finds a worse one.

    One arm of the history is resampled in blocks; gates that compare get two halves of it. More than 10 % is noisy.

    Exit status: 0 tuned, whatever was found; 1 the ladder or the history cannot be read.

    Examples:
      ladder tune ladder.yaml --history recorded --plot tuning.png

      ladder tune ladder.yaml --history recorded --variant baseline --seed 7 --splits 1000 -o json
    """
    if history is None:
        raise typer.BadParameter("state --history: the directory of a recorded history", param_hint="--history")
    try:
        read, recorded, notes = load(ladder, history)
        arm = chosen(recorded, variant)
        found = _with_progress(read, Setting(recorded, arm, splits, seed))
    except LadderError as error:
        fail(output, error)
    tuned = [one for one in found if isinstance(one, Tuned)]
    untuned = [one for one in found if isinstance(one, Untuned)]
    if output is Format.JSON:
        write_json({
            "ladder": read.ladder, "ladder_hash": read.hash, "variant": arm, "splits": splits, "seed": seed,
            "tuned": [one.model_dump(mode="json") for one in tuned],
            "not_tuned": [one.model_dump(mode="json") for one in untuned], "notes": notes,
        })  # fmt: skip
    else:
        _show(tuned, untuned, notes)
    if plot is not None and tuned:
        from promotion_ladder.adapters.evidence_plot import Bar, draw_tuning  # noqa: PLC0415 - half a second

        bars = [
            Bar(
                f"{one.stage} {one.gate}", one.false.rate, one.false.error, [(p.degradation, p.rate) for p in one.power]
            )
            for one in tuned
        ]
        try:
            draw_tuning(bars, NOISY, f"{read.ladder}, {splits} resampled climbs of {arm}", plot)
        except OSError as error:
            problem = LadderError(
                Code.HISTORY_UNREADABLE, f"{plot} cannot be written: {error.strerror}", "choose another"
            )
            fail(output, problem)


def _with_progress(ladder: Ladder, setting: Setting) -> list[Tuned | Untuned]:
    checks = sum(len(stage.gates) + (len(stage.guards.checks) if stage.guards else 0) for stage in ladder.stages)
    found = []
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("resampling", total=checks)
        for one in tune(ladder, setting):
            found.append(one)
            progress.advance(task)
    return found


def _percent(found: Found) -> str:
    after = f" after {show_duration(found.after)}" if found.after is not None else ""
    return f"{100 * found.rate:.1f} ± {100 * found.error:.1f} %{after}"


def _show(tuned: list[Tuned], untuned: list[Untuned], notes: list[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("stage", "gate", "stops a good one", "finds a worse one"):
        table.add_column(column, overflow="fold")
    for one in tuned:
        power = "\n".join(f"{each.degradation}: {_percent(each)}" for each in one.power)
        table.add_row(one.stage, one.gate, Text(_percent(one.false), style="red" if one.noisy else "green"), power)
    screen.print(table)
    for one in tuned:
        if one.noisy:
            said = f"{one.stage} {one.gate} is noisy: {one.stops} in {100 * one.false.rate:.1f} % of good climbs"
            out.print(Text.assemble(("✖ ", "red"), said))
    if any(one.noisy for one in tuned):
        for place, remedy in enumerate(REMEDIES, start=1):
            out.print(Text.assemble(("→ ", "cyan"), f"{place}. {remedy}"))
    for each in untuned:
        out.print(Text.assemble(("· ", "dim"), f"not tuned: {each.stage} {each.gate} ({each.kind}): {each.why}"))
    for note in notes:
        out.print(Text.assemble(("! ", "yellow"), note))
