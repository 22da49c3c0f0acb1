"""``ladder backtest``: what a ladder would have decided over a recorded history."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from promotion_ladder.adapters.history_prometheus import Asked
from promotion_ladder.cli.common import FAILED, NOT_PROMOTED, Format, Output, fail, out, screen, write_json
from promotion_ladder.cli.recorded import HistoryFolder, LadderFile, Plot, load, moment, with_prometheus
from promotion_ladder.core.backtest import Moment, enter, walk
from promotion_ladder.core.base import cents
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.history import History
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.recorded import assumed
from promotion_ladder.core.verdict import Verdict

app = typer.Typer()

HELD = 5
RUNNING = 6
STATUS = {"live": 0, "aborted": NOT_PROMOTED, "held": HELD, "running": RUNNING}


@app.command(rich_help_panel="Files")
def backtest(
    ladder: LadderFile,
    history: HistoryFolder = None,
    prometheus: Annotated[
        str | None, typer.Option(help="Take the series from this Prometheus; needs --bot, --release, --stable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="When the first stage is entered; UTC unless it names a zone.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="When the history ends.")] = None,
    bot: Annotated[str, typer.Option(help="With --prometheus: the label 'bot'.")] = "",
    release: Annotated[str, typer.Option(help="With --prometheus: the candidate's label 'release'.")] = "",
    stable: Annotated[str, typer.Option(help="With --prometheus: the label 'release' of stable and baseline.")] = "",
    capital: Annotated[str, typer.Option(help="The bot's capital, for limits that are a share of it.")] = "100000",
    every: Annotated[bool, typer.Option("--all", help="Show every judgement, not only those that changed.")] = False,
    plot: Plot = None,
    output: Output = Format.TEXT,
) -> None:
    """Walk a ladder over recorded evidence: every decision it would have taken, with its time and why.

    The same judges, decisions and running sums as in a promotion. Approvals are taken to be given at once.

    Exit status: 0 it reached live, 3 it was aborted, 5 it was held, 6 it still climbs when the history ends, 1 the
    ladder or the history cannot be read, 2 the command was not understood.

    Examples:
      ladder backtest config/ladders/quick.yaml --history recorded --from 2026-09-01 --plot evidence.png

      ladder backtest ladder.yaml --prometheus http://localhost:9090 --history recorded --bot wti-trend --release 2.4.0
      --stable 2.3.1 --from 2026-09-01 --to 2026-09-30 -o json
    """
    try:
        read, recorded, notes = load(ladder, history)
        begin, end = moment(since, "--from"), moment(until, "--to")
        money = _money(capital)
        if prometheus is not None:
            recorded = with_prometheus(prometheus, read, recorded, _asked(bot, release, stable, begin, end))
        begin, end = _span(recorded, begin, end)
        moments = walk(read, recorded, enter(read, 0, begin), end, money)
        found = _Report(read, begin, end, assumed(read, recorded), notes)
        found.take(moments, every=every, dots=plot is not None)
    except LadderError as error:
        fail(output, error)
    if output is Format.JSON:
        write_json(found.data())
    else:
        found.show()
    if plot is not None:
        _draw(found, plot, output)
    raise typer.Exit(STATUS[found.ended])


def _asked(bot: str, release: str, stable: str, begin: datetime | None, end: datetime | None) -> Asked:
    if bot and release and stable and begin and end:
        return Asked(bot, release, stable, begin, end)
    raise typer.BadParameter(
        "--prometheus needs --bot, --release, --stable, --from and --to: the labels and the time that is asked for",
        param_hint="--prometheus",
    )


def _money(text: str) -> Decimal:
    try:
        amount = Decimal(text)
        if amount.is_finite() and amount > 0 and amount == cents(amount):
            return amount
    except ArithmeticError:
        pass
    raise typer.BadParameter(
        f"'{text}' is no amount in whole cents above zero: write for instance 100000", param_hint="--capital"
    )


def _span(history: History, begin: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    span = history.span
    if span is None:
        raise LadderError(Code.HISTORY_UNREADABLE, "nothing was recorded", "name a --history, a --prometheus, or both")
    begin, end = begin or span[0], end or span[1]
    if begin >= end:
        raise LadderError(
            Code.HISTORY_UNREADABLE, f"the history ends at {end:%Y-%m-%d %H:%M}, before the climb begins",
            f"it holds {span[0]:%Y-%m-%d %H:%M} to {span[1]:%Y-%m-%d %H:%M}: choose --from and --to inside",
        )  # fmt: skip
    return begin, end


class _Report:
    """What is told of a walk."""

    def __init__(self, ladder: Ladder, begin: datetime, end: datetime, taken: list[str], notes: list[str]) -> None:
        self.ladder, self.begin, self.end = ladder, begin, end
        self.assumed, self.notes = taken, notes
        self.ended, self.reached, self.looks = "running", ladder.stages[0].name, 0
        self.why = "the history ends before the first judgement"
        self.kept: list[Moment] = []
        self.dots: list[dict[str, Any]] = []

    def take(self, moments: Iterator[Moment], *, every: bool, dots: bool) -> None:
        """Walk to the end; keep what is to be told."""
        before: object = None
        last: Moment | None = None
        for last in moments:
            self.looks += last.decision is not None
            said = _gist(last)
            if every or said != before:
                self.kept.append(last)
            before = said
            if dots:
                self.dots += _dots(last)
        if last is not None:
            if self.kept[-1] is not last:
                self.kept.append(last)
            self.ended, self.why = last.ended or "running", last.sentence
            self.reached = self.ladder.stages[last.position.stage].name

    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "ladder": self.ladder.ladder, "ladder_hash": self.ladder.hash, "from": self.begin.isoformat(),
            "to": self.end.isoformat(), "ended": self.ended, "reached": self.reached, "why": self.why,
            "judgements": self.looks, "decisions": [_row(one) for one in self.kept], "assumed": self.assumed,
            "notes": self.notes,
        }  # fmt: skip

    def show(self) -> None:
        """For people."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("time (UTC)", "stage", "decision", "why"):
            table.add_column(column, overflow="fold")
        for one in self.kept:
            step, style = _said(one)
            table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.stage, Text(step, style=style), one.sentence)
        screen.print(table)
        for one in self.kept:
            if one.decision is not None and (one.decision.step is not Step.CONTINUE or one is self.kept[-1]):
                _verdicts(one)
        for note in self.notes:
            out.print(Text.assemble(("! ", "yellow"), note))
        for sentence in self.assumed:
            out.print(Text.assemble(("· ", "dim"), f"assumed: {sentence}"))
        words = {
            "live": ("✔ ", "green", "it would have reached live"), "held": ("‖ ", "yellow", "it would have been held"),
            "aborted": ("✖ ", "red", "it would have been aborted"), "running": ("… ", "cyan", "it still climbs"),
        }  # fmt: skip
        mark, colour, word = words[self.ended]
        out.print(Text.assemble((mark, colour), f"{word}: at {self.reached}, {self.looks} judgements; {self.why}"))


def _gist(one: Moment) -> object:
    """What has to change for a judgement to be told again: what the record of a promotion goes by, too."""
    if one.decision is None:
        return one.at
    return one.stage, one.decision.step, one.decision.code, one.window_opens


def _said(one: Moment) -> tuple[str, str]:
    if one.decision is None:
        return f"guard: {one.ended}", "red" if one.ended == "aborted" else "yellow"
    if one.window_opens:
        return "window opens", "cyan"
    styles = {Step.ADVANCE: "green", Step.HOLD: "yellow", Step.ABORT: "red", Step.CONTINUE: ""}
    return one.decision.step, styles[one.decision.step]


def _row(one: Moment) -> dict[str, Any]:
    verdicts = one.decision.verdicts if one.decision is not None else ()
    tripped = one.tripped.model_dump(mode="json") if one.tripped is not None else None
    return {
        "at": one.at.isoformat(), "stage": one.stage, "decision": _said(one)[0],
        "code": one.decision.code if one.decision is not None else Code.GUARD_TRIPPED, "sentence": one.sentence,
        "ended": one.ended, "guard": tripped, "verdicts": [verdict.model_dump(mode="json") for verdict in verdicts],
    }  # fmt: skip


def _verdicts(one: Moment) -> None:
    table = Table(
        title=f"{one.at:%Y-%m-%d %H:%M:%S} {one.stage}: {_said(one)[0]}", title_justify="left", box=None,
        pad_edge=False, header_style="dim",
    )  # fmt: skip
    for column in ("gate", "verdict", "n", "sentence"):
        table.add_column(column, overflow="fold")
    for verdict in one.decision.verdicts if one.decision is not None else ():
        count = "" if verdict.n is None else str(verdict.n)
        table.add_row(
            verdict.name, Text(verdict.outcome, style="green" if verdict.passed else "yellow"), count, verdict.sentence
        )
    screen.print(table)


def _dots(one: Moment) -> list[dict[str, Any]]:
    """What the statistical gates show at this look."""
    verdicts: tuple[Verdict, ...] = one.decision.verdicts if one.decision is not None else ()
    words = ("harm", "fine", "harm_needed", "fine_needed")
    return [
        {"at": one.at, "gate": verdict.name, "stage": one.stage} | {word: verdict.details[word] for word in words}
        for verdict in verdicts
        if verdict.details.get("harm_needed") and verdict.details.get("fine_needed")
    ]


def _draw(found: _Report, file: Path, output: Format) -> None:
    from promotion_ladder.adapters.evidence_plot import Dot, Mark, draw_evidence  # noqa: PLC0415 - half a second

    marks = [Mark(found.begin, found.ladder.stages[0].name)]
    for one in found.kept:
        if one.ended is not None:
            marks.append(Mark(one.at, f"ended: {one.ended}", one.ended))
        elif one.window_opens:
            marks.append(Mark(one.at, "window"))
        elif one.decision is not None and one.decision.step is Step.ADVANCE:
            marks.append(Mark(one.at, found.ladder.stages[one.position.stage].name))
    title = f"{found.ladder.ladder}: {found.ended} at {found.reached}"
    try:
        draw_evidence([Dot(**dot) for dot in found.dots], marks, title, file)
    except OSError as error:
        fail(
            output,
            LadderError(Code.HISTORY_UNREADABLE, f"{file} cannot be written: {error.strerror}", "choose another file"),
            FAILED,
        )
