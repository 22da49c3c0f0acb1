"""A canary on a platform in memory, and what a worker needs to guard it: for crowds of guards."""

from tests.fake_metrics import FakeMetrics
from tests.fakes import STABLE, TOTAL, FakeAudit, FakeDirectory, FakeNotifier, FakePlatform, FakeProbes
from tests.workflows.conftest import LADDER, PEOPLE, POLICY, RELEASE

from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Mode
from promotion_ladder.workers.assembly import Ports


def guarded_canary() -> tuple[FakePlatform, StageOrder, Ports]:
    """The platform with its candidate exposed and flat, what its guards are told, and every port."""
    platform = FakePlatform(mode=Mode.CANARY, stage="canary-10", epoch=1, owner="p/1")
    ladder = Ladder.model_validate(LADDER)
    order = StageOrder(
        promotion_id="p/1", epoch=1, release=RELEASE, stable=STABLE, stage=ladder.stages[3], metrics={}, attempt=1,
        capital=TOTAL,
    )  # fmt: skip
    directory = FakeDirectory(ladder, PEOPLE, POLICY)
    return platform, order, Ports(platform, FakeMetrics(), FakeAudit(), FakeNotifier(), directory, FakeProbes())
