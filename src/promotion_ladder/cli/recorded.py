"""What ``backtest``, ``tune`` and ``plan`` share: the ladder, the history and the times they are asked about."""

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from promotion_ladder.adapters.files import load_ladder
from promotion_ladder.adapters.history_files import read_history
from promotion_ladder.adapters.history_prometheus import Asked, field_of, recorded_series
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.history import History
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant

LadderFile = Annotated[Path, typer.Argument(metavar="LADDER", help="The ladder's YAML file.", show_default=False)]
HistoryFolder = Annotated[
    Path | None,
    typer.Option(
        "--history", help="Directory with trades, series and heartbeats: docs/backtest.md.", show_default=False
    ),
]
Arm = Annotated[
    Variant | None,
    typer.Option(
        "--variant", help="The arm that is taken; the one with most trades unless stated.", show_default=False
    ),
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a picture to this PNG file.", show_default=False)]


def moment(text: str | None, option: str) -> datetime | None:
    """A time as it was typed; in UTC unless it names a zone."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is no time: write 2026-09-01 or 2026-09-01T14:00:00Z", param_hint=option
        ) from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def load(ladder: Path, folder: Path | None) -> tuple[Ladder, History, list[str]]:
    """Ladder and history from files, and what was odd about them. Raises LadderError."""
    read = load_ladder(ladder)
    if folder is None:
        return read, History(), []
    history, notes = read_history(folder)
    gc.freeze()  # what was read stays: the collector need not walk over it again and again
    return read, history, notes + strangers(read, history)


def strangers(ladder: Ladder, history: History) -> list[str]:
    """Series that no gate of the ladder asks for: a name may be misspelt."""
    asked: dict[str, set[str]] = {}
    for gate in (gate for stage in ladder.stages for gate in stage.gates):
        asked.setdefault(gate.name, set()).update(field_of(gate, name) for name in gate.queries())
    found = []
    for name, field in sorted({(key.gate, key.field.partition(" ")[0]) for key in history.series}):
        if name not in asked:
            found.append(f"a series is for '{name}', which is no gate of {ladder.ladder}: it is not used")
        elif field not in asked[name]:
            wanted = ", ".join(sorted(asked[name])) or "no series at all"
            found.append(f"a series is for '{field}' of '{name}', which asks for {wanted}: it is not used")
    return list(dict.fromkeys(found))


def with_prometheus(url: str, ladder: Ladder, history: History, asked: Asked) -> History:
    """``history`` with the series that a Prometheus holds; they count for more than those of a file."""
    from promotion_ladder.adapters.prometheus import PrometheusSource  # noqa: PLC0415 - 0.1 s that other commands need not pay

    async def fetch() -> History:
        source = PrometheusSource(url)
        try:
            return history.with_series(await recorded_series(source, ladder, asked))
        finally:
            await source.close()

    return asyncio.run(fetch())


def chosen(history: History, variant: Variant | None) -> Variant:
    """The arm that is asked for, or the one with most that was recorded. Raises LadderError when nothing was."""
    told = {
        one: len(history.trades(one).times)
        + sum(len(s.times) for key, s in history.series.items() if key.variant is one)
        for one in Variant
    }
    best = variant or max(Variant, key=lambda one: told[one])
    if not told[best]:
        raise LadderError(
            Code.HISTORY_UNREADABLE, f"nothing was recorded of {best}",
            f"--variant may be {', '.join(one for one in Variant if told[one]) or 'nothing: record something first'}",
        )  # fmt: skip
    return best
