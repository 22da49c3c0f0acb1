"""The screen says what one needs, at any width."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console
from tests.workflows.conftest import LADDER, RELEASE

from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision, Step
from promotion_ladder.core.flat import Flatness, FlatReport, Residue
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.state import Ending, Hold, Phase, PromotionState, StartOrder, Stop, Window
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.tree import promotion_tree

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def state() -> PromotionState:
    made = PromotionState(order=StartOrder(promotion_id="bot/2.0.0/x", release=RELEASE, identity="ana"))
    made.ladder, made.stable, made.author = Ladder.model_validate(LADDER), ReleaseRef(version="1.0", digest=""), "ana"
    made.capital, made.stage_index, made.entered_at = Decimal("100000.00"), 3, NOW
    verdicts = tuple(
        Verdict(name=f"g-{o}", kind="threshold", outcome=o, code=Code.GATE_PASSED, sentence=f"reads {o}")
        for o in Outcome
    )
    made.decision = Decision(
        step=Step.CONTINUE, code=Code.GATES_OPEN, sentence="", elapsed=timedelta(0), verdicts=verdicts
    )
    return made


def shown(made: PromotionState, width: int = 100, *, compact: bool = False) -> str:
    text = StringIO()
    Console(file=text, width=width).print(promotion_tree(made, NOW, compact=compact))
    return text.getvalue()


@pytest.mark.parametrize("compact", [True, False])
def test_a_wait_for_people_says_who_until_when_and_what_silence_does(compact: bool) -> None:
    made = state()
    made.phase = Phase.AWAITING_APPROVAL
    made.window = Window(opened_at=NOW, deadline=NOW + timedelta(minutes=5), notice_id="n", evidence="e")
    made.may_be_exposed = True
    text = shown(made, compact=compact)
    assert "waits for approval 0 of 1 by risk, not ana, 5m left, else rolled back" in text
    assert "10,000.00 of 100,000.00 at the venue" in text
    assert all(f"g-{outcome}: reads {outcome}" in text for outcome in Outcome)


def test_a_hold_shows_its_reason() -> None:
    made = state()
    made.phase, made.hold = Phase.ON_HOLD, Hold(code=Code.HELD, actor="omar", reason="fills look odd", at=NOW)
    assert "on hold" in shown(made)
    assert "resume, retry, skip or rollback (fills look odd)" in shown(made)


def test_what_is_left_open_is_shown_while_coming_down() -> None:
    made = state()
    made.phase = Phase.COMING_DOWN
    made.stop = Stop(
        code=Code.KILLED, actor="omar", reason="killed by omar: bleeding", at=NOW, hold_out=True,
        ending=Ending.ROLLED_BACK,
    )  # fmt: skip
    left = Residue(instrument="WTI", at_bot=Decimal(3), at_venue=Decimal(3), error="venue refuses")
    made.flat = FlatReport(state=Flatness.RESIDUAL, residues=(left,))
    text = shown(made)
    assert "killed by omar: bleeding" in text
    assert "positions: residual" in text
    assert "WTI: 3 venue refuses" in text


def test_no_line_is_wider_than_the_screen() -> None:
    for width in (40, 80, 160):
        for compact in (True, False):
            assert max(map(len, shown(state(), width, compact=compact).splitlines())) <= width


def test_a_refused_start_says_why() -> None:
    made = PromotionState(order=StartOrder(promotion_id="bot/2.0.0/x", release=RELEASE, identity="ana"))
    made.ending, made.ended_sentence = Ending.REFUSED, "bot is latched"
    assert "bot is latched" in shown(made)


def test_a_wind_down_shows_how_long_it_may_last() -> None:
    made = state()
    made.phase, made.wind_down_until = Phase.COMING_DOWN, NOW + timedelta(minutes=8)
    made.stop = Stop(
        code=Code.ROLLED_BACK_BY_PERSON, actor="omar", reason="no hurry", at=NOW, hold_out=True,
        ending=Ending.ROLLED_BACK,
    )  # fmt: skip
    assert "positions close by themselves, 8m left, else flattened" in shown(made)
    made.flat_at = NOW
    assert "close by themselves" not in shown(made)
