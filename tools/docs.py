#!/usr/bin/env python3
"""Write the pages that come from the code: docs/cli.md, docs/codes.md, and the settings table in docs/operating.md.

``tools/docs.py`` writes them, ``tools/docs.py --check`` only says which are not current (exit status 1).
"""

import argparse
import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from promotion_ladder.cli import EPILOG, app
from promotion_ladder.core.codes import Code
from promotion_ladder.core.docstrings import field_docs
from promotion_ladder.settings import Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
FROM_CODE = "<!-- Made by tools/docs.py; do not edit. -->"
TABLE = re.compile(r"(<!-- settings: made by tools/docs\.py -->\n).*?(<!-- end of settings -->)", re.DOTALL)
EXAMPLE = re.compile(r"^ *(?:Examples?: *)?((?:[A-Z_]+=\S+ )*ladder .*)$", re.MULTILINE)
FAMILIES = {
    "GOV": ("Rollout, approval, audit", "What people, policy, gates and the ladder itself decided."),
    "RISK": ("Risk", "Guards, kills, latches, and the way down."),
    "OPS": ("Operations", "Data, the platform, notices, Temporal, the audit store."),
}
ABOUT_CLI = """\
Every command says the same with `--help`. All but `state export`, which always prints JSON, take `-o json`
(`--output json`) and then answer with data instead of words; an error becomes
`{"error": {"code": …, "detail": …, "next_step": …}}`. Who acts is `LADDER_IDENTITY`, else the login name
([settings](operating.md#settings))."""


def main() -> None:
    """Write the pages, or say which are not current."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not current")
    check = words.parse_args().check
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        if not check:
            path.write_text(pages()[path])
        sys.stdout.write(f"{'not current' if check else 'wrote'}: {path}\n")
    if check and stale:
        raise SystemExit(1)


def pages() -> dict[Path, str]:
    """Every page with what must stand in it."""
    operating = DOCS / "operating.md"
    return {
        DOCS / "cli.md": cli_page(),
        DOCS / "codes.md": codes_page(),
        operating: TABLE.sub(lambda found: f"{found[1]}{settings_table()}{found[2]}", operating.read_text()),
    }


# --- the command line -----------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name, in the order of ``ladder --help``."""
    yield from _leaves("ladder", get_command(app))


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for word, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            if examples(inner):  # a group that does something by itself
                yield f"{name} {word}", inner
            yield from _leaves(f"{name} {word}", inner)
        else:
            yield f"{name} {word}", inner


def examples(command: Any) -> list[str]:
    """The command lines that a command's help gives as examples."""
    return EXAMPLE.findall((command.help or "").partition("Example")[2].partition(":")[2])


def cli_page() -> str:
    """The reference of every command."""
    found = list(commands())
    parts = [f"# Commands\n\n{FROM_CODE}\n\n{ABOUT_CLI}\n\n{EPILOG}\n"]
    panels: dict[str, list[tuple[str, Any]]] = {}
    for name, command in found:
        panels.setdefault(_panel(name, command), []).append((name, command))
    parts.append("| | |\n|---|---|\n" + "\n".join(f"| {p} | {_links(inside)} |" for p, inside in panels.items()) + "\n")
    for panel, inside in panels.items():
        parts.append(f"## {panel}\n")
        parts += [_entry(name, command) for name, command in inside]
    return "\n".join(parts)


def _panel(name: str, command: Any) -> str:
    """The heading of ``ladder --help`` under which a command, or the group it is in, stands."""
    words = name.split()
    top = get_command(app).commands[words[1]] if len(words) > 2 else command  # type: ignore[attr-defined]
    return str(getattr(top, "rich_help_panel", None) or "Commands")


def _links(inside: list[tuple[str, Any]]) -> str:
    return " · ".join(f"[{name.removeprefix('ladder ')}](#{name.replace(' ', '-')})" for name, _ in inside)


def _entry(name: str, command: Any) -> str:
    about = (command.help or "").partition("Example")[0].strip()
    lines = [f"### {name}\n", f"{about}\n", "```sh", *examples(command), "```\n"]
    rows = [_row(parameter) for parameter in command.params if parameter.opts[0] not in ("--help", "-h", "--output")]
    if rows:
        lines += ["| argument or option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    is_option = parameter.opts[0].startswith("-")
    shown = f"`{'`, `'.join(parameter.opts)}`" if is_option else f"`{parameter.name.upper()}`"
    about = getattr(parameter, "help", None) or "Port; 0 is a free one."
    return f"| {shown} | {about}{_without(parameter)} |"


def _without(parameter: Any) -> str:
    """What holds when an argument or option is not given."""
    value = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
    if parameter.required:
        return " Must be given."
    if getattr(parameter, "prompt", None):
        return " Asked for when not given."
    return "" if value in (None, "", False) else f" Default: `{value}`."


# --- reason codes -----------------------------------------------------------------------------------------------------


def codes_page() -> str:
    """The registry of reason codes."""
    parts = [
        f"# Reason codes\n\n{FROM_CODE}\n",
        "Every verdict, refusal, error and event carries one. `ladder explain CODE` prints the same.\n",
    ]
    for family, (title, about) in FAMILIES.items():
        parts.append(
            f"## {title} (`{family}_*`)\n\n{about}\n\n| code | what happened | what to do next |\n|---|---|---|"
        )
        parts += [f"| `{c.value}` | {c.sentence} | {c.next_step} |" for c in Code if c.value.startswith(f"{family}_")]
        parts.append("")
    return "\n".join(parts)


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_table() -> str:
    """Every environment variable, from the docstrings of ``settings.py``."""
    rows = []
    for name, doc in field_docs(Settings).items():
        variable, _, meaning = doc.replace("\n", " ").removeprefix("``").partition("``")
        meaning = meaning.strip(" :.").replace("``", "`") or name.replace("_", " ")
        rows.append(f"| `{variable}` | {meaning[:1].upper()}{meaning[1:]}. |")
    return "| variable | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
