"""``replay_match``: the candidate over recorded data decides the same twice, and no worse than stable."""

from typing import ClassVar, Literal

from promotion_ladder.core.base import Number
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, ReplayEvidence, TradeOutcome
from promotion_ladder.core.gates.check import GateBase, OnFail, Wants, show
from promotion_ladder.core.gates.trades import added_up, ev_per_dollar
from promotion_ladder.core.platform import ReplayRun
from promotion_ladder.core.verdict import Outcome, Verdict


class ReplayMatchGate(GateBase):
    """Two replays are identical; optionally the decisions are the expected ones, and PnL per dollar holds up."""

    wants: ClassVar[Wants] = Wants.REPLAY
    kind: Literal["replay_match"] = "replay_match"
    on_fail: OnFail = OnFail.ABORT
    expected_decisions: str | None = None
    """SHA-256 of the decisions somebody reviewed, if they are to be exactly those."""
    min_ev_delta: Number | None = None
    """Least value per dollar of candidate minus stable over the same data."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge :class:`ReplayEvidence`."""
        if not isinstance(evidence, ReplayEvidence):
            return self.wrong_kind(evidence)
        result = evidence.result
        if evidence.problem is not None or result is None:
            return self.missing(evidence.problem or Code.NO_DATA, evidence.detail)
        if not result.done:
            return self.missing(Code.NO_DATA, "the replay is still running")
        if result.candidate is None or result.repeat is None or result.stable is None:
            return self.verdict(Outcome.ERROR, result.detail or "the replay broke", code=Code.PLATFORM_REFUSED)
        return self._compare(result.candidate, result.repeat, result.stable)

    def _compare(self, candidate: ReplayRun, repeat: ReplayRun, stable: ReplayRun) -> Verdict:
        if candidate.decisions == 0:
            return self.missing(Code.NO_DATA, "the replay made no decision")
        if candidate.decisions_sha256 != repeat.decisions_sha256:
            return self.verdict(
                Outcome.FAIL, Code.REPLAY_DIFFERS.sentence, code=Code.REPLAY_DIFFERS, n=candidate.decisions
            )
        if self.expected_decisions not in (None, candidate.decisions_sha256):
            return self.verdict(
                Outcome.FAIL,
                f"decisions {candidate.decisions_sha256[:12]} are not the expected {str(self.expected_decisions)[:12]}",
                n=candidate.decisions,
            )
        same = f"{candidate.decisions} decisions, twice the same"
        if self.min_ev_delta is None:
            return self.verdict(Outcome.PASS, same, n=candidate.decisions)
        mine, theirs = (ev_per_dollar(added_up(_outcomes(run))) for run in (candidate, stable))
        if mine is None or theirs is None:
            return self.missing(Code.NO_DATA, "the replay closed no trade on one side")
        delta = mine - theirs
        return self.verdict(
            Outcome.PASS if delta >= self.min_ev_delta else Outcome.FAIL,
            f"{same}; value per dollar {show(delta, self.min_ev_delta)} against stable, "
            f"limit at least {show(self.min_ev_delta)}",
            value=delta,
            limit=self.min_ev_delta,
            n=candidate.decisions,
        )


def _outcomes(run: ReplayRun) -> tuple[TradeOutcome, ...]:
    return tuple(TradeOutcome(pnl=t.pnl, size=t.size, closed_at=t.closed_at) for t in run.trades)
