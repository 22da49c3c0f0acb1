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
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve the platform contract there, and supply what the bot's platform lacks. Port 0: a free one.",
        ),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Guard a bot from beside it until told to stop, with nothing but its platform: no Temporal, no Prometheus.

    It renews the lease while the hard limits of the stage hold, and latches and flattens the bot when one is broken.
    What it does is printed, one line each, and kept in guard-BOT.jsonl of the state directory.

    With --listen it stands in front of the platform as well: what that does not name of lease, epoch, keys and latch
    it supplies, for every bot of the platform, from supplied.sqlite of the state directory. Workers and commands then
    take its address as their LADDER_PLATFORM_URL.

    Exit status 0 when it was told to stop, 1 when it could not begin, 4 when it was stopped before the bot was flat.

    Examples:
      ladder guard wti-trend

      ladder guard wti-trend --every 500ms --ladder config/ladders/standard.yaml -o json

      LADDER_PLATFORM_URL=http://127.0.0.1:8750 ladder guard wti-trend --listen 127.0.0.1:8760
    """
    module = "promotion_ladder.beside" if listen is None else "promotion_ladder.front"
    words = [sys.executable, "-m", module, bot, f"--every={every}", f"--output={output}"]
    if ladder is not None:
        words.append(f"--ladder={ladder}")
    if listen is not None:
        words.append(f"--listen={listen}")
    sys.stdout.flush()
    os.execv(sys.executable, words)  # noqa: S606 - it becomes a process that never loads Temporal
