"""The chain of events: whatever is changed, taken out, moved or cut off shows."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.canonical import GENESIS, canonical
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent, ChainedEvent, verify

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WITH_TEXT = st.booleans()


def chain_of(length: int, *, with_text: bool = True, name: str = "alpha/2.0.0/x1") -> list[ChainedEvent]:
    links, previous = [], GENESIS
    for seq in range(1, length + 1):
        event = AuditEvent(
            chain=name, seq=seq, at=START + timedelta(minutes=seq), kind="stage_entered", actor="ladder",
            code=Code.STARTED, stage="paper", attempt=1, sentence=f"Step {seq}.", evidence="e" * 64, data={"n": seq},
        )  # fmt: skip
        text = canonical(event).decode() if with_text else ""
        links.append(ChainedEvent(event=event, previous=previous, hash=event.hash_after(previous), text=text))
        previous = links[-1].hash
    return links


CHANGES: dict[str, Any] = {
    "chain": "beta/1.0.0/x",
    "seq": 77,
    "at": START - timedelta(days=1),
    "kind": "approved",
    "actor": "mallory",
    "code": Code.APPROVED,
    "stage": "live",
    "attempt": 2,
    "sentence": "Nothing happened.",
    "evidence": None,
    "data": {"n": 0},
}


def test_every_field_of_an_event_is_among_the_changes_tried() -> None:
    assert set(CHANGES) == set(AuditEvent.model_fields)


@given(st.integers(0, 12), WITH_TEXT)
def test_an_honest_chain_is_whole_also_after_a_round_trip(length: int, with_text: bool) -> None:
    links = chain_of(length, with_text=with_text)
    head = links[-1].hash if links else GENESIS
    assert verify(links) == []
    assert verify(links, head) == []
    assert verify([ChainedEvent.model_validate_json(link.model_dump_json()) for link in links], head) == []


@given(st.integers(1, 8), st.data(), st.sampled_from(sorted(CHANGES)), WITH_TEXT)
def test_a_changed_field_is_found(length: int, data: st.DataObject, field: str, with_text: bool) -> None:
    links = chain_of(length, with_text=with_text)
    at = data.draw(st.integers(0, length - 1))
    changed = links[at].event.model_copy(update={field: CHANGES[field]})
    links[at] = links[at].model_copy(update={"event": changed})
    assert verify(links)


@given(st.integers(1, 8), st.data(), st.sampled_from(["previous", "hash", "text"]))
def test_a_changed_link_is_found(length: int, data: st.DataObject, field: str) -> None:
    links = chain_of(length)
    at = data.draw(st.integers(0, length - 1))
    old = getattr(links[at], field)
    spot = data.draw(st.integers(0, len(old) - 1))
    new = old[:spot] + ("~" if old[spot] != "~" else "!") + old[spot + 1 :]
    links[at] = links[at].model_copy(update={field: new})
    assert verify(links)


@given(st.integers(2, 8), st.data())
def test_an_event_with_a_hash_computed_anew_breaks_the_next_one(length: int, data: st.DataObject) -> None:
    links = chain_of(length)
    at = data.draw(st.integers(0, length - 2))
    changed = links[at].event.model_copy(update={"actor": "mallory"})
    forged = {"event": changed, "text": canonical(changed).decode(), "hash": changed.hash_after(links[at].previous)}
    links[at] = links[at].model_copy(update=forged)
    assert verify(links) == [f"event {at + 2} does not follow the event before it"]


@given(st.integers(2, 8), st.data())
def test_a_missing_event_is_found(length: int, data: st.DataObject) -> None:
    links = chain_of(length)
    at = data.draw(st.integers(0, length - 2))
    del links[at]
    assert verify(links) == [f"event {at + 1} is missing: the next one is number {at + 2}"]


@given(st.permutations(chain_of(6)))
def test_another_order_is_found(links: list[ChainedEvent]) -> None:
    assert (verify(links) == []) == (links == chain_of(6))


@given(st.integers(1, 8), st.data(), st.booleans())
def test_a_cut_tail_is_found_by_the_anchor(length: int, data: st.DataObject, growing: bool) -> None:
    links = chain_of(length)
    cut = links[: data.draw(st.integers(0, length - 1))]
    assert verify(cut) == []
    assert "events were cut off" in verify(cut, links[-1].hash, growing=growing)[0]


def test_a_chain_that_was_written_anew_is_found_by_the_anchor() -> None:
    honest = chain_of(3)
    assert verify(chain_of(3, name="alpha/2.0.0/x2"), honest[-1].hash, growing=True)


def test_a_running_chain_may_be_ahead_of_its_anchor_but_a_finished_one_may_not() -> None:
    links = chain_of(4)
    assert verify(links, links[2].hash, growing=True) == []
    assert "after its anchor" in verify(links, links[2].hash)[0]


def test_an_event_of_another_chain_in_between_is_named() -> None:
    links = chain_of(1)
    foreign = links[0].event.model_copy(update={"chain": "beta/1.0.0/x", "seq": 2})
    link = ChainedEvent(event=foreign, previous=links[0].hash, hash=foreign.hash_after(links[0].hash))
    assert verify([*links, link]) == ["event 2 belongs to another chain, beta/1.0.0/x"]


def test_a_field_of_a_later_version_does_not_break_an_old_chain() -> None:
    link = chain_of(1)[0]
    text = link.text.replace('"stage":', '"added_later":1,"stage":')
    newer = ChainedEvent.model_validate(
        {
            "event": link.event,
            "previous": GENESIS,
            "hash": hashlib.sha256(f"{GENESIS}\n{text}".encode()).hexdigest(),
            "text": text,
        }
    )
    assert verify([newer]) == []


@pytest.mark.parametrize(
    "bad", [float("nan"), float("inf"), Decimal("NaN"), 2**60, 1.5e17, object(), {1, 2}, b"\xff", (1, 2)]
)
def test_details_never_stop_the_writer(bad: Any) -> None:
    event = AuditEvent(chain="desk", seq=1, at=START, kind="seen", actor="ladder", sentence="Seen.", data={"bad": bad})
    assert AuditEvent.model_validate_json(canonical(event)) == event
    assert len(event.hash_after(GENESIS)) == 64


def test_the_same_moment_in_another_zone_is_the_same_event() -> None:
    berlin = {"chain": "desk", "seq": 1, "at": "2026-03-02T10:00:00+01:00", "kind": "k", "actor": "a", "sentence": "s"}
    utc = berlin | {"at": "2026-03-02T09:00:00Z"}
    one, other = AuditEvent.model_validate(berlin), AuditEvent.model_validate(utc)
    assert one.hash_after(GENESIS) == other.hash_after(GENESIS)
