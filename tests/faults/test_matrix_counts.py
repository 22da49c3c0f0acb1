"""The matrix counts what it says it counts: its own rules, without any process."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.faults.matrix import cells, rows
from tests.faults.matrix.account import Sent, doubled, lost_verbs
from tests.faults.matrix.cells import HEADER, STAGES, Cell
from tests.faults.matrix.tamper import tampered
from tests.faults.matrix.watch import LEASE, Grant, Watched

from promotion_ladder.core.canonical import GENESIS
from promotion_ladder.core.events import AuditEvent, ChainedEvent
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Exposure, Mode, Variant
from promotion_ladder.simulation.bots import make_release

TOTAL = Decimal(10000)
CANARY = Grant((Mode.CANARY, Decimal(1000), Decimal(1000)))
GOOD = Cell("worker killed", "canary", "stood", safe=True, seconds_to_safe=8.5, doubled=0, lost=0)
RELEASE = make_release("bot", "2.0.0")


def _effect(n: int, verb: str, key: str, **detail: Any) -> dict[str, Any]:
    return {"n": n, "verb": verb, "key": key, "promotion_id": "p", "variant": "candidate", "detail": detail}


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (_effect(1, "restore", "k"), _effect(2, "restore", "k"), 1),
        (_effect(1, "restore", "k"), _effect(2, "restore", "other"), 0),
        (_effect(1, "prepare", "p:1:canary.1:prepare"), _effect(2, "prepare", "p:2:canary.1:prepare"), 1),
        (_effect(1, "prepare", "p:1:canary.1:prepare"), _effect(2, "prepare", "p:1:canary.2:prepare"), 0),
        (_effect(1, "acquire", ""), _effect(2, "acquire", ""), 1),
        (
            _effect(1, "exit_position", "p:1:1:exit:candidate.WTI", instrument="WTI", order_id="o1"),
            _effect(2, "exit_position", "p:1:2:exit:candidate.WTI", instrument="WTI", order_id="o2"),
            0,
        ),
    ],
)
def test_a_second_effect_is_doubled_only_when_it_is_the_same_one(
    first: dict[str, Any], second: dict[str, Any], found: int
) -> None:
    assert [each.n for each in doubled([first, second])] == [2] * found


def _chain(*kinds: str) -> list[ChainedEvent]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        ChainedEvent(
            event=AuditEvent(chain="p", seq=n, at=at, kind=kind, actor="ben", sentence=kind), previous=GENESIS, hash=""
        )
        for n, kind in enumerate(kinds, start=1)
    ]


@pytest.mark.parametrize(
    ("sent", "kinds", "lost"),
    [
        ([Sent(Verb.ROLLBACK)], ["rollback_accepted"], 0),
        ([Sent(Verb.ROLLBACK)], ["rollback_refused"], 0),
        ([Sent(Verb.APPROVE)], ["approved"], 0),
        ([Sent(Verb.HOLD)], ["approved"], 1),
        ([Sent(Verb.HOLD, "OPS_TEMPORAL_DOWN")], [], 0),
        ([Sent(Verb.HOLD), Sent(Verb.HOLD)], ["hold_accepted"], 1),
    ],
)
def test_a_verb_is_lost_when_it_was_taken_in_and_never_ruled_on(sent: list[Sent], kinds: list[str], lost: int) -> None:
    assert len(lost_verbs(sent, _chain(*kinds))) == lost


def _exposure(variant: Variant, capital: int, **changed: Any) -> Exposure:
    plain = Exposure(
        bot="bot", variant=variant, release=RELEASE.ref, mode=Mode.CANARY, capital=Decimal(capital), epoch=1,
        promotion_id="p", paused=False, open_orders=0, open_positions=1, lease_left_seconds=LEASE - 1,
    )  # fmt: skip
    return plain.model_copy(update=changed)


def _watched(*grants: Grant) -> Watched:
    return Watched("bot", RELEASE, TOTAL, "p", list(grants))


def test_exposure_is_safe_only_as_granted_to_this_promotion_under_a_lease_that_is_renewed() -> None:
    watched, baseline = _watched(CANARY), _exposure(Variant.BASELINE, 1000)
    assert watched.wrong([_exposure(Variant.CANDIDATE, 1000), baseline]) == ""
    for bad in (
        _exposure(Variant.CANDIDATE, 1001),
        _exposure(Variant.CANDIDATE, 1000, mode=Mode.LIVE),
        _exposure(Variant.CANDIDATE, 1000, promotion_id="another"),
        _exposure(Variant.CANDIDATE, 1000, lease_left_seconds=LEASE - 4),
        _exposure(Variant.CANDIDATE, 1000, lease_left_seconds=None),
    ):
        assert watched.wrong([bad, baseline])
    assert watched.wrong([_exposure(Variant.CANDIDATE, 1000)]), "the baseline is missing"


def test_without_exposure_flatness_decides_once_stable_has_the_whole() -> None:
    assert _watched(CANARY).wrong([_exposure(Variant.STABLE, 10000)]) is None
    assert _watched(CANARY).wrong([_exposure(Variant.STABLE, 9000)])
    assert _watched(CANARY).wrong([])


def test_cut_off_only_a_live_bot_that_takes_no_entries_and_holds_nothing_is_safe() -> None:
    idle = {"mode": Mode.LIVE, "paused": True, "open_positions": 0}
    assert _watched().wrong([_exposure(Variant.CANDIDATE, 10000, **idle)]) == ""
    for bad in ({"paused": False}, {"open_positions": 1}, {"open_orders": 1}, {"mode": Mode.CANARY}):
        assert _watched().wrong([_exposure(Variant.CANDIDATE, 10000, **{**idle, **bad})])


def test_more_than_granted_is_remembered_however_it_ends() -> None:
    watched = _watched(CANARY)
    watched.note_excess([_exposure(Variant.CANDIDATE, 1000), _exposure(Variant.BASELINE, 1000)])
    assert not watched.excess
    watched.note_excess([_exposure(Variant.CANDIDATE, 10000)])
    watched.note_excess([])
    assert "10000" in watched.excess


@pytest.mark.parametrize(
    ("looks", "seconds"),
    [
        ([(1.0, ""), (2.0, "")], 0.0),
        ([(1.0, ""), (2.0, "x"), (3.0, ""), (4.0, "x"), (5.0, "")], 4.0),
        ([(1.0, ""), (2.0, "x")], None),
        ([], None),
        ([(0.5, "x"), (1.5, "")], 0.0),
    ],
)
def test_seconds_to_safe_run_to_the_last_time_it_became_safe(
    looks: list[tuple[float, str]], seconds: float | None
) -> None:
    watched = _watched(CANARY)
    watched.looks = looks
    assert watched.seconds_to_safe(1.0, 10.0) == seconds


def test_the_proxy_lies_as_its_rows_say() -> None:
    true = {"status": "success", "data": {"result": [{"metric": {"a": "b"}, "values": [[7200.0, "1"]]}]}}
    result = {kind: tampered(true, kind)["data"]["result"] for kind in ("empty", "NaN", "stale", "duplicate series")}
    assert result["empty"] == []
    assert result["NaN"][0]["values"] == [[7200.0, "NaN"]]
    assert result["stale"][0]["values"] == [[3600.0, "1"]]
    assert len({json.dumps(series["metric"]) for series in result["duplicate series"]}) == 2


def test_no_fault_stands_in_two_rows() -> None:
    faults = [fault for row in rows.ROWS for fault in row.faults]
    assert len(faults) == len(set(faults))


def test_the_page_of_docs_is_made_by_the_matrix_and_tells_the_cells_it_holds() -> None:
    text = (rows.ROOT / "docs" / "faults.md").read_text()
    assert cells.FROM_CODE in text
    assert cells.ABOUT in text
    lines = [line.strip("| \n").replace("**", "") for line in text.splitlines() if line.startswith("| ")]
    assert tuple(lines[0].split(" | ")) == HEADER
    found = [tuple(line.split(" | "))[:2] for line in lines[1:]]
    assert len(found) == len(set(found))
    assert {fault for fault, _ in found} <= {fault for row in rows.ROWS for fault in row.faults}
    assert {stage for _, stage in found} <= set(STAGES)


def test_a_cell_below_the_bar_is_named_on_the_page() -> None:
    bad = GOOD._replace(safe=False, seconds_to_safe=None, outcome="not safe: residual | WTI")
    text = cells.page([GOOD, bad], "2 processors", ["the clock (no library)"])
    assert "1 do not meet the bar" in text
    assert "| **never** |" in text
    assert "residual / WTI" in text
    assert "Not run: the clock (no library)." in text
    assert "every cell ended safe" in cells.page([GOOD], "2 processors", [])
    assert cells.from_json(cells.as_json([GOOD, bad])) == [GOOD, bad]
