"""What a person puts into a modal: what Slack's client lets through, and the state that the app is sent."""

from typing import Any

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.rules.elements import options_of

REQUIRED = "Please complete this required field."


class NoSuchElement(LookupError):  # noqa: N818 -- says what is so
    """The message or view has no such button or input: a person could not have done that."""


def inputs_of(view: Json) -> list[tuple[Json, Json]]:
    """The input blocks of a view with their elements."""
    return [(block, block["element"]) for block in view["blocks"] if block["type"] == "input"]


def filled(view: Json, values: Json) -> tuple[Json, dict[str, str]]:
    """``state.values`` for what was put in, and what the client objects to, by block id.

    ``values`` has what was put in by block id or action id: a string, an option's value, or a list of such; what is
    not named keeps its initial value. Raises NoSuchElement for an input or option that the view does not show.
    """
    state: Json = {}
    problems: dict[str, str] = {}
    left = dict(values)
    for block, element in inputs_of(view):
        names = [name for name in (block["block_id"], element["action_id"]) if name in left]
        value = left.pop(names[0]) if names else initial_value(element)
        if problem := _problem(element, value, optional=bool(block.get("optional"))):
            problems[block["block_id"]] = problem
        state[block["block_id"]] = {element["action_id"]: element_state(element, value)}
    if left:
        raise NoSuchElement(f"the view has no input {', '.join(sorted(left))}")
    return state, problems


def initial_value(element: Json) -> Any:
    """What stands in an input before anybody touches it."""
    for name in ("initial_value", "initial_date", "initial_user"):
        if name in element:
            return element[name]
    if "initial_option" in element:
        return element["initial_option"]["value"]
    return [option["value"] for option in element.get("initial_options", [])] or None


def element_state(element: Json, value: Any) -> Json:
    """An element's part of ``state.values``, or of an action."""
    kind = element["type"]
    match kind:
        case "plain_text_input" | "number_input":
            return {"type": kind, "value": value or None}
        case "datepicker":
            return {"type": kind, "selected_date": value}
        case "users_select":
            return {"type": kind, "selected_user": value}
        case "static_select" | "radio_buttons" | "overflow":
            return {"type": kind, "selected_option": _option(element, value) if value is not None else None}
    return {"type": kind, "selected_options": [_option(element, one) for one in value or []]}


def _option(element: Json, value: Any) -> Json:
    for option in options_of(element):
        if option["value"] == value:
            return option
    raise NoSuchElement(f"{element['action_id']} offers no option {value!r}")


def _problem(element: Json, value: Any, *, optional: bool) -> str | None:
    empty = value is None or value in ("", [])
    if empty:
        return None if optional else REQUIRED
    match element["type"]:
        case "plain_text_input":
            return _text_problem(element, str(value))
        case "number_input":
            return _number_problem(element, str(value))
    return None


def _text_problem(element: Json, text: str) -> str | None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(text) < least:
        return f"This field must be at least {least} characters long."
    if len(text) > most:
        return f"This field must be at most {most} characters long."
    return None


def _number_problem(element: Json, text: str) -> str | None:
    try:
        number = float(text)
    except ValueError:
        return "Please enter a number."
    if not element["is_decimal_allowed"] and not number.is_integer():
        return "Please enter a whole number."
    if number < float(element.get("min_value", "-inf")) or number > float(element.get("max_value", "inf")):
        return "This number is out of range."
    return None
