"""Writing to the queue of incidents."""

from collections.abc import Callable

from temporalio import activity

from promotion_ladder.core.incidents import IncidentNews
from promotion_ladder.incidents import post
from promotion_ladder.ports import AuditStore


class IncidentActivities:
    """The way into the queue; ``wake`` lets on-call be told, beside all else."""

    def __init__(self, store: AuditStore, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake

    @activity.defn(name="post_incident")
    async def post(self, news: IncidentNews) -> None:
        """Open an incident, or end one that the ladder has mended; the same news again is written once."""
        await post(self._store, news)
        self._wake()
