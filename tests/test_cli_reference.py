"""docs/cli.md, docs/codes.md and the settings table are what the code says, and every command shows how it is used."""

from pathlib import Path
from typing import Any

import pytest
from tools.docs import commands, examples, pages

from promotion_ladder.core.codes import Code

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = dict(commands())
PROSE = "\n".join(
    page.read_text() for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if page.name != "cli.md"
)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_pages_made_from_the_code_are_current(page: Path) -> None:
    assert page.read_text() == pages()[page], "run tools/docs.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    command: Any = COMMANDS[name]
    first, _, _ = (command.help or "").partition("\n")

    assert first.endswith(".")
    assert examples(command), f"{name} --help gives no example"
    assert all(name in example for example in examples(command))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    wordless = [p.name for p in COMMANDS[name].params if not getattr(p, "help", None) and not p.name.endswith("_port")]

    assert wordless == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_told_of_outside_its_reference(name: str) -> None:
    assert name in PROSE


def test_the_registry_is_found_whole() -> None:
    text = pages()[ROOT / "docs" / "codes.md"]

    assert all(f"`{code.value}`" in text for code in Code)
