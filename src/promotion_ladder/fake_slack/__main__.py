"""``python -m promotion_ladder.fake_slack``: run the imitated Slack; its page is at the address it says.

The first line of standard output is ``listening on http://HOST:PORT``, written when it answers.
"""

import argparse
import asyncio
import signal
import sqlite3
import sys
from pathlib import Path

import yaml

from promotion_ladder.fake_slack.fake import FakeSlack
from promotion_ladder.fake_slack.workspace import Workspace, read_workspace


def main(arguments: list[str] | None = None) -> int:
    """Read the options and serve till SIGTERM or SIGINT; the exit status."""
    options = _options(arguments)
    try:
        workspace = Workspace() if options.workspace is None else read_workspace(options.workspace)
        if options.state is not None:
            options.state.parent.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(workspace, options))
    except (OSError, ValueError, yaml.YAMLError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


async def _serve(workspace: Workspace, options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    slack = FakeSlack(
        workspace, state=options.state, host=options.host, port=options.port, rate_limits=options.rate_limits
    )
    async with slack:
        sys.stdout.write(f"listening on {slack.url}\n")
        sys.stdout.flush()
        await ended.wait()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m promotion_ladder.fake_slack", description=__doc__)
    parser.add_argument("--state", type=Path, metavar="FILE", help="SQLite file that outlives the process")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--workspace", type=Path, metavar="FILE", help="people, channels, tokens; JSON or YAML")
    parser.add_argument("--rate-limits", action="store_true", help="answer 429 as often as Slack would")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
