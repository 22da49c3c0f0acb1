"""The command line: ``ladder``. One module per group of commands; each is a thin cover over the typed client."""

import contextlib
import os
import sys

import typer

from promotion_ladder import __version__
from promotion_ladder.cli import (
    attention,
    backtest,
    desk,
    evaluate,
    files,
    guard,
    kill,
    plan,
    promotions,
    records,
    servers,
    slack,
    tune,
)
from promotion_ladder.cli.common import EXIT_CODES

EPILOG = "Exit status: " + "; ".join(f"{number} {meaning}" for number, meaning in EXIT_CODES.items()) + "."

app = typer.Typer(
    name="ladder",
    help="Promote trading-bot releases: replay, shadow, paper, canary, live; and down again, verified flat.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (promotions, kill, desk, attention, files, evaluate, backtest, tune, plan, records, servers, guard, slack):
    app.registered_commands += group.app.registered_commands
    app.registered_groups += group.app.registered_groups


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ladder {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options of every command."""


def main() -> None:
    """Run ``ladder`` and leave the process as it is: without a teardown of the interpreter.

    A thread of Temporal's client that comes back from a timed-out call during the teardown aborts the process: the
    answer was written, but one time in five the status was 134.
    """
    try:
        app()
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
