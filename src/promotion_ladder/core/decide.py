"""From verdicts to a decision: advance, continue, hold or abort, with every verdict that led to it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum

from promotion_ladder.core.base import Duration, Record, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import INCIDENTS, Evidence, IncidentsEvidence, SliceEvidence, TradesEvidence
from promotion_ladder.core.gates import Gate, NonInferiorityGate, OnFail, ScoreGate, TradesGate
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.looks import LookCount
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.core.weighing import Settled, score_of, settle, weighed


class Step(StrEnum):
    """What happens next in a stage."""

    ADVANCE = "advance"
    CONTINUE = "continue"
    HOLD = "hold"
    ABORT = "abort"


class Decision(Record):
    """The step a judgement leads to, and why."""

    step: Step
    code: Code
    sentence: str
    elapsed: Duration
    """How long the stage had been observed."""
    verdicts: tuple[Verdict, ...]


def judge(
    stage: Stage,
    items: Mapping[str, Evidence],
    attempt: int = 1,
    carried: Mapping[str, Carried] | None = None,
    looks: Mapping[str, LookCount] | None = None,
) -> list[Verdict]:
    """The verdict of each gate of ``stage`` on its evidence, by the gate's name, and that on the bot's incidents.

    Recorded evidence judged again gives the recorded verdicts. A gate without evidence gets no verdict. A later
    ``attempt`` has less error left to spend. ``carried`` is what :func:`carry` made of ``items``, where that is known;
    ``looks`` are the verdicts counted before, of gates that state ``looks``.
    """
    return judged(stage, items, attempt, carried, looks).verdicts


def judged(
    stage: Stage,
    items: Mapping[str, Evidence],
    attempt: int = 1,
    carried: Mapping[str, Carried] | None = None,
    looks: Mapping[str, LookCount] | None = None,
) -> Settled:
    """As :func:`judge`, with the verdicts counted so far."""
    sums = carried or {}
    raw = [
        judge_gate(gate, stage, items[gate.name], attempt, sums.get(gate.name))
        for gate in stage.gates
        if gate.name in items
    ]
    raw += [_no_incident(items[INCIDENTS])] if INCIDENTS in items else []
    return settle(stage, raw, looks or {})


def _no_incident(evidence: Evidence) -> Verdict:
    """Nobody need ask for it in a ladder: while something critical needs a person, nothing moves up."""

    def verdict(outcome: Outcome, code: Code, sentence: str) -> Verdict:
        return Verdict(name=INCIDENTS, kind="incidents", outcome=outcome, code=code, sentence=sentence)

    if not isinstance(evidence, IncidentsEvidence):
        return verdict(Outcome.ERROR, Code.AUDIT_DOWN, f"the queue of incidents was asked, {evidence.kind} came")
    if evidence.problem is not None:
        detail = evidence.detail or evidence.problem.sentence
        return verdict(Outcome.ERROR, evidence.problem, f"the queue of incidents cannot be read: {detail}")
    if evidence.blocking:
        first = evidence.blocking[0]
        more = f" (and {len(evidence.blocking) - 1} more)" if len(evidence.blocking) > 1 else ""
        return verdict(Outcome.FAIL, Code.INCIDENT_OPEN, f"incident {first.incident_id}{more}: {first.sentence}")
    return verdict(Outcome.PASS, Code.GATE_PASSED, "no critical incident is open")


def carry(stage: Stage, items: Mapping[str, Evidence], attempt: int) -> dict[str, Carried]:
    """The running sums after ``items``, by the gate's name: what the next look of this attempt goes on from."""
    found: dict[str, Carried] = {}
    for gate in stage.gates:
        evidence = items.get(gate.name)
        if isinstance(gate, NonInferiorityGate) and isinstance(evidence, SliceEvidence):
            found[gate.name] = gate.carry(evidence, stage.terms(gate, attempt))
        elif isinstance(gate, TradesGate) and isinstance(evidence, TradesEvidence):
            carried = evidence.before if evidence.problem is not None else gate.carry(evidence)
            found |= {gate.name: carried} if carried is not None else {}
    return found


def with_looks(carried: Mapping[str, Carried], looks: Mapping[str, LookCount]) -> dict[str, Carried]:
    """``carried`` with the verdicts counted so far."""
    counted = {name: carried.get(name, Carried()).model_copy(update={"looks": count}) for name, count in looks.items()}
    return dict(carried) | counted


def looks_of(carried: Mapping[str, Carried]) -> dict[str, LookCount]:
    """The verdicts counted so far, out of what is ``carried``."""
    return {name: one.looks for name, one in carried.items() if one.looks is not None}


def judge_gate(gate: Gate, stage: Stage, evidence: Evidence, attempt: int, carried: Carried | None = None) -> Verdict:
    """The verdict of one gate of ``stage``; ``carried`` is what it carries after ``evidence``, where that is known."""
    set_ = stage.filled_in(gate)
    if isinstance(set_, NonInferiorityGate):
        return set_.judge(evidence, stage.terms(set_, attempt), carried)
    if isinstance(set_, TradesGate):
        return set_.judge(evidence, carried)
    return set_.judge(evidence)


def decide(stage: Stage, verdicts: Sequence[Verdict], elapsed: timedelta, longest: timedelta | None = None) -> Decision:
    """What ``verdicts`` on the gates of ``stage`` mean after ``elapsed`` of observation.

    Harm shown comes first, then what asks for a person. A stage is left upwards only when every gate of the ladder has
    a passing verdict (a score that passes outweighs gates that are neither critical nor of non-inferiority), no other
    verdict speaks against it, and ``observe.min`` is over; a gate without a verdict counts as missing evidence. When
    ``longest`` (``observe.max`` unless extended) is over without that, the stage holds.
    """
    longest = stage.observe.longest if longest is None else longest
    by_name = {verdict.name: verdict for verdict in verdicts}

    def decision(step: Step, code: Code, sentence: str) -> Decision:
        return Decision.model_construct(
            step=step, code=code, sentence=sentence, elapsed=elapsed, verdicts=tuple(verdicts)
        )

    outweighed = _outweighed(stage, by_name)
    stopped = _stopped(stage, by_name, outweighed, early=elapsed < stage.observe.min)
    if stopped is not None:
        return decision(*stopped)

    unsure = [one.name for one in verdicts if one.outcome is not Outcome.PASS]
    open_ = [gate.name for gate in stage.gates if gate.name not in by_name or gate.name in unsure]
    open_ += [name for name in unsure if name not in open_]  # what every judgement looks at, beside the gates
    waiting = [name for name in open_ if name not in outweighed]
    if not waiting and elapsed >= stage.observe.min:
        passed = len(stage.gates) - len(outweighed)
        also = f", {len(outweighed)} outweighed by the score" if outweighed else ""
        return decision(Step.ADVANCE, Code.GATES_PASSED, f"all {passed} gates pass{also}")
    if not waiting:
        left = show_duration(stage.observe.min - elapsed)
        return decision(Step.CONTINUE, Code.NOT_LONG_ENOUGH, f"all gates pass, {left} of observation left")
    first = by_name.get(waiting[0])
    gates = len([gate for gate in stage.gates if gate.name in waiting])
    why = f"{gates} of {len(stage.gates)} gates wait; {waiting[0]}: {first.sentence if first else 'not judged'}"
    if elapsed >= longest:
        return decision(Step.HOLD, Code.OBSERVE_EXHAUSTED, f"after {show_duration(longest)} {why}")
    return decision(Step.CONTINUE, Code.GATES_OPEN, why)


def _outweighed(stage: Stage, by_name: Mapping[str, Verdict]) -> set[str]:
    """The gates that failed and that a score which passes outweighs."""
    score = score_of(stage)
    if score is None or score.name not in by_name or not by_name[score.name].passed:
        return set()
    return {name for name in weighed(stage) if name in by_name and by_name[name].outcome is Outcome.FAIL}


def _stopped(
    stage: Stage, by_name: Mapping[str, Verdict], outweighed: set[str], *, early: bool
) -> tuple[Step, Code, str] | None:
    """The step down or the hold that the verdicts ask for; a score counts only when ``observe.min`` is over."""
    spoken = [
        (gate, verdict)
        for gate in stage.gates
        if (verdict := by_name.get(gate.name)) is not None
        and (verdict.outcome is Outcome.FAIL or verdict.code is Code.SCORE_MARGINAL)
        and gate.name not in outweighed and not (early and isinstance(gate, ScoreGate))
    ]  # fmt: skip
    failed = [(gate, verdict) for gate, verdict in spoken if verdict.outcome is Outcome.FAIL]
    for gate, verdict in failed:
        if gate.on_fail is OnFail.ABORT:
            return Step.ABORT, Code.HARM_SHOWN, f"gate {gate.name}: {verdict.sentence}"
    for gate, verdict in failed:
        if gate.on_fail is OnFail.HOLD:
            return Step.HOLD, Code.GATE_FAILED, f"gate {gate.name}: {verdict.sentence}"
    marginal = next(((gate, verdict) for gate, verdict in spoken if verdict.code is Code.SCORE_MARGINAL), None)
    return (Step.HOLD, Code.SCORE_MARGINAL, f"gate {marginal[0].name}: {marginal[1].sentence}") if marginal else None
