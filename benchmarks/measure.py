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
        line: dict[str, str | int | float | None] = {"name": self.name, "unit": self.unit, "n": len(self.samples)}
        shares = {"p50": 0.5, "p99": 0.99}
        own = {name: percentile(self.samples, share) for name, share in shares.items()}
        floor = {name: percentile(self.floor, share) for name, share in shares.items()} if self.floor else {}
        line |= {name: round(value, 3) for name, value in own.items()}
        line |= {f"floor_{name}": round(floor[name], 3) if floor else None for name in shares}
        return line | {f"ratio_{name}": round(own[name] / floor[name], 2) if floor else None for name in shares}


@dataclass(frozen=True)
class Benchmark:
    """A way of measuring that yields one or more lines."""

    names: tuple[str, ...]
    n: int
    """How many samples unless somebody wants another number."""
    run: Callable[[int, Tell], Awaitable[list[Result]]]
