"""The gates on the bot's own numbers, on a real Prometheus that scrapes the simulation: what they ask is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.prometheus import PrometheusSource
from promotion_ladder.core.codes import Code
from promotion_ladder.core.gates import Gate, Guard
from promotion_ladder.core.gates.check import Check
from promotion_ladder.core.platform import ExposureOrder, Mode, PrepareOrder
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.querying import Questions
from promotion_ladder.simulation.behaviour import Kind
from promotion_ladder.simulation.process import Knobs, SimulationProcess
from promotion_ladder.stack.processes import free_port, program

pytestmark = pytest.mark.e2e

GOOD, BAD = "wti-trend", "wti-carry"
CONFIG = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: simulation
    static_configs: [{{targets: ["{target}"]}}]
"""
RULES = """
groups:
  - name: rules
    rules:
      - {alert: AlwaysFiring, expr: vector(1)}
      - alert: Rejecting
        expr: sum by (bot) (quantbot_orders_rejected_total{variant="candidate"}) > 20
"""
GATES: list[dict[str, Any]] = [
    {"kind": "slo", "target": "90%", "owner": "desk"},
    {"kind": "drift"},
    {"kind": "fill_ratio", "min": "0.9"},
    {"kind": "slippage", "max_rmse": 1, "max_mean": "0.1"},
    {"kind": "deny_rate"},
    {"kind": "overload", "longer_than": "1s"},
    {"kind": "gaps", "max_age": "60s"},
    {"kind": "alerts"},
]


@dataclass
class Scene:
    """Two bots, each with a candidate in paper, and the source that knows their metrics."""

    knobs: Knobs
    source: PrometheusSource
    begun: datetime

    async def judged(self, bot: str, spec: dict[str, Any], kind: Any = Gate) -> Verdict:
        check: Check = TypeAdapter(kind).validate_python({"name": "g", **spec})

        def labels(variant: str) -> dict[str, str]:
            return {"bot": bot, "release": "2.0.0" if variant == "candidate" else "1.0.0", "variant": str(variant)}

        now = datetime.now(UTC)
        questions = Questions(self.source, {}, labels)
        return check.judge(await questions.evidence(check, self.begun, now, timedelta(seconds=1)))

    async def soon(self, bot: str, spec: dict[str, Any], outcome: Outcome, kind: Any = Gate) -> Verdict:
        """The verdict once it is ``outcome``; scrapes take their time."""
        for _ in range(60):
            verdict = await self.judged(bot, spec, kind)
            if verdict.outcome is outcome:
                return verdict
            await asyncio.sleep(0.25)
        raise AssertionError(verdict)


async def candidate(platform: HttpPlatform, knobs: Knobs, bot: str, kind: Kind) -> None:
    release = await knobs.make(bot, "2.0.0", kind)
    epoch = await platform.acquire(bot, "p")
    await platform.prepare(
        PrepareOrder(promotion_id="p", epoch=epoch, release=release, stage="paper", mode=Mode.PAPER, key="p")
    )
    total = (await platform.describe(bot)).total_capital
    order = ExposureOrder(
        promotion_id="p", epoch=epoch, stage="paper", mode=Mode.PAPER, candidate=Decimal(0), baseline=Decimal(0),
        stable=total, limits=None, lease=None, key="e",
    )  # fmt: skip
    await platform.set_exposure(bot, order)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with SimulationProcess(tmp_path / "state.sqlite", tick=0) as simulation:
        knobs, platform = Knobs(simulation.url), HttpPlatform(simulation.url)
        await candidate(platform, knobs, GOOD, Kind.GOOD)
        await candidate(platform, knobs, BAD, Kind.REJECTING)
        await knobs.advance(1)
        url = f"http://127.0.0.1:{(port := free_port())}"
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(target=simulation.url.removeprefix("http://")))
        (tmp_path / "rules.yml").write_text(RULES)
        command = [
            program("prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]  # fmt: skip
        source = PrometheusSource(url)
        prometheus = await asyncio.create_subprocess_exec(*command)
        try:
            begun = datetime.now(UTC)
            await seen(url)
            await knobs.advance(800)
            await asyncio.sleep(2)  # two scrapes after it
            yield Scene(knobs, source, begun)
        finally:
            prometheus.kill()
            await prometheus.wait()
            await source.close()
            await knobs.close()
            await platform.close()


async def seen(url: str) -> None:
    """Until the counters were scraped as they began: what grew before nobody can see."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for _ in range(100):
            with suppress(httpx.HTTPError, ValueError):
                answer = await client.get("/api/v1/query", params={"query": "count(quantbot_fills_total)"})
                if answer.json()["data"]["result"]:
                    return
            await asyncio.sleep(0.1)
    raise AssertionError("Prometheus scraped nothing")


async def test_every_kind_is_answered_and_tells_a_good_release_from_a_bad_one(scene: Scene) -> None:
    for spec in GATES:
        await scene.soon(GOOD, spec, Outcome.PASS)
    level = await scene.soon(BAD, GATES[0], Outcome.FAIL)
    assert level.code is Code.SLO_MISSED
    assert level.n is not None
    assert level.n > 100
    await scene.soon(BAD, {"kind": "fill_ratio", "min": "0.9"}, Outcome.FAIL)
    alert = await scene.soon(BAD, {"kind": "alerts"}, Outcome.FAIL)
    assert "firing: Rejecting" in alert.sentence
    assert (await scene.judged(BAD, {"kind": "alerts", "witness": "Nobody"})).outcome is Outcome.NO_DATA
    assert (await scene.judged(BAD, {"kind": "deny_rate", "denied": "no_such_metric"})).outcome is Outcome.NO_DATA
    burning = {"kind": "slo", "target": "95%", "owner": "desk", "long": "60s", "short": "30s", "factor": 2}
    trip = await scene.soon(BAD, burning, Outcome.FAIL, Guard)
    assert trip.code is Code.BUDGET_BURNS
    await scene.soon(GOOD, burning, Outcome.PASS, Guard)

    await scene.knobs.fault("pool_overloaded", bot=GOOD)
    await scene.knobs.fault("data_stop", bot=GOOD, instrument="WTI")
    await scene.knobs.advance(2)
    assert "pool_overloaded stood for 1s" in (await scene.soon(GOOD, GATES[5], Outcome.FAIL)).sentence
    assert "WTI had" in (await scene.soon(GOOD, GATES[6], Outcome.FAIL)).sentence
