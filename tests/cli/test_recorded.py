"""``ladder backtest``, ``tune`` and ``plan`` as typed: answers, exit codes, one sentence for each bad input."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.core.histories import trades
from typer.testing import CliRunner

from promotion_ladder.adapters.history_files import read_history
from promotion_ladder.cli import app
from promotion_ladder.core.platform import Variant

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG"
LADDER = """\
ladder: made-up
stages:
  - name: paper
    mode: paper
    observe: {{min: 30m, max: 2h}}
    gates: [{{kind: trades, name: worth-it, min_n: 20, min_win_rate: {win_rate}}}]
    exit: {{kind: veto, window: 20m}}
  - name: canary
    mode: canary
    capital: 10%
    baseline: true
    limits: &limits
      instruments: [WTI]
      price_band: 1%
      max_order_value: 1
      max_orders_per_minute: 1
      max_position_value: 1
      venues: [sim]
    observe: {{min: 2h, max: 8h, every: 5m}}
    guards: &guards {{checks: [{{kind: loss, name: loss, max: {loss}}}]}}
    gates: [{{kind: non_inferiority, name: earns, margin: {margin}, slice: 5m}}]
  - name: live
    mode: live
    limits: *limits
    guards: *guards
    observe: {{min: 1h, max: 4h}}
    gates: [{{kind: trades, name: worth-it, min_n: 20}}]
"""


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "160"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def ladder_file(folder: Path, win_rate: str = "40%", loss: int = 5000, margin: str = "0.004") -> str:
    path = folder / "made-up.yaml"
    path.write_text(LADDER.format(win_rate=win_rate, loss=loss, margin=margin))
    return str(path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recorded")
    with (folder / "trades.jsonl").open("w") as file:
        for variant, seed in ((Variant.CANDIDATE, 1), (Variant.BASELINE, 2)):
            for trade in trades(2.0, seed):
                file.write(json.dumps({**trade.model_dump(mode="json"), "variant": variant}) + "\n")
    return str(folder)


ENDS: list[tuple[dict[str, Any], list[str], int, str]] = [
    ({}, [], 0, "live"),
    ({"loss": 1}, [], 3, "aborted"),
    ({"win_rate": "95%"}, [], 5, "held"),
    ({}, ["--to", "2026-09-01T02:00"], 6, "running"),
]


@pytest.mark.parametrize(("ladder", "words", "status", "ended"), ENDS)
def test_how_it_ended_is_its_exit_status(
    tmp_path: Path, recorded: str, ladder: dict[str, Any], words: list[str], status: int, ended: str
) -> None:
    file = ladder_file(tmp_path, **ladder)
    code, out, _ = run("backtest", file, "--history", recorded, *words, "-o", "json")
    answer = json.loads(out)
    assert (code, answer["ended"]) == (status, ended)
    assert answer["decisions"]
    assert all({"at", "stage", "decision", "code", "sentence", "verdicts"} <= set(one) for one in answer["decisions"])
    code, text, _ = run("backtest", file, "--history", recorded, *words)
    assert code == status
    assert answer["why"] in " ".join(text.split())


def test_only_changes_are_told_unless_all_are_asked_for(tmp_path: Path, recorded: str) -> None:
    file = ladder_file(tmp_path)
    few, every = (
        json.loads(run("backtest", file, "--history", recorded, *more, "-o", "json")[1]) for more in ([], ["--all"])
    )
    assert len(few["decisions"]) < len(every["decisions"]) == every["judgements"] == few["judgements"]
    assert few["why"] == every["why"]
    assert [one["decision"] for one in few["decisions"] if one["stage"] == "paper"][-2:] == ["window opens", "advance"]


def test_pictures_are_drawn(tmp_path: Path, recorded: str) -> None:
    evidence, tuning = tmp_path / "evidence.png", tmp_path / "tuning.png"
    run("backtest", ladder_file(tmp_path), "--history", recorded, "--plot", str(evidence))
    run("tune", ladder_file(tmp_path), "--history", recorded, "--splits", "20", "--plot", str(tuning))
    assert evidence.read_bytes()[:4] == tuning.read_bytes()[:4] == PNG
    code, _, err = run(
        "backtest", ladder_file(tmp_path), "--history", recorded, "--plot", str(tmp_path / "none" / "evidence.png")
    )
    assert code == 1
    assert "cannot be written" in err


def test_tune_tells_each_gate_and_what_it_left_out(tmp_path: Path, recorded: str) -> None:
    words = ("tune", ladder_file(tmp_path), "--history", recorded, "--variant", "candidate", "--splits", "40")
    code, out, _ = run(*words, "-o", "json")
    answer = json.loads(out)
    assert (code, answer["variant"], answer["splits"]) == (0, "candidate", 40)
    assert [(one["stage"], one["gate"]) for one in answer["tuned"]] == [
        ("paper", "worth-it"), ("canary", "earns"), ("live", "worth-it"),
    ]  # fmt: skip
    assert [one["gate"] for one in answer["not_tuned"]] == ["loss", "loss"]
    assert run(*words, "-o", "json")[1] == out
    text = run(*words)[1]
    assert "not tuned: canary loss (loss): a hard limit on money" in text
    noisy = run("tune", ladder_file(tmp_path, win_rate="70%"), "--history", recorded, "--splits", "40")[1]
    assert noisy.index("paper worth-it is noisy") < noisy.index("1. tighten") < noisy.index("3. only then relax")


def test_plan_says_how_long_or_what_could_be_shown(tmp_path: Path, recorded: str) -> None:
    code, out, _ = run("plan", ladder_file(tmp_path), "--history", recorded, "-o", "json")
    (one,) = json.loads(out)["gates"]
    assert (code, one["gate"]) == (0, "earns")
    assert one["watch"]
    code, out, _ = run("plan", ladder_file(tmp_path, margin="0.0001"), "--trades-per-hour", "60", "--sd", "0.008")
    assert code == 1
    assert "could be shown by then" in out


BAD: list[tuple[list[str], int, str]] = [
    (["backtest", "LADDER"], 1, "nothing was recorded"),
    (["backtest", "LADDER", "--history", "none"], 1, "none is no directory"),
    (["backtest", "LADDER", "--history", "RECORDED", "--from", "noon"], 2, "'noon' is no time"),
    (["backtest", "LADDER", "--history", "RECORDED", "--from", "2026-10-01"], 1, "before the climb begins"),
    (["backtest", "LADDER", "--history", "RECORDED", "--capital", "lots"], 2, "'lots' is no amount"),
    (["backtest", "LADDER", "--prometheus", "http://127.0.0.1:9"], 2, "--prometheus needs --bot"),
    (["backtest", "nowhere.yaml", "--history", "RECORDED"], 1, "nowhere.yaml"),
    (["tune", "LADDER"], 2, "--history"),
    (["tune", "LADDER", "--history", "RECORDED", "--variant", "stable"], 1, "nothing was recorded of stable"),
    (["plan", "LADDER"], 2, "either --history"),
    (["plan", "LADDER", "--trades-per-hour", "0", "--sd", "1"], 2, "above zero"),
]


@pytest.mark.parametrize(("words", "status", "said"), BAD, ids=[case[2] for case in BAD])
def test_bad_input_is_answered_in_one_sentence(
    tmp_path: Path, recorded: str, words: list[str], status: int, said: str
) -> None:
    places = {"LADDER": ladder_file(tmp_path), "RECORDED": recorded}
    code, _, err = run(*(places.get(word, word) for word in words))
    assert code == status
    assert said in " ".join(re.sub(r"[│╭╮╰╯─]", " ", err).split())
    assert "Traceback" not in err


def test_a_prometheus_that_does_not_answer_is_said(tmp_path: Path) -> None:
    up = ladder_file(tmp_path)
    text = Path(up).read_text().replace("slice: 5m", "slice: 5m, sum: sum(x), count: sum(y)")
    Path(up).write_text(text)
    code, _, err = run(
        "backtest", up, "--prometheus", "http://127.0.0.1:9", "--bot", "b", "--release", "2", "--stable", "1",
        "--from", "2026-09-01", "--to", "2026-09-02",
    )  # fmt: skip
    assert code == 1
    assert "OPS_SOURCE_DOWN" in err


def test_a_series_for_no_gate_is_said(tmp_path: Path, recorded: str) -> None:
    folder = tmp_path / "with"
    folder.mkdir()
    (folder / "trades.jsonl").write_text((Path(recorded) / "trades.jsonl").read_text())
    line = {"at": "2026-09-01T00:01:00Z", "gate": "earn", "field": "sum", "variant": "candidate", "value": 1}
    (folder / "series.jsonl").write_text(json.dumps(line))
    out = run("backtest", ladder_file(tmp_path), "--history", str(folder))[1]
    assert "a series is for 'earn', which is no gate of made-up" in out


def test_the_examples_of_the_page_are_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "backtest.md").read_text()
    named = re.compile(r"`((?:trades|series|heartbeats)\.(?:jsonl|csv))`")
    blocks = {
        named.findall(page, 0, fence.start())[-1]: fence[1]
        for fence in re.finditer(r"^```(?:json|csv)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    }
    assert set(blocks) == {"trades.jsonl", "trades.csv", "series.jsonl", "heartbeats.jsonl"}
    for name in set(blocks) - {"trades.csv"}:
        (tmp_path / name).write_text(blocks[name])
    read, notes = read_history(tmp_path)
    assert {key.gate for key in read.series} == {"tick-to-trade-p99", "rejects"}
    assert set(read.beats) == {"bot", "market_data"}
    assert notes == ["tick-to-trade-p99 (query, candidate): 1 of 2 values are no number"]
    (tmp_path / "trades.jsonl").unlink()
    (tmp_path / "trades.csv").write_text(blocks["trades.csv"])
    again = read_history(tmp_path).history
    for variant in (Variant.CANDIDATE, Variant.BASELINE):
        assert again.trades(variant).trades == read.trades(variant).trades != []
