"""``backlog``: not too many approvals wait for people already."""

from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from promotion_ladder.core.base import Duration, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, NumberEvidence
from promotion_ladder.core.gates.check import GateBase, OnFail, Wants, show
from promotion_ladder.core.verdict import Outcome, Verdict


class BacklogGate(GateBase):
    """At most ``max`` approvals of other bots have waited for longer than ``older_than``."""

    wants: ClassVar[Wants] = Wants.BACKLOG
    kind: Literal["backlog"] = "backlog"
    on_fail: OnFail = OnFail.HOLD
    """People who do not get around to answering are not asked more."""
    max: int = Field(ge=0)
    """Most approvals that may wait, of all roles together."""
    older_than: Duration = Field(default=timedelta(0), ge=timedelta(0))
    """Younger ones do not count."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`NumberEvidence` whose value is a number of approvals."""
        if not isinstance(evidence, NumberEvidence):
            return self.wrong_kind(evidence)
        if evidence.problem is not None or evidence.value is None:
            return self.missing(evidence.problem or Code.NO_DATA, evidence.detail)
        waiting, limit = evidence.value, Decimal(self.max)
        since = f" for longer than {show_duration(self.older_than)}" if self.older_than else ""
        sentence = f"approvals of other bots that wait{since}: {show(waiting, limit)}, at most {self.max}"
        if waiting <= limit:
            return self.verdict(Outcome.PASS, sentence, value=waiting, limit=limit)
        return self.verdict(Outcome.FAIL, sentence, code=Code.APPROVALS_WAIT, value=waiting, limit=limit)
