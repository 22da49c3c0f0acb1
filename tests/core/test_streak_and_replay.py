"""``streak`` and ``replay_match``: what happened in a row, and what happens twice."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.test_gates import NOW, gate, guard, replay, run, trade, trades

from promotion_ladder.core.codes import Code
from promotion_ladder.core.gates import StreakGuard
from promotion_ladder.core.gates.trades import added_up
from promotion_ladder.core.platform import ReplayRun
from promotion_ladder.core.statistics.carried import TradeSums
from promotion_ladder.core.verdict import Outcome


class TestStreak:
    def test_it_looks_at_the_newest_trades_whatever_their_order(self) -> None:
        old = [trade("1", at=NOW - timedelta(minutes=20 + i)) for i in range(10)]
        new = [trade("-1", at=NOW - timedelta(minutes=i)) for i in range(3)]
        check = guard("streak", win_rate_lookback=3, min_win_rate="10%")
        assert check.judge(trades(*new, *old)).outcome is Outcome.FAIL
        assert check.judge(trades(*old, *new)).outcome is Outcome.FAIL
        assert check.judge(trades(*old, *new[:2])).outcome is Outcome.PASS

    def test_either_floor_trips_and_the_shorter_one_need_not_wait_for_the_longer(self) -> None:
        check = guard("streak", win_rate_lookback=2, min_win_rate="55%", ev_lookback=4, min_ev_per_dollar="-0.01")
        assert check.judge(trades(trade("-1"))).outcome is Outcome.INCONCLUSIVE
        assert check.judge(trades(trade("-1"), trade("-1"))).outcome is Outcome.FAIL
        lucky = trades(trade("-9"), trade("-9"), trade("1"), trade("1"))
        worse = lucky.model_copy(update={
            "candidate": tuple(t.model_copy(update={"closed_at": NOW - timedelta(minutes=9 - i)})
                               for i, t in enumerate(lucky.candidate))
        })  # fmt: skip
        verdict = check.judge(worse)
        assert verdict.outcome is Outcome.FAIL
        assert "value per dollar of the last 4 trades is -0.4" in verdict.sentence

    @given(st.lists(st.sampled_from(("-9", "-1", "0", "1", "9")), max_size=8), st.booleans())
    def test_it_is_broken_where_it_fails(self, profits: list[str], sized: bool) -> None:
        check = guard("streak", win_rate_lookback=2, min_win_rate="55%", ev_lookback=4, min_ev_per_dollar="-0.01")
        assert isinstance(check, StreakGuard)
        closed = [
            trade(profit, "100" if sized else "0", at=NOW - timedelta(minutes=9 - i))
            for i, profit in enumerate(profits)
        ]

        def newest(n: int) -> TradeSums:
            return added_up(closed[-n:])

        fails = check.judge(trades(*closed)).outcome is Outcome.FAIL
        assert check.broken(len(closed), newest) == fails
        assert (check.conclude(len(closed), newest).outcome is Outcome.FAIL) == fails


class TestReplayMatch:
    @pytest.mark.parametrize(
        ("fields", "runs", "outcome", "code"),
        [
            ({}, (run("a"), run("a"), run("z")), Outcome.PASS, Code.GATE_PASSED),
            ({}, (run("a"), run("b"), run("z")), Outcome.FAIL, Code.REPLAY_DIFFERS),
            ({"expected_decisions": "a"}, (run("a"), run("a"), run("z")), Outcome.PASS, Code.GATE_PASSED),
            ({"expected_decisions": "e"}, (run("a"), run("a"), run("z")), Outcome.FAIL, Code.GATE_FAILED),
            ({"min_ev_delta": 0}, (run("a", 9, "1"), run("a"), run("z", 9, "1")), Outcome.PASS, Code.GATE_PASSED),
            ({"min_ev_delta": 0}, (run("a", 9, "1"), run("a"), run("z", 9, "2")), Outcome.FAIL, Code.GATE_FAILED),
            ({"min_ev_delta": "-0.1"}, (run("a", 9, "1"), run("a"), run("z", 9, "2")), Outcome.PASS, Code.GATE_PASSED),
            ({"min_ev_delta": -9}, (run("a"), run("a"), run("z", 9, "2")), Outcome.NO_DATA, Code.NO_DATA),
        ],
    )  # fmt: skip
    def test_twice_the_same_as_expected_and_no_worse(
        self, fields: dict[str, Any], runs: tuple[ReplayRun, ReplayRun, ReplayRun], outcome: Outcome, code: Code
    ) -> None:
        verdict = gate("replay_match", **fields).judge(replay(*runs))
        assert (verdict.outcome, verdict.code) == (outcome, code)
