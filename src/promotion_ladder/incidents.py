"""The queue of incidents on the desk's chain of the record: whoever opens or ends one does it here."""

from datetime import datetime

from promotion_ladder.core.events import DESK
from promotion_ladder.core.incidents import OPENED, RESOLVED, Incident, IncidentNews, Status, fold, is_news
from promotion_ladder.core.people import SYSTEM
from promotion_ladder.ports import AuditStore


async def queue(store: AuditStore) -> tuple[Incident, ...]:
    """Every incident, resolved ones too; raises ``OPS_AUDIT_DOWN`` when the record does not answer."""
    return fold([link.event for link in await store.chain(DESK)])


async def post(store: AuditStore, news: IncidentNews) -> None:
    """Write what the ladder itself found or mended; what the queue says already is not written again."""
    if news.opened is not None:
        if is_news(await queue(store), news.opened, news.at):
            await store.append_to_desk(OPENED, SYSTEM, news.at, news.opened.sentence, **news.opened.as_data())
    elif any(i.key == news.resolved and i.status is not Status.RESOLVED for i in await queue(store)):
        await end(store, RESOLVED, SYSTEM, news.at, news.resolved, news.sentence, reason=news.sentence)


async def end(store: AuditStore, kind: str, actor: str, at: datetime, key: str, sentence: str, *, reason: str) -> None:
    """Write that ``actor`` acknowledged or resolved the incident of ``key``."""
    await store.append_to_desk(kind, actor, at, sentence, key=key, reason=reason)
