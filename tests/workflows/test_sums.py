"""The running sums of a stage's statistical gates: carried from look to look, begun anew by a retry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.fake_metrics import FakeMetrics
from tests.workflows.conftest import LADDER, World, stage

from promotion_ladder.core.decide import judge
from promotion_ladder.core.evidence import Series, SlicesEvidence
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase

EARNS = {
    "kind": "non_inferiority", "name": "earns", "margin": 1, "sum": "pnl{$labels}", "count": "size{$labels}",
    "slice": "1m", "late": "0s", "min_samples": 1,
}  # fmt: skip


@dataclass
class Minutes(FakeMetrics):
    """Every minute both arms trade the same size; the candidate's profit is lower by ``worse``."""

    worse: float = 0.0
    noisy: int = 1

    async def points(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        """Noise that the minute and the arm decide, so that asking twice gives the same."""
        arm = "candidate" in query
        minutes = range(round((end - start) / step) + 1)
        begin = int(start.timestamp()) // 60
        noise = [self.noisy * ((begin + i) * (7 if arm else 11) % 13 - 6) for i in minutes]
        level = -self.worse if arm else 0.0
        return Series(values=tuple(n + level if "pnl" in query else 1.0 for n in noise))


@pytest.fixture
def measured(world: World) -> World:
    """The world with a canary that is compared with its baseline."""
    observe = {"min": "10m", "max": "3h", "every": "5m"}
    canary = stage("canary-10", "canary", capital="10%", baseline=True, observe=observe, gates=[EARNS])
    ladder: dict[str, Any] = LADDER | {"stages": [LADDER["stages"][0], canary, LADDER["stages"][-1]]}
    world.directory.the_ladder = Ladder.model_validate(ladder)
    return world


def use(world: World, metrics: Minutes) -> None:
    """Let the activities that are registered already ask ``metrics``."""
    world.metrics.points = metrics.points  # type: ignore[method-assign]


async def test_a_stage_is_left_when_enough_is_shown_and_every_look_can_be_judged_again(measured: World) -> None:
    world = measured
    use(world, Minutes(worse=-6))
    await world.start()
    state = await world.until(lambda s: s.stage_name == "canary-10" and bool(s.carried))
    assert state.carried["earns"].sums.slices <= 10
    await world.until(lambda s: s.stage_name == "live")
    looks = [e for e in world.audit.stored.values() if e.stage == "canary-10"]
    told = [look.items["earns"] for look in looks]
    starts = [s.start for evidence in told if isinstance(evidence, SlicesEvidence) for s in evidence.slices]
    assert len(starts) == len(set(starts)) >= 20, "each slice is told once, and twenty are needed"
    canary = world.directory.the_ladder.stages[1]
    last = max(looks, key=lambda look: look.taken_at)
    assert judge(canary, last.items, last.attempt)[0].passed


async def test_harm_shown_comes_down(measured: World) -> None:
    use(measured, Minutes(worse=6))
    await measured.start()
    result = await measured.result()
    assert result.ending is Ending.ROLLED_BACK
    assert "shown to be worse" in result.sentence


async def test_a_retry_begins_with_nothing_and_half_of_the_error(measured: World) -> None:
    world = measured
    use(world, Minutes(noisy=5))  # as good as the baseline, but three hours are too short to show it
    await world.start()
    state = await world.until_phase(Phase.ON_HOLD, "canary-10")
    seen = state.carried["earns"].sums.slices
    assert seen >= 170
    await world.update(Verb.RETRY, "rita")
    state = await world.until(lambda s: s.attempt == 2 and bool(s.carried) and s.carried["earns"].sums.slices > 2)
    assert state.carried["earns"].sums.slices < seen
    assert state.decision is not None
    assert state.decision.verdicts[0].details["alpha"] == 0.025
    await world.signal(Verb.ROLLBACK)
    await world.result()
