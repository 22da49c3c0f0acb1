"""Judging a stage: gather, store, judge, decide. What decides is stored under its hash before it decides."""

import asyncio
import contextlib
from decimal import Decimal

from temporalio import activity

from promotion_ladder.activities.gather import Look
from promotion_ladder.contracts import Judgement, JudgeOrder
from promotion_ladder.core.decide import carry, decide, judged, looks_of, with_looks
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import INCIDENTS, Evidence, IncidentsEvidence, NumberEvidence, StoredEvidence
from promotion_ladder.core.gates import BacklogGate, Gate
from promotion_ladder.core.incidents import blocking
from promotion_ladder.incidents import queue
from promotion_ladder.ports import AuditStore, MetricSource, Platform, Promotions


class EvidenceActivities:
    """Judgements."""

    def __init__(self, platform: Platform, metrics: MetricSource, store: AuditStore, promotions: Promotions) -> None:
        self._platform = platform
        self._metrics = metrics
        self._store = store
        self._promotions = promotions

    @activity.defn(name="judge")
    async def judge(self, order: JudgeOrder) -> Judgement:
        """Judge all gates of the stage now; raises only when the evidence cannot be stored."""
        stage_order, now = order.stage_order, order.at
        stage = stage_order.stage
        look = Look(self._platform, self._metrics, stage_order, order.observed_from, now, order.carried)
        gates = [gate for gate in stage.gates if not gate.wants.only_recorded]  # a score judges the others' verdicts
        found = await asyncio.gather(*(self._evidence(look, gate, order) for gate in gates))
        items = {gate.name: item for gate, item in zip(gates, found, strict=True)}
        stored = StoredEvidence(
            promotion_id=stage_order.promotion_id,
            stage=stage.name,
            attempt=stage_order.attempt,
            taken_at=now,
            window_start=order.observed_from,
            items=items | {INCIDENTS: await self._incidents(stage_order.release.bot)},
            looks=looks_of(order.carried),
        )
        evidence_hash = await self._store.put_evidence(stored)
        carried = carry(stage, stored.items, stage_order.attempt)
        found_now = judged(stage, stored.items, stage_order.attempt, carried, stored.looks)
        decision = decide(stage, found_now.verdicts, order.elapsed, order.longest)
        carried = with_looks(carried, found_now.looks)
        return Judgement(decision=decision, evidence=evidence_hash, at=now, carried=carried)

    async def _evidence(self, look: Look, gate: Gate, order: JudgeOrder) -> Evidence:
        if not isinstance(gate, BacklogGate):
            return await look.evidence(gate)
        source = "promotions that await an approval"
        try:
            waiting = await self._promotions.waiting()
        except LadderError as error:
            return NumberEvidence(value=None, problem=error.code, detail=error.detail, source=source)
        others = [since for bot, since in waiting.items() if bot != order.stage_order.release.bot]
        # Who does not say since when may have waited for long: counted, so that what is unknown cannot pass.
        young = sum(since is not None and order.at - since <= gate.older_than for since in others)
        counted = len(others) - (young if gate.older_than else 0)
        return NumberEvidence(value=Decimal(counted), at=order.at, samples=len(others), source=source)

    async def _incidents(self, bot: str) -> IncidentsEvidence:
        """What the queue says of ``bot``; a queue that does not answer is no empty queue."""
        try:
            found = await queue(self._store)
        except LadderError as error:
            return IncidentsEvidence(problem=error.code, detail=error.detail)
        facts = None
        if blocking(found, bot):
            with contextlib.suppress(LadderError):  # then an incident of a market or venue is taken to cover the bot
                facts = await self._platform.describe(bot)
        return IncidentsEvidence(blocking=blocking(found, bot, facts))
