"""Kill, and release a kill, from anywhere and in any state of the promotion."""

import asyncio
import uuid
from collections.abc import Sequence

from promotion_ladder.client.kill_run import BotKilled, KillRun, Tell
from promotion_ladder.client.prohibiting import Prohibiting
from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import BotFacts, LatchOrder, Scope
from promotion_ladder.core.scope import KillMode, aimed, covers, nothing_covered, shown, standing


def silent(_sentence: str) -> None:
    """Tell nobody."""


class Killed(Record):
    """What a kill has done."""

    scope: Scope
    target: str
    mode: KillMode
    bots: tuple[BotKilled, ...]
    recorded: bool
    """Whether the audit store has it; else it waits in the file that the sentence names."""
    sentence: str

    @property
    def done(self) -> bool:
        """Whether every bot is latched and, where it was to be, flat."""
        flat = Flatness.FLAT if self.mode is KillMode.FLATTEN else None
        return all(bot.latched and bot.flat is flat for bot in self.bots)


class Released(Record):
    """A latch that was lifted."""

    scope: Scope
    target: str
    bots: tuple[str, ...]
    """The bots that are free of it, by read-back."""
    still: dict[str, str]
    """What latches a bot still, by its name."""
    sentence: str


class Killing(Prohibiting):
    """Kill, and release a kill."""

    async def kill(
        self,
        scope: Scope | str,
        target: str = "",
        *,
        reason: str,
        mode: KillMode = KillMode.FLATTEN,
        tell: Tell = silent,
    ) -> Killed:
        """Latch every covered bot, then let it be flattened or held; returns when all of it was read back.

        A platform that does not answer is tried again without end: bound it with ``asyncio.timeout`` if you must.
        ``tell`` hears every few seconds what is waited for. Raises LadderError when nothing can be done at all: no
        reason, no platform configured, no such bot or target.
        """
        scope, target = aimed(scope, target)
        if not reason.strip():
            raise LadderError(Code.REASON_NEEDED, f"a kill of {shown(scope, target)} needs a reason in words")
        run = KillRun(self, scope, target, KillMode(mode), reason, tell)
        bots = await run.everything()
        recorded = await self.record.join()
        return Killed(
            scope=scope, target=target, mode=run.mode, bots=bots, recorded=recorded,
            sentence=_summary(bots, "" if recorded else self.record.where),
        )  # fmt: skip

    async def release_kill(self, scope: Scope | str, target: str = "", *, reason: str) -> Released:
        """Lift the latch of a kill from every bot it covers, each read back.

        Raises LadderError, with nothing lifted, without a reason or the right to lift, when nothing is latched by this
        scope and target, or when the platform does not tell.
        """
        scope, target = aimed(scope, target)
        if not reason.strip():
            raise LadderError(
                Code.REASON_NEEDED, f"lifting the latch of {shown(scope, target)} needs a reason in words"
            )
        who = self.entitled(Verb.LIFT)
        latched = [facts.bot for facts in await self.covered(scope, target) if standing(facts, scope, target)]
        if not latched:
            raise LadderError(Code.NOT_LATCHED, f"{shown(scope, target)} is not latched")
        still = {}
        answers = await asyncio.gather(*(self._lift(bot, scope, target, reason) for bot in latched))
        for bot, facts in zip(latched, answers, strict=True):
            if isinstance(facts, LadderError):
                still[bot] = f"the platform did not lift it: {facts.detail}"
            elif facts.latches:
                still[bot] = "; ".join(f"{x.scope} {x.target} by {x.by}: {x.reason}" for x in facts.latches)
        free = tuple(bot for bot in latched if bot not in still)
        stuck = [f for f in answers if isinstance(f, LadderError) or standing(f, scope, target) is not None]
        lifted = f"the latch of {shown(scope, target)} is {'NOT lifted everywhere' if stuck else 'lifted'}"
        sentence = f"{lifted}; {', '.join(free)} may take exposure again" if free else lifted
        for why in dict.fromkeys(still.values()):
            bots = [bot for bot in still if still[bot] == why]
            sentence += f"; {', '.join(bots)} {'is' if len(bots) == 1 else 'are'} still latched ({why})"
        await self.record.note(
            "latch_lifted", who, sentence, scope=scope, target=target, bots=", ".join(latched), reason=reason
        )
        return Released(scope=scope, target=target, bots=free, still=still, sentence=sentence)

    async def _lift(self, bot: str, scope: Scope, target: str, reason: str) -> BotFacts | LadderError:
        """Lift one latch; the bot's facts read back afterwards, or why not."""
        order = LatchOrder(
            scope=scope,
            target=target,
            reason=reason,
            by=self.settings.identity,
            key=f"unlatch:{bot}:{uuid.uuid4().hex}",
        )
        try:
            await self.platform.unlatch(bot, order)
            return await self.platform.describe(bot)
        except LadderError as error:
            return error

    async def covered(self, scope: Scope, target: str) -> list[BotFacts]:
        """The facts of every bot that a scope covers.

        Raises LadderError when the platform does not tell all of them, or when there is none.
        """
        names = [target] if scope is Scope.BOT else await self.platform.bots()
        every = await asyncio.gather(*(self.platform.describe(name) for name in names))
        found = [facts for facts in every if covers(scope, target, facts)]
        if not found:
            raise nothing_covered(scope, target, every)
        return found


def _summary(bots: Sequence[BotKilled], waits: str) -> str:
    said = bots[0].sentence if len(bots) == 1 else f"{len(bots)} bots killed: {', '.join(bot.bot for bot in bots)}"
    return f"{said}; {waits}" if waits else said
