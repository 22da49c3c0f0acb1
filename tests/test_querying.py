"""Asking for metrics: what is missing is a problem of the whole, and a source that hangs delays no guard."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.fake_metrics import FakeMetrics
from tests.test_watching import LOSS, desk

from promotion_ladder.activities.gather import questions
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence, HistogramEvidence, NumberEvidence, NumbersEvidence
from promotion_ladder.core.gates import Gate, Guard, OnTrip
from promotion_ladder.core.gates.check import Check
from promotion_ladder.core.histograms import buckets
from promotion_ladder.core.platform import Variant
from promotion_ladder.ports import MetricSource
from promotion_ladder.querying import Eyes, Questions
from promotion_ladder.watching import Watcher

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SLO = {"kind": "slo", "name": "budget", "target": "99.5%", "owner": "desk", "bad": "bad"}
SLO_GUARD: Guard = TypeAdapter(Guard).validate_python(SLO)


def gate(kind: str, **fields: Any) -> Check:
    made: Check = TypeAdapter(Gate).validate_python({"kind": kind, "name": "g", **fields})
    return made


def to(source: MetricSource) -> Questions:
    return Questions(source, {"orders": "my_orders"}, lambda variant: {"bot": "b", "variant": str(variant)})


async def asked(source: FakeMetrics, check: Check) -> Evidence:
    return await to(source).evidence(check, NOW - HOUR, NOW, timedelta(minutes=1))


async def test_every_number_is_asked_with_the_ladders_names_the_candidates_labels_and_the_window() -> None:
    source = FakeMetrics(value=Decimal(90))
    assert await asked(source, gate("fill_ratio")) == NumbersEvidence(
        numbers={"fills": Decimal(90), "orders": Decimal(90)}
    )
    series = 'my_orders{bot="b",variant="candidate"}'
    assert f"sum(increase({series}[3600000ms])) and count({series})" in source.queries


async def test_the_other_side_is_asked_with_its_own_labels() -> None:
    source = FakeMetrics(value=Decimal(0))
    await asked(source, gate("violations", all="v{$labels}"))
    assert {'v{bot="b",variant="candidate"}', 'v{bot="b",variant="stable"}'} <= set(source.queries)


async def test_what_is_asked_for_each_market_is_named_after_it() -> None:
    source = FakeMetrics(by_label={"WTI": Decimal(2), "BRENT": Decimal(0)})
    found = await asked(source, gate("gaps"))
    assert isinstance(found, NumbersEvidence)
    assert found.numbers == {"gaps WTI": 2, "gaps BRENT": 0, "age WTI": 2, "age BRENT": 0}


@pytest.mark.parametrize("kind", ["fill_ratio", "gaps", "drift", "alerts", "overload"])
async def test_one_problem_is_the_problem_of_all(kind: str) -> None:
    source = FakeMetrics(problem=Code.SOURCE_DOWN, by_label={"+Inf": Decimal(1), "0": Decimal(1)})
    check = gate(kind)
    found = await asked(source, check)
    assert isinstance(found, NumbersEvidence | HistogramEvidence)
    assert found.problem is Code.SOURCE_DOWN
    assert check.judge(found).code is Code.SOURCE_DOWN


async def test_a_number_that_is_not_there_is_named() -> None:
    found = await asked(FakeMetrics(value=None), gate("fill_ratio"))
    assert isinstance(found, NumbersEvidence)
    assert found.problem is Code.NO_DATA
    assert found.detail.startswith("fills: ")


async def test_a_query_that_cannot_be_filled_in_is_told_and_not_sent() -> None:
    source = FakeMetrics()
    for check in (gate("fill_ratio", fills="$nothing"), gate("gaps", age="$nothing"), gate("drift", recent="$nothing")):
        assert check.judge(await asked(source, check)).code is Code.QUERY_REFUSED


async def test_a_histogram_is_counted_bucket_by_bucket() -> None:
    source = FakeMetrics(by_label={"+Inf": Decimal(10), "-1": Decimal(1), "2.5": Decimal(9)})
    found = await asked(source, gate("drift"))
    counts = tuple(map(Decimal, (1, 8, 1)))
    edges = (Decimal(-1), Decimal("2.5"))
    assert found == HistogramEvidence(edges=edges, candidate=counts, baseline=counts)


@pytest.mark.parametrize("cumulative", [{}, {"1": 1}, {"+Inf": 1}, {"1": 1, "2": 2}, {"x": 1, "+Inf": 2}])
def test_what_is_no_histogram_is_refused(cumulative: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="edge"):
        buckets({edge: Decimal(count) for edge, count in cumulative.items()})


async def test_no_series_at_all_is_no_data_for_a_histogram() -> None:
    assert gate("drift").judge(await asked(FakeMetrics(), gate("drift"))).code is Code.NO_DATA


def test_the_candidate_runs_the_release_and_the_others_what_is_stable() -> None:
    from tests.crowd import guarded_canary  # noqa: PLC0415 - it needs the workflows' tests, and only here

    _, order, _ = guarded_canary()
    labels = questions(FakeMetrics(), order).labels
    assert labels(Variant.CANDIDATE)["release"] == order.release.version
    assert labels(Variant.BASELINE) == {
        "bot": order.release.bot, "release": order.stable.version, "variant": "baseline",
    }  # fmt: skip


# --- guards -----------------------------------------------------------------------------------------------------------


@dataclass
class Slow(FakeMetrics):
    """Answers when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    bad: int = 0

    async def measure(self, query: str, start: datetime, end: datetime, step: timedelta) -> NumberEvidence:
        self.queries.append(query)
        await self.let.wait()
        return NumberEvidence(value=Decimal(self.bad if query == "bad" else 1000), at=end)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_guard_is_shown_the_newest_answer_and_asks_every_five_seconds() -> None:
    clock, source = Clock(), Slow()
    source.let.set()
    eyes = Eyes(to(source), clock)
    assert isinstance(first := eyes.see(SLO_GUARD, NOW), NumbersEvidence)
    assert first.problem is Code.NO_DATA
    await settled()
    assert SLO_GUARD.judge(eyes.see(SLO_GUARD, NOW)).passed
    assert len(source.queries) == 4
    clock.now = 4.9
    eyes.see(SLO_GUARD, NOW)
    await settled()
    assert len(source.queries) == 4
    source.bad = 900
    clock.now = 5
    assert SLO_GUARD.judge(eyes.see(SLO_GUARD, NOW)).passed, "what was seen last"
    await settled()
    assert SLO_GUARD.judge(eyes.see(SLO_GUARD, NOW)).code is Code.BUDGET_BURNS
    eyes.close()


async def test_an_answer_that_is_late_is_none_and_a_second_question_waits_for_the_first() -> None:
    clock, source = Clock(), Slow()
    source.let.set()
    eyes = Eyes(to(source), clock)
    eyes.see(SLO_GUARD, NOW)
    await settled()
    eyes.see(SLO_GUARD, NOW)
    source.let.clear()
    for clock.now in (6, 12, 20):
        assert SLO_GUARD.judge(eyes.see(SLO_GUARD, NOW)).passed
        await settled()
    assert len(source.queries) == 8
    clock.now = 20.1
    assert SLO_GUARD.judge(eyes.see(SLO_GUARD, NOW)).code is Code.SOURCE_DOWN
    eyes.close()
    await settled()


async def test_a_source_that_hangs_makes_its_guard_blind_and_delays_no_other() -> None:
    here, source = desk(SLO, LOSS, blind_for="30s"), Slow()
    eyes = Eyes(to(source), lambda: here.now)
    watcher = Watcher(here.platform, here.watched, lambda: here.now, eyes)
    assert await watcher.look() is None
    here.now = 30
    assert await watcher.look() is None
    assert here.platform.renewed == 2, "the lease does not wait"
    here.platform.pnl = Decimal(-101)
    tripped = await watcher.look()
    assert tripped is not None
    assert tripped.verdict.name == "loss"
    here.platform.pnl = Decimal(0)
    here.now = 31
    blind = await watcher.look()
    assert blind is not None
    assert (blind.verdict.name, blind.verdict.code, blind.then) == ("budget", Code.GUARD_BLIND, OnTrip.ABORT)
    eyes.close()


async def test_a_budget_that_burns_trips_like_any_other_guard() -> None:
    here, source = desk({**SLO, "on_trip": "hold"}), Slow(bad=900)
    source.let.set()
    eyes = Eyes(to(source), lambda: here.now)
    watcher = Watcher(here.platform, here.watched, lambda: here.now, eyes)
    assert await watcher.look() is None
    await settled()
    found = await watcher.look()
    assert found is not None
    assert (found.verdict.code, found.then) == (Code.BUDGET_BURNS, OnTrip.HOLD)
    eyes.close()


async def test_where_nobody_asks_for_metrics_such_a_guard_is_blind() -> None:
    here = desk(SLO, blind_for="10s")
    assert await here.watcher.look() is None
    here.now = 11
    found = await here.watcher.look()
    assert found is not None
    assert found.verdict.code is Code.GUARD_BLIND
