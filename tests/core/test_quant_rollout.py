"""The gate ``trades`` and the guard ``streak`` beside a peer: what quant-rollout 0.1.0 answered."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.core.test_gates import gate, guard, trade, trades

from promotion_ladder.core.evidence import TradesEvidence
from promotion_ladder.core.verdict import Outcome

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "quant_rollout.json").read_text())["cases"]


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class TestPeer:
    """The answers of quant-rollout 0.1.0 where we mean to agree with it (see the vectors' own words)."""

    @staticmethod
    def evidence(case: dict[str, Any]) -> TradesEvidence:
        closed = [trade(pnl, size, _time(at)) for pnl, size, at in case["trades"]]
        entered = _time(case["entered"]) if case["entered"] else datetime(1900, 1, 1, tzinfo=UTC)
        return trades(*closed, stage_entered_at=entered, now=_time(case["now"]))

    @pytest.mark.parametrize("case", [case for case in CASES if case["gate"] is not None], ids=lambda case: case["id"])
    def test_its_gate_is_our_trades_gate(self, case: dict[str, Any]) -> None:
        asked = {"min_ev_per_dollar": "0", **case["gate"]}  # the peer asks for zero unless told otherwise
        if "min_days_after_prev" in asked:
            asked["min_days_in_stage"] = asked.pop("min_days_after_prev")
        verdict = gate("trades", **asked).judge(self.evidence(case))
        if case["action"] != "kill":  # a kill says nothing of the gate
            assert verdict.passed == case["reason"].startswith("gate passed"), verdict.sentence

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_its_kill_switch_is_our_streak_guard(self, case: dict[str, Any]) -> None:
        switch = case["kill_switch"]
        check = guard(
            "streak", win_rate_lookback=switch["wr_lookback"], min_win_rate=switch["wr_threshold"],
            ev_lookback=switch["ev_lookback"], min_ev_per_dollar=switch["ev_threshold"],
        )  # fmt: skip
        assert (check.judge(self.evidence(case)).outcome is Outcome.FAIL) == (case["action"] == "kill")

    def test_there_are_enough_cases_of_each_answer(self) -> None:
        actions = [case["action"] for case in CASES]
        assert min(actions.count(action) for action in ("noop", "advance", "kill", "veto_open")) >= 2
        assert sum(case["exact"] for case in CASES) == 3
