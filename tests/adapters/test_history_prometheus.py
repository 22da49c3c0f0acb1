"""The series of a ladder's gates out of a Prometheus: which queries, at which steps, into which series."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.core.histories import NON_INFERIORITY, POINTS, ladder
from tests.fake_metrics import FakeMetrics

from promotion_ladder.adapters.history_prometheus import MOST_STEPS, Asked, recorded_series
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import Series
from promotion_ladder.core.history import Key
from promotion_ladder.core.platform import Variant

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
COMPARED = {"kind": "delta", "name": "apart", "query": "p99{$labels}[$window]", "max": 1, "against": "baseline"}


class Source(FakeMetrics):
    """Answers with the minute of each step; nothing at every seventh."""

    def __init__(self, problem: Code | None = None) -> None:
        self.asked: list[tuple[str, datetime, datetime, timedelta]] = []
        self.problem = problem

    async def points(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        self.asked.append((query, start, end, step))
        if self.problem is not None:
            return Series(values=(), problem=self.problem, detail="so it says")
        places = range(round((end - start) / step) + 1)
        minutes = [(start + place * step - BEGIN) / timedelta(minutes=1) for place in places]
        return Series(values=tuple(None if minute % 7 == 0 else minute for minute in minutes))


def asked(days: int = 1) -> Asked:
    return Asked("wti", "2.4.0", "2.3.1", BEGIN, BEGIN + timedelta(days=days))


async def test_each_gate_gets_its_series_with_the_labels_of_its_variant() -> None:
    source = Source()
    up = ladder(gates=[*NON_INFERIORITY, POINTS[0], COMPARED])
    found = await recorded_series(source, up, asked())
    assert {(key.gate, key.field, key.variant) for key in found} == {
        ("rejects", "sum", Variant.CANDIDATE), ("rejects", "count", Variant.CANDIDATE),
        ("rejects", "sum", Variant.BASELINE), ("rejects", "count", Variant.BASELINE),
        ("p99", "query", Variant.CANDIDATE),
        ("apart", "query", Variant.CANDIDATE), ("apart", "query", Variant.BASELINE),
    }  # fmt: skip
    assert {key.stage for key in found} == {"canary"}
    queries = {query: step for query, _, _, step in source.asked}
    baseline = 'sum(increase(quantbot_orders_total{bot="wti",release="2.3.1",variant="baseline"}[300000ms]))'
    assert queries[baseline] == timedelta(minutes=5)  # a slice
    assert queries['p99{bot="wti",release="2.4.0",variant="candidate"}'] == timedelta(minutes=1)
    assert queries['p99{bot="wti",release="2.4.0",variant="candidate"}[7200000ms]'] == timedelta(minutes=1)
    one = found[Key("apart", "query", Variant.CANDIDATE, "canary")]
    assert one.times[:2] == [BEGIN + timedelta(minutes=1), BEGIN + timedelta(minutes=2)]
    assert BEGIN + timedelta(minutes=7) not in one.times  # what was not told is a gap, not a number


async def test_a_long_history_is_asked_in_parts_that_fit_together() -> None:
    source = Source()
    found = await recorded_series(source, ladder(gates=POINTS[:1]), asked(days=20))
    assert len(source.asked) == 3
    assert all((end - start) / step < MOST_STEPS for _, start, end, step in source.asked)
    times = found[Key("p99", "query", Variant.CANDIDATE, "canary")].times
    steps = 20 * 24 * 60 + 1
    assert len(times) == len(set(times)) == steps - len(range(0, steps, 7))


async def test_a_query_that_is_refused_ends_it_with_the_gates_name_and_no_data_does_not() -> None:
    with pytest.raises(LadderError, match="gate p99: so it says") as caught:
        await recorded_series(Source(Code.QUERY_REFUSED), ladder(gates=POINTS[:1]), asked())
    assert caught.value.code is Code.QUERY_REFUSED
    found = await recorded_series(Source(Code.NO_DATA), ladder(gates=POINTS[:1]), asked())
    assert [series.times for series in found.values()] == [[]]
