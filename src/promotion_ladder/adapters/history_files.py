"""A recorded history from a directory (docs/backtest.md): trades, series of metrics, signs of life.

Each file is JSON lines or CSV with a header. The first bad line ends the reading with its file, line and field; what is
odd but can be understood is read, and said.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import ValidationError

from promotion_ladder.core.base import Money, Sample, Spec, Time, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import TradeOutcome
from promotion_ladder.core.history import History, Key, Timeline, Track
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import Name

NAMES = ("trades", "series", "heartbeats")
KINDS = (".jsonl", ".csv")
GAP = 3
"""A silence is a gap when it is longer than this many of a series' usual steps."""
MOST_GAPS = 5


class _TradeLine(Spec):
    closed_at: Time
    pnl: Money
    size: Money
    variant: Variant
    id: str = ""


class _PointLine(Spec):
    at: Time
    gate: Name
    field: Name = "query"
    label: str = ""
    variant: Variant
    value: Sample
    stage: str = ""


class _BeatLine(Spec):
    at: Time
    of: Literal["bot", "market_data"] = "bot"


class Read(NamedTuple):
    """What a directory held."""

    history: History
    notes: list[str]
    """What was odd about it, in sentences."""


LineT = TypeVar("LineT", _TradeLine, _PointLine, _BeatLine)


def read_history(folder: Path) -> Read:
    """Read ``folder``; raises LadderError (``OPS_HISTORY_UNREADABLE``) for the first thing that cannot be read."""
    if not folder.is_dir():
        raise _bad(f"{folder} is no directory", "name a directory that holds trades.jsonl or trades.csv")
    files = {name: _file(folder, name) for name in NAMES}
    if not any(files.values()):
        wanted = ", ".join(f"{name}{kind}" for name in NAMES for kind in KINDS)
        raise _bad(f"{folder} holds none of {wanted}", "docs/backtest.md shows what stands in them")
    notes: list[str] = []
    trades = _trades(files["trades"], notes)
    series = _series(files["series"], notes)
    beats = _beats(files["heartbeats"], notes)
    return Read(History(trades, series, beats), notes)


def _bad(detail: str, next_step: str = "") -> LadderError:
    return LadderError(Code.HISTORY_UNREADABLE, detail, next_step)


def _file(folder: Path, name: str) -> Path | None:
    found = [path for kind in KINDS if (path := folder / f"{name}{kind}").is_file()]
    if len(found) > 1:
        raise _bad(f"{folder} holds {found[0].name} and {found[1].name}: which one counts?", "remove one of them")
    return found[0] if found else None


def _trades(file: Path | None, notes: list[str]) -> dict[Variant, Track]:
    found: dict[Variant, list[TradeOutcome]] = {}
    ids: set[tuple[Variant, str]] = set()
    times, repeated, alike = [], 0, Counter[tuple[Any, ...]]()
    for _, line in _lines(file, _TradeLine):
        if line.id and (line.variant, line.id) in ids:
            repeated += 1
            continue
        ids.add((line.variant, line.id))
        alike[line.closed_at, line.pnl, line.size, line.variant] += not line.id
        times.append(line.closed_at)
        found.setdefault(line.variant, []).append(TradeOutcome(pnl=line.pnl, size=line.size, closed_at=line.closed_at))
    if repeated:
        notes.append(f"{repeated} trades stand there twice by their id: each was counted once")
    if twins := sum(count - 1 for count in alike.values() if count > 1):
        notes.append(f"{twins} trades are like another one in everything: all were counted; an 'id' tells copies apart")
    _say_order("trades", times, notes)
    return {variant: Track(trades) for variant, trades in found.items()}


def _series(file: Path | None, notes: list[str]) -> dict[Key, Timeline]:
    found: dict[Key, dict[datetime, tuple[int, float | None]]] = {}
    times, repeated = dict[Key, list[datetime]](), 0
    for number, line in _lines(file, _PointLine):
        key = Key(line.gate, f"{line.field} {line.label}".strip(), line.variant, line.stage)
        points = found.setdefault(key, {})
        if line.at in points:
            first, value = points[line.at]
            if value != line.value:
                raise _bad(
                    f"{file}:{number}: value: {line.value} for a moment that has {value} in line {first}",
                    "a series has one value a moment: remove one of the two lines",
                )
            repeated += 1
            continue
        points[line.at] = (number, line.value)
        times.setdefault(key, []).append(line.at)
    if repeated:
        notes.append(f"{repeated} points stand there twice: each was counted once")
    series = {key: Timeline((at, value) for at, (_, value) in points.items()) for key, points in found.items()}
    for key, moments in times.items():
        _say_order(_named(key), moments, notes)
    _say_gaps(series, notes)
    return series


def _beats(file: Path | None, notes: list[str]) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for _, line in _lines(file, _BeatLine):
        found.setdefault(line.of, []).append(line.at)
    for of, moments in found.items():
        _say_order(f"signs of life of {of}", moments, notes)
    return found


def _named(key: Key) -> str:
    where = f" in {key.stage}" if key.stage else ""
    return f"{key.gate} ({key.field}, {key.variant}){where}"


def _say_order(what: str, times: list[datetime], notes: list[str]) -> None:
    if late := sum(after < before for before, after in pairwise(times)):
        notes.append(f"{what}: {late} lines are older than the line before; they were put in order")


def _say_gaps(series: dict[Key, Timeline], notes: list[str]) -> None:
    gaps = []
    for key, one in series.items():
        if missing := sum(value is None for value in one.values):
            notes.append(f"{_named(key)}: {missing} of {len(one.values)} values are no number")
        steps = [after - before for before, after in pairwise(one.times)]
        usual = sorted(steps)[len(steps) // 2] if steps else timedelta(0)
        gaps += [(step, key, before) for before, step in zip(one.times, steps, strict=False) if step > GAP * usual]
    gaps.sort(key=lambda gap: gap[0], reverse=True)
    for step, key, before in gaps[:MOST_GAPS]:
        notes.append(f"{_named(key)}: nothing for {show_duration(step)} after {before:%Y-%m-%d %H:%M:%S}")
    if len(gaps) > MOST_GAPS:
        notes.append(f"and {len(gaps) - MOST_GAPS} shorter gaps")


def _lines(file: Path | None, kind: type[LineT]) -> Iterator[tuple[int, LineT]]:
    if file is None:
        return
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            if file.suffix == ".csv":
                rows: Iterable[tuple[int, Any]] = _csv(file, stream)
                read: Callable[[Any], LineT] = kind.model_validate
            else:
                rows = ((number, text) for number, text in enumerate(stream, start=1) if not text.isspace())
                read = kind.model_validate_json
            for number, row in rows:
                try:
                    yield number, read(row)
                except ValidationError as error:
                    raise _wrong(file, number, error, kind) from None
    except OSError as error:
        raise _bad(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _bad(f"{file} is not UTF-8 text", "save it as UTF-8") from None


def _csv(file: Path, stream: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(stream, restkey="")
    for row in reader:
        if row.get("") is not None:
            raise _bad(f"{file}:{reader.line_num}: more values than the header has names", "mend the line")
        yield reader.line_num, {name: text or None for name, text in row.items() if text or name == "value"}


def _wrong(file: Path, number: int, error: ValidationError, kind: type[Spec]) -> LadderError:
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return _bad(f"{file}:{number}: no JSON: {first['msg']}", "each line is one JSON object; mend or remove it")
    field = ".".join(str(part) for part in first["loc"])
    where = f"{file}:{number}: {field}: " if field else f"{file}:{number}: "
    fields = ", ".join(
        name if one.is_required() else f"{name} (may be left out)" for name, one in kind.model_fields.items()
    )
    hint = "write the time with its zone: 2026-09-01T14:00:00Z; " if first["type"] == "timezone_aware" else ""
    return _bad(f"{where}{first['msg'].lower()}", f"{hint}a line has {fields}: docs/backtest.md")
