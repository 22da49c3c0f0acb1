"""What every command shares: output, errors, exit codes."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from enum import StrEnum
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from promotion_ladder import settings
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

T = TypeVar("T")

DONE = 0
FAILED = 1
USAGE = 2
NOT_PROMOTED = 3
NOT_FLAT = 4
GATE_FAILED = 5
CANNOT_SAY = 6

EXIT_CODES = {
    DONE: "done as asked",
    FAILED: "refused or failed; the error says why and what to do next",
    USAGE: "the command was not understood",
    NOT_PROMOTED: "the promotion ended without becoming stable",
    NOT_FLAT: "something is exposed that should not be",
    GATE_FAILED: "the gate fails on the evidence",
    CANNOT_SAY: "the evidence does not suffice for the gate",
}

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
screen = Console(highlight=False)
"""For trees and tables: their lines go on below one another, where those of ``out`` are the terminal's to break."""


class Format(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="Answer as text or as JSON.")]
Bot = Annotated[str, typer.Argument(help="The bot's name.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, in words; it is recorded.")]
NeededReason = Annotated[
    str, typer.Option("--reason", "-r", help="Why, in words; it is recorded.", prompt="Why?", show_default=False)
]


def client() -> LadderClient:
    """The client of this command."""
    # The SDK's own warnings would be written across the screen; what they warn of reaches the person as an error.
    quiet = TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR")))
    return LadderClient(settings.load(), channel="cli", runtime=Runtime(telemetry=quiet))


def run(output: Format, work: Coroutine[Any, Any, T]) -> T:
    """Run ``work``; an error is told in the asked format and ends the command."""
    try:
        return asyncio.run(work)
    except LadderError as error:
        fail(output, error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(output: Format, error: LadderError, status: int = FAILED) -> NoReturn:
    """Tell an error: what happened, the code, what to do next."""
    if output is Format.JSON:
        write_json({"error": {"code": error.code, "detail": error.detail, "next_step": error.next_step}})
    else:
        err.print(Text.assemble(("✖ ", "red"), error.detail, (f"  [{error.code}]", "dim")))
        if error.next_step and error.next_step != Code.ALLOWED.next_step:
            err.print(Text.assemble(("→ ", "cyan"), error.next_step))
    raise typer.Exit(status)


def tell(output: Format, sentence: str, data: BaseModel | dict[str, Any] | None = None) -> None:
    """Tell a success: one line for people, the data for programs."""
    if output is Format.JSON:
        write_json(data if data is not None else {"sentence": sentence})
    else:
        out.print(Text.assemble(("✔ ", "green"), sentence))


def write_json(data: Any) -> None:
    """JSON to standard output."""
    plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
    sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False, default=str) + "\n")


def confirmed(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; ``--yes`` answers for scripts."""
    if not yes and not typer.confirm(question):
        raise typer.Exit(FAILED)
