"""``violations``, ``overload``, ``gaps`` and ``alerts``: what must not happen, or not for long."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator

from promotion_ladder.core.base import Duration, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.gates.check import Asked, GateBase, show
from promotion_ladder.core.gates.numbers import NumbersCheck, labelled
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.query import counted, escape
from promotion_ladder.core.verdict import Outcome, Verdict


class ViolationsGate(NumbersCheck, GateBase):
    """No critical violation of a parser or schema, and altogether none more than ``against`` has."""

    kind: Literal["violations"] = "violations"
    against: Literal[Variant.BASELINE, Variant.STABLE] = Variant.STABLE
    """Whose violations the candidate's are compared with; ``baseline`` needs a stage that runs one."""
    severe: str = counted("violations", ',severity="critical"')
    """Query for the number of critical violations."""
    all: str = counted("violations")
    """Query for the number of violations of any severity, asked of both sides."""
    decisions: str = counted("policy_decisions")
    """Query for the number of decisions they were seen in."""
    min_n: int = Field(default=50, ge=1)
    """Fewer decisions are inconclusive; a critical violation fails before."""

    def queries(self) -> dict[str, Asked]:
        """Both sides since the observation began."""
        return {
            "severe": Asked(self.severe), "all": Asked(self.all), "decisions": Asked(self.decisions),
            "against": Asked(self.all, variant=self.against),
        }  # fmt: skip

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """One critical violation fails at once; the rest is counted against the other side."""
        critical, found, others, n = (numbers[name] for name in ("severe", "all", "against", "decisions"))
        if critical > 0:
            sentence = f"{show(critical)} critical violations in {show(n)} decisions; none is allowed"
            return self.verdict(
                Outcome.FAIL, sentence, code=Code.VIOLATIONS, value=critical, limit=Decimal(0), n=round(n)
            )
        few = self.too_few(n, self.min_n, "decisions")
        if few is not None:
            return few
        good = found <= others
        return self.verdict(
            Outcome.PASS if good else Outcome.FAIL,
            f"no critical violation and {show(found)} others in {show(n)} decisions, {self.against} had {show(others)}",
            code=Code.GATE_PASSED if good else Code.VIOLATIONS, value=found, limit=others, n=round(n),
        )  # fmt: skip


class OverloadGate(NumbersCheck, GateBase):
    """None of the overload codes has stood without a break for ``longer_than``."""

    kind: Literal["overload"] = "overload"
    codes: tuple[str, ...] = Field(default=("pool_overloaded", "no_workers"), min_length=1)
    """The codes; each must be exported, as 0 while it does not stand."""
    longer_than: Duration = Field(default=timedelta(minutes=2), gt=timedelta(0))
    """How long a code may stand."""
    query: str = "max by (code) (min_over_time($overloaded{$labels}[$window]))"
    """Query by ``code``: above 0 where the code stood for all of ``$window``, which is ``longer_than``."""

    def queries(self) -> dict[str, Asked]:
        """Each code over the last ``longer_than``."""
        return {"code": Asked(self.query, self.longer_than, by="code", expected=self.codes)}

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """Any code that stands fails."""
        standing = [code for code in self.codes if numbers[f"code {code}"] > 0]
        window = show_duration(self.longer_than)
        said = f"{', '.join(standing)} stood for {window}" if standing else f"no overload stood for {window}"
        return self.verdict(
            Outcome.FAIL if standing else Outcome.PASS, f"{said} (looked at: {', '.join(self.codes)})",
            code=Code.OVERLOADED if standing else Code.GATE_PASSED,
            value=Decimal(len(standing)), limit=Decimal(0), n=len(self.codes),
        )  # fmt: skip


class GapsGate(NumbersCheck, GateBase):
    """No market had more than ``max_count`` gaps in its data, and none is older than ``max_age`` now."""

    kind: Literal["gaps"] = "gaps"
    max_count: int = Field(default=0, ge=0)
    """Most gaps of any one market since the observation began."""
    max_age: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """Greatest age of any market's newest data."""
    count: str = "sum by (market) (increase($data_gaps{$labels}[$window])) and sum by (market) ($data_gaps{$labels})"
    """Query by ``market`` for the number of gaps."""
    age: str = "max by (market) ($data_age{$labels})"
    """Query by ``market`` for the age of its newest data, in seconds."""

    def queries(self) -> dict[str, Asked]:
        """Gaps and ages of each market."""
        return {"gaps": Asked(self.count, by="market"), "age": Asked(self.age, by="market")}

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """The market that is worst decides; one with a count and no age, or the other way, is no data."""
        gaps, ages = labelled(numbers, "gaps"), labelled(numbers, "age")
        alone = sorted(gaps.keys() ^ ages.keys())
        if not gaps or alone:
            what = f"market {alone[0]} has not both gaps and age" if alone else "no market was told"
            return self.missing(Code.NO_DATA, what)
        oldest, longest = max(ages, key=lambda market: ages[market]), Decimal(str(self.max_age.total_seconds()))
        if ages[oldest] > longest:
            sentence = f"data of {oldest} is {show(ages[oldest], longest)} s old, at most {show(longest)} s"
            return self.verdict(
                Outcome.FAIL, sentence, code=Code.DATA_GAPS, value=ages[oldest], limit=longest, n=len(ages)
            )
        worst = max(gaps, key=lambda market: gaps[market])
        # increase() extrapolates, so one gap may be told as 1.02; half a gap more is a gap more.
        good = gaps[worst] < self.max_count + Decimal("0.5")
        return self.verdict(
            Outcome.PASS if good else Outcome.FAIL,
            f"{worst} had {show(gaps[worst])} gaps in its data, at most {self.max_count}; the oldest data is that of "
            f"{oldest} with {show(ages[oldest], longest)} s; {len(gaps)} markets",
            code=Code.GATE_PASSED if good else Code.DATA_GAPS,
            value=gaps[worst], limit=Decimal(self.max_count), n=len(gaps),
        )  # fmt: skip


class AlertsGate(NumbersCheck, GateBase):
    """No alert with these labels fires, told by Prometheus' own ``ALERTS`` series."""

    kind: Literal["alerts"] = "alerts"
    match: dict[str, str] = {"bot": "$bot"}
    """Labels an alert must have to count, with ``$bot``, ``$release`` and ``$variant``; empty: every alert."""
    witness: str = Field(default="AlwaysFiring", min_length=1)
    """Name of an alert that always fires: without it nobody knows whether rules are evaluated. It does not count."""

    @field_validator("match")
    @classmethod
    def _labels(cls, match: dict[str, str]) -> dict[str, str]:
        wrong = next((name for name in match if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name)), None)
        if wrong is not None:
            raise ValueError(f"'{wrong}' is no name of a label: letters, digits and '_', the first no digit")
        return match

    def queries(self) -> dict[str, Asked]:
        """The witness, and every alert that fires, by name."""
        firing, witness = 'alertstate="firing"', escape(self.witness).replace("$", "$$")
        matchers = "".join(f',{name}="{escape(value)}"' for name, value in self.match.items())
        return {
            "witness": Asked(f'count(ALERTS{{{firing},alertname="{witness}"}})'),
            "alert": Asked(
                f'count by (alertname) (ALERTS{{{firing},alertname!="{witness}"{matchers}}})', by="alertname"
            ),
        }

    def weigh(self, numbers: Mapping[str, Decimal]) -> Verdict:
        """Any alert fails."""
        firing = labelled(numbers, "alert")
        said = f"firing: {', '.join(sorted(firing))}" if firing else "no alert fires"
        labels = ", ".join(f"{name}={value}" for name, value in self.match.items()) or "any labels"
        return self.verdict(
            Outcome.FAIL if firing else Outcome.PASS, f"{said} ({labels})",
            code=Code.ALERT_FIRES if firing else Code.GATE_PASSED,
            value=Decimal(len(firing)), limit=Decimal(0), n=len(firing),
        )  # fmt: skip
