"""A guard whose worker is asked to end: the activity is given back at once, and somebody looks on meanwhile."""

import asyncio
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment
from tests.crowd import guarded_canary
from tests.fakes import FakePlatform

from promotion_ladder.activities import guards
from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.core.platform import Variant


async def ended(platform: FakePlatform, env: ActivityEnvironment, *, by_worker: bool) -> GuardActivities:
    """A guard that has looked once and is cancelled: by its worker's end, or because its stage is over."""
    _, order, ports = guarded_canary()
    activities = GuardActivities(platform, ports.metrics)
    running = asyncio.create_task(env.run(activities.guard, order))
    while not platform.renewed:  # noqa: ASYNC110 - the fake has no event
        await asyncio.sleep(0.01)
    if by_worker:
        env.worker_shutdown()
    env.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return activities


@pytest.fixture
def platform() -> FakePlatform:
    return guarded_canary()[0]


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "LINGER", 1.5)


async def test_what_breaks_before_the_next_guard_has_looked_is_cancelled_all_the_same(platform: FakePlatform) -> None:
    activities = await ended(platform, ActivityEnvironment(), by_worker=True)
    assert platform.effects == []
    platform.pnl = Decimal(-1_000_000)
    platform.resting[Variant.CANDIDATE] = 1
    await activities.lingered()
    assert platform.effects == ["pause candidate", "pause baseline"]
    assert platform.resting == {}


async def test_it_looks_on_for_a_moment_only(platform: FakePlatform) -> None:
    activities = await ended(platform, ActivityEnvironment(), by_worker=True)
    before = platform.renewed
    async with asyncio.timeout(5):
        await activities.lingered()
    assert platform.renewed > before
    looked = platform.renewed
    await asyncio.sleep(1.2)
    assert platform.renewed == looked


async def test_nobody_looks_on_where_the_platform_does_not_answer(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    activities = await ended(platform, ActivityEnvironment(), by_worker=True)
    platform.down = True
    monkeypatch.setattr(guards, "LINGER", 60)
    async with asyncio.timeout(5):
        await activities.lingered()


async def test_a_guard_whose_stage_is_over_is_over(platform: FakePlatform) -> None:
    activities = await ended(platform, ActivityEnvironment(), by_worker=False)
    looked = platform.renewed
    await activities.lingered()
    await asyncio.sleep(1.2)
    assert platform.renewed == looked
