"""What the verdicts of one look come to together: policies over several looks, and a score over several gates."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import JudgedGate, VerdictsEvidence
from promotion_ladder.core.gates import Gate, MannWhitneyGate, NonInferiorityGate, OnFail, ScoreGate
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.looks import LookCount, LookPolicy
from promotion_ladder.core.verdict import Outcome, Verdict


class Settled(NamedTuple):
    """What a look comes to, and what the next one goes on from."""

    verdicts: list[Verdict]
    looks: dict[str, LookCount]
    """Verdicts counted so far, of the gates that state ``looks``."""


def settle(stage: Stage, raw: Iterable[Verdict], before: Mapping[str, LookCount]) -> Settled:
    """``raw`` verdicts of one look with the policies of their gates applied, and the stage's score added."""
    policies = {gate.name: gate.looks for gate in stage.gates if gate.looks is not None}
    verdicts, looks = list(raw), {}
    for place, verdict in enumerate(verdicts if policies else ()):
        policy = policies.get(verdict.name)
        if policy is not None:
            looks[verdict.name] = count = policy.look(before.get(verdict.name, LookCount()), verdict.outcome)
            verdicts[place] = _after(policy, count, verdict)
    score = score_of(stage)
    return Settled(verdicts if score is None else [*verdicts, _scored(score, stage, verdicts)], looks)


def _after(policy: LookPolicy, count: LookCount, newest: Verdict) -> Verdict:
    """The verdict of all looks. One that passed long ago does not outvote a newest one that fails."""
    standing = count.standing(policy)
    outcome, code = standing.outcome, standing.code
    if outcome is Outcome.PASS and not newest.passed:
        outcome, code = Outcome.INCONCLUSIVE, newest.code
    said = {"phase": str(standing.phase), "looks": count.looks, "failed": count.failed}
    return newest.model_copy(update={
        "outcome": outcome, "code": code, "sentence": f"{standing.sentence}; newest: {newest.sentence}",
        "details": newest.details | said,
    })  # fmt: skip


def score_of(stage: Stage) -> ScoreGate | None:
    """The gate that weighs the others, if the stage has one."""
    for gate in stage.gates:
        if gate.kind == "score":  # two thirds faster than asking for the class, and asked at every look
            return gate
    return None


def weighed(stage: Stage) -> set[str]:
    """The gates whose failure a score may outweigh: none that is critical, of non-inferiority, or aborts."""
    if score_of(stage) is None:
        return set()
    kept = ScoreGate | NonInferiorityGate
    free = (gate for gate in stage.gates if not isinstance(gate, kept) and gate.on_fail is not OnFail.ABORT)
    return {gate.name for gate in free if not gate.critical}


def _scored(score: ScoreGate, stage: Stage, verdicts: list[Verdict]) -> Verdict:
    """The score, once every gate has passed or failed: what is not known yet is neither."""
    by_name = {verdict.name: verdict for verdict in verdicts}
    others = [gate for gate in stage.gates if gate is not score]
    open_ = [g.name for g in others if g.name not in by_name or by_name[g.name].outcome not in _SAID]
    if open_:
        return score.verdict(
            Outcome.INCONCLUSIVE, f"{len(open_)} of {len(others)} gates cannot say yet; {open_[0]} is the first",
            code=Code.GATES_OPEN, limit=score.passing,
        )  # fmt: skip
    told = tuple(_told(gate, by_name[gate.name]) for gate in others)
    return score.judge(VerdictsEvidence(gates=told))


_SAID = (Outcome.PASS, Outcome.FAIL)


def _told(gate: Gate, verdict: Verdict) -> JudgedGate:
    critical = bool(verdict.details.get("critical")) if isinstance(gate, MannWhitneyGate) else gate.critical
    return JudgedGate(name=gate.name, classification=verdict.outcome, critical=critical, groups=(gate.group,))
