"""The ways down: what becomes of the positions when a stage is aborted."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from promotion_ladder.core.base import Duration, Spec

NOTHING = timedelta(0)


def by_name(value: Any) -> Any:
    """A kind that is named alone, without its parameters."""
    return {"kind": value} if isinstance(value, str) else value


class Flatten(Spec):
    """Way down: exit every position at the market, at once."""

    kind: Literal["flatten"] = "flatten"


class Reassign(Spec):
    """Way down: stable takes the positions over, untraded. What the platform does not hand over is flattened."""

    kind: Literal["reassign"] = "reassign"


class WindDown(Spec):
    """Way down: no new entries, and the positions close in their own time.

    The guards that have not tripped yet watch on. One of them, a kill, a lost lease or the end of the time flattens.
    """

    kind: Literal["wind_down"] = "wind_down"
    within: Duration = Field(default=timedelta(minutes=30), gt=NOTHING)
    """What is still held after this is flattened."""


WayDown = Annotated[Flatten | Reassign | WindDown, Field(discriminator="kind"), BeforeValidator(by_name)]
"""What becomes of the positions when a stage is aborted."""
