"""Reconciliation over the ports: look twice, make safe what both looks found, tell people."""

import asyncio
from datetime import UTC, datetime

from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import DESK
from promotion_ladder.core.incidents import IncidentNews
from promotion_ladder.core.people import SYSTEM
from promotion_ladder.core.platform import BotFacts
from promotion_ladder.core.reconcile import (
    RECONCILED,
    Finding,
    Look,
    Mended,
    Seen,
    Standing,
    StandingLatch,
    agreed,
    find,
    standing_latches,
    suspects,
)
from promotion_ladder.incidents import post
from promotion_ladder.ports import AuditStore, Platform, Promotions
from promotion_ladder.reconciling.mending import make_safe as make_safe

APART = 5.0
"""Seconds between the two looks: longer than a change of exposure and its recording take."""


async def look(
    platform: Platform,
    promotions: Promotions,
    store: AuditStore,
    *,
    apart: float = APART,
) -> Look:
    """Everything that two looks, ``apart`` seconds from each other, agree on.

    Raises LadderError only when the platform does not say what is exposed: then nobody knows.
    """
    first = await _once(platform, promotions, store)
    if not first.findings:
        return first
    await asyncio.sleep(apart)
    second = await _once(platform, promotions, store)
    return second.model_copy(update={"findings": agreed(first.findings, second.findings)})


async def _once(platform: Platform, promotions: Promotions, store: AuditStore) -> Look:
    unanswered: list[str] = []
    exposures = await platform.exposures()
    facts = await _facts(platform, unanswered)
    asked = suspects(exposures, facts)
    climbing = dict(zip(asked, await asyncio.gather(*(promotions.of(bot) for bot in asked)), strict=True))
    unanswered += [f"{bot}: {c.detail}" for bot, c in climbing.items() if c.standing is Standing.UNKNOWN]
    latches = await _latches(store, unanswered)
    found = find(Seen(exposures=tuple(exposures), facts=facts, climbing=climbing, latches=latches))
    return Look(at=datetime.now(UTC), findings=found, unanswered=tuple(unanswered))


async def _facts(platform: Platform, unanswered: list[str]) -> dict[str, BotFacts]:
    bots = await platform.bots()
    answers = await asyncio.gather(*(platform.describe(bot) for bot in bots), return_exceptions=True)
    facts: dict[str, BotFacts] = {}
    for bot, answer in zip(bots, answers, strict=True):
        if isinstance(answer, BotFacts):
            facts[bot] = answer
        elif isinstance(answer, LadderError):
            unanswered.append(f"{bot}: {answer.detail}")
        else:
            raise answer
    return facts


async def _latches(store: AuditStore, unanswered: list[str]) -> tuple[StandingLatch, ...]:
    """What the record says; without it latches cannot be compared, and everything else goes on."""
    try:
        return standing_latches([link.event for link in await store.chain(DESK)])
    except LadderError as error:
        unanswered.append(f"latches were not compared with the record: {error.detail}")
        return ()


async def tell(store: AuditStore, finding: Finding, at: datetime, mended: Mended | None) -> None:
    """Write what was found to the queue of incidents, and what was done about it to the desk's chain."""
    if mended is not None and mended.changed:
        data = {
            "bot": finding.bot,
            "word": str(finding.word),
            "remedy": str(finding.remedy),
            "reason": finding.sentence,
        }
        if mended.latched:
            data |= {"scope": finding.scope, "target": finding.target}
        else:
            data["target"] = ""
        await store.append_to_desk(RECONCILED, SYSTEM, at, mended.sentence, **data)
    await post(store, IncidentNews(at=at, opened=finding.as_incident()))
