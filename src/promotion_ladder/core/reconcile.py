"""Reconciliation: from what the platform exposes to the promotion that accounts for it; what is left is a finding.

It starts from the platform, because that is where money is lost; Temporal is only asked who accounts for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from promotion_ladder.core.base import Money, Record, Time
from promotion_ladder.core.capital import split
from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.incidents import NewIncident, Severity
from promotion_ladder.core.platform import BotFacts, Exposure, Mode, Variant
from promotion_ladder.core.scope import standing
from promotion_ladder.core.state import Phase, PromotionState

RECONCILED = "reconciled"
"""Kind of the desk's event that says what reconciliation has done; with ``scope`` and ``target`` where it latched."""


class Standing(StrEnum):
    """What Temporal says of a bot's promotion."""

    NONE = "none"
    CLIMBING = "climbing"
    STUCK = "stuck"
    """It runs, but its workflow code has been failing for a while."""
    SILENT = "silent"
    """It runs, but no worker answers for it."""
    UNKNOWN = "unknown"
    """Temporal does not say. That is no reason to take anything away: the lease bounds what happens meanwhile."""


class Climbing(Record):
    """A bot's promotion as Temporal has it, and what it accounts for."""

    standing: Standing
    promotion_id: str = ""
    epoch: int = 0
    stage: str = ""
    steady: bool = False
    """Whether it stands in a stage. One that enters, comes down or settles changes shares at this very moment, and
    answers for them itself."""
    on_hold: bool = False
    candidate: Money | None = None
    """What its stage grants; None while that is being changed."""
    baseline: Money | None = None
    detail: str = ""


STEADY = (
    Phase.PAUSING, Phase.OBSERVING, Phase.AWAITING_NOTICE, Phase.VETO_WINDOW, Phase.AWAITING_APPROVAL, Phase.ON_HOLD,
)  # fmt: skip


def climbing(state: PromotionState) -> Climbing:
    """What a promotion that answers accounts for."""
    steady = state.phase in STEADY and state.stop is None and state.ending is None
    found = Climbing(
        standing=Standing.CLIMBING, promotion_id=state.promotion_id, epoch=state.epoch, stage=state.stage_name,
        steady=steady, on_hold=state.hold is not None,
    )  # fmt: skip
    if state.ladder is None or state.capital is None or state.entered_at is None:
        return found
    money = state.stage.mode.touches_money
    shares = split(state.capital, state.stage) if money else None
    granted = {"candidate": shares.candidate if shares else 0, "baseline": shares.baseline if shares else 0}
    return found.model_copy(update=granted)


class StandingLatch(Record):
    """A latch that the desk's record says was set and not lifted."""

    scope: str
    target: str
    by: str
    at: Time
    reason: str


LATCHING = ("killed", RECONCILED)
LIFTING = "latch_lifted"


def standing_latches(events: Iterable[AuditEvent]) -> tuple[StandingLatch, ...]:
    """The latches that stand by the desk's record.

    In the order they happened: a kill made while the record was down is written after what came later.
    """
    found: dict[tuple[str, str], StandingLatch] = {}
    for event in sorted(events, key=lambda event: event.at):
        scope = str(event.data.get("scope", "bot"))
        target = str(event.data.get("target", event.data.get("bot", "")))
        if event.kind == LIFTING:
            found.pop((scope, target), None)
        elif event.kind in LATCHING and target:
            reason = str(event.data.get("reason", event.sentence))
            found[scope, target] = StandingLatch(scope=scope, target=target, by=event.actor, at=event.at, reason=reason)
    return tuple(found.values())


class Word(StrEnum):
    """What can be wrong."""

    NO_PROMOTION = "no_promotion"
    FOREIGN = "foreign"
    WRONG_SHARE = "wrong_share"
    WRONG_SUM = "wrong_sum"
    STUCK = "stuck"
    SILENT = "silent"
    LATCH_REMOVED = "latch_removed"


class Remedy(StrEnum):
    """How it is made safe; each only ever reduces."""

    FLATTEN = "flatten"
    """Latch the bot, tell its promotion if there is one, exit candidate and baseline, give stable the whole."""
    HOLD = "hold"
    """Pause the entries of candidate and baseline, and let the promotion hold."""
    LATCH = "latch"
    """Set the latch of ``scope`` and ``target``."""
    TELL = "tell"
    """Nothing but the incident."""


class Finding(Record):
    """One thing that is not as it should be."""

    word: Word
    severity: Severity
    remedy: Remedy
    code: Code
    bot: str
    """Whom it is about; for a latch of another scope, a bot through which the platform can be told."""
    scope: str = "bot"
    target: str = ""
    epoch: int = 0
    """The bot's epoch then: when it has moved on, somebody else takes care already."""
    promotion_id: str = ""
    """The running promotion to be told; empty when nobody need be."""
    stage: str = ""
    sentence: str
    action: str
    """What is to be done, and by whom."""

    @property
    def key(self) -> str:
        """The same finding has the same key in every look."""
        return f"{self.word}:{self.scope}:{self.target}:{self.epoch}:{self.stage}"

    def as_incident(self) -> NewIncident:
        """The incident that people see."""
        return NewIncident(
            key=f"reconcile:{self.key}", severity=self.severity, scope=self.scope, target=self.target,
            code=self.code, sentence=self.sentence, action=self.action,
        )  # fmt: skip


class Look(Record):
    """What was found, and what could not be looked at."""

    at: Time
    findings: tuple[Finding, ...] = ()
    unanswered: tuple[str, ...] = ()
    """One sentence for each thing that did not answer; about it nothing is known."""


class Mended(Record):
    """What was done about a finding."""

    sentence: str
    changed: bool = True
    """Whether anything was done at all: what stands as it should already is left alone."""
    latched: bool = False
    """Whether the latch of the finding's scope was read back."""
    safe: bool = True
    """Whether the finding is over; else the next look takes it up again."""


class Seen(Record):
    """One look at everything."""

    exposures: tuple[Exposure, ...]
    facts: dict[str, BotFacts]
    """By bot; without those the platform did not describe."""
    climbing: dict[str, Climbing] = {}
    """By bot; of those that were asked about."""
    latches: tuple[StandingLatch, ...] = ()


def suspects(exposures: Sequence[Exposure], facts: Mapping[str, BotFacts]) -> tuple[str, ...]:
    """The bots about which Temporal must be asked: somebody but stable is exposed, or the parts are not the whole."""
    return tuple(
        bot for bot, known in facts.items() if _exposed(exposures, bot) or _sum(exposures, bot) != known.total_capital
    )


def find(seen: Seen) -> tuple[Finding, ...]:
    """Everything in one look that is not as it should be. One look may meet a change half done: see :func:`agreed`."""
    found = [_bot(seen.exposures, seen.facts[bot], climb) for bot, climb in seen.climbing.items() if bot in seen.facts]
    return (*(each for each in found if each is not None), *_removed_latches(seen))


def agreed(first: Iterable[Finding], second: Iterable[Finding]) -> tuple[Finding, ...]:
    """What both looks found, as the second one says it.

    A look asks one server after the other, so it may see the exposure of before a change and the promotion of after
    it. Such a finding is gone some seconds later, while what nobody takes care of is still the same.
    """
    before = {finding.key for finding in first}
    return tuple(finding for finding in second if finding.key in before)


def _exposed(exposures: Sequence[Exposure], bot: str) -> list[Exposure]:
    return [e for e in exposures if e.bot == bot and e.variant is not Variant.STABLE]


def _sum(exposures: Sequence[Exposure], bot: str) -> Money:
    return sum((e.capital for e in exposures if e.bot == bot), Money(0))


def _bot(exposures: Sequence[Exposure], facts: BotFacts, climb: Climbing) -> Finding | None:
    bot, own = facts.bot, _exposed(exposures, facts.bot)
    what = " and ".join(f"{e.variant} {e.release} has {e.capital} and {e.open_positions} positions" for e in own)
    has = f"{bot}: {what}"

    def finding(word: Word, remedy: Remedy, code: Code, sentence: str, action: str, **more: object) -> Finding:
        # One that does not own the bot yet is not to blame for what it finds there.
        told = climb.promotion_id if climb.epoch or climb.standing is Standing.STUCK else ""
        fields = {"severity": Severity.CRITICAL, "promotion_id": told, "stage": climb.stage} | more
        return Finding(
            word=word, remedy=remedy, code=code, bot=bot, target=bot, epoch=facts.epoch, sentence=sentence,
            action=action, **fields,
        )  # fmt: skip

    match climb.standing:
        case Standing.NONE if own:
            return finding(
                Word.NO_PROMOTION, Remedy.FLATTEN, Code.UNJUSTIFIED_EXPOSURE,
                f"{has}, but no promotion of it is running (the last owner was {facts.promotion_id})",
                f"on-call: find out who ended the promotion; 'ladder kill {bot} --release' when it may trade again",
            )  # fmt: skip
        case Standing.STUCK if own:
            # As the lease does it: a canary can be given up, a whole live book is not sold because of a bad worker.
            live = any(e.mode is Mode.LIVE for e in own)
            return finding(
                Word.STUCK, Remedy.LATCH if live else Remedy.FLATTEN, Code.UNATTENDED_EXPOSURE,
                f"{has}, and its promotion {climb.promotion_id} is stuck: {climb.detail}",
                f"on-call: start the worker version it began with, or 'ladder kill {bot}' if it cannot wait",
            )  # fmt: skip
        case Standing.SILENT if own:
            return finding(
                Word.SILENT, Remedy.TELL, Code.UNATTENDED_EXPOSURE,
                f"{has}, and no worker answers for {climb.promotion_id}: {climb.detail}",
                f"on-call: start 'ladder worker'; the lease bounds it meanwhile; 'ladder kill {bot}' if in doubt",
                severity=Severity.WARNING,
            )  # fmt: skip
        case Standing.CLIMBING if climb.steady:
            wrong = _against_its_stage(own, climb)
            if wrong is not None:
                word, remedy, code, why = wrong
                return finding(word, remedy, code, f"{has}, but {why}", _action(remedy, bot))
    whole = _sum(exposures, bot)
    if whole == facts.total_capital or not (climb.standing is Standing.NONE or climb.steady):
        return None
    return finding(
        Word.WRONG_SUM, Remedy.HOLD if climb.steady else Remedy.FLATTEN, Code.WRONG_SHARE,
        f"{bot}: the parts of all variants sum to {whole}, but its capital is {facts.total_capital}",
        _action(Remedy.HOLD if climb.steady else Remedy.FLATTEN, bot),
    )  # fmt: skip


def _against_its_stage(own: Sequence[Exposure], climb: Climbing) -> tuple[Word, Remedy, Code, str] | None:
    """How what is exposed contradicts the promotion that runs."""
    foreign = [e for e in own if e.promotion_id != climb.promotion_id or e.epoch != climb.epoch]
    if foreign:
        whose = f"{foreign[0].promotion_id} at epoch {foreign[0].epoch}"
        why = f"it is of {whose}; the promotion that runs is {climb.promotion_id} at epoch {climb.epoch}"
        return Word.FOREIGN, Remedy.FLATTEN, Code.UNJUSTIFIED_EXPOSURE, why
    granted = {Variant.CANDIDATE: climb.candidate, Variant.BASELINE: climb.baseline}
    for exposure in own:
        share = granted[exposure.variant]
        if share is not None and exposure.capital != share:
            why = f"stage {climb.stage} grants its {exposure.variant} {share}"
            return Word.WRONG_SHARE, Remedy.HOLD if climb.candidate else Remedy.FLATTEN, Code.WRONG_SHARE, why
    return None


def _action(remedy: Remedy, bot: str) -> str:
    if remedy is Remedy.HOLD:
        return (
            f"on-call: find out who changed it; 'ladder retry {bot}' sets the share anew, 'ladder rollback {bot}' ends"
        )
    return f"on-call: find out who exposed it; 'ladder kill {bot} --release' lets it trade again"


def _removed_latches(seen: Seen) -> Iterable[Finding]:
    """A kill is recorded when its latch was read back, so a latch that no bot shows any more was removed."""
    for latch in seen.latches:
        bot = _reached_by(latch, seen.facts)
        if bot is None or any(standing(facts, latch.scope, latch.target) for facts in seen.facts.values()):
            continue
        yield Finding(
            word=Word.LATCH_REMOVED, severity=Severity.CRITICAL, remedy=Remedy.LATCH, code=Code.LATCH_REMOVED, bot=bot,
            scope=latch.scope, target=latch.target,
            sentence=f"the latch of {latch.scope} {latch.target}, set by {latch.by} at {latch.at:%Y-%m-%d %H:%M} "
            f"({latch.reason}), is not at the platform, and nobody is on record to have lifted it",
            action=f"risk: find out who removed it; 'ladder kill {bot} --release' lifts it with a reason",
        )  # fmt: skip


def _reached_by(latch: StandingLatch, facts: Mapping[str, BotFacts]) -> str | None:
    """A bot whose facts would show the latch; None when none is known, so nothing can be concluded."""
    for bot, known in facts.items():
        match latch.scope:
            case "bot":
                covered = bot == latch.target
            case "market":
                covered = latch.target in known.instruments
            case "venue":
                covered = latch.target == known.venue
            case _:  # global is every bot's; of a strategy the platform does not say whose it is
                covered = True
        if covered:
            return bot
    return None
