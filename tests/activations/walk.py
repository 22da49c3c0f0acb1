"""A desk that distrusts: after every workflow task it checks what must always hold of a promotion."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.activations.desk import BEGINS, CHORES, FORWARD, Desk, begin
from tests.activations.drive import NEVER_FAILS, Job, Run

from promotion_ladder.core.state import Ending, Phase, PromotionState

PROHIBITIONS = ("veto", "hold", "kill", "rollback", "cancel", "trip", "trip and hold")
EVENTS = (
    "veto", "hold", "kill", "approve", "gate pass", "gate fail", "trip", "trip and hold", "timer", "cancel", "failure",
    "done",
)  # fmt: skip
LONGEST = 80
"""Workflow tasks after which a promotion that is still busy counts as never ending."""


class Broken(AssertionError):  # noqa: N818 - a finding
    """Something that must always hold did not."""


@dataclass
class Walk(Desk):
    """A desk that checks after each workflow task."""

    prohibited: bool = False
    """A prohibition was delivered."""
    killed: bool = False
    stops: bool = False
    """Something was delivered that brings the promotion down."""
    cancelled: bool = False
    approvals: int = 0
    top: int = 0
    """The stage index at which the first prohibition arrived."""
    told: list[str] = field(default_factory=list)

    def deliver(self, *events: str) -> bool:
        """All ``events`` in one workflow task; False if one of them cannot happen here."""
        jobs = self._jobs(events)
        if jobs is None:
            return False
        self._note(events)
        self.feed(*jobs)
        return True

    def can(self, *events: str) -> bool:
        """Whether :meth:`deliver` would; nothing is changed."""
        return self.run.ended is None and copy.copy(self)._jobs(events) is not None  # making jobs counts them

    def _jobs(self, events: tuple[str, ...]) -> list[Job] | None:
        jobs: list[Job] = []
        for event in events:
            if event == "cancel" and (self.cancelled or "cancel" in events[: len(jobs)]):
                return None  # the server delivers one
            job = self.job(event)
            if job is None or any(_same(job, other) for other in jobs):
                return None
            jobs.append(job)
        return jobs

    def _note(self, events: tuple[str, ...]) -> None:
        if not self.prohibited and set(events) & set(PROHIBITIONS):
            self.prohibited, self.top = True, self.run.state.stage_index
        self.killed = self.killed or "kill" in events
        self.stops = self.stops or bool(set(events) - {"hold", "trip and hold", "approve", "gate pass", "done"})
        self.cancelled = self.cancelled or "cancel" in events
        self.approvals += events.count("approve") + events.count("approve signal")
        self.told += [" + ".join(events)]

    def feed(self, *jobs: Job) -> list[str]:
        issued = super().feed(*jobs)
        self._check(issued)
        return issued

    def _check(self, issued: list[str]) -> None:
        run, state = self.run, self.run.state
        self._must(run.problem is None, f"the workflow task failed: {run.problem}")
        self._must(not set(issued) & set(NEVER_FAILS), "the workflow failed")
        # On the way down the bot is owned so that stable can be restored; that exposes nothing.
        forward = set(FORWARD) - ({"acquire"} if state.phase is Phase.COMING_DOWN else set())
        if self.prohibited and not self.settled:
            self._must(not set(issued) & forward, f"moved up after a prohibition: {issued}")
        if "flatten" in issued:
            self._must(state.stop is not None, "flattened with nobody having stopped it")
        if state.stop is not None and not self.settled:
            still = [activity.name for activity in run.open.values() if activity.name in forward]
            self._must(not still, f"coming down, and {still} may still be tried again")
        if self.prohibited and not self.stops:
            self._must(state.stop is None, "came down though it was only held")
        if state.window is not None:
            others = [a.evidence for a in state.approvals if a.evidence != state.window.evidence]
            self._must(not others, f"approvals of other evidence: {others}")
        names = [approval.principal for approval in state.approvals]
        self._must(len(names) == len(set(names)) <= self.approvals, f"approvals nobody gave: {names}")
        if run.ended is not None:
            self._check_end(run, run.next_state)

    def _check_end(self, run: Run, carried: PromotionState | None) -> None:
        state = run.state
        if carried is None:
            self._must(self.settled or not self.exposed, "ended with something exposed")
            self._must(self.flattened > 0 or not self.killed or self.settled, "killed, and nothing was flattened")
            self._must((state.ending is Ending.STABLE) == self.settled, f"ended as {state.ending}")
            self._must(not state.outbox and not state.inbox, "ended with messages or events left lying")
            self._must("accepted" not in run.answers.values(), f"updates left unanswered: {run.answers}")
            return
        self._must((carried.stop, carried.hold) == (state.stop, state.hold), "the new run forgot a stop or hold")
        if self.prohibited:
            waits = any(command.verb.prohibits for command in carried.inbox)
            self._must(carried.stop is not None or carried.hold is not None or waits, "a prohibition was lost")
            self._must(carried.stage_index <= self.top, f"went on to {carried.stage_name} after a prohibition")
        if carried.passed and carried.passed[-1].stage == "canary-10":
            self._must(self.approvals > 0, "left canary-10 with no approval")

    def play(self) -> None:
        """Go on to the end, through further runs while a prohibition stands."""
        for _ in range(LONGEST):
            if self.run.ended is not None:
                if not self._next_run():
                    return
            elif not self.go_on(at_once=True):
                self._must(self.run.state.hold is not None, f"stands still in {self.run.state.phase}")
                self._must(self.run.state.stop is None, "coming down, and nothing happens")
                return
        raise Broken(f"{self.told}: busy for ever in {self.run.state.phase}, {list(self.run.open.values())}")

    def _next_run(self) -> bool:
        carried = self.run.carried
        if carried is None or not self.prohibited:
            return False
        old, self.run = self.run, Run(carried, self.run.now)
        old.close()
        self._check(list(self.run.issued))
        return True

    def _must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            state = self.run.state
            raise Broken(f"{self.told} at {state.stage_name} {state.phase}: {otherwise}")


def _same(one: Job, other: Job) -> bool:
    """Whether two jobs resolve the same timer or activity."""
    return (one.HasField("fire_timer") and one.fire_timer == other.fire_timer) or (
        one.HasField("resolve_activity")
        and other.HasField("resolve_activity")
        and one.resolve_activity.seq == other.resolve_activity.seq
    )


# --- moments ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """A place to stand in a climb: a stage's run, played for so many steps, after ``first`` happened."""

    stage: str | None
    steps: int
    first: tuple[str, ...] = ()
    after: int = 0
    """Steps played before ``first``."""

    def reach(self) -> Walk:
        """A walk that stands there."""
        desk = begin(self.stage, now=BEGINS)
        walk = Walk(desk.run, exposed=desk.exposed)
        for _ in range(self.after):
            _step(walk)
        for event in self.first:
            assert walk.deliver(event), f"{self}: {event} cannot happen"
        for _ in range(self.steps - self.after):
            _step(walk)
        walk.told = [f"<{self.stage} {walk.run.state.phase} {[a.name for a in walk.run.open.values()]}>"]
        return walk


def _step(walk: Walk) -> bool:
    """One step of a healthy climb; an approval is given when it is asked for."""
    state = walk.run.state
    if state.phase is Phase.AWAITING_APPROVAL and not walk.approvals and not _chores_open(walk.run):
        return walk.deliver("approve")
    return walk.go_on()


def _chores_open(run: Run) -> bool:
    return any(activity.name in CHORES for activity in run.open.values())


def moments(stage: str | None, first: tuple[str, ...] = (), after: int = 0) -> Iterator[Moment]:
    """Every moment of a stage's run, to its end; with ``first``, those after it."""
    walk = Moment(stage, after, first, after).reach()
    steps = after
    while walk.run.ended is None:
        yield Moment(stage, steps, first, after)
        steps += 1
        if not _step(walk):
            break
    walk.run.close()


def first_step(stage: str | None, wanted: Callable[[PromotionState], bool]) -> int:
    """How many steps into a stage's run its state is first as ``wanted``."""
    for moment in moments(stage):
        walk = moment.reach()
        found = wanted(walk.run.state)
        walk.run.close()
        if found:
            return moment.steps
    raise AssertionError(f"never as wanted at {stage}")
