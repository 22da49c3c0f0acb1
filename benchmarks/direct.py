"""How fast the command ``ladder kill`` takes exposure away while what would do it durably is dead.

Each kill has a client of its own, that connects anew as the command does; the interpreter's start is not in it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from benchmarks.bed import PATIENCE, Bed, bed, gap
from benchmarks.measure import Benchmark, Result, Tell

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Scope, Variant
from promotion_ladder.simulation.bots import BotSpec

SPARE = "spare"
"""The bot of the floor: nothing climbs and nothing is killed there."""
FLOOD = 9_999
"""Messages for another promotion: with the kill as many as the server takes of one run."""
AT_ONCE = 100
WARM_UP = 3


class RoundTrips:
    """The least that a kill does: describe, cancel and exit, one after the other, with a client of its own."""

    def __init__(self, made: Bed) -> None:
        self._made = made
        self._asked = 0
        self.samples: list[float] = []
        """In milliseconds."""

    async def sample(self) -> None:
        """Once there and back, three times."""
        self._asked += 1
        began = time.time()
        platform = HttpPlatform(self._made.stack.platform_url)
        await platform.describe(SPARE)
        await platform.cancel_orders(SPARE, Variant.CANDIDATE, f"floor:{self._asked}:cancel")
        await platform.exit_position(SPARE, Variant.CANDIDATE, "WTI", f"floor:{self._asked}:exit")
        self.samples.append(1000 * (time.time() - began))
        await platform.close()

    async def warm_up(self) -> None:
        """Make the spare bot; a few samples that do not count."""
        await self._made.knobs.add_bot(BotSpec(bot=SPARE, account=f"acct-{SPARE}"))
        for _ in range(WARM_UP):
            await self.sample()
        self.samples.clear()


async def _kill(made: Bed, bot: str) -> tuple[float, float]:
    """Milliseconds to the first cancel that the platform has done, whoever sent it, and to flat at bot and venue."""
    hand = made.hand()
    began = time.time()
    async with asyncio.timeout(PATIENCE):
        (killed,) = (await hand.kill(Scope.BOT, bot, reason="benchmark")).bots
    if killed.flat_seconds is None:
        raise RuntimeError(killed.sentence)
    done = [
        datetime.fromisoformat(effect["at"]).timestamp() for effect in await made.knobs.effects(bot, "cancel_orders")
    ]
    return 1000 * (min(at for at in done if at >= began) - began), 1000 * killed.flat_seconds


async def _kill_all(made: Bed, trips: RoundTrips, bots: list[str]) -> list[tuple[float, float]]:
    found = []
    for bot in bots:
        await gap()
        await trips.sample()
        await gap()
        found.append(await _kill(made, bot))
    return found


def _results(what: str, found: list[tuple[float, float]], trips: RoundTrips, note: str) -> list[Result]:
    return [
        Result(f"{what}_first_cancel", "ms", [cancel for cancel, _ in found], trips.samples, note),
        Result(
            f"{what}_flat",
            "ms",
            [flat for _, flat in found],
            trips.samples,
            "flat at bot and venue by read-back; same floor",
        ),
    ]


def _temporal_dies(made: Bed) -> None:
    made.stack.temporal.kill()


def _worker_dies(made: Bed) -> None:
    made.stack.worker.kill()


def _worker_hangs(made: Bed) -> None:
    os.kill(made.stack.worker.pid, signal.SIGSTOP)


async def struck(what: str, strike: Callable[[Bed], None], said: str, n: int, tell: Tell) -> list[Result]:
    """Strike once, then kill one canary after the other."""
    tell(f"{n} canaries climb")
    async with bed(n) as made:
        trips = RoundTrips(made)
        await trips.warm_up()
        await made.climb()
        strike(made)
        try:
            tell(f"{n} are killed, {said}")
            found = await _kill_all(made, trips, made.bots)
        finally:
            made.stack.worker.kill()  # asked in order it would wait for the Temporal that is gone, or hang on
    return _results(what, found, trips, f"'ladder kill', {said}; floor: describe, cancel and exit over HTTP")


async def _flood(made: Bed, bot: str) -> None:
    """Messages for another promotion, sent while no worker runs."""
    handle, few = made.promotion(bot), asyncio.Semaphore(AT_ONCE)

    async def send() -> None:
        async with few:
            await handle.signal(str(Verb.HOLD), made.ladder.command(Verb.HOLD, f"{bot}/1.9.0/feedbeef", "flood"))

    await asyncio.gather(*(send() for _ in range(FLOOD)))


async def flooded(n: int, tell: Tell) -> list[Result]:
    """Flood each promotion while no worker runs; kill it as soon as one polls again."""
    found: list[tuple[float, float]] = []
    async with bed(n) as made:
        trips = RoundTrips(made)
        await trips.warm_up()
        tell(f"{n} canaries climb")
        await made.climb()
        for number, bot in enumerate(made.bots):
            tell(f"{number} of {n}: {FLOOD} messages")
            made.stack.worker.kill()
            await _flood(made, bot)
            await made.stack.start_worker()
            found += await _kill_all(made, trips, [bot])
            await made.ladder.result(bot)
    said = f"{FLOOD:,} messages for another promotion wait for a worker that just came back"
    return _results("kill_flooded", found, trips, f"'ladder kill', {said}; same floor")


BENCHMARKS = (
    *(
        Benchmark((f"{what}_first_cancel", f"{what}_flat"), 20, partial(struck, what, strike, said))
        for what, strike, said in (
            ("kill_without_temporal", _temporal_dies, "Temporal killed"),
            ("kill_worker_dead", _worker_dies, "the worker killed"),
            ("kill_worker_stopped", _worker_hangs, "the worker stopped (SIGSTOP)"),
        )
    ),
    Benchmark(("kill_flooded_first_cancel", "kill_flooded_flat"), 3, flooded),
)
