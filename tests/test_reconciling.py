"""Making findings safe over the ports: latch first, twice is once, and no outage of the record is in the way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.fake_engine import FakePromotions
from tests.fakes import TOTAL, FakeAudit, FakePlatform

from promotion_ladder import descent, reconciling
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import DESK
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import PAUSED_BY, ExposureOrder, LatchOrder, Mode, Variant
from promotion_ladder.core.reconcile import Climbing, Finding, Look, Mended, Standing, Word, standing_latches
from promotion_ladder.incidents import queue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWNER = "bot/2.0.0/x"
TEN = Decimal(10_000)


class Desk:
    """One bot, the record and what the engine says."""

    def __init__(self) -> None:
        self.platform, self.promotions, self.store = FakePlatform(), FakePromotions(), FakeAudit()

    async def expose(self, capital: Decimal = TEN) -> None:
        epoch = await self.platform.acquire("bot", OWNER)
        await self.platform.set_exposure(
            "bot",
            ExposureOrder(
                promotion_id=OWNER, epoch=epoch, stage="canary-10", mode=Mode.CANARY, candidate=capital,
                baseline=Decimal(0), stable=TOTAL - capital, limits=None, lease=timedelta(seconds=30), key="k",
            ),
        )  # fmt: skip

    def climbs(self, **fields: object) -> None:
        self.promotions.climbing = Climbing.model_validate(
            {"standing": Standing.CLIMBING, "promotion_id": OWNER, "epoch": 1, "stage": "canary-10", "steady": True,
             "candidate": TEN, "baseline": 0} | fields
        )  # fmt: skip

    async def look(self) -> Look:
        return await reconciling.look(self.platform, self.promotions, self.store, apart=0.01)

    async def finding(self) -> Finding:
        (found,) = (await self.look()).findings
        return found

    async def make_safe(self, finding: Finding, at: datetime = NOON) -> Mended:
        return await reconciling.make_safe(self.platform, self.promotions, finding, at)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(descent, "READ_BACK_SECONDS", 0.1)
    return Desk()


async def test_what_nobody_accounts_for_is_latched_then_flattened_then_given_back(desk: Desk) -> None:
    await desk.expose()
    finding = await desk.finding()
    done = await desk.make_safe(finding)
    assert (done.latched, done.safe) == (True, True)
    assert desk.platform.held == {}
    assert desk.platform.shares == {Variant.STABLE: TOTAL}
    assert [(latch.scope, latch.target, latch.by) for latch in desk.platform.latches] == [("bot", "bot", "ladder")]
    assert "no promotion of it is running" in desk.platform.latches[0].reason
    with pytest.raises(LadderError) as late:
        await desk.expose()
    assert late.value.code is Code.LATCHED
    assert (await desk.look()).findings == ()


async def test_what_the_old_owner_still_sends_is_refused(desk: Desk) -> None:
    await desk.expose()
    await desk.make_safe(await desk.finding())
    with pytest.raises(LadderError) as stale:
        desk.platform._fence(1)
    assert stale.value.code is Code.STALE_EPOCH


async def test_not_flat_is_tried_again_by_the_next_look_with_new_exits(desk: Desk) -> None:
    await desk.expose()
    desk.platform.refuse_exits = 1
    finding = await desk.finding()
    first = await desk.make_safe(finding)
    assert (first.safe, first.latched) == (False, True)
    assert desk.platform.epoch == 1, "nothing is given back before it is flat"
    again = await desk.finding()
    assert again.key == finding.key
    assert (await desk.make_safe(again, NOON + timedelta(seconds=20))).safe


async def test_a_promotion_that_took_over_meanwhile_is_left_alone(desk: Desk) -> None:
    await desk.expose()
    finding = await desk.finding()
    await desk.platform.acquire("bot", "bot/3.0.0/y")
    done = await desk.make_safe(finding)
    assert not done.changed
    assert desk.platform.latches == []
    assert desk.platform.held, "the new one flattens what it found itself"


async def test_a_foreign_exposure_ends_the_promotion_that_lost_its_bot(desk: Desk) -> None:
    await desk.expose()
    desk.climbs(epoch=9)
    finding = await desk.finding()
    assert finding.word is Word.FOREIGN
    await desk.make_safe(finding)
    assert desk.promotions.told == [(OWNER, Verb.KILL)]
    assert desk.platform.held == {}


async def test_a_wrong_share_is_paused_and_held_once(desk: Desk) -> None:
    await desk.expose(Decimal(50_000))
    desk.climbs()
    finding = await desk.finding()
    done = await desk.make_safe(finding)
    assert (done.changed, done.latched) == (True, False)
    assert desk.platform.paused == {Variant.CANDIDATE, Variant.BASELINE}
    assert desk.promotions.told == [(OWNER, Verb.HOLD)]
    desk.climbs(on_hold=True)
    assert not (await desk.make_safe(finding, NOON + timedelta(seconds=20))).changed
    assert desk.promotions.told == [(OWNER, Verb.HOLD)]


async def test_an_engine_that_does_not_take_the_word_does_not_stop_the_flattening(desk: Desk) -> None:
    await desk.expose()
    desk.climbs(epoch=9)
    finding = await desk.finding()
    desk.promotions.down = True
    done = await desk.make_safe(finding)
    assert "could not be told" in done.sentence
    assert (done.safe, desk.platform.held) == (True, {})


async def test_an_engine_that_does_not_answer_takes_nothing_away_and_says_so(desk: Desk) -> None:
    await desk.expose()
    desk.promotions.down = True
    found = await desk.look()
    assert (found.findings, found.unanswered) == ((), ("bot: Temporal is down",))


async def test_a_platform_that_does_not_answer_is_an_error_and_no_all_clear(desk: Desk) -> None:
    desk.platform.down = True
    with pytest.raises(LadderError) as down:
        await desk.look()
    assert down.value.code is Code.PLATFORM_DOWN


async def test_a_removed_latch_is_set_again_by_the_record_and_not_without_it(desk: Desk) -> None:
    await desk.store.append_to_desk("killed", "omar", NOON, "latched", scope="bot", target="bot", reason="odd fills")
    desk.store.down = True
    blind = await desk.look()
    assert blind.findings == ()
    assert "latches were not compared" in blind.unanswered[0]
    desk.store.down = False
    finding = await desk.finding()
    done = await desk.make_safe(finding)
    assert done.latched
    assert [(latch.scope, latch.target) for latch in desk.platform.latches] == [("bot", "bot")]
    assert not (await desk.make_safe(finding, NOON + timedelta(seconds=20))).changed
    await desk.platform.unlatch("bot", LatchOrder(scope="bot", target="bot", reason="", by="omar", key="u"))
    await desk.store.append_to_desk("latch_lifted", "omar", NOON + timedelta(hours=1), "lifted", bot="bot")
    assert (await desk.look()).findings == ()


async def test_what_was_found_and_done_is_in_the_record_once_and_in_the_queue(desk: Desk) -> None:
    await desk.expose()
    finding = await desk.finding()
    done = await desk.make_safe(finding)
    for _ in range(2):
        await reconciling.tell(desk.store, finding, NOON, done)
    assert desk.store.kinds(DESK).count("incident_opened") == 1
    (incident,) = await queue(desk.store)
    assert (incident.code, incident.target) == (Code.UNJUSTIFIED_EXPOSURE, "bot")
    latches = standing_latches([link.event for link in await desk.store.chain(DESK)])
    assert [(latch.scope, latch.target) for latch in latches] == [("bot", "bot")], "so that its removal is found too"


async def test_a_guards_own_pause_stands_for_no_latch_of_a_person(desk: Desk) -> None:
    """The guard lifts its own when it likes; the kill whose latch was removed would be gone with it."""
    by_guard = LatchOrder(scope="bot", target="bot", reason="stale", by=f"{PAUSED_BY}{OWNER}:fresh", key="g")
    await desk.store.append_to_desk("killed", "omar", NOON, "Omar killed bot.", scope="bot", target="bot", reason="odd")
    await desk.platform.latch("bot", by_guard)
    finding = await desk.finding()
    assert finding.word is Word.LATCH_REMOVED
    done = await desk.make_safe(finding)
    assert (done.latched, done.changed) == (True, True)
    assert "ladder" in {latch.by for latch in desk.platform.latches}
