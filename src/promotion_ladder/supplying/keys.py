"""Once for each key: the intent is written before the platform is asked, the receipt after it answered.

A crash between the two leaves an intent, and nobody knows whether the platform did it. The same key again then looks
before it asks: what it finds becomes the receipt.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from pydantic import BaseModel

from promotion_ladder.core.canonical import digest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError, UnansweredError
from promotion_ladder.core.platform import ExitReceipt, Exposure, ExposureOrder, OrderStatus, SettleOrder, Variant
from promotion_ladder.ports import Platform
from promotion_ladder.supplying.ledger import Intent, Ledger

CLOCKS_DIFFER = timedelta(seconds=5)

Look = Callable[[Intent], Awaitable[Any]]
"""What the platform shows of an earlier try: its receipt, or None when it shows nothing of it."""


@dataclass(frozen=True)
class Deed:
    """Something to be done once."""

    verb: str
    bot: str
    key: str
    content: BaseModel | dict[str, Any]
    reduces: bool = False
    """Whether it only takes away: then a disk that fails does not keep it from being done."""

    @property
    def name(self) -> tuple[str, str, str]:
        """What the key is good for."""
        return self.bot, self.verb, self.key


class Keys:
    """Receipts by key."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turns: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def once(self, deed: Deed, act: Callable[[], Awaitable[Any]], look: Look | None = None) -> Any:
        """Do ``act`` unless it was done for this key; what it answered. A refusal is not kept.

        ``OPS_PLATFORM_REFUSED`` when the key was used for other content.
        """
        async with self._turns.setdefault(deed.name, asyncio.Lock()):
            known = None
            with self._whatever_the_disk_says(deed):
                known = self._ledger.intent(*deed.name)
            if known is not None:
                if known.fingerprint != digest(deed.content):
                    raise LadderError(
                        Code.PLATFORM_REFUSED,
                        f"{deed.verb} of {deed.bot}: the key '{deed.key}' was used for another content",
                    )
                if known.receipt is not None:
                    return json.loads(known.receipt)
                if look is not None and (found := await self._look(deed, known, look)) is not None:
                    return found
            with self._whatever_the_disk_says(deed):
                self._ledger.intend(*deed.name, digest(deed.content))
            return await self._try(deed, act)

    async def _look(self, deed: Deed, known: Intent, look: Look) -> Any:
        found = await look(known)
        if found is not None:
            self._ledger.receive(*deed.name, found)
        elif known.on_its_way > 0:
            raise LadderError(
                Code.PLATFORM_DOWN,
                f"{deed.verb} of {deed.bot}: the guard died while it sent this, and it may still arrive for "
                f"{known.on_its_way:.1f} s",
                "Nothing to do: it is tried again. A new key is sent at once.",
            )
        return found

    async def _try(self, deed: Deed, act: Callable[[], Awaitable[Any]]) -> Any:
        try:
            answer = await act()
        except UnansweredError:
            with self._whatever_the_disk_says(deed):
                self._ledger.unanswered(*deed.name)
            raise
        except LadderError:
            with self._whatever_the_disk_says(deed):
                self._ledger.forget(*deed.name)
            raise
        with self._whatever_the_disk_says(deed):
            self._ledger.receive(*deed.name, answer)
        return answer

    @contextlib.contextmanager
    def _whatever_the_disk_says(self, deed: Deed) -> Iterator[None]:
        """What reduces exposure is done also when nothing can be written down: done twice it takes nothing more."""
        try:
            yield
        except LadderError:
            if not deed.reduces:
                raise


def exit_sent(platform: Platform, bot: str, variant: Variant, instrument: str, key: str) -> Look:
    """The order of an earlier exit: the one with its key or, where orders carry none, one that is still open.

    Without either it is sent again: an exit closes what is held, so it doubles only what is on its way.
    """

    async def look(intent: Intent) -> dict[str, Any] | None:
        orders = await platform.orders(bot, variant, intent.at - CLOCKS_DIFFER)
        exits = [order for order in orders if order.instrument == instrument and order.reduces]
        found = [order for order in exits if order.key == key]
        found = found or [order for order in exits if order.key is None and order.status is OrderStatus.OPEN]
        if not found:
            return None
        order = found[-1]
        receipt = ExitReceipt(
            instrument=instrument, order_id=order.order_id, detail=f"found {order.status} after a try without an answer"
        )
        if order.status is OrderStatus.FILLED:
            receipt = receipt.model_copy(update={"filled": order.quantity})
        return receipt.model_dump(mode="json")

    return look


def shares_stand(exposed: list[Exposure], order: ExposureOrder) -> bool:
    """Whether every variant of the bot has the money that the order gives it."""
    wanted = {Variant.CANDIDATE: order.candidate, Variant.BASELINE: order.baseline, Variant.STABLE: order.stable}
    has = {each.variant: each.capital for each in exposed}
    return all(has.get(variant, 0) == share for variant, share in wanted.items())


def exposure_set(platform: Platform, ledger: Ledger, bot: str, order: ExposureOrder) -> Look:
    """Whether the shares stand as ordered, and trade; paused since then on purpose, they are not let go on."""

    async def look(intent: Intent) -> bool | None:
        told = await platform.telemetry(bot, Variant.CANDIDATE)
        exposed = [each for each in await platform.exposures() if each.bot == bot]
        if told.mode is not order.mode or told.stage != order.stage or not shares_stand(exposed, order):
            return None
        paused = any(each.paused for each in exposed)
        return True if not paused or ledger.newest_pause(bot) > intent.pauses else None

    return look


def settled(platform: Platform, bot: str, order: SettleOrder) -> Look:
    """Whether the release is stable."""

    async def look(_: Intent) -> bool | None:
        facts = await platform.describe(bot)
        return True if facts.stable.digest == order.release.digest else None

    return look
