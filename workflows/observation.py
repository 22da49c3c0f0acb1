"""Watching a stage: guards all the time, gates on their schedule."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.evidence import EvidenceActivities
    from promotion_ladder.activities.guards import GuardActivities
    from promotion_ladder.contracts import GuardTrip, Judgement, JudgeOrder, StageOrder
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
        self.activities: dict[bool, workflow.ActivityHandle[GuardTrip]] = {}
        """The guards of the stage, and under True those of what stands while it is being entered."""
        self.tasks: dict[bool, asyncio.Task[None]] = {}
        self.over = False

    def start(self) -> None:
        """Begin to watch the stage, if it has guards; before it is entered, what stands of the one below."""
        state = self.climb.state
        below = state.entered_at is None
        if (below and state.standing is None) or below in self.tasks:
            return
        order = self.climb.watch_order()
        if order.stage.guards is not None:
            self.tasks[below] = asyncio.create_task(self._watch(order, below=below))
        if not below and True in self.activities:
            self.activities[True].cancel()  # from here on the stage is watched by guards of its own

    def end(self) -> None:
        """Stop watching; the activity hears of it at its next heartbeat and is never awaited."""
        self.over = True
        for task in self.tasks.values():
            task.cancel()
        for activity in self.activities.values():
            activity.cancel()

    async def _watch(self, first: StageOrder, *, below: bool) -> None:
        """Watch for ever. While a person decides on a guard that holds, the others and the lease are watched on.

        Guards of what stands ``below`` go on until they are told that the stage was entered, and what they find until
        they have heard it still counts.
        """
        state, muted = self.climb.state, tuple[str, ...]()
        told = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED if below else ActivityCancellationType.TRY_CANCEL
        while state.stop is None:
            order = first.model_copy(update={"muted": muted, "paused": state.paused_scopes})
            order = order if below else order.model_copy(update={"entry": state.entry})
            activity = self.activities[below] = workflow.start_activity_method(
                GuardActivities.guard, order, summary=f"guards of {order.stage.name}", cancellation_type=told, **GUARD
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
                if self.over or (below and state.entered_at is not None):
                    return  # cancelled by us; nothing may be scheduled after continue-as-new
                self.climb.hold(Code.GUARD_TRIPPED, "guard", f"the guards of {order.stage.name} ended: {error.cause}")
                await workflow.wait_condition(lambda: state.hold is None)
            else:
                self._act_on(trip, below=below)
                muted = muted if trip.scopes is not None else (*muted, trip.verdict.name)
                if below and state.entered_at is not None:
                    return

    def _over_or_resumed(self, activity: workflow.ActivityHandle[GuardTrip], muted: bool) -> bool:
        return activity.done() or (muted and self.climb.state.hold is None)

    def _act_on(self, trip: GuardTrip, *, below: bool) -> None:
        if trip.scopes is not None:
            self._scopes_changed(trip, trip.scopes)
            return
        reason = f"guard {trip.verdict.name}: {trip.verdict.sentence}"
        code = trip.verdict.code if trip.verdict.code in (Code.LEASE_LOST, Code.GUARD_BLIND) else Code.GUARD_TRIPPED
        abort = trip.abort or below  # between two stages there is nothing to hold: the next one is on its way
        self.climb.record(
            "guard_tripped", reason, actor="guard", code=code,
            verdict=trip.verdict.model_dump(mode="json"), paused=trip.paused,
        )  # fmt: skip
        self.climb.tell(NoticeKind.GUARD_TRIPPED, reason, needs_person=not abort, owners=trip.verdict.owners)
        self.climb.state.entries_paused = not abort
        if abort:
            self.climb.stop(code, "guard", reason, Ending.ROLLED_BACK, guard=trip.verdict.name)
        else:
            self.climb.hold(code, "guard", reason)

    def _scopes_changed(self, trip: GuardTrip, scopes: tuple[str, ...]) -> None:
        """A guard paused a scope for a while, or let it go on: recorded and told; the climb is watched on."""
        self.climb.state.paused_scopes = scopes
        paused = trip.verdict.code is Code.SCOPE_PAUSED
        self.climb.record(
            "scope_paused" if paused else "scope_goes_on", trip.verdict.sentence, actor="guard",
            code=trip.verdict.code, scopes=scopes,
        )  # fmt: skip
        self.climb.tell(NoticeKind.SCOPE_PAUSED, trip.verdict.sentence, owners=trip.verdict.owners)
        self.climb.show()


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
    state.carried = judgement.carried
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
        longest=(state.observe_until or now) - observed_from - state.held, carried=state.carried,
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
