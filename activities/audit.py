"""Writing the record."""

from temporalio import activity

from promotion_ladder.contracts import Events
from promotion_ladder.ports import AuditStore


class AuditActivities:
    """The one writer of a promotion's chain."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    @activity.defn(name="record")
    async def record(self, events: Events) -> str:
        """Write events exactly once; the head of the chain."""
        return await self._store.append(list(events.events))
