"""Writing the record."""

from temporalio import activity

from promotion_ladder.contracts import Events, Tail
from promotion_ladder.core.canonical import GENESIS
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import verify
from promotion_ladder.ports import AuditStore, Promotions


class AuditActivities:
    """The one writer of a promotion's chain."""

    def __init__(self, store: AuditStore, promotions: Promotions) -> None:
        self._store = store
        self._promotions = promotions

    @activity.defn(name="record")
    async def record(self, events: Events) -> str:
        """Write events exactly once; the head of the chain."""
        return await self._store.append(list(events.events))

    @activity.defn(name="rejoin")
    async def rejoin(self, known: Tail) -> Tail:
        """The end of the stored chain, for a run that somebody reset and that knows it only up to ``known``.

        ``OPS_AUDIT_CONFLICT`` when the run was not reset, or the chain is not whole, or does not hold what is known:
        then the record was changed, and nothing is built upon it.
        """
        info = activity.info()
        if not await self._promotions.was_set_back(info.workflow_id or "", info.workflow_run_id or ""):
            raise LadderError(Code.AUDIT_CONFLICT, f"{known.chain}: the record was changed from outside")
        links = await self._store.chain(known.chain)
        heads = [GENESIS, *(link.hash for link in links)]
        wrong = verify(links)
        if not wrong and known.head not in heads[known.seq : known.seq + 1]:
            wrong = [f"event {known.seq} is another one, or gone"]
        if wrong:
            raise LadderError(Code.AUDIT_CONFLICT, f"{known.chain}: {'; '.join(wrong)}")
        return Tail(chain=known.chain, seq=len(links), head=heads[-1])
