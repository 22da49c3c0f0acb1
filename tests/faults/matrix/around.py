"""What stands around the ladder fails: the audit store, the channel of notices, the worker's clock."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.faults.matrix.processes import helper
from tests.faults.matrix.yard import STEPS, Parked, Yard

from promotion_ladder.core.state import Phase
from promotion_ladder.stack.processes import free_port

HOOKS = Path(__file__).parent / "hooks"
CLOCK = Path(__file__).parent / "clock"
GONE = 6.0
"""Seconds that each of these faults lasts."""

LOCKED = "audit database locked by another writer"
FULL = "audit database full"
READ_ONLY = "audit database read-only"
NOTIFIER = "webhook refuses connections"
AHEAD = "worker's clock stepped 1 h ahead"
BEHIND = "worker's clock stepped 1 h back"
STEPPED = {AHEAD: "3600", BEHIND: "-3600"}


async def store_fails(yard: Yard) -> None:
    """Approved, nothing may move up, because its evidence cannot be stored; a rollback gets flat all the same."""
    said = yard.stack.state_dir / "sqlite-fault"
    said.write_text("")
    await _worker_with(yard, PYTHONPATH=str(HOOKS), FAULT_SQLITE=str(said))
    ways: dict[str, Callable[[], AbstractContextManager[None]]] = {
        LOCKED: lambda: _locked(yard.stack.state_dir / "audit.sqlite"),
        FULL: lambda: _said(said, "PRAGMA max_page_count = 1"),
        READ_ONLY: lambda: _said(said, "PRAGMA query_only = 1"),
    }
    for fault, way in ways.items():
        climbing, falling = await asyncio.gather(yard.park(*STEPS), yard.park("coming down"))
        await yard.rig.knobs.lift_faults("refuse_exit")
        await yard.strike(fault, [*climbing, *falling])
        with way():
            moving = [asyncio.create_task(yard.move_up(each)) for each in climbing]
            await asyncio.sleep(GONE)
            await asyncio.gather(*(_still_there(yard, each) for each in climbing))
        await asyncio.gather(*moving)
        await yard.all_safe([*climbing, *falling])


async def _worker_with(yard: Yard, **env: str) -> None:
    yard.stack.worker.kill()
    yard.stack.worker.env.update(env)
    await yard.rig.worker_again()


async def _still_there(yard: Yard, each: Parked) -> None:
    state = await yard.rig.state(each.bot)
    if state.stage_name != each.stage or state.ending is not None:
        each.strikes[-1].flaws.append(f"moved up to {state.stage_name} without a store")


@contextlib.contextmanager
def _locked(database: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


@contextlib.contextmanager
def _said(file: Path, what: str) -> Iterator[None]:
    file.write_text(what)
    try:
        yield
    finally:
        file.write_text("")


async def channel_fails(yard: Yard) -> None:
    """Approved, each enters the next stage; nobody is asked to approve that before its notice was delivered."""
    port, elsewhere = free_port(), yard.stack.state_dir / "elsewhere"  # no stack.json there: no file takes notices
    async with helper(yard, "receiver", str(port)) as webhook:
        await _worker_with(
            yard, LADDER_WEBHOOK_URL=f"http://127.0.0.1:{port}/", LADDER_WEBHOOK_SECRET="drill", LADDER_NOTICES="",
            LADDER_STATE=str(elsewhere),
        )  # fmt: skip
        climbing, falling = await asyncio.gather(yard.park(*STEPS), yard.park("coming down"))
        await yard.strike(NOTIFIER, [*climbing, *falling])
        webhook.kill()
        await yard.rig.knobs.lift_faults("refuse_exit")
        await asyncio.gather(*map(yard.move_up, climbing))
        await asyncio.sleep(GONE)
        await asyncio.gather(*(_nobody_asked(yard, each) for each in climbing))
        webhook.start()
        await yard.all_safe(yard.parked)
        await yard.finish()


async def _nobody_asked(yard: Yard, each: Parked) -> None:
    state = await yard.rig.state(each.bot)
    if state.phase is Phase.AWAITING_APPROVAL and state.stage_name != each.stage:
        each.strikes[-1].flaws.append("an approval was open though its notice was not delivered")


async def clock_steps(yard: Yard) -> None:
    """Approved under the wrong time; then the clock is right again."""
    said = yard.stack.state_dir / "clock"
    said.write_text("0")
    await _worker_with(yard, PYTHONPATH=str(CLOCK), FAULT_CLOCK=str(said))
    for fault, step in STEPPED.items():
        climbing, falling = await asyncio.gather(yard.park(*STEPS), yard.park("coming down"))
        await yard.strike(fault, [*climbing, *falling])
        said.write_text(step)
        await yard.rig.knobs.lift_faults("refuse_exit")
        await asyncio.gather(*map(yard.move_up, climbing))
        await asyncio.sleep(GONE)
        said.write_text("0")
        await yard.all_safe([*climbing, *falling])
