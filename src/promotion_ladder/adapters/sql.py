"""A store behind an SQLAlchemy URL, asked from threads, with several writers at once."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from promotion_ladder.adapters.audit_schema import open_engine, serialise, shown
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

_Answer = TypeVar("_Answer")


class SqlStore:
    """What all that is kept beside the record share. Nothing is opened before the first use.

    ``patience`` is how long a write waits for other writers. What cannot be answered raises ``OPS_AUDIT_DOWN``, unless
    a store says it in words of its own (``_down``).
    """

    def __init__(self, url: str, patience: timedelta) -> None:
        self._url = url
        self._patience = patience.total_seconds()
        self._opening = threading.Lock()
        self._writing = threading.Lock()  # writers of this process queue here, fairly, rather than at the database
        self._engine: Engine | None = None

    async def close(self) -> None:
        """Give the connections back; the store opens again when it is used again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.dispose)

    async def _answer(self, work: Callable[[], _Answer]) -> _Answer:
        return await asyncio.to_thread(self._guarded, work)

    def _guarded(self, work: Callable[[], _Answer]) -> _Answer:
        try:
            return work()
        except (SQLAlchemyError, OSError, ImportError, ValueError) as problem:
            raise self._down(_reason(problem)) from problem

    def _down(self, why: str) -> LadderError:
        return LadderError(
            Code.AUDIT_DOWN, f"the audit store {shown(self._url)} did not take or give the record: {why}"
        )

    def _open(self) -> Engine:
        return open_engine(self._url, self._patience)

    def _ready(self) -> Engine:
        with self._opening:
            if self._engine is None:
                self._engine = self._open()
            return self._engine

    @contextmanager
    def _write(self, names: set[str]) -> Iterator[Connection]:
        """A transaction beside which no other process can write to what has these ``names``."""
        if not self._writing.acquire(timeout=self._patience):
            raise LadderError(Code.AUDIT_DOWN, f"the audit store {shown(self._url)} is busy with other writers")
        try:
            with self._ready().connect().execution_options(writes=True) as connection, connection.begin():
                serialise(connection, names)
                yield connection
        finally:
            self._writing.release()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._ready().connect() as connection:
            yield connection


def _reason(problem: Exception) -> str:
    """One line without the statement and its parameters, which SQLAlchemy would add."""
    cause = problem.orig if isinstance(problem, DBAPIError) else problem
    return " ".join(str(cause).split()) or type(problem).__name__
