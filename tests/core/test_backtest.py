"""The walk over a recorded history: the decisions of the real thing, whenever it is stopped, whatever the order."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.histories import BEGIN, MINUTE, POINTS, history, ladder, trades

from promotion_ladder.core.backtest import Moment, enter, walk
from promotion_ladder.core.codes import Code
from promotion_ladder.core.decide import Step, decide, judge
from promotion_ladder.core.evidence import Evidence, SliceEvidence
from promotion_ladder.core.gates import NonInferiorityGate
from promotion_ladder.core.history import History, Key, Timeline, Track
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.recorded import Look, Purse, assumed, slices, source
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Outcome

CAPITAL = Decimal(100_000)
DAY = BEGIN + timedelta(days=1)


def walked(up: Ladder, over: History, until: datetime = DAY) -> list[Moment]:
    return list(walk(up, over, enter(up, 0, BEGIN), until, CAPITAL))


LADDER, HISTORY = ladder(), history()
WALK = walked(LADDER, HISTORY)


def test_a_good_candidate_reaches_live_and_a_bad_one_is_aborted_by_the_gate_that_saw_it() -> None:
    assert WALK[-1].ended == "live"
    bad = walked(LADDER, history(rejected=0.08))[-1]
    assert (bad.ended, bad.stage) == ("aborted", "canary")
    assert bad.sentence.startswith("gate rejects: ")


def test_every_look_is_judged_as_the_workflow_judges() -> None:
    """From whole evidence, through core/decide.py: the shortcuts of the walk change no verdict and no sums."""
    carried: dict[str, Carried] = {}
    stage = LADDER.stages[1]
    entered = next(one.at for one in WALK if one.position.stage == 1)
    begun = entered + timedelta(minutes=10)
    looks = [one for one in WALK if one.stage == "canary"]
    assert len(looks) > 100
    for one in looks:
        look = Look(stage, entered, begun, one.at, Decimal(10_000))
        items: dict[str, Evidence] = {
            gate.name: slices(gate, HISTORY, look, carried.get(gate.name))
            if isinstance(gate, NonInferiorityGate)
            else source(gate, HISTORY, stage)(look)
            for gate in stage.gates
        }
        items["drawdown"] = Purse(HISTORY.trades(Variant.CANDIDATE), entered, look.capital).standing(one.at)
        assert one.decision == decide(stage, judge(stage, items), one.at - begun)
        for gate in stage.gates[:2]:
            assert isinstance(gate, NonInferiorityGate)
            evidence = items[gate.name]
            assert isinstance(evidence, SliceEvidence)
            carried[gate.name] = gate.carry(evidence, stage.terms(gate, 1))
        if one.position.stage == 1:
            assert one.position.carried == carried


@settings(max_examples=15, deadline=None)
@given(st.integers(0, len(WALK) - 2))
def test_a_walk_that_is_stopped_and_resumed_decides_the_same(cut: int) -> None:
    position = type(WALK[cut].position).model_validate_json(WALK[cut].position.model_dump_json())
    rest = list(walk(LADDER, HISTORY, position, DAY, CAPITAL))
    assert rest == WALK[cut + 1 :]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_in_which_trades_were_written_down_does_not_matter(seed: int) -> None:
    mine, theirs = trades(2.0, 1, 5), trades(2.0, 2, 5)
    twins = [mine[0].model_copy(update={"pnl": Decimal(place)}) for place in range(5)]  # closed at the same moment
    up = ladder(gates=POINTS[1:3])

    def over(dice: random.Random) -> list[Moment]:
        arms = [dice.sample(each, len(each)) for each in (mine + twins, theirs)]
        return walked(up, History({Variant.CANDIDATE: Track(arms[0]), Variant.BASELINE: Track(arms[1])}))

    assert over(random.Random(seed)) == over(random.Random(0))


def test_a_walk_cut_off_by_the_end_of_the_history_still_climbs() -> None:
    short = walked(LADDER, HISTORY, BEGIN + timedelta(minutes=40))
    assert short[-1].ended is None
    assert short[-1].window_opens
    assert short == WALK[: len(short)]


def test_gates_are_judged_again_when_a_veto_window_ends() -> None:
    falls = [one for one in trades(2.0, 1, 1) if one.closed_at < BEGIN + 31 * MINUTE]
    falls += trades(-40.0, 9, 1, 240, begin=BEGIN + 31 * MINUTE)
    moments = walked(LADDER, History({Variant.CANDIDATE: Track(falls)}))
    opened = next(place for place, one in enumerate(moments) if one.window_opens)
    after = moments[opened + 1]
    assert after.at == moments[opened].at + timedelta(minutes=20)
    assert after.decision is not None
    assert after.decision.step is Step.CONTINUE
    assert moments[-1].stage == "paper"


def test_a_guard_trips_with_the_trade_that_breaks_it_also_during_the_pause() -> None:
    good = [one for one in trades(2.0, 1, 2) if one.closed_at < BEGIN + 51 * MINUTE]
    crash = good[0].model_copy(update={"pnl": Decimal(-6000), "closed_at": BEGIN + timedelta(minutes=55, seconds=7)})
    last = walked(LADDER, History({Variant.CANDIDATE: Track([*good, crash])}))[-1]
    assert (last.ended, last.stage, last.at) == ("aborted", "canary", crash.closed_at)
    assert last.tripped is not None
    assert last.tripped.name == "loss"


def test_a_silence_of_the_bot_trips_its_guard_when_it_has_lasted_too_long() -> None:
    quiet = [BEGIN + place * MINUTE for place in range(24 * 60) if not 100 < place < 110]
    last = walked(LADDER, history(beats=quiet))[-1]
    assert (last.ended, last.at) == ("aborted", BEGIN + timedelta(minutes=103, seconds=1))
    assert last.tripped is not None
    assert last.tripped.name == "beats"


def test_beats_close_enough_trip_nothing() -> None:
    regular = [BEGIN + place * 2 * MINUTE for place in range(12 * 60)]
    assert walked(LADDER, history(beats=regular))[-1].tripped is None


@pytest.mark.parametrize("missing", ["rejects", "p99"])
def test_what_was_not_recorded_never_passes(missing: str) -> None:
    whole = history()
    series = {key: one for key, one in whole.series.items() if key.gate != missing}
    both = {variant: whole.trades(variant) for variant in (Variant.CANDIDATE, Variant.BASELINE)}
    last = walked(LADDER, History(both, series, whole.beats))[-1]
    assert (last.ended, last.stage) == ("held", "canary")
    assert last.decision is not None
    verdict = next(one for one in last.decision.verdicts if one.name == missing)
    assert verdict.outcome is Outcome.NO_DATA


def test_a_series_that_stops_goes_stale_and_one_without_a_number_is_none() -> None:
    series = Timeline([(BEGIN, 1.0), (BEGIN + MINUTE, None)])
    now = BEGIN + MINUTE
    assert series.number(BEGIN, BEGIN, MINUTE).value == 1
    assert series.number(BEGIN, now, MINUTE).problem is Code.NOT_A_NUMBER
    assert series.number(BEGIN, now + 4 * MINUTE, MINUTE).problem is Code.STALE_DATA
    assert series.number(now + MINUTE, now + 4 * MINUTE, MINUTE).problem is Code.NO_DATA


@pytest.mark.parametrize(
    ("values", "sum_"), [([1.0, 2.0], 3.0), ([1.0, None], None), ([], None), ([None, None], None), ([0.0, 0.0], 0.0)]
)
def test_a_slice_is_told_whole_or_not_at_all(values: list[float | None], sum_: float | None) -> None:
    series = Timeline((BEGIN + (place + 1) * MINUTE, value) for place, value in enumerate(values))
    assert series.added(BEGIN, BEGIN + 2 * MINUTE) == sum_
    assert Timeline([(BEGIN, 5.0)]).added(BEGIN, BEGIN + MINUTE) is None  # it ended before the slice began


def test_a_series_of_one_stage_counts_for_more_than_one_of_all() -> None:
    key = Key("p99", "query", Variant.CANDIDATE)
    of_all, of_one = Timeline([(BEGIN, 1.0)]), Timeline([(BEGIN, 2.0)])
    found = History({}, {key: of_all, key._replace(stage="canary"): of_one})
    assert found.find(key._replace(stage="canary")) is of_one
    assert found.find(key._replace(stage="live")) is of_all


def test_it_says_what_it_takes_for_granted() -> None:
    told = " ".join(assumed(LADDER, HISTORY))
    assert "veto windows run out" in told
    assert "heartbeats" not in told
    assert "no heartbeats were recorded" in " ".join(assumed(LADDER, History()))


def test_preflight_and_approvals_of_others_are_taken_to_be_well_and_it_says_so() -> None:
    plain = LADDER.model_dump(mode="json") | {"preflight": [{"name": "config", "command": ["true"]}]}
    asks = [{"kind": "attestation", "name": "proved"}, {"kind": "backlog", "name": "people", "max": 0}]
    plain["stages"][0]["gates"] += [*asks, {"kind": "attestation", "name": "config-proved", "of": ["config"]}]
    asking = Ladder.model_validate(plain)
    assert walked(asking, HISTORY)[-1].ended == "live"
    told = " ".join(assumed(asking, HISTORY))
    assert "preflight probes are taken to have passed" in told
    assert "no approval is taken to have waited" in told


def test_more_evidence_costs_what_is_new_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a stage stands, no look reads the trades again that another one has read."""
    read: list[int] = []
    plain = Track.places

    def counted(self: Track, *window: Any) -> range:
        found = plain(self, *window)
        read.append(len(found))
        return found

    monkeypatch.setattr(Track, "places", counted)
    up = ladder(guards={"checks": [{"kind": "loss", "name": "loss", "max_share": "50%"}]})
    moments = walked(up, history())
    closed = sum(one.closed_at <= moments[-1].at for one in history().trades(Variant.CANDIDATE).trades)
    assert len(moments) > 150
    assert sum(read) < 12 * closed
