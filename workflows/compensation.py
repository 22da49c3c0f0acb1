"""Coming down: let go of the positions, verified at bot and venue → restore stable → hold out. Until it is flat.

Letting go is pause → cancel → exit, unless the stage says that stable takes over or that they close by themselves.
"""

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.guards import GuardActivities
    from promotion_ladder.activities.platform import PlatformActivities
    from promotion_ladder.activities.safety import SafetyActivities
    from promotion_ladder.contracts import ClearRequest, FlattenOrder, HoldOutRequest, RestoreRequest
    from promotion_ladder.core.base import show_duration
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.flat import Flattened, Residue
    from promotion_ladder.core.incidents import Severity
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.rules import way_down
    from promotion_ladder.core.state import Ending, Phase, Stop
    from promotion_ladder.core.ways import NOTHING, Reassign, WindDown
    from promotion_ladder.workflows.climb import Climb
    from promotion_ladder.workflows.incidents import open_incident, resolve_incident
    from promotion_ladder.workflows.options import FLATTEN, GUARD, HAND_OVER, PLATFORM, SAFETY

FINAL = (Code.STALE_EPOCH, Code.NOT_FLAT, Code.ALREADY_STABLE)
FIRST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=30)
SHORTEST_LOOK = timedelta(seconds=2)
"""Time between two looks at what winds down, for a stage of up to 200 seconds."""


async def come_down(climb: Climb) -> None:
    """The whole descent, resumable at any step: what was done is in the state, every effect is keyed."""
    state, stop = climb.state, climb.state.stop
    if stop is None:
        raise ApplicationError("coming down without a reason", type="Bug")
    state.hold, state.window = None, None
    if state.phase is not Phase.COMING_DOWN:  # else: renewed on the way down
        climb.record("coming_down", stop.reason, actor=stop.actor, code=stop.code, exposed=state.may_be_exposed)
        climb.tell(NoticeKind.COMING_DOWN, stop.reason)
    climb.enter_phase(Phase.COMING_DOWN)
    if stop.code is Code.KILLED:
        state.may_be_exposed = True  # whatever we believe: a kill flattens
    if state.may_be_exposed:
        await _let_go(climb)
    if state.ladder is not None and not state.epoch:
        await _own(climb)
    while state.epoch and not state.restored:
        state.restored = await _restore(climb)
        if not state.restored:
            await workflow.sleep(FIRST_PAUSE, summary="before it is flattened again")
            await flatten(climb)
    stop = state.stop or stop  # a kill may have overruled a gentler stop on the way
    if stop.hold_out and state.ending is None:
        await _hold_out(climb, stop)


async def _own(climb: Climb) -> None:
    """Stopped before it owned the bot: what an earlier climb left exposed has nobody else to undo it."""
    state = climb.state
    while True:
        try:
            acquired = await workflow.execute_activity_method(
                PlatformActivities.acquire,
                state.order,
                summary=f"own {state.release.bot} to restore stable",
                **PLATFORM,
            )
            break
        except ActivityError as error:  # a descent never ends as failed
            climb.record("not_restored", f"{state.release.bot} cannot be owned: {error.cause}")
            await workflow.sleep(LONGEST_PAUSE, summary="before it is tried again")
            climb.renew_if_long()
    state.epoch = acquired.epoch
    climb.record("acquired", f"owns {state.release.bot} at epoch {state.epoch} to restore stable", epoch=state.epoch)
    if acquired.leftover:
        state.may_be_exposed = True
        climb.record("leftover_found", "an earlier climb left something exposed: flattened first")
        await flatten(climb)


async def _let_go(climb: Climb) -> None:
    """The positions go the way that the stage says; what does not go so is flattened."""
    match way_down(climb.state):
        case Reassign():
            gone = await _hand_over(climb)
        case WindDown(within=within):
            gone = await _wind_down(climb, within)
        case _:
            gone = False
    if not gone:
        await flatten(climb)


async def _hand_over(climb: Climb) -> bool:
    """Let stable take the positions; whether candidate and baseline hold nothing by now."""
    try:
        done = await workflow.execute_activity_method(
            SafetyActivities.reassign, _order(climb), summary="hand the positions to stable", **HAND_OVER
        )
    except ActivityError as error:
        climb.record("not_handed_over", f"not handed over in time: {error.cause}", code=Code.NOT_FLAT)
        return False
    if done.report.is_flat:
        climb.record("handed_over", done.sentence, code=Code.FLAT, report=done.report.model_dump(mode="json"))
        _landed(climb, done)
        return True
    climb.record("not_handed_over", done.sentence, code=Code.NOT_FLAT, report=done.report.model_dump(mode="json"))
    return False


async def _wind_down(climb: Climb, within: timedelta) -> bool:
    """Let the positions close in their own time, guards alive; whether they have. A kill ends the patience at once."""
    state = climb.state
    if state.wind_down_until is None:
        state.wind_down_until = workflow.now() + within
        climb.record("winding_down", f"no new entries; what is still held in {show_duration(within)} is flattened")
    watch = asyncio.create_task(_watch(climb))
    while True:
        done = await workflow.execute_activity_method(
            SafetyActivities.wind_down, _order(climb), summary="is it closed yet?", **SAFETY
        )
        state.flat = done.report
        climb.show()
        left = state.wind_down_until - workflow.now()
        if done.report.is_flat or left <= NOTHING or watch.done() or not isinstance(way_down(state), WindDown):
            break
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: watch.done() or climb.is_long or not isinstance(way_down(state), WindDown),
                timeout=min(left, max(SHORTEST_LOOK, within / 100)),
                timeout_summary="next look at what closes by itself",
            )
        climb.renew_if_long()
    why = watch.result() if watch.done() else "the time is over" if left <= NOTHING else "it was killed"
    watch.cancel()
    if done.report.is_flat:
        climb.record("wound_down", done.sentence, code=Code.FLAT, report=done.report.model_dump(mode="json"))
        _landed(climb, done)
        return True
    climb.record("not_wound_down", f"{why}: {done.sentence}", code=Code.NOT_FLAT)
    return False


async def _watch(climb: Climb) -> str:
    """Watch the lease and the guards that have not tripped yet; why the positions cannot wait any longer."""
    state = climb.state
    muted = (state.stop.guard,) if state.stop is not None and state.stop.guard else ()
    while True:
        order = climb.watch_order().model_copy(update={"muted": muted, "paused": state.paused_scopes})
        try:
            trip = await workflow.execute_activity_method(
                GuardActivities.guard, order, summary=f"guards of {order.stage.name} while it winds down", **GUARD
            )
        except ActivityError as error:
            return f"the guards of {order.stage.name} ended: {error.cause}"
        if trip.scopes is None:
            return f"guard {trip.verdict.name}: {trip.verdict.sentence}"
        state.paused_scopes = trip.scopes


def _order(climb: Climb) -> FlattenOrder:
    """The next try, with keys of its own."""
    state = climb.state
    state.flatten_try += 1
    return FlattenOrder(
        promotion_id=state.promotion_id, bot=state.release.bot, epoch=state.epoch, attempt=state.flatten_try
    )


def _landed(climb: Climb, done: Flattened) -> None:
    state = climb.state
    state.flat, state.flat_at, state.may_be_exposed = done.report, workflow.now(), False
    resolve_incident(climb, "not_flat", done.sentence)
    climb.show()


async def flatten(climb: Climb) -> None:
    """Exit until bot and venue both say flat; each new try after a read-back sends new exits."""
    state = climb.state
    pause, first = FIRST_PAUSE, state.flatten_try + 1
    while True:
        order = _order(climb)
        done = await workflow.execute_activity_method(
            SafetyActivities.flatten, order, summary=f"flatten, try {order.attempt}", **FLATTEN
        )
        state.flat = done.report
        code = Code.FLAT if done.report.is_flat else Code.NOT_FLAT
        climb.record(
            "flattened" if done.report.is_flat else "not_flat", done.sentence, code=code,
            report=done.report.model_dump(mode="json"), cancelled=done.cancelled, exits=done.exits,
        )  # fmt: skip
        climb.show()
        if done.report.is_flat:
            _landed(climb, done)
            return
        open_incident(
            climb, "not_flat", Severity.CRITICAL, Code.NOT_FLAT, _what_is_left(done),
            f"on-call: exits are tried again without end; 'ladder status {state.release.bot}' names what is left, "
            "close it at the venue by hand if it cannot wait",
        )  # fmt: skip
        if order.attempt == first:
            climb.tell(NoticeKind.NOT_FLAT, done.sentence, needs_person=True)
        await workflow.sleep(pause, summary="before the next exits")
        climb.renew_if_long()
        pause = min(pause * 2, LONGEST_PAUSE)


def _what_is_left(done: Flattened) -> str:
    residues = [f"{r.instrument} {r.at_bot} at the bot, {_at_venue(r)} at the venue" for r in done.report.residues]
    return "; ".join([done.sentence, *residues])


def _at_venue(residue: Residue) -> str:
    return "unknown" if residue.at_venue is None else str(residue.at_venue)


async def clear_leftover(climb: Climb) -> None:
    """What an earlier climb left is flattened and gone, and stable has the whole, before anything new is deployed."""
    state = climb.state
    state.may_be_exposed = True
    climb.record("leftover_found", "an earlier climb left something exposed: flattened first")
    await flatten(climb)
    done = await climb.perform(
        PlatformActivities.clear,
        ClearRequest(promotion_id=state.promotion_id, bot=state.release.bot, epoch=state.epoch),
        "clear what was left",
        PLATFORM,
    )
    climb.record("cleared", done.sentence)
    state.flat, state.flat_at = None, None  # the way down of this climb, should it come, is another one


async def _restore(climb: Climb) -> bool:
    """Fence late effects off and give stable the whole capital back; False if something was exposed in between.

    A newer promotion that owns the bot by now has restored it already.
    """
    state = climb.state
    try:
        done = await workflow.execute_activity_method(
            SafetyActivities.restore,
            RestoreRequest(promotion_id=state.promotion_id, bot=state.release.bot, digest=state.release.digest),
            summary="restore stable",
            **SAFETY,
        )
    except ActivityError as error:
        cause = error.cause
        if not isinstance(cause, ApplicationError) or cause.type not in FINAL:
            raise
        if cause.type == Code.ALREADY_STABLE:
            state.ending, state.ended_because, state.ended_sentence = Ending.STABLE, Code.SETTLED, cause.message
        climb.record("not_restored", cause.message, code=next(code for code in FINAL if code == cause.type))
        return cause.type != Code.NOT_FLAT
    climb.record("restored", done.sentence)
    return True


async def _hold_out(climb: Climb, stop: Stop) -> None:
    state = climb.state
    done = await workflow.execute_activity_method(
        SafetyActivities.hold_out,
        HoldOutRequest(
            promotion_id=state.promotion_id, bot=state.release.bot, release=state.release.ref,
            reason=stop.reason, by=stop.actor,
        ),
        summary="hold the release out",
        **SAFETY,
    )  # fmt: skip
    climb.record("held_out", done.sentence, actor=stop.actor, code=stop.code)
