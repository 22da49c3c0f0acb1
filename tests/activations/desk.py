"""The other side of hand-made activations: a platform, a directory, people, and the moments of a climb."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from temporalio.api.common.v1 import Payload
from tests.activations.drive import CONVERTER, Job, Run, cancel, done, failed, fired, payload, signal, update
from tests.workflows.conftest import LADDER, PEOPLE, POLICY, RELEASE

from promotion_ladder.contracts import Acknowledged, Acquired, Admission, Claim, Entered, GuardTrip, Judgement, Silence
from promotion_ladder.core.card import Telling
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Decision, Step
from promotion_ladder.core.flat import Flatness, FlatReport, Flattened
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.notice import Delivery
from promotion_ladder.core.people import Verb, rule
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.state import Command, Phase, PromotionState, StartOrder
from promotion_ladder.core.verdict import Outcome, Verdict

THE_LADDER = Ladder.model_validate(LADDER)
STABLE = ReleaseRef(version="1.9.0", digest="d" * 64)
BEGINS = datetime(2026, 1, 5, 9, tzinfo=UTC)
ORDER = StartOrder(promotion_id="bot/2.0.0/x", release=RELEASE, identity="ana")
CHORES = ("record", "notify", "rule", "post_incident")
"""What runs beside the story."""
FORWARD = ("acquire", "clear", "enter", "reopen", "settle")
"""What moves up at the platform."""
SOON = timedelta(milliseconds=50)


def at_stage(name: str | None) -> PromotionState:
    """The state in which the run of a stage begins; before admission without a name."""
    if name is None:
        return PromotionState(order=ORDER)
    index = THE_LADDER.index(name)
    assert index is not None
    return PromotionState(
        order=ORDER, phase=Phase.ENTERING, started_at=BEGINS, ladder=THE_LADDER, ladder_hash="h" * 64, author="ana",
        stable=STABLE, capital=Decimal(100000), epoch=min(index, 1), stage_index=index,
        may_be_exposed=name == "live",
    )  # fmt: skip


def a_decision(step: Step) -> Decision:
    """What a judgement leads to."""
    code = {Step.ADVANCE: Code.GATES_PASSED, Step.CONTINUE: Code.GATES_OPEN}.get(step, Code.HARM_SHOWN)
    return Decision(step=step, code=code, sentence=f"gates say {step}", elapsed=timedelta(minutes=11), verdicts=())


def a_trip(at: datetime, *, abort: bool) -> GuardTrip:
    """A guard's limit was broken."""
    verdict = Verdict(
        name="loss", kind="loss", outcome=Outcome.FAIL, code=Code.GUARD_TRIPPED, value=Decimal(300),
        limit=Decimal(100), sentence="loss in this stage is 300, limit at most 100",
    )  # fmt: skip
    return GuardTrip(verdict=verdict, abort=abort, paused=True, at=at)


@dataclass
class Desk:
    """Answers what a run asks for, and keeps count of what the platform has exposed."""

    run: Run
    step: Step = Step.ADVANCE
    """What the gates say when they are judged."""
    exposed: bool = False
    """Whether the candidate may hold a share at the platform; an effect counts from when it was scheduled."""
    flattened: int = 0
    sent: int = 0
    """Messages sent so far, for their ids."""
    judged: int = 0
    settled: bool = False
    """Whether the platform has made the release stable: from there on a stop comes too late."""

    def feed(self, *jobs: Job) -> list[str]:
        """One workflow task; 50 ms after the one before unless a timer has set the clock."""
        self.run.now += SOON
        for job in jobs:
            if job.HasField("fire_timer"):
                self.run.now = max(self.run.now, self.run.timers[job.fire_timer.seq])
        issued = self.run.feed(*jobs)
        if self.run.state.ladder is not None and self.run.state.stage.mode.touches_money:
            self.exposed = self.exposed or bool({"enter", "reopen"} & set(issued))
        return issued

    def answer(self, seq: int) -> Job:
        """The good answer to an open activity."""
        activity = self.run.open[seq]
        self.judged += activity.name == "judge"
        self.settled = self.settled or activity.name == "settle"
        if activity.name == "restore" and self.settled:
            return failed(seq, Code.ALREADY_STABLE, "2.0.0 is stable already")
        if activity.name == "flatten":
            self.flattened += 1
            self.exposed = False
        if activity.name == "post_incident":
            return done(seq, None)
        return done(seq, self._answer(activity.name, activity.argument))

    def _answer(self, name: str, argument: Payload) -> Any:  # noqa: C901 - one line for each activity
        now = self.run.now
        match name:
            case "admit":
                return Admission(
                    principal="ana", author="ana", ladder=THE_LADDER, ladder_hash="h" * 64, stable=STABLE,
                    capital=Decimal(100000),
                )  # fmt: skip
            case "acquire":
                return Acquired(epoch=1, leftover=False)
            case "enter" | "reopen":
                return Entered(at=now, sentence="entered")
            case "flatten":
                return Flattened(
                    report=FlatReport(state=Flatness.FLAT), cancelled=0, exits=1, first_cancel_seconds=0.1,
                    sentence="bot is flat",
                )  # fmt: skip
            case "judge":
                return Judgement(decision=a_decision(self.step), evidence=f"{self.judged:064d}", at=now)
            case "guard":
                return a_trip(now, abort=True)
            case "record":
                return "written"
            case "notify":
                return Delivery(notice_id=_read(argument, Telling).notice.notice_id, channel="test")
            case "silence":
                return Silence(lasted=timedelta(0))
            case "rule":
                claim = _read(argument, Claim)
                return rule(PEOPLE, POLICY, claim.identity, claim.verb, claim.also_roles)
            case _:
                return Acknowledged(sentence=f"{name} done")

    # --- events ---------------------------------------------------------------------------------------------------

    def command(self, verb: Verb, identity: str, **fields: Any) -> Command:
        """A person's message to this promotion, with what the person sees."""
        self.sent += 1
        state = self.run.state
        if verb is Verb.APPROVE:
            evidence = state.window.evidence if state.window else "0" * 64
            fields = {"stage": state.stage_name, "attempt": state.attempt, "evidence": evidence} | fields
        return Command.model_validate(
            {"verb": verb, "promotion_id": state.promotion_id, "identity": identity, "reason": "because",
             "message_id": f"m{self.sent}"} | fields
        )  # fmt: skip

    def tell(self, verb: Verb, identity: str = "omar", **fields: Any) -> Job:
        """A person's message as a signal."""
        return signal(str(verb), self.command(verb, identity, **fields))

    def ask(self, verb: Verb, identity: str = "rita", **fields: Any) -> Job:
        """A person's message as an update, named by its message id."""
        command = self.command(verb, identity, **fields)
        return update(str(verb), command, command.message_id)

    def foremost(self) -> int | None:
        """The oldest open activity of the story itself."""
        return next((a.seq for a in self.run.open.values() if a.name not in (*CHORES, "guard")), None)

    def job(self, event: str) -> Job | None:  # noqa: C901 - one line for each kind of event
        """What an event of the walk is here and now; None where it cannot happen."""
        run, story = self.run, self.foremost()
        match event:
            case "veto" | "hold" | "kill" | "rollback":
                return self.tell(Verb(event))
            case "approve":
                return self.ask(Verb.APPROVE)
            case "approve signal":
                return self.tell(Verb.APPROVE, "rita")
            case "cancel":
                return cancel()
            case "timer":
                soonest = min(run.timers, key=lambda seq: run.timers[seq], default=None)
                return None if soonest is None else fired(soonest)
            case "gate pass" | "gate fail":
                judge = run.opened("judge")
                self.step = Step.ADVANCE if event == "gate pass" else Step.ABORT
                return None if judge is None else self.answer(judge.seq)
            case "trip" | "trip and hold":
                guard = run.opened("guard")
                return None if guard is None else done(guard.seq, a_trip(run.now, abort=event == "trip"))
            case "done":
                return None if story is None or run.open[story].name == "judge" else self.answer(story)
            case "failure":
                return None if story is None or run.open[story].name in SAFE else failed(story)
            case "chore":
                chore = next((a for a in run.open.values() if a.name in CHORES), None)
                return None if chore is None else self.answer(chore.seq)
            case _:
                raise ValueError(event)

    # --- moving on ------------------------------------------------------------------------------------------------

    def go_on(self, *, at_once: bool = False) -> bool:
        """Let the next thing happen: a chore (or all of them), else the story, else a timer. False if nothing can."""
        run = self.run
        if run.ended is not None or run.problem is not None:
            return False
        chores = [activity.seq for activity in run.open.values() if activity.name in CHORES]
        story = self.foremost()
        if chores:
            self.feed(*map(self.answer, chores if at_once else chores[:1]))
        elif story is not None:
            self.feed(self.answer(story))
        elif (timer := self.job("timer")) is not None:
            self.feed(timer)
        else:
            return False
        return True

    def until(self, wanted: Callable[[Run], bool], *, approve: bool = False) -> "Desk":
        """Go on until ``wanted``; with ``approve``, whoever is asked says yes on the way."""
        for _ in range(200):
            if wanted(self.run):
                return self
            state = self.run.state
            asked = state.phase is Phase.AWAITING_APPROVAL and not state.approvals and not state.inbox
            if approve and asked:
                self.feed(self.ask(Verb.APPROVE))
            elif not self.go_on():
                break
        raise AssertionError(f"never came: {self.run.state.phase}, {self.run.open}, {self.run.problem}")


SAFE = ("flatten", "restore", "hold_out")
"""Retried without end: they have no failure."""


def begin(stage_name: str | None, *first: Job, now: datetime = BEGINS) -> Desk:
    """A desk at a stage's run after its first workflow task, which ``first`` jobs share."""
    return Desk(Run(_begins(stage_name), now, first=first), exposed=stage_name == "live")


def _begins(stage_name: str | None, made: dict[str | None, Payload] = {}) -> Payload:  # noqa: B006 - made once
    if stage_name not in made:
        made[stage_name] = payload(at_stage(stage_name))
    return made[stage_name]


def _read(argument: Payload, hint: type[Any]) -> Any:
    return CONVERTER.from_payload(argument, hint)
