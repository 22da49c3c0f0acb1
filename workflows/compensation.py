"""Coming down: pause → cancel → exit → verify at bot and venue → restore stable → hold out. Until it is flat."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.platform import PlatformActivities
    from promotion_ladder.activities.safety import SafetyActivities
    from promotion_ladder.contracts import ClearRequest, FlattenOrder, HoldOutRequest, RestoreRequest
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.incidents import Severity
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.platform import Flatness, Flattened, Residue
    from promotion_ladder.core.state import Ending, Phase, Stop
    from promotion_ladder.workflows.climb import Climb
    from promotion_ladder.workflows.incidents import open_incident, resolve_incident
    from promotion_ladder.workflows.options import PLATFORM, SAFETY

FINAL = (Code.STALE_EPOCH, Code.NOT_FLAT, Code.ALREADY_STABLE)
FIRST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=30)


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
        await flatten(climb)
    while state.epoch and not state.restored:
        state.restored = await _restore(climb)
        if not state.restored:
            await workflow.sleep(FIRST_PAUSE, summary="before it is flattened again")
            await flatten(climb)
    stop = state.stop or stop  # a kill may have overruled a gentler stop on the way
    if stop.hold_out and state.ending is None:
        await _hold_out(climb, stop)


async def flatten(climb: Climb) -> None:
    """Exit until bot and venue both say flat; each new try after a read-back sends new exits."""
    state = climb.state
    pause = FIRST_PAUSE
    while True:
        state.flatten_try += 1
        done = await workflow.execute_activity_method(
            SafetyActivities.flatten,
            FlattenOrder(
                promotion_id=state.promotion_id, bot=state.release.bot, epoch=state.epoch,
                attempt=state.flatten_try,
            ),
            summary=f"flatten, try {state.flatten_try}",
            **SAFETY,
        )  # fmt: skip
        state.flat = done.report
        code = Code.FLAT if done.report.is_flat else Code.NOT_FLAT
        climb.record(
            "flattened" if done.report.is_flat else "not_flat", done.sentence, code=code,
            report=done.report.model_dump(mode="json"), cancelled=done.cancelled, exits=done.exits,
        )  # fmt: skip
        climb.show()
        if done.report.state is Flatness.FLAT:
            state.may_be_exposed = False
            state.flat_at = workflow.now()
            resolve_incident(climb, "not_flat", done.sentence)
            return
        open_incident(
            climb, "not_flat", Severity.CRITICAL, Code.NOT_FLAT, _what_is_left(done),
            f"on-call: exits are tried again without end; 'ladder status {state.release.bot}' names what is left, "
            "close it at the venue by hand if it cannot wait",
        )  # fmt: skip
        if state.flatten_try == 1:
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
