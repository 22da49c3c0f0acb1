"""Drills: a kill rehearsed where no real money is, measured, recorded, and gone without a trace."""

import asyncio
import contextlib
import time
import uuid
from dataclasses import dataclass, field

from promotion_ladder.client.kill_run import DRILL, FIRST_PAUSE, LONGEST_PAUSE, LOOK_EVERY
from promotion_ladder.client.killing import Killing
from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.drills import why_no_drill
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import BotFacts, LatchOrder, Mode, Scope
from promotion_ladder.core.scope import aimed, shown, standing
from promotion_ladder.core.state import PromotionState
from promotion_ladder.descent import EXPOSED, flatness

FLAT_WITHIN = 10.0
"""Seconds after which a drill says that it did not get flat, and lifts its latch all the same."""


class BotDrilled(Record):
    """How long each step took for one bot, from the beginning of the drill."""

    bot: str
    latch_seconds: float
    cancelled: int
    cancel_seconds: float
    exits: int
    flat: Flatness
    flat_seconds: float | None
    lifted: bool
    """Whether the latch was read back as gone; not where a kill took it over meanwhile."""
    sentence: str


class Drilled(Record):
    """What a drill has shown."""

    scope: Scope
    target: str
    bots: tuple[BotDrilled, ...]
    recorded: bool
    """Whether the audit store has it; else it waits in the file that the sentence names."""
    sentence: str

    @property
    def done(self) -> bool:
        """Whether every bot got flat."""
        return all(bot.flat is Flatness.FLAT for bot in self.bots)


class Drilling(Killing):
    """Rehearse a kill."""

    async def drill(self, scope: Scope | str, target: str = "", *, reason: str = "") -> Drilled:
        """Latch, cancel, exit, verify flat, lift the latch again; how long each took.

        Needs the right to lift, since it ends with that. Raises LadderError, with nothing touched, where real money is
        exposed, a latch stands, or a climb is about to move.
        """
        scope, target = aimed(scope, target)
        who = self.entitled(Verb.LIFT)
        bots = await self.covered(scope, target)
        refused = [f"{facts.bot}: {why}" for facts in bots if (why := await self._why_not(facts))]
        if refused:
            raise LadderError(Code.DRILL_REFUSED, "; ".join(refused))
        drill_id = uuid.uuid4().hex[:12]
        order = LatchOrder(
            scope=scope, target=target, reason=f"{DRILL}{drill_id}: {reason}", by=self.settings.identity, key=""
        )
        rehearsals = [_Rehearsal(self, facts.bot, order, f"drill:{drill_id}:{facts.bot}") for facts in bots]
        try:
            await asyncio.gather(*(each.latch() for each in rehearsals))
            await asyncio.gather(*(each.descend() for each in rehearsals))
        finally:  # only when all are done: a latch on a venue is one for all its bots
            await asyncio.gather(*(each.lift() for each in rehearsals))
        drilled = tuple(each.result() for each in rehearsals)
        for bot in drilled:
            seconds = {name: f"{getattr(bot, name)}" for name in ("latch_seconds", "cancel_seconds", "flat_seconds")}
            await self.record.keep(
                "drilled", who, bot.sentence, drill=drill_id, bot=bot.bot, scope=scope, target=target, reason=reason,
                flat=bot.flat, exits=f"{bot.exits}", cancelled=f"{bot.cancelled}", **seconds,
            )  # fmt: skip
        recorded = await self.record.join()
        sentence = (
            drilled[0].sentence if len(drilled) == 1 else f"{len(drilled)} bots drilled by {shown(scope, target)}"
        )
        if not recorded:
            sentence += f"; {self.record.where}"
        return Drilled(scope=scope, target=target, bots=drilled, recorded=recorded, sentence=sentence)

    async def _why_not(self, facts: BotFacts) -> str:
        """Why this bot may not be drilled now; empty if it may. Raises LadderError when the platform does not tell."""
        money = [
            f"{e.variant} with {e.capital}, {e.open_positions} positions and {e.open_orders} orders"
            for e in await self.platform.exposures()
            if e.bot == facts.bot and e.variant in EXPOSED
        ]
        try:
            state = await self._running_state(facts.bot)
        except LadderError as error:
            return f"whether its promotion would run into the drill's latch cannot be seen: {error.detail}"
        return why_no_drill(facts, await self._mode(facts.bot), money, state)

    async def _mode(self, bot: str) -> Mode | None:
        """The candidate's mode; None without a candidate."""
        try:
            return (await self.platform.telemetry(bot, EXPOSED[0])).mode
        except LadderError as error:
            if error.code is Code.PLATFORM_REFUSED:
                return None
            raise

    async def _running_state(self, bot: str) -> PromotionState | None:
        return await self.state(bot) if await self.running(bot) else None


@dataclass
class _Rehearsal:
    """One bot in a drill."""

    client: Killing
    bot: str
    order: LatchOrder
    key: str
    began: float = field(default_factory=time.monotonic)
    latch_seconds: float = 0
    cancelled: int = 0
    cancel_seconds: float = 0
    exits: int = 0
    flat: Flatness = Flatness.UNREACHABLE
    flat_seconds: float | None = None
    lifted: bool = False

    def _elapsed(self) -> float:
        return round(time.monotonic() - self.began, 3)

    def _counts(self, instrument: str) -> bool:
        """Under a latch on a market the others trade on: they are not this drill's."""
        return self.order.scope != Scope.MARKET or instrument == self.order.target

    async def latch(self) -> None:
        """Set the drill's latch and read it back; raises LadderError when it is not there."""
        await self.client.platform.latch(self.bot, self.order.model_copy(update={"key": f"{self.key}:latch"}))
        if not await self._ours():
            raise LadderError(Code.DRILL_REFUSED, f"{self.bot}: the platform does not show the drill's latch")
        self.latch_seconds = self._elapsed()

    async def _ours(self) -> bool:
        facts = await self.client.platform.describe(self.bot)
        found = standing(facts, Scope(self.order.scope), self.order.target)
        return found is not None and found.reason == self.order.reason

    async def descend(self) -> None:
        """Cancel and exit until flat. Entries are not paused: the latch does that, and a pause would stay behind."""
        deadline = time.monotonic() + FLAT_WITHIN
        tried = 0
        while time.monotonic() < deadline:
            tried += 1
            with contextlib.suppress(LadderError):  # tried again, or told as not flat
                if await self._exited(f"{self.key}:{tried}"):
                    break
            await asyncio.sleep(LOOK_EVERY)

    async def _exited(self, key: str) -> bool:
        """Whether one try got it flat."""
        platform = self.client.platform
        for variant in EXPOSED:
            self.cancelled += await platform.cancel_orders(self.bot, variant, f"{key}:cancel:{variant}")
        self.cancel_seconds = self.cancel_seconds or self._elapsed()
        held = [p for v in EXPOSED for p in await platform.positions(self.bot, v) if self._counts(p.instrument)]
        for position in held:
            name = f"{position.variant}.{position.instrument}"
            await platform.exit_position(self.bot, position.variant, position.instrument, f"{key}:exit:{name}")
            self.exits += 1
        left = [p for v in EXPOSED for p in await platform.positions(self.bot, v) if self._counts(p.instrument)]
        report = await flatness(platform, self.bot)
        others_only = report.state is Flatness.RESIDUAL and not any(self._counts(r.instrument) for r in report.residues)
        self.flat = Flatness.FLAT if others_only and not left else report.state
        if left and report.is_flat:
            self.flat = Flatness.RESIDUAL  # paper positions are in no venue
        if self.flat is Flatness.FLAT:
            self.flat_seconds = self._elapsed()
        return self.flat is Flatness.FLAT

    async def lift(self) -> None:
        """Lift the drill's latch and read it back, however long it takes; one that a kill took over stays."""
        pause = FIRST_PAUSE
        tried = 0
        while True:
            tried += 1
            try:
                if not await self._ours():
                    break
                order = self.order.model_copy(update={"key": f"{self.key}:unlatch:{tried}"})
                await self.client.platform.unlatch(self.bot, order)
            except LadderError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        self.lifted = True

    def result(self) -> BotDrilled:
        """What was measured."""
        flat = f"flat after {self.flat_seconds:.2f} s" if self.flat_seconds is not None else f"NOT flat: {self.flat}"
        sentence = (
            f"{self.bot} drilled: latched after {self.latch_seconds:.2f} s, cancelled after "
            f"{self.cancel_seconds:.2f} s, {flat} with {self.exits} exits; the latch is lifted again"
        )
        return BotDrilled(
            bot=self.bot, latch_seconds=self.latch_seconds, cancelled=self.cancelled,
            cancel_seconds=self.cancel_seconds, exits=self.exits, flat=self.flat, flat_seconds=self.flat_seconds,
            lifted=self.lifted, sentence=sentence,
        )  # fmt: skip
