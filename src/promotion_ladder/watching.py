"""Watching one exposure: evidence for guards by its platform's word, the lease, blindness, paused scopes.

Guards that ask for metrics see them through :class:`~promotion_ladder.querying.Eyes`, where there are any.

The guard activity and the guard beside the bot watch with the same eyes. What a watcher remembers is gone when its
process dies: how long a guard was blind, and for how long a paused scope was well, are then counted anew. Which scopes
are paused is not forgotten: the platform's latches say so.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import (
    Evidence,
    NumbersEvidence,
)
from promotion_ladder.core.gates import Guard, MendingGuard, OnTrip
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.platform import (
    PAUSED_BY,
    BotFacts,
    LatchOrder,
    LeaseOrder,
    Scope,
)
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.ports import Platform
from promotion_ladder.querying import FROM_METRICS, Eyes
from promotion_ladder.sight import Closed, Sight

EVERYTHING = "platform"
"""The name under which a platform that answers nothing is blindness."""
SCOPES = "scopes"
"""The same for one that does not say what is latched, or does not latch."""


@dataclass(frozen=True)
class Watched:
    """What is watched, and by which rules."""

    bot: str
    promotion_id: str
    epoch: int
    stage: Stage
    entered_at: datetime
    also: str = ""
    """The stage being entered meanwhile, if any: a platform may name it already while this exposure stands."""
    muted: tuple[str, ...] = ()
    """Guards that are not judged, by name."""
    paused: tuple[str, ...] = ()
    """The scopes that the asker knows to be paused, for instance ``market:WTI``."""


@dataclass(frozen=True)
class Finding:
    """Something a person or a promotion must know of."""

    verdict: Verdict
    then: OnTrip
    """What the ladder asks for; with ``pause_scope`` it is done already."""
    scope: Scope = Scope.BOT
    market: str = ""
    """With a scope of a market: which one."""
    paused: tuple[str, ...] = ()
    """With ``pause_scope``: every scope that is paused now."""


class Watcher:
    """The watch over one exposure."""

    def __init__(
        self,
        platform: Platform,
        watched: Watched,
        clock: Callable[[], float] = time.monotonic,
        eyes: Eyes | None = None,
    ) -> None:
        self.platform = platform
        self.watched = watched
        self._clock = clock
        self._eyes = eyes
        self._closed = Closed(watched.stage)
        self._blind_since: dict[str, float] = {}
        self._well_since: dict[str, float] = {}

    async def look(self) -> Finding | None:
        """One look: the lease is renewed, every guard judged, scopes paused or let go on; what must be known, if any.

        Raises LadderError only for ``OPS_STALE_EPOCH``: another promotion owns the bot.
        """
        watched = self.watched
        sight = Sight(self.platform, watched.bot, watched.entered_at, self._closed)
        try:
            telemetry = await sight.telemetry()
            if telemetry.stage and telemetry.stage not in (watched.stage.name, watched.also):
                return None  # left over from an earlier stage: another guard watches
            lost = await self._renew()
        except LadderError as error:
            if error.code is Code.STALE_EPOCH:
                raise
            if error.code is Code.LEASE_LOST:
                return Finding(_lost(error.detail), OnTrip.ABORT)
            return self._blind(EVERYTHING, error.detail)
        self._blind_since.pop(EVERYTHING, None)
        if lost is not None:
            return Finding(lost, OnTrip.ABORT)
        return await self._judge(sight)

    @property
    def is_blind(self) -> bool:
        """Whether the platform did not answer the last look."""
        return EVERYTHING in self._blind_since

    async def _judge(self, sight: Sight) -> Finding | None:
        """Trips first, then what pauses by itself, then who cannot see."""
        guards = self.watched.stage.guards
        judged = [
            (check, {target: check.judge(evidence) for target, evidence in (await self._seen(sight, check)).items()})
            for check in (guards.checks if guards is not None else ())
            if check.name not in self.watched.muted
        ]
        for check, verdicts in judged:
            for market, verdict in verdicts.items():
                if verdict.outcome is Outcome.FAIL and check.on_trip is not OnTrip.PAUSE_SCOPE:
                    return Finding(verdict, check.on_trip, check.scope, market)
        try:
            changed = await self._pause_scopes(
                [(c, said) for c, said in judged if isinstance(c, MendingGuard) and c.on_trip is OnTrip.PAUSE_SCOPE]
            )
        except LadderError as error:
            return self._blind(SCOPES, error.detail) or self._who_is_blind(judged)
        self._blind_since.pop(SCOPES, None)
        return changed or self._who_is_blind(judged)

    async def _seen(self, sight: Sight, check: Guard) -> dict[str, Evidence]:
        """What ``check`` judges; a guard on metrics where nobody asks for any is blind."""
        if check.wants not in FROM_METRICS:
            return await sight.seen(check)
        if self._eyes is None:
            return {"": NumbersEvidence(problem=Code.SOURCE_DOWN, detail="nobody asks for metrics here")}
        return {"": self._eyes.see(check, datetime.now(UTC))}

    def _who_is_blind(self, judged: list[tuple[Guard, dict[str, Verdict]]]) -> Finding | None:
        for check, verdicts in judged:
            unseen = [v for v in verdicts.values() if v.outcome in (Outcome.ERROR, Outcome.NO_DATA)]
            if not unseen:
                self._blind_since.pop(check.name, None)
            elif found := self._blind(check.name, unseen[0].sentence):
                return found
        return None

    def _blind(self, name: str, why: str) -> Finding | None:
        """Note that ``name`` sees nothing; what follows when that has lasted too long."""
        stage, now = self.watched.stage, self._clock()
        since = self._blind_since.setdefault(name, now)
        if stage.guards is None or name in self.watched.muted:
            return None
        if now - since <= stage.guards.blind_for.total_seconds():
            return None
        verdict = Verdict(
            name=name, kind="blindness", outcome=Outcome.ERROR, code=Code.GUARD_BLIND,
            sentence=f"blind for {now - since:.0f} s: {why}",
        )  # fmt: skip
        return Finding(verdict, OnTrip.ABORT if stage.aborts_when_blind else OnTrip.HOLD)

    async def _renew(self) -> Verdict | None:
        """Renew the lease; a verdict if the platform has taken the exposure back already."""
        watched = self.watched
        if not watched.stage.mode.touches_money:
            return None
        lease = LeaseOrder(promotion_id=watched.promotion_id, epoch=watched.epoch, ttl=watched.stage.lease)
        state = await self.platform.renew_lease(watched.bot, lease)
        return None if state.alive else _lost(state.detail)

    # --- scopes that are paused for a while -----------------------------------------------------------------------

    async def _pause_scopes(self, judged: list[tuple[MendingGuard, dict[str, Verdict]]]) -> Finding | None:
        """Latch what is not well, lift our own latch of what has been well for long enough; what is new, if any."""
        watched = self.watched
        if not judged and not watched.paused:
            return None
        facts = await self.platform.describe(watched.bot)
        ours = _ours(facts, watched.promotion_id)
        wanted = {
            (self._mark(check.name), str(check.scope), target_of(check.scope, facts, market)): (check, verdict)
            for check, verdicts in judged
            for market, verdict in verdicts.items()
            if market or check.scope is not Scope.MARKET  # else nothing is known of any market: blindness
        }
        muted = {self._mark(name) for name in watched.muted}
        told = []
        for key in sorted(key for key in ours | set(wanted) if key[0] not in muted):
            check, verdict = wanted.get(key, (None, None))
            reason = self._change(key, check, verdict, stands=key in ours)
            if reason:
                await _order(self.platform, watched.bot, key, reason, lift=key in ours)
                told.append(f"{key[1]}:{key[2]} {'goes on' if key in ours else 'paused'}: {reason}")
                ours ^= {key}
        paused = tuple(sorted({f"{scope}:{target}" for _, scope, target in ours}))
        if paused == watched.paused:
            return None
        changed = set(paused) ^ set(watched.paused)
        owners = {one for key, (_, said) in wanted.items() if f"{key[1]}:{key[2]}" in changed for one in said.owners}
        verdict = Verdict(
            name=SCOPES, kind=OnTrip.PAUSE_SCOPE, outcome=Outcome.FAIL if paused else Outcome.PASS,
            code=Code.SCOPE_PAUSED if set(paused) - set(watched.paused) else Code.SCOPE_GOES_ON,
            sentence="; ".join(told) or f"found paused: {', '.join(paused) or 'nothing'}",
            details={"owner": ", ".join(sorted(owners))} if owners else {},
        )  # fmt: skip
        return Finding(verdict, OnTrip.PAUSE_SCOPE, paused=paused)

    def _change(
        self, key: tuple[str, str, str], check: MendingGuard | None, verdict: Verdict | None, *, stands: bool
    ) -> str:
        """Why the scope is to be latched, or its latch lifted, now; empty to leave it. Not seeing changes nothing."""
        if check is None or verdict is None:
            return "its guard is over"  # of a stage below, or a market that is traded no more
        name = ":".join(key)
        if verdict.outcome is not Outcome.PASS:
            self._well_since.pop(name, None)
            return verdict.sentence if verdict.outcome is Outcome.FAIL and not stands else ""
        since = self._well_since.setdefault(name, self._clock())
        long_enough = self._clock() - since >= check.fresh_for.total_seconds()
        return verdict.sentence if stands and long_enough else ""

    def _mark(self, name: str) -> str:
        return f"{PAUSED_BY}{self.watched.promotion_id}:{name}"


def _lost(why: str) -> Verdict:
    return Verdict(
        name="lease", kind="lease", outcome=Outcome.FAIL, code=Code.LEASE_LOST,
        sentence=why or Code.LEASE_LOST.sentence,
    )  # fmt: skip


async def _order(platform: Platform, bot: str, key: tuple[str, str, str], reason: str, *, lift: bool) -> None:
    by, scope, target = key
    order = LatchOrder(scope=scope, target=target, reason=reason[:500], by=by, key=f"{by}:{uuid.uuid4().hex}")
    await (platform.unlatch if lift else platform.latch)(bot, order)


def target_of(scope: Scope, facts: BotFacts, market: str = "") -> str:
    """What a latch of ``scope`` names for this bot; ``OPS_PLATFORM_REFUSED`` where the platform does not say."""
    targets = {Scope.MARKET: market, Scope.BOT: facts.bot, Scope.STRATEGY: facts.strategy, Scope.VENUE: facts.venue}
    target = targets.get(scope, "*")
    if not target:
        raise LadderError(Code.PLATFORM_REFUSED, f"the platform does not say which {scope} {facts.bot} belongs to")
    return target


async def latch_scope(platform: Platform, bot: str, finding: Finding) -> None:
    """Latch what a trip touches beyond the candidate, until a person lifts it. Raises LadderError."""
    if finding.scope is not Scope.BOT:
        target = target_of(finding.scope, await platform.describe(bot), finding.market)
        await _order(platform, bot, ("guard", finding.scope, target), finding.verdict.sentence, lift=False)


async def let_go_on(platform: Platform, bot: str, promotion_id: str) -> None:
    """Lift every latch that guards of this promotion set for a while; no other. Raises LadderError."""
    for key in _ours(await platform.describe(bot), promotion_id):
        await _order(platform, bot, key, "its promotion is over", lift=True)


def _ours(facts: BotFacts, promotion_id: str) -> set[tuple[str, str, str]]:
    mark = f"{PAUSED_BY}{promotion_id}:"
    return {(latch.by, latch.scope, latch.target) for latch in facts.latches if latch.by.startswith(mark)}
