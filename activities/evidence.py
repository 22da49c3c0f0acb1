"""Judging a stage: gather, store, judge, decide. What decides is stored under its hash before it decides."""

import asyncio

from temporalio import activity

from promotion_ladder.activities.gather import Look
from promotion_ladder.contracts import Judgement, JudgeOrder
from promotion_ladder.core.decide import decide, judge
from promotion_ladder.core.evidence import StoredEvidence
from promotion_ladder.ports import AuditStore, MetricSource, Platform


class EvidenceActivities:
    """Judgements."""

    def __init__(self, platform: Platform, metrics: MetricSource, store: AuditStore) -> None:
        self._platform = platform
        self._metrics = metrics
        self._store = store

    @activity.defn(name="judge")
    async def judge(self, order: JudgeOrder) -> Judgement:
        """Judge all gates of the stage now; raises only when the evidence cannot be stored."""
        stage_order, now = order.stage_order, order.at
        stage = stage_order.stage
        look = Look(self._platform, self._metrics, stage_order, order.observed_from, now)
        found = await asyncio.gather(*(look.evidence(gate) for gate in stage.gates))
        stored = StoredEvidence(
            promotion_id=stage_order.promotion_id,
            stage=stage.name,
            attempt=stage_order.attempt,
            taken_at=now,
            window_start=order.observed_from,
            items={gate.name: item for gate, item in zip(stage.gates, found, strict=True)},
        )
        evidence_hash = await self._store.put_evidence(stored)
        decision = decide(stage, judge(stage, stored.items), order.elapsed, order.longest)
        return Judgement(decision=decision, evidence=evidence_hash, at=now)
