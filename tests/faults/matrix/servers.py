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

CHANGING = (
    "acquire",
    "prepare",
    "set_exposure",
    "pause_entries",
    "cancel_orders",
    "exit_position",
    "restore",
    "hold_out",
)


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


async def platform_slow(yard: Yard) -> None:
    """Each enters its stage while every verb takes 2 s."""
    those = await _parked_for(yard, SLOW)
    for each in those:
        await yard.rig.knobs.fault("latency", bot=each.bot, seconds=2.0)
    moving = asyncio.create_task(_into(yard, those))
    await asyncio.sleep(2 * DOWN)
    await yard.rig.knobs.lift_faults("latency")
    await moving
    await yard.all_safe(those)


async def platform_errors(yard: Yard) -> None:
    """Each enters its stage while no verb is done."""
    those = await _parked_for(yard, ERRORS)
    for each in those:
        await yard.rig.knobs.fault("error500", bot=each.bot)
    moving = asyncio.create_task(_into(yard, those))
    await asyncio.sleep(DOWN)
    await yard.rig.knobs.lift_faults("error500")
    await moving
    await yard.all_safe(those)


async def answers_lost(yard: Yard) -> None:
    """Each enters its stage; the first answer of every verb that changes something gets lost."""
    those = await _parked_for(yard, LOST)
    for each in those:
        for verb in CHANGING:
            await yard.rig.knobs.fault("lost_response", bot=each.bot, verb=verb, count=1)
    await _into(yard, those)
    await asyncio.sleep(DOWN)
    await yard.all_safe(those)


async def _parked_for(yard: Yard, fault: str) -> list[Parked]:
    """One below each stage, about to enter it, and one on its way down."""
    ups, downs = await asyncio.gather(yard.park(*STEPS, below=True), yard.park("coming down"))
    await yard.strike(fault, [*ups, *downs])
    return [*ups, *downs]


async def _into(yard: Yard, those: list[Parked]) -> None:
    await yard.rig.knobs.lift_faults("refuse_exit")  # the way down goes on, into the fault as well
    await asyncio.gather(*(yard.move_up(each) for each in those if not each.coming_down))


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
