"""Two hundred promotions told at once by two workers: one root message each, each notice once, nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cards import a_state
from tests.fakes import FakePlatform
from tests.slack.conftest import CHANNEL, Side

from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.adapters.slack.book import Book
from promotion_ladder.core.card import Telling
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.state import Phase, PromotionState
from promotion_ladder.fake_slack import FakeSlack, Fault
from promotion_ladder.settings import shipped_config

PROMOTIONS = 200
TOLD = (NoticeKind.STARTED, NoticeKind.APPROVAL_NEEDED)
AT_ONCE = 100
"""Notices that a worker tells at once, and below how Temporal tries again what failed: both as in production. Who asks
all four hundred at once, and again three times a second, can ask more than a slow machine ever answers."""
AGAIN, LONGEST = 0.5, 30.0
"""Seconds until a notice is tried again: twice as long each time, up to the longest."""
EVERY = 10
"""Of so many answers one is lost."""


@pytest.fixture
async def workers(slack: FakeSlack, tmp_path: Path) -> AsyncIterator[list[Side]]:
    """Two workers on one database: what one remembers the other does not."""
    url = f"sqlite:///{tmp_path / 'audit.sqlite'}"
    made = [Side(slack, Book(url), FakePlatform(), ConfigDirectory(shipped_config())) for _ in range(2)]
    await made[0].book.beat("gateway", datetime.now(UTC))
    yield made
    for side in made:
        await side.book.close()


def promotion(number: int, phase: Phase) -> PromotionState:
    state = a_state(phase=phase)
    order = state.order.model_copy(update={"promotion_id": f"bot-{number:03}/2.0.0/x1"})
    return state.model_copy(update={"order": order})


async def delivered(worker: Side, telling: Telling, slots: asyncio.Semaphore) -> int:
    """Tell until it is delivered, as Temporal does; how often it was not."""
    failed = 0
    while True:
        try:
            async with slots:
                await worker.notifier.notify(telling)
        except LadderError:
            await asyncio.sleep(min(LONGEST, AGAIN * 2**failed))
            failed += 1
        else:
            return failed


async def climb(workers: list[Side], number: int, slots: list[asyncio.Semaphore]) -> int:
    """The notices of one promotion, one after the other, by turns; the first by both workers at once."""
    failed = 0
    for turn, kind in enumerate(TOLD):
        asks = kind is NoticeKind.APPROVAL_NEEDED
        state = promotion(number, Phase.AWAITING_APPROVAL if asks else Phase.OBSERVING)
        telling = workers[0].telling(kind, state, title=f"{kind} {number}")
        telling_to = (0, 1) if turn == 0 else ((number + turn) % 2,)
        failed += sum(await asyncio.gather(*(delivered(workers[n], telling, slots[n]) for n in telling_to)))
    return failed


async def all_climb(workers: list[Side]) -> int:
    """Every promotion's notices at once; how often one was not delivered."""
    slots = [asyncio.Semaphore(AT_ONCE) for _ in workers]
    return sum(await asyncio.gather(*(climb(workers, number, slots) for number in range(PROMOTIONS))))


def each_is_told_once(slack: FakeSlack) -> None:
    """One root message for each promotion, and below it each notice once."""
    said = [one for one in slack.messages(CHANNEL) if one.get("thread_ts") in (None, one["ts"])]
    roots = sorted((one["metadata"]["event_payload"]["key"], one["ts"]) for one in said)
    assert [key for key, _ in roots] == [f"bot-{number:03}/2.0.0/x1#root" for number in range(PROMOTIONS)]
    for number, (_, ts) in enumerate(roots):
        thread = [one["text"].split(" ", 1)[1] for one in slack.thread(CHANNEL, ts)]
        assert thread == [f"{kind} {number}" for kind in TOLD[1:]]


async def test_two_hundred_promotions_have_one_thread_each(slack: FakeSlack, workers: list[Side]) -> None:
    await all_climb(workers)
    each_is_told_once(slack)


async def test_with_every_tenth_answer_lost_nothing_is_told_twice_and_nothing_is_missing(
    slack: FakeSlack, workers: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    take, asked = slack.faults.take, 0

    def lossy(on: str) -> list[Fault]:
        nonlocal asked
        asked += 1
        return [*take(on), Fault(on, "lose")] if asked % EVERY == 0 else take(on)

    monkeypatch.setattr(slack.faults, "take", lossy)
    failed = await all_climb(workers)
    assert failed >= asked // EVERY  # each of them was noticed
    each_is_told_once(slack)
