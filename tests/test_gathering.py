"""What a stage gathers for gates on samples: one series a side, each of its own variant, and nothing invented."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fake_metrics import FakeMetrics
from tests.fakes import STABLE, FakePlatform
from tests.workflows.conftest import RELEASE

from promotion_ladder.activities.gather import Look
from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import judge
from promotion_ladder.core.evidence import SamplesEvidence, Series
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.verdict import Outcome

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
GATE = {"kind": "mann_whitney", "name": "latency", "query": "lag{$labels}"}


def stage(**fields: Any) -> Stage:
    return Stage.model_validate(
        {"name": "shadow", "mode": "shadow", "gates": [GATE | fields], "observe": {"min": "10m", "every": "30s"}}
    )


async def gathered(metrics: FakeMetrics, given: Stage) -> SamplesEvidence:
    order = StageOrder(
        promotion_id="p", epoch=1, release=RELEASE, stable=STABLE, stage=given, metrics={}, attempt=1,
        capital=Decimal(1),
    )  # fmt: skip
    found = await Look(FakePlatform(), metrics, order, NOW - timedelta(hours=1), NOW, {}).evidence(given.gates[0])
    assert isinstance(found, SamplesEvidence)
    return found


async def test_each_side_is_asked_for_its_own_variant() -> None:
    metrics = FakeMetrics(value=Decimal("0.25"))
    found = await gathered(metrics, stage())
    assert (found.candidate, found.baseline) == ((0.25,) * 100, (0.25,) * 100)
    labels = [('release="' + version + '",variant="' + variant + '"') for version, variant in (
        (RELEASE.version, "candidate"), (STABLE.version, "stable"),
    )]  # fmt: skip
    assert metrics.queries == [f'lag{{bot="{RELEASE.bot}",{rest}}}' for rest in labels]


async def test_a_side_that_cannot_be_had_says_which_and_why() -> None:
    found = await gathered(FakeMetrics(problem=Code.SEVERAL_SERIES), stage())
    assert (found.candidate, found.baseline, found.problem) == ((), (), Code.SEVERAL_SERIES)
    assert found.detail == f"candidate: {Code.SEVERAL_SERIES.sentence}"


class Silent(FakeMetrics):
    """Has the candidate's series, not that of stable."""

    async def samples(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        if "stable" in query:
            return Series(values=(), problem=Code.NO_DATA, detail="nothing there")
        return await super().samples(query, start, end, step)


@pytest.mark.parametrize(("must_have_data", "outcome"), [(False, Outcome.NO_DATA), (True, Outcome.FAIL)])
async def test_a_side_without_data_is_judged_as_stated(must_have_data: bool, outcome: Outcome) -> None:
    given = stage(must_have_data=must_have_data)
    (verdict,) = judge(given, {"latency": await gathered(Silent(), given)})
    assert (verdict.outcome, verdict.sentence) == (outcome, "stable: nothing there")


async def test_the_stage_says_how_many_samples_are_needed_unless_the_gate_does() -> None:
    for fields, needed in (({}, 50), ({"min_samples": 101}, 101)):
        given = stage(**fields)
        found = await gathered(FakeMetrics(), given)
        fewer = found.model_copy(update={"candidate": found.candidate[: needed - 1]})
        outcomes = [judge(given, {"latency": evidence})[0].outcome for evidence in (found, fewer)]
        assert outcomes == [Outcome.PASS if needed <= 100 else Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE]
