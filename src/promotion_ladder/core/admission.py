"""Which ladder a release climbs, and what of an earlier climb counts when it resumes."""

from collections.abc import Iterable, Sequence

from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import ChainedEvent
from promotion_ladder.core.ladder import ApprovalExit, Ladder
from promotion_ladder.core.people import Policy
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.state import StageRecord, StartOrder
from promotion_ladder.core.ways import Reassign

MONEY_NEEDS = frozenset({"lease", "epoch", "keys", "latch"})
"""What a platform must do before real money is exposed on it: fall back, fence, do once, and refuse by itself."""


class Carried(Record):
    """Where a climb begins and the stages it need not do again."""

    stage_index: int = 0
    records: tuple[StageRecord, ...] = ()


def choose_ladder(policy: Policy, order: StartOrder, stable: ReleaseRef) -> str:
    """The name of the ladder for this release by policy.

    Raises LadderError when the class of change needs none, is too low for a changed digest, or the order names a
    ladder that the policy does not give to this class.
    """
    release = order.release
    route = policy.routes[release.change]
    if route.ladder is None:
        if release.digest != stable.digest:
            raise LadderError(
                Code.CHANGE_CLASS_TOO_LOW,
                f"{release.version} is declared as '{release.change}' but what would run has changed",
            )
        raise LadderError(Code.NO_LADDER_NEEDED, f"{release.change} needs no ladder: {route.no_ladder}")
    if order.ladder not in (None, route.ladder):
        raise LadderError(
            Code.LADDER_UNREADABLE,
            f"policy gives a change of class '{release.change}' the ladder '{route.ladder}', not '{order.ladder}'",
        )
    return route.ladder


def require_capabilities(ladder: Ladder, bot: str, offered: frozenset[str]) -> None:
    """Raise ``OPS_PLATFORM_LACKS`` unless the platform offers what the ladder's stages with money rest on."""
    for stage in ladder.stages:
        needed = MONEY_NEEDS if stage.mode.touches_money else frozenset()
        if isinstance(stage.on_abort, Reassign):
            needed |= {"reassign"}
        if needed - offered:
            lacking = ", ".join(sorted(needed - offered))
            raise LadderError(
                Code.PLATFORM_LACKS, f"stage {stage.name} needs {lacking}, and the platform of {bot} does not name it"
            )


def carry_over(
    order: StartOrder, ladder: Ladder, stable: ReleaseRef, histories: Iterable[Sequence[ChainedEvent]]
) -> Carried:
    """The stages below ``order.from_stage`` that an earlier climb of this very release and ladder passed.

    A climb counts when it was against the same ``stable``; a pass that was taken back or begun again does not.
    ``histories`` are newest first.

    Raises LadderError when the stage is unknown or a stage below it was not passed.
    """
    index = ladder.index(order.from_stage or "")
    if index is None:
        names = ", ".join(stage.name for stage in ladder.stages)
        raise LadderError(Code.UNKNOWN_STAGE, f"ladder {ladder.ladder} has no stage '{order.from_stage}', only {names}")
    earned: dict[str, StageRecord] = {}
    for history in histories:
        for stage, record in _passes(order.release.digest, ladder.hash, stable.digest, history).items():
            earned.setdefault(stage, record)
    needed = [stage.name for stage in ladder.stages[:index]]
    missing = [name for name in needed if name not in earned]
    if missing:
        raise LadderError(
            Code.EVIDENCE_NOT_CARRIED,
            f"no earlier climb of {order.release.version} passed {', '.join(missing)} on this ladder",
        )
    return Carried(stage_index=index, records=tuple(earned[name] for name in needed))


def _passes(digest: str, ladder_hash: str, stable: str, history: Sequence[ChainedEvent]) -> dict[str, StageRecord]:
    """What one climb has earned and kept."""
    kept: dict[str, StageRecord] = {}
    for event in (link.event for link in history):
        if event.kind == "started" and event.data.get("stable", {}).get("digest") != stable:
            return {}
        if event.kind in ("sent_back", "retried"):
            kept.pop(event.stage, None)
        same = event.data.get("digest") == digest and event.data.get("ladder_hash") == ladder_hash
        if event.kind == "stage_passed" and event.code != Code.SKIPPED and same:
            record = StageRecord.model_validate(event.data["record"])
            kept[record.stage] = record.model_copy(update={"carried_from": event.chain})
    return kept


def resume_terms(ladder: Ladder, index: int) -> tuple[tuple[str, ...], int]:
    """Roles and quorum needed before a climb resumes at ``index``: those of the last approval it jumps over."""
    for stage in reversed(ladder.stages[:index]):
        if isinstance(stage.exit, ApprovalExit):
            return stage.exit.roles, stage.exit.quorum
    return (), 1
