"""What a measurement is, and how many of them become a line of the table."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Tell = Callable[[str], None]
"""Shows on the screen how far a benchmark is."""


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest rank: a value that was measured, never one between two."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    name: str
    unit: str
    samples: Sequence[float]
    floor: Sequence[float] = ()
    """The same on a bare peer, measured in the same run; empty where no peer makes sense."""
    note: str = ""

    def line(self) -> dict[str, str | int | float | None]:
        """What stands in the JSON file."""
        p99, floor_p99 = percentile(self.samples, 0.99), percentile(self.floor, 0.99) if self.floor else None
        return {
            "name": self.name,
            "unit": self.unit,
            "n": len(self.samples),
            "p50": round(percentile(self.samples, 0.5), 3),
            "p99": round(p99, 3),
            "floor_p50": round(percentile(self.floor, 0.5), 3) if self.floor else None,
            "floor_p99": None if floor_p99 is None else round(floor_p99, 3),
            "ratio_p99": round(p99 / floor_p99, 2) if floor_p99 else None,
        }


@dataclass(frozen=True)
class Benchmark:
    """A way of measuring that yields one or more lines."""

    names: tuple[str, ...]
    n: int
    """How many samples unless somebody wants another number."""
    run: Callable[[int, Tell], Awaitable[list[Result]]]
