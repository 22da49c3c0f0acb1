"""More messages than anybody sends on purpose: they cost what they weigh, are counted, and hide no prohibition."""

import asyncio
from collections.abc import Sequence

from tests.workflows.conftest import World

from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Command, Ending, Phase, Ruled
from promotion_ladder.workflows.messages import MAX_INBOX, TOLD_SINGLY
from promotion_ladder.workflows.promotion import Promotion

FEW = 300
SUMMARY = "messages_overlooked"


async def send(world: World, commands: Sequence[Command]) -> None:
    handle = world.handle
    assert handle is not None
    await asyncio.gather(*(handle.signal(str(command.verb), command) for command in commands))


def told(world: World, kind: str) -> int:
    return world.kinds().count(kind)


async def test_messages_for_another_promotion_are_counted_and_only_the_first_are_told_singly(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    foreign = [world.command(Verb.HOLD, promotion_id="bot/1.9.0/old") for _ in range(FEW)]
    await send(world, foreign)
    state = await world.until(lambda state: state.overlooked == FEW)
    assert (state.hold, state.inbox) == (None, [])
    await world.until(lambda _state: told(world, SUMMARY) == 1)
    assert told(world, "hold_refused") == TOLD_SINGLY
    (summary,) = [link.event for link in await world.audit.chain(world.promotion_id) if link.event.kind == SUMMARY]
    assert "100 messages" in summary.sentence
    assert world.handle is not None
    ruled: Ruled = await world.handle.query(Promotion.ruled, foreign[-1].message_id)
    assert ruled.receipt is not None
    assert (ruled.receipt.accepted, ruled.receipt.code) == (False, Code.WRONG_PROMOTION)
    await world.signal(Verb.ROLLBACK)
    assert (await world.result()).code is Code.ROLLED_BACK_BY_PERSON


async def test_a_full_inbox_takes_in_a_prohibition_that_nobody_asked_for_yet(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    world.directory.broken = True  # nobody's right can be established, so the messages wait
    holds = [world.command(Verb.HOLD, "mallory") for _ in range(MAX_INBOX + FEW)]
    await send(world, [*holds, world.command(Verb.VETO, "ben")])
    state = await world.until(lambda state: state.overlooked > 0)
    assert len(state.inbox) <= MAX_INBOX
    assert (await world.result()).ending is Ending.VETOED


async def test_a_kill_takes_effect_at_once_however_many_messages_wait(world: World) -> None:
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL, "canary-10")
    world.directory.broken = True
    await send(world, [world.command(Verb.HOLD) for _ in range(MAX_INBOX + FEW)] + [world.command(Verb.KILL)])
    assert (await world.result()).code is Code.KILLED
    assert world.platform.held == {}
