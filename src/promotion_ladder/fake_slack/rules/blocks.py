"""The rules of Block Kit's blocks, for messages, modals and App Home."""

from collections.abc import Collection, Iterator
from typing import Any, Literal

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.rules.elements import (
    IN_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    element_problems,
    image_problems,
)
from promotion_ladder.fake_slack.rules.shapes import (
    ANY_TEXT,
    BLOCKS,
    ID_LIMIT,
    PLAIN,
    at,
    check_count,
    check_kind,
    check_length,
    check_optional,
    check_optional_text,
    check_text,
    check_unique,
    items_of,
)

Surface = Literal["message", "modal", "home"]
MOST_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
EVERYWHERE = frozenset(BLOCKS) - {"input", "table"}
ON: dict[Surface, frozenset[str]] = {
    "message": EVERYWHERE | {"table"},
    "modal": EVERYWHERE | {"input"},
    "home": EVERYWHERE | {"input"},
}
TABLE_CHARACTERS = 10_000
CELLS = frozenset({"raw_text", "raw_number", "rich_text"})


def block_problems(blocks: Any, surface: Surface, files: Collection[str] = (), path: str = "/blocks") -> list[str]:
    """Everything that Slack would refuse about ``blocks``; ``files`` are the ids that a ``slack_file`` may name."""
    problems = list(check_count(blocks, MOST_BLOCKS[surface], path, least=0))
    if not isinstance(blocks, list):
        return problems
    for n, block in enumerate(blocks):
        where = f"{path}/{n}"
        wrong = list(check_kind(block, BLOCKS, ON[surface], where))
        problems += wrong or _block(block, where, files)
    named = [(block.get("block_id"), f"{path}/{n}/block_id") for n, block in enumerate(blocks) if _is_object(block)]
    problems += check_unique(named, "block_id")
    problems += _tables([block for block in blocks if _is_object(block) and block.get("type") == "table"], path)
    return problems


def _is_object(thing: Any) -> bool:
    return isinstance(thing, dict)


def _block(block: Json, path: str, files: Collection[str]) -> list[str]:
    problems = list(check_optional(block, "block_id", ID_LIMIT, path))
    match block["type"]:
        case "actions":
            problems += _actions(block, path, files)
        case "context":
            problems += _context(block, path, files)
        case "header":
            problems += check_text(block["text"], 150, f"{path}/text", PLAIN)
        case "image":
            problems += check_optional_text(block, "title", 2000, path)
            problems += image_problems(block, path, files)
        case "input":
            problems += _input(block, path, files)
        case "rich_text":
            problems += _rich_text(block["elements"], f"{path}/elements")
        case "section":
            problems += _section(block, path, files)
        case "table":
            problems += _table(block, path)
    return problems


def _section(block: Json, path: str, files: Collection[str]) -> Iterator[str]:
    if block.get("text") is None and not block.get("fields"):
        yield at("must provide either text or fields", path)
    yield from check_optional_text(block, "text", 3000, path, ANY_TEXT)
    if "fields" in block:
        yield from check_count(block["fields"], 10, f"{path}/fields")
        for n, field in enumerate(items_of(block["fields"])):
            yield from check_text(field, 2000, f"{path}/fields/{n}")
    if "accessory" in block:
        yield from element_problems(block["accessory"], f"{path}/accessory", IN_SECTION, files)


def _actions(block: Json, path: str, files: Collection[str]) -> Iterator[str]:
    elements = block["elements"]
    yield from check_count(elements, 25, f"{path}/elements")
    for n, element in enumerate(items_of(elements)):
        yield from element_problems(element, f"{path}/elements/{n}", IN_ACTIONS, files)
    named = [
        (element.get("action_id"), f"{path}/elements/{n}/action_id")
        for n, element in enumerate(items_of(elements))
        if isinstance(element, dict)
    ]
    yield from check_unique(named, "action_id")


def _context(block: Json, path: str, files: Collection[str]) -> Iterator[str]:
    elements = block["elements"]
    yield from check_count(elements, 10, f"{path}/elements")
    for n, element in enumerate(items_of(elements)):
        if isinstance(element, dict) and element.get("type") == "image":
            yield from element_problems(element, f"{path}/elements/{n}", frozenset({"image"}), files)
        else:
            yield from check_text(element, 2000, f"{path}/elements/{n}")


def _input(block: Json, path: str, files: Collection[str]) -> Iterator[str]:
    yield from check_text(block["label"], 2000, f"{path}/label", PLAIN)
    yield from check_optional_text(block, "hint", 2000, path)
    yield from element_problems(block["element"], f"{path}/element", IN_INPUT, files)


RICH = frozenset({"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"})
INLINE = frozenset({"text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date"})


def _rich_text(elements: Any, path: str) -> Iterator[str]:
    yield from check_count(elements, 1000, path)
    for n, element in enumerate(items_of(elements)):
        where = f"{path}/{n}"
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in RICH:
            yield at(f"unsupported type: {kind}", where)
        elif kind == "rich_text_list":
            yield from _rich_text(element.get("elements"), f"{where}/elements")
        else:
            yield from _inline(element.get("elements"), f"{where}/elements")


def _inline(elements: Any, path: str) -> Iterator[str]:
    yield from check_count(elements, 1000, path, least=0)
    for n, element in enumerate(items_of(elements)):
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in INLINE:
            yield at(f"unsupported type: {kind}", f"{path}/{n}")
        elif kind == "text":
            yield from check_length(element.get("text"), 40_000, f"{path}/{n}/text")


def _table(block: Json, path: str) -> Iterator[str]:
    rows = block["rows"]
    yield from check_count(rows, 100, f"{path}/rows")
    for n, row in enumerate(items_of(rows)):
        yield from check_count(row, 20, f"{path}/rows/{n}")
        for m, cell in enumerate(items_of(row)):
            where = f"{path}/rows/{n}/{m}"
            kind = cell.get("type") if isinstance(cell, dict) else None
            if kind not in CELLS:
                yield at(f"unsupported type: {kind}", where)
            elif kind == "rich_text":
                yield from _rich_text(cell.get("elements"), f"{where}/elements")
            else:
                yield from check_length(cell.get("text"), TABLE_CHARACTERS, f"{where}/text")
    if "column_settings" in block:
        yield from check_count(block["column_settings"], 20, f"{path}/column_settings")


def _tables(tables: list[Json], path: str) -> Iterator[str]:
    if sum(characters(table.get("rows")) for table in tables) > TABLE_CHARACTERS:
        yield at(f"no more than {TABLE_CHARACTERS} characters allowed in all tables", path)


def characters(thing: Any) -> int:
    """How many characters a reader gets to see: every ``text`` that is a string, however deep."""
    if isinstance(thing, list):
        return sum(characters(item) for item in thing)
    if not isinstance(thing, dict):
        return 0
    return sum(
        len(value) if name == "text" and isinstance(value, str) else characters(value) for name, value in thing.items()
    )
