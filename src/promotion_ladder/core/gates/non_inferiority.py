"""``non_inferiority``: the candidate is shown to be not worse than the other arm, or shown to be worse.

One method for means, rates and quantiles. Time is cut into slices; the difference of the two arms has the variance
that the slices show (core/statistics/slices.py), and evidence in either direction is a one-sided normal-mixture
e-process, so that it may be looked at after every slice without paying for it. For rates the exact comparison of
events (core/statistics/rates.py) has to agree before anything is passed: it is right where events are few, the slices
where they come in clusters. A quantile is the rate of exceeding a fixed bucket edge. Means of scores with ``bounds``
are bet on instead (bounds.py).

"Not shown to be worse" is no pass: there are three outcomes, and the middle one is ``inconclusive``.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from promotion_ladder.core.base import Duration, Number, Share, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Arm, Evidence, SliceEvidence
from promotion_ladder.core.gates.bounds import Bounds
from promotion_ladder.core.gates.check import Asked, GateBase, OnFail, Wants, show
from promotion_ladder.core.gates.terms import Evidenced, Measure, Terms
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.query import edge_matcher, growth, names_a_counter
from promotion_ladder.core.statistics.betting import ScoreBets
from promotion_ladder.core.statistics.carried import Analysis, Carried
from promotion_ladder.core.statistics.mixture import conditional_power, mixture_bound, mixture_log_e, mixture_rho
from promotion_ladder.core.statistics.planning import group_sequential_z
from promotion_ladder.core.statistics.rates import RateBets, bernoulli_log_e
from promotion_ladder.core.statistics.slices import Difference, Quad, SliceSums
from promotion_ladder.core.verdict import Outcome, Verdict

DEPENDENT = 0.3
"""Autocorrelation of slices above which their variance says too little."""
FUTILE = 0.10
"""Conditional power below which waiting on is advised against, from a quarter of the horizon on."""
BASIS_POINTS = 10_000


class NonInferiorityGate(GateBase):
    """The candidate is shown not to be worse than the other arm by more than a margin."""

    wants: ClassVar[Wants] = Wants.SLICES
    kind: Literal["non_inferiority"] = "non_inferiority"
    measure: Measure = Measure.MEAN
    """``mean`` (sum over count), ``rate`` (events over exposures), ``quantile`` (exceedances of a bucket edge)."""
    against: Literal[Variant.BASELINE, Variant.STABLE] = Variant.BASELINE
    """What the candidate is compared with; ``baseline`` needs a stage that runs one."""
    margin: Number | None = Field(default=None, ge=0)
    """Means: how much worse is still good enough, in units of the mean; 0 asks for superiority."""
    max_ratio: Number | None = Field(default=None, gt=1, le=100)
    """Rates and quantiles: how many times the other arm's rate is still good enough."""
    harmless: Share | None = Field(default=None, gt=0, le=Decimal("0.2"))
    """Rates and quantiles: shown to be below this, it is good enough whatever the other arm's is. For events that come
    one by one: a flawless candidate has nothing to be compared by."""
    better: Literal["higher", "lower"] = "higher"
    """Means: which way is good."""
    bounds: Bounds | None = None
    """Means of scores: the lowest and highest that one can be; then each slice is bet on, instead of its spread
    estimated."""
    sum: str = ""
    """PromQL for the sum, or the events, of one slice (``$window``), or for rates a counter (``$orders_rejected``);
    nothing for profit over size of closed trades."""
    count: str = ""
    """PromQL for what it is divided by."""
    histogram: str = ""
    """Quantiles: name of a histogram's buckets among the ladder's metrics, for instance ``tick_to_trade``."""
    above: Number | None = None
    """Quantiles: the bucket edge whose exceedances are counted; for a p99, the edge that 1 % used to exceed."""
    slice: Duration = Field(default=timedelta(seconds=60), gt=timedelta(0))
    """Length of a slice; longer than bursts last and positions stay correlated."""
    late: Duration = Field(default=timedelta(seconds=10), ge=timedelta(0))
    """How long after its end a slice is sealed; what comes later changes nothing. The platform's clock may be behind by
    as much."""
    min_slices: int = Field(default=20, ge=10)
    """Slices with data before anything is concluded."""
    min_samples: int | None = Field(default=None, ge=1)
    """Samples of the candidate before anything is passed; the stage's ``observe.min_samples`` unless stated."""
    cover: Duration = Field(default=timedelta(0), ge=timedelta(0))
    """Time that the slices must span before anything is passed: one session, one open and close."""
    design: Literal["anytime", "fixed_horizon"] = "anytime"
    """``fixed_horizon``: O'Brien-Fleming at equal steps to ``observe.max``; more power, but it cannot be extended."""
    analyses: int = Field(default=10, ge=2, le=50)
    """Looks of a fixed design."""
    alpha: Share | None = Field(default=None, gt=0, le=Decimal("0.2"))
    """For evidence judged by itself; in a ladder alpha belongs to the stage."""
    horizon: int | None = Field(default=None, ge=10, le=1_000_000)
    """Slices the test is tuned to; those by ``observe.max`` unless stated."""
    on_fail: OnFail = OnFail.ABORT

    @model_validator(mode="after")
    def _complete(self) -> Self:
        mean, quantile = self.measure is Measure.MEAN, self.measure is Measure.QUANTILE
        if mean and (self.margin is None or self.max_ratio is not None):
            raise ValueError("a mean needs 'margin' (how much worse is still good enough, 0 or more), no 'max_ratio'")
        if not mean and (self.max_ratio is None or self.margin is not None):
            raise ValueError(f"a {self.measure} needs 'max_ratio' (above 1, for instance 1.5), no 'margin'")
        if quantile != bool(self.histogram) or quantile != (self.above is not None):
            raise ValueError("'histogram' and 'above' belong to 'measure: quantile', which needs both")
        if bool(self.sum) != bool(self.count) or (quantile and self.sum):
            raise ValueError("'sum' and 'count' go together, for means and rates; a quantile has 'histogram'")
        if mean and self.harmless is not None:
            raise ValueError("'harmless' belongs to rates and quantiles; a mean has its 'margin'")
        if not mean and self.better == "lower":
            raise ValueError("a rate or quantile is always better when lower; 'better' belongs to 'measure: mean'")
        if mean and (names_a_counter(self.sum) or names_a_counter(self.count)):
            raise ValueError(
                "a metric's name alone is a counter, for 'measure: rate'; what may fall needs whole PromQL"
            )
        return self

    @model_validator(mode="after")
    def _can_be_bet_on(self) -> Self:
        if self.bounds is None:
            return self
        if self.measure is not Measure.MEAN:
            raise ValueError(f"'bounds' belongs to 'measure: mean'; a {self.measure} is between 0 and 1 anyway")
        if self.design != "anytime":
            raise ValueError("'bounds' is for 'design: anytime': bets have no use for a fixed horizon")
        if self.bounds.share(self.margin) >= 1:
            raise ValueError(
                f"'margin' must be below high - low of 'bounds', {self.bounds.width:g}; {self.margin} allows anything"
            )
        return self

    @property
    def _good(self) -> int:
        return 1 if self.measure is Measure.MEAN and self.better == "higher" else -1

    @property
    def of_trades(self) -> bool:
        """Whether it is the profit per value traded, from the platform's closed trades."""
        return self.measure is Measure.MEAN and not self.sum and self.bounds is None

    def queries(self) -> dict[str, Asked]:
        """What is added up and what it is divided by in one slice, of the candidate and then of the other arm."""
        if self.of_trades or (self.above is None and not self.sum):
            return {}
        if self.above is not None:
            within, all_ = (growth(f"${self.histogram}", matcher=le) for le in (edge_matcher(self.above), 'le="+Inf"'))
            sum_, count = f"{all_} - {within}", all_
        else:
            sum_, count = (growth(one) if names_a_counter(one) else one for one in (self.sum, self.count))
        return {
            "sum": Asked(sum_, self.slice),
            "count": Asked(count, self.slice),
            "sum_against": Asked(sum_, self.slice, self.against),
            "count_against": Asked(count, self.slice, self.against),
        }

    def arm(self, sum_: float | None, count: float | None) -> Arm | None:
        """One arm of one slice from what the queries answered; None where it cannot be told."""
        if sum_ is None or count is None or count < 0:
            return None
        if self.measure is not Measure.MEAN:
            sum_ = max(sum_, 0.0)  # extrapolation may leave a little less than nothing
        return Arm(sum=Decimal(repr(sum_)), count=Decimal(repr(count)))

    def judge(self, evidence: Evidence, terms: Terms | None = None, carried: Carried | None = None) -> Verdict:
        """Judge :class:`SlicesEvidence` or :class:`CountsEvidence`; without ``terms`` as the only gate of a stage.

        ``carried`` is what :meth:`carry` made of the evidence, where that is known.
        """
        if not isinstance(evidence, SliceEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        alone = Terms(alpha=float(self.alpha or Decimal("0.05")), horizon=self.horizon or 60)
        terms = terms or alone
        return self.conclude(carried or self.carry(evidence, terms), terms)

    def carry(self, evidence: SliceEvidence, terms: Terms) -> Carried:
        """The running sums with the slices of ``evidence``; O(1) a slice whatever came before."""
        before = evidence.before or Carried(bets=None if self.measure is Measure.MEAN else self._bets())
        told = {
            "since": before.since or evidence.since, "until": evidence.until or before.until,
            "missing": before.missing + evidence.missing, "samples": before.samples + evidence.samples(),
        }  # fmt: skip
        quads = evidence.quads()
        if self.design == "anytime":
            return self._with(before, quads, told)
        carried = self._with(before, (), told)
        for place in range(len(quads)):  # a fixed design looks at stated moments, whenever we do
            carried = self._with(carried, quads[place : place + 1], {})
            step = carried.sums.slices * self.analyses // terms.horizon
            if step > (carried.analysis.step if carried.analysis else 0) and step <= self.analyses:
                found = self._oriented(carried.sums)
                if found is not None:
                    harm, fine = _z(*found)
                    carried = carried.model_copy(update={"analysis": Analysis(step=step, harm=harm, fine=fine)})
        return carried

    def _with(self, carried: Carried, quads: Sequence[Quad], more: dict[str, Any]) -> Carried:
        if self.bounds is not None:
            quads, scores = self.bounds.bet(carried.scores, quads, self._good, self.margin)
            more = {**more, "scores": scores}
        bets = carried.bets.plus(quads) if carried.bets is not None else None
        return carried.model_copy(update={"sums": carried.sums.plus(quads), "bets": bets, **more})

    def _bets(self) -> RateBets:
        return RateBets.below(float(self.max_ratio or 1))

    # --- what the sums show ---------------------------------------------------------------------------------------

    def _oriented(self, sums: SliceSums) -> tuple[Difference, Difference] | None:
        """Candidate minus other, and candidate minus what is still good enough, both so that more is better.

        None while the slices show no spread.
        """
        plain = sums.difference()
        bounded = plain if self.max_ratio is None else sums.difference(float(self.max_ratio))
        if plain is None or bounded is None or plain.variance <= 0 or bounded.variance <= 0:
            return None
        margin = float(self.margin or 0)
        good = self._good
        return plain._replace(value=good * plain.value), bounded._replace(value=good * bounded.value + margin)

    def _evidenced(self, carried: Carried, terms: Terms) -> Evidenced | None:
        if self.bounds is not None and carried.scores is not None:
            return self.bounds.evidenced(carried.sums, carried.scores, self._good, terms)
        found = self._oriented(carried.sums)
        if found is None:
            return None
        z = _z(*found)
        k, alpha, shared = carried.sums.slices, terms.alpha, terms.alpha / terms.tests
        rho, rho_harm = _rhos(terms)
        reach = mixture_bound(k, alpha, rho) / math.sqrt(k)
        sure = found[0].value - reach * math.sqrt(found[0].variance)
        likely = conditional_power(z[1], k, terms.horizon, alpha, rho)
        exact = carried.bets.log_e if carried.bets is not None else None
        if self.design == "fixed_horizon":
            seen = carried.analysis
            if seen is None:
                return Evidenced(found[0], 0.0, 0.0, math.inf, math.inf, sure, likely, exact)
            steps = tuple((step + 1) / self.analyses for step in range(self.analyses))
            needed = [group_sequential_z(steps, a, "obrien_fleming", 1)[seen.step - 1] for a in (shared, alpha)]
            return Evidenced(found[0], seen.harm, seen.fine, needed[0], needed[1], sure, likely, exact)
        harm = mixture_log_e(z[0] * math.sqrt(k), k, rho_harm)
        fine = mixture_log_e(z[1] * math.sqrt(k), k, rho)
        needs = math.log(1 / shared), math.log(1 / alpha)
        return Evidenced(found[0], harm, fine, *needs, sure, likely, exact)

    def conclude(self, carried: Carried, terms: Terms) -> Verdict:
        """The verdict on the sums so far."""
        if carried.scores is not None and carried.scores.outside:
            return self._contradicted(carried, carried.scores, terms)
        k = carried.sums.slices
        if k == 0:
            return self.missing(Code.NO_DATA, "no slice has data of both arms yet")
        shown = self._evidenced(carried, terms)
        depend = shown is not None and shown.difference.autocorrelation > DEPENDENT
        if k >= self.min_slices and not depend and self._harmless(carried, terms):
            return self._small(carried, terms)
        if shown is None:
            return self.verdict(
                Outcome.INCONCLUSIVE, f"{k} slices show no spread of candidate and {self.against}",
                code=Code.TOO_FEW_SAMPLES, n=k,
            )  # fmt: skip
        plain = self._plain(carried, shown, terms)
        said: dict[str, Any] = {"value": self._value(carried), "limit": self._limit(), "n": k}
        said["details"] = self._details(carried, shown, terms)
        if k < self.min_slices:
            sentence = f"{k} of {self.min_slices} slices: {plain}"
            return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.TOO_FEW_SAMPLES, **said)
        if depend:
            alike = f"{shown.difference.autocorrelation:.2f}"
            sentence = f"slices follow one another ({alike}), lengthen 'slice': {plain}"
            return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.SLICES_DEPEND, **said)
        if shown.harm >= shown.harm_needed:
            return self.verdict(Outcome.FAIL, f"shown to be worse: {plain}", code=Code.GATE_FAILED, **said)
        exact = shown.exact is None or shown.exact >= math.log(1 / terms.alpha)
        if shown.fine < shown.fine_needed or not exact:
            advice = ""
            if shown.likely < FUTILE and k * 4 >= terms.horizon:
                advice = f"; by observe.max it would be with a chance of {shown.likely:.0%}"
            sentence = f"not yet shown: {plain}{advice}"
            return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.NOT_SHOWN, **said)
        return self._enough(carried, plain, terms, said)

    def _contradicted(self, carried: Carried, scores: ScoreBets, terms: Terms) -> Verdict:
        """The verdict where slices lie outside the bounds: an error, unless the others show harm.

        Which slices are left out treats both arms alike, so two equal ones do not abort more often for it.
        """
        others = carried.model_copy(update={"scores": scores.model_copy(update={"outside": 0})})
        verdict = self.conclude(others, terms)
        if verdict.outcome is Outcome.FAIL or self.bounds is None:
            return verdict
        return self.missing(Code.OUT_OF_BOUNDS, self.bounds.contradicted(scores.outside))

    def _small(self, carried: Carried, terms: Terms) -> Verdict:
        """The verdict on a rate that is shown to be harmless: the candidate's share against that bound."""
        events, exposures, _, _ = carried.sums.total
        plain = f"{events:.0f} of {exposures:.0f}, harmless below {_percent(float(self.harmless or 0))}"
        said = {"value": _decimal(events / exposures), "limit": self.harmless, "n": carried.sums.slices}
        return self._enough(carried, plain, terms, said)

    def _harmless(self, carried: Carried, terms: Terms) -> bool:
        """Whether the candidate's rate is shown to be below what does no harm, while the other arm runs, too."""
        events, exposures, _, others = carried.sums.total
        if self.harmless is None or others <= 0:
            return False
        return bernoulli_log_e(events, exposures, float(self.harmless)) >= math.log(1 / terms.alpha)

    def _enough(self, carried: Carried, plain: str, terms: Terms, said: dict[str, Any]) -> Verdict:
        """A pass, unless too little has been seen for one."""
        if self.min_samples is not None and carried.samples < self.min_samples:
            sentence = f"{show(carried.samples)} of {self.min_samples} samples: {plain}"
            return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.TOO_FEW_SAMPLES, **said)
        if carried.spanned < self.cover:
            sentence = f"slices span {show_duration(carried.spanned)} of {show_duration(self.cover)}: {plain}"
            return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.NOT_LONG_ENOUGH, **said)
        if carried.missing * 5 > carried.sums.slices:
            sentence = f"{carried.missing} slices are missing beside {carried.sums.slices}: {plain}"
            return self.verdict(Outcome.INCONCLUSIVE, sentence, code=Code.NO_DATA, **said)
        sure = "" if self.measure is Measure.MEAN else f"{_confidence(terms)}: "
        return self.verdict(Outcome.PASS, f"{sure}{plain}", **said)

    # --- in words -------------------------------------------------------------------------------------------------

    def _value(self, carried: Carried) -> Decimal:
        """The difference of means, or the ratio of rates where the other arm has one."""
        y_c, n_c, y_b, n_b = carried.sums.total
        if self.measure is Measure.MEAN:
            return _decimal(y_c / n_c - y_b / n_b)
        return _decimal(y_c / n_c / (y_b / n_b)) if y_b > 0 else _decimal(y_c / n_c)

    def _limit(self) -> Decimal | None:
        if self.margin is None:
            return self.max_ratio
        return -self.margin if self.better == "higher" else self.margin

    def _plain(self, carried: Carried, shown: Evidenced, terms: Terms) -> str:
        """The difference, what is sure of it and what is allowed, in a line of a terminal."""
        y_c, n_c, y_b, n_b = carried.sums.total
        if self.measure is not Measure.MEAN:
            what = f" above {show(self.above)}" if self.measure is Measure.QUANTILE else ""
            shares = f"{_percent(y_c / n_c)}{what} against {self.against}'s {_percent(y_b / n_b)}"
            return f"{shares}; limit {show(self.max_ratio)} times"
        factor, unit = (BASIS_POINTS, " bp/$") if self.of_trades else (1, "")
        difference, bad = y_c / n_c - y_b / n_b, "below" if self.better == "higher" else "above"
        apart = f"{abs(difference) * factor:.3g}{unit} {'below' if difference < 0 else 'above'} {self.against}"
        bound = f"within {-shown.sure * factor:.3g} {bad}" if shown.sure < 0 else f"not {bad}"
        return f"{apart}; {_confidence(terms)} {bound}; limit {float(self.margin or 0) * factor:.3g}"

    def _details(self, carried: Carried, shown: Evidenced, terms: Terms) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {
            "harm": _short(shown.harm), "harm_needed": _short(shown.harm_needed),
            "fine": _short(shown.fine), "fine_needed": _short(shown.fine_needed),
            "sure": _short(shown.sure), "alpha": terms.alpha, "tests": terms.tests, "horizon": terms.horizon,
            "autocorrelation": _short(shown.difference.autocorrelation), "likely": _short(shown.likely),
            "missing": carried.missing,
        }  # fmt: skip
        if shown.exact is not None:
            found["exact"] = _short(shown.exact)
        return found


@lru_cache(maxsize=256)
def _rhos(terms: Terms) -> tuple[float, float]:
    """How the two processes are tuned: that towards being fine and that towards harm."""
    return mixture_rho(terms.horizon / 2, terms.alpha), mixture_rho(terms.horizon / 2, terms.alpha / terms.tests)


def _z(plain: Difference, bounded: Difference) -> tuple[float, float]:
    """Standard errors towards harm and towards being fine."""
    return -plain.value / math.sqrt(plain.variance), bounded.value / math.sqrt(bounded.variance)


def _short(number: float) -> float | None:
    return float(f"{number:.6g}") if math.isfinite(number) else None


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.6g}")


def _confidence(terms: Terms) -> str:
    return f"{100 * (1 - terms.alpha):.3g} % sure"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
