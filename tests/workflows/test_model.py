"""Random messages, faults and time against the real workflow; what must always hold is looked at after each step.

A search for as long as one likes: ``pytest tests/workflows/test_model.py --hypothesis-profile=long --timeout=0``. The
server's clock goes on in real time too, so that no two runs are the same: every rule may be drawn at any time, or
hypothesis would find that what can be drawn has changed.
"""

import asyncio
import contextlib
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Part
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.workflows.expected import STAGES, Expected, Mark
from tests.workflows.modelled import STEP, bench

from promotion_ladder import descent
from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import HoldOutOrder, LatchOrder
from promotion_ladder.core.state import Command, Phase
from promotion_ladder.simulation import safety
from promotion_ladder.simulation.faults import FaultKind

KNOWN = ("ana", "ben", "omar", "rita", "rob")
APPROVERS = ("rita", "rob")
ELSEWHERE = "bot/0.0.1/other"
UPWARD = ("acquire", "prepare", "set_exposure", "settle")
DOWNWARD = ("cancel_orders", "exit_position", "reassign", "restore", "hold_out")
LENGTHS = tuple(timedelta(seconds=s) for s in (1.3, 37.7, 131.7, 297.7, 734.3, 1537.7, 4021.3, 7637.7))
LONGEST_DOWN = timedelta(minutes=5)
"""A way down that cannot finish is tried every 30 s, and each try takes real time."""

people = st.sampled_from((*KNOWN, "mallory"))


class Climbing(Expected, RuleBasedStateMachine):
    """One bot, its promotions one after the other, and everything that happens to them."""

    around: ClassVar[contextlib.AsyncExitStack]
    """What the bench stands on."""

    def __init__(self) -> None:
        super().__init__()
        self.over = True
        self.books = {}
        self.doubtful = None
        self.last: tuple[Command, bool] | None = None
        """The last message, and whether it was an update."""

    # --- climbs ---------------------------------------------------------------------------------------------------

    @initialize(stage=st.sampled_from(("", *STAGES)), onward=st.sampled_from(("", "unanswered", "lost")))
    def begin(self, stage: str, onward: str) -> None:
        """Stand at a stage, or on the way up from there, where the platform answers not, or nothing that arrives."""
        self.open()
        if stage:
            self.climb_to(stage)
            self.must(self.state.stage_name == stage, f"never came to {stage}")
        upward = "settle" if stage == STAGES[-1] else "set_exposure"
        if onward == "lost":
            self.lose(upward, 4)
        if onward == "unanswered":
            self.break_platform(upward)
        if onward:
            self.climb_on()

    def climb_to(self, stage: str) -> None:
        """Let the climb have what it asks for until it has entered ``stage``, stands still or comes down."""
        for _ in range(40):
            state = self.state
            entered = state.stage_name == stage and state.entered_at is not None
            if entered or self.over or state.stop is not None or state.hold is not None:
                return
            self.approve("rita", stale=False, signal=False)
            self.let_pass(STEP)
            self.look()

    def start(self) -> None:
        """Let a release climb, whatever it was refused for: the other one, where this one is stable by now."""
        platform = self.bench.platform
        order = self.bench.order("2.0.0")
        if platform.stable == order.release.digest:
            order = self.bench.order("2.1.0")
        lift = HoldOutOrder(
            digest=order.release.digest, version=order.release.version, reason="", by="rita", key=uuid.uuid4().hex
        )
        safety.lift(platform.world, platform.bot, lift)
        self.unlatch()
        self.do(self.bench.start(order))
        self.look()

    @classmethod
    def renew(cls) -> None:
        """A new server with its workers, instead of the one before."""
        cls.runner.run(cls.around.aclose())
        cls.bench = cls.runner.run(cls.around.enter_async_context(bench()))

    def open(self) -> None:
        """A new bot whose first release begins to climb, on a server whose clock goes."""
        if self.bench.stuck:
            self.renew()
        self.do(self.bench.begin())
        self.doubtful = None
        self.start()

    @invariant()
    def holds(self) -> None:
        if not self.over:
            self.look()

    def teardown(self) -> None:
        """Whatever happened: a rollback ends it, soon after nothing is wrong any more."""
        for _ in range(30):
            if self.over:
                return
            self.stop(Verb.ROLLBACK, "rita", latches=False)
            self.look()
            if not self.over:
                self.let_pass(LENGTHS[1])
                self.look()
                self.mend()
        raise AssertionError(f"never ends: {self.state.phase} at {self.state.stage_name}, {self.state.flat}")

    # --- messages -------------------------------------------------------------------------------------------------

    def command(self, verb: Verb, who: str, **fields: Any) -> Command:
        """A message to the promotion that runs; another one climbs first where none does."""
        if self.over:
            self.mend()
            self.start()
            self.climb_to("canary-10")
        plain = {"promotion_id": self.state.promotion_id, "message_id": uuid.uuid4().hex, "reason": "because"}
        made = Command.model_validate({"verb": verb, "identity": who} | plain | fields)
        if made.promotion_id == self.state.promotion_id:
            self.book.sent[verb] += 1
        return made

    def tell(self, command: Command) -> Mark | None:
        """Send a signal; where the promotion stood then, None if it had ended.

        One that a change of runs has swallowed (the test server can) is sent again, as people do.
        """
        mark = self.marked()
        self.last = (command, False)
        if not self.do(self.bench.tell(str(command.verb), command)):
            return None
        for _ in range(2):
            state = self.do(self.bench.quiet())
            gone = state.promotion_id != command.promotion_id or state.phase is Phase.ENDED
            if gone or command.message_id in state.receipts:
                return mark
            self.do(self.bench.tell(str(command.verb), command))
        raise AssertionError(f"a {command.verb} was lost")

    def marked(self) -> Mark:
        """Where the promotion stands; one that has just passed its stage may already be on its way to the next."""
        state = self.state
        moving = bool(state.passed) and state.passed[-1].stage == state.stage_name
        settling = state.phase is Phase.SETTLING or (moving and state.stage_name == STAGES[-1])
        return Mark(state.stage_index + moving, len(self.bench.platform.effects()), settling=settling)

    @rule(verb=st.sampled_from((Verb.VETO, Verb.ROLLBACK, Verb.KILL)), who=people, latches=st.booleans())
    def stop(self, verb: Verb, who: str, *, latches: bool) -> None:
        command = self.command(verb, who)
        if verb is Verb.KILL and latches:
            self.latch()
        book = self.book
        if who in KNOWN or verb is Verb.KILL or self.bench.directory.broken:
            book.stoppers.add(who)
            book.stop = book.stop or self.tell(command)
        else:
            self.tell(command)

    @rule(who=people)
    def hold(self, who: str) -> None:
        command, book = self.command(Verb.HOLD, who), self.book
        mark = self.tell(command)
        if who in KNOWN or self.bench.directory.broken:
            book.hold = book.hold or mark

    @rule(verb=st.sampled_from((Verb.RESUME, Verb.RETRY, Verb.SKIP, Verb.EXTEND, Verb.CANCEL)), who=people)
    def ask(self, verb: Verb, who: str) -> None:
        extension = {"extend_by": timedelta(minutes=31)} if verb is Verb.EXTEND else {}
        self.request(self.command(verb, who, **extension))

    @rule(verb=st.sampled_from((Verb.RESUME, Verb.RETRY, Verb.SKIP)))
    def go_on(self, verb: Verb) -> None:
        """Somebody with the right ends a hold."""
        self.request(self.command(verb, "rita"))

    @rule(who=people, stale=st.booleans(), signal=st.booleans())
    def approve(self, who: str, *, stale: bool, signal: bool) -> None:
        if self.over or (self.state.window is None and not stale):
            return
        state = self.state
        evidence = state.window.evidence if state.window and not stale else "0" * 64
        command = self.command(Verb.APPROVE, who, stage=state.stage_name, attempt=state.attempt, evidence=evidence)
        if signal:
            self.allow(command)
            self.tell(command)
        else:
            self.request(command)

    def request(self, command: Command) -> None:
        """Send an update; what was accepted must have been allowed."""
        entitled = command.identity in (APPROVERS if command.verb in (Verb.SKIP, Verb.APPROVE) else KNOWN)
        here = command.promotion_id == self.state.promotion_id
        seen = command.verb is not Verb.APPROVE or (
            self.state.window and self.state.window.evidence == command.evidence
        )
        accepted = self.do(self.bench.request(command))
        self.last = (command, True)
        if accepted is False:
            return
        allowed = entitled and here and seen and not self.bench.directory.broken
        self.must(not accepted or allowed, f"{command.identity} may not {command.verb}, and did")
        self.allow(command)

    def allow(self, command: Command) -> None:
        """What this permission may have led to."""
        state, book = self.state, self.book
        match command.verb:
            case Verb.APPROVE if command.identity in APPROVERS:
                book.approved.add((state.stage_name, state.attempt))
            case Verb.RESUME | Verb.RETRY | Verb.SKIP:
                book.hold = None
                if command.verb is Verb.SKIP:
                    book.skipped.add((state.stage_name, state.attempt))
            case Verb.CANCEL:
                book.stoppers.add(command.identity)
            case _:
                pass

    @rule(who=people)
    def supersede(self, who: str) -> None:
        version = "2.1.0" if not self.over and self.state.release.version == "2.0.0" else "2.0.0"
        command = self.command(Verb.SUPERSEDE, who, successor=self.bench.order(version))
        self.book.stoppers.add(who)
        self.tell(command)

    @rule()
    def again(self) -> None:
        """The last message arrives again: what was ruled on stays so, what was out of turn may fit by now."""
        if self.last is not None and not self.over:
            command, update = self.last
            if command.promotion_id not in (self.state.promotion_id, ELSEWHERE):
                self.book.sent[command.verb] += 1  # its refusal is recorded here
            if update and command.message_id not in self.state.receipts:
                self.request(command)
            else:
                self.do(self.bench.request(command) if update else self.bench.tell(str(command.verb), command))

    @rule(verb=st.sampled_from((Verb.VETO, Verb.HOLD, Verb.ROLLBACK, Verb.KILL, Verb.APPROVE)))
    def for_another(self, verb: Verb) -> None:
        """A message meant for another promotion; it changes nothing."""
        command = self.command(verb, "ben", promotion_id=ELSEWHERE)
        self.book.sent[verb] += 1  # its refusal is recorded here
        self.do(self.bench.tell(str(verb), command))

    @rule()
    def unreadable(self) -> None:
        """Somebody wanted something: it holds."""
        if not self.over:
            mark = self.marked()
            if self.do(self.bench.tell("veto", "no, please")):
                self.book.hold = self.book.hold or mark

    # --- faults ---------------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(("away", FaultKind.REFUSE_EXIT, FaultKind.PARTIAL_EXIT)), count=st.integers(1, 6))
    def strike(self, what: str, count: int) -> None:
        """Something goes wrong so many times."""
        platform = self.bench.platform
        match what:
            case "away":
                platform.away += count
            case _:
                platform.break_(FaultKind(what), count)

    @rule(verb=st.sampled_from(UPWARD + DOWNWARD), count=st.integers(1, 4))
    def lose(self, verb: str, count: int) -> None:
        """The platform does what it is told, and its answer does not arrive."""
        self.bench.platform.lost[verb] = count

    @rule(what=st.sampled_from((
        "gone", *UPWARD, "restore", "losing", "by hand",
        FaultKind.VENUE_DOWN, FaultKind.HOLD_ON, FaultKind.NO_FILL, FaultKind.DATA_STOP,
    )))  # fmt: skip
    def break_platform(self, what: str) -> None:
        """Something goes wrong at the platform or its venue until it is mended."""
        platform = self.bench.platform
        match what:
            case "gone":
                platform.away = 10**9
            case _ if what in (*UPWARD, "restore"):
                platform.dead = what
            case "losing":
                platform.losing = True
            case "by hand":
                platform.trade_by_hand()
            case _:
                platform.break_(FaultKind(what))
        if platform.doubtful and self.doubtful is None:
            self.doubtful = platform.now

    @rule(what=st.sampled_from(("audit", "notifier", "directory", "asleep", "bad metrics", "NaN", "no metrics")))
    def break_around(self, what: str) -> None:
        """Something around the platform goes wrong until it is mended."""
        bench = self.bench
        match what:
            case "audit":
                bench.audit.down = True
            case "notifier":
                bench.notifier.down = True
            case "directory":
                bench.directory.broken = True
            case "asleep":
                bench.asleep = True
            case _:
                values = {"bad metrics": Decimal(-1), "NaN": Decimal("NaN"), "no metrics": None}
                bench.metrics.value = values[what]
                bench.metrics.problem = Code.NO_DATA if what == "no metrics" else None

    @rule()
    def mend(self) -> None:
        self.bench.mend()
        self.doubtful = None

    @rule()
    def latch(self) -> None:
        self.mark(safety.latch)

    @rule()
    def unlatch(self) -> None:
        self.mark(safety.unlatch)

    def mark(self, verb: Any) -> None:
        platform = self.bench.platform
        order = LatchOrder(scope="bot", target=platform.bot, reason="odd fills", by="omar", key=uuid.uuid4().hex)
        verb(platform.world, platform.bot, order)

    # --- time -----------------------------------------------------------------------------------------------------

    @rule(length=st.sampled_from(LENGTHS))
    def wait(self, length: timedelta) -> None:
        self.let_pass(min(length, LONGEST_DOWN) if self.state.stop else length)

    def let_pass(self, length: timedelta) -> None:
        """Let time skip; a server that does not is replaced, and the example goes on with another bot there."""
        self.do(self.bench.let_pass(length))
        if self.bench.stuck:
            self.open()

    @rule()
    def climb_on(self) -> None:
        """Nothing happens for a while but what the climb asks for."""
        self.climb_to(STAGES[min(self.state.stage_index + 1, len(STAGES) - 1)])


SHORT = settings(
    max_examples=10, stateful_step_count=12, derandomize=True, deadline=None, phases=[Part.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_no_order_of_messages_faults_and_time_breaks_what_must_always_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "READ_BACK_SECONDS", 0.0)  # here the platform changes its mind at once or never
    with asyncio.Runner() as runner:
        Climbing.runner, Climbing.around = runner, contextlib.AsyncExitStack()
        Climbing.renew()
        try:
            long = settings.get_current_profile_name() == "long"
            run_state_machine_as_test(Climbing, settings=settings() if long else SHORT)
        finally:
            runner.run(Climbing.around.aclose())
