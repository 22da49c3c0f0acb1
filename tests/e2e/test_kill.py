"""Kills on real servers: in every phase, whatever is down, over every scope; and what a drill leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tests.e2e.rig import LADDER, Rig, until
from tests.terminal import Told

from promotion_ladder.client.kill_run import TAKEOVER
from promotion_ladder.core.codes import Code
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.simulation.bots import BotSpec
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WAITING = ("approval", "slow", "held", "falling", "top", "alone", "silent", "ground", "orphan", "torn")
"""Bots that wait for an approval in their canaries, with money, until a test wants them."""


@pytest.fixture(scope="module")
def desk(stack: LocalStack) -> dict[str, Release]:
    """``young`` stays in shadow; the others go up to where they wait for an approval."""
    return asyncio.run(_desk(stack))


async def _desk(stack: LocalStack) -> dict[str, Release]:
    rig = Rig(stack)
    try:
        young = await rig.climbing("young")
        await rig.park("young")  # before anything else takes its time, or it is beyond shadow
        releases = {"young": young} | {bot: await rig.climbing(bot) for bot in WAITING}
        for bot in WAITING:
            await rig.reaches(bot, Phase.AWAITING_APPROVAL)
        await rig.reaches("young", Phase.OBSERVING, "shadow")
        return releases
    finally:
        await rig.close()


async def killed(rig: Rig, *words: str, **how: Any) -> list[dict[str, Any]]:
    """Kill as the person on call; what it says of each bot, latched and flat."""
    told = await rig.cli("kill", *words, "-r", "fills look wrong", "-o", "json", who="omar", **how)
    assert told.status == 0, told
    for bot in told.json["bots"]:
        assert (bot["latched"], bot["flat"]) == (True, "flat"), bot
        assert 0 < bot["latch_seconds"] <= bot["flat_seconds"]
    return list(told.json["bots"])


async def came_down(rig: Rig, bot: str, release: Release) -> None:
    result = await rig.ends(bot)
    assert (result.ending, result.code) == (Ending.ROLLED_BACK, Code.KILLED), result.sentence
    await rig.came_down(bot, release)
    assert [latch.by for latch in (await rig.platform.describe(bot)).latches] == ["omar"]


# --- in every phase -----------------------------------------------------------------------------------------------


async def test_in_shadow(desk: dict[str, Release], rig: Rig) -> None:
    assert [bot["promotion_id"] for bot in await killed(rig, "young")] != [None]
    await came_down(rig, "young", desk["young"])


async def test_while_it_waits_for_an_approval(desk: dict[str, Release], rig: Rig) -> None:
    await rig.holds_something("approval")
    assert [bot["promotion_id"] for bot in await killed(rig, "approval")] != [None]
    await came_down(rig, "approval", desk["approval"])
    shown = await rig.cli("status", "approval")
    assert "latched (bot approval) by omar: fills look wrong" in shown.out


async def test_while_it_is_on_hold(desk: dict[str, Release], rig: Rig) -> None:
    await rig.ana.hold("held", "looking")
    await rig.reaches("held", Phase.ON_HOLD)
    await rig.holds_something("held")
    await killed(rig, "held")
    await came_down(rig, "held", desk["held"])


async def test_while_it_comes_down_and_cannot_exit(desk: dict[str, Release], rig: Rig) -> None:
    await rig.cannot_exit("falling")
    await rig.ana.rollback("falling", "slippage")
    await rig.reaches("falling", Phase.COMING_DOWN)
    async with kill_beside(rig, "falling") as (process, said):
        await until("the sentence about what is left", lambda: _says(said, "falling is residual"))
        assert process.returncode is None, "it does not end before it is flat"
        await rig.knobs.clear_faults()
        assert await asyncio.wait_for(process.wait(), 60) == 0
    await came_down(rig, "falling", desk["falling"])


async def test_at_the_top(desk: dict[str, Release], rig: Rig) -> None:
    await rig.park("top")
    state = await rig.state("top")
    assert state.stage_name == "canary-10"
    await rig.knobs.clear_faults()
    await rig.rita.approve("top", "gates read")
    await rig.reaches_stage("top", "live")
    await rig.park("top")
    await killed(rig, "top")
    await came_down(rig, "top", desk["top"])


async def test_in_replay_and_with_no_climb_at_all(desk: dict[str, Release], rig: Rig) -> None:
    release = await rig.climbing("early")
    (bot,) = await killed(rig, "early")
    assert bot["promotion_id"] is not None
    result = await rig.ends("early")
    assert result.code is Code.KILLED
    assert (await rig.platform.describe("early")).stable.version == "1.0.0"
    assert Variant.CANDIDATE not in await rig.shares("early")
    (again,) = await killed(rig, "early")
    assert (again["promotion_id"], again["untold"]) == (None, "no promotion of it is running")
    assert release.version == "2.0.0"


# --- whatever is down ---------------------------------------------------------------------------------------------


async def test_without_temporal_it_is_flat_at_once_and_the_promotion_hears_of_it_later(
    desk: dict[str, Release], rig: Rig
) -> None:
    await rig.holds_something("alone")
    async with rig.without_temporal():
        (bot,) = await killed(rig, "alone")
        assert (bot["way"], bot["promotion_id"]) == ("direct", None)
        assert bot["latch_seconds"] < 2
    exits = await rig.effects("alone", "exit_position")
    (again,) = await killed(rig, "alone")
    assert again["promotion_id"] is not None
    await came_down(rig, "alone", desk["alone"])
    assert await rig.effects("alone", "exit_position") == exits, "nothing was left to exit"


async def test_without_a_worker_it_is_flat_before_one_is_back(desk: dict[str, Release], rig: Rig) -> None:
    await rig.holds_something("silent")
    async with rig.without_worker():
        (bot,) = await killed(rig, "silent")
        assert bot["way"] == "direct"
        assert bot["promotion_id"] is not None
    await came_down(rig, "silent", desk["silent"])


async def test_a_worker_that_is_seen_at_it_is_left_to_it_though_it_takes_long(
    desk: dict[str, Release], rig: Rig
) -> None:
    await rig.holds_something("slow")
    await rig.knobs.fault("latency", bot="slow", verb="exit_position", seconds=TAKEOVER + 0.5)
    (bot,) = await killed(rig, "slow")
    assert bot["way"] == "temporal"
    assert bot["flat_seconds"] > TAKEOVER
    await came_down(rig, "slow", desk["slow"])
    assert not [e for e in await rig.effects("slow", "exit_position") if e["key"].startswith("kill:")]


async def test_without_a_platform_it_tries_until_one_is_back(desk: dict[str, Release], rig: Rig) -> None:
    async with AsyncExitStack() as stack:
        async with rig.without_platform():
            process, said = await stack.enter_async_context(kill_beside(rig, "ground"))
            await until("the sentence about the platform", lambda: _says(said, "trying again"))
            assert process.returncode is None
        assert await asyncio.wait_for(process.wait(), 60) == 0
    await came_down(rig, "ground", desk["ground"])


async def test_a_terminal_that_dies_while_the_platform_is_down_has_told_temporal(
    desk: dict[str, Release], rig: Rig
) -> None:
    async with rig.without_platform(), kill_beside(rig, "orphan") as (process, _):

        async def stopped() -> bool:
            return (await rig.state("orphan")).stop is not None

        await until("orphan stopped", stopped)
        process.kill()
        await process.wait()
    result = await rig.ends("orphan")
    assert result.code is Code.KILLED
    await rig.came_down("orphan", desk["orphan"])
    assert "kill_ordered" in [event["kind"] for event in await record(rig, "orphan")]


async def test_without_the_store_the_record_waits_and_joins_at_the_next_command(
    desk: dict[str, Release], rig: Rig
) -> None:
    nowhere = {"LADDER_AUDIT_URL": "sqlite:////proc/nowhere/audit.sqlite"}
    told = await rig.cli("kill", "torn", "-r", "fills look wrong", "-y", who="omar", env=nowhere)
    assert told.status == 0, told
    assert f"the record waits in {rig.stack.state_dir}/desk.jsonl" in told.out
    await came_down(rig, "torn", desk["torn"])
    assert await record(rig, "torn", join=False) == []
    ordered, done = await record(rig, "torn")
    assert (ordered["kind"], done["kind"]) == ("kill_ordered", "killed")
    assert await record(rig, "torn") == [ordered, done], "once"
    assert (await rig.cli("audit", "verify", "desk")).status == 0


async def test_what_waits_joins_when_a_worker_starts(desk: dict[str, Release], rig: Rig) -> None:
    nowhere = {"LADDER_AUDIT_URL": "sqlite:////proc/nowhere/audit.sqlite"}
    await rig.bot("joined")
    await killed(rig, "joined", env=nowhere)
    async with rig.without_worker():
        assert await record(rig, "joined", join=False) == []

    async def there() -> bool:
        return len(await record(rig, "joined", join=False)) == 2

    await until("the record of joined", there)


# --- over every scope ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "target"), [("venue", "far-exchange"), ("strategy", "mean-reversion"), ("market", "WTI"), ("global", "")]
)
async def test_a_scope_takes_every_climb_it_covers_and_no_other(rig: Rig, scope: str, target: str) -> None:
    inside, outside = f"{scope}-a", f"{scope}-b"
    spec = BotSpec(bot=inside, account=inside, venue="far-exchange", strategy="mean-reversion")
    await rig.knobs.add_bot(spec)
    release = await rig.release(inside, "2.0.0")
    await rig.ana.start(release)
    other = await rig.climbing(outside)
    await rig.park(inside, outside)
    for bot in (inside, outside):
        await rig.reaches(bot, Phase.OBSERVING, "shadow")
    words = ["--scope", scope, *(["--target", target] if target else [])]
    bots = {bot["bot"]: bot for bot in await killed(rig, *words)}
    wide = scope in ("market", "global")
    assert inside in bots
    assert (outside in bots) is wide
    assert (await rig.ends(inside)).code is Code.KILLED
    await rig.came_down(inside, release)
    latches = {(latch.scope, latch.target) for latch in (await rig.platform.describe(inside)).latches}
    assert (scope, target or "all") in latches
    listed = await rig.cli("list", "-o", "json")
    assert (outside in {line["bot"] for line in listed.json}) is not wide
    lifted = await rig.cli("kill", "--release", *words, "-r", "mended", "-y", who="rita")
    assert lifted.status == (1 if wide else 0), "bots that were killed by name are still latched"
    assert (scope, target or "all") not in {
        (latch.scope, latch.target) for latch in (await rig.platform.describe(inside)).latches
    }
    if not wide:
        await rig.ana.cancel(outside)
    await rig.ends(outside)
    await rig.came_down(outside, other if wide else None)


async def test_a_pause_holds_and_a_retry_after_the_release_trades_again(rig: Rig) -> None:
    release = await rig.climbing("pausing")
    await rig.reaches("pausing", Phase.AWAITING_APPROVAL)
    await rig.holds_something("pausing")
    told = await rig.cli("kill", "pausing", "--mode", "pause", "-r", "venue is slow", "-o", "json", who="omar")
    assert told.status == 0, told
    state = await rig.reaches("pausing", Phase.ON_HOLD)
    assert state.hold is not None
    assert "venue is slow" in state.hold.reason
    exposed = {e.variant: e for e in await rig.exposed("pausing")}
    assert exposed[Variant.CANDIDATE].open_positions > 0
    assert all(e.paused for e in exposed.values())
    await rig.knobs.clear_faults()
    assert (await rig.cli("kill", "pausing", "--release", "-r", "mended", "-y", who="rita")).status == 0
    assert (await rig.cli("retry", "pausing", who="ben")).status == 0
    await rig.is_stable("pausing", release)


async def test_a_drill_is_recorded_and_the_climb_goes_on_to_the_top(rig: Rig) -> None:
    release = await rig.climbing("drilled")
    await rig.park("drilled")
    await rig.reaches("drilled", Phase.OBSERVING, "shadow")
    told = await rig.cli("drill", "drilled", "-r", "monthly", "-o", "json", who="rita")
    assert told.status == 0, told
    (bot,) = told.json["bots"]
    assert (bot["flat"], bot["lifted"]) == ("flat", True)
    (event,) = await record(rig, "drilled")
    assert (event["kind"], event["actor"]) == ("drilled", "rita")
    assert (await rig.platform.describe("drilled")).latches == ()
    await rig.knobs.clear_faults()
    await rig.is_stable("drilled", release)


# --- hands --------------------------------------------------------------------------------------------------------


async def record(rig: Rig, bot: str, *, join: bool = True) -> list[dict[str, Any]]:
    """What the desk's record says of one bot; ``join`` lets another desk command bring in what waits."""
    if join:
        nobody: Told = await rig.cli("kill", "nobody", "-r", "join", "-y", "-o", "json")
        assert nobody.status == 1
    shown = await rig.cli("audit", "show", "desk", "-o", "json")
    events = [link["event"] for link in shown.json] if shown.status == 0 else []
    return [e for e in events if bot in (e["data"].get("bot"), e["data"].get("target"))]


@asynccontextmanager
async def kill_beside(rig: Rig, bot: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """A kill that runs beside the test and ends with it, and what it says on the terminal as it says it."""
    process = await asyncio.create_subprocess_exec(
        str(LADDER), "kill", bot, "-r", "fills look wrong", "-y", env=rig.env("omar"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said: list[str] = []

    async def read() -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            said.append(line.decode())

    reading = asyncio.create_task(read())
    try:
        yield process, said
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


async def _says(said: list[str], words: str) -> bool:
    return any(words in line for line in said)
