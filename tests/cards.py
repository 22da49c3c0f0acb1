"""Cards of promotions in every situation, made from states as the workflow makes them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.workflows.conftest import LADDER, RELEASE

from promotion_ladder.core.card import Card, Telling, card
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision, Step
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.notice import Notice
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.state import Approval, Phase, PromotionState, StartOrder, Window
from promotion_ladder.core.verdict import Outcome, Verdict

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
THE_LADDER = Ladder.model_validate(LADDER)
EVIDENCE = "e" * 64


def a_verdict(name: str = "ev", outcome: Outcome = Outcome.PASS, **more: Any) -> Verdict:
    code = Code.GATE_PASSED if outcome is Outcome.PASS else Code.GATE_FAILED
    fields = {"value": Decimal("0.0042"), "limit": Decimal("0.003"), "n": 212, "sentence": "earns 42 bp per dollar"}
    return Verdict(**{"name": name, "kind": "trades", "outcome": outcome, "code": code} | fields | more)


def a_state(stage: str = "canary-10", phase: Phase = Phase.AWAITING_APPROVAL, **more: Any) -> PromotionState:
    """A promotion at ``stage``, its window open for another 25 minutes where it waits for people."""
    index = THE_LADDER.index(stage)
    assert index is not None
    waits = phase in (Phase.AWAITING_APPROVAL, Phase.VETO_WINDOW)
    window = Window(opened_at=NOW, deadline=NOW + timedelta(minutes=25), notice_id="n", evidence=EVIDENCE)
    decision = Decision(
        step=Step.ADVANCE, code=Code.GATES_PASSED, sentence="all gates pass", elapsed=timedelta(hours=1),
        verdicts=(a_verdict(), a_verdict("rejects", limit=Decimal("0.01"), value=Decimal("0.001"), n=None)),
    )  # fmt: skip
    order = StartOrder(promotion_id="bot/2.0.0/x1", release=RELEASE, identity="ana", reason="tighter stop")
    fields = {
        "order": order, "phase": phase, "started_at": NOW, "ladder": THE_LADDER, "author": "ana",
        "stable": ReleaseRef(version="1.9.0", digest="d" * 64), "capital": Decimal(100_000), "epoch": 1,
        "stage_index": index, "entered_at": NOW - timedelta(hours=1), "decision": decision, "evidence": EVIDENCE,
        "window": window if waits else None, "may_be_exposed": THE_LADDER.stages[index].mode.touches_money,
    }  # fmt: skip
    return PromotionState(**fields | more)


def approval_of(principal: str) -> Approval:
    return Approval(
        principal=principal, roles=("risk",), release_digest=RELEASE.digest, stage="canary-10", attempt=1,
        evidence=EVIDENCE, reason="looks right", at=NOW,
    )  # fmt: skip


def a_card(*args: Any, **more: Any) -> Card:
    return card(a_state(*args, **more), NOW)


def telling(notice: Notice, shown: Card | None = None) -> Telling:
    return Telling(notice=notice, card=shown or a_card())
