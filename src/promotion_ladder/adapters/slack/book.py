"""What workers and gateways must both know of Slack: which message shows which promotion, and what a button is for.

Beside the audit record, in the same database, because the two share nothing else. Unlike the record it may change.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from promotion_ladder.adapters.audit_schema import make_tables, shown
from promotion_ladder.adapters.sql import SqlStore
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

_TABLES = MetaData()
_POSTS = Table(
    "slack_posts",
    _TABLES,
    Column("key", String(400), primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("ts", String(40)),
    Column("tried_at", String(40), nullable=False),
)
_ASKS = Table(
    "slack_asks",
    _TABLES,
    Column("ask", String(40), primary_key=True),
    Column("promotion_id", String(255), nullable=False),
    Column("bot", Text, nullable=False),
    Column("stage", String(100), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("evidence", String(64), nullable=False),
    UniqueConstraint("promotion_id", "stage", "attempt", "evidence"),
)
_BEATS = Table(
    "slack_gateways",
    _TABLES,
    Column("gateway", String(80), primary_key=True),
    Column("at", String(40), nullable=False),
)
_SILENCES = Table(
    "slack_silences",
    _TABLES,
    Column("began", String(40), primary_key=True),
    Column("ended", String(40), nullable=False),
)
DEAF_AFTER = timedelta(seconds=60)
"""A gateway beats every ten seconds; after so long nobody hears clicks."""
PATIENCE = timedelta(seconds=2)
"""How long to wait for the database: a click must be answered within three seconds."""
Got = TypeVar("Got")
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="slack-book")
"""Of its own: a database that hangs must not take the threads in which a kill writes its record."""


@dataclass(frozen=True)
class Post:
    """A message that was sent, or may have been."""

    key: str
    channel: str
    ts: str | None
    """Slack's id of it; None while nobody knows whether it arrived."""
    tried_at: datetime


@dataclass(frozen=True)
class Ask:
    """What a button on a message is for."""

    ask: str
    """The opaque id that the button carries."""
    promotion_id: str
    bot: str
    stage: str
    attempt: int
    evidence: str
    """What the message shows, if anything is asked."""


class Book(SqlStore):
    """The tables behind an SQLAlchemy URL; every method raises ``OPS_SLACK_BOOK`` when the database does not answer."""

    def __init__(self, url: str) -> None:
        super().__init__(url, PATIENCE)

    async def post(self, key: str) -> Post | None:
        """The message of this key, if one was tried."""
        return await self._answer(lambda: self._post(key))

    async def begin(self, key: str, channel: str, now: datetime) -> Post | None:
        """Note that a message is about to be sent; the one of that key that was tried before, if any."""
        return await self._answer(lambda: self._begin(key, channel, now))

    async def again(self, before: Post, now: datetime) -> bool:
        """Note that a message that did not arrive is about to be sent anew; False if somebody else took that on."""
        return await self._answer(lambda: self._again(before, now))

    async def sent(self, key: str, ts: str) -> None:
        """Note that the message of this key is there, under Slack's own id."""
        await self._answer(lambda: self._change(update(_POSTS).where(_POSTS.c.key == key).values(ts=ts)))

    async def gone(self, key: str) -> None:
        """Forget a message that is not there: it may be sent anew."""
        await self._answer(lambda: self._change(_POSTS.delete().where(_POSTS.c.key == key)))

    async def ask(self, promotion_id: str, bot: str, stage: str, attempt: int, evidence: str) -> str:
        """The opaque id of what a message asks; the same situation keeps its id."""
        found = Ask(secrets.token_urlsafe(18), promotion_id, bot, stage, attempt, evidence)
        return await self._answer(lambda: self._asked(found))

    async def find(self, ask: str) -> Ask | None:
        """What an opaque id is for; None for one that we never gave out."""
        return await self._answer(lambda: self._found(_ASKS.c.ask == ask))

    async def beat(self, gateway: str, now: datetime) -> None:
        """Note that a gateway lives and hears clicks."""
        await self._answer(lambda: self._beat(gateway, now))

    async def silent_for(self, now: datetime) -> timedelta | None:
        """How long ago the last gateway was heard of; None if there never was one."""
        newest = await self._answer(self._newest_beat)
        return None if newest is None else now - newest

    async def silence(self, since: datetime, now: datetime) -> timedelta:
        """How much of the time from ``since`` to ``now`` nobody heard clicks, gaps of up to a minute left out."""
        return await self._answer(lambda: self._silence(since, now))

    # --- in a thread --------------------------------------------------------------------------------------------

    async def _answer(self, work: Callable[[], Got]) -> Got:
        waiting = asyncio.get_running_loop().run_in_executor(_THREADS, self._guarded, work)
        try:
            async with asyncio.timeout(self._patience + 1):
                return await waiting
        except TimeoutError:
            raise self._down("it does not answer in time") from None

    def _down(self, why: str) -> LadderError:
        return LadderError(Code.SLACK_BOOK, f"{shown(self._url)} does not say what Slack shows: {why}")

    def _open(self) -> Engine:
        engine = super()._open()
        make_tables(engine, _TABLES.sorted_tables)
        return engine

    def _change(self, statement: Any) -> int:
        """The number of rows that it met."""
        with self._ready().connect().execution_options(writes=True) as connection, connection.begin():
            return connection.execute(statement).rowcount

    def _value(self, query: Any) -> Any:
        with self._read() as connection:
            return connection.execute(query).scalar()

    def _post(self, key: str) -> Post | None:
        with self._read() as connection:
            row = connection.execute(select(_POSTS).where(_POSTS.c.key == key)).one_or_none()
        return Post(row.key, row.channel, row.ts, datetime.fromisoformat(row.tried_at)) if row is not None else None

    def _begin(self, key: str, channel: str, now: datetime) -> Post | None:
        before = self._post(key)
        if before is None:
            try:
                self._change(insert(_POSTS).values(key=key, channel=channel, tried_at=now.astimezone(UTC).isoformat()))
            except IntegrityError:  # another worker was faster
                return self._post(key)
        return before

    def _again(self, before: Post, now: datetime) -> bool:
        tried = before.tried_at.astimezone(UTC).isoformat()
        same = (_POSTS.c.key == before.key) & (_POSTS.c.tried_at == tried) & _POSTS.c.ts.is_(None)
        return self._change(update(_POSTS).where(same).values(tried_at=now.astimezone(UTC).isoformat())) == 1

    def _asked(self, wanted: Ask) -> str:
        same = (
            (_ASKS.c.promotion_id == wanted.promotion_id)
            & (_ASKS.c.stage == wanted.stage)
            & (_ASKS.c.attempt == wanted.attempt)
            & (_ASKS.c.evidence == wanted.evidence)
        )
        found = self._found(same)
        if found is None:
            try:
                self._change(insert(_ASKS).values(vars(wanted)))
            except IntegrityError:
                found = self._found(same)
        return (found or wanted).ask

    def _found(self, which: Any) -> Ask | None:
        with self._read() as connection:
            row = connection.execute(select(_ASKS).where(which)).one_or_none()
        return None if row is None else Ask(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name

    def _beat(self, gateway: str, now: datetime) -> None:
        at = now.astimezone(UTC).isoformat()
        newest = self._newest_beat()
        if newest is not None and now - newest > DEAF_AFTER:
            with suppress(IntegrityError):  # another gateway came back in the same moment
                began = newest.astimezone(UTC).isoformat()
                self._change(insert(_SILENCES).values(began=began, ended=at))
        with self._ready().connect().execution_options(writes=True) as connection, connection.begin():
            if connection.execute(update(_BEATS).where(_BEATS.c.gateway == gateway).values(at=at)).rowcount == 0:
                connection.execute(insert(_BEATS).values(gateway=gateway, at=at))

    def _newest_beat(self) -> datetime | None:
        found = self._value(select(func.max(_BEATS.c.at)))
        return None if found is None else datetime.fromisoformat(found)

    def _silence(self, since: datetime, now: datetime) -> timedelta:
        with self._read() as connection:
            rows = connection.execute(select(_SILENCES).where(_SILENCES.c.ended > since.astimezone(UTC).isoformat()))
            gaps = [(datetime.fromisoformat(row.began), datetime.fromisoformat(row.ended)) for row in rows]
        newest = self._newest_beat()
        if newest is None or now - newest > DEAF_AFTER:
            gaps.append((newest or since, now))
        return sum((max(timedelta(0), min(end, now) - max(begin, since)) for begin, end in gaps), timedelta(0))
