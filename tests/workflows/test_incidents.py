"""Incidents of a promotion: opened beside the way down, never awaited by it, and in the way of every move up."""

import asyncio
from datetime import UTC, datetime

from tests.workflows.conftest import World

from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import DESK
from promotion_ladder.core.evidence import INCIDENTS
from promotion_ladder.core.incidents import RESOLVED, Incident, IncidentNews, NewIncident, Severity, Status
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.incidents import end as end_incident
from promotion_ladder.incidents import post, queue


async def incident(world: World, about: str) -> Incident:
    (found,) = [i for i in await queue(world.audit) if i.key == f"{about}:{world.promotion_id}"]
    return found


async def test_what_is_not_flat_at_once_opens_an_incident_that_ends_when_it_is(world: World) -> None:
    world.platform.refuse_exits = 2
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.ROLLBACK)
    assert (await world.result()).ending is Ending.ROLLED_BACK
    found = await incident(world, "not_flat")
    assert (found.severity, found.code, found.target) == (Severity.CRITICAL, Code.NOT_FLAT, "bot")
    assert "WTI 1 at the bot, 1 at the venue" in found.sentence
    assert "ladder status bot" in found.action
    assert (found.status, found.by) == (Status.RESOLVED, "ladder")
    assert world.audit.kinds(DESK) == ["incident_opened", "incident_resolved"]


async def heard(world: World, count: int) -> list[str]:
    """What on-call heard, once it is so much: it is told beside the promotion, which may have ended by then."""
    async with asyncio.timeout(10):
        while len(world.pager.told) < count:  # noqa: ASYNC110 - nothing else would tell
            await asyncio.sleep(0.01)
    return world.pager.said()


async def test_on_call_is_told_that_it_is_not_flat_and_when_it_is(world: World) -> None:
    world.platform.refuse_exits = 2
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.ROLLBACK)
    await world.result()
    assert await heard(world, 2) == ["open", "resolved"]
    first, last = world.pager.told
    assert first.incident_id == last.incident_id == (await incident(world, "not_flat")).incident_id
    assert (first.target, first.code, first.severity) == ("bot", Code.NOT_FLAT, Severity.CRITICAL)
    assert last.by == "ladder"


async def test_an_on_call_channel_that_hangs_delays_neither_the_way_down_nor_the_record(world: World) -> None:
    world.pager.slow = asyncio.Event()
    world.platform.refuse_exits = 1
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.KILL)
    assert (await world.result()).ending is Ending.ROLLED_BACK
    assert (await incident(world, "not_flat")).status is Status.RESOLVED
    assert world.pager.told == []
    world.pager.slow.set()
    assert await heard(world, 2) == ["open", "resolved"]


async def test_flat_at_the_first_try_is_no_incident(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    await world.signal(Verb.ROLLBACK)
    await world.result()
    assert await queue(world.audit) == ()


async def test_a_record_that_is_down_does_not_delay_the_way_down(world: World) -> None:
    world.platform.refuse_exits = 1
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    world.audit.down = True
    await world.signal(Verb.KILL)
    state = await world.until(lambda state: state.flat_at is not None)
    assert "hold_out 2.0.0" in world.platform.effects
    assert state.ending is None or state.news, "what could not be written waits"
    world.audit.down = False
    await world.result()
    assert (await incident(world, "not_flat")).status is Status.RESOLVED


async def test_a_notice_nobody_gets_for_five_minutes_wants_a_person_but_blocks_nothing(world: World) -> None:
    world.notifier.down = True
    await world.start()
    await world.until(lambda state: bool(state.unresolved))
    state = await world.until(lambda state: not state.news)
    assert state.phase is Phase.AWAITING_NOTICE
    found = await incident(world, "notice")
    assert (found.severity, found.status, found.code) == (Severity.WARNING, Status.OPEN, Code.NOTICE_UNDELIVERED)
    world.notifier.down = False
    await world.until_phase(Phase.VETO_WINDOW)
    await world.until(lambda state: not state.news)
    assert (await incident(world, "notice")).status is Status.RESOLVED
    await world.until_phase(Phase.AWAITING_APPROVAL)


async def test_a_promotion_that_ends_without_its_notice_leaves_no_incident(world: World) -> None:
    world.notifier.down = True
    await world.start()
    await world.until(lambda state: bool(state.unresolved))
    await world.update(Verb.CANCEL, "omar")
    await world.result()
    assert (await incident(world, "notice")).status is Status.RESOLVED


async def trouble(world: World, key: str, scope: str, target: str) -> None:
    """A critical incident that somebody else opens."""
    opened = NewIncident(
        key=key, severity=Severity.CRITICAL, scope=scope, target=target, code=Code.NOT_FLAT, sentence="look here",
        action="on-call: look",
    )  # fmt: skip
    await post(world.audit, IncidentNews(at=datetime.now(UTC), opened=opened))


async def test_a_critical_incident_lets_nothing_move_up_until_it_is_resolved(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.OBSERVING, "shadow")
    await trouble(world, "drill", "bot", "bot")
    state = await world.until_phase(Phase.ON_HOLD, "shadow")
    assert state.hold is not None
    assert (state.hold.code, state.entry) == (Code.OBSERVE_EXHAUSTED, 0)
    assert "look here" in state.hold.reason
    assert state.evidence is not None
    stored = world.audit.stored[state.evidence]
    assert [i.key for i in stored.items[INCIDENTS].blocking] == ["drill"]  # type: ignore[union-attr]
    await end_incident(world.audit, RESOLVED, "rita", datetime.now(UTC), "drill", "over", reason="it was a drill")
    await world.update(Verb.EXTEND, "omar", extend_by="1h")
    await world.update(Verb.RESUME, "omar")
    await world.until_phase(Phase.VETO_WINDOW, "paper")


async def test_an_incident_opened_in_the_veto_window_sends_the_stage_back(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.VETO_WINDOW, "paper")
    await trouble(world, "late", "global", "*")
    await world.until_phase(Phase.OBSERVING, "paper")
    assert "sent_back" in world.kinds()
