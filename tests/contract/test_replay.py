"""Replay: started once for a key, the candidate twice the same, stable on the same data."""

from tests.contract.bed import Bed, Climb, eventually, refused

from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import Mode, ReplayOrder, ReplayResult
from promotion_ladder.simulation.bots import make_release


async def run(bed: Bed, climb: Climb, key: str = "r") -> ReplayResult:
    replay_id = await bed.platform.start_replay(climb.bot, ReplayOrder(release=climb.release, key=key))
    return await eventually(lambda: bed.platform.replay_result(climb.bot, replay_id), lambda seen: seen.done)


async def test_a_replay_repeats_exactly(bed: Bed) -> None:
    climb = await bed.climb()
    result = await run(bed, climb)
    assert result.candidate is not None
    assert result.candidate == result.repeat
    assert result.stable is not None
    assert result.candidate.decisions > 100
    assert result.candidate.decisions_sha256 != result.stable.decisions_sha256
    assert result.candidate.pnl == sum(trade.pnl for trade in result.candidate.trades)
    assert result.candidate.max_drawdown > 0
    assert {trade.mode for trade in result.candidate.trades} == {Mode.REPLAY}


async def test_a_key_starts_one_replay(bed: Bed) -> None:
    climb = await bed.climb()
    order = ReplayOrder(release=climb.release, key="r")
    first = await bed.platform.start_replay(climb.bot, order)
    assert await bed.platform.start_replay(climb.bot, order) == first
    assert await bed.happened(climb.bot, "start_replay") == 1
    again = await run(bed, climb, key="r2")
    assert again.replay_id != first
    assert again.candidate == (await run(bed, climb)).candidate


async def test_a_nondeterministic_release_shows(bed: Bed) -> None:
    climb = await bed.climb()
    climb.release = await bed.knobs.make(climb.bot, "3.0.0", nondeterministic=True)
    result = await run(bed, climb)
    assert result.candidate is not None
    assert result.repeat is not None
    assert result.candidate.decisions_sha256 != result.repeat.decisions_sha256


async def test_an_unpublished_release_cannot_be_replayed(bed: Bed) -> None:
    bot = await bed.bot()
    with refused(Code.UNKNOWN_RELEASE):
        await bed.platform.start_replay(bot, ReplayOrder(release=make_release(bot, "9"), key="r"))


async def test_a_replay_nobody_started_is_refused(bed: Bed) -> None:
    with refused(Code.PLATFORM_REFUSED):
        await bed.platform.replay_result(await bed.bot(), "none")
