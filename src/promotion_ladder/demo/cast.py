"""The three stories of the demo: what each release is like, what people do to it, how it must end."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, PromotionResult, PromotionState


@dataclass
class Story:
    """One release: what it is like, what people do to it, how it must end."""

    name: str
    told: str
    """One line about it for the screen."""
    behaviour: str
    ending: Ending
    vetoed_by: str | None = None
    release: Release = field(init=False)
    state: PromotionState | None = None
    result: PromotionResult | None = None
    began: float = 0.0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    done: set[tuple[str, str, int]] = field(default_factory=set)
    """What people did already: (verb, stage, attempt)."""
    acting: asyncio.Task[None] | None = None

    def summary(self) -> dict[str, Any]:
        """Its line of summary.json."""
        result = self.result
        return {
            "name": self.name,
            "outcome": str(result.ending) if result else "unfinished",
            "stages": list(result.stages) if result else [],
            "seconds": round(self.seconds, 2),
            "flat_seconds": result.flat_seconds if result else None,
            "as_told": not self.wrong,
            "wrong": self.wrong,
        }


def stories() -> list[Story]:
    """The three stories, as yet untold."""
    return [
        Story("healthy", "does well, all the way up", "good", Ending.STABLE),
        Story("bleeding", "looks fine until it trades real money", "bleeding", Ending.ROLLED_BACK),
        Story("vetoed", "does well, but somebody objects", "good", Ending.VETOED, vetoed_by="ben"),
    ]
