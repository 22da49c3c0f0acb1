"""The desk's record by way of a file on this machine, so that what was done is kept also while the store is down.

Each event is a line of the file, fsynced, before the store hears of it. Joining takes the lines to the store in order
and then adds a line that says how far it came. The store knows an event that it has: joined twice, it is there once.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from promotion_ladder.adapters.lines import append_line, read_lines
from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.errors import LadderError
from promotion_ladder.ports import AuditStore

DESK_FILE = "desk.jsonl"
"""Name of the file in the state directory."""
PATIENCE = 3.0
"""Seconds that joining may take; a kill does not wait longer for the record."""


class DeskEvent(Record):
    """One thing that was done at the desk."""

    at: Time
    kind: str
    actor: str
    sentence: str
    data: dict[str, str] = {}


class DeskRecord:
    """The desk's chain of ``store``, reached through the file ``spool``. No method raises LadderError."""

    def __init__(self, spool: Path, store: AuditStore) -> None:
        self._spool = spool
        self._store = store
        self._lost = 0

    @property
    def where(self) -> str:
        """Where the record is when the store does not have it, in one clause."""
        if self._lost:
            return f"neither the audit store nor {self._spool} took the record: write it down"
        return f"the audit store does not answer, the record waits in {self._spool}"

    async def note(self, kind: str, actor: str, sentence: str, **data: str) -> bool:
        """Keep an event, then join; whether the store has everything."""
        await self.keep(kind, actor, sentence, **data)
        return await self.join()

    async def keep(self, kind: str, actor: str, sentence: str, **data: str) -> None:
        """Write an event into the file; where that has no place, straight to the store."""
        event = DeskEvent(at=datetime.now(UTC), kind=kind, actor=actor, sentence=sentence, data=data)
        try:
            await asyncio.to_thread(append_line, self._spool, event.model_dump_json())
        except OSError:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._append(event)
            except (LadderError, TimeoutError):
                self._lost += 1

    async def join(self) -> bool:
        """Bring everything that waits to the store, in order; whether it has everything."""
        try:
            lines = [line for line in await asyncio.to_thread(read_lines, self._spool) if line]
            start = came = _joined(lines)
            try:
                async with asyncio.timeout(PATIENCE):
                    for line in lines[start:]:
                        event = _event(line)
                        if event is not None:
                            await self._append(event)
                        came += 1
            finally:
                if any(_event(line) is not None for line in lines[start:came]):
                    append_line(self._spool, json.dumps({"joined": came}))
        except (LadderError, TimeoutError, OSError):
            return False
        return not self._lost

    async def _append(self, event: DeskEvent) -> None:
        await self._store.append_to_desk(event.kind, event.actor, event.at, event.sentence, **event.data)


def _event(line: str) -> DeskEvent | None:
    """The event of a line; None for a line torn by a crash, and for one that says how far joining came."""
    try:
        return DeskEvent.model_validate_json(line)
    except ValidationError:
        return None


def _joined(lines: list[str]) -> int:
    """How many lines are known to be in the store; a line that claims more than stands before it is not believed."""
    came = 0
    for number, line in enumerate(lines):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        joined = said.get("joined") if isinstance(said, dict) else None
        if isinstance(joined, int) and joined <= number:
            came = max(came, joined)
    return came
