"""The guard beside the bot: what it does alone, with nothing but the platform."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.bed import eventually
from tests.fakes import FakePlatform

from promotion_ladder import descent
from promotion_ladder.adapters.files import ConfigDirectory, load_ladder
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.beside import BY, Beside, Ladders, Line
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import ExposureOrder, LatchOrder, Limits, Mode, PrepareOrder, Telemetry, Variant
from promotion_ladder.simulation.bots import BotSpec
from promotion_ladder.simulation.process import Knobs, SimulationProcess

LIMITS = {
    "instruments": ["WTI", "WTI-MINI"], "price_band": "5%", "max_order_value": 50000, "max_orders_per_minute": 100000,
    "max_position_value": 50000, "venues": ["sim-exchange"],
}  # fmt: skip
GATES = [{"name": "alive", "kind": "heartbeat", "max_age": "1h"}]


def money(name: str, mode: str, *checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    loss = {"kind": "loss", "name": "loss", "max": 100}
    return {
        "name": name, "mode": mode, "limits": LIMITS, "lease": "3s", "gates": GATES,
        "guards": {"every": "1s", "checks": [loss, *checks]},
    } | more  # fmt: skip


ROWS = {
    "ladder": "tight",
    "stages": [
        money(
            "canary", "canary", {"kind": "position", "name": "held", "max": 1000, "on_trip": "hold"},
            {"kind": "streak", "name": "streak", "win_rate_lookback": 5, "min_win_rate": "10%"}, capital="10%",
        ),
        money("live", "live"),
    ],
}  # fmt: skip
LADDER = Ladder.model_validate(ROWS)


@dataclass
class Desk:
    platform: FakePlatform = field(default_factory=lambda: FakePlatform(mode=Mode.CANARY, stage="canary"))
    said: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.platform.owner, self.platform.epoch = "p/1", 1
        self.platform.shares[Variant.CANDIDATE] = Decimal(10000)
        self.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(1)
        self.beside = self.begin()

    def begin(self) -> Beside:
        self.beside = Beside(self.platform, "bot", lambda _hash: LADDER, self.said.append)
        return self.beside

    def kinds(self) -> list[str]:
        return [line.kind for line in self.said]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(descent, "READ_BACK_SECONDS", 0.1)
    return Desk()


async def test_it_renews_while_limits_hold_and_says_so_once(desk: Desk) -> None:
    for _ in range(3):
        await desk.beside.look()
    assert desk.platform.renewed == 3
    assert desk.kinds() == ["guarding"]
    assert "streak" in desk.said[0].sentence


async def test_a_breach_latches_first_then_flattens_and_renews_no_more(desk: Desk) -> None:
    desk.platform.pnl = Decimal(-101)
    desk.platform.refuse_exits = 1
    await desk.beside.look()
    assert desk.kinds() == ["guard_tripped", "not_flat"] or desk.kinds() == ["guarding", "guard_tripped", "not_flat"]
    assert [latch.by for latch in desk.platform.latches] == [BY]
    assert desk.beside.exposed
    renewed = desk.platform.renewed
    await desk.beside.look()
    assert desk.platform.held == {}
    assert not desk.beside.exposed
    await desk.beside.look()
    assert desk.platform.renewed == renewed
    assert desk.kinds()[-2:] == ["flattened", "flat"]


async def test_one_that_is_started_anew_knows_from_its_latch_that_it_came_down(desk: Desk) -> None:
    desk.platform.pnl = Decimal(-101)
    desk.platform.refuse_exits = 1
    await desk.beside.look()
    desk.platform.pnl = Decimal(0)
    await desk.begin().look()
    assert desk.platform.held == {}
    assert desk.platform.renewed == 1
    desk.platform.latches.clear()
    await desk.beside.look()
    assert desk.platform.renewed == 2, "a person who lifts the latch puts it on watch again"


async def test_a_guard_that_holds_pauses_entries_and_keeps_the_lease(desk: Desk) -> None:
    desk.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(100)
    await desk.beside.look()
    await desk.beside.look()
    assert desk.platform.paused == {Variant.CANDIDATE}
    assert (desk.platform.renewed, desk.platform.latches) == (2, [])
    assert desk.kinds() == ["guarding", "guard_held"]
    desk.platform.paused.clear()
    await desk.beside.look()
    assert desk.kinds() == ["guarding", "guard_held", "guarding", "guard_held"], "let trade again, it is watched again"


async def test_under_a_persons_latch_nothing_is_renewed(desk: Desk) -> None:
    await desk.platform.latch("bot", LatchOrder(scope="bot", target="bot", reason="odd", by="rita", key="k"))
    await desk.beside.look()
    assert desk.platform.renewed == 0
    assert "rita latched bot: odd" in desk.said[0].sentence


@pytest.mark.parametrize(("owner", "mode"), [(None, Mode.CANARY), ("p/1", Mode.PAPER), ("p/1#down", Mode.CANARY)])
async def test_what_is_nobodys_or_has_no_money_or_comes_down_is_not_renewed(
    desk: Desk, owner: str | None, mode: Mode
) -> None:
    desk.platform.owner, desk.platform.mode = owner, mode
    await desk.beside.look()
    assert (desk.platform.renewed, desk.kinds()) == (0, ["idle"])


@pytest.mark.parametrize("code", [Code.PLATFORM_REFUSED, Code.LEASE_LOST])
async def test_a_candidate_that_is_gone_is_nothing_to_guard(
    desk: Desk, code: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_bot: str, _variant: Variant) -> Telemetry:
        raise LadderError(code, "there is none now")

    monkeypatch.setattr(desk.platform, "telemetry", gone)
    await desk.beside.look()
    assert (desk.platform.renewed, desk.kinds()) == (0, ["idle"])


async def test_a_platform_that_does_not_answer_is_said_once_and_asked_again(desk: Desk) -> None:
    desk.platform.down = True
    await desk.beside.look()
    await desk.beside.look()
    desk.platform.down = False
    await desk.beside.look()
    assert desk.kinds() == ["platform_silent", "guarding"]


async def test_an_unknown_ladder_is_said_and_nothing_is_renewed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "ladders").mkdir()
    (tmp_path / "ladders" / "tight.yaml").write_text(yaml.safe_dump(ROWS))
    file = tmp_path / "ladders" / "tight.yaml"
    ladders = Ladders(ConfigDirectory(tmp_path))
    desk.beside = Beside(desk.platform, "bot", ladders, desk.said.append)
    await desk.beside.look()
    desk.platform.ladder_hash = "0" * 64
    await desk.beside.look()
    assert desk.platform.renewed == 0
    assert desk.kinds() == ["unknown_ladder", "unknown_ladder"]
    desk.platform.ladder_hash = load_ladder(file).hash
    await desk.beside.look()
    assert desk.platform.renewed == 1
    assert Ladders(ConfigDirectory(tmp_path / "nowhere"), file)("").ladder == "tight"
    with pytest.raises(LadderError) as refused:
        Ladders(ConfigDirectory(tmp_path / "nowhere"), file)("0" * 64)
    assert refused.value.code is Code.LADDER_UNREADABLE


# --- as a process, on the simulated platform ---------------------------------------------------------------


async def test_the_process_never_loads_temporal() -> None:
    code = "import sys, promotion_ladder.front, promotion_ladder.beside; sys.exit('temporalio' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0


@asynccontextmanager
async def guarding(state: Path, platform: str, ladder: Path, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LADDER_", "TEMPORAL_"))}
    program = Path(sys.executable).parent / "ladder"
    process = await asyncio.create_subprocess_exec(
        program, "guard", "wti", "--every", "200ms", "--ladder", ladder, "-o", "json", *more,
        env={**kept, "LADDER_STATE": str(state), "LADDER_PLATFORM_URL": platform},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def said(process: asyncio.subprocess.Process, kind: str) -> dict[str, Any]:
    """Read what the process says until it says this."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := await process.stdout.readline():
            found: dict[str, Any] = json.loads(line)
            if found["kind"] == kind:
                return found
    raise AssertionError(f"it ended without saying {kind}")


async def canary(platform: HttpPlatform, knobs: Knobs, ladder_hash: str) -> None:
    """A canary that nobody watches; its first lease leaves a process time to start."""
    await knobs.add_bot(BotSpec(bot="wti", account="a"))
    release = await knobs.make("wti", "2.0.0")
    epoch = await platform.acquire("wti", "p/1")
    owner = {"promotion_id": "p/1", "epoch": epoch, "stage": "canary", "mode": Mode.CANARY}
    await platform.prepare(
        PrepareOrder.model_validate(owner | {"release": release, "ladder_hash": ladder_hash, "key": "p"})
    )
    shares = {"candidate": Decimal(10000), "baseline": Decimal(0), "stable": Decimal(90000)}
    lease = {"limits": Limits.model_validate(LIMITS), "lease": timedelta(seconds=10), "key": "e"}
    await platform.set_exposure("wti", ExposureOrder.model_validate(owner | shares | lease))


async def candidate_capital(platform: HttpPlatform) -> Decimal:
    exposed = {e.variant: e.capital for e in await platform.exposures() if e.bot == "wti"}
    return exposed.get(Variant.CANDIDATE, Decimal(0))


@dataclass
class Alone:
    """A simulated platform with one canary, and a ladder's file that it climbs."""

    url: str
    platform: HttpPlatform
    knobs: Knobs
    file: Path


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Alone]:
    (tmp_path / "bots.yaml").write_text("[]\n")
    rows = json.loads(json.dumps(ROWS))
    alive = {"kind": "heartbeat", "name": "alive", "max_age": "1s"}
    rows["stages"][0]["guards"]["checks"] = [{"kind": "loss", "name": "loss", "max": 9000}, alive]
    file = tmp_path / "tight.yaml"
    file.write_text(yaml.safe_dump(rows))
    with SimulationProcess(tmp_path / "sim.sqlite", tick=0.05, bots=tmp_path / "bots.yaml") as simulation:
        platform, knobs = HttpPlatform(simulation.url), Knobs(simulation.url)
        await canary(platform, knobs, load_ladder(file).hash)
        yield Alone(simulation.url, platform, knobs, file)
        await platform.close()
        await knobs.close()


@pytest.mark.e2e
async def test_with_no_temporal_it_keeps_the_lease_and_a_breach_is_latched_and_flat(
    alone: Alone, tmp_path: Path
) -> None:
    async with guarding(tmp_path / "state", alone.url, alone.file) as process:
        await said(process, "guarding")
        await asyncio.sleep(7)  # two of the stage's leases and more: that nothing happens cannot be awaited
        (exposure,) = [e for e in await alone.platform.exposures() if e.variant is Variant.CANDIDATE]
        assert exposure.capital == 10000
        assert 0 < (exposure.lease_left_seconds or 0) <= 3
        assert await alone.knobs.effects("wti", "lease_lost") == []
        await alone.knobs.fault("heartbeat_stop", bot="wti")
        tripped = await said(process, "guard_tripped")
        assert "alive" in tripped["sentence"]
        await said(process, "flattened")
        await said(process, "flat")
        facts = await alone.platform.describe("wti")
        assert [latch.by for latch in facts.latches] == [BY]
        assert (await alone.platform.verify_flat("wti", Variant.CANDIDATE)).is_flat
        process.terminate()
        assert await process.wait() == 0
    verbs = [effect["verb"] for effect in await alone.knobs.effects("wti")]
    assert verbs.index("latch") < verbs.index("pause_entries")
    kept = [json.loads(line)["kind"] for line in (tmp_path / "state" / "guard-wti.jsonl").read_text().splitlines()]
    assert kept == ["guarding", "guard_tripped", "flattened", "flat"]


@pytest.mark.e2e
async def test_killed_in_the_middle_the_next_one_finishes_what_it_began(alone: Alone, tmp_path: Path) -> None:
    await alone.knobs.fault("hold_on", bot="wti")
    async with guarding(tmp_path / "state", alone.url, alone.file) as process:
        await said(process, "guarding")
        await eventually(lambda: alone.platform.positions("wti", Variant.CANDIDATE), bool, 20)
        await alone.knobs.fault("refuse_exit", bot="wti")
        await alone.knobs.fault("heartbeat_stop", bot="wti")
        await said(process, "not_flat")
        process.kill()
        await process.wait()
    await alone.knobs.clear_faults()
    async with guarding(tmp_path / "state", alone.url, alone.file) as process:
        await said(process, "flat")  # after exits of its own, or of the platform whose lease ran out meanwhile
    assert (await alone.platform.verify_flat("wti", Variant.CANDIDATE)).is_flat


@pytest.mark.e2e
async def test_a_ladder_it_does_not_know_renews_nothing_and_the_lease_runs_out(alone: Alone, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(ROWS | {"ladder": "other"}))
    async with guarding(tmp_path / "state", alone.url, other) as process:
        unknown = await said(process, "unknown_ladder")
        assert load_ladder(alone.file).hash[:12] in unknown["sentence"]
        await eventually(lambda: candidate_capital(alone.platform), lambda capital: not capital, 30)
        assert (await alone.platform.verify_flat("wti", Variant.CANDIDATE)).is_flat


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["wti", "--every", "now"], 2, "write it as 1s or 500ms"),
        (["wti", "--ladder", "nowhere.yaml"], 1, "nowhere.yaml"),
        (["wti"], 1, "no platform is configured"),
    ],
)
async def test_what_it_cannot_begin_with_is_said_in_one_sentence(
    arguments: list[str], status: int, words: str, tmp_path: Path
) -> None:
    env = {"PATH": os.environ["PATH"], "LADDER_STATE": str(tmp_path)}
    if "--ladder" in arguments:
        env["LADDER_PLATFORM_URL"] = "http://127.0.0.1:9"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "promotion_ladder.beside", *arguments, env=env, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await process.communicate()
    assert process.returncode == status
    assert words in told.decode()
