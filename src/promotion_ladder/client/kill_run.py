"""One kill, from the order to the last read-back: every covered bot by itself, whatever the others do."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from promotion_ladder import contracts
from promotion_ladder.client.prohibiting import Prohibiting
from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import BotFacts, LatchOrder, Scope, Variant
from promotion_ladder.core.scope import KillMode, covers, nothing_covered, shown, standing
from promotion_ladder.descent import EXPOSED, flatness, flatten, quieten

T = TypeVar("T")

GRACE = 2.0
"""Seconds the platform may take for the latch before everything else goes on beside it."""
TEMPORAL_PATIENCE = 3.0
"""Seconds Temporal may take before a bot is flattened without it."""
TAKEOVER = 2.0
"""Seconds a promotion that was told may take to get flat, which takes it a tenth of one: its worker may be dead."""
LONGEST_TAKEOVER = 5.0
"""The same while Temporal shows its flatten in the hands of a worker: two that exit at once might exit too much."""
TELL_EVERY = 3.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
LOOK_EVERY = 0.1
DRILL = "drill "
"""How the reason of a drill's latch begins: such a latch is no kill's."""

Tell = Callable[[str], None]


class Way(StrEnum):
    """Who takes the exposure away."""

    TEMPORAL = "temporal"
    """The promotion, durably."""
    DIRECT = "direct"
    """This process, straight at the platform."""


class BotKilled(Record):
    """What a kill has done to one bot."""

    bot: str
    latched: bool
    """Whether the latch was read back."""
    latch_seconds: float | None
    """From the order to the read-back."""
    promotion_id: str | None
    """The running promotion that was told."""
    untold: str
    """Why no promotion was told; empty if one was."""
    way: Way
    flat: Flatness | None
    """Of candidate and baseline, where it was to be flattened."""
    flat_seconds: float | None
    """From the order to flat at bot and venue."""
    stable_holds: dict[str, Decimal] | None
    """What stable holds still, by instrument: no kill sells it. None where the platform does not say."""
    sentence: str


@dataclass
class _Bot:
    """One covered bot while it is killed."""

    name: str
    tries: int = 0
    latch_seconds: float | None = None
    promotion_id: str | None = None
    untold: str = ""
    way: Way = Way.TEMPORAL
    flat: Flatness | None = None
    flat_seconds: float | None = None


@dataclass
class KillRun:
    """One kill, from the order to the last read-back."""

    client: Prohibiting
    scope: Scope
    target: str
    mode: KillMode
    reason: str
    tell: Tell
    kill_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    began: float = field(default_factory=time.monotonic)
    waits: dict[str, str] = field(default_factory=dict)
    """What is waited for, by what it is about."""
    ordering: asyncio.Task[str] = field(init=False)
    connecting: asyncio.Task[object] | None = None

    def __post_init__(self) -> None:
        self.platform = self.client.platform

    async def everything(self) -> tuple[BotKilled, ...]:
        """Kill every covered bot, each by itself; raises LadderError when there is none."""
        self.ordering = asyncio.create_task(self._ordered())
        telling = asyncio.create_task(self._tell_what_is_waited_for())
        try:
            # A bug that ends one bot's kill is raised when all the others are done, not before.
            found = await asyncio.gather(*(self._one(name) for name in await self._names()), return_exceptions=True)
            await self.ordering
        except asyncio.CancelledError:
            self.tell("interrupted: what was latched and told stands; the same kill again goes on from there")
            raise
        finally:
            telling.cancel()
            if self.connecting is not None:
                self.connecting.cancel()
        for bug in found:
            if isinstance(bug, BaseException) and not isinstance(bug, LadderError):
                raise bug
        killed = tuple(bot for bot in found if isinstance(bot, BotKilled))
        if killed:
            return killed
        unknown = next((error for error in found if isinstance(error, LadderError)), None)
        error = unknown or nothing_covered(self.scope, self.target, [f for f in found if isinstance(f, BotFacts)])
        await self.client.record.note("kill_refused", await self.ordering, error.detail, kill=self.kill_id)
        raise error

    async def _ordered(self) -> str:
        """Keep the order itself, should nobody live to tell how it went; who gave it."""
        actor, right = await asyncio.to_thread(self.client.whoever, Verb.KILL)
        await self.client.record.keep(
            "kill_ordered", actor, f"{actor} kills {shown(self.scope, self.target)}, {self.mode}: {self.reason}",
            kill=self.kill_id, scope=self.scope, target=self.target, mode=self.mode, reason=self.reason, right=right,
        )  # fmt: skip
        return actor

    async def _tell_what_is_waited_for(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            for about, what in sorted(self.waits.items()):
                self.tell(f"{about}: {what}; trying again ({self._elapsed():.0f} s)")

    async def _connected(self) -> None:
        """Wait for Temporal, asked once for all bots and not before the latch: its client takes a moment to load."""
        if self.connecting is None:
            self.connecting = asyncio.create_task(self.client.temporal())
            self.connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self.connecting)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self.began, 3)

    async def _names(self) -> list[str]:
        """The bots to look at. While the platform names none, every running promotion is told at least."""
        if self.scope is Scope.BOT:
            return [self.target]
        asking = asyncio.create_task(self._answered("the list of bots", self.platform.bots))
        await asyncio.wait({asking}, timeout=GRACE)
        if not asking.done() and self.scope is Scope.GLOBAL:
            running: list[str] = []
            with contextlib.suppress(Exception):  # whatever ails Temporal, the platform is asked on
                async with asyncio.timeout(TEMPORAL_PATIENCE):
                    await self._connected()
                    running = [line.bot async for line in self.client.list()]
            await asyncio.gather(*(self._inform(_Bot(name)) for name in running))
        return await asking

    async def _one(self, name: str) -> BotKilled | BotFacts | LadderError:
        """Kill one bot; its facts if it is not covered, the error if the platform and Temporal know nothing of it."""
        if self.scope not in (Scope.BOT, Scope.GLOBAL):
            try:
                facts = await self._answered(name, lambda: self.platform.describe(name))
            except LadderError as error:
                return error
            if not covers(self.scope, self.target, facts):
                return facts
        bot = _Bot(name)
        latching = asyncio.create_task(self._answered(name, lambda: self._latched(bot)))
        await asyncio.wait({latching}, timeout=GRACE)
        await asyncio.gather(self._inform(bot), self._quieten(bot))
        unknown = latching.exception() if latching.done() else None
        if isinstance(unknown, LadderError) and bot.promotion_id is None:
            return unknown
        with contextlib.suppress(LadderError):  # the platform knows no such bot; the sentence says so
            if unknown is None:
                late = not latching.done()
                await self._down(bot)
                await latching
                if late:  # what was exposed between that look and the latch
                    await self._down(bot)
                await self._answered(name, lambda: self._latched(bot))  # still there: a drill may have ended meanwhile
        return await self._noted(bot)

    async def _down(self, bot: _Bot) -> None:
        await (self._flat(bot) if self.mode is KillMode.FLATTEN else self._paused(bot))

    async def _answered(self, about: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until it is answered, however long it takes. Raises only ``OPS_UNKNOWN_BOT``: that is an answer."""
        pause = FIRST_PAUSE
        while True:
            try:
                answer = await work()
            except LadderError as error:
                if error.code is Code.UNKNOWN_BOT:
                    raise
                self.waits[about] = error.detail
            except Exception as error:  # noqa: BLE001 - whatever a platform answers, a kill goes on
                self.waits[about] = f"{type(error).__name__}: {error}"
            else:
                self.waits.pop(about, None)
                return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _latched(self, bot: _Bot) -> None:
        """Set the latch and read it back from the bot's facts; raises LadderError if it is not there.

        A resend keeps its key until the platform was seen without the latch. A drill's latch is replaced, since the
        drill will lift it: that opens nothing, as drills run only where no real money is.
        """
        order = LatchOrder(
            scope=self.scope, target=self.target, reason=self.reason, by=self.client.settings.identity,
            key=f"kill:{self.kill_id}:{bot.name}:latch:{bot.tries}",
        )  # fmt: skip
        failed = "the platform took the latch but does not show it: kill it at the venue"
        try:
            await self.platform.latch(bot.name, order)
        except LadderError as error:
            failed = error.detail  # its answer may be lost and the latch set all the same: look
        found = standing(await self.platform.describe(bot.name), self.scope, self.target)
        if found is not None and not found.reason.startswith(DRILL):
            if bot.latch_seconds is None:
                bot.latch_seconds = self._elapsed()
            return
        bot.tries += 1
        if found is not None:
            failed = "a drill's latch is replaced"
            await self.platform.unlatch(bot.name, order.model_copy(update={"key": f"{order.key}:replace"}))
        raise LadderError(Code.PLATFORM_REFUSED, failed)

    async def _inform(self, bot: _Bot) -> None:
        """Tell the running promotion: kill, or hold where nothing is to be exited. The same message however often."""
        verb = Verb.KILL if self.mode is KillMode.FLATTEN else Verb.HOLD
        bot.way = Way.DIRECT
        try:
            async with asyncio.timeout(TEMPORAL_PATIENCE):
                await self._connected()
                if not await self.client.running(bot.name):
                    bot.untold = "no promotion of it is running"
                    return
                promotion_id = (await self.client._memo(bot.name)).get(contracts.MEMO_PROMOTION, "")  # noqa: SLF001
                command = self.client.command(verb, promotion_id, self.reason, paused=verb is Verb.HOLD)
                command = command.model_copy(update={"message_id": f"{self.kill_id}:{bot.name}"})
                await self.client._signal(bot.name, command)  # noqa: SLF001 - the two are one client
        except TimeoutError:
            bot.untold = "Temporal does not answer"
        except Exception as error:  # noqa: BLE001 - whatever ails Temporal, it is flattened without it
            # Of Temporal's own words only the first: a person must be able to read on.
            bot.untold = error.detail.partition(": ")[0] if isinstance(error, LadderError) else f"{error!r}"[:300]
        else:
            bot.promotion_id, bot.way = promotion_id, Way.TEMPORAL

    async def _quieten(self, bot: _Bot) -> None:
        """Pause entries, for a latch may leave markets, and cancel orders: neither depends on who exits.

        What is refused the promotion asks for too, and the direct way again.
        """
        if self.mode is KillMode.FLATTEN:
            await quieten(self.platform, bot.name, f"kill:{self.kill_id}:{bot.name}")

    async def _flat(self, bot: _Bot) -> None:
        """Wait for flat at bot and venue: the promotion's doing, or ours where none is there or it is slow."""
        if bot.promotion_id is not None and await self._gets_flat(bot):
            return
        bot.way = Way.DIRECT
        tried, pause = 0, FIRST_PAUSE
        if bot.promotion_id is None and not await self._exposed(bot):
            bot.flat, bot.flat_seconds = Flatness.FLAT, self._elapsed()
            return
        while True:
            tried += 1
            try:
                done = await flatten(self.platform, bot.name, f"kill:{self.kill_id}:{bot.name}:{tried}")
                bot.flat, said = done.report.state, done.sentence
            except LadderError as error:
                if error.code is Code.UNKNOWN_BOT:
                    raise
                said = error.detail
            except Exception as error:  # noqa: BLE001 - whatever a platform answers, it is asked until it is flat
                said = repr(error)[:300]
            if bot.flat is Flatness.FLAT:
                break
            self.waits[f"{bot.name} not flat"] = said
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        bot.flat_seconds = self._elapsed()
        self.waits.pop(f"{bot.name} not flat", None)

    async def _gets_flat(self, bot: _Bot) -> bool:
        """Whether the promotion gets its bot flat in time; it has longer while a worker is seen at it."""
        told = time.monotonic()
        if await self._flat_before(bot, told + TAKEOVER):
            return True
        return await self._in_hand(bot) and await self._flat_before(bot, told + LONGEST_TAKEOVER)

    async def _flat_before(self, bot: _Bot, deadline: float) -> bool:
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):  # what cannot be read is not flat
                report = await flatness(self.platform, bot.name)
                if report.is_flat:
                    bot.flat, bot.flat_seconds = report.state, self._elapsed()
                    return True
            await asyncio.sleep(LOOK_EVERY)
        return False

    async def _in_hand(self, bot: _Bot) -> bool:
        """Whether Temporal says that a worker has the promotion's flatten in its hands; no, if it does not answer."""
        try:
            async with asyncio.timeout(TEMPORAL_PATIENCE):
                return await self.client.in_hand(bot.name, contracts.ACTIVITY_FLATTEN)
        except Exception:  # noqa: BLE001 - whatever ails Temporal, nobody is known to flatten
            return False

    async def _exposed(self, bot: _Bot) -> bool:
        """Whether candidate or baseline have anything that could be lost; yes, if the platform does not tell."""
        try:
            return any(e.bot == bot.name and e.variant in EXPOSED for e in await self.platform.exposures())
        except Exception:  # noqa: BLE001 - nothing that could be read is no answer
            return True

    async def _paused(self, bot: _Bot) -> None:
        async def pause() -> None:
            for variant in EXPOSED:
                await self.platform.pause_entries(bot.name, variant, f"kill:{self.kill_id}:{bot.name}:pause:{variant}")

        await self._answered(f"{bot.name} not paused", pause)

    async def _of_stable(self, bot: _Bot) -> dict[str, Decimal] | None:
        """What stable holds; a kill that is done waits no longer than a moment to say so."""
        try:
            async with asyncio.timeout(GRACE):
                held = await self.platform.positions(bot.name, Variant.STABLE)
        except Exception:  # noqa: BLE001 - whatever ails the platform, the kill is done
            return None
        return {position.instrument: position.quantity for position in held if position.quantity}

    async def _noted(self, bot: _Bot) -> BotKilled:
        """What was done, written down as soon as it is done."""
        stable_holds = await self._of_stable(bot)
        sentence = f"{_sentence(bot, self.mode)}; {_kept(stable_holds)}"
        if self.scope is not Scope.BOT:  # else the answer says the same
            self.tell(sentence)
        await self.client.record.note(
            "killed", await self.ordering, sentence, kill=self.kill_id, bot=bot.name, scope=self.scope,
            target=self.target, mode=self.mode, reason=self.reason, way=bot.way, promotion=bot.promotion_id or "",
            latch_seconds=_seconds(bot.latch_seconds), flat_seconds=_seconds(bot.flat_seconds), flat=bot.flat or "",
        )  # fmt: skip
        return BotKilled(
            bot=bot.name, latched=bot.latch_seconds is not None, latch_seconds=bot.latch_seconds,
            promotion_id=bot.promotion_id, untold=bot.untold, way=bot.way, flat=bot.flat,
            flat_seconds=bot.flat_seconds, stable_holds=stable_holds, sentence=sentence,
        )  # fmt: skip


def _kept(held: dict[str, Decimal] | None) -> str:
    if held is None:
        return "what stable holds cannot be read"
    told = ", ".join(f"{quantity.normalize():f} {instrument}" for instrument, quantity in sorted(held.items()))
    return f"stable still holds {told}" if told else "stable holds nothing"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _sentence(bot: _Bot, mode: KillMode) -> str:
    """What has become of one bot, for a person."""
    if bot.latch_seconds is None:
        return f"{bot.name} is NOT latched, the platform knows no such bot; its promotion {bot.promotion_id} was told"
    said = f"{bot.name} is latched ({bot.latch_seconds:.2f} s)"
    if mode is KillMode.PAUSE:
        said += ", candidate and baseline take no new entries"
        return said + (f"; {bot.promotion_id} is told to hold" if bot.promotion_id else f"; {bot.untold}")
    said += f" and flat ({bot.flat_seconds:.2f} s)" if bot.flat_seconds is not None else " but not flat"
    if bot.promotion_id is not None:
        late = ", with help straight at the platform because it was slow" if bot.way is Way.DIRECT else ""
        return f"{said}; {bot.promotion_id} flattens durably{late}"
    running = "" if bot.untold.startswith("no promotion") else ": if a promotion runs, kill again when it does"
    return f"{said}, straight at the platform; {bot.untold}{running}"
