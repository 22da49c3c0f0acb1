"""``ladder guard``: the guard beside the bot, without Temporal."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from promotion_ladder.cli.common import Bot, Format, Output

app = typer.Typer()


@app.command(rich_help_panel="Servers")
def guard(
    bot: Bot,
    every: Annotated[str, typer.Option(help="Time between looks.")] = "1s",
    ladder: Annotated[
        Path | None, typer.Option(help="The ladder's file, where the platform does not tell the ladder.")
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Guard a bot from beside it until told to stop, with nothing but its platform: no Temporal, no Prometheus.

    It renews the lease while the hard limits of the stage hold, and latches and flattens the bot when one is broken.
    What it does is printed, one line each, and kept in guard-BOT.jsonl of the state directory.
    Exit status 0 when it was told to stop, 1 when it could not begin, 4 when it was stopped before the bot was flat.

    Examples:
      ladder guard wti-trend

      ladder guard wti-trend --every 500ms --ladder config/ladders/standard.yaml -o json
    """
    words = [sys.executable, "-m", "promotion_ladder.beside", bot, f"--every={every}", f"--output={output}"]
    if ladder is not None:
        words.append(f"--ladder={ladder}")
    sys.stdout.flush()
    os.execv(sys.executable, words)  # noqa: S606 - it becomes a process that never loads Temporal
