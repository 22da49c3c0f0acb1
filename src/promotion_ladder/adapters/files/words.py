"""Pydantic's errors in the words of the people who write the files."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from promotion_ladder.adapters.files.document import Document, Path_
from promotion_ladder.adapters.files.problem import Problem, choose
from promotion_ladder.adapters.files.shape import (
    Schema,
    expected_at,
    fields_of,
    is_duration,
    is_share,
    kinds_of,
    locate,
    value_at,
    words_of,
)

_DURATIONS = "write it as 500ms, 45s, 30m, 2h, 1h30m, 14d or 1w"
_QUOTED = re.compile(r"'([^']+)'")
_PATTERNS = (
    (r"sha256", "must be 'sha256:' and 64 hex digits", "'sha256sum FILE' prints them"),
    (r"https?", "must be an address that begins with http:// or https://", ""),
    (
        r"^\^\[A-Za-z0-9\]",
        "must be a name",
        "letters, digits, '.', '_' and '-', at most 64, the first a letter or digit",
    ),
    (r"[0-9a-f]{64}", "must be 64 hex digits", ""),
)


@dataclass(frozen=True)
class _Fault:
    """One of pydantic's errors beside what stands in the file and what the model expects there."""

    kind: str
    path: Path_
    rest: tuple[str | int, ...]
    given: Any
    ctx: dict[str, Any]
    message: str
    expected: Schema
    around: Schema
    """What is expected of the mapping the error is in."""


@dataclass(frozen=True)
class _Words:
    message: str
    hint: str = ""
    below: Path_ = ()
    """Steps from the fault's own path to what the words are about."""
    key: bool = False


def translate(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """Every error as a problem with its place, in the order of the file."""
    found: dict[tuple[int, int, str], Problem] = {}
    for detail in error.errors(include_url=False):
        fault = _fault(document, model, detail)
        words = _describe(fault)
        if words is None:
            continue
        path = (*fault.path, *words.below)
        problem = document.problem(path, words.message, words.hint, key=words.key)
        found.setdefault((problem.line, problem.column, problem.field), problem)
    return sorted(found.values())


def _fault(document: Document, model: type[BaseModel], detail: ErrorDetails) -> _Fault:
    loc = detail["loc"]
    path, rest = locate(document.data, loc)
    return _Fault(
        kind=detail["type"],
        path=path,
        rest=rest,
        given=value_at(document.data, path),
        ctx=detail.get("ctx", {}),
        message=detail["msg"],
        expected=expected_at(model, loc),
        around=expected_at(model, loc[:-1]),
    )


def _describe(fault: _Fault) -> _Words | None:
    """The words for a fault; None for one that another fault already tells."""
    if fault.rest and str(fault.rest[-1]).startswith("literal["):
        return None  # the other branch of the union says it
    if fault.rest and fault.rest[-1] == "[key]":
        key = str(fault.path[-1])
        return _Words(f"'{key}' is not known here", choose(key, _expected_words(fault)), key=True)
    if fault.given is None and fault.kind not in ("missing", "extra_forbidden"):
        return _Words("has no value", "write one after the ':' or remove the line")
    teller = _TELLERS.get(fault.kind)
    if teller is not None:
        return teller(fault)
    for end, tell in (("_parsing", _not_a_number), ("_type", _wrong_type)):
        if fault.kind.endswith(end):
            return tell(fault)
    return _Words(fault.message)


def _expected_words(fault: _Fault) -> list[str]:
    return words_of(fault.expected) or _QUOTED.findall(str(fault.ctx.get("expected", "")))


def _missing(fault: _Fault) -> _Words:
    name = str(fault.rest[-1])
    return _Words(f"'{name}' is missing", _meaning(fault.expected))


def _extra(fault: _Fault) -> _Words:
    allowed = fields_of(fault.around)
    return _Words(f"there is no field '{fault.path[-1]}' here", choose(str(fault.path[-1]), allowed), key=True)


def _no_such_kind(fault: _Fault) -> _Words:
    kinds = kinds_of(fault.expected) or _QUOTED.findall(str(fault.ctx.get("expected_tags", "")))
    tag = str(fault.ctx.get("tag", ""))
    below = ("kind",) if isinstance(fault.given, dict) else ()
    return _Words(f"there is no kind '{tag}' here", choose(tag, kinds, "kinds"), below)


def _kind_missing(fault: _Fault) -> _Words:
    return _Words("'kind' is missing", f"kinds: {', '.join(kinds_of(fault.expected))}")


def _not_a_word(fault: _Fault) -> _Words:
    return _Words(f"'{fault.given}' is not allowed", choose(str(fault.given), _expected_words(fault)))


def _pattern(fault: _Fault) -> _Words:
    pattern = str(fault.ctx.get("pattern", ""))
    for part, message, hint in _PATTERNS:
        if re.search(part, pattern) if part.startswith("^") else part in pattern:
            return _Words(f"{message}, was '{fault.given}'", hint)
    return _Words(f"'{fault.given}' has not the form that is asked here")


def _not_a_number(fault: _Fault) -> _Words:
    """Text that is no number, duration or truth value."""
    given = fault.given
    if isinstance(given, dict | list):
        return _wrong_type(fault)
    if fault.kind == "time_delta_parsing":
        return _not_a_duration(fault)
    if fault.kind.startswith("bool"):
        return _Words(f"must be true or false, was '{given}'")
    if is_share(fault.expected):
        return _Words(f"must be a share, was '{given}'", "write it as 10% or 0.1")
    whole = fault.kind.startswith("int")
    hint = "a decimal point is written '.'" if re.fullmatch(r"-?\d+,\d+", str(given)) else ""
    return _Words(f"must be a {'whole ' if whole else ''}number, was '{given}'", hint)


def _not_a_duration(fault: _Fault) -> _Words:
    given = str(fault.given)
    others = [f"'{word}'" for word in words_of(fault.expected)]
    if re.fullmatch(r"\d+(\.\d+)?", given):
        return _Words(f"a duration needs its unit, was '{given}'", f"write '{given}s', '{given}m' or '{given}h'")
    return _Words(f"'{given}' is not a duration", "; or ".join([_DURATIONS, *others]))


def _not_a_moment(fault: _Fault) -> _Words:
    return _Words(f"must be a moment with its time zone, was '{fault.given}'", "write it as 2026-06-15T12:00:00Z")


def _wrong_type(fault: _Fault) -> _Words:
    """A mapping, list or text where another of them belongs."""
    if fault.kind in ("tuple_type", "list_type", "set_type"):
        return _Words("must be a list", "begin each entry with '- ', or write [one, two]")
    if fault.kind in ("dict_type", "model_type", "model_attributes_type"):
        kinds = kinds_of(fault.expected)
        hint = f"begin with 'kind', one of: {', '.join(kinds)}" if kinds else "write 'field: value' lines below it"
        return _Words("must be a mapping of fields", hint)
    if is_duration(fault.expected):
        return _Words("must be a duration", _DURATIONS)
    if is_share(fault.expected):
        return _Words("must be a share", "write it as 10% or 0.1")
    names = {"string": "text", "int": "a whole number", "bool": "true or false", "decimal": "a number"}
    return _Words(f"must be {names.get(fault.kind.removesuffix('_type'), 'another kind of value')}")


_RELATIONS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def _out_of_bounds(fault: _Fault) -> _Words:
    name, relation = _RELATIONS[fault.kind]
    limit = fault.ctx.get(name)
    if is_duration(fault.expected):
        return _Words(f"must be {'longer than nothing' if name == 'gt' else 'nothing or longer'}, was '{fault.given}'")
    percent = is_share(fault.expected) and re.fullmatch(r"\d+(\.\d+)?", str(fault.given))
    hint = f"write a percentage as '{fault.given}%'" if percent and name == "le" else ""
    return _Words(f"must be {relation} {limit}, was '{fault.given}'", hint)


def _too_few(fault: _Fault) -> _Words | None:
    least = int(fault.ctx.get("min_length", 1))
    if len(fault.given) >= least:
        return None  # there are enough; a faulty one among them is told by itself
    return _Words(f"needs at least {least} {'entry' if least == 1 else 'entries'}", _meaning(fault.expected))


def _own_words(fault: _Fault) -> _Words:
    """An error our own models raised; it points at the first field it names, or at what it says is misplaced."""
    message = str(fault.ctx.get("message") or fault.ctx.get("error") or fault.message)
    message, _, hint = message.partition("; ")
    at = fault.ctx.get("at")
    if at:
        return _Words(message, hint, tuple(at))
    if isinstance(fault.given, dict):
        named = [word for word in _QUOTED.findall(message) if word in fault.given]
        return _Words(message, hint, tuple(named[:1]), key=bool(named))
    return _Words(message, hint)


def _meaning(schema: Schema) -> str:
    """What a field is for, from the model's own description."""
    return str(schema.get("description", "")).split("\n\n")[0].replace("``", "'").replace("\n", " ").rstrip(".")


_TELLERS: dict[str, Callable[[_Fault], _Words | None]] = {
    "missing": _missing,
    "extra_forbidden": _extra,
    "union_tag_invalid": _no_such_kind,
    "union_tag_not_found": _kind_missing,
    "enum": _not_a_word,
    "literal_error": _not_a_word,
    "string_pattern_mismatch": _pattern,
    "int_from_float": _not_a_number,
    "timezone_aware": _not_a_moment,
    "datetime_parsing": _not_a_moment,
    "datetime_from_date_parsing": _not_a_moment,
    "datetime_type": _not_a_moment,
    "string_too_short": lambda _: _Words("must not be empty"),
    "too_short": _too_few,
    "finite_number": lambda fault: _Words(f"must be a finite number, was '{fault.given}'"),
    "value_error": _own_words,
    "misplaced": _own_words,
    **dict.fromkeys(_RELATIONS, _out_of_bounds),
}
