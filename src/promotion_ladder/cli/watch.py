"""``--watch``: a promotion on the screen until it has ended, through outages too."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from promotion_ladder.cli.common import NOT_PROMOTED, Format, screen, write_json
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.state import Ending, PromotionResult, PromotionState
from promotion_ladder.tree import promotion_tree

SILENCES = frozenset({Code.WORKER_SILENT, Code.TEMPORAL_DOWN})
"""What a watch outlasts."""
LOOK = 0.5
"""Seconds between two looks of a watch."""
OLD = timedelta(seconds=3)


async def follow(ladder: LadderClient, bot: str, output: Format) -> None:
    """Show a promotion until it has ended; ends the command with the status of its end."""
    if output is Format.JSON:
        result = await ladder.result(bot)
        write_json(result)
        _end(result)
        return
    with Live(console=screen, refresh_per_second=4, transient=False) as live:
        async for state, seen, trouble in looks(ladder, bot):
            live.update(view(state, seen, trouble, datetime.now(UTC)))
    _end(await ladder.result(bot))


async def looks(ladder: LadderClient, bot: str) -> AsyncIterator[tuple[PromotionState, datetime, LadderError | None]]:
    """Look until it has ended: the newest state, when it was seen, and why there is none newer.

    An outage is outlasted: who watches at night wants to see the climb come back.
    """
    state: PromotionState = await ladder.state(bot)
    seen, trouble = datetime.now(UTC), None
    asking = asyncio.create_task(ladder.state(bot))
    try:
        yield state, seen, trouble
        while state.ending is None:
            await asyncio.wait({asking}, timeout=LOOK)
            if asking.done():
                try:
                    state, seen, trouble = asking.result(), datetime.now(UTC), None
                except LadderError as error:
                    if error.code not in SILENCES:
                        raise
                    trouble = error
                await asyncio.sleep(LOOK)
                asking = asyncio.create_task(ladder.state(bot))
            yield state, seen, trouble
    finally:
        asking.cancel()


def view(state: PromotionState, seen: datetime, trouble: LadderError | None, now: datetime) -> RenderableType:
    """The tree, and below one that is old: since when, why if that is known, and what to do."""
    if now - seen < OLD:
        return promotion_tree(state, now)
    why = trouble.detail if trouble else "no answer"
    todo = trouble.next_step if trouble else "This goes on trying."
    stale = Text.assemble((f"✖ {why}; all this is from {seen:%H:%M:%S} UTC", "bold red"), (f"\n→ {todo}", "red"))
    return Group(promotion_tree(state, seen), stale)


def _end(result: PromotionResult) -> None:
    """End the command with the status of the promotion's end."""
    if result.ending is not Ending.STABLE:
        raise typer.Exit(NOT_PROMOTED)
