"""Gates and guards on named numbers and histograms: at their limits, and what is too little to say anything."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import HistogramEvidence, NumberEvidence, NumbersEvidence
from promotion_ladder.core.gates import Gate, Guard, OnFail
from promotion_ladder.core.gates.check import Check
from promotion_ladder.core.query import expand
from promotion_ladder.core.verdict import Outcome, Verdict

GATES: TypeAdapter[Check] = TypeAdapter(Gate)
GUARDS: TypeAdapter[Check] = TypeAdapter(Guard)
PASS, FAIL, UNSURE, NOTHING = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NO_DATA


def gate(kind: str, **fields: Any) -> Check:
    return GATES.validate_python({"kind": kind, "name": "g", **fields})


def guard(**fields: Any) -> Check:
    return GUARDS.validate_python({"kind": "slo", "name": "g", "target": "99.5%", "owner": "execution", **fields})


def judged(check: Check, numbers: dict[str, Any]) -> Verdict:
    return check.judge(NumbersEvidence.model_validate({"numbers": numbers}))


def burns(bad_long: int, bad_short: int, check: Check | None = None) -> Verdict:
    """The verdict on so many bad events of 10 000 in an hour and of 800 in five minutes."""
    numbers = {
        "good_long": 10_000 - bad_long, "total_long": 10_000, "good_short": 800 - bad_short, "total_short": 800,
    }  # fmt: skip
    return judged(check or guard(), numbers)


class TestSlo:
    level = gate("slo", target=0.995, owner="execution")

    @pytest.mark.parametrize(
        ("good", "outcome", "says"),
        [
            (99_640, PASS, "burn 0.72x, 28% of the error budget left; owner execution"),
            (99_500, PASS, "burn 1.00x, 0% of the error budget left"),
            (99_499, FAIL, "99499 of 100000 events were good, 99.499% against a target of 99.5%"),
            (99_460, FAIL, "burn 1.08x, error budget overspent by 8%"),
        ],
    )
    def test_the_worked_numbers(self, good: int, outcome: Outcome, says: str) -> None:
        verdict = judged(self.level, {"good": good, "total": 100_000})
        assert verdict.outcome is outcome
        assert says in verdict.sentence
        assert (verdict.limit, verdict.n) == (Decimal("0.995"), 100_000)
        assert verdict.code is (Code.SLO_MISSED if outcome is FAIL else Code.GATE_PASSED)

    @given(st.integers(min_value=50, max_value=10**9), st.integers(min_value=0, max_value=10**9))
    def test_bad_and_good_events_say_the_same(self, total: int, bad: int) -> None:
        bad = min(bad, total)
        by_bad = gate("slo", target=0.995, owner="execution", bad="b")
        mine = judged(self.level, {"good": total - bad, "total": total})
        assert judged(by_bad, {"bad": bad, "total": total}) == mine
        assert mine.passed == (1000 * bad <= 5 * total)

    def test_no_event_is_never_a_pass(self) -> None:
        assert judged(self.level, {"good": 0, "total": 0}).outcome is NOTHING
        assert judged(self.level, {"good": 49, "total": 49}).outcome is UNSURE
        assert judged(self.level, {"good": 50, "total": 50}).passed

    def test_counts_that_contradict_each_other_are_an_error_and_crumbs_of_floats_are_not(self) -> None:
        assert judged(self.level, {"good": 101, "total": 100}).outcome is Outcome.ERROR
        assert judged(self.level, {"good": "100.00000000001", "total": 100}).passed

    def test_an_owner_and_a_target_are_stated(self) -> None:
        for fields in ({"target": "99%"}, {"owner": "x"}, {"target": 0, "owner": "x"}, {"target": 1, "owner": "x"}):
            with pytest.raises(ValidationError):
                gate("slo", **fields)


class TestBurn:
    def test_both_windows_must_burn(self) -> None:
        assert burns(bad_long=800, bad_short=80).outcome is FAIL
        assert burns(bad_long=800, bad_short=40).passed, "it is over"
        assert burns(bad_long=600, bad_short=80).passed, "it is short"

    def test_a_trip_says_how_fast_and_whose(self) -> None:
        verdict = burns(bad_long=800, bad_short=80)
        assert verdict.code is Code.BUDGET_BURNS
        assert (verdict.value, verdict.limit, verdict.n) == (Decimal(16), Decimal("14.4"), 10_000)
        assert "burns 16.00x in 1h (800 bad of 10000) and 20.00x in 5m (80 of 800)" in verdict.sentence
        assert "owner execution" in verdict.sentence

    def test_exactly_the_factor_does_not_trip(self) -> None:
        numbers = {"good_long": 928, "total_long": 1000, "good_short": 928, "total_short": 1000}
        assert judged(guard(), numbers).passed
        assert judged(guard(), numbers | {"good_long": 927, "good_short": 927}).outcome is FAIL

    def test_few_bad_events_never_trip(self) -> None:
        quiet = {"good_long": 6, "total_long": 10, "good_short": 0, "total_short": 2}
        assert judged(guard(), quiet).passed
        assert judged(guard(min_bad_long=4), quiet).outcome is FAIL

    def test_no_events_are_neither_a_pass_nor_blindness(self) -> None:
        for numbers in ({"total_long": 0, "total_short": 0}, {"total_long": 100, "total_short": 0}):
            assert judged(guard(bad="b"), {"bad_long": 0, "bad_short": 0, **numbers}).outcome is UNSURE

    @pytest.mark.parametrize(("target", "number"), [("90%", "10 times"), ("0.93", "14.29"), ("50%", "above 93.06%")])
    def test_a_burn_that_cannot_be_reached_is_refused_with_the_number(self, target: str, number: str) -> None:
        with pytest.raises(ValidationError, match=number):
            guard(target=target)
        assert burns(bad_long=9000, bad_short=790, check=guard(target=target, factor="1.1")).outcome is FAIL

    def test_the_short_window_is_the_shorter_one(self) -> None:
        with pytest.raises(ValidationError, match="not shorter"):
            guard(long="5m")

    def test_each_window_is_asked_for(self) -> None:
        asked = guard().queries()
        assert {name: each.window for name, each in asked.items()} == {
            "good_long": timedelta(hours=1), "total_long": timedelta(hours=1),
            "good_short": timedelta(minutes=5), "total_short": timedelta(minutes=5),
        }  # fmt: skip


def histogram(recent: list[int], training: list[int] | None = None, **more: Any) -> HistogramEvidence:
    edges = list(range(len(recent) - 1))
    return HistogramEvidence.model_validate(
        {"edges": edges, "recent": recent, "training": training or [1000] * len(recent), **more}
    )


class TestDrift:
    def test_the_worked_number_is_healthy(self) -> None:
        # A normal feature shifted by 0.435 standard deviations, in buckets of a tenth of the training data each.
        verdict = gate("drift").judge(histogram([430, 578, 678, 769, 862, 961, 1077, 1222, 1435, 1986]))
        assert verdict.passed
        assert verdict.value is not None
        assert round(verdict.value, 2) == Decimal("0.09")
        assert "KL is 0.08956, drift from 0.20 on" in verdict.sentence
        assert "shifted by 0.42 sd" in verdict.sentence

    def test_drift_holds_and_asks_for_another_evaluation(self) -> None:
        check = gate("drift")
        verdict = check.judge(histogram([600, 200, 100, 50, 20, 10, 10, 5, 3, 2]))
        assert getattr(check, "on_fail") is OnFail.HOLD  # noqa: B009 - a field of gates alone
        assert (verdict.outcome, verdict.code, verdict.n) == (FAIL, Code.DRIFTED, 1000)
        assert "evaluate the model again, by a fresh replay" in verdict.sentence

    def test_what_chance_explains_is_no_alarm_and_no_pass(self) -> None:
        recent, wide = [20, 10, 14, 6, 9, 11, 8, 12, 5, 5], gate("drift", max_kl="0.05")
        assert wide.judge(histogram(recent)).outcome is UNSURE
        assert wide.judge(histogram([10 * count for count in recent])).outcome is FAIL

    def test_too_few_effective_values_are_not_healthy(self) -> None:
        same = [144] * 10
        assert gate("drift").judge(histogram(same)).passed
        verdict = gate("drift", autocorrelation="0.9").judge(histogram(same))
        assert (verdict.outcome, verdict.code) == (UNSURE, Code.TOO_FEW_SAMPLES)
        assert "1440 recent values are worth 76 independent ones, 100 are needed" in verdict.sentence

    def test_psi_alone_or_beside(self) -> None:
        moved = [400, 300, 200, 150, 100, 100, 50, 50, 30, 20]
        assert gate("drift", max_kl=None, max_psi="0.25").judge(histogram(moved)).outcome is FAIL
        assert gate("drift", max_kl="0.9", max_psi="0.25").judge(histogram(moved)).outcome is FAIL
        assert gate("drift", max_kl="0.9").judge(histogram(moved)).passed
        with pytest.raises(ValidationError, match="could not fail"):
            gate("drift", max_kl=None)

    def test_histograms_that_do_not_fit_are_an_error_and_empty_ones_no_data(self) -> None:
        check = gate("drift")
        assert check.judge(histogram([1, 2, 3], [1, 2])).outcome is Outcome.ERROR
        assert check.judge(histogram([1, -2, 300])).outcome is Outcome.ERROR
        assert check.judge(histogram([0, 0, 0])).outcome is NOTHING
        assert check.judge(histogram([1, 2, 3], [0, 0, 0])).outcome is NOTHING
        assert check.judge(histogram([1, 2], problem=Code.SOURCE_DOWN)).outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("check", "numbers", "outcome", "says"),
    [
        (gate("fill_ratio"), {"fills": 80, "orders": 100}, PASS, "80 of 100 orders were filled, 0.8; at least 0.8"),
        (gate("fill_ratio"), {"fills": 79, "orders": 100}, FAIL, "0.79"),
        (gate("fill_ratio"), {"fills": 49, "orders": 49}, UNSURE, "49 orders sent, at least 50 needed"),
        (gate("fill_ratio"), {"fills": 0, "orders": 0}, NOTHING, "0 orders"),
        (gate("deny_rate"), {"denied": 3, "decisions": 100}, PASS, "at most 0.03"),
        (gate("deny_rate"), {"denied": 4, "decisions": 100}, FAIL, "4 of 100 decisions were denied, 0.04"),
        (gate("deny_rate"), {"denied": 0, "decisions": 10}, UNSURE, "at least 50"),
        (gate("deny_rate"), {"denied": 0, "decisions": 0}, NOTHING, "at least 50"),
        (gate("overload"), {"code pool_overloaded": 0, "code no_workers": 0}, PASS, "no overload stood for 2m"),
        (gate("overload"), {"code pool_overloaded": 1, "code no_workers": 0}, FAIL, "pool_overloaded stood for 2m"),
        (gate("overload"), {"code pool_overloaded": 0}, NOTHING, "no number for 'code no_workers'"),
        (gate("overload"), {}, NOTHING, "no number"),
        (gate("alerts"), {"witness": 1}, PASS, "no alert fires (bot=$bot)"),
        (gate("alerts"), {"witness": 1, "alert B": 1, "alert A": 2}, FAIL, "firing: A, B"),
        (gate("alerts"), {"alert A": 2}, NOTHING, "no number for 'witness'"),
        (gate("alerts"), {}, NOTHING, "witness"),
    ],
)  # fmt: skip
def test_at_the_limit(check: Check, numbers: dict[str, Any], outcome: Outcome, says: str) -> None:
    verdict = judged(check, numbers)
    assert verdict.outcome is outcome
    assert says in verdict.sentence


def slipped(error: float, mean: float, **fields: Any) -> Verdict:
    numbers = {"predicted": 200, "real": 200 + 100 * mean, "squared_error": 100 * error**2, "fills": 100}
    return judged(gate("slippage", max_rmse=2, **fields), numbers)


def test_slippage_is_judged_by_its_error_and_on_request_by_its_mean() -> None:
    assert slipped(2, 1).passed
    assert slipped(2.01, 0).outcome is FAIL
    assert slipped(2, 1, max_mean=1).passed
    late = slipped(2, 1.5, max_mean=1)
    assert (late.outcome, late.value, late.limit) == (FAIL, Decimal("1.5"), Decimal(1))
    assert "over 100 fills" in late.sentence
    none = {"predicted": 0, "real": 0, "squared_error": 0, "fills": 0}
    assert judged(gate("slippage", max_rmse=2), none).outcome is NOTHING


class TestViolations:
    def test_one_critical_violation_fails_however_little_was_seen(self) -> None:
        verdict = judged(gate("violations"), {"severe": 1, "all": 1, "against": 9, "decisions": 1})
        assert (verdict.outcome, verdict.code) == (FAIL, Code.VIOLATIONS)

    def test_others_are_counted_against_stable(self) -> None:
        seen = {"severe": 0, "all": 3, "decisions": 100}
        assert judged(gate("violations"), {**seen, "against": 3}).passed
        assert judged(gate("violations"), {**seen, "against": 2}).outcome is FAIL

    def test_none_in_few_decisions_says_nothing(self) -> None:
        clean = {"severe": 0, "all": 0, "against": 0}
        assert judged(gate("violations"), {**clean, "decisions": 0}).outcome is NOTHING
        assert judged(gate("violations"), {**clean, "decisions": 49}).outcome is UNSURE


class TestGaps:
    def test_the_worst_market_decides(self) -> None:
        check = gate("gaps", max_count=1, max_age="2s")
        fine = {"gaps WTI": 1, "age WTI": 2, "gaps BRENT": 0, "age BRENT": 0.5}
        assert judged(check, fine).passed
        assert "BRENT had 2 gaps" in judged(check, fine | {"gaps BRENT": 2}).sentence
        old = judged(check, fine | {"age WTI": 4.6})
        assert (old.outcome, old.code, old.value) == (FAIL, Code.DATA_GAPS, Decimal("4.6"))
        assert "data of WTI is 4.6 s old, at most 2 s" in old.sentence

    def test_a_market_of_which_half_is_told_is_no_data(self) -> None:
        assert judged(gate("gaps"), {}).outcome is NOTHING
        assert judged(gate("gaps"), {"gaps WTI": 0, "age WTI": 1, "gaps BRENT": 0}).outcome is NOTHING


def test_the_book_of_the_monitoring_guide_is_too_old_and_one_exactly_as_old_as_its_limit_is_not() -> None:
    check = GUARDS.validate_python({
        "kind": "staleness", "name": "book", "max_age": "2000ms", "scope": "market", "on_trip": "pause_scope",
    })  # fmt: skip
    assert check.judge(NumberEvidence(value=Decimal("4.6"))).outcome is FAIL
    assert check.judge(NumberEvidence(value=Decimal(2))).passed


class TestQueries:
    def test_every_default_can_be_filled_in(self) -> None:
        labels = {"bot": "b", "release": "1", "variant": "candidate"}
        bare = ("fill_ratio", "deny_rate", "violations", "overload", "gaps", "alerts", "drift")
        checks = [gate(kind) for kind in bare]
        checks += [gate("slippage", max_rmse=1), gate("slo", target="99%", owner="o"), guard()]
        for check in checks:
            for asked in check.queries().values():
                assert "$" not in expand(asked.query, {}, labels, timedelta(minutes=1))

    def test_alerts_are_matched_by_escaped_labels_of_the_bot(self) -> None:
        asked = gate("alerts", match={"bot": "$bot", "severity": 'a"b'}).queries()["alert"]
        assert expand(asked.query, {}, {"bot": 'x"y'}, timedelta(minutes=1)) == (
            'count by (alertname) (ALERTS{alertstate="firing",alertname!="AlwaysFiring",bot="x\\"y",severity="a\\"b"})'
        )
        with pytest.raises(ValidationError, match="no name of a label"):
            gate("alerts", match={"a b": "c"})
