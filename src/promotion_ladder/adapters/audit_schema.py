"""The audit store's tables, and what makes them append-only and safe for several writers at once."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

_TABLES = MetaData()

EVENTS = Table(
    "events",
    _TABLES,
    Column("chain", String(255), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", String(40), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("code", Text),
    Column("stage", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("evidence", Text),
    Column("body", Text, nullable=False),
)
"""One row an event: ``body`` is the truth, the hashes chain it, the rest are copies to query by."""

EVIDENCE = Table(
    "evidence",
    _TABLES,
    Column("hash", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)
"""Evidence by the SHA-256 of its canonical JSON."""

ALERTS = Table(
    "alerts",
    _TABLES,
    Column("channel", String(32), primary_key=True),
    Column("alert", String(64), primary_key=True),
    Column("until", String(40), nullable=False),
    Column("settled", String(40)),
    Column("since", Integer),
)
"""What each channel to on-call was told: no part of the record, and made only where there is such a channel.

``until`` is how long it is being told, ``settled`` when it was. The row without an alert is the channel's first use,
with the number of the desk's last event in ``since``.
"""

_KEYS = {"events": "chain = NEW.chain AND seq = NEW.seq", "evidence": "hash = NEW.hash"}
_REFUSAL = "the audit record is append-only"
_GUARD = "audit_refuse_change"


def shown(url: str) -> str:
    """``url`` as people may see it: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(its URL cannot be read)"


def open_engine(url: str, patience: float) -> Engine:
    """An engine whose tables exist; a write waits ``patience`` seconds for other writers.

    Raises SQLAlchemyError, OSError, ImportError (no driver) or ValueError.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    elif not parsed.database or parsed.database == ":memory:":
        raise ValueError("a database in memory would forget; name a file: sqlite:///audit.sqlite")
    else:
        if not parsed.database.startswith("file:"):  # an SQLite URI, as an auditor opens a copy read-only
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        # Every transaction opens the file by its name, so one deleted or replaced under us cannot swallow events.
        engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": patience})
        _prepare_sqlite(engine)
    try:
        with engine.connect() as connection:
            complete = _complete(connection)
        if not complete:
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                _create(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def make_tables(engine: Engine, tables: Sequence[Table]) -> None:
    """Make those of ``tables`` that are not there, in one transaction: another process may be about to."""
    with engine.connect() as connection:
        there = all(inspect(connection).has_table(table.name) for table in tables)
    if there:
        return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        serialise(connection, ["schema"])
        for table in tables:
            if not inspect(connection).has_table(table.name):  # else another process was first
                connection.execute(CreateTable(table))


def serialise(connection: Connection, names: Iterable[str]) -> None:
    """Let no other transaction append to chains of these ``names`` until this one ends.

    SQLite has locked the whole file by then. PostgreSQL's locks are taken in one order, so none can deadlock.
    """
    if connection.dialect.name == "postgresql":
        for name in sorted(names):
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes fails at once when another one wrote in between; busy
        # waiting only helps one that asks for the lock first.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _complete(connection: Connection) -> bool:
    return all(inspect(connection).has_table(table) for table in _KEYS)


def _create(connection: Connection) -> None:
    """Make the tables in one transaction; one who may only read, or only read and append, never comes here."""
    serialise(connection, ["schema"])
    if _complete(connection):
        return  # another process was first
    for table in (EVENTS, EVIDENCE):
        connection.execute(CreateTable(table))
    if connection.dialect.name == "sqlite":
        for statement in _sqlite_triggers():
            connection.exec_driver_sql(statement)
    if connection.dialect.name == "postgresql":
        for statement in _postgresql_triggers():
            connection.exec_driver_sql(statement)


def _sqlite_triggers() -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    statements = []
    for table, key in _KEYS.items():
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_refuse_{verb.lower()}"
            statements.append(f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table} {refuse}")
        # INSERT OR REPLACE deletes without asking the trigger above.
        stored = f"EXISTS (SELECT 1 FROM {table} WHERE {key})"  # noqa: S608 - constants only
        name = f"{table}_refuse_replace"
        statements.append(f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE INSERT ON {table} WHEN {stored} {refuse}")
    return statements


def _postgresql_triggers() -> list[str]:
    function = f"CREATE FUNCTION {_GUARD}() RETURNS trigger LANGUAGE plpgsql AS"
    trigger = f"FOR EACH STATEMENT EXECUTE FUNCTION {_GUARD}()"
    return [
        f"{function} $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        *(f"CREATE TRIGGER {_GUARD} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} {trigger}" for table in _KEYS),
    ]
