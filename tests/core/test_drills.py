"""When a drill may be."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.codes import Code
from promotion_ladder.core.drills import why_no_drill
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import BotFacts, Latch, Mode
from promotion_ladder.core.release import ChangeClass, Release, ReleaseRef
from promotion_ladder.core.state import Phase, PromotionState, StageRecord, StartOrder

NOW = datetime(2026, 1, 5, tzinfo=UTC)
REAL = BotFacts(
    bot="b", account="a", venue="v", instruments=("WTI",), stable=ReleaseRef(version="1.0.0", digest="0" * 64),
    epoch=0, promotion_id=None, total_capital=Decimal(1), capabilities=frozenset({"latch"}),
)  # fmt: skip
SIMULATED = REAL.model_copy(update={"capabilities": frozenset({"simulated"})})


def climb(phase: Phase, *, left: bool = False) -> PromotionState:
    release = Release(
        bot="b", version="2.0.0", artifact="sha256:" + "a" * 64, params="sha256:" + "b" * 64,
        change=ChangeClass.STRATEGY, author="ana",
    )  # fmt: skip
    ladder = Ladder.model_validate({
        "ladder": "two",
        "stages": [
            {"name": "paper", "mode": "paper", "gates": [{"kind": "trades", "name": "some", "min_n": 2}]},
            {"name": "live", "mode": "live", "gates": [{"kind": "trades", "name": "some", "min_n": 2}],
             "limits": {"instruments": ["WTI"], "price_band": "1%", "max_order_value": 1, "max_orders_per_minute": 1,
                        "max_position_value": 1, "venues": ["v"]},
             "guards": {"checks": [{"kind": "loss", "name": "loss", "max_share": "2%"}]}},
        ],
    })  # fmt: skip
    order = StartOrder(promotion_id="b/2.0.0/x", release=release, identity="ana")
    state = PromotionState(order=order, phase=phase, ladder=ladder)
    if left:
        state.passed = [
            StageRecord(
                stage="paper", attempt=1, entered_at=NOW, left_at=NOW, code=Code.GATES_PASSED, evidence=None
            )
        ]  # fmt: skip
    return state


@given(st.sampled_from([None, *Mode]))
def test_real_money_is_never_drilled(mode: Mode | None) -> None:
    assert "real money" in why_no_drill(REAL, mode, ["candidate with 1"], None)
    assert (why_no_drill(REAL, mode, [], None) == "") is (mode in (Mode.SHADOW, Mode.PAPER))
    assert why_no_drill(SIMULATED, mode, ["candidate with 1"], None) == ""


@pytest.mark.parametrize("facts", [REAL, SIMULATED])
def test_a_standing_latch_is_never_touched(facts: BotFacts) -> None:
    latch = Latch(scope="global", target="all", reason="wrong", by="omar", at=NOW)
    latched = facts.model_copy(update={"latches": (latch,)})
    assert "latched already (global all) by omar: wrong" in why_no_drill(latched, Mode.PAPER, [], None)


@pytest.mark.parametrize("phase", Phase)
def test_a_climb_that_is_about_to_move_is_left_alone(phase: Phase) -> None:
    moves = phase in (Phase.ADMITTING, Phase.ENTERING, Phase.COMING_DOWN, Phase.SETTLING, Phase.ENDED)
    assert bool(why_no_drill(SIMULATED, Mode.PAPER, [], climb(phase))) is moves
    assert "run into the latch" in why_no_drill(SIMULATED, Mode.PAPER, [], climb(phase, left=True))
