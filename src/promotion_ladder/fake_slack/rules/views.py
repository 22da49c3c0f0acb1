"""The rules of views: modals and App Home."""

from collections.abc import Collection, Iterator
from typing import Any

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.rules.blocks import Surface, block_problems
from promotion_ladder.fake_slack.rules.shapes import (
    PLAIN,
    Shape,
    at,
    check_optional,
    check_optional_text,
    check_shape,
    check_text,
)

_COMMON = "callback_id private_metadata external_id"
_MODAL = Shape(
    frozenset({"blocks", "title"}), frozenset(f"{_COMMON} submit close clear_on_close notify_on_close".split())
)
_HOME = Shape(frozenset({"blocks"}), frozenset(_COMMON.split()))
TITLE_LIMIT = 24


def view_problems(view: Any, surface: Surface, files: Collection[str] = ()) -> list[str]:
    """Everything that Slack would refuse about ``view``, a modal or a home tab."""
    if not isinstance(view, dict):
        return [at("must be an object", "/view")]
    if view.get("type") != surface:
        return [at(f"unsupported type: {view.get('type')}", "/view/type")]
    problems = list(check_shape(view, _MODAL if surface == "modal" else _HOME, "/view"))
    if "blocks" in view:
        problems += block_problems(view["blocks"], surface, files, "/view/blocks")
    problems += _words(view)
    return problems


def _words(view: Json) -> Iterator[str]:
    if "title" in view:
        yield from check_text(view["title"], TITLE_LIMIT, "/view/title", PLAIN)
    yield from check_optional_text(view, "submit", TITLE_LIMIT, "/view")
    yield from check_optional_text(view, "close", TITLE_LIMIT, "/view")
    yield from check_optional(view, "private_metadata", 3000, "/view", least=0)
    yield from check_optional(view, "callback_id", 255, "/view", least=0)
    yield from check_optional(view, "external_id", 255, "/view", least=0)
    blocks = view.get("blocks")
    inputs = [b for b in blocks if isinstance(b, dict) and b.get("type") == "input"] if isinstance(blocks, list) else []
    if inputs and view["type"] == "modal" and not view.get("submit"):
        yield at("missing required field: submit", "/view")
