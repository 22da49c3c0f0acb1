"""Audit events: what happened, in the past tense, chained so that a change or a cut shows."""

from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import to_jsonable_python

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.canonical import GENESIS, canonical, chained, chained_text
from promotion_ladder.core.codes import Code

DESK = "desk"
"""The chain of what belongs to no promotion."""


def _plain(value: Any) -> Any:
    """``value`` as JSON holds it exactly: what it cannot hold becomes text.

    A workflow writes events; one that could not be hashed would stop it for ever, at the worst moment.
    """
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case float() | int() if not abs(value) < 2**53:  # NaN too; a large float would read back as an integer
            return str(value)
        case _:
            return value


def _jsonable(data: dict[str, Any]) -> Any:
    return _plain(to_jsonable_python(data, fallback=str, bytes_mode="base64"))


class AuditEvent(Record):
    """One thing that happened. ``(chain, seq)`` is its key: the same key always carries the same content."""

    chain: str
    """The promotion id, or ``desk`` for what belongs to no promotion."""
    seq: int
    """From 1, without gaps."""
    at: Time
    kind: str
    """Past tense, for instance ``stage_entered``."""
    actor: str
    """A principal, or ``ladder`` for the system itself."""
    code: Code | None = None
    stage: str = ""
    attempt: int = 0
    sentence: str
    """What happened, in one plain sentence."""
    evidence: str | None = None
    """Hash of the stored evidence this rests on."""
    data: Annotated[dict[str, Any], AfterValidator(_jsonable)] = {}
    """Details, kept as JSON values (Decimals, times and NaN as text); never a secret."""

    def hash_after(self, previous: str) -> str:
        """The event's hash in its chain."""
        return chained(previous, self)


class ChainedEvent(Record):
    """An event with its place in the chain."""

    event: AuditEvent
    previous: str
    hash: str
    text: str = ""
    """The canonical JSON that was hashed, as stored; empty where ``event`` itself is the only copy.

    Hashing what was stored keeps a chain whole when a later version of this project adds a field to events. An
    auditor needs no code of ours: ``hash`` is the SHA-256 of ``previous``, a line feed and ``text``.
    """


def verify(events: list[ChainedEvent], head: str | None = None, *, growing: bool = False) -> list[str]:
    """What is wrong with a chain from its first event on, in sentences; empty when it is whole.

    ``head`` is the hash anchored elsewhere, which shows a cut tail and a chain that was written anew. With
    ``growing``, events after the anchored one are no fault: between a write and its anchor, or while a reader looks,
    a running chain is ahead.
    """
    wrong: list[str] = []
    previous = GENESIS
    seen = {GENESIS}
    for expected, link in enumerate(events, start=1):
        if link.event.seq != expected:
            wrong.append(f"event {expected} is missing: the next one is number {link.event.seq}")
            break
        if link.event.chain != events[0].event.chain:
            wrong.append(f"event {expected} belongs to another chain, {link.event.chain}")
        if link.previous != previous:
            wrong.append(f"event {expected} does not follow the event before it")
        if not _as_written(link):
            wrong.append(f"event {expected} was changed after it was written")
        previous = link.hash
        seen.add(previous)
    if head is None or wrong or previous == head or (growing and head in seen):
        return wrong
    if head in seen:
        return [
            f"the chain goes on to {previous[:12]} after its anchor {head[:12]}: events were added, or not anchored"
        ]
    return [f"the chain ends at {previous[:12]}, but its anchor says {head[:12]}: events were cut off or replaced"]


def _as_written(link: ChainedEvent) -> bool:
    """Whether event, text and hash of ``link`` belong together."""
    try:
        text = link.text or canonical(link.event).decode()
        same = not link.text or AuditEvent.model_validate_json(text) == link.event
    except (ValidationError, ValueError):
        return False
    return same and chained_text(link.previous, text) == link.hash
