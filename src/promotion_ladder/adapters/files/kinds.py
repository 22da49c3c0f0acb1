"""The five kinds of operator file, told apart by their top fields, and how one is parsed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from promotion_ladder.adapters.files.document import Document, UnreadableError, read
from promotion_ladder.adapters.files.problem import Problem
from promotion_ladder.adapters.files.words import translate
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import People, Policy
from promotion_ladder.core.release import Release

KINDS: dict[str, type[BaseModel]] = {
    "ladder": Ladder, "policy": Policy, "people": People, "release": Release, "slack": SlackDesk,
}  # fmt: skip
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Parsed(Generic[M]):
    """A file that was read: its value, or what is wrong with it."""

    file: Path
    document: Document | None
    value: M | None
    problems: tuple[Problem, ...] = ()


def kind_of(document: Document) -> str | None:
    """The kind whose fields the file's top fields are; None when there is no telling."""
    fits = {name: len(set(document.data) & set(model.model_fields)) for name, model in KINDS.items()}
    best = max(fits, key=lambda name: fits[name])
    return best if fits[best] else None


def parse(path: Path | str, model: type[M]) -> Parsed[M]:
    """Read a file as ``model``."""
    try:
        document = read(path)
    except UnreadableError as error:
        return Parsed(Path(path), None, None, (error.problem,))
    return _validate(document, model)


def parse_any(path: Path | str) -> Parsed[BaseModel]:
    """Read a file whose kind its fields tell."""
    try:
        document = read(path)
    except UnreadableError as error:
        return Parsed(Path(path), None, None, (error.problem,))
    kind = kind_of(document)
    if kind is None:
        told = "; ".join(
            f"a {name} file begins with '{next(iter(model.model_fields))}:'" for name, model in KINDS.items()
        )
        problem = document.problem((), "this is no ladder, policy, people, release or slack file", told)
        return Parsed(Path(path), document, None, (problem,))
    return _validate(document, KINDS[kind])


def _validate(document: Document, model: type[M]) -> Parsed[M]:
    try:
        return Parsed(document.file, document, model.model_validate(document.data))
    except ValidationError as error:
        return Parsed(document.file, document, None, tuple(translate(document, model, error)))
