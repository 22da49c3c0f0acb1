"""Reconciliation on real servers: what nobody accounts for is found, made safe and told, with and without a worker."""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import ScheduleOverlapPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.e2e.rig import Rig, until

from promotion_ladder import contracts
from promotion_ladder.core.codes import Code
from promotion_ladder.core.incidents import Incident
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import ExposureOrder, LatchOrder, Mode, PrepareOrder, Variant
from promotion_ladder.core.reconcile import Standing
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, Phase, PromotionState
from promotion_ladder.reconciling.temporal import TemporalPromotions
from promotion_ladder.workers.schedule import EVERY, SCHEDULE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

A_MINUTE = 60.0


async def in_canary(rig: Rig, bot: str) -> Release:
    """A bot that waits in its canary, and a venue that lets the candidate exit nothing.

    Else the lease would take it back at about the time reconciliation does, and nobody could tell who it was.
    """
    release = await rig.climbing(bot)
    await rig.reaches(bot, Phase.AWAITING_APPROVAL, "canary-10")
    await rig.cannot_exit(bot)
    return release


async def told(rig: Rig, bot: str, code: Code) -> Incident:
    """The incident of the bot, within a minute."""

    async def there() -> Incident | None:
        return next((i for i in await rig.rita.incidents(bot) if i.code is code), None)

    return await until(f"an incident {code} of {bot}", there, A_MINUTE)


async def is_safe(rig: Rig, bot: str) -> None:
    """Within a minute nothing but stable is exposed, with the whole, and the bot is latched."""

    async def alone() -> bool:
        return set(await rig.shares(bot)) == {Variant.STABLE}

    await until(f"{bot} safe", alone, A_MINUTE)
    facts = await rig.platform.describe(bot)
    assert (await rig.shares(bot))[Variant.STABLE].capital == facts.total_capital
    assert [(latch.scope, latch.by) for latch in facts.latches] == [("bot", "ladder")]
    for variant in (Variant.CANDIDATE, Variant.BASELINE):
        assert (await rig.platform.verify_flat(bot, variant)).is_flat


async def expose(rig: Rig, release: Release, promotion_id: str, candidate: Decimal, key: str, epoch: int) -> None:
    """Give the candidate a share with no promotion behind it, as a script that somebody ran by hand would."""
    facts = await rig.platform.describe(release.bot)
    limits = Ladder.model_validate(await _ladder(rig)).stages[3].limits
    await rig.platform.set_exposure(
        release.bot,
        ExposureOrder(
            promotion_id=promotion_id, epoch=epoch, stage="canary-10", mode=Mode.CANARY, candidate=candidate,
            baseline=Decimal(0), stable=facts.total_capital - candidate, limits=limits, lease="10m", key=key,
        ),
    )  # fmt: skip


async def _ladder(rig: Rig) -> Any:
    from promotion_ladder.adapters.files import load_ladder  # noqa: PLC0415

    return load_ladder(rig.stack.config_dir / "ladders" / "short.yaml").model_dump()


async def test_a_promotion_terminated_in_its_canary_is_flattened_and_told_within_a_minute(rig: Rig) -> None:
    release = await in_canary(rig, "cut")
    ended = time.monotonic()
    await (await rig.handle("cut")).terminate("a mistake")
    assert await rig.exposed("cut")
    incident = await told(rig, "cut", Code.UNJUSTIFIED_EXPOSURE)
    await rig.knobs.clear_faults()
    await is_safe(rig, "cut")
    assert time.monotonic() - ended < A_MINUTE
    assert "no promotion of it is running" in incident.sentence
    record = (await rig.cli("audit", "show", "desk", "-o", "json")).json
    done = [e["event"] for e in record if e["event"]["kind"] == "reconciled" and e["event"]["data"]["bot"] == "cut"]
    assert (done[0]["data"]["scope"], done[0]["data"]["target"]) == ("bot", "cut")
    assert "cut is latched" in done[0]["sentence"]

    # Nothing climbs before a person says so: neither past the latch nor past the incident.
    refused = await rig.cli("start", rig.release_file(release), "-o", "json")
    assert refused.json["error"]["code"] == Code.LATCHED
    listed = await rig.cli("incidents", "cut")
    assert incident.incident_id in listed.out
    assert "kill cut --release" in listed.out
    strange = await rig.cli("incidents", "resolve", incident.incident_id, "-r", "x", "-o", "json", who="ana")
    assert strange.json["error"]["code"] == Code.NOT_ENTITLED
    assert (await rig.cli("incidents", "ack", incident.incident_id, "-r", "looking", who="ana")).status == 0
    assert (await rig.rita.incidents("cut"))[0].by == "ana"
    assert (await rig.cli("incidents", "resolve", incident.incident_id, "-r", "it was me", who="rita")).status == 0
    assert await rig.rita.incidents("cut") == ()
    again = await rig.cli("incidents", "resolve", incident.incident_id, "-r", "x", "-o", "json", who="rita")
    assert again.json["error"]["code"] == Code.NO_SUCH_INCIDENT
    assert "resolved already" in again.json["error"]["detail"]


async def test_an_orphan_of_a_foreign_epoch_is_flattened_whether_or_not_something_climbs(rig: Rig) -> None:
    lone, busy = await rig.bot("lone"), await rig.climbing("busy")
    await rig.reaches("busy", Phase.AWAITING_APPROVAL)
    for release in (lone, busy):
        bot, owner = release.bot, f"by-hand/{release.bot}"
        epoch = await rig.platform.acquire(bot, owner)
        if release is lone:
            await rig.platform.prepare(
                PrepareOrder(
                    promotion_id=owner, epoch=epoch, release=release, stage="canary-10", mode=Mode.CANARY, key="p"
                )
            )
        await expose(rig, release, owner, Decimal(30_000), "by:hand.1:expose", epoch)
    for bot in ("lone", "busy"):
        assert f"by-hand/{bot}" in (await told(rig, bot, Code.UNJUSTIFIED_EXPOSURE)).sentence
        await is_safe(rig, bot)
    assert (await rig.ends("busy")).ending is Ending.ROLLED_BACK


async def test_a_share_changed_by_hand_is_paused_and_held(rig: Rig) -> None:
    release = await rig.climbing("fat")
    state = await rig.reaches("fat", Phase.AWAITING_APPROVAL)
    await expose(rig, release, state.promotion_id, Decimal(50_000), "by:hand.1:expose", state.epoch)
    held = await rig.reaches("fat", Phase.ON_HOLD, seconds=A_MINUTE)
    assert held.hold is not None
    assert (held.hold.actor, held.hold.code) == ("ladder", Code.HELD)
    assert "grants its candidate" in held.hold.reason
    shares = await rig.shares("fat")
    assert shares[Variant.CANDIDATE].paused
    await told(rig, "fat", Code.WRONG_SHARE)
    await rig.ana.rollback("fat", "seen enough")
    await rig.ends("fat")
    await rig.came_down("fat", release)


async def test_a_latch_removed_by_hand_is_set_again_and_one_lifted_by_the_way_is_not(rig: Rig) -> None:
    await rig.bot("sealed")
    assert (await rig.cli("kill", "sealed", "-r", "fills look wrong", "-y")).status == 0
    await rig.platform.unlatch(
        "sealed", LatchOrder(scope="bot", target="sealed", reason="in my way", by="x", key="by hand")
    )

    async def latched() -> bool:
        return bool((await rig.platform.describe("sealed")).latches)

    await until("the latch again", latched, A_MINUTE)
    incident = await told(rig, "sealed", Code.LATCH_REMOVED)
    assert "set by" in incident.sentence
    assert (await rig.cli("kill", "sealed", "--release", "-r", "mended", "-y", who="rita")).status == 0
    looked = await rig.cli("reconcile", "-o", "json")
    assert [f for f in looked.json["findings"] if f["finding"]["target"] == "sealed"] == []
    assert not await latched()


async def test_a_climb_from_bottom_to_top_is_never_a_finding(rig: Rig) -> None:
    release = await rig.climbing("usual")
    await rig.is_stable("usual", release)
    assert await rig.rita.incidents("usual") == ()


async def test_the_command_finds_and_mends_with_no_worker(rig: Rig) -> None:
    await in_canary(rig, "alone")
    await in_canary(rig, "kept")
    async with rig.without_worker():
        await (await rig.handle("alone")).terminate("a mistake")
        looked = await rig.cli("reconcile", "-o", "json")
        assert looked.status == 4, looked
        words = {f["finding"]["bot"]: f["finding"]["word"] for f in looked.json["findings"]}
        assert words == {"alone": "no_promotion", "kept": "silent"}
        assert await rig.exposed("alone"), "looking changes nothing"
        mended = await rig.cli("reconcile", "--fix")
        assert mended.status == 4, mended
        assert "bot alone is latched" in mended.out
        assert "alone is residual" in mended.out, "the venue refuses"
        await rig.knobs.clear_faults()
        await is_safe(rig, "alone")
        assert [i.code for i in await rig.rita.incidents("alone")] == [Code.UNJUSTIFIED_EXPOSURE]
        assert (await rig.platform.describe("kept")).latches == (), "a fleet is not stopped because its worker sleeps"


async def test_who_waits_for_an_approval_is_known_and_since_when_while_a_worker_answers(rig: Rig) -> None:
    await in_canary(rig, "asked")
    client, window = await rig.ana.temporal(), (await rig.ana.state("asked")).window
    assert window is not None

    async def since() -> tuple[datetime | None] | None:
        found = await TemporalPromotions(client).waiting()  # a new one each time: it remembers for some seconds
        return (found["asked"],) if "asked" in found else None

    assert await until("the list tells it", since, A_MINUTE) == (window.opened_at,)
    async with rig.without_worker():
        assert await since() == (None,)


@workflow.defn(name=contracts.WORKFLOW)
class Broken:
    """What a bad upgrade looks like: workflow code that fails on every run it is given."""

    @workflow.run
    async def run(self, state: PromotionState) -> None:
        raise RuntimeError("it does not fit the run's history")


async def test_a_promotion_whose_code_fails_is_stuck_after_a_grace_and_no_sooner(rig: Rig) -> None:
    await in_canary(rig, "stuck")
    client = await rig.ana.temporal()
    promotions = TemporalPromotions(client)
    async with (
        rig.without_worker(),
        Worker(
            client, task_queue=contracts.QUEUE_LADDER, workflows=[Broken], workflow_runner=UnsandboxedWorkflowRunner()
        ),
    ):
        begun = time.monotonic()
        await (await rig.handle("stuck")).signal("hold")

        async def failing() -> bool:
            return (await promotions.of("stuck")).standing is Standing.STUCK

        await until("a stuck promotion", failing, A_MINUTE)
        assert time.monotonic() - begun > 15, "the server tries again after ten seconds each"
        looked = await rig.cli("reconcile", "-o", "json")
        assert looked.status == 4, looked
        (found,) = [f["finding"] for f in looked.json["findings"] if f["finding"]["bot"] == "stuck"]
        assert (found["word"], found["remedy"]) == ("stuck", "flatten")
        assert re.search("its workflow task has failed [3-9] times", found["sentence"]), "more often while this waited"
    await rig.knobs.clear_faults()
    assert (await rig.ends("stuck")).ending is Ending.ROLLED_BACK, "its lease was lost meanwhile"


async def test_without_temporal_nothing_is_taken_away(rig: Rig) -> None:
    told = await rig.cli("reconcile", "--fix", "-o", "json", env={"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert told.status == 1
    assert told.json["error"]["code"] == Code.TEMPORAL_DOWN


async def test_a_run_set_back_to_an_earlier_stage_does_not_leave_its_canary_exposed(rig: Rig) -> None:
    release = await in_canary(rig, "back")
    client = await rig.ana.temporal()
    runs = [run.run_id async for run in client.list_workflows(f"WorkflowId = '{contracts.workflow_id('back')}'")]
    shadow = runs[-2]  # newest first: …, paper, shadow, replay
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace, workflow_task_finish_event_id=3, request_id="back", reason="a mistake",
            workflow_execution=WorkflowExecution(workflow_id=contracts.workflow_id("back"), run_id=shadow),
        )
    )  # fmt: skip

    # It enters shadow anew, the platform refuses as long as something is held, and so it comes down.
    await rig.reaches("back", Phase.COMING_DOWN)
    assert (await told(rig, "back", Code.NOT_FLAT)).target == "back"
    await rig.knobs.clear_faults()

    async def ended() -> bool:
        return (await rig.state("back")).ending is Ending.ROLLED_BACK

    await until("the end of back", ended)
    await rig.came_down("back", release)
    # What it did the second time stands in its record after the first, and a person is told of it.
    assert [i.code for i in await rig.rita.incidents("back")] == [Code.SET_BACK]
    kinds = await rig.kinds("back")
    assert kinds.count("set_back") == 1
    assert kinds.count("ended") == 1
    assert (await rig.cli("audit", "verify", "back")).status == 0


async def test_the_schedule_is_there_once_however_often_workers_start(rig: Rig) -> None:
    client = await rig.ana.temporal()
    description = await client.get_schedule_handle(SCHEDULE).describe()
    assert description.schedule.spec.intervals[0].every == EVERY
    assert description.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert [schedule.id async for schedule in await client.list_schedules()] == [SCHEDULE]
    assert description.info.recent_actions[-1].started_at <= datetime.now(UTC)
