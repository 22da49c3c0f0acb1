"""One stack, the promotions parked on it, the faults that strike them, and what becomes of each."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
from tests.e2e.rig import Rig, until
from tests.faults.matrix import account
from tests.faults.matrix.account import Sent
from tests.faults.matrix.cells import Cell
from tests.faults.matrix.watch import Grant, Watch, Watched

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, Phase, PromotionResult, PromotionState
from promotion_ladder.stack.local import LocalStack
from promotion_ladder.stack.processes import Process

CONFIG = Path(__file__).parent / "config"
STEPS = ("replay", "shadow", "paper", "canary", "live")
MONEY = ("canary", "live")
TO_THE_TOP = ("replay", "paper", "live")
TICK = 0.1
LOOK = 0.4
BECOMES_SAFE = 75.0
"""Seconds that a promotion is looked at for becoming safe: five leases."""
ENDS = 240.0


@dataclass
class Strike:
    """A fault that struck one promotion."""

    fault: str
    since: float
    first_effect: int
    """Number of its first effect at the platform that belongs to this fault."""
    before: PromotionState | None
    until: float = float("inf")
    after: PromotionState | None = None
    flaws: list[str] = field(default_factory=list)
    """What must not have happened and did, whether or not it is safe now."""


@dataclass
class Parked:
    """One promotion in its column."""

    bot: str
    stage: str
    """Its column."""
    release: Release
    watched: Watched
    upwards: bool
    strikes: list[Strike] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    state: PromotionState | None = None
    """Its state as it was parked, then at its end."""
    trouble: str = ""
    """Why it could not be brought to its end."""
    cut: bool = False
    """Whether it was ended from outside: it grants nothing any more, and starts again at its end."""

    @property
    def coming_down(self) -> bool:
        return self.stage == "coming down"


class Yard:
    """A stack of one's own, with its promotions."""

    def __init__(self, state_dir: Path, say: Callable[[str], None]) -> None:
        self.stack = LocalStack(state_dir, tick=TICK, config_dir=CONFIG)
        self.say = say
        self.parked: list[Parked] = []
        self.more: list[Process] = []
        """Processes of a row, ended with the stack."""
        self._looking: asyncio.Task[None] | None = None
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        self.say("stack")
        try:
            await self.stack.start()
        except BaseException:
            self._kill()
            raise
        self.rig = Rig(self.stack)
        self.watch = Watch(self.rig.platform)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        try:
            await self.rig.close()
        finally:
            self._kill()

    def _kill(self) -> None:
        for process in [*self.more, *self.stack.processes]:
            process.kill()
        self.stack.release()

    # --- parking ------------------------------------------------------------------------------------------------

    async def park(self, *stages: str, below: bool = False) -> list[Parked]:
        """A promotion in each of ``stages``; ``below``: in the stage below, about to enter it (replay: not started)."""
        self.say(f"parking {len(stages)}")
        found = [await self._publish(f"b{next(self._numbers)}-{stage.replace(' ', '-')}", stage) for stage in stages]
        await asyncio.gather(*(self._park(each, below=below) for each in found))
        self.parked += found
        for each in found:
            self.watch.add(each.watched)
        return found

    async def _publish(self, bot: str, stage: str) -> Parked:
        release = await self.rig.bot(bot)
        facts = await self.rig.platform.describe(bot)
        return Parked(
            bot, stage, release, Watched(bot, release, facts.total_capital), upwards=stage in TO_THE_TOP
        )  # fmt: skip

    async def _park(self, parked: Parked, *, below: bool) -> None:
        bot, at = parked.bot, "canary" if parked.coming_down else parked.stage
        if below and at == STEPS[0]:
            return
        await self.rig.ana.start(parked.release)
        await self.climb_to(parked, STEPS[STEPS.index(at) - 1] if below else at)
        if parked.coming_down:
            await self.rig.cannot_exit(bot)
            await self.send(parked, Verb.ROLLBACK)
            await self.rig.reaches(bot, Phase.COMING_DOWN)

    async def climb_to(self, parked: Parked, stage: str, seconds: float = 240.0) -> None:
        """Approve until it waits for the approval of ``stage``; from then on it may have what that grants."""

        async def there() -> bool:
            state = await self.rig.state(parked.bot)
            if state.ending is not None or state.stop is not None:
                raise AssertionError(f"{parked.bot} left its way to {stage}: {state.stop or state.ended_sentence}")
            if state.phase is Phase.AWAITING_APPROVAL and state.stage_name == stage:
                parked.state = state
                self.grant(parked, stage)
                return True
            if state.phase is Phase.AWAITING_APPROVAL and not state.approvals:
                await self.send(parked, Verb.APPROVE, "rita")
            await asyncio.sleep(LOOK)
            return False

        await until(f"{parked.bot} waiting at {stage}", there, seconds)

    def grant(self, parked: Parked, *stages: str) -> None:
        """From now on the promotion may have what any of ``stages`` gives."""
        state, watched = parked.state, parked.watched
        if state is not None and state.ladder is not None:
            watched.promotion_id = state.promotion_id
            watched.grants = [Grant.of(state.ladder, stage, watched.total) for stage in stages]

    async def move_up(self, parked: Parked) -> str:
        """Start it or approve it: from now on it may have what it has, or what the next stage gives."""
        if parked.state is None:
            await self.rig.ana.start(parked.release)
            return ""
        at = STEPS.index(parked.state.stage_name)
        self.grant(parked, *STEPS[at : at + 2])
        return await self.send(parked, Verb.APPROVE, "rita")

    async def send(self, parked: Parked, verb: Verb, who: str = "ben", reason: str = "as the drill says") -> str:
        """Send a verb and remember what its sender was told; the code of the refusal, if it was refused."""
        try:
            await getattr(self.rig.person(who), str(verb))(parked.bot, reason)
        except LadderError as error:
            # What no worker answered, Temporal has kept: it counts as sent, unless it never got there.
            refused = str(error.code)
            if error.code is not Code.WORKER_SILENT:
                parked.sent.append(Sent(verb, refused))
            return refused
        parked.sent.append(Sent(verb))
        return ""

    # --- striking -----------------------------------------------------------------------------------------------

    async def strike(self, fault: str, struck: Sequence[Parked]) -> None:
        """The fault strikes now: from here on the seconds run."""
        befores = await asyncio.gather(*(self._look_at(each) for each in struck))
        numbers = await asyncio.gather(*(self._last_effect(each) for each in struck))
        now = time.monotonic()
        for each, before, number in zip(struck, befores, numbers, strict=True):
            if each.strikes:
                each.strikes[-1].until = min(each.strikes[-1].until, now)
            each.strikes.append(Strike(fault, now, number + 1, before))
        if self._looking is None:
            self._looking = asyncio.create_task(self.watch.run())
        self.say(f"struck by: {fault}")

    async def _last_effect(self, parked: Parked) -> int:
        return max((int(e["n"]) for e in await self.rig.knobs.effects(parked.bot)), default=0)

    async def _look_at(self, parked: Parked) -> PromotionState | None:
        try:
            return await self.rig.ana.state(parked.bot)
        except LadderError:
            return None

    async def all_safe(self, struck: Sequence[Parked], seconds: float = BECOMES_SAFE) -> None:
        """Wait until every one is safe and was for a second; what does not become safe shows in its cell."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            since = time.monotonic() - 1.0
            recent = [[wrong for at, wrong in each.watched.looks if at > since] for each in struck]
            if all(looks and not any(looks) for looks in recent):
                break
            await asyncio.sleep(0.2)
        now = time.monotonic()
        afters = await asyncio.gather(*(self._look_at(each) for each in struck))
        for each, after in zip(struck, afters, strict=True):
            each.strikes[-1].until, each.strikes[-1].after = now, after

    # --- to the end ---------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Bring every promotion to its end."""
        self.say("to their ends")
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self.rig.knobs.clear_faults()
        await asyncio.gather(*(self._finish(each) for each in self.parked))

    async def _finish(self, parked: Parked) -> None:
        try:
            if parked.cut and not await self.rig.ana.running(parked.bot):
                parked.upwards = False
                if (await self.rig.platform.describe(parked.bot)).latches:  # reconciliation was there first
                    await self.rig.rita.release_kill("bot", parked.bot, reason="looked at, as the drill says")
                await self.rig.ana.start(parked.release)
            parked.state = await until(f"the end of {parked.bot}", lambda: self._ended(parked), ENDS)
        except (AssertionError, LadderError) as error:
            parked.trouble = str(error)

    async def _ended(self, parked: Parked) -> PromotionState | None:
        state = await self.rig.state(parked.bot)
        if state.ending is not None:
            return state
        if state.stop is None and not parked.upwards:
            await self.send(parked, Verb.ROLLBACK)
        elif state.stop is None and state.hold is not None:
            await self.send(parked, Verb.RESUME, "omar")
        elif state.stop is None and state.phase is Phase.AWAITING_APPROVAL and not state.approvals:
            await self.send(parked, Verb.APPROVE, "rita")
        await asyncio.sleep(LOOK)
        return None

    # --- counting -----------------------------------------------------------------------------------------------

    async def cells(self) -> list[Cell]:
        """One cell for each strike."""
        store = SqlAudit(f"sqlite:///{self.stack.state_dir / 'audit.sqlite'}")
        found: list[Cell] = []
        for each in self.parked:  # one after the other: there is no hurry any more
            found += await until(f"the count of {each.bot}", partial(self._counted, each, store))
        return found

    async def _counted(self, parked: Parked, store: SqlAudit) -> list[Cell] | None:
        """Its cells; None while a busy machine does not let the platform answer."""
        try:
            return await self._cells_of(parked, store)
        except (LadderError, httpx.HTTPError):
            return None

    async def _cells_of(self, parked: Parked, store: SqlAudit) -> list[Cell]:
        effects = await self.rig.knobs.effects(parked.bot)
        twice = account.doubled(effects)
        lost = [parked.trouble] if parked.trouble else await self._lost(parked, effects, store)
        cells = []
        for n, strike in enumerate(parked.strikes):
            last = n == len(parked.strikes) - 1
            end = float("inf") if last else parked.strikes[n + 1].first_effect
            here = [each for each in twice if (n == 0 or each.n >= strike.first_effect) and each.n < end]
            missing = lost if last else []
            cells.append(_cell(parked, strike, [each.what for each in here], missing))
        return cells

    async def _lost(self, parked: Parked, effects: list[dict[str, Any]], store: SqlAudit) -> list[str]:
        state = parked.state
        if state is None:
            return ["it has no state"]
        result: PromotionResult = await self.rig.rita.result(parked.bot)
        chain = await store.chain(state.promotion_id)
        lost = account.lost_effects(state, effects) + account.lost_events(result, chain)
        if parked.cut:
            old = await store.chain(parked.watched.promotion_id)
            lost += account.lost_events(None, old) + account.lost_verbs(parked.sent, [*old, *chain])
        else:
            lost += account.lost_verbs(parked.sent, chain)
        return lost + await self._not_as_it_ended(parked, state)

    async def _not_as_it_ended(self, parked: Parked, state: PromotionState) -> list[str]:
        """What bot and venue say against the ending that the promotion tells."""
        facts = await self.rig.platform.describe(parked.bot)
        shares = await self.rig.shares(parked.bot)
        wrong = [f"{variant} is still exposed" for variant in shares if variant != "stable"]
        if [share.capital for share in shares.values()] != [facts.total_capital]:
            wrong.append("stable has not the whole capital")
        if (facts.stable == parked.release.ref) != (state.ending is Ending.STABLE):
            wrong.append(f"it ended as {state.ending}, but {facts.stable} is stable")
        return wrong


def _cell(parked: Parked, strike: Strike, twice: list[str], missing: list[str]) -> Cell:
    seconds = parked.watched.seconds_to_safe(strike.since, strike.until)
    flaws = [*strike.flaws, *([parked.watched.excess] if parked.watched.excess else [])]
    told = [_story(parked, strike), *flaws]
    if seconds is None:
        told.append(f"not safe: {parked.watched.last_wrong()}")
    told += [f"doubled: {what}" for what in twice] + [f"lost: {what}" for what in missing]
    return Cell(
        strike.fault, parked.stage, "; ".join(each for each in told if each), seconds is not None and not flaws,
        None if seconds is None else round(seconds, 1), len(twice), len(missing),
    )  # fmt: skip


def _story(parked: Parked, strike: Strike) -> str:
    """What became of it, in words."""
    before, after, state = strike.before, strike.after, parked.state
    if parked.cut:
        return "cut off; started again it cleared what was left, then was rolled back"
    words = []
    if after is not None and (before is None or before.promotion_id == after.promotion_id):
        if after.stop is not None:
            words.append(f"came down ({after.stop.code})")
        elif before is None or before.stage_name != after.stage_name:
            words.append(f"entered {after.stage_name}")
        elif after.hold is not None:
            words.append(f"held ({after.hold.code})")
        else:
            words.append("stood")
    if state is not None and state.ending is not None and (after is None or after.stop is None):
        words.append("then promoted" if state.ending is Ending.STABLE else f"then {state.ending}".replace("_", " "))
    elif state is not None and state.ending is not None and state.ending is not Ending.ROLLED_BACK:
        words.append(f"ended {state.ending}")
    return ", ".join(words)


Trial = Callable[[Yard], Awaitable[None]]
