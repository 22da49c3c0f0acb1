"""A promotion on the time-skipping server with fake ports: hours pass in milliseconds."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from tests.fake_metrics import FakeMetrics
from tests.fake_pager import FakeLedger, FakePager
from tests.fakes import FakeAudit, FakeDirectory, FakeNotifier, FakePlatform, FakeProbes

from promotion_ladder import contracts, descent
from promotion_ladder.contracts import GuardTrip, StageOrder
from promotion_ladder.core.codes import Code
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import People, Policy, Verb
from promotion_ladder.core.release import ChangeClass, Release
from promotion_ladder.core.state import Command, Phase, PromotionResult, PromotionState, StartOrder
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.paging import Paging
from promotion_ladder.workers.assembly import Ports, activities, prepare_namespace, workers
from promotion_ladder.workflows.promotion import Promotion

RELEASE = Release(
    bot="bot", version="2.0.0", artifact="sha256:" + "a" * 64, params="sha256:" + "b" * 64,
    change=ChangeClass.PARAMS, author="ana",
)  # fmt: skip

PEOPLE = People.model_validate({
    "people": [
        {"name": "ana", "roles": ["quant"]},
        {"name": "ben", "roles": ["quant"]},
        {"name": "rita", "email": "rita@example.com", "roles": ["risk"]},
        {"name": "rob", "roles": ["risk"]},
        {"name": "omar", "roles": ["oncall"]},
    ]
})  # fmt: skip

POLICY = Policy.model_validate({
    "routes": {change: {"ladder": "test"} for change in ChangeClass},
    "rights": {verb: ["quant", "oncall", "risk"] for verb in Verb if verb is not Verb.SKIP} | {Verb.SKIP: ["risk"]},
})  # fmt: skip

LIMITS = {
    "instruments": ["WTI"], "price_band": "5%", "max_order_value": 10000, "max_orders_per_minute": 60,
    "max_position_value": 50000, "venues": ["sim"],
}  # fmt: skip
GATE = {"name": "level", "kind": "threshold", "query": "up{$labels}", "min": 0, "min_samples": 1}
OBSERVE = {"min": "10m", "max": "60m", "every": "1m"}
GUARDS = {"every": "1s", "checks": [{"name": "loss", "kind": "loss", "max": 100}]}

STEP = timedelta(seconds=37.7)
"""How far a test lets time skip between two looks.

In step with no timer of the workflow: one that fires while a workflow task is about to cancel it makes the test server
reject the task ("invalid history builder state for action") and leave the run hanging. A real server takes it.
"""


def stage(name: str, mode: str, **fields: Any) -> dict[str, Any]:
    """A stage with sensible rest."""
    money = {"limits": LIMITS, "guards": GUARDS} if mode in ("canary", "live") else {}
    return {"name": name, "mode": mode, "observe": OBSERVE, "gates": [GATE]} | money | fields


LADDER = {
    "ladder": "test",
    "stages": [
        stage("replay", "replay", gates=[{"name": "same", "kind": "replay_match"}]),
        stage("shadow", "shadow"),
        stage("paper", "paper", exit={"kind": "veto", "window": "30m"}),
        stage(
            "canary-10", "canary", capital="10%", pause="20m",
            exit={"kind": "approval", "roles": ["risk"], "expires": "4h"},
        ),
        stage("live", "live"),
    ],
}  # fmt: skip


@dataclass
class World:
    """One bot, its people and a Temporal server, with the verbs a test needs."""

    env: WorkflowEnvironment
    platform: FakePlatform
    metrics: FakeMetrics
    audit: FakeAudit
    notifier: FakeNotifier
    directory: FakeDirectory
    probes: FakeProbes = field(default_factory=FakeProbes)
    pager: FakePager = field(default_factory=FakePager)
    trip: GuardTrip | None = None
    trip_at: str = ""
    guarding: list[tuple[str, ...]] = field(default_factory=list)
    """The muted checks of each guard that was started."""
    watched: list[str] = field(default_factory=list)
    """What each guard that was started watched: a stage, or ``X below Y`` while Y is being entered."""
    pause_at: str = ""
    """Where a guard finds a market to be paused; it goes on by itself after two hours."""
    handle: WorkflowHandle[Promotion, PromotionResult] | None = None
    promotion_id: str = field(default_factory=lambda: f"bot/2.0.0/{uuid.uuid4().hex[:6]}")

    @property
    def client(self) -> Client:
        return self.env.client

    async def start(self, **order: Any) -> "WorkflowHandle[Promotion, PromotionResult]":
        start = StartOrder.model_validate(
            {"promotion_id": self.promotion_id, "release": RELEASE, "identity": "ana"} | order
        )
        return await self.start_from(PromotionState(order=start))

    async def start_from(self, state: PromotionState) -> "WorkflowHandle[Promotion, PromotionResult]":
        self.handle = await self.client.start_workflow(
            Promotion.run, state, id=contracts.workflow_id("bot"), task_queue=contracts.QUEUE_LADDER
        )
        return self.handle

    async def state(self) -> PromotionState:
        assert self.handle is not None
        for _ in range(5):
            with contextlib.suppress(RPCError):  # the test server loses a query that meets continue-as-new
                return await self.handle.query(Promotion.state, rpc_timeout=timedelta(seconds=3))
        return await self.handle.query(Promotion.state)

    async def until(self, wanted: Callable[[PromotionState], bool], hours: float = 48) -> PromotionState:
        """Let time skip until the state is as wanted."""
        for _ in range(int(timedelta(hours=hours) / STEP)):
            state = await self.state()
            if wanted(state):
                return state
            await self.env.sleep(STEP)
        raise AssertionError(
            f"never came: {state.phase} at {state.stage_name}, {state.decision}, {state.ended_sentence}"
        )

    async def until_phase(self, phase: Phase, stage_name: str | None = None) -> PromotionState:
        return await self.until(
            lambda state: state.phase is phase and (stage_name is None or state.stage_name == stage_name)
        )

    def command(self, verb: Verb, identity: str = "omar", **fields: Any) -> Command:
        return Command.model_validate(
            {"verb": verb, "promotion_id": self.promotion_id, "identity": identity, "message_id": uuid.uuid4().hex,
             "reason": "because"} | fields
        )  # fmt: skip

    async def signal(self, verb: Verb, identity: str = "omar", **fields: Any) -> None:
        assert self.handle is not None
        await self.handle.signal(str(verb), self.command(verb, identity, **(await self.seen(verb) | fields)))

    async def seen(self, verb: Verb) -> dict[str, Any]:
        """What an approver looks at."""
        if verb is not Verb.APPROVE:
            return {}
        state = await self.state()
        evidence = state.window.evidence if state.window else "0" * 64
        return {"stage": state.stage_name, "attempt": state.attempt, "evidence": evidence}

    async def update(self, verb: Verb, identity: str = "rita", **fields: Any) -> Any:
        assert self.handle is not None
        fields = await self.seen(verb) | fields
        return await self.handle.execute_update(str(verb), self.command(verb, identity, **fields))

    async def result(self) -> PromotionResult:
        """The end; time skips while this waits."""
        assert self.handle is not None
        return await self.handle.result()

    def kinds(self) -> list[str]:
        return self.audit.kinds(self.promotion_id)


def scopes_changed(scopes: tuple[str, ...]) -> GuardTrip:
    verdict = Verdict(
        name="scopes", kind="pause_scope", outcome=Outcome.FAIL if scopes else Outcome.PASS,
        code=Code.SCOPE_PAUSED if scopes else Code.SCOPE_GOES_ON, sentence=f"paused: {scopes}",
    )  # fmt: skip
    return GuardTrip(verdict=verdict, abort=False, paused=True, at=datetime.now(UTC), scopes=scopes)


def stub_guard(world: World) -> Callable[[StageOrder], Awaitable[GuardTrip]]:
    """A guard that never trips, or trips at once at ``world.trip_at``; time skips only while no activity is pending."""

    @activity.defn(name="guard")
    async def guard(order: StageOrder) -> GuardTrip:
        what = order.stage.name + (f" below {order.next_stage}" if order.next_stage else "")
        if activity.info().attempt == 1:
            world.guarding.append(order.muted)
            world.watched.append(what)
        if world.trip is not None and what == world.trip_at and not order.muted:
            return world.trip
        if order.paused:
            if activity.info().attempt > 1:
                return scopes_changed(())
            raise ApplicationError(
                "still stale", next_retry_delay=timedelta(hours=2), category=ApplicationErrorCategory.BENIGN
            )
        if what == world.pause_at:
            world.pause_at = ""
            return scopes_changed(("market:WTI",))
        raise ApplicationError(
            "nothing to see", next_retry_delay=timedelta(days=365), category=ApplicationErrorCategory.BENIGN
        )

    return guard


@pytest.fixture
async def env() -> AsyncIterator[WorkflowEnvironment]:
    server = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(server), data_converter=pydantic_data_converter
    ) as started:
        await prepare_namespace(started.client)
        yield started


@pytest.fixture
async def world(env: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(descent, "READ_BACK_SECONDS", 0.2)  # the fake platform changes its mind at once or never
    made = World(
        env=env, platform=FakePlatform(), metrics=FakeMetrics(), audit=FakeAudit(), notifier=FakeNotifier(),
        directory=FakeDirectory(Ladder.model_validate(LADDER), PEOPLE, POLICY),
    )  # fmt: skip
    paging = Paging(made.audit, FakeLedger({made.pager.channel: 0}), [made.pager])
    ports = Ports(made.platform, made.metrics, made.audit, made.notifier, made.directory, made.probes, paging)
    queues = activities(ports, env.client)
    queues[contracts.QUEUE_GUARDS] = [stub_guard(made)]
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers(env.client, queues):
            await stack.enter_async_context(worker)
        yield made
        await asyncio.sleep(0)
