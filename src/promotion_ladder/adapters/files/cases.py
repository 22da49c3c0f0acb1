"""Recorded evidence in files: a gate in YAML with evidence in JSON, or many cases in JSON Lines, judged one by one."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from promotion_ladder.adapters.files.document import Document, UnreadableError, read
from promotion_ladder.adapters.files.problem import Problem, choose
from promotion_ladder.adapters.files.words import translate
from promotion_ladder.core.base import show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evaluate import CHECKS, EVIDENCE, check_model, completed, verdict
from promotion_ladder.core.gates.check import Check
from promotion_ladder.core.verdict import Outcome, Verdict

_RELATIONS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


class Judged(NamedTuple):
    """One case and what became of it."""

    id: str | int | None
    """None where the line has none that can be read."""
    verdict: Verdict

    @property
    def readable(self) -> bool:
        """Whether gate and evidence could be read and fit each other."""
        return self.verdict.code not in (Code.CASE_UNREADABLE, Code.WRONG_EVIDENCE)


class _Unfit(Exception):  # noqa: N818 - it is an outcome, caught where a verdict or an error of ours is made of it
    """What stands in a file is no gate, or no evidence."""

    def __init__(self, problem: Problem, allowed: str = "") -> None:
        self.problem, self.allowed = problem, allowed
        super().__init__(str(problem))


def load_check(path: Path | str) -> Check:
    """The gate or guard in a YAML file; ``GOV_CASE_UNREADABLE`` with the place of what is wrong."""
    try:
        return _check(read(path))
    except UnreadableError as error:
        raise LadderError(Code.CASE_UNREADABLE, str(error)) from None
    except _Unfit as unfit:
        raise LadderError(Code.CASE_UNREADABLE, f"{unfit}{_range(unfit)}") from None


def judge_text(check: Check, text: bytes, name: str) -> Verdict:
    """What ``check`` says of the evidence in JSON ``text``; ``GOV_CASE_UNREADABLE`` where that is none.

    ``name`` is what errors call the text.
    """
    try:
        return _verdict(check, Document(Path(name), _json(text)))
    except ValueError as error:
        raise LadderError(Code.CASE_UNREADABLE, f"{name}: {error}") from None
    except _Unfit as unfit:
        raise LadderError(Code.CASE_UNREADABLE, f"{name}: {_words(unfit.problem)}") from None


def judge_line(line: bytes) -> Judged:
    """The verdict on one case, a JSON object with ``id``, ``gate`` and ``evidence``; it never raises.

    What cannot be read is the verdict ``error`` with the ``problem`` in its details.
    """
    case: Any = None
    part = ""
    try:
        case = _json(line)
        if not isinstance(case, dict):
            return _unreadable(None, "", "a case must be an object with 'id', 'gate' and 'evidence'", "")
        if not isinstance(case.get("id"), str | int | None) or isinstance(case.get("id"), bool):
            return _unreadable(None, "id", "must be text or a whole number", "")
        part = "gate"
        check = _check(_part(case, part))
        part = "evidence"
        found = _verdict(check, _part(case, part))
    except ValueError as error:
        return _unreadable(None, "", str(error), "")
    except _Unfit as unfit:
        field = f"{part}.{unfit.problem.field}".removesuffix(".")
        return _unreadable(case.get("id"), field, unfit.problem.message, unfit.allowed or unfit.problem.hint)
    return Judged(case.get("id"), found)


def _json(text: bytes) -> Any:
    """The value in ``text`` with its numbers exactly as written; ValueError in words."""
    try:
        return json.loads(text.decode("utf-8-sig"), parse_float=Decimal, parse_constant=str, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' stands twice; keep one of them")
    return found


def _part(case: dict[str, Any], name: str) -> Document:
    if name not in case:
        raise _Unfit(Problem("", 1, 1, "", f"'{name}' is missing"))
    return Document(Path(name), case[name])


def _check(document: Document) -> Check:
    data = _mapping(document)
    model = check_model(data)
    if model is None:
        raise _no_kind(document, list(CHECKS))
    try:
        return model.model_validate(completed(model, data))
    except ValidationError as error:
        problem = translate(document, model, error)[0]
        raise _Unfit(problem, _bounds(model, problem.field)) from None


def _verdict(check: Check, document: Document) -> Verdict:
    data = _mapping(document)
    if not isinstance(data.get("kind"), str) or data["kind"] not in EVIDENCE:
        raise _no_kind(document, list(EVIDENCE))
    try:
        return verdict(check, data)
    except ValidationError as error:
        raise _Unfit(translate(document, EVIDENCE[data["kind"]], error)[0]) from None


def _mapping(document: Document) -> dict[str, Any]:
    if not isinstance(document.data, dict):
        raise _Unfit(document.problem((), "must be a mapping of fields, the first of them 'kind'"))
    return document.data


def _no_kind(document: Document, kinds: list[str]) -> _Unfit:
    kind = document.data.get("kind")
    if kind is None:
        return _Unfit(document.problem((), "'kind' is missing", f"kinds: {', '.join(kinds)}"))
    return _Unfit(document.problem(("kind",), f"there is no kind '{kind}' here", choose(str(kind), kinds, "kinds")))


def _bounds(model: type[BaseModel], field: str) -> str:
    """The range of numbers or durations that a field of ``model`` may have; empty where it has none."""
    found = model.model_fields.get(field)
    return " and ".join(dict.fromkeys(_limits(found))) if found is not None else ""


def _limits(node: Any) -> list[str]:
    own = [
        f"{word} {show_duration(limit) if hasattr(limit, 'total_seconds') else limit}"
        for name, word in _RELATIONS.items()
        if (limit := getattr(node, name, None)) is not None
    ]
    inner = [*getattr(node, "metadata", ()), *getattr(node, "__metadata__", ())]
    if isinstance(node, FieldInfo) and node.annotation is not None:
        inner += get_args(node.annotation)
    return own + [text for each in inner for text in _limits(each)]


def _range(unfit: _Unfit) -> str:
    return f"; allowed is {unfit.allowed}" if unfit.allowed else ""


def _words(problem: Problem) -> str:
    what = f"{problem.field}: {problem.message}" if problem.field else problem.message
    return what + (f" ({problem.hint})" if problem.hint else "")


def _unreadable(case: str | int | None, field: str, reason: str, allowed: str) -> Judged:
    sentence = f"{field}: {reason}" if field else reason
    return Judged(
        case,
        Verdict(
            name="", kind="", outcome=Outcome.ERROR, code=Code.CASE_UNREADABLE, sentence=sentence,
            details={"problem": {"field": field, "reason": reason, "allowed": allowed}},
        ),
    )  # fmt: skip
