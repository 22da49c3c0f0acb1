"""The rules of what stands inside blocks: buttons, inputs, menus, images, confirm dialogs."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.rules.shapes import (
    ANY_TEXT,
    CONFIRM,
    ELEMENTS,
    ID_LIMIT,
    OPTION,
    PLAIN,
    at,
    check_count,
    check_kind,
    check_length,
    check_optional,
    check_optional_text,
    check_shape,
    check_text,
    check_unique,
    items_of,
)

MENUS = frozenset({"static_select", "multi_static_select", "users_select", "radio_buttons", "checkboxes", "datepicker"})
IN_ACTIONS = MENUS | {"button", "overflow"}
IN_SECTION = IN_ACTIONS | {"image"}
IN_INPUT = MENUS | {"plain_text_input", "number_input"}

MOST_OPTIONS = {"static_select": 100, "multi_static_select": 100, "overflow": 5, "radio_buttons": 10, "checkboxes": 10}
STYLES = ("primary", "danger")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def element_problems(element: Any, path: str, allowed: frozenset[str], files: Collection[str]) -> list[str]:
    """What Slack would refuse about one element; ``files`` are the ids that a ``slack_file`` may name."""
    problems = list(check_kind(element, ELEMENTS, allowed, path))
    if problems:
        return problems
    problems += check_optional(element, "action_id", ID_LIMIT, path)
    problems += check_optional_text(element, "placeholder", 150, path)
    if "confirm" in element:
        problems += _confirm(element["confirm"], f"{path}/confirm")
    match element["type"]:
        case "button":
            problems += _button(element, path)
        case "image":
            problems += image_problems(element, path, files)
        case "plain_text_input":
            problems += _plain_text_input(element, path)
        case "datepicker" if not DATE.fullmatch(str(element.get("initial_date", "2000-01-01"))):
            problems.append(at("must match YYYY-MM-DD", f"{path}/initial_date"))
        case kind if kind in MOST_OPTIONS:
            problems += _menu(element, path)
    return problems


def image_problems(image: Json, path: str, files: Collection[str]) -> Iterator[str]:
    """An image, as element or block: its words for who cannot see it, and exactly one source, which exists."""
    yield from check_length(image["alt_text"], 2000, f"{path}/alt_text")
    sources = [name for name in ("image_url", "slack_file") if name in image]
    if len(sources) != 1:
        yield at("must provide either image_url or slack_file", path)
    elif sources == ["image_url"]:
        yield from check_length(image["image_url"], 3000, f"{path}/image_url")
        if not str(image["image_url"]).startswith(("http://", "https://")):
            yield at("must be a valid URL", f"{path}/image_url")
    elif not _known_file(image["slack_file"], files):
        yield at("invalid slack file", f"{path}/slack_file")


def _known_file(reference: Any, files: Collection[str]) -> bool:
    if not isinstance(reference, dict):
        return False
    named = str(reference.get("id") or reference.get("url", ""))
    return named in files or any(f"/{name}/" in named for name in files)


def _button(button: Json, path: str) -> Iterator[str]:
    yield from check_text(button["text"], 75, f"{path}/text", PLAIN)
    yield from check_optional(button, "value", 2000, path, least=0)
    yield from check_optional(button, "url", 3000, path)
    yield from check_optional(button, "accessibility_label", 75, path)
    if button.get("style", "primary") not in STYLES:
        yield at(f"must be one of {', '.join(STYLES)}", f"{path}/style")


def _confirm(confirm: Any, path: str) -> Iterator[str]:
    if not isinstance(confirm, dict):
        yield at("must be an object", path)
        return
    yield from check_shape(confirm, CONFIRM, path)
    yield from check_optional_text(confirm, "title", 100, path)
    yield from check_optional_text(confirm, "text", 300, path, ANY_TEXT)
    yield from check_optional_text(confirm, "confirm", 30, path)
    yield from check_optional_text(confirm, "deny", 30, path)
    if confirm.get("style", "primary") not in STYLES:
        yield at(f"must be one of {', '.join(STYLES)}", f"{path}/style")


def _plain_text_input(element: Json, path: str) -> Iterator[str]:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if not isinstance(least, int) or not 0 <= least <= 3000:
        yield at("must be between 0 and 3000", f"{path}/min_length")
    elif not isinstance(most, int) or not 1 <= most <= 3000:
        yield at("must be between 1 and 3000", f"{path}/max_length")
    elif least > most:
        yield at("must not be greater than max_length", f"{path}/min_length")
    yield from check_optional(element, "initial_value", 3000, path, least=0)


def options_of(element: Json) -> list[Json]:
    """Every option of a menu, those in groups too."""
    groups = element.get("option_groups") or [element]
    return [option for group in groups for option in group.get("options", [])]


def _menu(element: Json, path: str) -> Iterator[str]:
    problems = list(_options(element, path))
    yield from problems
    if problems:
        return
    values = [option["value"] for option in options_of(element)]
    yield from check_unique([(value, path) for value in values], "value")
    initial = [*items_of(element.get("initial_options")), *filter(None, [element.get("initial_option")])]
    if any(not isinstance(option, dict) or option.get("value") not in values for option in initial):
        yield at("initial option is not among the options", path)


def _options(element: Json, path: str) -> Iterator[str]:
    groups = element.get("option_groups")
    if (groups is None) == ("options" not in element):
        yield at("must provide either options or option_groups", path)
        return
    places: list[tuple[Any, str]] = [(element, path)]
    if groups is not None:
        yield from check_count(groups, 100, f"{path}/option_groups")
        places = [(group, f"{path}/option_groups/{n}") for n, group in enumerate(items_of(groups))]
    for holder, where in places:
        options = holder.get("options") if isinstance(holder, dict) else None
        yield from check_count(options, MOST_OPTIONS[element["type"]], f"{where}/options")
        for n, option in enumerate(items_of(options)):
            yield from _option(option, element["type"], f"{where}/options/{n}")


def _option(option: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(option, dict):
        yield at("must be an object", path)
        return
    yield from check_shape(option, OPTION, path)
    rich = kind in ("radio_buttons", "checkboxes")
    kinds = ANY_TEXT if rich else PLAIN
    yield from check_optional_text(option, "text", 75, path, kinds)
    yield from check_optional_text(option, "description", 75, path, kinds)
    yield from check_optional(option, "value", 150, path)
