"""``ladder evaluate``: a gate's verdict on recorded evidence, with no server."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.text import Text

from promotion_ladder.adapters.files import Judged, judge_line, judge_text, load_check
from promotion_ladder.cli.common import CANNOT_SAY, DONE, FAILED, GATE_FAILED, Format, fail, out
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.verdict import Outcome, Verdict

app = typer.Typer()

STATUS = {
    Outcome.PASS: DONE,
    Outcome.FAIL: GATE_FAILED,
    Outcome.INCONCLUSIVE: CANNOT_SAY,
    Outcome.NO_DATA: CANNOT_SAY,
    Outcome.ERROR: FAILED,
}
MARKS = {Outcome.PASS: ("✔ ", "green"), Outcome.FAIL: ("✖ ", "red")}


class Shape(StrEnum):
    """How verdicts are printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


@app.command(rich_help_panel="Files")
def evaluate(
    gate: Annotated[Path | None, typer.Argument(help="GATE.yaml: one gate or guard.", show_default=False)] = None,
    evidence: Annotated[
        Path | None, typer.Argument(help="EVIDENCE.json, or '-' for standard input.", show_default=False)
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(help="CASES.jsonl instead: a case with 'id', 'gate' and 'evidence' a line, or '-'."),
    ] = None,
    output: Annotated[
        Shape, typer.Option("--output", "-o", help="Answer as text, or with one JSON object a case (json, jsonl).")
    ] = Shape.TEXT,
) -> None:
    """Judge recorded evidence with a gate or guard, with no server.

    Exit status 0 for pass, 5 for fail, 6 for inconclusive and no_data, 1 for error. With --batch 0 when every case
    could be read, whatever its verdict, and 1 when one could not.

    Examples:
      ladder evaluate gate.yaml evidence.json

      ladder evaluate --batch cases.jsonl -o jsonl > verdicts.jsonl
    """
    if batch is not None and gate is None:
        raise typer.Exit(_batch(batch, output))
    if batch is not None or gate is None or evidence is None:
        raise typer.BadParameter("state GATE.yaml and EVIDENCE.json, or --batch CASES.jsonl alone")
    try:
        check = load_check(gate)
        with _opened(evidence) as stream:
            found = judge_text(check, stream.read(), str(evidence))
    except LadderError as error:
        fail(Format.TEXT if output is Shape.TEXT else Format.JSON, error)
    if output is Shape.TEXT:
        _tell(found)
    else:
        sys.stdout.write(line(Judged(None, found)) + "\n")
    raise typer.Exit(STATUS[found.outcome])


def _batch(file: Path, output: Shape) -> int:
    """Judge line by line, telling each verdict before the next line is read; the exit status."""
    status = DONE
    try:
        with _opened(file) as stream:
            for text in stream:
                if not text.strip():
                    continue
                judged = judge_line(text)
                status = status if judged.readable else FAILED
                if output is Shape.TEXT:
                    _tell(judged.verdict, f"{'?' if judged.id is None else judged.id}: ")
                else:
                    sys.stdout.write(line(judged) + "\n")
                    sys.stdout.flush()
    except LadderError as error:
        fail(Format.TEXT if output is Shape.TEXT else Format.JSON, error)
    return status


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise LadderError(Code.CASE_UNREADABLE, f"{file} cannot be read: {error.strerror}") from None
    with stream:
        yield stream


def line(judged: Judged) -> str:
    """A verdict as one JSON object; ``value`` and ``limit`` are numbers with every digit, which no float could keep."""
    verdict = judged.verdict
    details = {"sentence": verdict.sentence} | ({"n": verdict.n} if verdict.n is not None else {}) | verdict.details
    parts = {
        "id": json.dumps(judged.id, ensure_ascii=False),
        "verdict": f'"{verdict.outcome}"',
        "value": "null" if verdict.value is None else str(verdict.value),
        "limit": "null" if verdict.limit is None else str(verdict.limit),
        "reason": f'"{verdict.code}"',
        "details": json.dumps(details, ensure_ascii=False),
    }
    return "{" + ", ".join(f'"{name}": {text}' for name, text in parts.items()) + "}"


def _tell(verdict: Verdict, whose: str = "") -> None:
    """The verdict for people: what, value, limit, n, why, and what to do next."""
    numbers = {"value": verdict.value, "limit": verdict.limit, "n": verdict.n}
    shown = ", ".join(f"{name} {number}" for name, number in numbers.items() if number is not None)
    mark = MARKS.get(verdict.outcome, ("? ", "yellow"))
    head = f"{whose}{verdict.outcome}: {verdict.sentence}" + (f" ({shown})" if shown else "")
    out.print(Text.assemble(mark, head, (f"  [{verdict.code}]", "dim")))
    if not whose and not verdict.passed:
        out.print(Text.assemble(("→ ", "cyan"), verdict.code.next_step))
