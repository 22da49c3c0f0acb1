"""A ladder in a unit test: promotion_ladder.testing.climb."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from promotion_ladder.adapters.files import load_ladder
from promotion_ladder.core.evidence import TradeOutcome
from promotion_ladder.core.gates import MannWhitneyGate
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.testing import climb

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
CONFIG = Path(__file__).parent.parent.parent / "config"


def streak(n: int, *, won: float, pnl: str = "1", size: str = "10", every: timedelta) -> list[TradeOutcome]:
    """``n`` trades of which a share is won, evenly mixed."""
    return [
        TradeOutcome(
            pnl=Decimal(pnl) if int((i + 1) * won) > int(i * won) else -Decimal(pnl),
            size=Decimal(size),
            closed_at=MONDAY + every * (i + 1),
        )
        for i in range(n)
    ]


def test_a_winning_streak_takes_the_demo_ladder_to_live() -> None:
    ladder = load_ladder(CONFIG / "ladders" / "demo.yaml")
    won, usual = (streak(400, won=share, every=timedelta(seconds=0.5)) for share in (0.8, 0.7))
    done = climb(ladder, won, started_at=MONDAY, baseline=usual, metrics=lambda _q, _t: Decimal(1))
    assert (done.ended, done.reached) == ("live", "live")
    assert {moment.stage for moment in done.decisions} == {stage.name for stage in ladder.stages}


def test_a_losing_streak_is_brought_down_by_a_guard_in_canary() -> None:
    ladder = load_ladder(CONFIG / "ladders" / "demo.yaml")
    fine, bad = (streak(200, won=w, pnl="20", size="1000", every=timedelta(seconds=0.5)) for w in (0.9, 0.1))
    late = [trade.model_copy(update={"closed_at": trade.closed_at + timedelta(seconds=18)}) for trade in bad]
    done = climb(ladder, fine[:36] + late, started_at=MONDAY, metrics=lambda _q, _t: Decimal(1))
    assert (done.ended, done.reached) == ("aborted", "canary-10")


def test_missing_metrics_never_pass() -> None:
    ladder = load_ladder(CONFIG / "ladders" / "demo.yaml")
    done = climb(ladder, streak(400, won=0.8, every=timedelta(seconds=0.5)), started_at=MONDAY)
    assert (done.ended, done.reached) == ("held", "canary-10")


def test_too_few_trades_leave_it_running() -> None:
    ladder = load_ladder(CONFIG / "ladders" / "quick.yaml")
    done = climb(ladder, streak(3, won=1, every=timedelta(minutes=1)), started_at=MONDAY)
    assert done.ended == "running"


def _answer(answers: dict[str, Decimal | None], query: str, _at: datetime) -> Decimal | None:
    return answers.get(query, Decimal(1))


def test_a_gate_on_samples_sees_both_sides_alike_and_nothing_where_the_metric_has_nothing() -> None:
    ladder = load_ladder(CONFIG / "ladders" / "demo.yaml")
    ranks = MannWhitneyGate(name="latency", query="lag{$labels}")
    stages = tuple(stage.model_copy(update={"gates": (*stage.gates, ranks)}) for stage in ladder.stages)
    watched = ladder.model_copy(update={"stages": stages})
    fine, usual = (streak(400, won=share, every=timedelta(seconds=0.5)) for share in (0.8, 0.7))
    for value, reached in ((Decimal(1), "live"), (None, ladder.stages[0].name)):
        answers = {"lag{$labels}": value}
        done = climb(watched, fine, started_at=MONDAY, baseline=usual, metrics=partial(_answer, answers))
        assert done.reached == reached


def test_gates_on_named_numbers_get_the_number_of_each_query_and_missing_ones_never_pass() -> None:
    plain = load_ladder(CONFIG / "ladders" / "demo.yaml").model_dump(mode="json")
    plain["stages"][1]["gates"] = [{"kind": "deny_rate", "name": "denied"}, {"kind": "overload", "name": "busy"}]
    ladder = Ladder.model_validate(plain)

    def metrics(query: str, _: datetime) -> Decimal:
        return Decimal(0 if "denied" in query or "overloaded" in query else 100)

    won = streak(400, won=0.8, every=timedelta(seconds=0.5))
    assert climb(ladder, won, started_at=MONDAY, metrics=metrics).reached != "shadow"
    assert climb(ladder, won, started_at=MONDAY).reached == "shadow"
