"""One climb: its state, and what every step does with it: look for a stop, hold still, record, tell."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder import contracts
    from promotion_ladder.activities.platform import PlatformActivities
    from promotion_ladder.contracts import StageOrder, Tail
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.events import AuditEvent
    from promotion_ladder.core.notice import Notice, NoticeKind
    from promotion_ladder.core.state import Ending, Hold, Phase, PromotionState, Stop
    from promotion_ladder.workflows.details import markdown
    from promotion_ladder.workflows.options import PLATFORM, Options

MAX_SIGNALS = 500
"""The server refuses the 10 001st signal of a run, a veto too: a run is renewed long before."""

FLUSH = timedelta(seconds=2)
"""How long a move or a new run waits for the writing and telling to be done."""

HEAD_START = timedelta(milliseconds=100)
"""How long all else that a stop leads to stays behind the way down."""

Sent = TypeVar("Sent")
Got = TypeVar("Got")


class ComeDown(Exception):  # noqa: N818 - a turn in the story, not an error
    """The promotion must come down; ``state.stop`` says why."""


class Renew(Exception):  # noqa: N818 - as above
    """The run has grown long enough: go on in a new one with the same state."""


class Disturbed(Exception):  # noqa: N818 - as above
    """A hold came in while something harmless was waited for."""


class Retry(Exception):  # noqa: N818 - as above
    """A person asked for the stage to begin again."""


class Skip(Exception):  # noqa: N818 - as above
    """A person asked to leave the stage without its gates."""


class Climb:
    """The state of one climb and the verbs all its steps share."""

    def __init__(self, state: PromotionState) -> None:
        self.state = state
        self.turn: type[Retry | Skip] | None = None
        """What a person asked for while the climb was on hold."""
        self.shown: tuple[str, str, bool] | None = None
        self.moving = False
        self.holds = 0
        """How many holds were stood through: what was judged before one is judged again after it."""
        self.chores: list[asyncio.Task[None]] = []
        """What runs beside the story: the inbox, the record, the notices."""
        self.head_start: asyncio.Task[None] | None = None

    # --- looking ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look for a stop. Called after every await that a forward move could follow."""
        if self.state.stop is None and (why := workflow.cancellation_reason()) is not None:
            self.stop(Code.ROLLED_BACK_BY_PERSON, "temporal", f"cancelled in Temporal: {why}", Ending.ROLLED_BACK)
        if self.state.stop is not None:
            raise ComeDown
        for chore in self.chores:
            if chore.done():
                chore.result()  # a bug there must fail the task loudly, not leave messages or records lying

    async def checkpoint(self) -> None:
        """Look for a stop, and stand still while on hold."""
        self.check()
        while self.state.hold is not None:
            await self._stand_still()
            self.check()
        if self.state.entries_paused:
            await self._let_trade_again()

    async def wait(
        self, until: Callable[[], bool], summary: str, deadline: Callable[[], datetime | None] = lambda: None
    ) -> bool:
        """Wait for ``until`` or ``deadline``, whichever is first; whether ``until`` holds.

        A stop ends the wait at once; a hold stands still inside it. ``deadline`` is read anew after each wake-up,
        because a hold, an extension or a person may have moved it.
        """
        while True:
            await self.checkpoint()
            self.renew_if_long()
            if until() or _left(deadline()) <= timedelta(0):
                # First everything acts that this workflow task brought: conditions are looked at when nothing else is
                # left to run. A guard that trips in the task of the last timer is not too late.
                await workflow.wait_condition(lambda: True)
                if self._disturbed():
                    continue
                if until():
                    return True
                if _left(deadline()) <= timedelta(0):
                    return False
            end = deadline()
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: until() or self._disturbed(),
                    timeout=None if end is None else _left(end),
                    timeout_summary=summary,
                )

    async def sleep(self, length: timedelta, summary: str) -> None:
        """Wait for ``length``, unless a stop comes in."""
        end = workflow.now() + length
        await self.wait(lambda: False, summary, lambda: end)

    def _disturbed(self) -> bool:
        """Whether something came in that no wait may outlast."""
        return self.state.stop is not None or self.state.hold is not None or self.is_long

    async def _stand_still(self) -> None:
        hold = self.state.hold
        if hold is None:
            return
        before = self.state.phase
        self.enter_phase(Phase.ON_HOLD)
        await workflow.wait_condition(lambda: self.state.hold is None or self.state.stop is not None or self.is_long)
        self.check()
        if self.state.hold is not None:
            raise Renew
        self.enter_phase(before)
        self.holds += 1
        self._shift_deadlines(workflow.now() - hold.at)
        turn, self.turn = self.turn, None
        if turn is not None:
            raise turn

    async def _let_trade_again(self) -> None:
        """Entries were paused at the platform: the stage's exposure is given anew, but never under a latch."""
        state = self.state
        state.entries_paused = False  # before the effect: what is performed looks here too
        state.entry += 1
        try:
            summary = f"let {state.stage_name} trade again"
            opened = await self.perform(PlatformActivities.reopen, self.stage_order(), summary, PLATFORM)
        except Renew:
            state.entries_paused = True
            raise
        except ActivityError as error:
            self.hold_under_latch(error)
            state.entries_paused = True
            await self.checkpoint()
        else:
            self.record("reopened", opened.sentence)

    def _shift_deadlines(self, by: timedelta) -> None:
        """A hold stops the clocks of the stage."""
        state = self.state
        if state.observed_from is not None:
            state.held += by
        if state.pause_until is not None:
            state.pause_until += by
        if state.observe_until is not None:
            state.observe_until += by
        if state.window is not None:
            moved = {"opened_at": state.window.opened_at + by, "deadline": state.window.deadline + by}
            state.window = state.window.model_copy(update=moved)

    @property
    def is_long(self) -> bool:
        """Whether this run has had so many signals or events that it should go on in a new one."""
        if self.moving:
            return False  # between passing a stage and leaving it a new run would ask for everything again
        return self.state.signals >= MAX_SIGNALS or workflow.info().is_continue_as_new_suggested()

    def renew_if_long(self) -> None:
        """Ask for a new run when this one has had many signals or a long history."""
        if self.is_long:
            raise Renew

    async def handlers_finished(self) -> None:
        """Wait until every update was answered; a stop is not kept waiting."""
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or self.state.stop is not None)
        self.check()

    async def quiesce(self) -> None:
        """Before a forward move: every message ruled on, every event recorded, a last chance for a cancel.

        A cancel request that arrives in the same workflow task as the last approval would be lost by
        continue-as-new; the second of settling lets it be seen.
        """
        await self.handlers_finished()
        await self.sleep(timedelta(seconds=1), "settle: last chance for a stop")
        told = workflow.now() + FLUSH
        await self.wait(lambda: not self.state.notices, "telling", lambda: told)
        await self.wait(lambda: not self.state.inbox and not self.state.outbox, "recording")

    async def perform(
        self,
        method: Callable[[Any, Sent], Awaitable[Got]],
        sent: Sent,
        summary: str,
        options: Options,
        *,
        harmless: bool = False,
        final: bool = False,
    ) -> Got:
        """Run an activity of the way up. A stop does not wait for it: it may be retried for hours.

        One that changes the platform is cancelled then, so that it is not tried again; what of it comes late all the
        same is fenced off, because the way down takes a new epoch before it gives stable its share back. A
        ``harmless`` one is left to itself, and a hold ends the wait for it too (:class:`Disturbed`). After a ``final``
        one that is done, a stop comes too late.
        """
        await self.checkpoint()
        if not harmless:  # nothing is done to the platform while a prohibition waits for its ruling
            await self.wait(lambda: not any(c.verb.prohibits for c in self.state.inbox), "ruling on a prohibition")
        handle = workflow.start_activity_method(method, sent, summary=summary, **options)
        handle.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at here or not at all
        try:
            await workflow.wait_condition(
                lambda: (
                    handle.done()
                    or self.state.stop is not None
                    or self.is_long
                    or (harmless and self.state.hold is not None)
                )
            )
            if not (final and handle.done()):
                self.check()
        except (ComeDown, asyncio.CancelledError):
            if not harmless:
                handle.cancel()  # a cancel request of Temporal is a stop like any other
            raise
        if not handle.done():
            raise Disturbed if self.state.hold is not None else Renew
        got: Got = await handle
        if not final:
            self.check()
        return got

    async def give_way(self) -> None:
        """Let a descent go first: the fewer commands its workflow task has, the sooner the cancel leaves."""
        if self.state.stop is not None:
            self.head_start = self.head_start or asyncio.create_task(workflow.sleep(HEAD_START, summary="down first"))
            await asyncio.shield(self.head_start)

    # --- changing -----------------------------------------------------------------------------------------------

    def stop(
        self, code: Code, actor: str, reason: str, ending: Ending, *, hold_out: bool = True, guard: str = ""
    ) -> None:
        """Come down from now on. The first stop stands, but a kill overrules what is gentler."""
        state = self.state
        if state.stop is not None and not (code is Code.KILLED and state.stop.code is not Code.KILLED):
            return
        if code is Code.KILLED:
            state.successor = None
        state.stop = Stop(
            code=code, actor=actor, reason=reason, at=workflow.now(), hold_out=hold_out, ending=ending, guard=guard
        )
        self.record("stopped", reason, actor=actor, code=code)

    def hold(self, code: Code, actor: str, reason: str) -> None:
        """Stand still from now on, exposure unchanged, guards alive."""
        if self.state.hold is not None or self.state.stop is not None:
            return
        self.state.hold = Hold(code=code, actor=actor, reason=reason, at=workflow.now())
        self.record("held", reason, actor=actor, code=code)
        self.tell(NoticeKind.HELD, f"on hold: {reason}", needs_person=True)

    def hold_under_latch(self, error: ActivityError) -> None:
        """Stand still where a latch forbids the exposure that was asked for; any other failure is raised again."""
        if not isinstance(error.cause, ApplicationError) or error.cause.type != Code.LATCHED:
            raise error
        self.hold(Code.LATCHED, "ladder", error.cause.message)

    def resume(self, turn: type[Retry | Skip] | None = None) -> None:
        """Go on after a hold, or take the turn a person asked for."""
        self.state.hold = None
        self.turn = turn

    def enter_phase(self, phase: Phase) -> None:
        """Show what the promotion does: in the state, the search attributes and the Temporal UI."""
        state = self.state
        state.phase = phase
        shown = (state.stage_name, str(phase), state.may_be_exposed)
        if shown != self.shown:
            self.shown = shown
            workflow.upsert_search_attributes([
                contracts.STAGE.value_set(shown[0] or "-"),
                contracts.STATUS.value_set(shown[1]),
                contracts.EXPOSED.value_set(shown[2]),
            ])  # fmt: skip
        self.show()

    def show(self) -> None:
        """Refresh the text that the Temporal UI shows; it makes no history."""
        workflow.set_current_details(markdown(self.state))

    # --- recording and telling ----------------------------------------------------------------------------------

    def record(
        self,
        kind: str,
        sentence: str,
        *,
        actor: str = "ladder",
        code: Code | None = None,
        evidence: str | None = None,
        **data: Any,
    ) -> None:
        """Put an event into the outbox, chained to the one before; it is written exactly once by its number."""
        state = self.state
        state.seq += 1
        event = AuditEvent(
            chain=state.promotion_id, seq=state.seq, at=workflow.now(), kind=kind, actor=actor, code=code,
            stage=state.stage_name, attempt=state.attempt, sentence=sentence[:2000], evidence=evidence, data=data,
        )  # fmt: skip
        state.head = event.hash_after(state.head)
        state.outbox.append(event)

    def rejoin(self, tail: Tail) -> None:
        """Go on with the record after ``tail``: what is still to be written takes the numbers that follow it."""
        state = self.state
        owed = state.outbox[:]
        again = tail.seq - owed[0].seq + 1
        state.outbox.clear()
        state.seq, state.head = tail.seq, tail.head
        self.record("set_back", f"it was reset in Temporal; the {again} events before this one stand, and what follows "
                    "is what it has done since", code=Code.SET_BACK)  # fmt: skip
        for event in owed:
            state.seq += 1
            later = event.model_copy(update={"seq": state.seq})
            state.head = later.hash_after(state.head)
            state.outbox.append(later)

    def tell(
        self,
        kind: NoticeKind,
        title: str,
        lines: tuple[str, ...] = (),
        *,
        deadline: datetime | None = None,
        needs_person: bool = False,
        owners: tuple[str, ...] = (),
    ) -> str:
        """Put a notice into the outbox; its id."""
        state = self.state
        notice_id = f"{state.promotion_id}:{state.seq}:{kind}:{len(state.notices)}"
        state.notices.append(
            Notice(
                notice_id=notice_id, promotion_id=state.promotion_id, kind=kind, bot=state.release.bot,
                release=state.release.version, stage=state.stage_name, lines=lines, deadline=deadline,
                title=f"{state.release.bot} {state.release.version}: {title}", needs_person=needs_person,
                owners=owners, at=workflow.now(),
            )
        )  # fmt: skip
        return notice_id

    # --- orders -------------------------------------------------------------------------------------------------

    def stage_order(self) -> StageOrder:
        """What activities need to know about the stage; raises if the climb was not admitted."""
        state = self.state
        if state.ladder is None or state.stable is None or state.capital is None:
            raise ApplicationError("no stage before admission", type="Bug")
        return StageOrder(
            promotion_id=state.promotion_id, epoch=state.epoch, release=state.release, stable=state.stable,
            stage=state.stage, metrics=state.ladder.metrics, attempt=state.attempt, capital=state.capital,
            entered_at=state.entered_at, entry=state.entry, paused=state.paused_scopes, ladder_hash=state.ladder_hash,
            probes=tuple(probe.name for probe in state.ladder.preflight), preflight=state.preflight,
        )  # fmt: skip

    def watch_order(self) -> StageOrder:
        """What guards need to know: of the stage, or of what stands below while it is being entered."""
        order, below = self.stage_order(), self.state.standing
        if self.state.entered_at is not None or below is None or self.state.ladder is None:
            return order
        return order.model_copy(
            update={
                "stage": self.state.ladder.stages[below.stage_index], "attempt": below.attempt, "entry": below.entry,
                "entered_at": below.entered_at, "next_stage": order.stage.name,
            }
        )  # fmt: skip


def _left(end: datetime | None) -> timedelta:
    """How long until ``end``; without one, for ever."""
    return timedelta.max if end is None else end - workflow.now()
