"""Approvals that wait, as a gate is told of them: those of other bots, old enough, and never nothing for no answer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.crowd import guarded_canary
from tests.fake_engine import FakePromotions
from tests.fake_metrics import FakeMetrics
from tests.fakes import FakeAudit

from promotion_ladder.activities.evidence import EvidenceActivities
from promotion_ladder.contracts import JudgeOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step
from promotion_ladder.core.evidence import NumberEvidence
from promotion_ladder.core.gates import BacklogGate
from promotion_ladder.core.verdict import Verdict

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SINCE = {"a": NOW - 3 * HOUR, "b": NOW - HOUR, "c": NOW - timedelta(minutes=1), "d": None}


async def judged(promotions: FakePromotions, **gate: object) -> tuple[Step, Verdict, NumberEvidence]:
    """The judgement of a stage that has no other gate, with what was stored for it."""
    platform, order, _ = guarded_canary()
    check = BacklogGate.model_validate({"name": "backlog", "max": 2, **gate})
    order = order.model_copy(update={"stage": order.stage.model_copy(update={"gates": (check,)})})
    audit = FakeAudit()
    judgement = await EvidenceActivities(platform, FakeMetrics(), audit, promotions).judge(
        JudgeOrder(stage_order=order, observed_from=NOW - HOUR, at=NOW, elapsed=HOUR, longest=2 * HOUR)
    )
    evidence = audit.stored[judgement.evidence].items["backlog"]
    assert isinstance(evidence, NumberEvidence)
    return judgement.decision.step, judgement.decision.verdicts[0], evidence


@pytest.mark.parametrize(
    ("older_than", "counted", "step"),
    [
        (timedelta(0), 4, Step.HOLD),
        (timedelta(minutes=2), 3, Step.HOLD),
        (HOUR, 2, Step.ADVANCE),
        (4 * HOUR, 1, Step.ADVANCE),
    ],
)
async def test_who_waits_for_long_counts_and_so_does_who_cannot_say(
    older_than: timedelta, counted: int, step: Step
) -> None:
    found = await judged(FakePromotions(since=dict(SINCE)), older_than=older_than)
    assert (found[0], found[1].value, found[2].value) == (step, Decimal(counted), Decimal(counted))
    assert found[2].samples == len(SINCE)


async def test_the_promotion_that_is_judged_does_not_wait_for_itself() -> None:
    _, order, _ = guarded_canary()
    step, verdict, _ = await judged(FakePromotions(since={order.release.bot: NOW - HOUR}), max=0)
    assert (step, verdict.value) == (Step.ADVANCE, Decimal(0))


async def test_an_engine_that_does_not_answer_is_no_empty_backlog() -> None:
    step, verdict, evidence = await judged(FakePromotions(down=True), max=100)
    assert (step, verdict.code, evidence.value) == (Step.CONTINUE, Code.TEMPORAL_DOWN, None)
