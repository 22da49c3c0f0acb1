"""Watching a stage: guards all the time, gates on their schedule."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.evidence import EvidenceActivities
    from promotion_ladder.activities.guards import GuardActivities
    from promotion_ladder.contracts import GuardTrip, Judgement, JudgeOrder
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.decide import Step
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.state import Ending, Phase, PromotionState
    from promotion_ladder.workflows.climb import Climb, Disturbed
    from promotion_ladder.workflows.options import GUARD, JUDGE


SLACK = timedelta(seconds=30)
"""What recording and settling may take between a judgement and the move it allows."""


class Watch:
    """The guards of one stage: one long activity, and the task that acts when it returns."""

    def __init__(self, climb: Climb) -> None:
        self.climb = climb
        self.activity: workflow.ActivityHandle[GuardTrip] | None = None
        self.task: asyncio.Task[None] | None = None
        self.over = False

    def start(self) -> None:
        """Begin to watch, if the stage has guards."""
        if self.climb.state.stage.guards is not None and self.task is None:
            self.task = asyncio.create_task(self._watch())

    def end(self) -> None:
        """Stop watching; the activity hears of it at its next heartbeat and is never awaited."""
        self.over = True
        if self.task is not None:
            self.task.cancel()
        if self.activity is not None:
            self.activity.cancel()

    async def _watch(self) -> None:
        """Watch for ever. While a person decides on a guard that holds, the others and the lease are watched on."""
        state, muted = self.climb.state, tuple[str, ...]()
        while state.stop is None:
            order = self.climb.stage_order().model_copy(update={"muted": muted})
            activity = self.activity = workflow.start_activity_method(
                GuardActivities.guard, order, summary=f"guards of {order.stage.name}", **GUARD
            )
            activity.add_done_callback(
                lambda done: done.cancelled() or done.exception()
            )  # a cancelled one is not awaited
            await workflow.wait_condition(partial(self._over_or_resumed, activity, bool(muted)))
            if not activity.done():
                activity.cancel()
                muted = ()
                continue
            try:
                trip = await activity
            except ActivityError as error:
                if self.over:
                    return  # cancelled by us; nothing may be scheduled after continue-as-new
                self.climb.hold(Code.GUARD_TRIPPED, "guard", f"the guards of {order.stage.name} ended: {error.cause}")
                await workflow.wait_condition(lambda: state.hold is None)
            else:
                self._act_on(trip)
                muted = (*muted, trip.verdict.name)

    def _over_or_resumed(self, activity: workflow.ActivityHandle[GuardTrip], muted: bool) -> bool:
        return activity.done() or (muted and self.climb.state.hold is None)

    def _act_on(self, trip: GuardTrip) -> None:
        reason = f"guard {trip.verdict.name}: {trip.verdict.sentence}"
        code = Code.LEASE_LOST if trip.verdict.code is Code.LEASE_LOST else Code.GUARD_TRIPPED
        self.climb.record(
            "guard_tripped", reason, actor="guard", code=code,
            verdict=trip.verdict.model_dump(mode="json"), paused=trip.paused,
        )  # fmt: skip
        self.climb.tell(NoticeKind.GUARD_TRIPPED, reason, needs_person=not trip.abort)
        self.climb.state.paused_by_guard = not trip.abort
        if trip.abort:
            self.climb.stop(code, "guard", reason, Ending.ROLLED_BACK, guard=trip.verdict.name)
        else:
            self.climb.hold(code, "guard", reason)


async def settle_in(climb: Climb) -> None:
    """The stage's pause: nothing is judged until it is over."""
    state, pause = climb.state, climb.state.stage.pause
    if isinstance(pause, timedelta):
        if pause > timedelta(0) and state.observed_from is None:
            state.pause_until = state.pause_until or workflow.now() + pause
            climb.enter_phase(Phase.PAUSING)
            await climb.wait(lambda: False, f"pause of {state.stage_name}", lambda: state.pause_until)
    elif not state.resumed:
        climb.enter_phase(Phase.PAUSING)
        await climb.wait(lambda: state.resumed, "until resumed")
    state.pause_until = None
    if state.observed_from is None:
        state.observed_from = workflow.now()
        state.observe_until = workflow.now() + state.stage.observe.longest


async def judge(climb: Climb) -> Judgement:
    """All gates of the stage, now; the judgement is in the state when this returns."""
    state = climb.state
    while True:
        await climb.checkpoint()
        order = _order(climb)
        try:
            judgement = await climb.perform(
                EvidenceActivities.judge, order, f"gates of {state.stage_name}", JUDGE, harmless=True
            )
        except Disturbed:
            continue
        except ActivityError:  # nobody could judge or store in time: look again
            await climb.sleep(state.stage.observe.every, "nobody could judge; again")
            continue
        if state.hold is None and is_fresh(state, order.at):
            break  # else: what was seen before a hold or long ago is judged again
    changed = state.decision is None or state.decision.code is not judgement.decision.code
    state.decision, state.evidence, state.judged_at = judgement.decision, judgement.evidence, order.at
    if changed or judgement.decision.step is not Step.CONTINUE:
        climb.record(
            "judged", judgement.decision.sentence, code=judgement.decision.code, evidence=judgement.evidence,
            step=judgement.decision.step,
            verdicts=[verdict.model_dump(mode="json") for verdict in judgement.decision.verdicts],
        )  # fmt: skip
    climb.show()
    return judgement


def is_fresh(state: PromotionState, judged_at: datetime | None) -> bool:
    """Whether a judgement made then may still move something up."""
    return judged_at is not None and workflow.now() - judged_at <= state.stage.observe.every + SLACK


def _order(climb: Climb) -> JudgeOrder:
    state, now = climb.state, workflow.now()
    observed_from = state.observed_from or now
    return JudgeOrder(
        stage_order=climb.stage_order(), observed_from=observed_from, at=now,
        elapsed=now - observed_from - state.held,
        longest=(state.observe_until or now) - observed_from - state.held,
    )  # fmt: skip


async def observe(climb: Climb) -> None:
    """Judge on schedule until the gates let the stage be left; holds and aborts on the way."""
    state = climb.state
    while True:
        climb.enter_phase(Phase.OBSERVING)
        decision = (await judge(climb)).decision
        match decision.step:
            case Step.ADVANCE:
                return
            case Step.ABORT:
                climb.stop(decision.code, "ladder", decision.sentence, Ending.ROLLED_BACK)
            case Step.HOLD:
                climb.hold(decision.code, "ladder", decision.sentence)
            case Step.CONTINUE:
                pass
        state.window = None  # a window counts only while the gates pass
        state.approvals.clear()
        await climb.sleep(state.stage.observe.every, f"next look at {state.stage_name}")
