"""The ladder: the frozen, content-hashed specification of a climb."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from promotion_ladder.core.base import Duration, Share, Spec
from promotion_ladder.core.canonical import digest
from promotion_ladder.core.gates import Gate, Guard
from promotion_ladder.core.gates.attestation import AttestationGate
from promotion_ladder.core.gates.comparison import DeltaGate
from promotion_ladder.core.gates.looks import LooksGate
from promotion_ladder.core.gates.mann_whitney import MannWhitneyGate
from promotion_ladder.core.gates.non_inferiority import NonInferiorityGate
from promotion_ladder.core.gates.score import ScoreGate
from promotion_ladder.core.gates.terms import Measure, Terms
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.platform import DEFAULT_LEASE, Limits, Mode, Variant
from promotion_ladder.core.query import expand
from promotion_ladder.core.release import Name
from promotion_ladder.core.ways import NOTHING, Flatten, WayDown, by_name

LEAST_TRADES = 200
"""Before a comparison of profits passes: of 80, a loss that one trade in a hundred makes is often not among them."""


def misplaced(message: str, *at: str | int) -> PydanticCustomError:
    """An error in words, with the path from the model that raises it to what it is about."""
    return PydanticCustomError("misplaced", "{message}", {"message": message, "at": at})


def _twice(names: list[str]) -> int | None:
    """Where the first name stands that stood before; None if all differ."""
    return next((i for i, name in enumerate(names) if name in names[:i]), None)


class Observation(Spec):
    """The watched interval of a stage."""

    min: Duration = Field(default=timedelta(minutes=60), ge=NOTHING)
    """The stage is not left upwards before this."""
    max: Duration | None = None
    """When gates still do not pass after this, the stage holds for a person; four times ``min`` unless stated."""
    every: Duration = Field(default=timedelta(seconds=60), gt=NOTHING)
    """Time between judgements."""
    min_samples: int = Field(default=50, ge=1)
    """Finite samples each metric gate needs, unless the gate says otherwise."""

    @property
    def longest(self) -> timedelta:
        """``max``, or its default."""
        return self.max if self.max is not None else max(4 * self.min, 4 * self.every)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError("'max' is shorter than 'min'; the stage could only hold")
        if self.longest / self.every > 2000:
            raise ValueError(
                "'every' is too short for so long an observation: more than 2000 judgements; "
                "guards react within seconds, gates need not"
            )
        return self


class AutoExit(Spec):
    """Leave as soon as the gates pass."""

    kind: Literal["auto"] = "auto"


class VetoExit(Spec):
    """Leave when a window has run in which anyone entitled could stop it; gates are judged again at its end."""

    kind: Literal["veto"] = "veto"
    window: Duration = Field(gt=NOTHING)
    """How long people have to stop it, from the moment the notice was delivered."""
    on_veto: Literal["end", "hold"] = "end"
    """``end``: compensate and hold the release out. ``hold``: stop for a person."""
    roles: tuple[Name, ...] = ()
    """Who may veto, beside those whom policy.yaml lets veto anything."""


class ApprovalExit(Spec):
    """Leave when enough named people agree; silence keeps the stage where it is until the approval expires."""

    kind: Literal["approval"] = "approval"
    roles: tuple[Name, ...] = Field(min_length=1)
    """An approver needs one of these."""
    quorum: int = Field(default=1, ge=1)
    """How many different people."""
    expires: Duration = Field(gt=NOTHING)
    """Unanswered after this: rolled back where exposed, held otherwise."""
    four_eyes: bool = True
    """Whether the release's author is refused as approver."""


Exit = Annotated[AutoExit | VetoExit | ApprovalExit, Field(discriminator="kind"), BeforeValidator(by_name)]
"""How a stage is left once its gates pass."""


class Guards(Spec):
    """What is watched continuously while the stage stands."""

    every: Duration = Field(default=timedelta(seconds=1), gt=NOTHING)
    """Time between looks."""
    blind_for: Duration = Field(default=timedelta(seconds=60), gt=NOTHING)
    """How long a guard may go without seeing what it watches; counted anew by a worker that starts."""
    on_blind: Literal["hold", "abort"] | None = None
    """What a guard that was blind for longer does: ``abort`` where money is at risk, else ``hold``, unless stated."""
    checks: tuple[Guard, ...] = Field(min_length=1)
    """What trips; each comes down or stops the stage by itself."""

    @field_validator("checks")
    @classmethod
    def _unique(cls, checks: tuple[Guard, ...]) -> tuple[Guard, ...]:
        names = [check.name for check in checks]
        if (again := _twice(names)) is not None:
            raise misplaced(f"guard names must differ, '{names[again]}' stands twice", again, "name")
        return checks


class Stage(Spec):
    """One rung of the ladder."""

    name: Name
    """What people and the record call it; unique in the ladder."""
    mode: Mode
    """How much of the world it touches."""
    capital: Share = Decimal(0)
    """The candidate's share of the bot's capital; only for canary, live has all of it."""
    baseline: bool = False
    """Run a fresh copy of stable with the candidate's share, for a fair comparison."""
    overrides: dict[str, str] = {}
    """Parameters of this stage alone."""
    limits: Limits | None = None
    """Pre-trade limits; every stage that touches money states them."""
    lease: Duration = Field(default=DEFAULT_LEASE, gt=NOTHING)
    """How long exposure stands without being watched."""
    pause: Duration | Literal["until_resumed"] = timedelta(0)
    """Time to settle before anything is judged, or until a person resumes."""
    observe: Observation = Observation()
    """How long it is watched, and how often judged."""
    guards: Guards | None = None
    """What stops it at once; every stage that touches money states them."""
    gates: tuple[Gate, ...] = Field(min_length=1)
    """What must pass, all of it, before the stage is left upwards."""
    alpha: Share = Field(default=Decimal("0.05"), gt=0, le=Decimal("0.2"))
    """How often the stage may be wrong by chance: abort a candidate as good as the baseline, or pass one that is worse
    by the margin. Shared by its ``non_inferiority`` gates; each retry has half of what the attempt before had."""
    exit: Exit = AutoExit()
    """How it is left once the gates pass."""
    on_abort: WayDown = Flatten()
    """What becomes of its positions on the way down; a kill always flattens. Only for stages that touch money."""

    @field_validator("gates")
    @classmethod
    def _unique(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        names = [gate.name for gate in gates]
        if (again := _twice(names)) is not None:
            raise misplaced(f"gate names must differ, '{names[again]}' stands twice", again, "name")
        return gates

    @field_validator("pause")
    @classmethod
    def _not_back(cls, pause: timedelta | str) -> timedelta | str:
        if isinstance(pause, timedelta) and pause < NOTHING:
            raise ValueError("a pause cannot be shorter than nothing")
        return pause

    @model_validator(mode="after")
    def _money_is_bounded(self) -> Self:
        if self.mode is Mode.CANARY and not 0 < self.capital < 1:
            raise ValueError("a canary stage needs 'capital' above 0% and below 100%")
        if self.mode is not Mode.CANARY and self.capital != 0:
            raise ValueError(f"'capital' belongs to canary stages; a {self.mode} stage has none or all")
        if self.baseline and (self.mode is not Mode.CANARY or self.capital > Decimal("0.5")):
            raise ValueError("'baseline' needs a canary stage of at most 50%, since it takes as much again")
        if self.mode.touches_money and self.limits is None:
            raise ValueError("a stage that touches money needs 'limits' (RTS 6 Art. 8)")
        if not self.mode.touches_money and not isinstance(self.on_abort, Flatten):
            raise ValueError(f"'on_abort' belongs to stages that touch money; a {self.mode} stage has no positions")
        if self.mode.touches_money and self.guards is None:
            raise ValueError("a stage that touches money needs 'guards'")
        return self

    @model_validator(mode="after")
    def _gates_can_be_judged(self) -> Self:
        for index, gate in enumerate(self.gates):
            if isinstance(gate, NonInferiorityGate) and gate.alpha is not None:
                raise misplaced(
                    "in a ladder 'alpha' belongs to the stage, whose gates share it", "gates", index, "alpha"
                )
            if isinstance(gate, NonInferiorityGate) and gate.measure is Measure.RATE and not gate.sum:
                raise misplaced(
                    "in a ladder a rate needs 'sum', the PromQL of its events, and 'count', that of its exposures",
                    "gates", index, "sum",
                )  # fmt: skip
            if isinstance(gate, NonInferiorityGate) and gate.bounds is not None and not gate.sum:
                raise misplaced(
                    "'bounds' needs 'sum' and 'count', PromQL of the scores: profit of closed trades has no bounds",
                    "gates", index, "sum",
                )  # fmt: skip
            if isinstance(gate, LooksGate):
                raise misplaced(
                    "'looks' judges recorded verdicts, and no stage gathers any: state 'looks' on the gate they are of",
                    "gates", index, "kind",
                )  # fmt: skip
            if isinstance(gate, ScoreGate):
                self._can_be_scored(gate, index)
            if isinstance(gate, MannWhitneyGate) and gate.query is None:
                raise misplaced(
                    "in a ladder a mann_whitney gate needs 'query', the PromQL to ask for each side",
                    "gates", index, "query",
                )  # fmt: skip
            if not self.baseline and _compares_with_baseline(gate):
                raise misplaced(
                    "the gate compares with 'baseline' but the stage runs none; add 'baseline: true' to the stage",
                    "gates", index, "against",
                )  # fmt: skip
        return self

    def _can_be_scored(self, score: ScoreGate, index: int) -> None:
        others = [gate for gate in self.gates if gate is not score]
        if not others or any(isinstance(gate, ScoreGate) for gate in others):
            raise misplaced("a score weighs the other gates of its stage: there must be some, and no second score",
                            "gates", index, "kind")  # fmt: skip
        if score.looks is not None:
            raise misplaced("state 'looks' on the gates that are weighed, not on the score", "gates", index, "looks")
        groups = {gate.group for gate in others}
        if strange := next((group for group in score.groups if group not in groups), None):
            raise misplaced(
                f"no gate of the stage has 'group: {strange}'; there are {', '.join(sorted(groups))}",
                "gates", index, "groups",
            )  # fmt: skip

    @model_validator(mode="after")
    def _capital_is_divided_by(self) -> Self:
        for index, gate in enumerate(self.gates):
            if isinstance(gate, DeltaGate) and gate.unit == "per_capital" and self.mode is not Mode.CANARY:
                raise misplaced(
                    f"'per_capital' is for canary stages; in a {self.mode} stage one side has no capital, "
                    "so the gate could never pass", "gates", index, "unit",
                )  # fmt: skip
        return self

    @property
    def share(self) -> Decimal:
        """The candidate's share of the capital at the venue: none before canary, all of it live."""
        return Decimal(1) if self.mode is Mode.LIVE else self.capital

    @property
    def aborts_when_blind(self) -> bool:
        """Whether a guard that cannot see comes down; else it holds."""
        stated = self.guards.on_blind if self.guards is not None else None
        return stated == "abort" if stated is not None else self.mode.touches_money

    def against_capital(self, against: Variant) -> Decimal:
        """The share of the capital that the variant has with which the candidate is compared."""
        beside = self.share if self.baseline else Decimal(0)
        return beside if against is Variant.BASELINE else 1 - self.share - beside

    def samples_needed(self, gate: MetricCheck | MannWhitneyGate | NonInferiorityGate) -> int:
        """Finite samples ``gate`` needs in this stage."""
        if gate.min_samples is not None:
            return gate.min_samples
        rare = isinstance(gate, NonInferiorityGate) and gate.of_trades  # losses that have not happened yet
        return max(self.observe.min_samples, LEAST_TRADES) if rare else self.observe.min_samples

    def filled_in(self, gate: Gate) -> Gate:
        """``gate`` with what it takes from this stage."""
        if not isinstance(gate, MetricCheck | MannWhitneyGate | NonInferiorityGate):
            return gate
        return gate.model_copy(update={"min_samples": self.samples_needed(gate)})

    def terms(self, gate: NonInferiorityGate, attempt: int) -> Terms:
        """What ``gate`` may err in this attempt, and how many slices it has; the same for every look."""
        tests = sum([other.kind == "non_inferiority" for other in self.gates])  # faster than asking for the class
        horizon = gate.horizon or max(round(self.observe.longest / gate.slice), 10)
        return Terms(alpha=float(self.alpha) / 2 ** (attempt - 1), tests=tests, horizon=horizon)


def _compares_with_baseline(gate: Gate) -> bool:
    if isinstance(gate, NonInferiorityGate) and gate.against is Variant.BASELINE:
        return True  # of closed trades it asks nobody but the platform
    return any(asked.variant is Variant.BASELINE for asked in gate.queries().values())


class Probe(Spec):
    """One check before the first stage: a command that exits 0, or a URL that answers 2xx."""

    name: Name
    """What the report calls it."""
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Program and arguments; exit code 0 is good."""
    http: str | None = Field(default=None, pattern=r"^https?://")
    """An address; an answer of 2xx is good."""
    timeout: Duration = Field(default=timedelta(seconds=30), gt=NOTHING)
    """After this the check has failed."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.command is None) == (self.http is None):
            raise ValueError("state either 'command' (a list of words) or 'http' (an address)")
        return self


class Ladder(Spec):
    """The frozen specification of a climb; its hash is its identity."""

    ladder: Name
    """Its name, which policy.yaml refers to."""
    about: str = ""
    """One sentence for the reader."""
    metrics: dict[str, str] = {}
    """Names of the bot's metrics where they differ from the defaults."""
    preflight: tuple[Probe, ...] = ()
    """Checks before the first stage."""
    stages: tuple[Stage, ...] = Field(min_length=1)
    """The rungs, lowest first; the last one is live."""

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        names = [stage.name for stage in self.stages]
        if (again := _twice(names)) is not None:
            raise misplaced(f"stage names must differ, '{names[again]}' stands twice", "stages", again, "name")
        order = list(Mode)
        for index, (below, above) in enumerate(zip(self.stages, self.stages[1:], strict=False), start=1):
            if order.index(above.mode) < order.index(below.mode):
                raise misplaced(
                    f"stage '{above.name}' ({above.mode}) comes after '{below.name}' ({below.mode}); "
                    f"the order is {', '.join(order)}",
                    "stages", index, "mode",
                )  # fmt: skip
            if above.share < below.share:
                raise misplaced(
                    f"stage '{above.name}' has less capital than '{below.name}' before it", "stages", index, "capital"
                )
        if self.stages[-1].mode is not Mode.LIVE:
            raise misplaced(
                f"the last stage must be live, was {self.stages[-1].mode}", "stages", len(names) - 1, "mode"
            )
        return self

    @model_validator(mode="after")
    def _probes_can_be_named(self) -> Self:
        names = [probe.name for probe in self.preflight]
        if (again := _twice(names)) is not None:
            raise misplaced(f"probe names must differ, '{names[again]}' stands twice", "preflight", again, "name")
        for index, stage in enumerate(self.stages):
            for place, gate in enumerate(stage.gates):
                if not isinstance(gate, AttestationGate):
                    continue
                if not names:
                    none = "the ladder has no 'preflight', so there is nothing to attest; state its probes"
                    raise misplaced(none, "stages", index, "gates", place, "kind")
                for at, name in enumerate(gate.of):
                    if name not in names:
                        unknown = f"no preflight probe is named '{name}', only {', '.join(names)}"
                        raise misplaced(unknown, "stages", index, "gates", place, "of", at)
        return self

    @model_validator(mode="after")
    def _queries_can_be_read(self) -> Self:
        labels = dict.fromkeys(("bot", "release", "variant"), "")
        for index, stage in enumerate(self.stages):
            guards = stage.guards.checks if stage.guards is not None else ()
            checks: list[tuple[tuple[str | int, ...], Gate | Guard]] = [
                *((("gates", place), gate) for place, gate in enumerate(stage.gates)),
                *((("guards", "checks", place), guard) for place, guard in enumerate(guards)),
            ]
            for at, check in checks:
                for name, asked in check.queries().items():
                    try:
                        expand(asked.query, self.metrics, labels, stage.observe.min)
                    except ValueError as unreadable:
                        field = (name,) if name in type(check).model_fields else ()
                        raise misplaced(str(unreadable), "stages", index, *at, *field) from None
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical form."""
        return digest(self)

    def index(self, stage: str) -> int | None:
        """Where the stage of this name stands; None if there is none."""
        return next((i for i, s in enumerate(self.stages) if s.name == stage), None)
