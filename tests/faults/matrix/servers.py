"""Servers that are killed and come back, and a platform and a venue that answer badly."""

import asyncio

from tests.faults.matrix.cells import STAGES
from tests.faults.matrix.yard import MONEY, STEPS, Parked, Yard

from promotion_ladder.core.people import Verb

DOWN = 4.0
"""Seconds that a server is gone, or a platform answers badly."""

TEMPORAL = "Temporal killed, restarted on its file"
PLATFORM = "platform killed, restarted on its file"
SLOW = "platform slow (2 s a verb)"
ERRORS = "platform answers 500 to everything"
LOST = "platform's answers lost after the effect"
PARTIAL = "exits fill only half"
REFUSING = "venue refuses to flatten for 8 s"
REFUSES = 8.0

WAY_UP = ("acquire", "prepare", "set_exposure", "telemetry", "trades")
WAY_DOWN = ("pause_entries", "cancel_orders", "exit_position", "restore", "hold_out")


async def temporal_dies(yard: Yard) -> None:
    """A hold sent meanwhile is refused, or takes effect when the server is back: its sender is told which."""
    all_ = await yard.park(*STAGES)
    await yard.strike(TEMPORAL, all_)
    async with yard.rig.without_temporal():
        await yard.rig.knobs.lift_faults("refuse_exit")
        holding = asyncio.create_task(yard.send(all_[1], Verb.HOLD))
        await asyncio.sleep(DOWN)
    await holding
    await yard.all_safe(all_)


async def platform_dies(yard: Yard) -> None:
    """Nobody can look at the bots meanwhile, and they cannot trade."""
    all_ = await yard.park(*STAGES)
    await yard.strike(PLATFORM, all_)
    async with yard.rig.without_platform():
        await asyncio.sleep(DOWN)
    await yard.rig.knobs.lift_faults("refuse_exit")
    await yard.all_safe(all_)


async def platform_answers_badly(yard: Yard) -> None:
    """Each is approved or rolled back into the fault: what was parked below a stage enters it."""
    slow, errors, lost = await asyncio.gather(*(_parked_for(yard) for _ in range(3)))
    for those, fault in ((slow, SLOW), (errors, ERRORS), (lost, LOST)):
        for each in those[len(STEPS) :]:
            each.upwards = False
        await yard.strike(fault, those)
    for each in slow:
        await yard.rig.knobs.fault("latency", bot=each.bot, seconds=2.0)
    for each in errors:
        await yard.rig.knobs.fault("error500", bot=each.bot)
    for each in lost:
        for verb in (*WAY_UP, *WAY_DOWN):
            await yard.rig.knobs.fault("lost_response", bot=each.bot, verb=verb, count=1)
    moving = [asyncio.create_task(_into(yard, those)) for those in (slow, errors, lost)]
    await asyncio.sleep(DOWN)
    await yard.rig.knobs.lift_faults("error500")
    await asyncio.sleep(DOWN)
    await yard.rig.knobs.lift_faults("latency")
    await asyncio.gather(*moving)
    await yard.all_safe(yard.parked)


async def _parked_for(yard: Yard) -> list[Parked]:
    below, down = await asyncio.gather(yard.park(*STEPS, below=True), yard.park(*MONEY))
    return [*below, *down]


async def _into(yard: Yard, those: list[Parked]) -> None:
    """The first ones move up, the others (canary and live a second time) come down."""
    ups, downs = those[: len(STEPS)], those[len(STEPS) :]
    await asyncio.gather(*map(yard.move_up, ups), *(yard.send(each, Verb.ROLLBACK) for each in downs))


async def venue_exits_badly(yard: Yard) -> None:
    """Rolled back or killed with something held, while the venue fills by half, or refuses."""
    halves, refused = await asyncio.gather(yard.park(*MONEY), yard.park(*MONEY))
    await asyncio.gather(*(yard.rig.holds_something(each.bot) for each in yard.parked))
    for each in halves:
        await yard.rig.knobs.fault("partial_exit", bot=each.bot, count=3)
    for each in refused:
        await yard.rig.knobs.fault("refuse_exit", bot=each.bot)
    await yard.strike(PARTIAL, halves)
    await yard.strike(REFUSING, refused)
    for each in yard.parked:
        each.upwards = False
    await asyncio.gather(*(yard.send(each, Verb.ROLLBACK) for each in yard.parked))
    await asyncio.sleep(REFUSES)
    await yard.rig.knobs.lift_faults("refuse_exit")
    await yard.all_safe(yard.parked)
