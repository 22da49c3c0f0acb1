"""How fast exposure comes down: from a kill, and from a broken limit.

The floor is sampled in turn with what is measured, after pauses of the same random length: the half of a round trip
depends on how long the server was left alone before it.
"""

from datetime import datetime

from benchmarks.bare import floor
from benchmarks.bed import GUARD_EVERY, Bed, bed, gap
from benchmarks.measure import Benchmark, Result, Tell

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.platform import Variant

BATCH = 20
"""Promotions that are exposed at the same time."""
SILENCE = 2.0
"""Seconds without a heartbeat that the guard allows."""


def _ms(since: float, moment: datetime | str) -> float:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return 1000 * (at.timestamp() - since)


async def _effect(bed: Bed, bot: str, promotion_id: str, verb: str, key_end: str = "") -> str:
    """When the platform first did ``verb`` for this promotion, by its own clock (of this same machine)."""
    found = await bed.knobs.effects(bot, verb)
    return min(
        str(effect["at"])
        for effect in found
        if str(effect["key"]).startswith(promotion_id) and str(effect["key"]).endswith(key_end)
    )


async def _flattened(audit: SqlAudit, promotion_id: str) -> datetime:
    """When the promotion knew from bot and venue that nothing is left."""
    return next(link.event.at for link in await audit.chain(promotion_id) if link.event.kind == "flattened")


async def kills(n: int, tell: Tell) -> list[Result]:
    """Kill exposed canaries one after the other."""
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
                cancels.append(_ms(sent, await _effect(made, bot, promotion_id, "cancel_orders")))
                flats.append(_ms(sent, await _flattened(audit, promotion_id)))
                tell(f"{len(cancels)} of {n} killed")
        await audit.close()
    note = f"{BATCH} canaries, then one fewer with each kill; floor: signal to activity start"
    return [
        Result("kill_to_first_cancel", "ms", cancels, bare.samples, note),
        Result("kill_to_flat", "ms", flats, bare.samples, "cancel, exit, read back at bot and venue; same floor"),
    ]


async def guards(n: int, tell: Tell) -> list[Result]:
    """Let canaries fall silent: the moment at which the limit is broken is their last heartbeat and the limit."""
    breaches: list[float] = []
    trips: list[float] = []
    async with bed(min(n, BATCH), f"{SILENCE:g}s") as made, floor(made.client) as bare:
        while len(breaches) < n:
            tell(f"{len(breaches)} of {n}: canaries climb")
            ids = await made.climb(min(BATCH, n - len(breaches)))
            for bot, promotion_id in ids.items():
                await gap()
                await bare.sample()
                await gap()
                await made.knobs.fault("heartbeat_stop", bot=bot)
                last = (await made.platform.telemetry(bot, Variant.CANDIDATE)).heartbeat_at
                if last is None:
                    raise RuntimeError(f"{bot} never had a heartbeat")
                await made.ladder.result(bot)
                cancel = await _effect(made, bot, promotion_id, "cancel_orders")
                noticed = await _effect(made, bot, promotion_id, "pause_entries", ":pause:guard")
                breaches.append(_ms(last.timestamp() + SILENCE, cancel))
                trips.append(_ms(datetime.fromisoformat(noticed).timestamp(), cancel))
                tell(f"{len(breaches)} of {n} fallen silent")
            await made.knobs.lift_faults("heartbeat_stop")
    return [
        Result(
            "guard_to_first_cancel", "ms", breaches, bare.samples,
            f"guards look every {GUARD_EVERY}; floor: signal to activity start",
        ),
        Result("guard_trip_to_first_cancel", "ms", trips, bare.samples, "from the guard's pause, at once; same floor"),
    ]  # fmt: skip


BENCHMARKS = (
    Benchmark(("kill_to_first_cancel", "kill_to_flat"), 100, kills),
    Benchmark(("guard_to_first_cancel", "guard_trip_to_first_cancel"), 30, guards),
)
