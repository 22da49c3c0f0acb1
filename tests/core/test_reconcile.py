"""What is exposed against what a promotion accounts for: each kind of finding, and what is none."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.workflows.conftest import LADDER, RELEASE

from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import DESK, AuditEvent
from promotion_ladder.core.incidents import Severity
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import BotFacts, Exposure, Latch, Mode, Variant
from promotion_ladder.core.reconcile import (
    Climbing,
    Finding,
    Remedy,
    Seen,
    Standing,
    StandingLatch,
    Word,
    agreed,
    climbing,
    find,
    standing_latches,
    suspects,
)
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.state import Ending, Hold, Phase, PromotionState, StartOrder, Stop

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWNER = "bot/2.0.0/x"
TEN = Decimal(10_000)
WHOLE = Decimal(100_000)
REF = ReleaseRef(version="2.0.0", digest="1" * 64)


def facts(bot: str = "bot", **fields: Any) -> BotFacts:
    return BotFacts.model_validate(
        {"bot": bot, "account": "a", "venue": "sim", "instruments": ("WTI",), "stable": REF, "epoch": 4,
         "promotion_id": OWNER, "total_capital": WHOLE} | fields
    )  # fmt: skip


def exposure(variant: Variant, capital: Decimal, **fields: Any) -> Exposure:
    return Exposure.model_validate(
        {"bot": "bot", "variant": variant, "release": REF, "mode": Mode.CANARY, "capital": capital, "epoch": 4,
         "promotion_id": OWNER, "paused": False, "open_orders": 0, "open_positions": 1} | fields
    )  # fmt: skip


def canary(candidate: Decimal = TEN, baseline: Decimal = Decimal(0), **fields: Any) -> tuple[Exposure, ...]:
    rest = exposure(Variant.STABLE, WHOLE - candidate - baseline, mode=Mode.LIVE)
    base = (exposure(Variant.BASELINE, baseline, **fields),) if baseline else ()
    return (rest, exposure(Variant.CANDIDATE, candidate, **fields), *base)


def in_canary(**fields: Any) -> Climbing:
    return Climbing.model_validate(
        {"standing": Standing.CLIMBING, "promotion_id": OWNER, "epoch": 4, "stage": "canary-10", "steady": True,
         "candidate": TEN, "baseline": 0} | fields
    )  # fmt: skip


def findings(exposures: tuple[Exposure, ...], climb: Climbing, **known: Any) -> tuple[Finding, ...]:
    return find(Seen(exposures=exposures, facts={"bot": facts(**known)}, climbing={"bot": climb}))


ALONE = (exposure(Variant.STABLE, WHOLE, mode=Mode.LIVE),)
NONE = Climbing(standing=Standing.NONE)
STUCK = Climbing(standing=Standing.STUCK, promotion_id=OWNER, detail="its workflow task has failed")
LIVE = canary(WHOLE, mode=Mode.LIVE)


@pytest.mark.parametrize(
    ("exposures", "climb", "word", "remedy", "told"),
    [
        (canary(), NONE, Word.NO_PROMOTION, Remedy.FLATTEN, ""),
        (canary(Decimal(0)), NONE, Word.NO_PROMOTION, Remedy.FLATTEN, ""),  # no capital, but a position
        (LIVE, NONE, Word.NO_PROMOTION, Remedy.FLATTEN, ""),
        (canary(epoch=5), in_canary(), Word.FOREIGN, Remedy.FLATTEN, OWNER),
        (canary(promotion_id="by hand"), in_canary(), Word.FOREIGN, Remedy.FLATTEN, OWNER),
        (canary(), in_canary(epoch=0, candidate=None, baseline=None), Word.FOREIGN, Remedy.FLATTEN, ""),
        (canary(Decimal(50_000)), in_canary(), Word.WRONG_SHARE, Remedy.HOLD, OWNER),
        (canary(Decimal(0)), in_canary(), Word.WRONG_SHARE, Remedy.HOLD, OWNER),  # less is wrong too
        (canary(TEN, TEN), in_canary(), Word.WRONG_SHARE, Remedy.HOLD, OWNER),
        (canary(), in_canary(stage="paper", candidate=0), Word.WRONG_SHARE, Remedy.FLATTEN, OWNER),
        ((*canary(), exposure(Variant.STABLE, TEN)), in_canary(), Word.WRONG_SUM, Remedy.HOLD, OWNER),
        ((exposure(Variant.STABLE, TEN),), NONE, Word.WRONG_SUM, Remedy.FLATTEN, ""),
        (canary(), STUCK, Word.STUCK, Remedy.FLATTEN, OWNER),
        (LIVE, STUCK, Word.STUCK, Remedy.LATCH, OWNER),
    ],
)
def test_each_kind_is_found_and_critical(
    exposures: tuple[Exposure, ...], climb: Climbing, word: Word, remedy: Remedy, told: str
) -> None:
    (found,) = findings(exposures, climb)
    assert (found.word, found.remedy, found.promotion_id) == (word, remedy, told)
    assert (found.severity, found.scope, found.target, found.epoch) == (Severity.CRITICAL, "bot", "bot", 4)
    assert found.sentence.startswith("bot: ")
    assert "bot" in found.action


@pytest.mark.parametrize(
    ("exposures", "climb"),
    [
        (ALONE, NONE),
        (ALONE, in_canary(candidate=0)),
        (canary(), in_canary()),
        (canary(TEN, TEN), in_canary(baseline=TEN)),
        (LIVE, in_canary(candidate=WHOLE)),
        ((*canary(WHOLE), exposure(Variant.BASELINE, Decimal(0))), in_canary(candidate=WHOLE)),  # it closes what it has
        (canary(Decimal(50_000)), in_canary(steady=False)),  # enters or comes down right now
        (canary(promotion_id="before"), in_canary(steady=False, epoch=0)),  # what it found, it clears itself
        (canary(Decimal(50_000)), in_canary(candidate=None, baseline=None)),  # held between two shares
        ((exposure(Variant.STABLE, TEN),), in_canary(steady=False)),
        (canary(), Climbing(standing=Standing.UNKNOWN, detail="Temporal is down")),
        (ALONE, STUCK),
    ],
)
def test_what_is_accounted_for_or_changing_or_not_known_is_no_finding(
    exposures: tuple[Exposure, ...], climb: Climbing
) -> None:
    assert findings(exposures, climb) == ()


def test_a_worker_that_sleeps_takes_nothing_away() -> None:
    (found,) = findings(canary(), Climbing(standing=Standing.SILENT, promotion_id=OWNER, detail="no worker"))
    assert (found.word, found.remedy, found.severity) == (Word.SILENT, Remedy.TELL, Severity.WARNING)


def test_only_bots_where_something_may_be_wrong_are_asked_about() -> None:
    other = exposure(Variant.STABLE, WHOLE, bot="other")
    known = {"bot": facts(), "other": facts("other")}
    assert suspects((*canary(), other), known) == ("bot",)
    assert suspects((*ALONE, other.model_copy(update={"capital": TEN})), known) == ("other",)
    assert suspects((*ALONE, other), known) == ()


def test_a_finding_of_one_look_alone_is_a_change_half_done() -> None:
    first, second = findings(canary(), NONE), findings(canary(Decimal(9_000)), NONE)
    assert agreed(first, second) == second, "the same trouble, even if the figures moved"
    assert agreed(first, ()) == ()
    assert agreed((), second) == ()
    assert agreed(findings(canary(), NONE, epoch=3), second) == (), "somebody else owns it by now"
    one, other = (findings(canary(Decimal(50_000)), in_canary(stage=s)) for s in ("canary-10", "canary-25"))
    assert agreed(one, other) == ()


def test_the_incident_of_a_finding_names_code_scope_and_what_to_do() -> None:
    (found,) = findings(canary(), NONE)
    incident = found.as_incident()
    assert (incident.code, incident.scope, incident.target) == (Code.UNJUSTIFIED_EXPOSURE, "bot", "bot")
    assert (incident.sentence, incident.action) == (found.sentence, found.action)


# --- what a promotion says of itself ----------------------------------------------------------------------------------


def state(stage: int, phase: Phase, **fields: Any) -> PromotionState:
    order = StartOrder(promotion_id=OWNER, release=RELEASE, identity="ana")
    base = {"order": order, "ladder": Ladder.model_validate(LADDER), "capital": WHOLE, "epoch": 4, "stage_index": stage}
    return PromotionState.model_validate(base | {"phase": phase, "entered_at": NOON} | fields)


@pytest.mark.parametrize(("stage", "candidate"), [(0, 0), (2, 0), (3, 10_000), (4, 100_000)])
def test_a_stage_grants_what_its_share_says(stage: int, candidate: int) -> None:
    said = climbing(state(stage, Phase.OBSERVING))
    assert (said.steady, said.epoch, said.promotion_id) == (True, 4, OWNER)
    assert (said.candidate, said.baseline) == (Decimal(candidate), Decimal(0))


def test_between_two_stages_nothing_is_said_of_shares() -> None:
    assert climbing(state(3, Phase.ON_HOLD, entered_at=None)).candidate is None


@pytest.mark.parametrize("phase", Phase)
def test_only_a_promotion_that_stands_is_steady(phase: Phase) -> None:
    moving = {Phase.ADMITTING, Phase.ENTERING, Phase.COMING_DOWN, Phase.SETTLING, Phase.ENDED}
    assert climbing(state(3, phase)).steady is (phase not in moving)
    stop = Stop(code=Code.KILLED, actor="x", reason="x", at=NOON, hold_out=True, ending=Ending.ROLLED_BACK)
    assert not climbing(state(3, phase, stop=stop)).steady
    hold = Hold(code=Code.HELD, actor="x", reason="x", at=NOON)
    assert climbing(state(3, phase, hold=hold)).on_hold


# --- latches ----------------------------------------------------------------------------------------------------------


def event(kind: str, minute: int, **data: str) -> AuditEvent:
    at = NOON + timedelta(minutes=minute)
    return AuditEvent(chain=DESK, seq=minute + 1, at=at, kind=kind, actor="omar", sentence="latched", data=data)


@pytest.mark.parametrize(
    ("events", "standing"),
    [
        ([], []),
        ([event("killed", 0, bot="bot")], [("bot", "bot")]),
        ([event("killed", 0, scope="global", target="*")], [("global", "*")]),
        ([event("reconciled", 0, bot="bot", scope="bot", target="bot")], [("bot", "bot")]),
        ([event("reconciled", 0, bot="bot", target="")], []),  # it held, without a latch
        ([event("killed", 0, bot="bot"), event("latch_lifted", 1, bot="bot")], []),
        ([event("killed", 0, bot="bot"), event("latch_lifted", 1, scope="bot", target="bot")], []),
        ([event("killed", 0, bot="bot"), event("latch_lifted", 1, bot="other")], [("bot", "bot")]),
        ([event("latch_lifted", 0, bot="bot"), event("killed", 1, bot="bot")], [("bot", "bot")]),
        ([event("latch_lifted", 1, bot="bot"), event("killed", 0, bot="bot")], []),  # recorded late
    ],
)
def test_latches_stand_by_the_record_until_it_says_they_were_lifted(
    events: list[AuditEvent], standing: list[tuple[str, str]]
) -> None:
    assert [(latch.scope, latch.target) for latch in standing_latches(events)] == standing


@pytest.mark.parametrize(
    ("scope", "target", "found"),
    [
        ("bot", "bot", True),
        ("bot", "gone", False),  # a bot the platform does not have shows nothing
        ("market", "WTI", True),
        ("market", "GOLD", False),
        ("venue", "sim", True),
        ("global", "*", True),
        ("strategy", "carry", True),
    ],
)
def test_a_latch_that_no_bot_shows_was_removed(scope: str, target: str, found: bool) -> None:
    latch = StandingLatch(scope=scope, target=target, by="omar", at=NOON, reason="odd fills")
    there = Latch(scope=scope, target=target, by="omar", at=NOON, reason="odd fills")
    seen = Seen(exposures=ALONE, facts={"bot": facts()}, latches=(latch,))
    words = [(f.word, f.remedy, f.scope, f.target, f.bot) for f in find(seen)]
    assert words == ([(Word.LATCH_REMOVED, Remedy.LATCH, scope, target, "bot")] if found else [])
    assert find(seen.model_copy(update={"facts": {"bot": facts(latches=(there,))}})) == ()
    assert find(seen.model_copy(update={"facts": {}})) == (), "a platform that does not say proves nothing"
