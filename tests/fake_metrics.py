"""A source of metrics that answers every query alike."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence, NumbersEvidence, Series


@dataclass
class FakeMetrics:
    """Answers every query with ``value``."""

    value: Decimal | None = Decimal(1)
    problem: Code | None = None
    by_label: dict[str, Decimal] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)

    async def measure(self, query: str, start: datetime, end: datetime, step: timedelta) -> NumberEvidence:
        self.queries.append(query)
        return NumberEvidence(value=self.value, at=end, samples=100, problem=self.problem, source=query)

    async def samples(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        self.queries.append(query)
        values = () if self.value is None or self.problem is not None else (float(self.value),) * 100
        return Series(values=values, problem=self.problem)

    async def points(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        self.queries.append(query)
        value = float(self.value) if self.value is not None else None
        return Series(values=(value,) * (round((end - start) / step) + 1), problem=self.problem)

    async def spread(self, query: str, label: str, at: datetime) -> NumbersEvidence:
        self.queries.append(query)
        return NumbersEvidence(numbers=self.by_label, problem=self.problem)
