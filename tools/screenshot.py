#!/usr/bin/env python3
"""Take docs/images/demo.svg: run ``ladder demo`` in a real terminal (tmux) and keep one of its screens.

The picture is what stood on the terminal, colours included; nothing is drawn by hand. Needs tmux.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich import _export_format as export_format
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 160, 45
LONGEST = 240.0
LOOK_EVERY = 0.3
WHEN = ("▶ canary-25", "✔ enough-won", "✔ drawdown", "positions: flat", "held out")
"""One climbs, one came down, one was vetoed: the picture is taken halfway through the screens with all of these."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def tmux(*words: str) -> str:
    """The answer of tmux, on a server of our own."""
    done = subprocess.run(  # noqa: S603 - our own words
        [shutil.which("tmux") or "tmux", "-L", "ladder-screenshot", *words], check=True, capture_output=True, text=True
    )
    return done.stdout


def screens(command: str) -> list[str]:
    """Every screen of ``command``, with its colours, until it has ended."""
    seen: list[str] = []
    tmux("new-session", "-d", "-s", "demo", "-x", str(COLUMNS), "-y", str(ROWS),
         f"env COLORTERM=truecolor {command}; echo the demo is over; sleep 60")  # fmt: skip
    try:
        ends = time.monotonic() + LONGEST
        while time.monotonic() < ends:
            screen = tmux("capture-pane", "-e", "-p", "-t", "demo")
            if "the demo is over" in screen:
                return seen
            if not seen or seen[-1] != screen:
                seen.append(screen)
            time.sleep(LOOK_EVERY)
    finally:
        tmux("kill-session", "-t", "demo")
    return seen


def chosen(seen: list[str]) -> str:
    """A screen that shows all of ``WHEN``; the terminal's colours are left out of the search."""
    fitting = [screen for screen in seen if all(words in COLOURS.sub("", screen) for words in WHEN)]
    if not fitting:
        raise SystemExit(f"none of {len(seen)} screens shows all of: {', '.join(WHEN)}")
    return fitting[len(fitting) // 2]


def svg(screen: str) -> str:
    """The screen as a picture that needs nothing from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    text = Text.from_ansi(screen)
    text.rstrip()
    console.print(text, no_wrap=True, overflow="crop")
    template = re.sub(r"@font-face \{\{.*?\}\}\n", "", export_format.CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    template = re.sub(r"<!--.*?-->\n?", "", template, flags=re.DOTALL)
    drawn = console.export_svg(title="ladder demo", code_format=template, unique_id="demo")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def main() -> None:
    """Write the picture, from a fresh run or from a screen that was captured before."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "demo.svg")
    words.add_argument("--screen", type=Path, help="a captured screen (tmux capture-pane -e -p) instead of a run")
    given = words.parse_args()
    if given.screen is not None:
        screen = given.screen.read_text()
    else:
        with tempfile.TemporaryDirectory() as directory:
            screen = chosen(screens(f"{ROOT}/.venv/bin/ladder demo --dir {directory}"))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(svg(screen))
    sys.stdout.write(f"wrote {given.out}\n")


if __name__ == "__main__":
    main()
