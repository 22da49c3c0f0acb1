"""Verdicts: what one gate says of one piece of evidence."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, SkipValidation

from promotion_ladder.core.base import Number, Record
from promotion_ladder.core.codes import Code


class Outcome(StrEnum):
    """The five verdicts; only ``pass`` lets a stage be left upwards."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    ERROR = "error"


class Verdict(Record):
    """What a gate or guard concludes: the number, the limit, why, and in one sentence."""

    name: str
    """The gate's name in the ladder."""
    kind: str
    outcome: Outcome
    code: Code
    value: Number | None = None
    limit: Annotated[Number | None, Field(description="The limit that decided, or the first one asked.")] = None
    n: int | None = None
    """How many samples or trades the number rests on."""
    sentence: str
    """One plain line for a person."""
    details: dict[str, SkipValidation[JsonValue]] = {}
    """What this kind says beyond that: a classification, an interval, a rate. Documented with the kind."""

    @property
    def owners(self) -> tuple[str, ...]:
        """Who answers for what was judged, where its kind names somebody."""
        named = self.details.get("owner")
        return tuple(filter(None, str(named).split(", "))) if named else ()

    @property
    def passed(self) -> bool:
        """Whether this verdict lets the stage be left upwards."""
        return self.outcome is Outcome.PASS
