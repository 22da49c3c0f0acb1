"""The small plot in a message: what candidate and stable have earned since the stage began."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import aiohttp

from promotion_ladder.adapters.slack.book import Book
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.card import Card
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import ClosedTrade, Variant
from promotion_ladder.ports import Platform

_LOG = logging.getLogger(__name__)
LONGEST = 10.0
"""Seconds that a picture may take; without it the message is sent all the same."""
BASIS_POINTS = Decimal(10_000)

Series = Sequence[tuple[datetime, float]]


class Picture:
    """Draws and uploads one picture for each thing that is asked."""

    def __init__(self, web: SlackWeb, book: Book, platform: Platform) -> None:
        self._web = web
        self._book = book
        self._platform = platform

    async def of(self, card: Card, ask: str) -> str | None:
        """Slack's id of the picture for ``ask``; None when there is nothing to draw or it could not be brought there.

        A picture is never worth a message: whatever fails is logged.
        """
        key = f"{ask}#picture"
        try:
            async with asyncio.timeout(LONGEST):
                before = await self._book.post(key)
                if before is not None and before.ts is not None:
                    return before.ts
                drawn = await self._drawn(card)
                if drawn is None:
                    return None
                file = await self._upload(drawn, card)
                await self._book.begin(key, "files", datetime.now(UTC))
                await self._book.sent(key, file)
                return file
        except Exception as problem:  # noqa: BLE001 - whatever drawing or uploading trips over
            _LOG.warning("no picture for %s %s: %s", card.bot, card.release, type(problem).__name__)
            return None

    async def _drawn(self, card: Card) -> bytes | None:
        if card.entered_at is None:
            return None
        series = {}
        for variant in (Variant.STABLE, Variant.BASELINE, Variant.CANDIDATE):
            try:
                closed = await self._platform.trades(card.bot, variant, card.entered_at)
                capital = (await self._platform.telemetry(card.bot, variant)).capital
            except LadderError:
                continue  # there is no such variant now
            if closed and capital:
                series[str(variant)] = earned(closed, capital)
        if str(Variant.CANDIDATE) not in series:
            return None
        from promotion_ladder.adapters.slack.plot import draw  # noqa: PLC0415 - half a second, paid when first drawn

        return await asyncio.to_thread(draw, series, card.entered_at)

    async def _upload(self, drawn: bytes, card: Card) -> str:
        """By Slack's two steps (docs: "Working with files"): ask where to, send, complete. Shared with nobody yet."""
        name = f"{card.bot}-{card.release}.png"
        where = await self._web.call("files.getUploadURLExternal", query=True, filename=name, length=len(drawn))
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LONGEST)) as session,
            session.post(str(where["upload_url"]), data=drawn) as answer,
        ):
            if not answer.ok:
                raise SlackError("the upload of a picture", f"http {answer.status}")
        file = str(where["file_id"])
        await self._web.call("files.completeUploadExternal", files=[{"id": file, "title": name}])
        return file


def earned(closed: Sequence[ClosedTrade], capital: Decimal) -> Series:
    """Profit so far after each closed trade, in basis points of ``capital``, oldest first."""
    total, points = Decimal(0), list[tuple[datetime, float]]()
    for trade in sorted(closed, key=lambda one: one.closed_at):
        total += trade.pnl
        points.append((trade.closed_at, float(total / capital * BASIS_POINTS)))
    return points
