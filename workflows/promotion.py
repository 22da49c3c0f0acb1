"""The promotion: one release, one rung after the other, up or down. ``run`` is the story."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.workflow import ContinueAsNewVersioningBehavior

with workflow.unsafe.imports_passed_through():
    from promotion_ladder import contracts
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.pending import Pending, pending
    from promotion_ladder.core.people import Verb
    from promotion_ladder.core.rules import refusal
    from promotion_ladder.core.state import (
        SLACK,
        Command,
        Ending,
        PromotionResult,
        PromotionState,
        Receipt,
        Ruled,
        StartOrder,
    )
    from promotion_ladder.workflows import exits, incidents, observation, outbox, reminders, steps
    from promotion_ladder.workflows.climb import FLUSH, Climb, ComeDown, Renew, Retry, Skip
    from promotion_ladder.workflows.compensation import come_down
    from promotion_ladder.workflows.messages import Messages


NOTHING = cast("RawValue", None)
"""A signal sent without an argument; the handlers' hint must be exactly RawValue, or the SDK decodes and drops."""
LAST_NOTICES = timedelta(minutes=1)


@workflow.defn(name=contracts.WORKFLOW)
class Promotion:
    """One climb of one release. Its id, ``promotion/{bot}``, is the lock of the bot."""

    @workflow.init
    def __init__(self, state: PromotionState) -> None:
        self.climb = Climb(state)
        self.messages = Messages(self.climb)
        self.watch = observation.Watch(self.climb)

    @workflow.run
    async def run(self, state: PromotionState) -> PromotionResult:
        """Climb one stage and go on in a new run; or come down; or end."""
        self.climb.chores = [
            asyncio.create_task(chore)
            for chore in (
                self.messages.serve(),
                outbox.write_events(self.climb),
                outbox.send_notices(self.climb),
                outbox.post_news(self.climb),
                reminders.remind(self.climb),
            )
        ]
        while True:
            try:
                await self._up_or_down()
            except Renew:
                await detached(asyncio.create_task(self._next_run()))
            steps.conclude(self.climb)
            await detached(asyncio.create_task(self._written()))
            if not self._owes_flat():
                break
            state.ending = None
        if state.successor is not None:
            self._hand_over(state.successor)
        workflow.upsert_memo({contracts.MEMO_AUDIT: f"{state.seq}:{state.head}"})
        return steps.result(state)

    async def _up_or_down(self) -> None:
        state = self.climb.state
        try:
            if state.stop is None:
                await self._up()
                return
        except (ComeDown, FailureError, asyncio.CancelledError) as cause:
            self._remember_why(cause)
        self.watch.end()
        if state.epoch or state.stop is None or state.stop.hold_out or state.may_be_exposed:
            await detached(asyncio.create_task(come_down(self.climb)))
        if state.stop is not None and state.ending is None:
            state.ending, state.ended_because = state.stop.ending, state.stop.code
            state.ended_sentence = state.stop.reason

    async def _up(self) -> None:
        """The way up: admit, then enter, settle in, observe and leave one stage."""
        climb, state = self.climb, self.climb.state
        if state.ladder is None and not await steps.admit(climb):
            return
        code: Code | None = None
        while True:
            try:
                code = code or await self._stand()
                if await self._may_move(code):
                    break
                code = None
            except Skip:
                code = Code.SKIPPED
            except Retry:
                steps.begin_again(climb)
                await self._next_run()
        if steps.step_up(climb):
            await self._go_on()  # nothing is waited for: a guard of the old stage must not hold at the new one

    async def _stand(self) -> Code:
        """Enter the stage, observe it, and try its exit until gates and exit agree; the code it is left by."""
        climb = self.climb
        self.watch.start()  # what stands of the stage below is watched while this one is being entered
        await exits.await_resume_approval(climb)
        await steps.enter(climb)
        self.watch.start()
        await observation.settle_in(climb)
        while True:
            await observation.observe(climb)
            code = await exits.leave(climb)
            if code is not None:
                return code

    async def _may_move(self, code: Code) -> bool:
        """Record the stage as passed and let everything come to rest; settle the last one.

        False if that took so long, or was held, that what was judged is not fresh any more.
        """
        climb, holds = self.climb, self.climb.holds
        if code is not Code.SKIPPED and climb.state.paused_scopes:  # a latch would refuse the next stage's exposure
            await climb.wait(lambda: not climb.state.paused_scopes, "a guard has paused a scope")
            return False  # what was judged before is judged again
        steps.mark_passed(climb, code)
        climb.moving = True
        try:
            await climb.quiesce()
            stale = climb.holds != holds or not observation.is_fresh(climb.state, climb.state.judged_at)
            if stale and code is not Code.SKIPPED:
                steps.take_back(climb)
                return False
            await steps.settle_if_last(climb)
        finally:
            climb.moving = False
        return True

    async def _next_run(self) -> None:
        """Go on in a new run with the same state; history stays short and a worker starts anew in no time.

        The guard of this run is not cancelled: it hears at its next heartbeat that its run is over, and until then
        it watches beside the new one.
        """
        state = self.climb.state
        with contextlib.suppress(TimeoutError):  # what is not done by then goes along and is done once all the same
            await workflow.wait_condition(
                lambda: not state.outbox and not state.notices and not state.news, timeout=FLUSH
            )
        await self._go_on()

    async def _go_on(self) -> None:
        state = self.climb.state
        # Last, with nothing awaited after it: a handler cut off here would fail its caller. A stop waits for nobody.
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or state.stop is not None)
        why = workflow.cancellation_reason()
        if why is not None and state.stop is None:
            self.climb.stop(Code.ROLLED_BACK_BY_PERSON, "temporal", f"cancelled in Temporal: {why}", Ending.ROLLED_BACK)
        state.signals = 0
        versioned = workflow.info().get_current_deployment_version() is not None
        workflow.continue_as_new(
            state, initial_versioning_behavior=ContinueAsNewVersioningBehavior.AUTO_UPGRADE if versioned else None
        )

    def _hand_over(self, successor: StartOrder) -> None:
        """Superseded: go on as the new release, so that the bot's lock never opens in between."""
        workflow.continue_as_new(
            PromotionState(order=successor),
            memo=contracts.memo(successor),
            search_attributes=contracts.search_attributes(successor),
        )

    def _remember_why(self, cause: BaseException) -> None:
        """A failure that no step expected is a reason to come down, never to end as failed."""
        climb = self.climb
        if climb.state.stop is not None:
            return
        reason = workflow.cancellation_reason()
        if reason is not None:
            climb.stop(Code.ROLLED_BACK_BY_PERSON, "temporal", f"cancelled in Temporal: {reason}", Ending.ROLLED_BACK)
            return
        inner = cause.__cause__ or cause
        code, text = steps.reason_of(inner)
        climb.stop(code, "ladder", text, Ending.ROLLED_BACK)

    def _owes_flat(self) -> bool:
        """Whether a kill came when there seemed to be nothing to flatten: whatever we believe, it flattens."""
        state = self.climb.state
        killed = state.stop is not None and state.stop.code is Code.KILLED
        return killed and state.flat_at is None and state.ending is not Ending.STABLE

    async def _written(self) -> None:
        """Everything is recorded and answered, what comes in last too. Notices are waited for a while.

        A kill that still owes a flatten waits for none of that.
        """
        state = self.climb.state
        incidents.resolve_incident(self.climb, "notice", "the promotion has ended: its window opens no more")

        def written() -> bool:
            done = not (state.outbox or state.inbox or state.news) and workflow.all_handlers_finished()
            return done or self._owes_flat()

        with contextlib.suppress(TimeoutError):  # a dead channel must not keep the bot's lock
            await workflow.wait_condition(
                lambda: written() and (not state.notices or self._owes_flat()), timeout=LAST_NOTICES
            )
        if state.notices and not self._owes_flat():
            await outbox.leave_notices(self.climb)
        await workflow.wait_condition(written)

    # --- messages: prohibitions are signals that cannot fail, permissions are updates with validators -------------

    @workflow.signal(description="Stop it for good: flatten what is exposed and hold the release out")
    def veto(self, message: RawValue = NOTHING) -> None:
        """Take a veto in."""
        self.messages.take(message, Verb.VETO)

    @workflow.signal(description="Stand still, exposure unchanged, guards alive")
    def hold(self, message: RawValue = NOTHING) -> None:
        """Take a hold in."""
        self.messages.take(message, Verb.HOLD)

    @workflow.signal(description="Come down: flatten, restore stable, hold the release out")
    def rollback(self, message: RawValue = NOTHING) -> None:
        """Take a rollback in."""
        self.messages.take(message, Verb.ROLLBACK)

    @workflow.signal(description="The platform's latch is set; flatten durably")
    def kill(self, message: RawValue = NOTHING) -> None:
        """Take a kill in; it takes effect here and now."""
        self.messages.take(message, Verb.KILL)

    @workflow.signal(description="Let another release of this bot take over")
    def supersede(self, message: RawValue = NOTHING) -> None:
        """Take a supersession in."""
        self.messages.take(message, Verb.SUPERSEDE)

    @workflow.signal(name="approve", description="Approve, with no answer; judged by the same rules as the update")
    def approve_signal(self, message: RawValue = NOTHING) -> None:
        """Take an approval in."""
        self.messages.take(message, Verb.APPROVE)

    @workflow.signal(dynamic=True)
    def unknown(self, name: str, _args: Sequence[RawValue]) -> None:
        """A message nobody knows holds the climb: somebody wanted something."""
        self.climb.state.signals += 1
        self.climb.hold(Code.UNREADABLE_MESSAGE, "unknown", f"a message named '{name[:60]}' that nobody knows")

    @workflow.update(description="Approve leaving the stage")
    async def approve(self, command: Command) -> Receipt:
        """Count an approval, if the person and the evidence are the right ones."""
        return await self._answer(command, Verb.APPROVE)

    @workflow.update(description="Go on after a hold")
    async def resume(self, command: Command) -> Receipt:
        """End a hold."""
        return await self._answer(command, Verb.RESUME)

    @workflow.update(description="Begin the stage again")
    async def retry(self, command: Command) -> Receipt:
        """Begin the stage again with the next attempt."""
        return await self._answer(command, Verb.RETRY)

    @workflow.update(description="Leave the stage without its gates")
    async def skip(self, command: Command) -> Receipt:
        """Leave the stage upwards on a person's word."""
        return await self._answer(command, Verb.SKIP)

    @workflow.update(description="Give the stage more time")
    async def extend(self, command: Command) -> Receipt:
        """Move the stage's deadline."""
        return await self._answer(command, Verb.EXTEND)

    @workflow.update(description="End without promotion or rollback")
    async def cancel(self, command: Command) -> Receipt:
        """End; refused while anything is exposed."""
        return await self._answer(command, Verb.CANCEL)

    async def _answer(self, command: Command, verb: Verb) -> Receipt:
        receipt = await self.messages.answered(command.model_copy(update={"verb": verb}))
        if not receipt.accepted:
            raise ApplicationError(receipt.sentence, type=receipt.code, non_retryable=True)
        return receipt

    @workflow.update(description="Wait until the climb was admitted or refused")
    async def admitted(self) -> Receipt:
        """Whether the climb was admitted, once that is known."""
        state = self.climb.state
        await workflow.wait_condition(
            lambda: state.ladder is not None or state.ended_because is not None or state.stop is not None
        )
        if state.stop is not None:
            return Receipt(accepted=False, code=state.stop.code, sentence=state.stop.reason)
        if state.ladder is None and state.ended_because is not None:
            return Receipt(accepted=False, code=state.ended_because, sentence=state.ended_sentence)
        return Receipt(accepted=True, code=Code.STARTED, sentence=f"{state.release.version} climbs")

    def _validate(self, command: Command, verb: Verb) -> None:
        """Refuse what is out of place or out of turn; a refusal here leaves no history."""
        if command.message_id in self.climb.state.receipts:
            return  # sent again: the same answer, whatever has moved since
        if command.channel == SLACK:
            return  # let in, so that a click that is refused is on record
        bad = refusal(self.climb.state, command.model_copy(update={"verb": verb}))
        if bad is not None:
            raise ApplicationError(bad.sentence, type=bad.code, non_retryable=True)

    @approve.validator
    def _may_approve(self, command: Command) -> None:
        self._validate(command, Verb.APPROVE)

    @resume.validator
    def _may_resume(self, command: Command) -> None:
        self._validate(command, Verb.RESUME)

    @retry.validator
    def _may_retry(self, command: Command) -> None:
        self._validate(command, Verb.RETRY)

    @skip.validator
    def _may_skip(self, command: Command) -> None:
        self._validate(command, Verb.SKIP)

    @extend.validator
    def _may_extend(self, command: Command) -> None:
        self._validate(command, Verb.EXTEND)

    @cancel.validator
    def _may_cancel(self, command: Command) -> None:
        self._validate(command, Verb.CANCEL)

    # --- questions ----------------------------------------------------------------------------------------------

    @workflow.query(description="The whole state")
    def state(self) -> PromotionState:
        """The whole state, from which the climb can be resumed."""
        return self.climb.state

    @workflow.query(description="The newest judgement's evidence hash")
    def evidence(self) -> str | None:
        """The hash under which the newest evidence is stored."""
        return self.climb.state.evidence

    @workflow.query(description="The stages left upwards so far")
    def history(self) -> list[str]:
        """One line for each stage passed."""
        return [f"{r.stage} left at {r.left_at:%Y-%m-%dT%H:%M:%SZ}: {r.code}" for r in self.climb.state.passed]

    @workflow.query(description="What became of a message, by its id; nothing while it waits for its ruling")
    def ruled(self, message_id: str) -> Ruled:
        """The ruling on one of the last messages."""
        return Ruled(receipt=self.climb.state.receipts.get(message_id))

    @workflow.query(description="What it waits for, who may act, until when, and what silence means")
    def pending(self) -> Pending:
        """What the promotion waits for."""
        return pending(self.climb.state)


async def detached(task: "asyncio.Task[None]") -> None:
    """Wait for ``task`` to its end; a cancel request of the workflow does not reach it."""
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    task.result()
