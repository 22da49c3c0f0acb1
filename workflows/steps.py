"""The single steps of the story: admit, enter a stage, leave it, begin it again, conclude."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.admission import AdmissionActivities
    from promotion_ladder.activities.platform import PlatformActivities
    from promotion_ladder.contracts import Admission, Entered, ProveOrder, SettleRequest
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.gates import AttestationGate
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.state import Ending, Phase, PromotionResult, PromotionState, StageRecord, Standing
    from promotion_ladder.workflows.climb import Climb, Disturbed
    from promotion_ladder.workflows.compensation import clear_leftover
    from promotion_ladder.workflows.options import ADMIT, PLATFORM, SETTLE


async def admit(climb: Climb) -> bool:
    """Freeze ladder, stable and capital, or refuse; whether the climb may begin."""
    state = climb.state
    state.started_at = state.started_at or workflow.now()
    climb.enter_phase(Phase.ADMITTING)
    admission = await _admission(climb)
    if admission.refused is not None:
        state.ending, state.ended_because = Ending.REFUSED, admission.refused
        state.ended_sentence = admission.sentence
        climb.record(
            "refused", admission.sentence, actor=state.order.identity, code=admission.refused,
            preflight=[result.model_dump(mode="json") for result in admission.preflight],
        )  # fmt: skip
        return False
    state.ladder, state.ladder_hash, state.preflight = admission.ladder, admission.ladder_hash, admission.preflight
    state.author, state.stable, state.capital = admission.author, admission.stable, admission.capital
    state.stage_index, state.passed = admission.stage_index, list(admission.carried)
    state.resume_roles, state.resume_quorum = admission.resume_roles, admission.resume_quorum
    climb.record(
        "started", f"{admission.principal} started {state.release.version} on ladder {state.order.ladder or ''}"
        f"{admission.ladder.ladder if admission.ladder else ''}",
        actor=admission.principal, code=Code.STARTED, release=state.release.model_dump(mode="json"),
        digest=state.release.digest, stable=admission.stable.model_dump(mode="json") if admission.stable else {},
        ladder_hash=state.ladder_hash, capital=str(state.capital), reason=state.order.reason,
        ladder=admission.ladder.model_dump(mode="json") if admission.ladder else {},
        carried=[record.model_dump(mode="json") for record in admission.carried],
        preflight=[result.model_dump(mode="json") for result in admission.preflight],
    )  # fmt: skip
    climb.tell(NoticeKind.STARTED, f"starts at {state.stage_name}", (admission.sentence,))
    return True


async def _admission(climb: Climb) -> Admission:
    while True:
        try:
            return await climb.perform(
                AdmissionActivities.admit, climb.state.order, f"admit {climb.state.release.version}", ADMIT,
                harmless=True,
            )  # fmt: skip
        except Disturbed:
            await climb.checkpoint()
        except ActivityError as error:
            code, sentence = reason_of(error.cause or error)
            return Admission(refused=code, sentence=sentence)


async def enter(climb: Climb) -> None:
    """Acquire the bot, deploy the candidate and give it the stage's share; each effect is read back."""
    state = climb.state
    if state.entered_at is not None:
        return
    climb.enter_phase(Phase.ENTERING)
    if not state.epoch:
        acquired = await climb.perform(
            PlatformActivities.acquire, state.order, f"acquire {state.release.bot}", PLATFORM
        )
        state.epoch = acquired.epoch
        climb.record("acquired", f"owns {state.release.bot} at epoch {state.epoch}", epoch=state.epoch)
        state.leftover = acquired.leftover
    if state.leftover:
        await clear_leftover(climb)
        state.leftover = False
    await _prove(climb)
    await climb.checkpoint()
    # Undo before do: from here on a stop flattens, even if the answer of the next effect is lost.
    state.may_be_exposed = state.may_be_exposed or state.stage.mode.touches_money
    climb.enter_phase(Phase.ENTERING)
    entered = await _entered(climb)
    state.entered_at, state.standing = entered.at, None
    climb.record("stage_entered", entered.sentence, capital=str(state.stage.share))
    climb.tell(NoticeKind.STAGE_ENTERED, entered.sentence)


async def _entered(climb: Climb) -> Entered:
    """Give the stage's share. Under a latch nothing new is exposed, and what stands stays watched: it waits."""
    while True:
        order, summary = climb.stage_order(), f"enter {climb.state.stage_name}"
        try:
            return await climb.perform(PlatformActivities.enter, order, summary, PLATFORM)
        except ActivityError as error:
            climb.hold_under_latch(error)


async def _prove(climb: Climb) -> None:
    """Run the preflight probes again, where the stage asks for results that there are none of, or none young enough."""
    state, order = climb.state, climb.stage_order()
    asking = [gate for gate in order.stage.gates if isinstance(gate, AttestationGate)]
    if state.ladder is None or all(gate.judge(order.attestation(workflow.now())).passed for gate in asking):
        return
    prove = ProveOrder(probes=state.ladder.preflight)
    while True:
        try:
            proof = await climb.perform(AdmissionActivities.prove, prove, "preflight again", ADMIT, harmless=True)
            break
        except Disturbed:
            await climb.checkpoint()
        except ActivityError:
            return  # nobody could run them: without a result the gate does not pass
    state.preflight = proof.results
    failed = [result.name for result in proof.results if not result.passed]
    climb.record(
        "attested", f"preflight again: {', '.join(failed)} failed" if failed else "preflight again: all probes passed",
        code=Code.PREFLIGHT_FAILED if failed else Code.GATE_PASSED,
        preflight=[result.model_dump(mode="json") for result in proof.results],
    )  # fmt: skip


def begin_again(climb: Climb) -> None:
    """The same stage once more, as the next attempt; what was seen before no longer counts."""
    climb.record("retried", f"{climb.state.stage_name} begins again as attempt {climb.state.attempt + 1}")
    _keep_standing(climb.state)
    climb.state.attempt += 1
    climb.state.preflight = ()
    climb.state.passed = [record for record in climb.state.passed if record.stage != climb.state.stage_name]
    _clear_stage(climb.state)


def mark_passed(climb: Climb, code: Code) -> None:
    """Record that the stage was passed, before anything moves up on it."""
    state = climb.state
    now = workflow.now()
    record = StageRecord(
        stage=state.stage_name, attempt=state.attempt, entered_at=state.entered_at or now, left_at=now, code=code,
        evidence=state.evidence,
    )  # fmt: skip
    state.passed = [r for r in state.passed if r.stage != record.stage] + [record]
    climb.record(
        "stage_passed", f"passed {state.stage_name}: {code.sentence}", code=code, evidence=state.evidence,
        digest=state.release.digest, ladder_hash=state.ladder_hash, record=record.model_dump(mode="json"),
        approvals=[approval.model_dump(mode="json") for approval in state.approvals],
    )  # fmt: skip


def take_back(climb: Climb) -> None:
    """A hold came in before the stage was left: what was judged before it is judged again."""
    state = climb.state
    state.passed = [record for record in state.passed if record.stage != state.stage_name]
    state.approvals.clear()
    climb.record("sent_back", f"held up before it left {state.stage_name}: its gates are judged again")


async def settle_if_last(climb: Climb) -> None:
    """Make the release stable, if the stage it has passed is the last one."""
    if _is_last(climb.state):
        await _settle(climb)


def step_up(climb: Climb) -> bool:
    """Turn to the next stage; False if there is none."""
    state = climb.state
    if _is_last(state):
        return False
    _keep_standing(state)
    state.stage_index += 1
    state.attempt = 1
    _clear_stage(state)
    return True


def _is_last(state: PromotionState) -> bool:
    return state.ladder is None or state.stage_index + 1 == len(state.ladder.stages)


def _keep_standing(state: PromotionState) -> None:
    """What is exposed now goes on being watched until the next exposure was given."""
    if state.entered_at is not None and state.stage.mode.touches_money:
        state.standing = Standing(
            stage_index=state.stage_index, attempt=state.attempt, entry=state.entry, entered_at=state.entered_at
        )


def _clear_stage(state: PromotionState) -> None:
    state.phase = Phase.ENTERING  # nobody may take what is left of the run for the next stage
    state.entered_at = state.pause_until = state.observed_from = state.observe_until = None
    state.carried = {}
    state.decision = state.evidence = state.window = state.judged_at = None
    state.entries_paused = False
    state.resumed = False
    state.held = timedelta(0)
    state.entry = 0
    state.approvals = []


async def _settle(climb: Climb) -> None:
    state = climb.state
    order = climb.stage_order()
    climb.enter_phase(Phase.SETTLING)
    request = SettleRequest(
        promotion_id=state.promotion_id, bot=state.release.bot, epoch=state.epoch, release=state.release.ref,
        expected_stable=order.stable,
    )  # fmt: skip
    done = await climb.perform(PlatformActivities.settle, request, "make it stable", SETTLE, final=True)
    # Settled at the platform: from here a stop has nothing to undo, so none is looked for.
    state.may_be_exposed = False
    state.ending, state.ended_because, state.ended_sentence = Ending.STABLE, Code.SETTLED, done.sentence
    climb.record("settled", done.sentence, code=Code.SETTLED)


def conclude(climb: Climb) -> None:
    """The last event and the last notice."""
    state = climb.state
    state.ended_at = workflow.now()
    ending = state.ending or Ending.ROLLED_BACK
    climb.enter_phase(Phase.ENDED)
    climb.record("ended", f"{ending}: {state.ended_sentence}", code=state.ended_because, ending=ending)
    climb.tell(NoticeKind.ENDED, f"ended as {ending}: {state.ended_sentence}")


def result(state: PromotionState) -> PromotionResult:
    """What stays readable when no worker runs."""
    ended = state.ended_at or workflow.now()
    stages = [record.stage for record in state.passed]
    if state.ladder is not None and state.stage_name not in stages:
        stages.append(state.stage_name)
    took = (state.flat_at - state.stop.at).total_seconds() if state.flat_at and state.stop else None
    return PromotionResult(
        promotion_id=state.promotion_id, bot=state.release.bot, release=state.release.ref,
        ending=state.ending or Ending.ROLLED_BACK, code=state.ended_because or Code.ROLLED_BACK_BY_PERSON,
        sentence=state.ended_sentence, stages=tuple(stages), started_at=state.started_at or ended, ended_at=ended,
        flat_seconds=took, audit_head=state.head, audit_seq=state.seq,
    )  # fmt: skip


def reason_of(error: BaseException) -> tuple[Code, str]:
    """The code and sentence of a failure, whatever it is."""
    if isinstance(error, ApplicationError):
        code = next((code for code in Code if code == error.type), Code.PLATFORM_REFUSED)
        return code, error.message
    return Code.PLATFORM_DOWN, str(error) or type(error).__name__
