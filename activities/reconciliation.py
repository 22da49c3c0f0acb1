"""Reconciliation as activities: look, make one finding safe, tell people. Safe comes first: it needs no record."""

from collections.abc import Callable

from temporalio import activity

from promotion_ladder.contracts import MendOrder, MendReport
from promotion_ladder.core.reconcile import Look, Mended
from promotion_ladder.ports import AuditStore, Platform, Promotions
from promotion_ladder.reconciling import look, make_safe, tell


class ReconciliationActivities:
    """From the platform's view; ``wake`` lets on-call be told, beside all else."""

    def __init__(self, platform: Platform, promotions: Promotions, store: AuditStore, wake: Callable[[], None]) -> None:
        self._platform = platform
        self._promotions = promotions
        self._store = store
        self._wake = wake

    @activity.defn(name="reconcile_look")
    async def look(self) -> Look:
        """What two looks agree on; raises when the platform does not answer."""
        return await look(self._platform, self._promotions, self._store)

    @activity.defn(name="reconcile_make_safe")
    async def make_safe(self, order: MendOrder) -> Mended:
        """Do what the finding's remedy says; raises when the platform does not do it."""
        return await make_safe(self._platform, self._promotions, order.finding, order.at)

    @activity.defn(name="reconcile_tell")
    async def tell(self, report: MendReport) -> None:
        """Write what was found and done; raises until the record takes it."""
        await tell(self._store, report.finding, report.at, report.mended)
        self._wake()
