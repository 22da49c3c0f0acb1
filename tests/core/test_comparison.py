"""``delta`` on sides with unequal shares of the capital."""

from decimal import Decimal
from typing import Any

import pytest

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence, PairEvidence
from promotion_ladder.core.gates import DeltaGate
from promotion_ladder.core.verdict import Outcome


def delta(**fields: Any) -> DeltaGate:
    return DeltaGate.model_validate({"name": "g", "query": "q", **fields})


def pair(candidate: str, baseline: str) -> PairEvidence:
    return PairEvidence(
        candidate=NumberEvidence(value=Decimal(candidate)), baseline=NumberEvidence(value=Decimal(baseline)),
        candidate_capital=Decimal(100), baseline_capital=Decimal(400),
    )  # fmt: skip


class TestDeltaPerCapital:
    """Each side is divided by what the platform allots to it, so unequal shares compare."""

    @pytest.mark.parametrize(
        ("mine", "theirs", "limit", "outcome"),
        [
            ("10", "40", 0, Outcome.PASS),  # 10 of 100 is as much as 40 of 400
            ("9.99", "40", 0, Outcome.FAIL),
            ("9.99", "40", "-0.0001", Outcome.PASS),
            ("-1", "-5", 0, Outcome.PASS),
            ("0", "0", 0, Outcome.PASS),
        ],
    )
    def test_what_counts_is_the_difference_per_unit(
        self, mine: str, theirs: str, limit: object, outcome: Outcome
    ) -> None:
        verdict = delta(min=limit, unit="per_capital").judge(pair(mine, theirs))
        assert verdict.outcome is outcome
        assert verdict.value == Decimal(mine) / 100 - Decimal(theirs) / 400

    @pytest.mark.parametrize("side", ["candidate", "baseline"])
    @pytest.mark.parametrize("capital", [None, Decimal(0), Decimal(-1)])
    def test_a_side_without_capital_is_no_data(self, side: str, capital: Decimal | None) -> None:
        evidence = pair("1", "1").model_copy(update={f"{side}_capital": capital})
        verdict = delta(max=2, unit="per_capital").judge(evidence)
        assert (verdict.outcome, verdict.code) == (Outcome.NO_DATA, Code.NO_DATA)
        assert verdict.sentence.startswith("stable" if side == "baseline" else "candidate")

    @pytest.mark.parametrize("unit", [None, "usd"])
    def test_any_other_unit_is_compared_as_it_is(self, unit: str | None) -> None:
        assert delta(max=2, unit=unit).judge(pair("10", "40")).value == Decimal(-30)
