"""The three endings of the demo on short ladders: one climbs, one bleeds, one is vetoed."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from tests.e2e.rig import Rig, until

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import INCIDENTS
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import ChangeClass, Release
from promotion_ladder.core.state import Ending, Phase, PromotionResult
from promotion_ladder.core.verdict import Outcome
from promotion_ladder.simulation.behaviour import Kind
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STANDING = (Phase.OBSERVING, Phase.VETO_WINDOW, Phase.AWAITING_APPROVAL)
CAST = ("healthy", "bleeding", "vetoed")


@dataclass
class Story:
    release: Release
    result: PromotionResult
    seen: dict[str, set[tuple[Variant, Decimal]]] = field(default_factory=lambda: defaultdict(set))
    """Capital of each variant, by stage, as sampled while it climbed."""
    sums: set[Decimal] = field(default_factory=set)


@pytest.fixture(scope="module")
def told(stack: LocalStack) -> dict[str, Story]:
    """All three stories, told at once."""
    return asyncio.run(_tell(stack))


async def _tell(stack: LocalStack) -> dict[str, Story]:
    rig = Rig(stack)
    try:
        await rig.climbing("healthy", change=ChangeClass.PARAMS)
        await rig.climbing("bleeding", Kind.BLEEDING, after=0)
        await rig.climbing("vetoed")
        return dict(zip(CAST, await asyncio.gather(*(_follow(rig, bot) for bot in CAST)), strict=True))
    finally:
        await rig.close()


async def _follow(rig: Rig, bot: str) -> Story:
    state = await rig.state(bot)
    seen: dict[str, set[tuple[Variant, Decimal]]] = defaultdict(set)
    sums: set[Decimal] = set()

    async def ended() -> bool:
        before = await rig.state(bot)
        shares = await rig.shares(bot)
        after = await rig.state(bot)
        sums.add(sum((e.capital for e in shares.values()), Decimal(0)))
        if before.entered_at == after.entered_at and after.phase in STANDING:
            seen[before.stage_name] |= {(e.variant, e.capital) for e in shares.values() if e.capital}
        if after.phase is Phase.AWAITING_APPROVAL and not after.approvals:
            await rig.try_approve(bot)
        if after.phase is Phase.VETO_WINDOW and bot == "vetoed" and after.stop is None:
            await rig.person("ben").veto(bot, "inventories at 16:30")
        return after.ending is not None

    await until(f"the end of {bot}", ended, 90)
    return Story(state.release, await rig.ana.result(bot), seen, sums)


async def test_a_healthy_release_climbs_every_stage_and_is_settled(told: dict[str, Story], rig: Rig) -> None:
    story = told["healthy"]
    assert story.result.ending is Ending.STABLE, story.result.sentence
    assert story.result.stages == ("replay", "shadow", "paper", "canary-10", "canary-25", "live")
    await rig.settled("healthy", story.release)
    assert len(await rig.effects("healthy", "settle")) == 1


async def test_a_bleeding_release_is_flat_at_bot_and_venue_and_held_out(told: dict[str, Story], rig: Rig) -> None:
    story = told["bleeding"]
    assert story.result.ending is Ending.ROLLED_BACK, story.result.sentence
    assert story.result.code is Code.GUARD_TRIPPED
    assert story.result.flat_seconds is not None
    assert story.result.stages[-1] == "canary-10"
    await rig.came_down("bleeding", story.release)


async def test_a_vetoed_release_never_touched_money(told: dict[str, Story], rig: Rig) -> None:
    story = told["vetoed"]
    assert story.result.ending is Ending.VETOED, story.result.sentence
    assert story.result.stages[-1] == "paper"
    await rig.came_down("vetoed", story.release)
    orders = await rig.effects("vetoed", "order")
    assert {order["variant"] for order in orders} == {"stable"}
    parts = [effect["detail"]["candidate"] for effect in await rig.effects("vetoed", "set_exposure")]
    assert {Decimal(part) for part in parts} == {Decimal(0)}


def test_the_parts_of_the_capital_sum_to_the_whole_at_every_look(told: dict[str, Story]) -> None:
    whole = Decimal("100000.00")
    assert {bot: story.sums for bot, story in told.items()} == {bot: {whole} for bot in CAST}
    seen = told["healthy"].seen
    tenth, quarter = Decimal("10000.00"), Decimal("25000.00")
    for stage in ("shadow", "paper"):
        assert seen[stage] == {(Variant.STABLE, whole)}
    for stage, part in (("canary-10", tenth), ("canary-25", quarter)):
        assert seen[stage] == {
            (Variant.CANDIDATE, part), (Variant.BASELINE, part), (Variant.STABLE, whole - 2 * part)
        }, stage  # fmt: skip
    assert seen["live"] == {(Variant.CANDIDATE, whole)}


@pytest.mark.parametrize("bot", CAST)
async def test_the_record_verifies_and_reads_without_a_server(told: dict[str, Story], rig: Rig, bot: str) -> None:
    nowhere = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "LADDER_PLATFORM_URL": "http://127.0.0.1:1"}
    verified, shown = await asyncio.gather(
        rig.cli("audit", "verify", bot, env=nowhere), rig.cli("audit", "show", bot, "-o", "json", env=nowhere)
    )
    assert (verified.status, verified.err) == (0, "")
    assert "is whole" in verified.out
    events = [link["event"] for link in shown.json]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["kind"], events[-1]["kind"]) == ("started", "ended")
    assert shown.json[-1]["hash"] == told[bot].result.audit_head


async def test_everything_that_climbs_is_rolled_back_at_once(rig: Rig) -> None:
    releases = {bot: await rig.climbing(bot) for bot in ("one", "other")}
    await rig.park(*releases)
    for bot in releases:
        await rig.reaches(bot, Phase.OBSERVING)
    done = await rig.cli("rollback", "--scope", "global", "-r", "exchange incident", "-o", "json", who="omar")
    assert (done.status, done.err) == (0, "")
    assert {bot for bot, receipt in done.json.items() if receipt["accepted"]} >= set(releases)
    for bot, release in releases.items():
        assert (await rig.ends(bot)).code is Code.ROLLED_BACK_BY_PERSON
        await rig.came_down(bot, release)
    nothing = await rig.cli("rollback", "--scope", "global", "-r", "again", who="omar")
    assert (nothing.status, "nothing to roll back" in nothing.out) == (0, True)


async def test_what_prometheus_cannot_say_never_moves_anything_up_and_holds_for_a_person(rig: Rig) -> None:
    """NaN and a metric that does not exist; when the observation is over a person must look."""
    release = await rig.bot("dim", change=ChangeClass.IMAGE)
    await rig.ana.start(release)
    state = await rig.reaches("dim", Phase.ON_HOLD, "shadow")
    assert state.hold is not None
    assert state.decision is not None
    outcomes = {verdict.name: verdict.outcome for verdict in state.decision.verdicts}
    assert outcomes.pop(INCIDENTS) is Outcome.PASS
    assert set(outcomes) == {"not-a-number", "nowhere"}
    assert not {Outcome.PASS, Outcome.FAIL} & set(outcomes.values()), outcomes
    assert "2 of 2 gates wait" in state.hold.reason
    assert "the newest sample is NaN" in state.hold.reason
    assert await rig.exposed("dim") == [], "nothing at the venue"
    cancelled = await rig.cli("cancel", "dim", "-r", "the exporter is missing")
    assert cancelled.status == 0
    assert (await rig.ends("dim")).ending is Ending.CANCELLED
    await rig.came_down("dim", None)
