"""How fast exposure comes down by the promotion's own doing: from a kill, and from a broken limit.

The floor is sampled in turn with what is measured, after pauses of the same random length: the half of a round trip
depends on how long the server was left alone before it.
"""

import asyncio
from datetime import datetime

from benchmarks.bare import Floor, floor
from benchmarks.bed import CROWD_EVERY, CROWD_TICK, GUARD_EVERY, Bed, bed, gap
from benchmarks.measure import Benchmark, Result, Tell

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.platform import Variant
from promotion_ladder.stack.processes import end

BATCH = 20
"""Promotions that are exposed at the same time."""
SILENCE = 3.0
"""Seconds without a heartbeat that the guard allows; the platform of a crowd beats late, but not so late."""
SPACED = 0.5
"""Seconds between two limits that break, beside the pauses around the floor: one is down before the next breaks."""
CROWD = 200


def _ms(since: float, moment: datetime | str) -> float:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return 1000 * (at.timestamp() - since)


async def _effect(bed: Bed, bot: str, promotion_id: str, verb: str) -> str:
    """When the platform first did ``verb`` for this promotion, by its own clock (of this same machine)."""
    found = await bed.knobs.effects(bot, verb)
    return min(str(effect["at"]) for effect in found if str(effect["key"]).startswith(promotion_id))


async def _flattened(audit: SqlAudit, promotion_id: str) -> datetime:
    """When the promotion knew from bot and venue that nothing is left."""
    return next(link.event.at for link in await audit.chain(promotion_id) if link.event.kind == "flattened")


async def kills(n: int, tell: Tell) -> list[Result]:
    """Kill exposed canaries one after the other."""
    leaves: list[float] = []
    cancels: list[float] = []
    flats: list[float] = []
    async with bed(min(n, BATCH)) as made, floor(made.client) as bare:
        audit = SqlAudit(made.ladder.settings.audit_url, anchor_dir=made.ladder.settings.anchor_dir)
        while len(cancels) < n:
            tell(f"{len(cancels)} of {n}: canaries climb")
            ids = await made.climb(min(BATCH, n - len(cancels)))
            for bot, promotion_id in ids.items():
                await gap()
                await bare.sample()
                await gap()
                sent = await made.kill(bot, promotion_id)
                await made.ladder.result(bot)
                leaves.append(1000 * (made.tap.first_cancel(bot, sent) - sent))
                cancels.append(_ms(sent, await _effect(made, bot, promotion_id, "cancel_orders")))
                flats.append(_ms(sent, await _flattened(audit, promotion_id)))
                tell(f"{len(cancels)} of {n} killed")
        await audit.close()
    note = f"the cancel leaves the worker; {BATCH} canaries, then one fewer with each kill; floor: signal to activity"
    return [
        Result("kill_to_first_cancel", "ms", leaves, bare.samples, note),
        Result("kill_to_cancelled", "ms", cancels, bare.samples, "the platform has done that cancel; same floor"),
        Result("kill_to_flat", "ms", flats, bare.samples, "cancel, exit, read back at bot and venue; same floor"),
    ]


async def _falls_silent(made: Bed, audit: SqlAudit, bot: str, promotion_id: str) -> tuple[float, float]:
    """Milliseconds from the limit's breach to the first cancel, and until the promotion knew that nothing is left."""
    await made.knobs.fault("heartbeat_stop", bot=bot)
    last = (await made.platform.telemetry(bot, Variant.CANDIDATE)).heartbeat_at
    if last is None:
        raise RuntimeError(f"{bot} never had a heartbeat")
    await made.ladder.result(bot)
    breach = last.timestamp() + SILENCE
    cancel = await _effect(made, bot, promotion_id, "cancel_orders")
    return _ms(breach, cancel), _ms(breach, await _flattened(audit, promotion_id))


async def _one_by_one(
    made: Bed, bare: Floor, ids: dict[str, str], tell: Tell, middle: int
) -> list[tuple[float, float]]:
    """Let each fall silent; before the ``middle``-th a worker begins to be restarted, and nobody waits for it."""
    falling: list[asyncio.Task[tuple[float, float]]] = []
    audit = SqlAudit(made.ladder.settings.audit_url, anchor_dir=made.ladder.settings.anchor_dir)
    restarting: asyncio.Task[None] | None = None
    for number, (bot, promotion_id) in enumerate(ids.items()):
        if number == middle:
            restarting = asyncio.create_task(_restart(made))
        await gap()
        await bare.sample()
        await gap()
        falling.append(asyncio.create_task(_falls_silent(made, audit, bot, promotion_id)))
        await asyncio.sleep(SPACED)
        tell(f"{number + 1} of {len(ids)} fallen silent")
    if restarting is not None:
        await restarting
    found = list(await asyncio.gather(*falling))
    await audit.close()
    return found


async def _restart(made: Bed) -> None:
    """As a deployment does: it is asked to end, and started again."""
    await end([made.stack.worker])
    await made.stack.start_worker()


def _results(name: str, found: list[tuple[float, float]], floor: list[float], note: str) -> list[Result]:
    return [
        Result(f"{name}_to_first_cancel", "ms", [cancel for cancel, _ in found], floor, note),
        Result(f"{name}_to_flat", "ms", [flat for _, flat in found], floor, "read back at bot and venue; same floor"),
    ]


async def guards(n: int, tell: Tell) -> list[Result]:
    """Let canaries fall silent: the moment at which the limit is broken is their last heartbeat and the limit."""
    found: list[tuple[float, float]] = []
    async with bed(min(n, BATCH), f"{SILENCE:g}s") as made, floor(made.client) as bare:
        while len(found) < n:
            tell(f"{len(found)} of {n}: canaries climb")
            ids = await made.climb(min(BATCH, n - len(found)))
            found += await _one_by_one(made, bare, ids, tell, middle=-1)
            await made.knobs.lift_faults("heartbeat_stop")
    note = f"guards look every {GUARD_EVERY}; floor: signal to activity start"
    return _results("guard", found, bare.samples, note)


async def guards_in_a_crowd(n: int, tell: Tell) -> list[Result]:
    """The same beside promotions that are judged, with two workers of which one is restarted in the middle."""
    found: list[tuple[float, float]] = []
    async with bed(min(n, BATCH), f"{SILENCE:g}s", CROWD_TICK) as made, made.second_worker():
        tell(f"{CROWD} others climb")
        await made.crowd(CROWD)
        async with floor(made.client) as bare:
            while len(found) < n:
                tell(f"{len(found)} of {n}: canaries climb")
                ids = await made.climb(min(BATCH, n - len(found)))
                found += await _one_by_one(made, bare, ids, tell, middle=len(ids) // 2)
                await made.knobs.lift_faults("heartbeat_stop")
    note = (
        f"beside {CROWD} promotions judged every {CROWD_EVERY}, one of two workers restarted amid every {BATCH}; "
        "same floor"
    )
    return _results("guard_in_a_crowd", found, bare.samples, note)


BENCHMARKS = (
    Benchmark(("kill_to_first_cancel", "kill_to_cancelled", "kill_to_flat"), 200, kills),
    Benchmark(("guard_to_first_cancel", "guard_to_flat"), 60, guards),
    Benchmark(("guard_in_a_crowd_to_first_cancel", "guard_in_a_crowd_to_flat"), 60, guards_in_a_crowd),
)
