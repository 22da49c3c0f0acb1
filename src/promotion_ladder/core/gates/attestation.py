"""``attestation``: the preflight probes passed, and not too long ago."""

from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from promotion_ladder.core.base import Duration, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import AttestationEvidence, Evidence
from promotion_ladder.core.gates.check import GateBase, OnFail, Wants
from promotion_ladder.core.release import Name
from promotion_ladder.core.verdict import Outcome, Verdict


class AttestationGate(GateBase):
    """Every probe asked for has a result, that result is a pass, and it is young enough."""

    wants: ClassVar[Wants] = Wants.ATTESTATION
    kind: Literal["attestation"] = "attestation"
    on_fail: OnFail = OnFail.HOLD
    """A failed probe does not pass by being looked at again: a person mends what it names, and retries."""
    of: tuple[Name, ...] = ()
    """Names of preflight probes; all of the ladder's unless stated."""
    max_age: Duration = Field(default=timedelta(days=7), gt=timedelta(0))
    """The greatest age of a result; an older one says nothing of now."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`AttestationEvidence`; a failed probe is a fail at any age, a missing or old result no data."""
        if not isinstance(evidence, AttestationEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None:
            return self.missing(evidence.problem, evidence.detail)
        names = self.of or evidence.probes or tuple(dict.fromkeys(result.name for result in evidence.results))
        results = [result for result in evidence.results if result.name in names]
        failed = next((result for result in results if not result.passed), None)
        if failed is not None:
            said = f": {failed.problem}" if failed.problem else ""
            return self.verdict(
                Outcome.FAIL, f"preflight probe {failed.name} failed{said}", code=Code.PREFLIGHT_FAILED,
                value=Decimal(sum(result.passed for result in results)), limit=Decimal(len(names)), n=len(results),
            )  # fmt: skip
        unproved = sorted(set(names) - {result.name for result in results})
        if unproved or not names:
            return self._unproved(f"no result of preflight probe {', '.join(unproved) or 'of any name'}")
        early = next((result for result in results if result.at > evidence.now), None)
        if early is not None:
            return self._unproved(f"the result of preflight probe {early.name} is from the future")
        oldest = min(results, key=lambda result: result.at)
        age = evidence.now - oldest.at
        if age > self.max_age:
            told = f"{show_duration(age)} old, at most {show_duration(self.max_age)}"
            return self._unproved(f"the result of preflight probe {oldest.name} is {told}")
        return self.verdict(
            Outcome.PASS, f"preflight probes that passed: {len(names)}, the first {show_duration(age)} ago",
            value=Decimal(len(names)), limit=Decimal(len(names)), n=len(results),
        )  # fmt: skip

    def _unproved(self, sentence: str) -> Verdict:
        return self.verdict(Outcome.NO_DATA, sentence, code=Code.NOT_ATTESTED)
