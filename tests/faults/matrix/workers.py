"""Workers that are killed, or stand still."""

import asyncio
import os
import signal

from tests.faults.matrix.cells import STAGES
from tests.faults.matrix.processes import another_worker, polls, taken
from tests.faults.matrix.yard import MONEY, STEPS, Parked, Yard

from promotion_ladder.core.people import Verb

LATE = 4.5
"""Seconds an effect takes when a worker is to die in the middle of it; the worker's own patience is 5 s."""
STILL = 8.0
"""Seconds a worker stands still: longer than the 5 s after which it is taken for dead."""
SILENT = 2.0

PARKED = "worker killed, parked"
IN_TURN = "two workers killed in turn"
STOPPED = "worker stopped (SIGSTOP) amid set_exposure, continued 8 s later"
UP = ("acquire", "prepare", "set_exposure", "judge")
FLATTENING = ("pause_entries", "cancel_orders", "exit_position", "verify_flat")
LAST_STEPS = ("restore", "hold_out", "settle")


def amid(verb: str) -> str:
    """The name of the row in which a worker is killed in the middle of ``verb``."""
    return f"worker killed amid {verb}"


async def parked(yard: Yard) -> None:
    """All stand; the worker is killed, and another one comes."""
    await one_killed(yard, PARKED, STAGES)


async def one_killed(yard: Yard, fault: str, stages: tuple[str, ...]) -> None:
    all_ = await yard.park(*stages)
    await yard.strike(fault, all_)
    yard.stack.worker.kill()
    await yard.rig.knobs.lift_faults("refuse_exit")
    await asyncio.sleep(SILENT)
    await yard.rig.worker_again()
    await yard.all_safe(all_)


async def in_turn(yard: Yard) -> None:
    """A second worker takes over from the first, is killed as well, and the first one comes back."""
    all_ = await yard.park(*STAGES)
    second = another_worker(yard)
    second.start()
    await second.until(lambda: polls(second))
    await yard.strike(IN_TURN, all_)
    yard.stack.worker.kill()
    await yard.rig.knobs.lift_faults("refuse_exit")
    await asyncio.sleep(SILENT)
    second.kill()
    await asyncio.sleep(SILENT)
    await yard.rig.worker_again()
    await yard.all_safe(all_)


async def stands_still(yard: Yard) -> None:
    """A worker stands still in the middle of its effects; another one does them; then the first one goes on."""
    entering = await yard.park(*STEPS, below=True)
    verbs = {each.bot: "prepare" if each.stage == "replay" else "set_exposure" for each in entering}
    going = await _in_the_middle(yard, [(verbs[each.bot], each) for each in entering])
    await yard.strike(STOPPED, entering)
    os.kill(yard.stack.worker.pid, signal.SIGSTOP)
    try:
        second = another_worker(yard)
        second.start()
        await second.until(lambda: polls(second))
        await asyncio.sleep(STILL)
    finally:
        os.kill(yard.stack.worker.pid, signal.SIGCONT)
    await asyncio.gather(*going)
    await yard.all_safe(entering)


async def amid_the_way_up(yard: Yard) -> None:
    """Each enters its stage, or is judged, as the worker dies; the platform does the effect all the same, late."""
    acquiring, preparing, exposing, judged = await asyncio.gather(
        yard.park("replay", below=True),
        yard.park(*STEPS, below=True),
        yard.park(*STEPS[1:], below=True),
        yard.park(*STEPS),
    )
    by_verb = {"acquire": acquiring, "prepare": preparing, "set_exposure": exposing}
    going = await _in_the_middle(yard, [(verb, each) for verb, those in by_verb.items() for each in those])
    going += await _in_the_middle(
        yard, [("start_replay" if each.stage == "replay" else "trades", each) for each in judged]
    )  # fmt: skip
    for verb, those in {**by_verb, "judge": judged}.items():
        await yard.strike(amid(verb), those)
    yard.stack.worker.kill()
    await asyncio.sleep(SILENT)
    await yard.rig.worker_again()
    await asyncio.gather(*going)
    await yard.all_safe(yard.parked)


async def _in_the_middle(yard: Yard, those: list[tuple[str, Parked]]) -> list["asyncio.Task[str]"]:
    """Move each up, until the platform is in the middle of the verb."""
    for verb, each in those:
        await yard.rig.knobs.fault("latency", bot=each.bot, verb=verb, seconds=LATE, count=1)
    going = [asyncio.create_task(yard.move_up(each)) for _, each in those]
    await taken(yard, [(each.bot, verb) for verb, each in those])
    return going


async def amid_flattening(yard: Yard) -> None:
    """Each is rolled back with a position held, and the worker dies in the middle of a verb of flattening."""
    parks = await asyncio.gather(*(yard.park(*MONEY) for _ in FLATTENING))
    await asyncio.gather(*(yard.rig.holds_something(each.bot) for those in parks for each in those))
    await _killed_amid(yard, dict(zip(FLATTENING, parks, strict=True)), [])


async def amid_the_last_steps(yard: Yard) -> None:
    """Each comes down with nothing held, or settles, as the worker dies in the middle of a last step."""
    *parks, settling = await asyncio.gather(yard.park(*STEPS), yard.park(*STEPS), yard.park("live"))
    await _killed_amid(yard, dict(zip(LAST_STEPS, parks, strict=False)), settling)


async def _killed_amid(yard: Yard, by_verb: dict[str, list[Parked]], settling: list[Parked]) -> None:
    going = await _in_the_middle(yard, [("settle", each) for each in settling])
    falling = [(verb, each) for verb, those in by_verb.items() for each in those]
    for verb, each in falling:
        await yard.rig.knobs.fault("latency", bot=each.bot, verb=verb, seconds=LATE, count=1)
        each.upwards = False
    downs = [asyncio.create_task(yard.send(each, Verb.ROLLBACK)) for _, each in falling]
    await taken(yard, [(each.bot, verb) for verb, each in falling])
    for verb, those in {**by_verb, "settle": settling}.items():
        await yard.strike(amid(verb), those)
    yard.stack.worker.kill()
    await asyncio.sleep(SILENT)
    await yard.rig.worker_again()
    await asyncio.gather(*going, *downs)
    await yard.all_safe(yard.parked)
