"""The record of a run that was reset: gone on with if it is whole, never if it was changed."""

from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment
from tests.fake_engine import FakePromotions
from tests.fakes import FakeAudit

from promotion_ladder.activities.audit import AuditActivities
from promotion_ladder.contracts import Tail
from promotion_ladder.core.canonical import GENESIS
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import AuditEvent

CHAIN = "bot/2.0.0/1"


def event(seq: int, sentence: str = "so it was") -> AuditEvent:
    at = datetime(2026, 1, 1, 0, 0, seq, tzinfo=UTC)
    return AuditEvent(chain=CHAIN, seq=seq, at=at, kind="observed", actor="ladder", sentence=sentence)


async def rejoined(store: FakeAudit, known: Tail, *, set_back: bool = True) -> Tail:
    activities = AuditActivities(store, FakePromotions(set_back=set_back))
    tail: Tail = await ActivityEnvironment().run(activities.rejoin, known)
    return tail


async def test_what_was_written_after_the_point_it_was_reset_to_is_gone_on_with() -> None:
    store = FakeAudit()
    known = await store.append([event(1), event(2)])
    last = await store.append([event(3), event(4)])
    assert await rejoined(store, Tail(chain=CHAIN, seq=2, head=known)) == Tail(chain=CHAIN, seq=4, head=last)
    assert (await rejoined(store, Tail(chain=CHAIN, seq=0, head=GENESIS))).seq == 4


async def test_another_record_under_the_same_number_is_a_conflict_when_nobody_reset_the_run() -> None:
    store = FakeAudit()
    known = await store.append([event(1)])
    await store.append([event(2)])
    with pytest.raises(LadderError, match="changed from outside") as refused:
        await rejoined(store, Tail(chain=CHAIN, seq=1, head=known), set_back=False)
    assert refused.value.code is Code.AUDIT_CONFLICT


async def test_a_record_that_holds_another_past_is_not_gone_on_with_even_after_a_reset() -> None:
    known = await FakeAudit().append([event(1)])
    store = FakeAudit()
    await store.append([event(1, "it was otherwise"), event(2)])
    with pytest.raises(LadderError, match="event 1 is another one, or gone"):
        await rejoined(store, Tail(chain=CHAIN, seq=1, head=known))


async def test_a_record_that_does_not_hold_together_is_not_gone_on_with_even_after_a_reset() -> None:
    store = FakeAudit()
    known = await store.append([event(1), event(2), event(3)])
    del store.events[CHAIN][1]
    with pytest.raises(LadderError, match="event 2 is missing"):
        await rejoined(store, Tail(chain=CHAIN, seq=3, head=known))


async def test_a_record_that_was_emptied_or_cut_is_not_gone_on_with_even_after_a_reset() -> None:
    store = FakeAudit()
    known = Tail(chain=CHAIN, seq=2, head=await store.append([event(1), event(2)]))
    del store.events[CHAIN][1]
    with pytest.raises(LadderError, match="event 2 is another one, or gone"):
        await rejoined(store, known)
    store.events.clear()
    with pytest.raises(LadderError, match="event 2 is another one, or gone"):
        await rejoined(store, known)
