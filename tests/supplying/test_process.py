"""``ladder guard --listen`` as a process, in front of a platform that has no lease, epoch, keys or latch."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.bed import TOTAL, Bed, Climb, eventually
from tests.guards import BARE, TYPED, Guard
from typer.testing import CliRunner

from promotion_ladder import front
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.beside import BY
from promotion_ladder.cli import app
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import ExitReceipt, Variant
from promotion_ladder.simulation.process import Knobs, SimulationProcess

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
BOTS = [{"bot": "beside", "account": "beside"}, {"bot": "wti-trend", "account": "trend"}]
LIMITS = {
    "instruments": ["WTI", "WTI-MINI"], "price_band": "5%", "max_order_value": 50000, "max_orders_per_minute": 100000,
    "max_position_value": 50000, "venues": ["sim-exchange"],
}  # fmt: skip
LADDER = {
    "ladder": "tight",
    "stages": [
        {
            "name": mode, "mode": mode, "lease": "3s", "limits": LIMITS, **capital,
            "gates": [{"name": "alive", "kind": "heartbeat", "max_age": "1h"}],
            "guards": {"every": "1s", "checks": [{"kind": "heartbeat", "name": "alive", "max_age": "1s"}]},
        }
        for mode, capital in (("canary", {"capital": "10%"}), ("live", {}))
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulationProcess]:
    folder: Path = tmp_path_factory.mktemp("bare")
    (folder / "bots.yaml").write_text(yaml.safe_dump(BOTS))
    with SimulationProcess(folder / "sim.sqlite", tick=0.02, bots=folder / "bots.yaml", without=BARE) as process:
        yield process


@asynccontextmanager
async def bed_of(guard: Guard, simulation: SimulationProcess) -> AsyncIterator[Bed]:
    platform, knobs = HttpPlatform(guard.url), Knobs(simulation.url)
    try:
        yield Bed(platform, knobs)
    finally:
        await knobs.close()
        await platform.close()


async def test_killed_between_intent_and_receipt_it_looks_before_it_exits_again(
    bare: SimulationProcess, tmp_path: Path
) -> None:
    with Guard(tmp_path, bare.url) as guard:
        async with bed_of(guard, bare) as bed:
            climb = await bed.climb()
            await climb.canary()
            instrument = await climb.holding()
            await bed.knobs.fault("latency", bot=climb.bot, verb="exit_position", seconds=1, count=1)
            exiting = asyncio.create_task(
                bed.platform.exit_position(climb.bot, Variant.CANDIDATE, instrument, "e1")
            )  # fmt: skip
            await eventually(lambda: intents(guard.file, "exit_position"), bool)
            guard.kill()  # the platform has the order, and does it in a second
            with pytest.raises(LadderError):
                await exiting
            bot = climb.bot
    with Guard(tmp_path, bare.url) as guard:
        async with bed_of(guard, bare) as bed:
            receipt = await eventually(lambda: exited(bed, bot, instrument), bool, 10)
            assert receipt is not None
            assert receipt.filled > 0
            assert await bed.happened(bot, "exit_position") == 1
            assert await bed.platform.exit_position(bot, Variant.CANDIDATE, instrument, "e1") == receipt


async def intents(file: Path, verb: str) -> int:
    with closing(sqlite3.connect(file)) as kept:
        asked = "SELECT count(*) FROM keys WHERE verb = ? AND receipt IS NULL"
        return int(kept.execute(asked, (verb,)).fetchone()[0])


async def exited(bed: Bed, bot: str, instrument: str) -> ExitReceipt | None:
    """The receipt of the key; None while what was sent may still arrive."""
    try:
        return await bed.platform.exit_position(bot, Variant.CANDIDATE, instrument, "e1")
    except LadderError as error:
        if error.code is Code.PLATFORM_DOWN and "may still arrive" in error.detail:
            return None
        raise


async def test_with_no_worker_a_lease_takes_the_canary_back_and_pauses_live(
    bare: SimulationProcess, tmp_path: Path
) -> None:
    with Guard(tmp_path, bare.url) as guard:
        async with bed_of(guard, bare) as bed:
            canary, live = await bed.climb(), await bed.climb()
            await canary.canary(lease=2)
            await live.live(lease=2)
            for climb in (canary, live):
                await climb.holding()
            exposed = await eventually(
                lambda: bed.exposed(canary.bot), lambda seen: seen.keys() == {Variant.STABLE}, 10
            )  # fmt: skip
            assert (exposed[Variant.STABLE].capital, exposed[Variant.STABLE].paused) == (TOTAL, False)
            seen = await eventually(lambda: bed.exposed(live.bot), lambda seen: seen[Variant.CANDIDATE].paused)
            assert seen[Variant.CANDIDATE].capital == TOTAL
            assert await bed.platform.positions(live.bot, Variant.CANDIDATE), "what it holds stays"
            assert [(await climb.renew()).alive for climb in (canary, live)] == [False, False]


async def test_killed_with_running_leases_it_goes_on_with_what_is_left_of_them(
    bare: SimulationProcess, tmp_path: Path
) -> None:
    with Guard(tmp_path, bare.url) as guard:
        async with bed_of(guard, bare) as bed:
            long, short = await bed.climb(), await bed.climb()
            await long.canary(lease=60)
            await short.canary(lease=2)
            guard.kill()
            exposed = {each.bot for each in await simulated(bare) if each.variant is Variant.CANDIDATE}
            assert {long.bot, short.bot} <= exposed, "a dead guard takes nothing back"
            await asyncio.sleep(2)  # as long as one lease: that time passes for a dead guard cannot be awaited
    with Guard(tmp_path, bare.url) as guard:
        async with bed_of(guard, bare) as bed:
            await eventually(lambda: bed.exposed(short.bot), lambda seen: seen.keys() == {Variant.STABLE})
            left = (await bed.exposed(long.bot))[Variant.CANDIDATE].lease_left_seconds
            assert left is not None
            assert 30 < left < 59
            assert (await Climb(bed.platform, bed.knobs, long.release, "p1", long.epoch).renew()).alive
        assert guard.stop() == 0
        assert long.bot in guard.said("unwatched")[0]["sentence"]


async def simulated(bare: SimulationProcess) -> list[Any]:
    platform = HttpPlatform(bare.url)
    try:
        return await platform.exposures()
    finally:
        await platform.close()


async def test_it_guards_its_bot_through_what_it_supplies(bare: SimulationProcess, tmp_path: Path) -> None:
    ladder = tmp_path / "tight.yaml"
    ladder.write_text(yaml.safe_dump(LADDER))
    more = ("--every", "200ms", "--ladder", str(ladder))
    with Guard(tmp_path, bare.url, *more, bot="wti-trend", program=TYPED) as guard:
        async with bed_of(guard, bare) as bed:
            climb = await bed.climb("wti-trend")
            await climb.canary(lease=2.9)

            async def renewed() -> float:
                return (await bed.exposed("wti-trend"))[Variant.CANDIDATE].lease_left_seconds or 0

            await eventually(renewed, lambda left: left > 2.9, 10)  # to the 3 s of the stage
            await bed.knobs.fault("heartbeat_stop", bot="wti-trend")
            facts = await eventually(lambda: bed.platform.describe("wti-trend"), lambda facts: facts.latches, 20)
            assert [latch.by for latch in facts.latches] == [BY]
            await eventually(
                lambda: bed.platform.verify_flat("wti-trend", Variant.CANDIDATE), lambda seen: seen.is_flat
            )  # fmt: skip
            assert guard.said("guard_tripped")


def test_money_is_refused_on_a_bare_platform_and_let_through_the_guard(bare: SimulationProcess, tmp_path: Path) -> None:
    refused = preflight(bare.url, tmp_path)
    assert not refused["ok"]
    assert "needs epoch, keys, latch, lease" in refused["detail"]
    with Guard(tmp_path, bare.url) as guard:
        assert preflight(guard.url, tmp_path)["ok"]


def preflight(platform: str, state: Path) -> dict[str, Any]:
    release = ROOT / "config" / "demo" / "releases" / "healthy.yaml"
    env = {"LADDER_STATE": str(state), "LADDER_PLATFORM_URL": platform, "LADDER_CONFIG": str(ROOT / "config")}
    done = CliRunner().invoke(app, ["preflight", str(release), "-o", "json"], env=env)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return next(each for each in found if each["check"] == "platform")


def test_a_second_guard_on_one_state_is_refused(
    bare: SimulationProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LADDER_STATE", str(tmp_path))
    monkeypatch.setenv("LADDER_PLATFORM_URL", bare.url)
    with Guard(tmp_path, bare.url) as guard:
        assert front.main(["beside", "--listen", "127.0.0.1:0"]) == 1
        assert f"another guard has {guard.file} open  [OPS_GUARD_RUNS]" in capsys.readouterr().err


def test_an_address_that_is_taken_or_none_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LADDER_STATE", str(tmp_path))
    monkeypatch.setenv("LADDER_PLATFORM_URL", "http://127.0.0.1:9")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        assert front.main(["beside", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 1
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        front.main(["beside", "--listen", "8760"])
