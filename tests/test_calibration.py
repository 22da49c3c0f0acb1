"""The published error rates are those of the shipped gate: the vectorised rule and the gate say the same."""

from decimal import Decimal

import numpy as np
import pytest
from benchmarks.arms import Arms, Rejecting, Trading
from benchmarks.calibration import LATENCY, PROFIT, REJECTS
from benchmarks.calibration_page import PAGE, TABLES, Rates, page
from benchmarks.rules import Asked, kayenta, non_inferiority, quant_rollout

from promotion_ladder.core.evidence import CountLook, CountsEvidence, Events
from promotion_ladder.core.gates.non_inferiority import NonInferiorityGate
from promotion_ladder.core.gates.terms import Terms
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Outcome

PATHS, SLICES, STEP = 150, 60, 5
SAID = {(True, False): Outcome.FAIL, (False, True): Outcome.PASS, (False, False): Outcome.INCONCLUSIVE}


def shipped(asked: Asked) -> NonInferiorityGate:
    limit = {"measure": "rate", "max_ratio": asked.max_ratio} if asked.rate else {"margin": asked.margin}
    return NonInferiorityGate.model_validate({"name": "g", "min_samples": asked.min_samples} | limit)


@pytest.mark.parametrize(
    ("drawn", "asked"),
    [
        (Trading(bins=60), PROFIT),
        (Trading(bins=60, worse=0.2, tail="skew5", ratio=9), PROFIT),
        (Trading(bins=60, own=0.3, follows=0.6), PROFIT),
        (Trading(bins=60, worse=0.1), Asked(margin=0.2, tests=3)),
        (Rejecting(bins=60), REJECTS),
        (Rejecting(bins=60, rate=0.003, times=1.5, ratio=9), REJECTS),
        (Rejecting(bins=60, rate=0.01, times=3), LATENCY),
    ],
)
def test_thousands_at_once_are_judged_as_the_gate_judges_one(drawn: Arms, asked: Asked) -> None:
    candidate, baseline = drawn.draw(np.random.default_rng(7), PATHS)
    judged = non_inferiority(candidate, baseline, asked)
    gate, terms = shipped(asked), Terms(alpha=asked.alpha, tests=asked.tests, horizon=SLICES)
    seen = set()
    for path in range(PATHS):
        arms = (candidate.total[path], candidate.n[path], baseline.total[path], baseline.n[path])
        quads = list(zip(*(part.tolist() for part in arms), strict=True))
        carried = Carried(bets=gate._bets() if asked.rate else None)
        for k in range(STEP, SLICES + 1, STEP):
            carried = gate._with(carried, quads[k - STEP : k], {})
            carried = carried.model_copy(update={"samples": Decimal(sum(quad[1] for quad in quads[:k]))})
            verdict = gate.conclude(carried, terms)
            mine = bool(judged.fails[path, k - 1]), bool(judged.passes[path, k - 1])
            assert verdict.outcome is SAID[mine], f"path {path}, {k} slices: {verdict.sentence}"
            seen.add(verdict.outcome)
            if k >= 20 and verdict.code != "GOV_SLICES_DEPEND":
                assert judged.log_harm[path, k - 1] == pytest.approx(verdict.details["harm"], rel=1e-4, abs=1e-5)
    assert len(seen) > 1, "a path of each kind is what makes the comparison worth something"


def test_the_gate_carries_what_the_rule_adds_up() -> None:
    candidate, baseline = Rejecting(bins=60, times=1.5).draw(np.random.default_rng(3), 1)
    looks = tuple(
        CountLook(**{
            name: Events(events=Decimal(arm.total[0, k]), exposures=Decimal(arm.n[0, k]))
            for name, arm in (("candidate", candidate), ("baseline", baseline))
        })
        for k in range(SLICES)
    )  # fmt: skip
    verdict = shipped(REJECTS).judge(CountsEvidence(looks=looks), Terms())
    judged = non_inferiority(candidate, baseline, REJECTS)
    assert verdict.details["harm"] == pytest.approx(judged.log_harm[0, -1], rel=1e-5)


def test_kayentas_answer_is_that_of_its_definition() -> None:
    """Look by look, without what makes it fast."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 - a slow import that no other test needs

    candidate, baseline = Trading(bins=60, worse=0.2).draw(np.random.default_rng(5), 40)
    found = kayenta(candidate, baseline, 30, 1).abort
    x, y = ((arm.coarser(30).total / arm.coarser(30).n) for arm in (baseline, candidate))
    for path in range(40):
        expected = 0
        for look in range(4, 31):
            quarter = abs(np.median(x[path, :look, None] - y[path, None, :look])) / 4
            p = mannwhitneyu(x[path, :look] - quarter, y[path, :look], alternative="greater", method="asymptotic")[1]
            if p < 0.01:
                expected = look
                break
        assert found[path] == expected


def test_the_last_thirty_trades_are_the_last_thirty() -> None:
    arm, _ = Trading(bins=60, trades=240).draw(np.random.default_rng(1), 20)
    killed = quant_rollout(arm, 240, 0.5).abort
    assert arm.each is not None
    for path in range(20):
        wins = arm.each[path] > 0
        ends = [end for end in range(30, 241) if wins[end - 30 : end].mean() < 0.5]
        assert killed[path] == (ends[0] if ends else 0)


def test_the_page_says_what_was_measured() -> None:
    text = PAGE.read_text()
    assert page(text, Rates()) == text, "run benchmarks/calibration_page.py"
    assert len(TABLES) == text.count("<!-- end -->") > 0


def test_false_aborts_of_independent_slices_are_within_alpha() -> None:
    """Three standard errors of what was measured would still be."""
    equal = [
        row for row in Rates().rows
        if row["rule"].startswith("ours") and "/equal" in row["case"] and "stage" not in row["case"]
        and not any(word in row["case"] for word in ("follow", "shorter"))
    ]  # fmt: skip
    assert len(equal) > 30
    for row in equal:
        share, reps = float(row["abort"]), int(row["reps"])
        assert share + 3 * (share * (1 - share) / reps) ** 0.5 <= 0.05, row
