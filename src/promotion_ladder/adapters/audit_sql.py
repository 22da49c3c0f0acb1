"""The audit record in a database: SQLite by default, PostgreSQL by URL.

Append-only and exactly once: an event is stored under ``(chain, seq)``, each with the hash of the one before it. What
is stored is the canonical JSON that was hashed; the other columns are copies for people who query with SQL, and a
copy that no longer agrees shows in ``verify``. Heads can be anchored in a file elsewhere, so that a cut tail shows.
"""

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, Row, func, insert, select

from promotion_ladder.adapters.audit_schema import EVENTS, EVIDENCE
from promotion_ladder.adapters.lines import append_line, read_lines
from promotion_ladder.adapters.sql import SqlStore
from promotion_ladder.core.canonical import GENESIS, canonical, chained_text
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import DESK, AuditEvent, ChainedEvent
from promotion_ladder.core.evidence import StoredEvidence
from promotion_ladder.ports import AuditStore


class _Head(NamedTuple):
    seq: int
    hash: str


class SqlAudit(SqlStore, AuditStore):
    """The audit store behind an SQLAlchemy URL, for instance ``sqlite:///var/audit.sqlite``.

    Nothing is opened before the first use. ``anchor_dir`` is where ``heads.jsonl`` is kept, best on another disk or
    machine than the database; None anchors nothing. ``patience`` is how long a write waits for other writers. Every
    method raises ``OPS_AUDIT_DOWN`` when the store cannot answer and ``OPS_AUDIT_CONFLICT`` when what it holds
    contradicts what it is told, or itself.
    """

    def __init__(
        self,
        url: str,
        *,
        anchor_dir: Path | None = None,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        super().__init__(url, patience)
        self._anchors = anchor_dir / "heads.jsonl" if anchor_dir else None

    async def append(self, events: list[AuditEvent]) -> str:
        """Store all of ``events`` or none, each exactly once; the head of the last one's chain."""
        return await self._answer(lambda: self._append(events))

    async def append_to_desk(self, kind: str, actor: str, at: datetime, sentence: str, **data: str) -> None:
        """Store an event of the desk's chain under the next number.

        The same moment, kind, actor, sentence and data again is the same event, so a resend adds nothing.
        """
        event = AuditEvent(chain=DESK, seq=0, at=at, kind=kind, actor=actor, sentence=sentence, data=data)
        await self._answer(lambda: self._append_to_desk(event))

    async def chain(self, chain: str) -> list[ChainedEvent]:
        """All events of ``chain`` in order, as they are stored: judge them with ``core.events.verify``."""
        return await self._answer(lambda: self._chain(chain))

    async def chains(self, bot: str | None = None) -> list[str]:
        """The names of the chains, the one begun last first; with ``bot`` only its promotions."""
        return await self._answer(lambda: self._chains(bot))

    async def put_evidence(self, evidence: StoredEvidence) -> str:
        """Store evidence under the SHA-256 of its canonical JSON; that hash."""
        return await self._answer(lambda: self._put_evidence(evidence))

    async def evidence(self, evidence_hash: str) -> StoredEvidence | None:
        """Evidence by its hash; ``OPS_AUDIT_CONFLICT`` when it is no longer what was stored."""
        return await self._answer(lambda: self._evidence(evidence_hash))

    async def anchored_head(self, chain: str) -> str | None:
        """The hash of the newest event of ``chain`` that was anchored; None when none was.

        Ask before reading the chain, and verify a chain that still grows with ``growing=True``.
        """
        return await self._answer(lambda: self._anchored_head(chain))

    # --- in a thread --------------------------------------------------------------------------------------------

    def _append(self, events: list[AuditEvent]) -> str:
        if not events:
            return GENESIS
        heads: dict[str, _Head] = {}
        with self._write({event.chain for event in events}) as connection:
            for event in events:
                before = heads.get(event.chain) or _head(connection, event.chain)
                heads[event.chain] = _add(connection, event, before)
        for chain, head in heads.items():
            self._anchor(chain, head)
        return heads[events[-1].chain].hash

    def _append_to_desk(self, event: AuditEvent) -> None:
        with self._write({DESK}) as connection:
            head = _head(connection, DESK)
            if not _on_desk(connection, event):
                head = _add(connection, event.model_copy(update={"seq": head.seq + 1}), head)
        self._anchor(DESK, head)

    def _chain(self, chain: str) -> list[ChainedEvent]:
        query = select(EVENTS).where(EVENTS.c.chain == chain).order_by(EVENTS.c.seq)
        with self._read() as connection:
            return [_link(row) for row in connection.execute(query)]

    def _chains(self, bot: str | None) -> list[str]:
        query = select(EVENTS.c.chain).group_by(EVENTS.c.chain)
        if bot is not None:  # not LIKE: SQLite's ignores case, and "_" is an ordinary letter of a name
            query = query.where(func.substr(EVENTS.c.chain, 1, len(bot) + 1) == f"{bot}/")
        with self._read() as connection:
            return list(connection.scalars(query.order_by(func.min(EVENTS.c.at).desc(), EVENTS.c.chain.desc())))

    def _put_evidence(self, evidence: StoredEvidence) -> str:
        text, evidence_hash = _text_and_hash(evidence)
        with self._write({evidence_hash}) as connection:
            if _evidence_text(connection, evidence_hash) is None:
                connection.execute(insert(EVIDENCE).values(hash=evidence_hash, body=text))
        return evidence_hash

    def _evidence(self, evidence_hash: str) -> StoredEvidence | None:
        with self._read() as connection:
            text = _evidence_text(connection, evidence_hash)
        if text is None:
            return None
        if hashlib.sha256(text.encode()).hexdigest() != evidence_hash:
            raise LadderError(Code.AUDIT_CONFLICT, f"evidence {evidence_hash[:12]} was changed after it was stored")
        return StoredEvidence.model_validate_json(text)

    def _anchor(self, chain: str, head: _Head) -> None:
        # After the transaction, since an anchor without its event would look like a cut tail. A crash in between
        # leaves the anchor behind until the resend, which anchors again.
        if self._anchors is not None:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            append_line(self._anchors, json.dumps({"chain": chain, "seq": head.seq, "hash": head.hash, "at": now}))

    def _anchored_head(self, chain: str) -> str | None:
        newest = _Head(0, "")
        for line in read_lines(self._anchors) if self._anchors else []:
            with suppress(ValueError, KeyError, TypeError):  # a line torn by a crash; the resend wrote another
                anchor = json.loads(line)
                if anchor["chain"] == chain and int(anchor["seq"]) > newest.seq:
                    newest = _Head(int(anchor["seq"]), str(anchor["hash"]))
        return newest.hash or None


def _head(connection: Connection, chain: str) -> _Head:
    query = select(EVENTS.c.seq, EVENTS.c.hash).where(EVENTS.c.chain == chain).order_by(EVENTS.c.seq.desc()).limit(1)
    row = connection.execute(query).first()
    return _Head(row.seq, row.hash) if row else _Head(0, GENESIS)


def _add(connection: Connection, event: AuditEvent, head: _Head) -> _Head:
    """Store ``event`` after ``head`` unless it is stored already; the head from then on."""
    text = canonical(event).decode()
    if event.seq <= head.seq:
        _must_be_the_same(connection, event, text)
        return head
    if event.seq != head.seq + 1:
        raise LadderError(
            Code.AUDIT_CONFLICT,
            f"event {event.seq} of chain {event.chain} does not follow the last one stored, {head.seq}",
        )
    following = _Head(event.seq, chained_text(head.hash, text))
    connection.execute(
        insert(EVENTS).values(previous=head.hash, hash=following.hash, body=text, **_columns(event)),
    )
    return following


def _must_be_the_same(connection: Connection, event: AuditEvent, text: str) -> None:
    query = select(EVENTS.c.body).where(EVENTS.c.chain == event.chain, EVENTS.c.seq == event.seq)
    stored = connection.execute(query).scalar_one_or_none()
    if stored == text:
        return
    with suppress(ValidationError):  # another text may be the same event, when a later version added a field
        if stored and AuditEvent.model_validate_json(stored) == AuditEvent.model_validate_json(text):
            return
    raise LadderError(
        Code.AUDIT_CONFLICT, f"event {event.seq} of chain {event.chain} is stored already with other content"
    )


def _on_desk(connection: Connection, event: AuditEvent) -> bool:
    """Whether this very event of the desk is stored already, whatever its number."""
    there = {name: value for name, value in _columns(event).items() if name in ("chain", "at", "kind", "actor")}
    bodies = connection.scalars(select(EVENTS.c.body).filter_by(**there))
    return any(AuditEvent.model_validate_json(body).model_copy(update={"seq": event.seq}) == event for body in bodies)


def _columns(event: AuditEvent) -> dict[str, Any]:
    """What of ``event`` has a column of its own; times in one width, so that their text sorts."""
    names = ("chain", "seq", "kind", "actor", "stage", "attempt", "evidence")
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return {name: getattr(event, name) for name in names} | {"at": at, "code": event.code and event.code.value}


def _link(row: Row[Any]) -> ChainedEvent:
    """A stored event; where a column was changed the event says what the column says, and so fails to verify."""
    columns = {name: row._mapping[name] for name in _COPIES}  # noqa: SLF001 - SQLAlchemy's public name for it
    try:
        event = AuditEvent.model_validate_json(row.body)
        if _columns(event) != columns:
            event = AuditEvent.model_validate(event.model_dump() | columns)
    except ValidationError as problem:
        detail = f"event {row.seq} of chain {row.chain} cannot be read, so it was changed or written by a later version"
        raise LadderError(Code.AUDIT_CONFLICT, detail) from problem
    return ChainedEvent(event=event, previous=row.previous, hash=row.hash, text=row.body)


_COPIES = ("chain", "seq", "at", "kind", "actor", "code", "stage", "attempt", "evidence")


def _evidence_text(connection: Connection, evidence_hash: str) -> str | None:
    return connection.execute(select(EVIDENCE.c.body).where(EVIDENCE.c.hash == evidence_hash)).scalar_one_or_none()


def _text_and_hash(value: BaseModel) -> tuple[str, str]:
    text = canonical(value)
    return text.decode(), hashlib.sha256(text).hexdigest()
