"""Gates and guards: what each kind says at its limits, and that nothing missing is ever a pass."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import (
    Arm,
    AttestationEvidence,
    Evidence,
    HistogramEvidence,
    HoldingsEvidence,
    JudgedGate,
    MeasurementsEvidence,
    NumberEvidence,
    NumbersEvidence,
    PairEvidence,
    ProbeResult,
    ReplayEvidence,
    SamplesEvidence,
    Slice,
    SlicesEvidence,
    StandingEvidence,
    TradeOutcome,
    TradesEvidence,
    VerdictsEvidence,
)
from promotion_ladder.core.gates import Gate, Guard
from promotion_ladder.core.gates.check import Check, show
from promotion_ladder.core.gates.money import MoneyCheck
from promotion_ladder.core.platform import ReplayResult, ReplayRun
from promotion_ladder.core.verdict import Outcome, Verdict

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ENTERED = NOW - timedelta(days=1)
GATES: TypeAdapter[Check] = TypeAdapter(Gate)
GUARDS: TypeAdapter[Check] = TypeAdapter(Guard)


def gate(kind: str, **fields: Any) -> Check:
    return GATES.validate_python({"kind": kind, "name": "g", **fields})


def guard(kind: str, **fields: Any) -> Check:
    return GUARDS.validate_python({"kind": kind, "name": "g", **fields})


def number(value: str | int | None, samples: int | None = 60, **more: Any) -> NumberEvidence:
    return NumberEvidence(value=None if value is None else Decimal(value), at=NOW, samples=samples, **more)


def pair(candidate: str | None, baseline: str | None) -> PairEvidence:
    capital = {"candidate_capital": Decimal(100), "baseline_capital": Decimal(400)}
    return PairEvidence(candidate=number(candidate), baseline=number(baseline), **capital)


def trade(pnl: str, size: str = "10", at: datetime = NOW) -> TradeOutcome:
    return TradeOutcome(pnl=Decimal(pnl), size=Decimal(size), closed_at=at)


def trades(*closed: TradeOutcome, **more: Any) -> TradesEvidence:
    return TradesEvidence(candidate=closed, **({"stage_entered_at": ENTERED, "now": NOW} | more))


def numbers(**named: float) -> NumbersEvidence:
    return NumbersEvidence.model_validate({"numbers": named})


def standing(pnl: str | None, peak: str | None = "0", capital: str | None = "100") -> StandingEvidence:
    return StandingEvidence.model_validate({"pnl": pnl, "peak_pnl": peak, "capital": capital})


def run(sha: str, decisions: int = 9, *pnl: str) -> ReplayRun:
    return ReplayRun.model_validate({
        "decisions": decisions, "decisions_sha256": sha, "pnl": "0", "max_drawdown": "0",
        "trades": [
            {"pnl": p, "size": "10", "closed_at": NOW, "opened_at": NOW, "variant": "candidate", "instrument": "W",
             "trade_id": str(i), "bot": "b", "release": "1", "mode": "replay"} for i, p in enumerate(pnl)
        ],
    })  # fmt: skip


def replay(candidate: ReplayRun, repeat: ReplayRun, stable: ReplayRun, *, done: bool = True) -> ReplayEvidence:
    result = ReplayResult(replay_id="r", done=done, candidate=candidate, repeat=repeat, stable=stable)
    return ReplayEvidence(result=result)


def sliced() -> SlicesEvidence:
    """Sixty minutes in which the candidate does as well as the baseline, now a little more and now a little less."""
    arms = [Arm(sum=Decimal(i % 3), count=Decimal(100)) for i in range(61)]
    return SlicesEvidence(
        slices=tuple(
            Slice(start=ENTERED + i * timedelta(minutes=1), candidate=arms[i], baseline=arms[i + 1]) for i in range(60)
        )
    )


ALL: list[Check] = [
    gate("threshold", query="q", max=1000),
    gate("ratio", query="q", max=2),
    gate("delta", query="q", max=2),
    gate("delta", query="q", max=2, unit="per_capital"),
    gate("trades", min_total_pnl=-1000),
    gate("trades", min_days_in_stage="0.1"),
    gate("staleness", max_age="5s"),
    gate("heartbeat", max_age="5s"),
    gate("drawdown", max=1000),
    gate("drawdown", max_share="90%"),
    gate("replay_match"),
    gate("non_inferiority", margin="0.01"),
    gate("non_inferiority", margin="0.01", design="fixed_horizon"),
    gate("mann_whitney"),
    gate("looks", count=1),
    gate("score"),
    gate("slo", target="99%", owner="desk"),
    gate("slo", target="99%", owner="desk", bad="b"),
    gate("drift"),
    gate("drift", max_kl=None, max_psi="0.2"),
    gate("fill_ratio"),
    gate("slippage", max_rmse=5, max_mean=1),
    gate("deny_rate"),
    gate("violations"),
    gate("overload"),
    gate("gaps"),
    gate("alerts"),
    gate("attestation"),
    gate("attestation", of=("config",)),
    gate("backlog", max=1),
    guard("slo", target="99%", owner="desk"),
    guard("loss", max=1000),
    guard("loss", max_share="90%"),
    guard("drawdown", max=1000),
    guard("reject_burst", max=5, within="1m"),
    guard("order_rate", max=1000),
    guard("position", max=1000),
    guard("staleness", max_age="5s"),
    guard("heartbeat", max_age="5s"),
    guard("streak", win_rate_lookback=2, min_win_rate="10%"),
    guard("streak", ev_lookback=2, min_ev_per_dollar=-1),
]
ALL_IDS = [f"{type(check).__name__}-{i}" for i, check in enumerate(ALL)]
GOOD: list[Evidence] = [
    number("1"),
    pair("1", "1"),
    trades(trade("1"), trade("1")),
    standing("5", "6"),
    HoldingsEvidence(values={"WTI": Decimal(1)}),
    replay(run("a"), run("a"), run("b")),
    sliced(),
    AttestationEvidence(results=(ProbeResult(name="config", passed=True, at=NOW),), now=NOW),
    SamplesEvidence(candidate=(1.0, 2.0), baseline=(2.0, 1.0)),
    MeasurementsEvidence(verdicts=(Outcome.PASS,)),
    VerdictsEvidence(gates=(JudgedGate(name="a", classification="Pass", groups=("a",)),)),
    numbers(
        good=999,
        bad=1,
        total=1000,
        good_long=999,
        total_long=1000,
        good_short=99,
        total_short=100,
        fills=90,
        orders=100,
        predicted=180,
        real=185,
        squared_error=90,
        denied=3,
        decisions=100,
        severe=0,
        all=1,
        against=1,
        witness=1,
        **{"code pool_overloaded": 0, "code no_workers": 0, "gaps WTI": 0, "age WTI": 2},
    ),
    HistogramEvidence.model_validate({"edges": [0, 1], "recent": [100, 200, 100], "training": [1000, 2000, 1000]}),
]


def test_every_kind_is_among_the_checks_below() -> None:
    kinds = {kind for union in (Gate, Guard) for kind in get_args(get_args(union)[0])}
    assert {type(check) for check in ALL} == kinds


@pytest.mark.parametrize("check", ALL, ids=ALL_IDS)
class TestNothingMissingIsAPass:
    def test_good_evidence_of_its_own_kind_passes_and_any_other_is_an_error(self, check: Check) -> None:
        outcomes = [check.judge(evidence).outcome for evidence in GOOD]
        assert sorted(outcomes) == [Outcome.ERROR] * (len(GOOD) - 1) + [Outcome.PASS]

    def test_a_problem_is_believed_whatever_stands_beside_it(self, check: Check) -> None:
        for code in Code:
            for evidence in GOOD:
                if isinstance(evidence, PairEvidence):
                    bad = number("1", problem=code)
                    broken: list[Evidence] = [
                        PairEvidence(candidate=bad, baseline=number("1")),
                        PairEvidence(candidate=number("1"), baseline=bad),
                    ]
                elif "problem" not in type(evidence).model_fields:  # verdicts have their own way to say it
                    continue
                else:
                    broken = [evidence.model_copy(update={"problem": code})]
                for each in broken:
                    verdict = check.judge(each)
                    assert verdict.outcome in (Outcome.NO_DATA, Outcome.INCONCLUSIVE, Outcome.ERROR)
                    assert verdict.sentence

    def test_an_absent_value_is_not_a_pass(self, check: Check) -> None:
        absent: list[Evidence] = [
            number(None),
            pair(None, "1"),
            pair("1", None),
            trades(),
            trades(trade("1", at=NOW + timedelta(seconds=1)), trade("1", at=ENTERED - timedelta(seconds=1))),
            standing(None),
            standing(None, None, None),
            ReplayEvidence(result=None),
            ReplayEvidence(result=ReplayResult(replay_id="r", done=True)),
            replay(run("a"), run("a"), run("a"), done=False),
            replay(run("a", 0), run("a", 0), run("a", 0)),
            AttestationEvidence(results=(), now=NOW),
            AttestationEvidence(results=(), now=NOW, probes=("config",)),
            SamplesEvidence(candidate=(), baseline=()),
            SamplesEvidence(candidate=(None, None), baseline=(None, None)),
            SamplesEvidence(candidate=(1.0, 1.0), baseline=()),
            MeasurementsEvidence(verdicts=()),
            MeasurementsEvidence(verdicts=(Outcome.NO_DATA,)),
            VerdictsEvidence(gates=()),
            VerdictsEvidence(gates=(JudgedGate(name="a", classification="no_data", groups=("a",)),)),
        ]
        for evidence in absent:
            assert not check.judge(evidence).passed, evidence


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_evidence_cannot_even_hold_what_is_no_number(value: str) -> None:
    with pytest.raises(ValidationError):
        number(value)
    with pytest.raises(ValidationError):
        trade(value)
    with pytest.raises(ValidationError):
        standing(value)


REAL = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)


class TestAnyNumber:
    """For every finite number there is a verdict, and it agrees with the plain comparison."""

    @given(REAL, REAL, REAL)
    def test_threshold(self, value: Decimal, a: Decimal, b: Decimal) -> None:
        low, high = sorted((a, b))
        evidence = NumberEvidence(value=value, samples=9)
        both, least, most = (
            gate("threshold", query="q", **f) for f in ({"min": low, "max": high}, {"min": low}, {"max": high})
        )
        assert both.judge(evidence).passed == (low <= value <= high)
        assert least.judge(evidence).passed == (value >= low)
        assert most.judge(evidence).passed == (value <= high)

    @given(REAL, REAL)
    @example(Decimal(10**12), Decimal("8.508463683649731E-15"))
    def test_ratio_and_delta(self, candidate: Decimal, baseline: Decimal) -> None:
        evidence = PairEvidence(candidate=NumberEvidence(value=candidate), baseline=NumberEvidence(value=baseline))
        ratio = gate("ratio", query="q", max=2).judge(evidence)
        if candidate < 0 or baseline < 0 or (baseline == 0 and candidate != 0):
            assert ratio.outcome is Outcome.INCONCLUSIVE
        elif baseline > 0:
            assert ratio.passed == (candidate / baseline <= 2)
        assert gate("delta", query="q", max=2).judge(evidence).passed == (candidate - baseline <= 2)

    @given(REAL, REAL)
    def test_a_loss_is_never_more_than_the_fall_from_the_peak(self, pnl: Decimal, peak: Decimal) -> None:
        evidence = StandingEvidence(pnl=pnl, peak_pnl=peak, capital=Decimal(100))
        guards = guard("loss", max=50), guard("drawdown", max=50)
        loss, drawdown = (check.judge(evidence) for check in guards)
        for check in guards:
            assert isinstance(check, MoneyCheck)
            assert check.broken(evidence) == (not check.judge(evidence).passed)
        assert loss.passed == (pnl >= -50)
        assert drawdown.value is not None
        assert loss.value is not None
        assert drawdown.value >= loss.value >= 0

    @given(st.lists(st.tuples(REAL, st.decimals(min_value="0.01", max_value=10**6)), min_size=1, max_size=8))
    def test_trades(self, closed: list[tuple[Decimal, Decimal]]) -> None:
        evidence = trades(*(TradeOutcome(pnl=p, size=s, closed_at=NOW) for p, s in closed))
        total, size = sum((p for p, _ in closed), Decimal(0)), sum((s for _, s in closed), Decimal(0))
        assert gate("trades", min_total_pnl=0).judge(evidence).passed == (total >= 0)
        assert gate("trades", min_ev_per_dollar=0).judge(evidence).passed == (total / size >= 0)
        assert gate("trades", min_n=5).judge(evidence).passed == (len(closed) >= 5)
        wins = sum(p > 0 for p, _ in closed)
        assert gate("trades", min_win_rate="50%").judge(evidence).passed == (2 * wins >= len(closed))

    @given(REAL)
    def test_a_number_is_shown_without_exponent(self, value: Decimal) -> None:
        assert "E" not in show(value).upper()


class TestLimits:
    """Equal to a limit is good, the next step beyond is not."""

    @pytest.mark.parametrize(
        ("check", "evidence", "outcome"),
        [
            (gate("threshold", query="q", max="0.3"), number("0.3"), Outcome.PASS),
            (gate("threshold", query="q", max="0.3"), number("0.30000000000000001"), Outcome.FAIL),
            (gate("threshold", query="q", min="0.3"), number("0.3"), Outcome.PASS),
            (gate("threshold", query="q", min=1, max=1), number("1.0"), Outcome.PASS),
            (gate("threshold", query="q", max=1, min_samples=50), number("1", 49), Outcome.INCONCLUSIVE),
            (gate("threshold", query="q", max=1, min_samples=50), number("1", 50), Outcome.PASS),
            (gate("threshold", query="q", max=1, min_samples=50), number("1", None), Outcome.INCONCLUSIVE),
            (gate("threshold", query="q", max=1, min_samples=50), number("9", 1), Outcome.INCONCLUSIVE),
            (gate("ratio", query="q", max=2), pair("2", "1"), Outcome.PASS),
            (gate("ratio", query="q", max=2), pair("2.0000001", "1"), Outcome.FAIL),
            (gate("ratio", query="q", max=2), pair("0", "0"), Outcome.PASS),
            (gate("ratio", query="q", max="0.9"), pair("0", "0"), Outcome.FAIL),
            (gate("ratio", query="q", max=2), pair("0", "1"), Outcome.PASS),
            (gate("ratio", query="q", min="0.5"), pair("0", "1"), Outcome.FAIL),
            (gate("ratio", query="q", max=2), pair("1", "0"), Outcome.INCONCLUSIVE),
            (gate("ratio", query="q", max=2), pair("-5", "-3"), Outcome.INCONCLUSIVE),
            (gate("ratio", query="q", max=2), pair("-1", "3"), Outcome.INCONCLUSIVE),
            (gate("delta", query="q", max="0.05"), pair("0.15", "0.1"), Outcome.PASS),
            (gate("delta", query="q", max="0.05"), pair("0.1500001", "0.1"), Outcome.FAIL),
            (gate("delta", query="q", min="-1"), pair("-3", "-2"), Outcome.PASS),
            (gate("staleness", max_age="5s"), number("5"), Outcome.PASS),
            (gate("staleness", max_age="5s"), number("5.001"), Outcome.FAIL),
            (guard("heartbeat", max_age="500ms"), number("0.501"), Outcome.FAIL),
            (guard("reject_burst", max=5, within="1m"), number("5"), Outcome.PASS),
            (guard("reject_burst", max=5, within="1m"), number("6"), Outcome.FAIL),
            (guard("reject_burst", max=0, within="1m"), number("0"), Outcome.PASS),
            (guard("loss", max=5), standing("-5"), Outcome.PASS),
            (guard("loss", max=5), standing("-5.01"), Outcome.FAIL),
            (guard("loss", max=5), standing("100", None, None), Outcome.PASS),
            (guard("loss", max_share="5%"), standing("-5.01", capital="100"), Outcome.FAIL),
            (guard("loss", max_share="5%"), standing("-5", capital="100"), Outcome.PASS),
            (guard("loss", max_share="5%"), standing("-5", capital="0"), Outcome.NO_DATA),
            (guard("loss", max_share="5%"), standing("-5", capital=None), Outcome.NO_DATA),
            (gate("drawdown", max=5), standing("5", "10"), Outcome.PASS),
            (gate("drawdown", max=5), standing("4.99", "10"), Outcome.FAIL),
            (gate("drawdown", max=5), standing("-6", "-3"), Outcome.FAIL),
            (gate("drawdown", max=5), standing("5", None), Outcome.NO_DATA),
            (gate("trades", min_n=3), trades(trade("1"), trade("1")), Outcome.INCONCLUSIVE),
            (gate("trades", min_win_rate="50%"), trades(trade("1"), trade("0")), Outcome.PASS),
            (gate("trades", min_win_rate="50%"), trades(trade("0"), trade("-1")), Outcome.FAIL),
            (gate("trades", min_ev_per_dollar=0), trades(trade("1", "0")), Outcome.NO_DATA),
            (gate("trades", min_days_in_stage=1), trades(trade("1")), Outcome.PASS),
            (gate("trades", min_days_in_stage="1.0001"), trades(trade("1")), Outcome.INCONCLUSIVE),
            (gate("trades", min_days_in_stage=1), trades(), Outcome.NO_DATA),
            (gate("trades", min_n=1), trades(trade("1", at=ENTERED)), Outcome.PASS),
            (gate("trades", min_n=1), trades(trade("1", at=ENTERED - timedelta(microseconds=1))), Outcome.NO_DATA),
        ],
    )  # fmt: skip
    def test_at_and_beyond(self, check: Check, evidence: Evidence, outcome: Outcome) -> None:
        verdict = check.judge(evidence)
        assert verdict.outcome is outcome, verdict.sentence
        assert (verdict.name, verdict.kind) == ("g", check.kind)

    def test_sums_are_exact_where_floats_fall_short(self) -> None:
        assert sum([0.1] * 10) / 10 < 0.1  # what a gate on floats would refuse
        ten = trades(*[trade("0.1", "1")] * 10)
        assert gate("trades", min_ev_per_dollar="0.1").judge(ten).passed
        assert gate("trades", min_total_pnl=1).judge(ten).passed
        assert guard("streak", ev_lookback=10, min_ev_per_dollar=0.1).judge(ten).passed

    def test_a_verdict_says_number_limit_and_reason(self) -> None:
        assert gate("threshold", query="q", max="0.25").judge(number("0.5")) == Verdict(
            name="g", kind="threshold", outcome=Outcome.FAIL, code=Code.GATE_FAILED, value=Decimal("0.5"),
            limit=Decimal("0.25"), n=60, sentence="value is 0.5, limit at most 0.25",
        )  # fmt: skip
        many = gate("trades", min_n=2, min_win_rate="60%").judge(trades(trade("1"), trade("1")))
        assert many.sentence == "n 2 ≥ 2, win_rate 1 ≥ 0.6"
        short = gate("trades", min_n=3, min_win_rate="60%").judge(trades(trade("1")))
        assert (short.code, short.sentence) == (Code.TOO_FEW_SAMPLES, "n is 1, at least 3 is asked")
