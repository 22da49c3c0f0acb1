"""What is done beside a platform that nobody asks for: lost leases are taken back, latched bots enter nothing.

Looks go on without end, each bot by itself: a bot whose venue refuses keeps no other waiting.
"""

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine
from functools import partial

from promotion_ladder.core.admission import MONEY_NEEDS
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import BotFacts, Latch, Mode, RestoreOrder, Scope, Variant
from promotion_ladder.descent import EXPOSED, flatten
from promotion_ladder.ports import Platform
from promotion_ladder.supplying.keys import shares_stand
from promotion_ladder.supplying.ledger import Lease, Ledger, Standing

EVERY_SECONDS = 0.1
"""How long a lease may have run out before that is seen."""
AGAIN_SECONDS = 1.0
"""Between two tries, and between two looks whether what is paused still is."""

Say = Callable[[str, str, str, Code | None], None]
"""Told what happens: the bot, what kind of thing, a sentence, a code."""


class Keeper:
    """Keeps the leases and latches that ``ledger`` holds for the bots of ``inner``."""

    def __init__(self, inner: Platform, ledger: Ledger, say: Say) -> None:
        self.inner = inner
        self.ledger = ledger
        self._say = say
        self._said: dict[str, tuple[str, str]] = {}
        self._facts: dict[str, BotFacts] = {}
        self._lacks: dict[str, frozenset[str]] = {}
        self._knows_all = False
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._mending: dict[str, asyncio.Task[None]] = {}
        self._due: dict[str, float] = {}

    def turn(self, bot: str) -> asyncio.Lock:
        """Who changes who has what of the bot holds this meanwhile. What reduces never waits for it."""
        return self._turns[bot]

    def note(self, facts: BotFacts) -> None:
        """Remember what a platform says of a bot. What it lacks is decided once: it is not to change under a climb."""
        self._facts[facts.bot] = facts
        if facts.bot not in self._lacks:
            lacks = self._lacks[facts.bot] = MONEY_NEEDS - facts.capabilities
            self.say(facts.bot, "supplying", f"{facts.bot}: supplies {', '.join(sorted(lacks)) or 'nothing'}")

    async def lacks(self, bot: str) -> frozenset[str]:
        """What is supplied for the bot. Raises LadderError while nobody knows."""
        if bot not in self._lacks:
            self.note(await self.inner.describe(bot))
        return self._lacks[bot]

    async def know_all(self) -> None:
        """Get to know every bot, so that a latch on more than one reaches all. Raises LadderError."""
        for bot in await self.inner.bots():
            await self.lacks(bot)
        self._knows_all = True

    def latches(self, bot: str) -> list[Latch]:
        """The supplied latches that cover the bot, oldest first."""
        facts = self._facts.get(bot)
        if facts is None or "latch" not in self._lacks[bot]:
            return []
        return [latch for latch in self.ledger.latches() if _covers(latch, facts)]

    # --- entries ------------------------------------------------------------------------------------------------

    async def hold(self, bot: str) -> None:
        """Pause the entries of every variant under a latch. Raises LadderError if one could not be; tried again."""
        try:
            self.ledger.change(bot, held=True)
        finally:
            await self._pause(bot, tuple(Variant))

    async def _pause(self, bot: str, variants: Collection[Variant]) -> None:
        key = f"guard:{uuid.uuid4().hex}"
        paused = (self.inner.pause_entries(bot, variant, f"{key}:{variant}") for variant in variants)
        for answer in await asyncio.gather(*paused, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer

    async def _still_paused(self, bot: str, variants: Collection[Variant]) -> None:
        """Pause again what somebody let go on past us, for instance by a new start of the platform."""
        exposed = await self.inner.exposures()
        await self._pause(bot, [e.variant for e in exposed if e.bot == bot and e.variant in variants and not e.paused])

    async def go_on(self, bot: str) -> None:
        """Under the bot's turn: once no latch covers it, let go on what the latch alone had paused.

        There is no verb for that. What stands is stated once more: the exposure, or that stable has the whole. Where
        something else was paused as well, all stays so until the next exposure.
        """
        standing = self.ledger.bot(bot)
        if not standing.held or self.latches(bot):
            return
        why, code = "until the next exposure", None
        try:
            went_on = await self._may_go_on(bot, standing)
            if went_on:
                await self._state_again(bot, standing)
        except LadderError as error:
            if error.code is Code.PLATFORM_DOWN:
                raise
            went_on, why, code = False, error.detail, error.code
        if self.latches(bot):
            await self.hold(bot)
            return
        self.ledger.change(bot, held=False)
        if went_on:
            self.say(bot, "goes_on", f"{bot}: the latch is gone; entries go on")
        else:
            self.say(bot, "stays_paused", f"{bot}: the latch is gone; entries stay paused: {why}", code)

    async def _may_go_on(self, bot: str, standing: Standing) -> bool:
        """Whether nothing but the latch has paused what stating things once more would let go on."""
        paused, order = self.ledger.paused(bot), standing.exposure
        exposed = [each for each in await self.inner.exposures() if each.bot == bot]
        if order is None:
            alone = [each.variant for each in exposed] == [Variant.STABLE]
            return alone and not standing.prepared and Variant.STABLE not in paused
        if "lease" in await self.lacks(bot):
            leased = standing.lease is Lease.RUNNING
        else:  # stated once more the exposure would have a new one
            leased = any(each.lease_left_seconds for each in exposed if each.variant is Variant.CANDIDATE)
        return not paused and shares_stand(exposed, order) and (leased or not order.mode.touches_money)

    async def _state_again(self, bot: str, standing: Standing) -> None:
        key = f"guard:{uuid.uuid4().hex}:go-on"
        if standing.exposure is not None:
            await self.inner.set_exposure(bot, standing.exposure.model_copy(update={"key": key}))
        else:
            await self._restore(bot, key)

    async def _restore(self, bot: str, key: str) -> None:
        """Give stable the whole, in the name of whoever owns the bot now."""
        facts = await self.inner.describe(bot)
        promotion_id, epoch = facts.promotion_id or "", facts.epoch
        if "epoch" in await self.lacks(bot):
            standing = self.ledger.bot(bot)
            promotion_id, epoch = standing.promotion_id or "", standing.epoch
        await self.inner.restore(bot, RestoreOrder(promotion_id=promotion_id, epoch=epoch, key=key))

    # --- leases -------------------------------------------------------------------------------------------------

    async def _mode(self, bot: str, standing: Standing) -> Mode | None:
        """What the candidate runs in by the platform's word; as it was ordered where the platform does not say."""
        try:
            return (await self.inner.telemetry(bot, Variant.CANDIDATE)).mode
        except LadderError as error:
            ordered = standing.exposure.mode if standing.exposure is not None else None
            return ordered if error.code is Code.PLATFORM_DOWN else None

    async def _take_back(self, bot: str, standing: Standing) -> None:
        """Under the bot's turn, one try: a canary is flattened and stable gets the whole, live enters nothing new."""
        if await self._mode(bot, standing) is Mode.LIVE:
            await self._pause(bot, EXPOSED)
            self.ledger.change(bot, lease=Lease.OVER)
            self.say(bot, "lease_over", f"{bot}: live, so entries are paused and what is held stays", Code.LEASE_LOST)
            return
        key = f"guard:{uuid.uuid4().hex}"
        done = await flatten(self.inner, bot, f"{key}:lease")
        if not done.report.is_flat:
            self.say(bot, "not_flat", done.sentence, Code.NOT_FLAT)
            return
        await self._restore(bot, f"{key}:restore")
        self.ledger.end(bot, Lease.OVER)
        self.say(bot, "lease_over", f"{done.sentence}; stable has the whole again", Code.LEASE_LOST)
        if self.latches(bot):
            await self.hold(bot)

    def unwatched(self) -> list[str]:
        """What nobody takes back once this process has ended."""
        leases = [each for each in self.ledger.watched() if each.lease in (Lease.RUNNING, Lease.LOST)]
        return [f"{each.bot} ({self.ledger.left(each):.0f} s of its lease are left)" for each in leases]

    # --- looking ------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            await self.look()
            await asyncio.sleep(EVERY_SECONDS)
        for task in self._mending.values():
            task.cancel()
        await asyncio.gather(*self._mending.values(), return_exceptions=True)

    async def look(self) -> None:
        """One look at every bot; what is to be done begins, and is not waited for."""
        now = asyncio.get_running_loop().time()
        try:
            for standing in self.ledger.watched():
                if standing.lease is Lease.RUNNING and self._is_lost(standing):
                    self._lose(standing.bot)
            busy = {each.bot for each in self.ledger.watched() if each.held or not self.ledger.left(each)}
            busy |= {bot for bot in self._facts if self.latches(bot)} if self.ledger.latches() else set()
        except LadderError as error:
            self.say("", "disk", error.detail, error.code)
            return
        if not self._knows_all:
            self._begin("", self.know_all, now)
        for bot in busy:
            self._begin(bot, partial(self._mend, bot), now)

    def _is_lost(self, standing: Standing) -> bool:
        """Whether the lease ran out and the exposure is still to be taken back."""
        return standing.lease in (Lease.RUNNING, Lease.LOST) and not self.ledger.left(standing)

    def _lose(self, bot: str) -> None:
        with contextlib.suppress(LadderError):  # a full disk: it is lost by the clock as well
            self.ledger.change(bot, lease=Lease.LOST)
        self.say(bot, "lease_lost", f"{bot}: nobody renewed the lease; the exposure is taken back", Code.LEASE_LOST)

    def _begin(self, bot: str, work: Callable[[], Coroutine[None, None, None]], now: float) -> None:
        if bot not in self._mending and self._due.get(bot, 0) <= now:
            self._mending[bot] = asyncio.create_task(self._finish(bot, work))

    async def _finish(self, bot: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        except LadderError as error:
            self.say(bot, "platform_silent", error.detail, error.code)
        finally:
            self._due[bot] = asyncio.get_running_loop().time() + AGAIN_SECONDS
            self._mending.pop(bot, None)

    async def _mend(self, bot: str) -> None:
        async with self.turn(bot):
            standing = self.ledger.bot(bot)
            await self.lacks(bot)
            if self._is_lost(standing):
                await self._take_back(bot, standing)
            if self.latches(bot):
                await (self._still_paused(bot, tuple(Variant)) if standing.held else self.hold(bot))
            elif standing.held:
                await self.go_on(bot)
            elif standing.lease is Lease.OVER:
                await self._still_paused(bot, EXPOSED)

    def say(self, bot: str, kind: str, sentence: str, code: Code | None = None) -> None:
        """Tell what is new of a bot; what goes on as before is not told again."""
        if self._said.get(bot) != (kind, sentence):
            self._said[bot] = (kind, sentence)
            self._say(bot, kind, sentence, code)


def _covers(latch: Latch, facts: BotFacts) -> bool:
    match latch.scope:
        case Scope.GLOBAL:
            return True
        case Scope.MARKET:
            return latch.target in facts.instruments
        case Scope.STRATEGY:
            return latch.target == facts.strategy
        case Scope.VENUE:
            return latch.target == facts.venue
        case _:
            return latch.target == facts.bot
