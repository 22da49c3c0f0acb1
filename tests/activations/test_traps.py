"""The traps of the Temporal SDK, each closed: what no server can be made to do on purpose, done here by hand."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError
from tests.activations import drive
from tests.activations.desk import BEGINS, CHORES, Desk, a_trip, at_stage, begin
from tests.activations.drive import Run, cancel, done, failed, fired, payload, signal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.flat import Flatness, FlatReport, Flattened
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.workflows import messages, outbox, steps
from promotion_ladder.workflows.climb import MAX_SIGNALS


def in_the_last_second(stage: str) -> tuple[Desk, int]:
    """Everything passed and recorded, and the timer of the settling second."""
    desk = begin(stage).until(lambda run: bool(run.state.passed) and not run.opened("record"), approve=True)
    (timer,) = desk.run.timers
    return desk, timer


def test_another_version_of_the_sdk_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporalio.service.__version__", "1.36.0")
    with pytest.raises(RuntimeError, match=r"temporalio 1\.35\.0, installed is 1\.36\.0.*then change PINNED"):
        drive.check_version()


# --- cancellation is lossy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cancel_first", [True, False])
@pytest.mark.parametrize("stage", ["paper", "canary-10", "live"])
def test_lost_cancellation_in_the_task_of_the_last_timer(stage: str, cancel_first: bool) -> None:
    desk, timer = in_the_last_second(stage)
    jobs = [cancel(), fired(timer)]
    issued = desk.feed(*(jobs if cancel_first else reversed(jobs)))
    assert "settle" not in issued
    assert desk.run.ended is None
    assert desk.until(lambda run: run.ended is not None).run.state.ending is Ending.ROLLED_BACK


@pytest.mark.parametrize("cancel_first", [True, False])
def test_lost_cancellation_beside_an_activity_that_finishes_all_the_same(cancel_first: bool) -> None:
    desk = begin("canary-10")
    enter = desk.run.opened("enter")
    assert enter is not None
    jobs = [cancel(), desk.answer(enter.seq)]
    issued = desk.feed(*(jobs if cancel_first else reversed(jobs)))
    assert "flatten" in issued
    assert "guard" not in issued


def on_the_way_to_a_new_run() -> tuple[Desk, int]:
    """A run with many signals is being renewed, but a notice is not delivered yet; and the timer that bounds this."""
    state = at_stage("shadow")
    state.signals = MAX_SIGNALS - 1
    desk = Desk(Run(payload(state), BEGINS))
    enter = desk.run.opened("enter")
    assert enter is not None
    desk.feed(desk.answer(enter.seq))
    desk.feed(desk.tell(Verb.HOLD, promotion_id="bot/1.9.0/old"))
    assert desk.run.opened("notify") is not None
    (flush,) = desk.run.timers
    return desk, flush


def test_lost_cancellation_while_the_state_moves_to_a_new_run() -> None:
    """The wait before continue-as-new swallows the cancel; the new run would carry none."""
    desk, flush = on_the_way_to_a_new_run()
    desk.feed(cancel())
    desk.feed(fired(flush))
    carried = desk.run.next_state
    assert carried is not None
    assert carried.stop is not None


@pytest.mark.parametrize("before_the_start", [True, False])
def test_lost_cancellation_in_the_first_task(before_the_start: bool) -> None:
    """One that is applied before the workflow's own task exists is delivered to nobody."""
    begins = payload(at_stage("canary-10"))
    run = Run(begins, BEGINS, before=(cancel(),)) if before_the_start else Run(begins, BEGINS, first=(cancel(),))
    assert "enter" not in run.issued
    assert Desk(run).until(lambda run: run.ended is not None).run.state.ending is Ending.ROLLED_BACK


# --- the way down goes first ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["kill", "cancel", "guard"])
@pytest.mark.parametrize("stage", ["canary-10", "live"])
def test_the_task_that_flattens_starts_nothing_else_and_all_else_follows_while_it_is_under_way(
    stage: str, why: str
) -> None:
    desk = begin(stage).until(lambda run: run.state.phase is Phase.OBSERVING and run.opened("guard") is not None)
    while waits := [a for name in CHORES if (a := desk.run.opened(name)) is not None]:
        desk.feed(*(desk.answer(activity.seq) for activity in waits))
    guard = desk.run.opened("guard")
    assert guard is not None
    trip = done(guard.seq, a_trip(desk.run.now, abort=True))
    issued = desk.feed({"kill": desk.tell(Verb.KILL), "cancel": cancel(), "guard": trip}[why])
    assert "flatten" in issued
    assert not {*CHORES} & {*issued}
    followed: list[str] = []
    while not followed:
        assert desk.run.timers, f"{issued} and nothing after it"
        followed = desk.feed(fired(min(desk.run.timers, key=lambda seq: desk.run.timers[seq])))
    flatten = desk.run.opened("flatten")
    assert flatten is not None, "it was not waited for"
    assert {"record", "notify"} <= {*followed}


# --- a signal and a timer in one task ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.VETO, Verb.HOLD, Verb.ROLLBACK])
def test_signal_and_timer_in_one_task_nothing_moves_before_the_ruling(verb: Verb) -> None:
    desk, timer = in_the_last_second("paper")
    desk.feed(fired(timer), desk.tell(verb))
    for _ in range(20):  # everything else may happen first
        seq = next((a.seq for a in desk.run.open.values() if a.name != "rule"), None)
        if seq is None:
            break
        desk.feed(desk.answer(seq))
    assert desk.run.ended is None
    ruling = desk.run.opened("rule")
    assert ruling is not None
    desk.feed(desk.answer(ruling.seq))
    assert (desk.run.state.stop or desk.run.state.hold) is not None
    assert desk.run.ended is None


def test_signal_and_timer_in_one_task_a_veto_as_its_window_closes() -> None:
    desk = begin("paper").until(lambda run: run.state.phase is Phase.VETO_WINDOW and not run.opened("record"))
    window = max(desk.run.timers, key=lambda seq: desk.run.timers[seq])  # the others remind
    desk.feed(fired(window), desk.tell(Verb.VETO))
    assert desk.until(lambda run: run.ended is not None).run.state.ending is Ending.VETOED


@pytest.mark.parametrize("verb", [Verb.VETO, Verb.HOLD, Verb.ROLLBACK])
def test_no_order_goes_to_the_platform_while_a_prohibition_waits_for_its_ruling(verb: Verb) -> None:
    desk = begin(None).until(lambda run: run.opened("acquire") is not None)
    acquire = desk.run.opened("acquire")
    assert acquire is not None
    desk.feed(desk.tell(verb), desk.answer(acquire.seq))
    assert {"rule"} <= names(desk.run)
    assert "enter" not in desk.run.issued


# --- signals fail silently --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        signal("vetoo", {"promotion_id": "bot/2.0.0/x"}),
        signal("veto"),
        signal("veto", raw=[Payload(metadata={"encoding": b"json/plain"}, data=b'{"bad')]),
        signal("veto", raw=[Payload(metadata={"encoding": b"binary/what"}, data=b"\xff")]),
    ],
    ids=["misnamed", "with no argument", "cut off", "of an unknown encoding"],
)
def test_undecodable_or_misnamed_signals_in_the_task_of_the_last_timer_hold(message: drive.Job) -> None:
    desk, timer = in_the_last_second("paper")
    desk.feed(fired(timer), message)
    assert desk.run.ended is None
    hold = desk.run.state.hold
    assert hold is not None
    assert hold.code is Code.UNREADABLE_MESSAGE
    assert desk.run.state.stage_name == "paper"


@pytest.mark.parametrize("error", [ApplicationError("bug"), KeyError("bug"), RecursionError("bug")])
@pytest.mark.parametrize("where", ["_read", "approver_refusal"])
def test_error_inside_a_signal_handler_holds_and_fails_nothing(
    where: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application error there would fail the workflow with no compensation, any other would block it for ever."""

    def bug(*_: Any) -> Any:
        raise error

    desk = begin("canary-10").until(lambda run: run.state.phase is Phase.AWAITING_APPROVAL)
    monkeypatch.setattr(messages, where, bug)
    desk.feed(desk.tell(Verb.APPROVE, "rita"))
    desk.until(lambda run: run.state.hold is not None)
    assert desk.run.problem is None
    assert desk.run.ended is None
    monkeypatch.undo()
    desk.feed(desk.tell(Verb.VETO))
    assert desk.until(lambda run: run.ended is not None).run.state.ending is Ending.VETOED


# --- payloads and bugs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_nan_payload_is_no_poison_pill(number: float) -> None:
    """As ``null`` it could not be read, and the way down would stand still for ever at its first answer."""
    desk = begin("canary-10")
    desk.feed(desk.tell(Verb.KILL))
    flatten = desk.run.opened("flatten")
    assert flatten is not None
    report = FlatReport(state=Flatness.FLAT)
    desk.feed(
        done(flatten.seq, Flattened(report=report, cancelled=0, exits=0, first_cancel_seconds=number, sentence="flat"))
    )
    assert desk.run.problem is None
    assert "restore" in desk.run.issued


def test_compensation_on_a_code_bug_does_not_run_and_the_fixed_code_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug stops the task, loudly; flattening on it would be a history that the fixed code cannot replay."""

    def bug(*_: Any) -> Any:
        raise KeyError("bug")

    desk = begin("canary-10").until(
        lambda run: bool(run.state.approvals) and run.opened("judge") is not None, approve=True
    )
    judge = desk.run.opened("judge")
    assert judge is not None
    monkeypatch.setattr(steps, "mark_passed", bug)
    desk.feed(desk.answer(judge.seq))
    assert desk.run.problem is not None
    assert "flatten" not in desk.run.issued
    monkeypatch.undo()
    fixed = desk.run.again()
    assert fixed.problem is None
    assert fixed.state.passed[-1].stage == "canary-10"


def test_a_bug_beside_the_story_fails_the_task_rather_than_leave_the_record_lying(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def bug(_: Any) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(outbox, "write_events", bug)
    desk = begin("paper")
    enter = desk.run.opened("enter")
    if enter is not None:
        desk.feed(desk.answer(enter.seq))
    assert desk.run.problem is not None


# --- handlers and late effects ----------------------------------------------------------------------------------------


def test_handlers_unfinished_at_completion_every_update_is_answered_before_the_end() -> None:
    desk = begin("canary-10").until(lambda run: run.state.phase is Phase.AWAITING_APPROVAL)
    asked = desk.ask(Verb.APPROVE)
    desk.feed(asked, desk.tell(Verb.KILL))
    for _ in range(40):  # all but the rulings
        seq = next((a.seq for a in desk.run.open.values() if a.name != "rule"), None)
        if seq is not None:
            desk.feed(desk.answer(seq))
        elif desk.run.timers:
            desk.feed(fired(min(desk.run.timers)))
        else:
            break
    assert desk.run.ended is None
    desk.until(lambda run: run.ended is not None)
    assert desk.run.answers[asked.do_update.id] in ("completed", "rejected")


def test_handlers_unfinished_at_continue_as_new_the_answer_comes_first() -> None:
    desk = begin("shadow").until(lambda run: run.opened("judge") is not None)
    desk.feed(desk.tell(Verb.HOLD))
    desk.until(lambda run: run.state.phase is Phase.ON_HOLD)
    asked = desk.ask(Verb.RETRY)
    desk.feed(asked)
    desk.until(lambda run: run.ended is not None)
    assert desk.run.next_state is not None
    issued = desk.run.issued
    assert issued.index(f"update {asked.do_update.id} completed") < issued.index("continue_as_new_workflow_execution")


def test_handlers_unfinished_at_continue_as_new_a_question_under_way_is_waited_for() -> None:
    desk, flush = on_the_way_to_a_new_run()
    asked = desk.ask(Verb.EXTEND, extend_by="PT10M")
    desk.feed(asked)
    desk.feed(fired(flush))
    assert desk.run.ended is None
    desk.until(lambda run: run.ended is not None)
    assert desk.run.answers[asked.do_update.id] == "completed"


def test_a_rejected_update_leaves_no_trace() -> None:
    desk = begin("paper").until(lambda run: run.state.phase is Phase.VETO_WINDOW)
    before = desk.run.state.model_dump_json()
    assert desk.feed(desk.ask(Verb.APPROVE)) == ["update m1 rejected"]
    assert desk.run.state.model_dump_json() == before


def test_try_cancel_races_what_comes_late_of_a_withdrawn_order_is_flattened_too() -> None:
    """The order counts as cancelled at once, but the platform may have begun it."""
    desk = begin("canary-10")
    issued = desk.feed(desk.tell(Verb.KILL))
    assert "cancel enter" in issued
    flatten = desk.run.opened("flatten")
    assert flatten is not None
    desk.feed(desk.answer(flatten.seq))
    restore = desk.run.opened("restore")
    assert restore is not None
    desk.feed(failed(restore.seq, Code.NOT_FLAT, "the candidate has a position"))
    desk.until(lambda run: run.ended is not None)
    assert desk.run.issued.count("flatten") == 2
    assert desk.run.state.ending is Ending.ROLLED_BACK


def test_a_question_at_any_moment_changes_nothing() -> None:
    desk = begin("canary-10")
    for _ in range(12):
        before = desk.run.state.model_dump_json()
        for name in ("pending", "history", "evidence", "state"):
            desk.run.query(name)
        assert desk.run.state.model_dump_json() == before
        desk.go_on()
    assert desk.run.problem is None


def test_time_passing_without_a_worker_promotes_nothing() -> None:
    """The timers of window and reminders fire hours late: the gates are judged again, and nobody is reminded."""
    desk = begin("paper").until(lambda run: run.state.phase is Phase.VETO_WINDOW and not set(CHORES) & names(run))
    desk.run.now += timedelta(hours=9)
    assert desk.feed(*map(fired, sorted(desk.run.timers))) == ["silence"]
    assert "judge" in desk.until(lambda run: run.opened("judge") is not None).run.issued


def names(run: Run) -> set[str]:
    """The open activities' names."""
    return {activity.name for activity in run.open.values()}
