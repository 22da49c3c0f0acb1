"""Ladders: what is refused, what the defaults are, and that the hash is the ladder's identity."""

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from promotion_ladder.adapters.files import load_ladder
from promotion_ladder.core.base import Duration, Share, show_duration
from promotion_ladder.core.gates import ReplayMatchGate, ThresholdGate
from promotion_ladder.core.ladder import ApprovalExit, AutoExit, Ladder, Observation, Probe, VetoExit
from promotion_ladder.core.platform import Mode

LADDERS = Path(__file__).parents[2] / "config" / "ladders"
LIMITS = {
    "instruments": ["WTI"], "price_band": "1%", "max_order_value": 100, "max_orders_per_minute": 10,
    "max_position_value": 100, "venues": ["sim"],
}  # fmt: skip
GUARDS = {"checks": [{"kind": "loss", "name": "loss", "max": 5}]}
TRADES = {"kind": "trades", "name": "t", "min_n": 5}
RANKS = {"kind": "mann_whitney", "name": "m", "query": "$orders{$labels}"}
REJECTS = {"kind": "ratio", "name": "r", "query": "$orders{$labels}", "max": 2}


def stage(mode: str, name: str = "", **fields: Any) -> dict[str, Any]:
    """A stage of ``mode`` with only what it must have."""
    money = {"limits": LIMITS, "guards": GUARDS} if mode in ("canary", "live") else {}
    capital = {"capital": "10%"} if mode == "canary" else {}
    given_ = {"name": name or mode, "mode": mode, "gates": [TRADES], **money, **capital, **fields}
    return {key: value for key, value in given_.items() if value is not None}


def ladder(*stages: dict[str, Any], **fields: Any) -> Ladder:
    return Ladder.model_validate({"ladder": "l", "stages": list(stages), **fields})


LIVE = stage("live")


class TestRules:
    @pytest.mark.parametrize(
        ("stages", "says"),
        [
            ([], "at least 1"),
            ([stage("paper")], "the last stage must be live, was paper"),
            ([stage("paper"), stage("shadow"), LIVE], "'shadow' (shadow) comes after 'paper' (paper)"),
            ([LIVE, stage("canary")], "'canary' (canary) comes after 'live' (live)"),
            ([stage("paper"), stage("paper"), LIVE], "stage names must differ, 'paper' stands twice"),
            ([stage("canary", "a", capital="25%"), stage("canary", "b"), LIVE], "less capital than 'a' before it"),
            ([stage("canary", capital=None), LIVE], "above 0% and below 100%"),
            ([stage("canary", capital="100%"), LIVE], "above 0% and below 100%"),
            ([stage("canary", capital="110%"), LIVE], "less than or equal to 1"),
            ([stage("paper", capital="10%"), LIVE], "'capital' belongs to canary stages"),
            ([stage("live", capital="100%")], "'capital' belongs to canary stages"),
            ([stage("canary", capital="51%", baseline=True), LIVE], "at most 50%"),
            ([stage("paper", baseline=True), LIVE], "'baseline' needs a canary stage"),
            ([stage("canary", limits=None), LIVE], "needs 'limits'"),
            ([stage("live", limits=None)], "needs 'limits'"),
            ([stage("canary", guards=None), LIVE], "needs 'guards'"),
            ([stage("live", guards={"checks": []})], "at least 1"),
            ([stage("live", guards={"checks": GUARDS["checks"] * 2})], "guard names must differ"),
            ([stage("live", guards={**GUARDS, "every": "0s"})], "greater than 0"),
            ([stage("live", gates=[])], "at least 1"),
            ([stage("live", gates=[TRADES, TRADES])], "gate names must differ"),
            ([stage("canary", gates=[{**REJECTS, "against": "baseline"}]), LIVE], "the stage runs none"),
            ([stage("live", lease="0s")], "greater than 0"),
            ([stage("live", pause="-PT1S")], "shorter than nothing"),
            ([stage("live", exit={"kind": "veto", "window": "0s"})], "greater than 0"),
            ([stage("live", exit={"kind": "approval", "roles": ["r"], "expires": "0s"})], "greater than 0"),
            ([stage("live", exit={"kind": "approval", "roles": [], "expires": "1m"})], "at least 1"),
            ([stage("live", exit="sometimes")], "'auto', 'veto', 'approval'"),
            ([stage("live", exit="veto")], "Field required"),
            ([stage("live", gates=[{**REJECTS, "query": "$nothing"}])], "the query uses $nothing, known are $bot"),
            ([stage("live", gates=[{**REJECTS, "query": 'x=~"a$"'}])], "write $$ for a dollar sign"),
            ([stage("live", gates=[{"kind": "streak", "name": "s"}])], "does not match any of the expected tags"),
            ([stage("live", gates=[{"kind": "trades", "name": "s"}])], "at least one floor"),
            ([stage("live", gates=[{"kind": "heartbeat", "name": "s", "max_age": "0s"}])], "greater than 0"),
            ([stage("live", gates=[{"kind": "drawdown", "name": "s"}])], "either 'max'"),
            ([stage("live", gates=[{**REJECTS, "min": 3}])], "no value could pass"),
            ([stage("live", gates=[{**REJECTS, "max": None}])], "could not fail"),
            ([stage("live", gates=[{**REJECTS, "max": "NaN"}])], "finite number"),
            ([stage("live", gates=[{"kind": "mann_whitney", "name": "m"}])], "needs 'query'"),
            ([stage("live", gates=[{"kind": "mann_whitney", "name": "m", "query": "x{$nothing}"}])], "$nothing"),
            ([stage("canary", gates=[{**RANKS, "against": "baseline"}]), LIVE], "the stage runs none"),
            ([stage("live", gates=[{"kind": "looks", "name": "l"}])], "'looks' judges recorded verdicts"),
            ([stage("live", gates=[{"kind": "score", "name": "s"}])], "a score weighs the other gates"),
            ([stage("live", surprise=1)], "Extra inputs"),
        ],
    )  # fmt: skip
    def test_it_is_refused(self, stages: list[dict[str, Any]], says: str) -> None:
        with pytest.raises(ValidationError) as refused:
            ladder(*stages)
        assert says in str(refused.value)

    @pytest.mark.parametrize(
        "stages",
        [
            [LIVE],
            [stage(str(mode)) for mode in Mode],
            [stage("canary", "a"), stage("canary", "b"), stage("canary", "c", capital="50%", baseline=True), LIVE],
            [stage("live", "a"), stage("live", "b")],
            [stage("canary", baseline=True, gates=[{**REJECTS, "against": "baseline"}]), LIVE],
            [stage("canary", baseline=True, gates=[{**RANKS, "against": "baseline"}]), LIVE],
            [stage("live", pause="until_resumed")],
            [stage("live", gates=[{**REJECTS, "query": "x$$"}])],
        ],
    )
    def test_it_is_taken(self, stages: list[dict[str, Any]]) -> None:
        assert len(ladder(*stages).stages) == len(stages)

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"min": "2h", "max": "1h"}, "'max' is shorter than 'min'"),
            ({"every": "0s"}, "greater than 0"),
            ({"every": "1s", "max": "1d"}, "more than 2000 judgements"),
            ({"min": "1d", "every": "1m"}, "more than 2000 judgements"),
            ({"min_samples": 0}, "greater than or equal to 1"),
            ({"every": 60}, "needs its unit"),
        ],
    )
    def test_an_observation_that_cannot_work_is_refused(self, fields: dict[str, Any], says: str) -> None:
        with pytest.raises(ValidationError, match=says.replace("(", r"\(")):
            Observation.model_validate(fields)

    @pytest.mark.parametrize("fields", [{}, {"command": ["true"], "http": "http://x"}, {"command": []}])
    def test_a_probe_does_one_thing(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            Probe.model_validate({"name": "p", **fields})

    def test_metrics_of_the_ladder_are_known_in_its_queries(self) -> None:
        gates = [{**REJECTS, "query": "$hedges{$labels}"}]
        climb = ladder(stage("live", gates=gates), metrics={"hedges": "my_hedges_total"})
        assert climb.metrics == {"hedges": "my_hedges_total"}
        with pytest.raises(ValidationError, match=r"\$hedges"):
            ladder(stage("live", gates=gates))

    def test_an_error_says_where_it_belongs(self) -> None:
        with pytest.raises(ValidationError) as refused:
            ladder(stage("paper"), stage("live", gates=[TRADES, {**REJECTS, "query": "$x"}]))
        assert refused.value.errors()[0]["ctx"]["at"] == ("stages", 1, "gates", 1, "query")


class TestDefaults:
    def test_those_the_docs_promise(self) -> None:
        live = ladder(LIVE).stages[0]
        assert live.observe == Observation(min=timedelta(minutes=60), every=timedelta(seconds=60), min_samples=50)
        assert live.observe.longest == timedelta(hours=4)
        assert live.guards is not None
        assert (live.guards.every, live.lease) == (timedelta(seconds=1), timedelta(seconds=30))
        assert (live.pause, live.share) == (timedelta(0), Decimal(1))
        assert live.exit == AutoExit()
        assert ReplayMatchGate(name="r").on_fail == "abort"
        assert ThresholdGate(name="r", query="q", max=Decimal(1)).on_fail == "wait"

    def test_exits(self) -> None:
        veto = VetoExit(window=timedelta(minutes=1))
        assert (veto.on_veto, veto.roles) == ("end", ())
        approval = ApprovalExit(roles=("risk",), expires=timedelta(hours=1))
        assert (approval.quorum, approval.four_eyes) == (1, True)
        assert ladder(stage("live", exit="auto")).stages[0].exit == AutoExit()

    def test_a_stage_that_is_left_at_once_still_has_a_longest_observation(self) -> None:
        assert Observation(min=timedelta(0), every=timedelta(seconds=5)).longest == timedelta(seconds=20)

    def test_samples_of_the_gate_come_before_those_of_the_stage(self) -> None:
        one = ladder(LIVE).stages[0]
        gate = ThresholdGate(name="r", query="q", max=Decimal(1))
        assert one.samples_needed(gate) == 50
        assert one.samples_needed(gate.model_copy(update={"min_samples": 7})) == 7

    def test_a_stage_is_found_by_name(self) -> None:
        climb = ladder(stage("paper"), LIVE)
        assert (climb.index("paper"), climb.index("live"), climb.index("moon")) == (0, 1, None)

    @pytest.mark.parametrize(("mode", "share"), [("replay", 0), ("paper", 0), ("canary", Decimal("0.1")), ("live", 1)])
    def test_the_share_of_the_capital(self, mode: str, share: Decimal) -> None:
        assert ladder(stage(mode), *([] if mode == "live" else [LIVE])).stages[0].share == share


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path
    else:
        for key, each in inner:
            yield from _leaves(each, (*path, key))


def _changed(value: Any, path: tuple[str | int, ...]) -> Any:
    """A copy with the leaf at ``path`` altered."""
    out = copy.deepcopy(value)
    here = out
    for step in path[:-1]:
        here = here[step]
    old = here[path[-1]]
    match old:
        case bool():
            here[path[-1]] = not old
        case int():
            here[path[-1]] = old + 1
        case None:
            del here[path[-1]]
        case str() if old.startswith("PT"):
            here[path[-1]] = "PT61.5S"
        case str() if old.replace(".", "").replace("-", "").isdigit():
            here[path[-1]] = str(Decimal(old) + Decimal("0.001"))
        case _:
            here[path[-1]] = f"{old}x"
    return out


class TestHash:
    @pytest.mark.parametrize("name", ["standard", "quick", "demo"])
    def test_it_survives_a_round_trip_and_any_order_of_keys(self, name: str) -> None:
        climb = load_ladder(LADDERS / f"{name}.yaml")
        text = climb.model_dump_json()
        assert Ladder.model_validate_json(text) == climb
        assert Ladder.model_validate_json(text).hash == climb.hash

        def turned(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: turned(value[key]) for key in reversed(value)}
            return [turned(each) for each in value] if isinstance(value, list) else value

        assert Ladder.model_validate(turned(json.loads(text))).hash == climb.hash

    @pytest.mark.parametrize("name", ["standard", "quick", "demo"])
    def test_any_field_changes_it(self, name: str) -> None:
        climb = load_ladder(LADDERS / f"{name}.yaml")
        plain = climb.model_dump(mode="json")
        hashes, refused = {climb.hash}, 0
        paths = [path for path in _leaves(plain) if _changed(plain, path) != plain]
        absent = 0
        for path in paths:
            try:
                other = Ladder.model_validate(_changed(plain, path))
            except ValidationError:
                refused += 1
                continue
            if other == climb:  # leaving out what was empty anyway is no change
                absent += 1
                continue
            hashes.add(other.hash)
        assert len(hashes) == 1 + len(paths) - refused - absent
        assert len(hashes) > 80

    def test_comments_and_spacing_do_not(self, tmp_path: Path) -> None:
        text = (LADDERS / "quick.yaml").read_text()
        bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        (tmp_path / "quick.yaml").write_text(bare.replace(": {", ":   { "))
        assert load_ladder(tmp_path / "quick.yaml").hash == load_ladder(LADDERS / "quick.yaml").hash


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("0s", 0), ("500ms", 0.5), ("90s", 90), ("1m", 60), ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400),
            ("14d", 1209600), ("2w", 1209600), ("1d2h3m4s5ms", 93784.005), (" 5s ", 5), ("PT90S", 90),
        ],
    )  # fmt: skip
    def test_durations(self, text: str, seconds: float) -> None:
        assert TypeAdapter(Duration).validate_python(text) == timedelta(seconds=seconds)

    @pytest.mark.parametrize("text", ["", "5", "5 minutes", "m", "-5m", "1h-30m", "5mm", "1e3s", 5, 1.5, None, "½h"])
    def test_what_is_no_duration(self, text: object) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(Duration).validate_python(text)

    @given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
    def test_a_duration_is_shown_as_it_may_be_written(self, count: int, unit: str) -> None:
        adapter: TypeAdapter[timedelta] = TypeAdapter(Duration)
        length = adapter.validate_python(f"{count}{unit}")
        shown = adapter.validate_python(show_duration(length))
        assert abs(shown - length) <= length * 0.05  # it names the two largest units
        if unit in ("d", "h") or count < 60:
            assert shown == length

    @pytest.mark.parametrize(
        ("text", "share"),
        [
            ("10%", "0.1"), ("10 %", "0.1"), ("0%", "0"), ("100%", "1"), ("12.5%", "0.125"), ("0.1", "0.1"),
            (0.1, "0.1"), (1, "1"), ("33.333333333333333333%", "0.33333333333333333333"),
        ],
    )  # fmt: skip
    def test_shares_are_exact(self, text: object, share: str) -> None:
        assert TypeAdapter(Share).validate_python(text) == Decimal(share)

    @pytest.mark.parametrize("text", ["10", "101%", "-1%", "%", "ten", "1O%", "NaN", "NaN%", "inf%", 1.1, None])
    def test_what_is_no_share(self, text: object) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(Share).validate_python(text)


class TestShippedLadders:
    """The promises of the shipped ladders, so that a slip of the hand is seen."""

    def test_standard_takes_days_and_asks_people(self) -> None:
        climb = load_ladder(LADDERS / "standard.yaml")
        assert [one.name for one in climb.stages] == [
            "replay", "shadow", "paper", "canary-10", "canary-25", "canary-50", "live"
        ]  # fmt: skip
        canaries = [one for one in climb.stages if one.mode is Mode.CANARY]
        assert [one.pause for one in canaries] == [timedelta(minutes=m) for m in (20, 30, 30)]
        for one in canaries:
            assert one.baseline
            assert one.observe.min == timedelta(hours=3)
            assert (one.observe.every, one.observe.min_samples) == (timedelta(seconds=60), 50)
            assert isinstance(one.exit, ApprovalExit)
            assert one.exit.four_eyes
        for one in climb.stages[1:3]:
            assert isinstance(one.exit, VetoExit)
            assert one.exit.window == timedelta(minutes=30)
        assert climb.stages[-1].observe.min == timedelta(hours=24)

    def test_demo_is_over_soon(self) -> None:
        climb = load_ladder(LADDERS / "demo.yaml")
        windows = [one.exit.window for one in climb.stages if isinstance(one.exit, VetoExit)]
        assert sum((one.observe.min for one in climb.stages), sum(windows, timedelta(0))) < timedelta(seconds=60)
        assert {one.exit.kind for one in climb.stages} == {"auto", "veto", "approval"}
