"""A recorded history from a directory: one clear sentence for each bad line, and what is odd is said."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.histories import GUARDS, LIMITS

from promotion_ladder.adapters.history_files import read_history
from promotion_ladder.cli.recorded import strangers
from promotion_ladder.core.backtest import enter, walk
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.history import Key
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.verdict import Outcome, Verdict

AT = "2026-09-01T14:00:00Z"
FIRST = datetime(2026, 9, 1, 14, tzinfo=UTC)
TRADE: dict[str, Any] = {"closed_at": AT, "pnl": "1.5", "size": 100, "variant": "candidate"}
POINT: dict[str, Any] = {"at": AT, "gate": "p99", "variant": "candidate", "value": 0.2}
P99 = Key("p99", "query", Variant.CANDIDATE)


def write(folder: Path, name: str, *lines: Any) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / name).write_text("\n".join(texts) + "\n")


def test_every_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, "trades.jsonl", TRADE, TRADE | {"variant": "baseline", "pnl": -2})
    write(tmp_path, "series.jsonl", POINT, POINT | {"field": "sum", "stage": "canary"})
    write(tmp_path, "heartbeats.jsonl", {"at": AT}, {"at": AT, "of": "market_data"})
    history, notes = read_history(tmp_path)
    assert [trade.pnl for trade in history.trades(Variant.CANDIDATE).trades] == [Decimal("1.5")]
    assert [trade.pnl for trade in history.trades(Variant.BASELINE).trades] == [Decimal(-2)]
    assert history.series[P99].values == [0.2]
    assert Key("p99", "sum", Variant.CANDIDATE, "canary") in history.series
    assert history.beats == {"bot": [FIRST], "market_data": [FIRST]}
    assert (history.span, notes) == ((FIRST, FIRST), [])


def test_csv_says_the_same_as_json(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    write(one, "trades.jsonl", TRADE, TRADE | {"id": "7"})
    write(other, "trades.csv", "closed_at,pnl,size,variant,id", f"{AT},1.5,100,candidate,", f"{AT},1.5,100,candidate,7")
    write(one, "series.jsonl", POINT, POINT | {"at": "2026-09-01T14:01:00Z", "value": None})
    write(
        other, "series.csv", "at,gate,variant,value", f"{AT},p99,candidate,0.2", "2026-09-01T14:01:00Z,p99,candidate,"
    )
    first, second = read_history(one), read_history(other)
    assert first.history.trades(Variant.CANDIDATE).trades == second.history.trades(Variant.CANDIDATE).trades
    assert first.history.series[P99].values == second.history.series[P99].values == [0.2, None]
    assert first.notes == second.notes


BAD = [
    ("trades.jsonl", [TRADE, "{"], "trades.jsonl:2: no JSON"),
    ("trades.jsonl", [TRADE | {"pnl": "much"}], "trades.jsonl:1: pnl: "),
    ("trades.jsonl", [TRADE | {"pnl": "NaN"}], "trades.jsonl:1: pnl: "),
    ("trades.jsonl", [TRADE, "", TRADE | {"closed_at": "2026-09-01T14:00:00"}], "trades.jsonl:3: closed_at: "),
    ("trades.jsonl", [TRADE | {"variant": "canary"}], "trades.jsonl:1: variant: "),
    ("trades.jsonl", [{"pnl": 1}], "trades.jsonl:1: closed_at: field required"),
    ("trades.jsonl", [TRADE | {"fee": 1}], "trades.jsonl:1: fee: "),
    ("trades.jsonl", ["[1]"], "trades.jsonl:1: "),
    ("series.jsonl", [POINT | {"field": "two words"}], "series.jsonl:1: field: "),
    ("series.jsonl", [POINT | {"value": "Infinity"}], "series.jsonl:1: value: "),
    ("series.jsonl", [POINT, POINT | {"value": 0.3}], "series.jsonl:2: value: 0.3 for a moment that has 0.2 in line 1"),
    ("heartbeats.jsonl", [{"at": "noon"}], "heartbeats.jsonl:1: at: "),
    ("trades.csv", ["closed_at,pnl,size,variant", f"{AT},1,2,candidate,3"], "trades.csv:2: more values"),
    ("trades.csv", ["closed_at,pnl,size", f"{AT},1,2"], "trades.csv:2: variant: field required"),
]


@pytest.mark.parametrize(("file", "lines", "said"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_line_is_named_with_its_place_and_what_would_be_right(
    tmp_path: Path, file: str, lines: list[Any], said: str
) -> None:
    write(tmp_path, file, *lines)
    with pytest.raises(LadderError) as caught:
        read_history(tmp_path)
    assert caught.value.code is Code.HISTORY_UNREADABLE
    assert said in caught.value.detail
    assert "\n" not in caught.value.detail
    assert caught.value.next_step


def test_a_time_without_a_zone_is_answered_with_one(tmp_path: Path) -> None:
    write(tmp_path, "trades.jsonl", TRADE | {"closed_at": "2026-09-01T14:00:00"})
    with pytest.raises(LadderError) as caught:
        read_history(tmp_path)
    assert "2026-09-01T14:00:00Z" in caught.value.next_step


def test_a_directory_that_is_none_or_holds_nothing_or_two_of_a_kind(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="is no directory"):
        read_history(tmp_path / "none")
    with pytest.raises(LadderError, match="holds none of"):
        read_history(tmp_path)
    write(tmp_path, "trades.jsonl", TRADE)
    write(tmp_path, "trades.csv", "closed_at,pnl,size,variant")
    with pytest.raises(LadderError, match="which one counts"):
        read_history(tmp_path)
    (tmp_path / "trades.csv").unlink()
    (tmp_path / "trades.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(LadderError, match="not UTF-8"):
        read_history(tmp_path)


def test_what_is_odd_is_said_and_counted_once(tmp_path: Path) -> None:
    later = TRADE | {"closed_at": "2026-09-01T15:00:00Z"}
    write(tmp_path, "trades.jsonl", later, TRADE | {"id": "a"}, TRADE | {"id": "a"}, TRADE, TRADE)
    minutes = [POINT | {"at": f"2026-09-01T14:{minute:02}:00Z"} for minute in (0, 1, 2, 3, 30)]
    write(tmp_path, "series.jsonl", *minutes, minutes[0], POINT | {"at": "2026-09-01T14:31:00Z", "value": "NaN"})
    history, notes = read_history(tmp_path)
    track = history.trades(Variant.CANDIDATE)
    assert len(track.trades) == 4
    assert track.times == sorted(track.times)
    assert history.series[P99].values == [0.2] * 5 + [None]
    said = "\n".join(notes)
    assert "1 trades stand there twice by their id" in said
    assert "1 trades are like another one in everything" in said
    assert "trades: 1 lines are older than the line before" in said
    assert "1 points stand there twice" in said
    assert "p99 (query, candidate): 1 of 6 values are no number" in said
    assert "p99 (query, candidate): nothing for 27m after 2026-09-01 14:03:00" in said


@settings(deadline=None, max_examples=10)
@given(order=st.permutations(range(30)))
def test_the_order_of_lines_does_not_matter(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    folder = tmp_path_factory.mktemp("order")
    at = [(FIRST + timedelta(seconds=30 * place)).isoformat() for place in range(30)]
    write(folder, "trades.jsonl", *(TRADE | {"closed_at": at[place], "pnl": place} for place in order))
    write(folder, "series.jsonl", *(POINT | {"at": at[place], "value": place} for place in order))
    history = read_history(folder).history
    assert [trade.pnl for trade in history.trades(Variant.CANDIDATE).trades] == [Decimal(place) for place in range(30)]
    assert history.series[P99].values == list(range(30))


NAMED: list[dict[str, Any]] = [
    {"kind": "fill_ratio", "name": "filled"},
    {"kind": "gaps", "name": "feeds"},
    {"kind": "overload", "name": "busy"},
    {"kind": "drift", "name": "feature"},
]


def named(at: datetime, gate: str, field: str, value: float, label: str = "") -> dict[str, Any]:
    line = {"at": at.isoformat(), "gate": gate, "field": field, "variant": "candidate", "value": value}
    return line | ({"label": label} if label else {})


def minutes(*, shift: bool, without: str = "") -> list[dict[str, Any]]:
    """Half an hour of what four gates on named numbers ask for; ``shift`` moves the feature."""
    buckets = {"-1": 100, "0": 500, "1": 900, "+Inf": 1000}
    found = []
    for at in (FIRST + place * timedelta(minutes=1) for place in range(31)):
        found += [named(at, "filled", "orders", 200), named(at, "filled", "fills", 190)]
        found += [named(at, "feeds", field, 0, market) for field in ("gaps", "age") for market in ("WTI", "BRENT")]
        found += [named(at, "busy", "code", 0, code) for code in ("pool_overloaded", "no_workers")]
        found += [named(at, "feature", "training", count, le) for le, count in buckets.items()]
        moved = {"-1": 20, "0": 150, "1": 500, "+Inf": 1000} if shift else buckets
        found += [named(at, "feature", "recent", count, le) for le, count in moved.items()]
    return [line for line in found if f"{line['field']} {line.get('label', '')}".strip() != without]


def decided(folder: Path, lines: list[dict[str, Any]]) -> dict[str, Verdict]:
    """The last verdicts on a shadow of half an hour, by gate."""
    write(folder, "series.jsonl", *lines)
    stages = [
        {"name": "shadow", "mode": "shadow", "observe": {"min": "10m", "max": "20m"}, "gates": NAMED},
        {"name": "live", "mode": "live", "limits": LIMITS, "guards": GUARDS, "gates": NAMED},
    ]
    ladder = Ladder.model_validate({"ladder": "named", "stages": stages})
    history = read_history(folder).history
    last = list(walk(ladder, history, enter(ladder, 0, FIRST), FIRST + timedelta(minutes=20), Decimal(1000)))[-1]
    assert last.decision is not None
    return {verdict.name: verdict for verdict in last.decision.verdicts}


def test_gates_on_named_numbers_labels_and_histograms_judge_what_was_recorded(tmp_path: Path) -> None:
    fine = decided(tmp_path, minutes(shift=False))
    assert {name: verdict.outcome for name, verdict in fine.items()} == dict.fromkeys(fine, Outcome.PASS)
    assert len(fine) == len(NAMED)
    drifted = decided(tmp_path, minutes(shift=True))
    assert (drifted["feature"].outcome, drifted["feature"].code) == (Outcome.FAIL, Code.DRIFTED)


@pytest.mark.parametrize(
    ("without", "gate"),
    [
        ("fills", "filled"), ("age WTI", "feeds"), ("code no_workers", "busy"), ("recent +Inf", "feature"),
        ("training 0", "feature"),
    ],
)  # fmt: skip
def test_nothing_that_was_not_recorded_passes(tmp_path: Path, without: str, gate: str) -> None:
    found = decided(tmp_path, minutes(shift=False, without=without))
    assert found[gate].outcome in (Outcome.NO_DATA, Outcome.ERROR), found[gate]


def test_a_field_that_no_gate_asks_for_is_said(tmp_path: Path) -> None:
    write(tmp_path, "series.jsonl", named(FIRST, "filled", "fils", 1), named(FIRST, "filled", "orders", 1))
    stage = {"name": "live", "mode": "live", "limits": LIMITS, "guards": GUARDS, "gates": NAMED}
    ladder = Ladder.model_validate({"ladder": "named", "stages": [stage]})
    (said,) = strangers(ladder, read_history(tmp_path).history)
    assert said == "a series is for 'fils' of 'filled', which asks for fills, orders: it is not used"
