"""The core is pure: the same input gives the same answer everywhere and always, so a decision can be judged again."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[1] / "src" / "promotion_ladder" / "core"

# Each entry forbids itself and whatever lies below it, by its full name, whatever it was imported as.
CLOCK = {
    "time",
    "sched",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
}
RANDOMNESS = {"random", "secrets", "uuid.uuid1", "uuid.uuid4"}
INPUT_AND_OUTPUT = {
    "asyncio",
    "builtins.__import__",
    "builtins.breakpoint",
    "builtins.eval",
    "builtins.exec",
    "builtins.input",
    "builtins.open",
    "builtins.print",
    "concurrent",
    "ctypes",
    "fcntl",
    "glob",
    "http",
    "importlib",
    "io",
    "locale",
    "logging",
    "mmap",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys.argv",
    "sys.stderr",
    "sys.stdin",
    "sys.stdout",
    "tempfile",
    "threading",
    "urllib.request",
    "warnings",
}
FORBIDDEN = CLOCK | RANDOMNESS | INPUT_AND_OUTPUT


def origins(tree: ast.Module) -> dict[str, str]:
    """Local name -> full name, for everything the module imports."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    top = alias.name.split(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                for alias in aliases:
                    names[alias.asname or alias.name] = f"{module}.{alias.name}"
    return names


def mentioned(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, and of every name and attribute chain used."""
    known = origins(tree)
    defined = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in aliases)
            case ast.Attribute() | ast.Name():
                head, *rest = ast.unparse(node).split(".")
                if head in known:
                    yield node.lineno, ".".join((known[head], *rest))
                elif isinstance(node, ast.Name) and head not in defined:
                    yield node.lineno, f"builtins.{head}"


def impurities(source: str) -> list[str]:
    found = {
        (line, name)
        for line, name in mentioned(ast.parse(source))
        if any(name == entry or name.startswith(f"{entry}.") for entry in FORBIDDEN)
    }
    return [f"line {line}: {name}" for line, name in sorted(found)]


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_core_has_no_clock_no_randomness_and_no_io(path: Path) -> None:
    assert impurities(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "import os.path",
        "import logging as log",
        "from time import monotonic",
        "from pathlib import Path",
        "from urllib.request import urlopen",
        "import datetime as dt\ndt.datetime.now(dt.UTC)",
        "from datetime import UTC, datetime\nx = datetime.now(UTC)",
        "from datetime import datetime as moment\ndefault_factory = moment.utcnow",
        "from datetime import date\ndate.today()",
        "from uuid import uuid4",
        "import uuid\nuuid.uuid1()",
        "open('ladder.yaml')",
        "print('hello')",
        "import sys\nsys.stdout.write('')",
        "def f():\n    import socket",
    ],
)
def test_an_impure_module_is_found(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "from uuid import UUID, uuid5",
        "def f(now, open):\n    return now, open.price",
        "evidence.now()",
        "candle.open",
        "from urllib.parse import urlsplit",
        "from .time import span",
    ],
)
def test_a_pure_module_is_not(source: str) -> None:
    assert impurities(source) == []
