"""A local stack whose ladder goes straight to a canary: bots to kill, a crowd, and the waits a benchmark needs."""

import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from benchmarks.tap import Tap, tap
from temporalio.client import Client, WorkflowHandle

from promotion_ladder import contracts, settings
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.client import LadderClient
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import ChangeClass
from promotion_ladder.simulation.behaviour import Behaviour
from promotion_ladder.simulation.bots import BotSpec, make_release
from promotion_ladder.simulation.process import Knobs
from promotion_ladder.stack.local import LocalStack
from promotion_ladder.stack.processes import Process, end, free_port, is_free

PATIENCE = 60.0
SETTLE = 2.0
"""Seconds of rest between a climb of many bots and the first sample."""
GUARD_EVERY = "1s"
SCRAPE = "15s"
"""Of the metrics of all bots, by the one process that answers all verbs, too: each second they would be part of what is
measured. No ladder of a bed asks for one."""
LEASE = "30m"
"""Longer than any benchmark: with a dead worker a shorter one would flatten before the kill."""
CROWD_CHANGE = ChangeClass.IMAGE
"""The class of change that goes up the crowd's ladder: a shadow with no money and no guards, judged without end."""
CROWD_EVERY = "30s"
CROWD_TICK = 0.5
"""Seconds between two ticks of the platform under a crowd: its bots trade no faster than it can answer."""
AT_ONCE = 5
"""Promotions that are started together."""


async def gap() -> None:
    """A pause of a length nobody can foresee: what is measured must not fall in step with anything that polls."""
    await asyncio.sleep(random.uniform(0.1, 0.4))  # noqa: S311 - no secret


def money_stage(name: str, mode: str, max_age: str) -> dict[str, Any]:
    """A stage with real orders that nothing leaves by itself while a benchmark lasts."""
    return {
        "name": name,
        "mode": mode,
        "limits": {
            "instruments": ["WTI", "WTI-MINI"], "price_band": "1%", "max_order_value": 15000,
            "max_orders_per_minute": 600, "max_position_value": 30000, "venues": ["sim-exchange"],
        },
        "lease": LEASE,
        "observe": {"min": "1h", "max": "2h", "every": "60s"},
        "guards": {"every": GUARD_EVERY, "checks": [{"kind": "heartbeat", "name": "alive", "max_age": max_age}]},
        "gates": [{"kind": "heartbeat", "name": "alive", "max_age": "60s"}],
    }  # fmt: skip


def _crowd_ladder(max_age: str) -> dict[str, Any]:
    shadow = {
        "name": "shadow", "mode": "shadow", "observe": {"min": "1h", "max": "2h", "every": CROWD_EVERY},
        "gates": [{"kind": "heartbeat", "name": "alive", "max_age": "60s"}],
    }  # fmt: skip
    return {"ladder": "crowd", "stages": [shadow, money_stage("live", "live", max_age)]}


def _write_config(directory: Path, max_age: str) -> Path:
    canary = {**money_stage("canary", "canary", max_age), "capital": "10%"}
    files = {
        "people.yaml": {"people": [{"name": "ana", "roles": ["quant"]}]},
        "policy.yaml": {
            "routes": {
                str(change): {"ladder": "crowd" if change is CROWD_CHANGE else "bench"} for change in ChangeClass
            },
            "rights": {str(verb): ["anyone"] for verb in Verb},
        },
        "ladders/bench.yaml": {"ladder": "bench", "stages": [canary, money_stage("live", "live", max_age)]},
        "ladders/crowd.yaml": _crowd_ladder(max_age),
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
    return directory


@dataclass
class Bed:
    """The stack and what is done to it."""

    stack: LocalStack
    knobs: Knobs
    platform: HttpPlatform
    ladder: LadderClient
    client: Client
    bots: list[str]
    tap: Tap
    """Before the platform, on the worker's way to it."""
    round: int = 0

    async def climb(self, count: int | None = None) -> dict[str, str]:
        """Let ``count`` bots (all of them) climb to the canary and open positions; promotion ids by bot."""
        self.round += 1
        bots = self.bots[:count]
        ids: dict[str, str] = {}
        for few in (bots[at : at + AT_ONCE] for at in range(0, len(bots), AT_ONCE)):
            ids |= zip(few, await asyncio.gather(*(self._start(bot) for bot in few)), strict=True)
        deadline = time.monotonic() + PATIENCE
        while not set(bots) <= await self._holding():
            if time.monotonic() > deadline:
                raise TimeoutError("not every canary holds a position in time")
            await asyncio.sleep(0.2)
        await asyncio.sleep(SETTLE)
        return ids

    async def crowd(self, count: int) -> None:
        """Let as many other promotions be judged every few seconds, for as long as the stack stands."""
        names = [f"crowd-{number:03}" for number in range(count)]
        for few in (names[at : at + AT_ONCE] for at in range(0, count, AT_ONCE)):
            await asyncio.gather(*(self.knobs.add_bot(BotSpec(bot=name, account=f"acct-{name}")) for name in few))
            await asyncio.gather(*(self._start(name, CROWD_CHANGE) for name in few))

    async def _start(self, bot: str, change: ChangeClass = ChangeClass.STRATEGY) -> str:
        release = make_release(bot, f"2.{self.round}.0", author="ana", change=change)
        await self.knobs.publish(release, Behaviour())
        return (await self.ladder.start(release)).promotion_id

    async def _holding(self) -> set[str]:
        """The bots whose candidate has a position at the venue."""
        found = await self.platform.exposures()
        return {e.bot for e in found if e.variant is Variant.CANDIDATE and e.open_positions}

    @asynccontextmanager
    async def second_worker(self) -> AsyncIterator[None]:
        """Another worker beside the stack's own."""
        port = free_port()
        env = {**self.stack.worker.env, "LADDER_METRICS": f"127.0.0.1:{port}"}
        made = Process("a second worker", self.stack.worker.command, self.stack.state_dir / "logs/worker-2.log", env)

        async def polls() -> bool:
            return not is_free(port)

        try:
            await made.begin(polls)
            yield
        finally:
            await end([made])

    def hand(self) -> LadderClient:
        """A client that knows nothing yet, as each command is one."""
        return LadderClient(self.ladder.settings)

    def promotion(self, bot: str) -> WorkflowHandle[Any, Any]:
        """The newest promotion of ``bot``."""
        return self.client.get_workflow_handle(contracts.workflow_id(bot))

    async def kill(self, bot: str, promotion_id: str) -> float:
        """Send the kill signal, not the latch; the moment before it was sent."""
        command = self.ladder.command(Verb.KILL, promotion_id, "benchmark")
        handle = self.promotion(bot)
        sent = time.time()
        await handle.signal(str(Verb.KILL), command)
        return sent


@asynccontextmanager
async def bed(bots: int, max_age: str = "30s", tick: float = 0.2) -> AsyncIterator[Bed]:
    """A stack in a temporary directory; everything is ended and removed at the end."""
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ladder-bench-"))
    config = await asyncio.to_thread(_write_config, directory / "config", max_age)
    stack = LocalStack(directory / "state", tick=tick, config_dir=config)
    port = free_port()
    stack.worker.env["LADDER_PLATFORM_URL"] = f"http://127.0.0.1:{port}"
    try:
        async with tap(port, stack.ports.platform) as tapped:
            try:
                await stack.start()
                _scrape_seldom(stack)
                made = await _made(stack, [f"bench-{number:02}" for number in range(bots)], tapped)
                try:
                    yield made
                finally:
                    await made.knobs.close()
                    await made.platform.close()
            finally:
                await stack.stop()
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _scrape_seldom(stack: LocalStack) -> None:
    file, prometheus = stack.state_dir / "prometheus.yml", stack.prometheus.popen
    seldom = file.read_text().replace("scrape_interval: 1s", f"scrape_interval: {SCRAPE}")
    file.write_text(seldom)
    if SCRAPE not in seldom or prometheus is None:
        raise RuntimeError(f"{file} has no scrape interval to be changed")
    prometheus.send_signal(signal.SIGHUP)


async def _made(stack: LocalStack, names: list[str], tapped: Tap) -> Bed:
    env = {**os.environ, **stack.environment(), "LADDER_IDENTITY": "ana"}
    ladder = LadderClient(settings.load(env))
    knobs = Knobs(stack.platform_url)
    for name in names:
        await knobs.add_bot(BotSpec(bot=name, account=f"acct-{name}"))
        await knobs.fault("hold_on", bot=name)  # positions stay until somebody exits them
    return Bed(stack, knobs, HttpPlatform(stack.platform_url), ladder, await ladder.temporal(), names, tapped)
