"""What the fields of a model mean, as a schema tells it."""

import inspect
from typing import Any

import pytest
from pydantic import Field

from promotion_ladder.core import docstrings
from promotion_ladder.core.base import Spec
from promotion_ladder.core.docstrings import field_docs


class Parent(Spec):
    """A model with fields."""

    plain: int
    """A number.

    Of which there is more to say.
    """
    silent: int
    alias_needed: int = Field(0, alias="pass")
    """A word that Python keeps for itself."""


class Child(Parent):
    plain: int = 1
    silent: int = 2
    """Not any more."""
    own: int = 3
    """Its own."""


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    docstrings._docs_in.cache_clear()


def described(model: type[Spec]) -> dict[str, Any]:
    return {name: field.get("description") for name, field in model.model_json_schema()["properties"].items()}


def test_a_field_is_described_by_the_docstring_below_it() -> None:
    assert described(Parent) == {
        "plain": "A number.\n\nOf which there is more to say.", "silent": None,
        "pass": "A word that Python keeps for itself.",
    }  # fmt: skip


def test_what_is_inherited_keeps_its_docstring_until_it_has_one_of_its_own() -> None:
    found = field_docs(Child)
    assert found["plain"].startswith("A number.")
    assert (found["silent"], found["own"]) == ("Not any more.", "Its own.")


def test_where_the_source_is_not_there_nothing_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_module: object) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr(inspect, "getsource", gone)
    assert set(described(Parent).values()) == {None}
