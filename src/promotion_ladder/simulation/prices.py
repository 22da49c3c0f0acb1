"""The recorded market: one price a tick, read from a file and walked to and fro."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Prices:
    """A price series in dollars; tick 0 is its first step."""

    days: tuple[datetime, ...]
    values: tuple[Decimal, ...]

    def at(self, tick: int) -> Decimal:
        """The price at ``tick``, in dollars; ticks never run out.

        The series is walked forwards, then backwards, and so on: a plain wrap would jump from the last price to the
        first and hand whoever holds a position then a profit or loss that no market ever made.
        """
        return self.values[self._index(tick)]

    def tail(self, steps: int) -> "Prices":
        """The last ``steps`` of the series, for a replay."""
        return Prices(self.days[-steps:], self.values[-steps:])

    def _index(self, tick: int) -> int:
        turn = 2 * (len(self.values) - 1)
        step = tick % turn
        return step if step < len(self.values) else turn - step


def load_prices(path: Path | None = None) -> Prices:
    """Read ``date,price`` rows (lines with ``#`` are comments); without ``path`` the series that is shipped.

    Raises ValueError naming the line when a row cannot be read, or when fewer than 20 prices are left.
    """
    source = path if path is not None else files(__package__).joinpath("wti.csv")
    lines = source.read_text(encoding="utf-8").splitlines()
    days: list[datetime] = []
    values: list[Decimal] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#") or line.lower().startswith("date"):
            continue
        day, price = _row(line, f"{source}:{number}")
        days.append(day)
        values.append(price)
    if len(values) < 20:
        raise ValueError(f"{source} holds {len(values)} prices; at least 20 are needed")
    return Prices(tuple(days), tuple(values))


def _row(line: str, where: str) -> tuple[datetime, Decimal]:
    try:
        day, price = next(csv.reader([line]))
        value = Decimal(price)
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except (ValueError, InvalidOperation):
        raise ValueError(f"{where}: '{line}' is not 'date,price'") from None
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{where}: the price {price} is not above zero")
    return moment, value
