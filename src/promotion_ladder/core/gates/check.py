"""What every gate and guard has: a name, the evidence it wants, and the words for its verdicts."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, NamedTuple, Self

from pydantic import Field, JsonValue, model_validator

from promotion_ladder.core.base import Duration, Spec, is_within_reach
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumberEvidence
from promotion_ladder.core.looks import LookPolicy
from promotion_ladder.core.platform import Scope, Variant
from promotion_ladder.core.release import Name
from promotion_ladder.core.verdict import Outcome, Verdict


class Wants(StrEnum):
    """The evidence a kind asks the outside world for."""

    METRIC = "metric"
    METRIC_PAIR = "metric_pair"
    NUMBERS = "numbers"
    HISTOGRAM = "histogram"
    TRADES = "trades"
    SLICES = "slices"
    REPLAY = "replay"
    STANDING = "standing"
    MARKET_DATA_AGE = "market_data_age"
    HEARTBEAT_AGE = "heartbeat_age"
    REJECTS = "rejects"
    ORDERS = "orders"
    POSITIONS = "positions"
    SAMPLES = "samples"
    MEASUREMENTS = "measurements"
    VERDICTS = "verdicts"
    ATTESTATION = "attestation"
    BACKLOG = "backlog"

    @property
    def only_recorded(self) -> bool:
        """Whether it is made of verdicts, so that no stage of a ladder can gather it."""
        return self in (Wants.MEASUREMENTS, Wants.VERDICTS)


_EVIDENCE_OF = {
    Wants.METRIC: "number",
    Wants.METRIC_PAIR: "pair",
    Wants.TRADES: "trades",
    Wants.REPLAY: "replay",
    Wants.STANDING: "standing",
    Wants.MARKET_DATA_AGE: "number",
    Wants.HEARTBEAT_AGE: "number",
    Wants.REJECTS: "number",
    Wants.ORDERS: "number",
    Wants.POSITIONS: "holdings",
    Wants.NUMBERS: "numbers",
    Wants.HISTOGRAM: "histogram",
    Wants.SLICES: "slices or counts",
    Wants.SAMPLES: "samples",
    Wants.MEASUREMENTS: "measurements",
    Wants.VERDICTS: "verdicts",
    Wants.ATTESTATION: "attestation",
    Wants.BACKLOG: "number",
}
"""The kind of evidence for each, to be named where another was given."""


class Asked(NamedTuple):
    """One query of a check."""

    query: str
    """PromQL with ``$words``, not yet filled in."""
    window: timedelta | None = None
    """What ``$window`` stands for; the time since the observation began if None."""
    variant: Variant = Variant.CANDIDATE
    """Whose labels ``$labels`` are."""
    by: str = ""
    """Ask for a number of each value of this label; empty: for one number."""
    expected: tuple[str, ...] = ()
    """Values of that label that must be there: nothing may be good by being absent."""


class OnFail(StrEnum):
    """What a failing gate does: keep waiting, stop for a person, or come down."""

    WAIT = "wait"
    HOLD = "hold"
    ABORT = "abort"


class OnTrip(StrEnum):
    """What a tripping guard does."""

    PAUSE_SCOPE = "pause_scope"
    HOLD = "hold"
    ABORT = "abort"


_OUTCOMES = {
    Code.NO_DATA: Outcome.NO_DATA,
    Code.NOT_A_NUMBER: Outcome.NO_DATA,
    Code.STALE_DATA: Outcome.NO_DATA,
    Code.TOO_FEW_SAMPLES: Outcome.INCONCLUSIVE,
    Code.SEVERAL_SERIES: Outcome.INCONCLUSIVE,
    Code.QUERY_WARNED: Outcome.INCONCLUSIVE,
}


_CODES = {Outcome.PASS: Code.GATE_PASSED, Outcome.FAIL: Code.GATE_FAILED}


def show(number: Decimal | None, limit: Decimal | None = None) -> str:
    """A number for people: cents from 1 on, four digits below, no exponent.

    In full where rounding would make it look equal to a ``limit`` that it is not equal to.
    """
    if number is None:
        return "nothing"
    text = f"{number:.2f}" if number.adjusted() >= 0 else f"{number:.4g}"
    if limit is not None and limit != number and Decimal(text) == limit:
        text = f"{number:f}"
    elif "e" in text:
        text = f"{Decimal(text):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(maxsize=1024)
def show_limit(limit: Decimal | None) -> str:
    """As :func:`show`, for what is shown at every look."""
    return show(limit)


class Check(Spec):
    """The base of every gate and guard kind."""

    wants: ClassVar[Wants]
    kind: str
    name: Name
    """What people and the record call it; unique in its stage."""

    def judge(self, evidence: Evidence) -> Verdict:
        """What this check says of ``evidence``; raises nothing for any evidence of the right kind."""
        raise NotImplementedError  # each kind has its own

    def queries(self) -> dict[str, Asked]:
        """What this check asks the source of metrics, by a name for each number."""
        return {}

    def verdict(
        self,
        outcome: Outcome,
        sentence: str,
        *,
        code: Code | None = None,
        value: Decimal | None = None,
        limit: Decimal | None = None,
        n: int | None = None,
        details: dict[str, JsonValue] | None = None,
    ) -> Verdict:
        """A verdict of this check; without ``code`` the one that fits the outcome."""
        chosen = code or _CODES.get(outcome, Code.NO_DATA)
        checked = (value is None or is_within_reach(value)) and (limit is None or is_within_reach(limit))
        return (Verdict.model_construct if checked else Verdict)(
            name=self.name, kind=self.kind, outcome=outcome, code=chosen,
            value=value, limit=limit, n=n, sentence=sentence, details=details or {},
        )  # fmt: skip

    def missing(self, problem: Code, detail: str) -> Verdict:
        """The verdict on evidence that is not there: never a pass."""
        return self.verdict(_OUTCOMES.get(problem, Outcome.ERROR), detail or problem.sentence, code=problem)

    def wrong_kind(self, evidence: Evidence) -> Verdict:
        """The verdict on evidence of another kind than this check judges."""
        reason = f"'{self.kind}' cannot judge evidence of kind '{evidence.kind}'"
        problem: dict[str, JsonValue] = {
            "field": "evidence.kind",
            "reason": reason,
            "allowed": _EVIDENCE_OF.get(self.wants, ""),
        }
        return self.verdict(Outcome.ERROR, reason, code=Code.WRONG_EVIDENCE, details={"problem": problem})

    def bounded(
        self,
        evidence: NumberEvidence,
        value: Decimal,
        bounds: tuple[Decimal | None, Decimal | None],
        what: str,
        unit: str = "",
    ) -> Verdict:
        """Judge ``value`` against inclusive (low, high) bounds, of which at least one is set."""
        low, high = bounds
        limit = low if low is not None and (high is None or value < low) else high
        inside = (low is None or value >= low) and (high is None or value <= high)
        relation = "at least" if limit == low else "at most"
        return self.verdict(
            Outcome.PASS if inside else Outcome.FAIL,
            f"{what} is {show(value, limit)}{unit}, limit {relation} {show_limit(limit)}{unit}",
            value=value,
            limit=limit,
            n=evidence.samples,
        )


class GateBase(Check):
    """A check that decides whether the stage may be left upwards."""

    on_fail: OnFail = OnFail.WAIT
    """``wait`` for thresholds not reached yet, ``abort`` for harm shown."""
    looks: LookPolicy | None = None
    """How many looks decide and how many of each verdict are borne; without it the newest look alone counts."""
    critical: bool = False
    """Whether it must pass however well the others do: a ``score`` does not weigh it away."""
    group: Name = "rest"
    """Where it stands when a ``score`` weighs the stage's gates."""


class GuardBase(Check):
    """A check that is watched continuously; when it fails it trips."""

    mends: ClassVar[bool] = False
    """Whether what it watches can be well again by itself."""
    by_market: ClassVar[bool] = False
    """Whether it can judge each market by itself."""
    scope: Scope = Scope.BOT
    """What a trip touches; beyond the candidate itself by a latch at the platform."""
    on_trip: OnTrip = OnTrip.ABORT
    """``abort`` comes down, ``hold`` stops for a person with the exposure as it is, ``pause_scope`` latches the scope
    until it is well again and lets the climb go on."""

    @model_validator(mode="after")
    def _scope_fits(self) -> Self:
        if self.on_trip is OnTrip.PAUSE_SCOPE and not self.mends:
            raise ValueError(
                f"'pause_scope' is for staleness, heartbeat and slo: a broken '{self.kind}' does not mend itself"
            )
        if self.scope is Scope.MARKET and not self.by_market:
            raise ValueError(f"'{self.kind}' is not known for each market: only staleness may have 'scope: market'")
        return self


class MendingGuard(GuardBase):
    """A guard on what can be well again by itself, so that what it has paused may go on by itself."""

    mends: ClassVar[bool] = True
    fresh_for: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    """How long it must have been well without a break before ``pause_scope`` lets its scope go on."""
