"""The process as operators and the demo run it."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.contract.bed import eventually
from tests.simulation.desk import PRICES

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.core.platform import Mode, PrepareOrder, ReplayOrder, Variant
from promotion_ladder.simulation import engine
from promotion_ladder.simulation.__main__ import main, openapi_text
from promotion_ladder.simulation.bots import add_bot, default_bots
from promotion_ladder.simulation.process import Knobs, SimulationProcess
from promotion_ladder.simulation.world import Row, World

STORED = "SELECT bot, variant, tick, instrument, pnl, size FROM trades ORDER BY n"


def stored(path: Path) -> list[Row]:
    world = World(path, PRICES)
    rows = world.rows(STORED)
    world.close()
    return rows


async def until_tick(url: str, tick: int) -> None:
    knobs = Knobs(url)
    await eventually(knobs.tick, lambda now: now >= tick, seconds=10)
    await knobs.close()


async def test_killing_it_again_and_again_changes_no_trade(tmp_path: Path) -> None:
    path = tmp_path / "killed.sqlite"
    for tick in (40, 90, 120):
        process = SimulationProcess(path, tick=0.003)
        try:
            await until_tick(process.url, tick)
        finally:
            assert process.kill() == -9
    world = World(tmp_path / "straight.sqlite", PRICES)
    for spec in default_bots():
        add_bot(world, spec)
    reached = stored(path)
    while world.tick < 120:
        engine.tick(world)
    straight = world.rows(STORED)
    world.close()
    assert reached[: len(straight)] == straight
    assert {row["bot"] for row in straight} == {"wti-trend", "wti-carry", "wti-swing", "wti-basis", "wti-spread"}


async def test_keys_and_epochs_outlive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    answers = []
    for _ in range(2):
        with SimulationProcess(path, tick=0) as process:
            platform, knobs = HttpPlatform(process.url), Knobs(process.url)
            release = await knobs.make("wti-trend", "2.0.0")
            epoch = await platform.acquire("wti-trend", "p")
            order = PrepareOrder(promotion_id="p", epoch=epoch, release=release, stage="s", mode=Mode.SHADOW, key="k")
            await platform.prepare(order)
            replay = await platform.start_replay("wti-trend", ReplayOrder(release=release, key="r"))
            answers.append((epoch, replay, len(await knobs.effects("wti-trend", "prepare"))))
            await knobs.close()
            await platform.close()
            process.kill()
    assert answers[0] == answers[1]
    assert answers[0][2] == 1


async def test_a_replay_a_killed_process_left_behind_is_run(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with SimulationProcess(path, tick=0) as process:
        platform, knobs = HttpPlatform(process.url), Knobs(process.url)
        release = await knobs.make("wti-trend", "2.0.0")
        replay = await platform.start_replay("wti-trend", ReplayOrder(release=release, key="r"))
        process.kill()
        await knobs.close()
        await platform.close()
    world = World(path, PRICES)
    world.run("UPDATE replays SET result = NULL")
    world.close()
    with SimulationProcess(path, tick=0) as process:
        platform = HttpPlatform(process.url)
        await eventually(lambda: platform.replay_result("wti-trend", replay), lambda seen: seen.done)
        await platform.close()


def test_it_ends_cleanly_on_a_signal(tmp_path: Path) -> None:
    with SimulationProcess(tmp_path / "state.sqlite", tick=0.01) as process:
        assert httpx.get(f"{process.url}/bots").json() == [
            "wti-basis",
            "wti-carry",
            "wti-spread",
            "wti-swing",
            "wti-trend",
        ]
        assert process.stop() == 0
    assert (tmp_path / "state.log").read_text() == ""


async def test_its_clock_can_be_moved_by_hand(tmp_path: Path) -> None:
    with SimulationProcess(tmp_path / "state.sqlite", tick=0) as process:
        knobs, platform = Knobs(process.url), HttpPlatform(process.url)
        assert await knobs.tick() == 0
        assert await knobs.advance(50) == 50
        assert (await platform.telemetry("wti-trend", Variant.STABLE)).realized_pnl != 0
        assert "quantbot_orders_total" in await knobs.metrics()
        await knobs.close()
        await platform.close()


def test_bots_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "bots.yaml").write_text("- {bot: gold, account: a, total_capital: 5000.00, instruments: [GOLD]}\n")
    with SimulationProcess(tmp_path / "state.sqlite", tick=0, bots=tmp_path / "bots.yaml") as process:
        facts = httpx.get(f"{process.url}/bots/gold").json()
    assert (facts["total_capital"], facts["instruments"]) == ("5000.0", ["GOLD"])


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bots.yaml").write_text("gold\n")
    assert main(["--state", str(tmp_path / "s.sqlite"), "--bots", str(tmp_path / "bots.yaml")]) == 2
    assert "not a list of bots" in capsys.readouterr().err
    assert main(["--state", str(tmp_path / "s.sqlite"), "--prices", str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err
    assert main([]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["--state", str(tmp_path / "s.sqlite"), "--without", "lease,wings"])
    assert "of epoch, keys, latch, lease, not lease,wings" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="not a list of bots"):
        SimulationProcess(tmp_path / "s.sqlite", bots=tmp_path / "bots.yaml")


def test_the_published_openapi_is_what_the_application_says() -> None:
    published = Path(__file__).parents[2] / "docs" / "platform-openapi.json"
    assert published.read_text(encoding="utf-8") == openapi_text(), (
        "regenerate: python -m promotion_ladder.simulation --openapi > docs/platform-openapi.json"
    )


def test_the_command_prints_the_openapi() -> None:
    command = [sys.executable, "-m", "promotion_ladder.simulation", "--openapi"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == openapi_text()
