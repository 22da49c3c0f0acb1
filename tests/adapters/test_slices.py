"""Gates on a real Prometheus whose past is known to the sample: what is judged is what happened, slice by slice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.backfilled import BEGIN, Backfilled, Points, labelled
from tests.crowd import guarded_canary

from promotion_ladder.activities.gather import Look
from promotion_ladder.adapters.prometheus import PrometheusSource
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import carry, judge
from promotion_ladder.core.evidence import Arm, Evidence, Slice, SlicesEvidence
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Outcome, Verdict

PLATFORM, ORDER, _ = guarded_canary()
MINUTE = 60
RATE = {
    "kind": "non_inferiority", "name": "rejects", "measure": "rate", "max_ratio": 2,
    "sum": "$orders_rejected", "count": "$orders", "late": "20s", "on_fail": "hold",
}  # fmt: skip


def arm(metric: str, variant: str, **more: str) -> str:
    """A series of one arm, as its bot tells it."""
    version = ORDER.release.version if variant == "candidate" else ORDER.stable.version
    return labelled(metric, bot=ORDER.release.bot, release=version, variant=variant, **more)


def stage(*gates: dict[str, Any]) -> Stage:
    observe = {"min": "5m", "max": "60m", "every": "15s", "min_samples": 5}
    plain = ORDER.stage.model_dump(mode="json") | {"gates": list(gates), "baseline": True, "observe": observe}
    return Stage.model_validate(plain)


async def look(
    url: str, one: Stage, after: float, carried: dict[str, Carried] | None = None
) -> tuple[dict[str, Evidence], list[Verdict], dict[str, Carried]]:
    """What the gates of ``one`` see and say ``after`` seconds of observation, and what they carry on."""
    source = PrometheusSource(url)
    order = ORDER.model_copy(update={"stage": one})
    try:
        seen = Look(PLATFORM, source, order, BEGIN, BEGIN + timedelta(seconds=after), carried or {})
        items = {gate.name: await seen.evidence(gate) for gate in one.gates}
    finally:
        await source.close()
    return items, judge(one, items), carry(one, items, 1)


def told(evidence: Evidence) -> list[tuple[float, float, float, float]]:
    """Events and exposures of candidate, then of baseline, slice by slice."""
    assert isinstance(evidence, SlicesEvidence)
    assert evidence.problem is None, evidence.detail
    return evidence.quads()


def scraped(every: float, until: float, value: Callable[[float], float], first: float = -600) -> Points:
    """Samples of a counter every so many seconds; scrapes fall together with no end of a slice."""
    times = [first + 7 + every * i for i in range(int((until - first) / every))]
    return {at: value(at) for at in times}


def busy(each: float) -> Callable[[float], float]:
    """A counter that grows by one every ``each`` seconds and had a life before the observation."""
    return lambda at: float(int((at + 100_000) / each))


@contextmanager
def serving(folder: Path, series: dict[str, Points]) -> Iterator[str]:
    server = Backfilled(folder)
    server.write(series)
    with server.running() as url:
        yield url


def pair(candidate: dict[str, Points], baseline: dict[str, Points]) -> dict[str, Points]:
    return {arm(m, "candidate"): p for m, p in candidate.items()} | {arm(m, "baseline"): p for m, p in baseline.items()}


ORDERS, REJECTED, BUCKET = (
    "quantbot_orders_total",
    "quantbot_orders_rejected_total",
    "quantbot_tick_to_trade_seconds_bucket",
)
CALM = {ORDERS: scraped(15, 1800, busy(2)), REJECTED: scraped(15, 1800, busy(60))}


@pytest.mark.parametrize("every", [15, 25, 40, 61])
async def test_every_event_counts_once_however_scrapes_and_slices_meet(every: float, tmp_path: Path) -> None:
    orders, rejected = scraped(every, 1800, busy(1.7)), scraped(every, 1800, busy(37))
    with serving(tmp_path, pair({ORDERS: orders, REJECTED: rejected}, CALM)) as url:
        items, _, _ = await look(url, stage(RATE), 1220)
    slices = told(items["rejects"])

    def known(points: Points, at: float) -> float:
        return points[max(time for time in points if time <= at)]

    ends = [MINUTE * k for k in range(21)]
    for points, place in ((rejected, 0), (orders, 1)):
        grown = [known(points, end) - known(points, end - MINUTE) for end in ends[1:]]
        assert [one[place] for one in slices] == grown, "each slice has what became known in it: whole events"
        assert sum(one[place] for one in slices) == known(points, 1200) - known(points, 0), "none lost, none twice"


async def test_a_counter_that_is_born_in_a_slice_counts_from_nothing(tmp_path: Path) -> None:
    born = {float(at): 40.0 for at in range(130, 1800, 15)}
    kinds: dict[str, Points] = {arm(REJECTED, "candidate", reason="size"): scraped(15, 1800, lambda _: 0.0)}
    kinds[arm(REJECTED, "candidate", reason="price")] = born
    with serving(tmp_path, pair({ORDERS: CALM[ORDERS]}, CALM) | kinds) as url:
        items, _, _ = await look(url, stage(RATE), 320)
    assert [one[0] for one in told(items["rejects"])] == [0, 0, 40, 0, 0]


async def test_a_restart_counts_what_came_since(tmp_path: Path) -> None:
    def restarts(at: float) -> float:
        return busy(2)(at) if at < 130 else float(int((at - 130) / 2))

    with serving(tmp_path, pair({**CALM, ORDERS: scraped(15, 1800, restarts)}, CALM)) as url:
        items, _, _ = await look(url, stage(RATE), 320)
    orders = [one[1] for one in told(items["rejects"])]
    assert orders == [30, 30, 21, 30, 30], "of the third slice what came since the restart, up to the last scrape"


async def test_scrapes_that_are_missing_delay_and_lose_nothing(tmp_path: Path) -> None:
    holes = {at: value for at, value in CALM[ORDERS].items() if not 115 < at < 250 and not 605 < at < 1150}
    with serving(tmp_path, pair({**CALM, ORDERS: holes}, CALM)) as url:
        items, _, _ = await look(url, stage(RATE), 1280)
    evidence = items["rejects"]
    assert isinstance(evidence, SlicesEvidence)
    orders = [one[1] for one in told(evidence)]
    assert orders[:6] == [30, 30, 0, 0, 90, 30], "what came meanwhile is known with the next scrape"
    assert orders[10:14] == [0, 0, 0, 0]
    starts = [round((one.start - BEGIN).total_seconds() / MINUTE) for one in evidence.slices]
    assert starts == [*range(14), 19, 20], "five minutes after the last scrape Prometheus has no value any more"
    assert evidence.missing == 5
    assert orders[14:] == [300, 30]
    assert [one[3] for one in told(evidence)] == [30] * 16


async def test_an_arm_that_tells_nothing_is_missing_and_never_a_pass(tmp_path: Path) -> None:
    with serving(tmp_path, pair({ORDERS: CALM[ORDERS]}, CALM)) as url:
        items, [verdict], carried = await look(url, stage(RATE), 1500)
    assert (verdict.outcome, verdict.code) == (Outcome.NO_DATA, Code.NO_DATA)
    assert isinstance(items["rejects"], SlicesEvidence)
    assert (items["rejects"].slices, carried["rejects"].missing) == ((), 24)


async def test_an_arm_without_any_event_shows_nothing_yet(tmp_path: Path) -> None:
    quiet = scraped(15, 1800, lambda _: 0.0)
    with serving(tmp_path, pair({**CALM, REJECTED: quiet}, {**CALM, REJECTED: quiet})) as url:
        _, [verdict], _ = await look(url, stage(RATE), 1500)
    assert verdict.outcome is Outcome.INCONCLUSIVE


async def test_what_is_no_number_is_missing(tmp_path: Path) -> None:
    torn = {at: float("nan") if 200 < at < 300 else value for at, value in CALM[ORDERS].items()}
    with serving(tmp_path, pair({**CALM, ORDERS: torn}, CALM)) as url:
        items, _, _ = await look(url, stage(RATE), 500)
    evidence = items["rejects"]
    assert isinstance(evidence, SlicesEvidence)
    assert evidence.missing == 2
    assert [one[1] for one in told(evidence)][:3] == [30, 30, 30]


QUANTILE = {
    "kind": "non_inferiority", "name": "slow", "measure": "quantile", "max_ratio": 2, "histogram": "tick_to_trade",
    "late": "20s", "on_fail": "hold",
}  # fmt: skip


@pytest.mark.parametrize(("above", "written"), [("0.25", "0.25"), ("1", "1.0"), ("1", "1"), ("0.00001", "1e-05")])
async def test_an_edge_is_found_as_exporters_write_it(above: str, written: str, tmp_path: Path) -> None:
    series = {}
    for variant in ("candidate", "baseline"):
        series[arm(BUCKET, variant, le=written)] = scraped(15, 900, busy(3))
        series[arm(BUCKET, variant, le="+Inf")] = scraped(15, 900, busy(2))
    with serving(tmp_path, series) as url:
        items, _, _ = await look(url, stage({**QUANTILE, "above": above}), 320)
    assert told(items["slow"]) == [(10, 30, 10, 30)] * 5


async def test_an_edge_that_is_no_bucket_is_never_a_pass(tmp_path: Path) -> None:
    series = {arm(BUCKET, v, le="+Inf"): scraped(15, 1800, busy(2)) for v in ("candidate", "baseline")}
    with serving(tmp_path, series) as url:
        _, [verdict], _ = await look(url, stage({**QUANTILE, "above": "0.3"}), 1500)
    assert verdict.code is Code.NO_DATA


# --- verdicts at several moments --------------------------------------------------------------------------------------


def lumpy(per_minute: tuple[int, ...]) -> Callable[[float], float]:
    """A counter that jumps ten seconds into each minute by these numbers in turn."""

    def value(at: float) -> float:
        minutes = max(int((at - 10) // MINUTE) + 1, 0)
        return float(sum(per_minute[i % len(per_minute)] for i in range(minutes)))

    return value


def by_hand(gate: dict[str, Any], candidate: list[tuple[int, int]], baseline: list[tuple[int, int]]) -> Verdict:
    """What the gate says of these events and exposures, with no Prometheus anywhere."""
    slices = tuple(
        Slice(
            start=BEGIN + timedelta(minutes=place),
            candidate=Arm(sum=Decimal(c[0]), count=Decimal(c[1])), baseline=Arm(sum=Decimal(b[0]), count=Decimal(b[1])),
        )
        for place, (c, b) in enumerate(zip(candidate, baseline, strict=True))
    )  # fmt: skip
    evidence = SlicesEvidence(slices=slices, since=BEGIN, until=BEGIN + timedelta(minutes=len(slices)))
    one = stage(gate)
    [verdict] = judge(one, {one.gates[0].name: evidence})
    return verdict


def turns(values: tuple[int, ...], k: int) -> list[int]:
    return [values[i % len(values)] for i in range(k)]


@pytest.mark.parametrize(
    ("candidate", "outcomes"),
    [
        ((3, 4, 5), [Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.PASS]),
        ((9, 11, 10), [Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.FAIL]),
        ((6, 8, 5), [Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.FAIL]),
    ],
)
async def test_rates_are_judged_as_by_hand(candidate: tuple[int, ...], outcomes: list[Outcome], tmp_path: Path) -> None:
    orders, baseline = (190, 200, 210), (5, 3, 4)
    arms = [
        {ORDERS: scraped(15, 3600, lumpy(orders)), REJECTED: scraped(15, 3600, lumpy(r))} for r in (candidate, baseline)
    ]
    moments = [(1000, 16), (1500, 24), (3300, 54)]
    with serving(tmp_path, pair(*arms)) as url:
        found = [(await look(url, stage(RATE), now))[1][0] for now, _ in moments]
    assert [verdict.outcome for verdict in found] == outcomes
    for verdict, (_, k) in zip(found, moments, strict=True):
        rejects = [list(zip(turns(r, k), turns(orders, k), strict=True)) for r in (candidate, baseline)]
        assert verdict == by_hand(RATE, *rejects)


async def test_quantiles_and_means_are_judged_as_by_hand(tmp_path: Path) -> None:
    slow = {**QUANTILE, "above": "0.25"}
    mean = {
        "kind": "non_inferiority", "name": "score", "margin": "0.05", "better": "lower", "late": "20s",
        "sum": "sum(last_over_time(score_sum{$labels}[1m]) - score_sum{$labels} offset $window)",
        "count": "sum(last_over_time(score_count{$labels}[1m]) - score_count{$labels} offset $window)",
    }  # fmt: skip
    within, all_ = {"candidate": (95, 97), "baseline": (96, 94)}, (100,)
    scores = {"candidate": (20, 24, 19), "baseline": (21, 23, 22)}
    series: dict[str, Points] = {}
    for variant in ("candidate", "baseline"):
        series[arm(BUCKET, variant, le="0.25")] = scraped(15, 3600, lumpy(within[variant]))
        series[arm(BUCKET, variant, le="+Inf")] = scraped(15, 3600, lumpy(all_))
        series[arm("score_sum", variant)] = scraped(15, 3600, lumpy(scores[variant]))
        series[arm("score_count", variant)] = scraped(15, 3600, lumpy(all_))
    with serving(tmp_path, series) as url:
        for now, k in ((1300, 21), (3400, 56)):
            _, [first], _ = await look(url, stage(slow), now)
            _, [second], _ = await look(url, stage(mean), now)
            beyond = [[(100 - w, 100) for w in turns(within[v], k)] for v in ("candidate", "baseline")]
            summed = [[(s, 100) for s in turns(scores[v], k)] for v in ("candidate", "baseline")]
            assert first == by_hand(slow, *beyond)
            assert second == by_hand(mean, *summed)
    assert (first.outcome, second.outcome) == (Outcome.PASS, Outcome.PASS)


async def test_point_estimates_are_judged_at_the_moment_of_the_look(tmp_path: Path) -> None:
    waits = {"candidate": scraped(15, 1800, lambda at: 0.5 if at < 600 else 2.0)}
    waits["baseline"] = scraped(15, 1800, lambda at: 0.4 if at < 600 else 1.6)
    gates: list[dict[str, Any]] = [
        {"kind": "threshold", "name": "most", "query": "wait{$labels}", "max": 1},
        {"kind": "ratio", "name": "times", "against": "baseline", "query": "wait{$labels}", "max": "1.3"},
        {"kind": "delta", "name": "more", "against": "baseline", "query": "wait{$labels}", "max": "0.2"},
    ]
    with serving(tmp_path, {arm("wait", variant): points for variant, points in waits.items()}) as url:
        _, early, _ = await look(url, stage(*gates), 300)
        _, late, _ = await look(url, stage(*gates), 900)
        _, never, _ = await look(url, stage(*gates), 2400)
    assert [(v.outcome, v.value) for v in early] == [
        (Outcome.PASS, Decimal("0.5")), (Outcome.PASS, Decimal("1.25")), (Outcome.PASS, Decimal("0.1")),
    ]  # fmt: skip
    assert [(v.outcome, v.value) for v in late] == [
        (Outcome.FAIL, Decimal(2)), (Outcome.PASS, Decimal("1.25")), (Outcome.FAIL, Decimal("0.4")),
    ]  # fmt: skip
    assert {v.code for v in never} == {Code.STALE_DATA}


# --- slices are sealed once -------------------------------------------------------------------------------------------


async def test_looks_in_any_rhythm_add_up_to_one_look(tmp_path: Path) -> None:
    with serving(tmp_path, pair(CALM, CALM)) as url:
        _, [whole], once = await look(url, stage(RATE), 1700)
        carried: dict[str, Carried] = {}
        for now in (5, 79, 80, 81, 333, 600.0005, 601, 1300, 1700):
            items, [verdict], carried = await look(url, stage(RATE), now, carried)
            evidence = items["rejects"]
            assert isinstance(evidence, SlicesEvidence)
            assert evidence.until == BEGIN + timedelta(minutes=max(now - 20, 0) // MINUTE)
    assert carried["rejects"].sums == once["rejects"].sums
    assert (verdict.outcome, verdict.details) == (whole.outcome, whole.details)


async def test_the_points_are_those_asked_for_whatever_the_fraction_of_a_millisecond(tmp_path: Path) -> None:
    begin, step = BEGIN + timedelta(microseconds=500), timedelta(milliseconds=125)
    with serving(tmp_path, {"x": {0: 1.0}}) as url:
        source = PrometheusSource(url)
        found = await source.points("time()", begin + step, begin + 4 * step, step)
        await source.close()
    assert [value - BEGIN.timestamp() for value in found.values if value is not None] == [0.125, 0.25, 0.375, 0.5]


async def test_what_comes_late_changes_nothing_that_is_sealed(tmp_path: Path) -> None:
    server = Backfilled(tmp_path)
    server.write(pair({**CALM, ORDERS: {at: v for at, v in CALM[ORDERS].items() if at < 700}}, CALM))
    with server.running() as url:
        _, _, carried = await look(url, stage(RATE), 800)
    server.write({arm(REJECTED, "candidate", reason="late"): scraped(15, 1800, busy(1), first=0)})
    server.write({arm(ORDERS, "candidate"): {at: v for at, v in CALM[ORDERS].items() if at > 700}})
    with server.running() as url:
        items, _, after = await look(url, stage(RATE), 1100, carried)
        _, _, anew = await look(url, stage(RATE), 1100)
    assert carried["rejects"].until == BEGIN + timedelta(minutes=13)
    evidence = items["rejects"]
    assert isinstance(evidence, SlicesEvidence)
    assert [one.start for one in evidence.slices] == [BEGIN + timedelta(minutes=m) for m in range(13, 18)]
    late = sum(one[0] for one in told(evidence))
    assert after["rejects"].sums.total[0] == carried["rejects"].sums.total[0] + late
    assert anew["rejects"].sums.total[0] > after["rejects"].sums.total[0], "a look that saw nothing before sees it all"


async def test_a_prometheus_that_goes_away_seals_nothing_unseen(tmp_path: Path) -> None:
    server = Backfilled(tmp_path)
    server.write(pair(CALM, CALM))
    with server.running() as url:
        _, _, carried = await look(url, stage(RATE), 500)
    items, [verdict], away = await look(server.url, stage(RATE), 900, carried)
    assert (verdict.outcome, verdict.code) == (Outcome.ERROR, Code.SOURCE_DOWN)
    assert items["rejects"].model_dump(include={"slices", "since", "until"}) == {
        "slices": (),
        "since": None,
        "until": None,
    }
    assert away == carried
    with server.running() as url:
        _, [back], after = await look(url, stage(RATE), 1600, away)
        _, [never], whole = await look(url, stage(RATE), 1600)
    assert after["rejects"].sums == whole["rejects"].sums
    assert (back.outcome, back.sentence) == (never.outcome, never.sentence)
