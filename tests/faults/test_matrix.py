"""A few cells of the fault matrix, on real processes; ``make faults`` runs all of them."""

from pathlib import Path

import pytest
from tests.faults.matrix import workers
from tests.faults.matrix.yard import Yard

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_a_worker_killed_in_canary_in_live_and_on_the_way_down_leaves_each_safe_and_nothing_twice(
    tmp_path: Path,
) -> None:
    async with Yard(tmp_path, lambda _: None) as yard:
        await workers.one_killed(yard, "worker killed", ("canary", "live", "coming down"))
        await yard.finish()
        found = await yard.cells()
    assert [cell.stage for cell in found] == ["canary", "live", "coming down"]
    assert [cell for cell in found if not cell.holds] == []
