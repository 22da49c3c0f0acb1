"""Which ladder a release climbs, and what of an earlier climb counts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.workflows.conftest import LADDER, RELEASE

from promotion_ladder.core.admission import MONEY_NEEDS, carry_over, choose_ladder, require_capabilities, resume_terms
from promotion_ladder.core.canonical import GENESIS
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import AuditEvent, ChainedEvent
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Policy, Verb
from promotion_ladder.core.platform import HoldOut
from promotion_ladder.core.release import ChangeClass, ReleaseRef
from promotion_ladder.core.state import StartOrder
from promotion_ladder.core.ways import Reassign

NOW = datetime(2026, 1, 5, tzinfo=UTC)
THE_LADDER = Ladder.model_validate(LADDER)
POLICY = Policy.model_validate({
    "routes": {c: {"ladder": "test"} for c in ChangeClass} | {ChangeClass.DOCS: {"no_ladder": "nothing runs"}},
    "rights": {verb: ["quant"] for verb in Verb if verb is not Verb.APPROVE},
})  # fmt: skip


def order(**fields: Any) -> StartOrder:
    return StartOrder.model_validate({"promotion_id": "bot/2.0.0/x", "release": RELEASE, "identity": "ana"} | fields)


def passed(
    stage: str, *, digest: str = RELEASE.digest, ladder: str = THE_LADDER.hash, code: Code = Code.GATES_PASSED
) -> ChainedEvent:
    record = {"stage": stage, "attempt": 1, "entered_at": NOW, "left_at": NOW, "code": code, "evidence": "e"}
    event = AuditEvent(
        chain="bot/2.0.0/first", seq=1, at=NOW, kind="stage_passed", actor="ladder", code=code, sentence="",
        data={"digest": digest, "ladder_hash": ladder, "record": {**record, "entered_at": NOW.isoformat(),
              "left_at": NOW.isoformat(), "code": str(code)}},
    )  # fmt: skip
    return ChainedEvent(event=event, previous=GENESIS, hash="h", text="")


OLD = ReleaseRef(version="1.0", digest="0" * 64)


def started(stable: str = OLD.digest) -> ChainedEvent:
    return other("started", {"stable": {"digest": stable}})


def other(kind: str, data: dict[str, Any], stage: str = "") -> ChainedEvent:
    event = AuditEvent(
        chain="bot/2.0.0/first", seq=1, at=NOW, kind=kind, actor="ladder", stage=stage, sentence="", data=data
    )
    return ChainedEvent(event=event, previous=GENESIS, hash="h", text="")


@pytest.mark.parametrize(
    ("fields", "stable", "code"),
    [
        ({"change": ChangeClass.DOCS}, "0" * 64, Code.CHANGE_CLASS_TOO_LOW),
        ({"change": ChangeClass.DOCS}, RELEASE.digest, Code.NO_LADDER_NEEDED),
    ],
)
def test_a_class_without_a_ladder_is_refused_with_the_reason(fields: dict[str, Any], stable: str, code: Code) -> None:
    release = RELEASE.model_copy(update=fields)
    with pytest.raises(LadderError) as caught:
        choose_ladder(POLICY, order(release=release), ReleaseRef(version="1", digest=stable))
    assert caught.value.code is code


def test_a_client_cannot_choose_a_gentler_ladder() -> None:
    with pytest.raises(LadderError, match="gives a change of class 'params' the ladder 'test', not 'gentle'"):
        choose_ladder(POLICY, order(ladder="gentle"), ReleaseRef(version="1", digest="0" * 64))


def test_stages_passed_by_this_release_on_this_ladder_are_carried_over() -> None:
    carried = carry_over(order(from_stage="paper"), THE_LADDER, OLD, [[started(), passed("replay"), passed("shadow")]])
    assert carried.stage_index == 2
    assert [(r.stage, r.carried_from) for r in carried.records] == [
        ("replay", "bot/2.0.0/first"), ("shadow", "bot/2.0.0/first")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "history",
    [
        [],
        [passed("replay")],
        [passed("replay"), passed("shadow", digest="f" * 64)],
        [passed("replay"), passed("shadow", ladder="f" * 64)],
        [passed("replay"), passed("shadow", code=Code.SKIPPED)],
        [passed("replay"), passed("shadow"), other("sent_back", {}, "shadow")],
        [passed("replay"), passed("shadow"), other("retried", {}, "shadow")],
        [passed("replay"), passed("shadow"), started("f" * 64)],
    ],
)
def test_what_was_not_earned_by_this_release_on_this_ladder_does_not_count(history: list[ChainedEvent]) -> None:
    with pytest.raises(LadderError, match=r"no earlier climb of 2\.0\.0 passed .*shadow") as caught:
        carry_over(order(from_stage="paper"), THE_LADDER, OLD, [[started(), *history]])
    assert caught.value.code is Code.EVIDENCE_NOT_CARRIED


def test_an_unknown_stage_names_the_known_ones() -> None:
    with pytest.raises(LadderError, match="no stage 'papper', only replay, shadow, paper, canary-10, live"):
        carry_over(order(from_stage="papper"), THE_LADDER, OLD, [])


def test_resuming_asks_for_the_last_approval_it_jumps_over() -> None:
    assert [resume_terms(THE_LADDER, i) for i in range(5)] == [((), 1)] * 4 + [(("risk",), 1)]


@pytest.mark.parametrize("lacking", sorted(MONEY_NEEDS))
def test_money_is_refused_to_a_platform_that_cannot_take_it_back_by_itself(lacking: str) -> None:
    ladder = Ladder.model_validate(LADDER)
    require_capabilities(ladder, "bot", MONEY_NEEDS)
    with pytest.raises(LadderError, match=f"needs {lacking}, and the platform of bot") as refused:
        require_capabilities(ladder, "bot", MONEY_NEEDS - {lacking})
    assert refused.value.code is Code.PLATFORM_LACKS
    paper = ladder.model_copy(update={"stages": ladder.stages[:3]})
    require_capabilities(paper, "bot", frozenset())


def test_a_handover_is_refused_to_a_platform_that_does_not_name_it() -> None:
    ladder = Ladder.model_validate(LADDER)
    stages = tuple(
        stage.model_copy(update={"on_abort": Reassign()}) if stage.mode.touches_money else stage
        for stage in ladder.stages
    )
    handing = ladder.model_copy(update={"stages": stages})
    require_capabilities(handing, "bot", MONEY_NEEDS | {"reassign"})
    with pytest.raises(LadderError, match="needs reassign"):
        require_capabilities(handing, "bot", MONEY_NEEDS)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("2.4.0", "2.4.0 is held out since 2026-01-05 00:00: it bled"),
        ("2.5.0", "2.5.0 is the same as 2.4.0, which is held out since 2026-01-05 00:00: it bled"),
    ],
)
def test_a_refusal_names_the_version_under_which_the_release_is_held_out(version: str, why: str) -> None:
    held = HoldOut(digest=RELEASE.digest, version="2.4.0", reason="it bled", by="ana", at=NOW)
    assert held.against(version) == why
