"""What the gates of a stage are given: whose number, and with how much capital it was made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.crowd import guarded_canary
from tests.fake_metrics import FakeMetrics

from promotion_ladder.activities.gather import Look
from promotion_ladder.core.evidence import PairEvidence
from promotion_ladder.core.gates import DeltaGate
from promotion_ladder.core.platform import Variant

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("against", "baseline", "theirs"),
    [(Variant.STABLE, False, "0.9"), (Variant.STABLE, True, "0.8"), (Variant.BASELINE, True, "0.1")],
)
async def test_a_comparison_knows_what_the_platform_allots_to_each_side(
    against: Variant, baseline: bool, theirs: str
) -> None:
    platform, order, _ = guarded_canary()
    stage = order.stage.model_copy(update={"baseline": baseline, "capital": Decimal("0.1")})
    metrics = FakeMetrics(Decimal(5))
    look = Look(platform, metrics, order.model_copy(update={"stage": stage}), NOW - timedelta(minutes=5), NOW, {})
    gate = DeltaGate.model_validate({"name": "d", "query": "x{$labels}", "max": 0, "against": against})

    evidence = await look.evidence(gate)

    assert isinstance(evidence, PairEvidence)
    assert evidence.candidate_capital == order.capital * Decimal("0.1")
    assert evidence.baseline_capital == order.capital * Decimal(theirs)
    assert f'variant="{against}"' in metrics.queries[1]
