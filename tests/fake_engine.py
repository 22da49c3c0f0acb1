"""What Temporal would say of a promotion, in memory."""

from dataclasses import dataclass, field
from datetime import datetime

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.reconcile import Climbing, Standing


@dataclass
class FakePromotions:
    """What the engine says of the one bot, and what it was told."""

    climbing: Climbing = field(default_factory=lambda: Climbing(standing=Standing.NONE))
    told: list[tuple[str, Verb]] = field(default_factory=list)
    down: bool = False
    set_back: bool = False
    since: dict[str, datetime | None] = field(default_factory=dict)
    """Since when who waits for an approval."""

    async def waiting(self) -> dict[str, datetime | None]:
        if self.down:
            raise LadderError(Code.TEMPORAL_DOWN)
        return self.since

    async def was_set_back(self, workflow_id: str, run_id: str) -> bool:
        return self.set_back

    async def of(self, bot: str) -> Climbing:
        return Climbing(standing=Standing.UNKNOWN, detail="Temporal is down") if self.down else self.climbing

    async def tell(self, bot: str, promotion_id: str, verb: Verb, reason: str, message_id: str) -> None:
        if self.down:
            raise LadderError(Code.TEMPORAL_DOWN)
        self.told.append((promotion_id, verb))
