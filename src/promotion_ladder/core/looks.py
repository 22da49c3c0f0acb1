"""What a gate's verdicts at look after look come to, as Argo Rollouts decides it (docs/gates/looks.md)."""

from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import model_validator

from promotion_ladder.core.base import Record, Spec
from promotion_ladder.core.codes import Code
from promotion_ladder.core.verdict import Outcome


class Phase(StrEnum):
    """Argo's words for how an analysis stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


_OUTCOMES = {
    Phase.PENDING: (Outcome.NO_DATA, Code.NO_DATA),
    Phase.RUNNING: (Outcome.INCONCLUSIVE, Code.LOOKS_OPEN),
    Phase.SUCCESSFUL: (Outcome.PASS, Code.GATE_PASSED),
    Phase.FAILED: (Outcome.FAIL, Code.GATE_FAILED),
    Phase.INCONCLUSIVE: (Outcome.INCONCLUSIVE, Code.LOOKS_INCONCLUSIVE),
    Phase.ERROR: (Outcome.ERROR, Code.LOOKS_ERRED),
}


class Standing(NamedTuple):
    """How the looks so far stand."""

    phase: Phase
    sentence: str

    @property
    def decided(self) -> bool:
        """Whether no further look can change it."""
        return self.phase not in (Phase.PENDING, Phase.RUNNING)

    @property
    def outcome(self) -> Outcome:
        """The verdict this amounts to; an open one is never a pass."""
        return _OUTCOMES[self.phase][0]

    @property
    def code(self) -> Code:
        """The reason that goes with it."""
        return _OUTCOMES[self.phase][1]


class LookPolicy(Spec):
    """How many looks decide, and how many of each verdict are borne. The limits are Argo's, with its defaults."""

    count: int = 0
    """Looks that decide, errors not counted; 0: without end, until a limit decides."""
    failure_limit: int = 0
    """More failures than this fail; -1: any number is borne."""
    inconclusive_limit: int = 0
    """More looks that could not say than this are inconclusive; a look without data is one."""
    consecutive_error_limit: int = 4
    """More errors in a row than this are an error."""
    consecutive_success_limit: int = 0
    """So many passes in a row pass at once, and without them nothing does; 0: not asked."""

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        for field in ("count", "inconclusive_limit", "consecutive_error_limit", "consecutive_success_limit"):
            if getattr(self, field) < 0:
                raise ValueError(f"'{field}' must be 0 or more, was {getattr(self, field)}")
        if self.failure_limit < -1:
            raise ValueError(f"'failure_limit' must be 0 or more, or -1 for no limit; was {self.failure_limit}")
        if self.failure_limit == -1 and self.consecutive_success_limit == 0:
            raise ValueError("'failure_limit' -1 needs a 'consecutive_success_limit': else nothing could fail")
        needed = max(self.failure_limit, 0) + self.consecutive_success_limit
        if 0 < self.count < needed:
            raise ValueError(
                f"'count' must be at least 'failure_limit' + 'consecutive_success_limit' ({needed}), was {self.count}"
            )
        if 0 < self.count < self.inconclusive_limit:
            raise ValueError(
                f"'count' must be at least 'inconclusive_limit' ({self.inconclusive_limit}), was {self.count}"
            )
        return self

    def look(self, counted: "LookCount", outcome: Outcome) -> "LookCount":
        """``counted`` with one look more; once it is decided it stays as it was."""
        return counted if counted.standing(self).decided else counted.add(outcome)


class LookCount(Record):
    """What is kept of all looks so far: the same few numbers after one look or after two thousand."""

    looks: int = 0
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    passed_in_a_row: int = 0
    errors_in_a_row: int = 0

    def add(self, outcome: Outcome) -> "LookCount":
        """With one look more; no data counts as inconclusive."""
        erred, passed, failed = (outcome is one for one in (Outcome.ERROR, Outcome.PASS, Outcome.FAIL))
        return LookCount(
            looks=self.looks + 1,
            passed=self.passed + passed,
            failed=self.failed + failed,
            inconclusive=self.inconclusive + (not erred and not passed and not failed),
            passed_in_a_row=self.passed_in_a_row + 1 if passed else 0,
            errors_in_a_row=self.errors_in_a_row + 1 if erred else 0,
        )

    def standing(self, policy: LookPolicy) -> Standing:
        """Argo's ``assessMetricStatus``, but looks of which none passed or failed are no success.

        The first standing that is decided is final: :meth:`LookPolicy.look` counts no further.
        """
        if self.looks == 0:
            return Standing(Phase.PENDING, "nobody has looked yet")
        broken = self._broken(policy)
        if broken is not None:
            return broken
        asked = policy.consecutive_success_limit
        if 0 < asked <= self.passed_in_a_row:
            return Standing(Phase.SUCCESSFUL, f"{self.passed_in_a_row} passes in a row, {asked} asked")
        judged = self.passed + self.failed + self.inconclusive
        if not 0 < policy.count <= judged:
            of = f" of {policy.count}" if policy.count else ""
            return Standing(Phase.RUNNING, f"{judged}{of} looks, no limit reached")
        if asked:
            phase = Phase.FAILED if policy.failure_limit < 0 else Phase.INCONCLUSIVE
            return Standing(phase, f"{judged} looks without {asked} passes in a row")
        if self.inconclusive == judged:
            return Standing(Phase.INCONCLUSIVE, f"none of {judged} looks passed or failed")
        return Standing(Phase.SUCCESSFUL, f"{judged} looks, {self.failed} failed, at most {policy.failure_limit} may")

    def _broken(self, policy: LookPolicy) -> Standing | None:
        """The limit that is broken; of several, an error comes before inconclusive, and that before a failure."""
        if self.errors_in_a_row > policy.consecutive_error_limit:
            return Standing(
                Phase.ERROR, f"{self.errors_in_a_row} errors in a row, at most {policy.consecutive_error_limit} borne"
            )
        if self.inconclusive > policy.inconclusive_limit:
            return Standing(
                Phase.INCONCLUSIVE,
                f"{self.inconclusive} looks could not say, at most {policy.inconclusive_limit} borne",
            )
        if 0 <= policy.failure_limit < self.failed:
            return Standing(Phase.FAILED, f"{self.failed} looks failed, at most {policy.failure_limit} borne")
        return None
