"""``staleness`` and ``heartbeat``: how old the bot's market data and its last sign of life are.

Strictly older than the limit fails; ages are measured on the platform's clock alone.
"""

from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from promotion_ladder.core.base import Duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumberEvidence
from promotion_ladder.core.gates.check import Check, GateBase, MendingGuard, Wants
from promotion_ladder.core.verdict import Verdict


class AgeCheck(Check):
    """A limit on an age."""

    max_age: Duration = Field(gt=timedelta(0))
    """The greatest age that is still good."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`NumberEvidence` whose value is an age in seconds."""
        if not isinstance(evidence, NumberEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None or evidence.value is None:
            return self.missing(evidence.problem or Code.NO_DATA, evidence.detail)
        limit = Decimal(str(self.max_age.total_seconds()))
        what = "age of market data" if self.wants is Wants.MARKET_DATA_AGE else "age of the last heartbeat"
        return self.bounded(evidence, evidence.value, (None, limit), what, "s")


class StalenessGate(AgeCheck, GateBase):
    """Market data is fresh."""

    wants: ClassVar[Wants] = Wants.MARKET_DATA_AGE
    kind: Literal["staleness"] = "staleness"


class StalenessGuard(AgeCheck, MendingGuard):
    """Market data stays fresh: the newest of all, or with ``scope: market`` that of each market by itself."""

    by_market: ClassVar[bool] = True
    wants: ClassVar[Wants] = Wants.MARKET_DATA_AGE
    kind: Literal["staleness"] = "staleness"


class HeartbeatGate(AgeCheck, GateBase):
    """The bot lives."""

    wants: ClassVar[Wants] = Wants.HEARTBEAT_AGE
    kind: Literal["heartbeat"] = "heartbeat"


class HeartbeatGuard(AgeCheck, MendingGuard):
    """The bot goes on living."""

    wants: ClassVar[Wants] = Wants.HEARTBEAT_AGE
    kind: Literal["heartbeat"] = "heartbeat"
