"""What a gate judges: numbers with where they came from, trades, replays.

No evidence is never a pass: a missing value carries the reason it is missing in ``problem``.
"""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from promotion_ladder.core.base import Money, Number, Record, Sample, Time
from promotion_ladder.core.codes import Code
from promotion_ladder.core.incidents import Incident
from promotion_ladder.core.looks import LookCount
from promotion_ladder.core.platform import ReplayResult
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.statistics.slices import Quad
from promotion_ladder.core.verdict import Outcome


class NumberEvidence(Record):
    """One number: a metric's newest value in a window, or an age in seconds."""

    kind: Literal["number"] = "number"
    value: Number | None
    """None when the source gave nothing usable; ``problem`` then says why."""
    at: Time | None = None
    """Time of the newest sample."""
    samples: int | None = None
    """Finite samples in the window; None where counting makes no sense."""
    problem: Code | None = None
    detail: str = ""
    source: str = ""
    """The query or the platform's verb."""


class NumbersEvidence(Record):
    """Several named numbers of one look; what was asked for each value of a label is named ``gaps WTI``."""

    kind: Literal["numbers"] = "numbers"
    numbers: dict[str, Number] = {}
    problem: Code | None = None
    """Why they are not all there; then none is judged."""
    detail: str = ""


class PairEvidence(Record):
    """The same number of candidate and of what it is compared with."""

    kind: Literal["pair"] = "pair"
    candidate: NumberEvidence
    baseline: NumberEvidence
    """The same number of the variant it is compared with, whichever that is."""
    candidate_capital: Money | None = None
    """What the platform allots to the candidate in this stage."""
    baseline_capital: Money | None = None


class TradeOutcome(Record):
    """How one trade ended."""

    pnl: Money
    size: Money
    closed_at: Time


class TradesEvidence(Record):
    """Closed trades of the candidate since the stage began, or since ``before`` ends, oldest first."""

    kind: Literal["trades"] = "trades"
    before: Carried | None = None
    """The sums of everything before."""
    candidate: tuple[TradeOutcome, ...]
    stage_entered_at: Time
    now: Time
    capital: Money | None = None
    """The candidate's capital in this stage, for limits stated as a share of it."""
    problem: Code | None = None
    detail: str = ""


class ReplayEvidence(Record):
    """A finished or unfinished replay."""

    kind: Literal["replay"] = "replay"
    result: ReplayResult | None
    problem: Code | None = None
    detail: str = ""


class StandingEvidence(Record):
    """How the candidate stands now by its platform: what guards of money look at."""

    kind: Literal["standing"] = "standing"
    pnl: Money | None
    """Realised plus unrealised since the stage began."""
    peak_pnl: Money | None = None
    capital: Money | None = None
    problem: Code | None = None
    detail: str = ""


class HoldingsEvidence(Record):
    """What the candidate holds now by its platform."""

    kind: Literal["holdings"] = "holdings"
    values: dict[str, Money]
    """Value of each instrument held, never negative."""
    problem: Code | None = None
    detail: str = ""


class IncidentsEvidence(Record):
    """What the queue of incidents says of the bot: not part of any ladder, looked at in every judgement."""

    kind: Literal["incidents"] = "incidents"
    blocking: tuple[Incident, ...] = ()
    """Critical incidents of the bot, or of a scope that covers it, that nobody has resolved."""
    problem: Code | None = None
    detail: str = ""


class ProbeResult(Record):
    """What one preflight probe found. Its output is never kept, since it may hold a secret."""

    name: str
    passed: bool
    at: Time
    """Not before this it was run; by the clock that judges its age."""
    status: int | None = None
    """Exit code or HTTP status; None when there was none."""
    output_sha256: str | None = None
    """SHA-256 of all that it printed or answered; None when it did not come to its end."""
    problem: str = ""
    """What is wrong, in words; empty when it passed."""


class AttestationEvidence(Record):
    """What the preflight probes of the ladder found when they were last run."""

    kind: Literal["attestation"] = "attestation"
    results: tuple[ProbeResult, ...]
    now: Time
    probes: tuple[str, ...] = ()
    """All probes of the ladder: each must have a result where a gate names none."""
    problem: Code | None = None
    detail: str = ""


class Series(Record):
    """All samples of one series in a window, oldest first: one side of :class:`SamplesEvidence`."""

    values: tuple[Sample, ...]
    """None where a sample was no finite number."""
    problem: Code | None = None
    detail: str = ""


class SamplesEvidence(Record):
    """Two sets of samples of one metric, in order of time."""

    kind: Literal["samples"] = "samples"
    candidate: tuple[Sample, ...]
    baseline: tuple[Sample, ...]
    problem: Code | None = None
    detail: str = ""


class HistogramEvidence(Record):
    """Counts in buckets with fixed upper edges, of two arms or of recent and training data.

    There is one count more than edges: the last bucket is open.
    """

    kind: Literal["histogram"] = "histogram"
    edges: tuple[Number, ...]
    candidate: tuple[Number, ...] = Field(validation_alias=AliasChoices("candidate", "recent"))
    baseline: tuple[Number, ...] = Field(validation_alias=AliasChoices("baseline", "training"))
    problem: Code | None = None
    detail: str = ""


class Arm(Record):
    """One arm in one slice."""

    sum: Number
    """What is added up: profit, scores, events."""
    count: Number = Field(ge=0)
    """What it is divided by: value traded, forecasts, orders."""
    samples: int | None = Field(default=None, ge=0)
    """How many outcomes it comes from, where ``count`` does not count them."""


class Slice(Record):
    """A slice of time in both arms."""

    start: Time
    candidate: Arm
    baseline: Arm


class SliceEvidence(Record):
    """What slices and counts have in common: what is new, and what was carried here."""

    before: Carried | None = None
    """The sums of everything before."""
    since: Time | None = None
    """Begin of the first of these slices."""
    until: Time | None = None
    """End of the last sealed one, whether or not it had data."""
    missing: int = 0
    """Sealed slices that the source could not tell."""
    problem: Code | None = None
    detail: str = ""

    def quads(self) -> list[Quad]:
        """The new slices as numbers, in order of time."""
        raise NotImplementedError  # slices and counts have their own

    def samples(self) -> Decimal:
        """How many outcomes of the candidate they come from."""
        raise NotImplementedError  # slices and counts have their own


class SlicesEvidence(SliceEvidence):
    """Sums and counts of both arms by slice of time, each slice sealed and told once."""

    kind: Literal["slices"] = "slices"
    slices: tuple[Slice, ...]

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        starts = [slice_.start for slice_ in self.slices]
        if starts != sorted(set(starts)):
            raise ValueError("slices must be in order of 'start', each once: late data changes nothing that is sealed")
        return self

    def quads(self) -> list[Quad]:
        """The new slices as numbers, in order of time."""
        arms = [(one.candidate, one.baseline) for one in self.slices]
        return [(float(c.sum), float(c.count), float(b.sum), float(b.count)) for c, b in arms]

    def samples(self) -> Decimal:
        """How many outcomes of the candidate they come from."""
        arms = [one.candidate for one in self.slices]
        return sum((arm.count if arm.samples is None else Decimal(arm.samples) for arm in arms), Decimal(0))


class Events(Record):
    """Events among exposures of one arm at one look."""

    events: Number = Field(ge=0)
    exposures: Number = Field(ge=0)


class CountLook(Record):
    """What one look adds in both arms."""

    candidate: Events
    baseline: Events


class CountsEvidence(SliceEvidence):
    """Events and exposures of both arms, look by look; each look tells what is new since the last one."""

    kind: Literal["counts"] = "counts"
    looks: tuple[CountLook, ...]

    def quads(self) -> list[Quad]:
        """The new looks as numbers, in order."""
        return [
            (
                float(look.candidate.events), float(look.candidate.exposures),
                float(look.baseline.events), float(look.baseline.exposures),
            )
            for look in self.looks
        ]  # fmt: skip

    def samples(self) -> Decimal:
        """The candidate's exposures."""
        return sum((look.candidate.exposures for look in self.looks), Decimal(0))


class MeasurementsEvidence(Record):
    """The verdicts of one gate at look after look, oldest first."""

    kind: Literal["measurements"] = "measurements"
    verdicts: tuple[Outcome, ...]


class JudgedGate(Record):
    """How one gate of several came out."""

    name: str
    classification: str
    """A verdict of ours, or Kayenta's: ``Pass``, ``High``, ``Low``, ``Nodata``, ``NodataFailMetric``, ``Error``."""
    critical: bool = False
    groups: tuple[str, ...] = ()


class VerdictsEvidence(Record):
    """The verdicts of several gates at one look."""

    kind: Literal["verdicts"] = "verdicts"
    gates: tuple[JudgedGate, ...]


INCIDENTS = "open incidents"
"""Where :class:`IncidentsEvidence` stands among the items of a judgement; no gate can have a name with a space."""

Evidence = Annotated[
    NumberEvidence
    | NumbersEvidence
    | PairEvidence
    | TradesEvidence
    | ReplayEvidence
    | StandingEvidence
    | HoldingsEvidence
    | IncidentsEvidence
    | AttestationEvidence
    | SamplesEvidence
    | HistogramEvidence
    | SlicesEvidence
    | CountsEvidence
    | MeasurementsEvidence
    | VerdictsEvidence,
    Field(discriminator="kind"),
]
"""Any evidence, told apart by ``kind``."""


class StoredEvidence(Record):
    """The evidence of one judgement, as it is stored under its hash."""

    promotion_id: str
    stage: str
    attempt: int
    taken_at: Time
    window_start: Time
    items: dict[str, Evidence]
    """By the gate's name."""
    looks: dict[str, LookCount] = {}
    """The verdicts counted before this judgement, of gates that state ``looks``."""
