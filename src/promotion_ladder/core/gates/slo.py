"""``slo``: a service level over the stage (gate), and how fast its error budget burns (guard).

Google, The Site Reliability Workbook, chapter 5: the guard trips when both a long and a short window burn faster than
a factor: the long one says that it matters, the short one that it still goes on.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from promotion_ladder.core.base import Duration, Number, Share, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.gates.check import Asked, GateBase, MendingGuard, show
from promotion_ladder.core.gates.numbers import NumbersCheck
from promotion_ladder.core.query import counted
from promotion_ladder.core.statistics import burn_alert, burn_max, slo
from promotion_ladder.core.verdict import Outcome, Verdict


class SloCheck(NumbersCheck):
    """A service level: which events are good, how many of them must be, and who is told."""

    target: Share = Field(gt=0, lt=1)
    """Share of events that must be good, for instance 99.5%; 100% would leave no error budget."""
    owner: str = Field(min_length=1)
    """Who answers for it: named in every verdict, and called when the guard trips where it is a person or a role."""
    good: str = counted("slo_good")
    """Query for the number of good events; not asked where ``bad`` is stated."""
    bad: str | None = None
    """Query for the number of bad events."""
    total: str = counted("slo_total")
    """Query for the number of all events."""

    def events(self, window: timedelta | None = None, suffix: str = "") -> dict[str, Asked]:
        """The two queries over one window."""
        part = {"good": Asked(self.good, window)} if self.bad is None else {"bad": Asked(self.bad, window)}
        return {f"{name}{suffix}": asked for name, asked in {**part, "total": Asked(self.total, window)}.items()}

    def bad_of(self, numbers: Mapping[str, Decimal], suffix: str = "") -> Decimal | None:
        """How many events were bad; None when the counts contradict each other."""
        total = numbers[f"total{suffix}"]
        bad = total - numbers[f"good{suffix}"] if self.bad is None else numbers[f"bad{suffix}"]
        bad = round(bad, 6)  # a source that computes with binary floats leaves crumbs
        return bad if 0 <= bad <= total else None

    def contradicts(self) -> Verdict:
        """The verdict on more good or bad events than there are."""
        sentence = "there are more good or bad events than events: the queries do not count the same things"
        return self.verdict(Outcome.ERROR, sentence, code=Code.QUERY_REFUSED)


class SloGate(SloCheck, GateBase):
    """The service level is met over the stage: ``bad <= (1 - target) * total``, exactly."""

    kind: Literal["slo"] = "slo"
    min_n: int = Field(default=50, ge=1)
    """Fewer events are inconclusive."""

    def queries(self) -> dict[str, Asked]:
        """Good (or bad) and all events since the observation began."""
        return self.events()

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """Met or missed; no event at all is no data."""
        total = numbers["total"]
        few = self.too_few(total, self.min_n, "events")
        if few is not None:
            return few
        bad = self.bad_of(numbers)
        if bad is None:
            return self.contradicts()
        level = slo(total - bad, total, self.target)
        met, left = bool(level["met"]), round(float(level["budget_left"] or 0) * 100)
        budget = f"{left}% of the error budget left" if left >= 0 else f"error budget overspent by {-left}%"
        value = (total - bad) / total
        return self.verdict(
            Outcome.PASS if met else Outcome.FAIL,
            f"{show(total - bad)} of {show(total)} events were good, {_percent(value, self.target)} against a target "
            f"of {_percent(self.target)}: burn {float(level['burn'] or 0):.2f}x, {budget}; owner {self.owner}",
            code=Code.GATE_PASSED if met else Code.SLO_MISSED,
            value=value, limit=self.target, n=round(total),
            details={"burn": level["burn"], "budget_left": level["budget_left"], "owner": self.owner},
        )  # fmt: skip


class SloGuard(SloCheck, MendingGuard):
    """Trips when the error budget burns faster than ``factor`` in the long and in the short window.

    A scope it has paused goes on when events show that it burns slower: none at all show nothing.
    """

    kind: Literal["slo"] = "slo"
    long: Duration = Field(default=timedelta(hours=1), gt=timedelta(0))
    """The window that says it matters."""
    short: Duration = Field(default=timedelta(minutes=5), gt=timedelta(0))
    """The window that says it still goes on, a twelfth of the long one."""
    factor: Number = Field(default=Decimal("14.4"), gt=0)
    """Burn rates above this trip; 14.4 for an hour is 2 % of a 30-day budget."""
    min_bad_long: int = Field(default=5, ge=1)
    """Fewer bad events in the long window never trip: with little traffic one bad event is a high rate."""
    min_bad_short: int = Field(default=2, ge=1)
    """The same for the short window."""

    windows: ClassVar[tuple[str, str]] = ("long", "short")

    @model_validator(mode="after")
    def _can_trip(self) -> Self:
        if self.short >= self.long:
            raise ValueError("'short' is not shorter than 'long'; a twelfth of it is usual")
        fastest = burn_max(self.target)
        if fastest <= self.factor:
            raise ValueError(
                f"the budget of a target of {_percent(self.target)} burns at most {fastest:.4g} times as fast as it "
                f"may, so a factor of {self.factor} is never exceeded: state a lower 'factor', or a 'target' above "
                f"{_percent(1 - 1 / self.factor)}"
            )
        return self

    def queries(self) -> dict[str, Asked]:
        """The events of both windows."""
        return self.events(self.long, "_long") | self.events(self.short, "_short")

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """Both windows above the factor, with enough bad events in each, is a trip; no events are inconclusive."""
        counts = {name: (self.bad_of(numbers, f"_{name}"), numbers[f"total_{name}"]) for name in self.windows}
        (bad_long, total_long), (bad_short, total_short) = counts["long"], counts["short"]
        if bad_long is None or bad_short is None:
            return self.contradicts()
        if total_long <= 0 or total_short <= 0:  # a quiet market is no blindness, and no proof of anything
            window = show_duration(self.short if total_short <= 0 else self.long)
            return self.verdict(Outcome.INCONCLUSIVE, f"no event in {window}", code=Code.TOO_FEW_SAMPLES, n=0)
        errors = bad_long / total_long, bad_short / total_short
        burns = [error / (1 - self.target) for error in errors]
        enough = bad_long >= self.min_bad_long and bad_short >= self.min_bad_short
        trips = enough and burn_alert(*errors, self.target, self.factor)
        return self.verdict(
            Outcome.FAIL if trips else Outcome.PASS,
            f"the error budget burns {burns[0]:.2f}x in {show_duration(self.long)} ({show(bad_long)} bad of "
            f"{show(total_long)}) and {burns[1]:.2f}x in {show_duration(self.short)} ({show(bad_short)} of "
            f"{show(total_short)}); {show(self.factor)}x in both is too fast; owner {self.owner}",
            code=Code.BUDGET_BURNS if trips else Code.GATE_PASSED,
            value=min(burns), limit=self.factor, n=round(total_long),
            details={"burn_long": float(burns[0]), "burn_short": float(burns[1]), "owner": self.owner},
        )  # fmt: skip


def _percent(share: Decimal, limit: Decimal | None = None) -> str:
    return f"{show(share * 100, None if limit is None else limit * 100)}%"
