"""Which fields a block, element or composition object has, and the checks that all of them share."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from promotion_ladder.fake_slack.base import Json

ID_LIMIT = 255


class Shape(NamedTuple):
    """The fields that must be there and those that may, beside ``type``."""

    required: frozenset[str]
    optional: frozenset[str]


def _shape(required: str, optional: str = "") -> Shape:
    return Shape(frozenset(required.split()), frozenset(optional.split()))


BLOCKS = {
    "actions": _shape("elements", "block_id"),
    "context": _shape("elements", "block_id"),
    "divider": _shape("", "block_id"),
    "header": _shape("text", "block_id"),
    "image": _shape("alt_text", "image_url slack_file title block_id"),
    "input": _shape("label element", "hint optional dispatch_action block_id"),
    "rich_text": _shape("elements", "block_id"),
    "section": _shape("", "text fields accessory expand block_id"),
    "table": _shape("rows", "column_settings block_id"),
}

ELEMENTS = {
    "button": _shape("text", "action_id url value style confirm accessibility_label"),
    "checkboxes": _shape("options", "action_id initial_options confirm focus_on_load"),
    "datepicker": _shape("", "action_id initial_date confirm focus_on_load placeholder"),
    "image": _shape("alt_text", "image_url slack_file"),
    "multi_static_select": _shape(
        "options", "action_id initial_options confirm focus_on_load placeholder max_selected_items"
    ),
    "number_input": _shape(
        "is_decimal_allowed",
        "action_id initial_value min_value max_value dispatch_action_config focus_on_load placeholder",
    ),
    "overflow": _shape("options", "action_id confirm"),
    "plain_text_input": _shape(
        "", "action_id initial_value multiline min_length max_length dispatch_action_config focus_on_load placeholder"
    ),
    "radio_buttons": _shape("options", "action_id initial_option confirm focus_on_load"),
    "static_select": _shape("", "options option_groups action_id initial_option confirm focus_on_load placeholder"),
    "users_select": _shape("", "action_id initial_user confirm focus_on_load placeholder"),
}

CONFIRM = _shape("title text confirm deny", "style")
OPTION = _shape("text value", "description url")


def at(text: str, path: str) -> str:
    """A problem and where it is."""
    return f"{text} [json-pointer:{path}]"


def check_shape(thing: Any, shape: Shape, path: str) -> Iterator[str]:
    """Fields that are missing, and fields that Slack does not know."""
    for name in sorted(shape.required - thing.keys()):
        yield at(f"missing required field: {name}", path)
    for name in sorted(thing.keys() - shape.required - shape.optional - {"type"}):
        yield at(f"invalid additional property: {name}", path)


def check_kind(thing: Any, shapes: dict[str, Shape], allowed: frozenset[str], path: str) -> Iterator[str]:
    """Whether ``thing`` is an object of an allowed type with the fields of that type."""
    if not isinstance(thing, dict):
        yield at("must be an object", path)
    elif "type" not in thing:
        yield at("missing required field: type", path)
    elif str(thing["type"]) not in allowed & shapes.keys():
        yield at(f"unsupported type: {thing['type']}", f"{path}/type")
    else:
        yield from check_shape(thing, shapes[thing["type"]], path)


def check_length(value: Any, most: int, path: str, least: int = 1) -> Iterator[str]:
    """Whether ``value`` is a string of ``least`` to ``most`` characters."""
    if not isinstance(value, str):
        yield at("must be a string", path)
    elif len(value) > most:
        yield at(f"must be less than {most + 1} characters", path)
    elif len(value) < least:
        yield at(f"must be more than {least - 1} characters", path)


def check_optional(thing: Json, name: str, most: int, path: str, least: int = 1) -> Iterator[str]:
    """The length of a string that may be absent."""
    if name in thing:
        yield from check_length(thing[name], most, f"{path}/{name}", least)


def items_of(value: Any) -> list[Any]:
    """The items of what should be a list; of anything else none."""
    return value if isinstance(value, list) else []


def check_count(items: Any, most: int, path: str, least: int = 1) -> Iterator[str]:
    """Whether ``items`` is a list of ``least`` to ``most`` items."""
    if not isinstance(items, list):
        yield at("must be an array", path)
    elif len(items) > most:
        yield at(f"no more than {most} items allowed", path)
    elif len(items) < least:
        yield at(f"no fewer than {least} items allowed", path)


_TEXT = {"mrkdwn": _shape("text", "verbatim"), "plain_text": _shape("text", "emoji")}
PLAIN = frozenset({"plain_text"})
ANY_TEXT = frozenset({"plain_text", "mrkdwn"})


def check_text(text: Any, most: int, path: str, kinds: frozenset[str] = ANY_TEXT) -> Iterator[str]:
    """A text object: its type, and 1 to ``most`` characters."""
    problems = list(check_kind(text, _TEXT, kinds, path))
    yield from problems
    if not problems:
        yield from check_length(text["text"], most, f"{path}/text")


def check_optional_text(thing: Json, name: str, most: int, path: str, kinds: frozenset[str] = PLAIN) -> Iterator[str]:
    """A text object that may be absent."""
    if thing.get(name) is not None:
        yield from check_text(thing[name], most, f"{path}/{name}", kinds)


def check_unique(ids: list[tuple[Any, str]], word: str) -> Iterator[str]:
    """No id twice; ``ids`` are ids with where they stand."""
    seen = set()
    for value, path in ids:
        if not isinstance(value, str):
            continue
        if value in seen:
            yield at(f"`{word}` {value} already exists", path)
        seen.add(value)
