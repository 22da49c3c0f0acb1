"""Telling people."""

from temporalio import activity

from promotion_ladder.contracts import Silence, Since
from promotion_ladder.core.card import Telling
from promotion_ladder.core.notice import Delivery
from promotion_ladder.ports import Notifier


class NotificationActivities:
    """The way out to people."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    @activity.defn(name="notify")
    async def notify(self, telling: Telling) -> Delivery:
        """Deliver one notice; raises until a channel took it."""
        return await self._notifier.notify(telling)

    @activity.defn(name="silence")
    async def silence(self, since: Since) -> Silence:
        """How long since then people could not have answered."""
        return Silence(lasted=await self._notifier.silence(since.at))
