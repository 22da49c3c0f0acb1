"""``looks``: what recorded verdicts of one gate come to (core/looks.py); in a ladder a gate states ``looks`` itself."""

from decimal import Decimal
from typing import ClassVar, Literal

from promotion_ladder.core.evidence import Evidence, MeasurementsEvidence
from promotion_ladder.core.gates.check import GateBase, Wants
from promotion_ladder.core.looks import LookCount, LookPolicy
from promotion_ladder.core.verdict import Verdict


class LooksGate(LookPolicy, GateBase):
    """The verdicts of one gate over time satisfy a policy. Judges recorded verdicts."""

    wants: ClassVar[Wants] = Wants.MEASUREMENTS
    kind: Literal["looks"] = "looks"

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`MeasurementsEvidence`; ``details`` has Argo's phase and after how many looks it was decided."""
        if not isinstance(evidence, MeasurementsEvidence):
            return self.wrong_kind(evidence)
        counted = LookCount()
        for outcome in evidence.verdicts:
            counted = self.look(counted, outcome)
        standing = counted.standing(self)
        return self.verdict(
            standing.outcome,
            standing.sentence,
            code=standing.code,
            value=Decimal(counted.passed),
            n=counted.looks,
            details={
                "decided_after": counted.looks if standing.decided else None,
                "phase": str(standing.phase),
                "failed": counted.failed,
                "inconclusive": counted.inconclusive,
            },
        )
