"""``ladder check`` on queries and units: what it refuses, what it warns of, and what a Prometheus says to them."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.test_prometheus_faults import END, Fake, error, fake, say, series, success
from typer.testing import CliRunner

from promotion_ladder.adapters.files import check_file
from promotion_ladder.cli import app

__all__ = ["fake"]

SHARE = """\
ladder: l
stages:
{canaries}  - {{name: live, mode: live, limits: *limits, guards: *guards,
     gates: [{{kind: heartbeat, name: alive, max_age: 30s}}]}}
"""
CANARY = """\
  - name: canary
    mode: canary
    capital: {share}
    baseline: {baseline}
    limits: &limits {{instruments: [WTI], price_band: 1%, max_order_value: 1, max_orders_per_minute: 1,
                     max_position_value: 1, venues: [v]}}
    guards: &guards {{checks: [{{kind: loss, name: loss, max_share: 2%}}]}}
    gates: &gates
      - kind: {kind}
        name: g
        {more}
        max: 3
        query: >-
          {query}
"""
GOOD = "sum($orders{$labels})"


def ladder(
    folder: Path,
    query: str = GOOD,
    *,
    kind: str = "threshold",
    more: str = "",
    share: str = "10%",
    baseline: str = "false",
) -> Path:
    file = folder / "l.yaml"
    one = CANARY.format(share=share, baseline=baseline, kind=kind, more=more, query=query)
    file.write_text(SHARE.format(canaries=one))
    return file


def check(*words: object) -> tuple[int, list[dict[str, Any]]]:
    found = CliRunner().invoke(app, ["check", *map(str, words), "-o", "json"])
    return found.exit_code, json.loads(found.stdout)


class TestQueries:
    def test_a_query_is_refused_where_it_stands(self, tmp_path: Path) -> None:
        status, (problem,) = check(ladder(tmp_path, "sum($orders{$labels}"))
        assert status == 1
        assert (problem["line"], problem["column"]) == (15, 16)
        assert (problem["field"], problem["severity"]) == ("stages[0].gates[0].query", "error")
        assert "no PromQL: unclosed left parenthesis, at character 4" in problem["message"]

    def test_a_warning_is_told_and_is_no_failure(self, tmp_path: Path) -> None:
        file = ladder(tmp_path, "$orders{$labels}")
        status, (problem,) = check(file)
        assert (status, problem["severity"]) == (0, "warning")
        shown = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["check", str(file)])
        assert shown.exit_code == 0
        assert "has one series only" in shown.stderr
        assert "nothing wrong" in shown.stdout

    def test_what_several_stages_share_is_told_once(self, tmp_path: Path) -> None:
        file = ladder(tmp_path, "topk(1, $orders{$labels})")
        more = "{name: more, mode: canary, capital: 50%, limits: *limits, guards: *guards, gates: *gates}"
        again = f"  - {more}\n  - {{name: live"
        file.write_text(file.read_text().replace("  - {name: live", again))
        assert len(check_file(file)) == 1


class TestUnits:
    """An amount of money grows with the capital it was made with."""

    @pytest.mark.parametrize(
        ("more", "query", "share", "baseline", "warned"),
        [
            ("unit: usd", GOOD, "10%", "false", "10% of the capital is compared with that of stable with 90%"),
            ("unit: usd", GOOD, "10%", "true", "10% of the capital is compared with that of stable with 80%"),
            ("unit: usd", GOOD, "50%", "false", ""),
            ("unit: usd", GOOD, "50%", "true", "50% of the capital is compared with that of stable with 0%"),
            ("{unit: usd, against: baseline}", GOOD, "10%", "true", ""),
            ("unit: per_capital", "sum($realized_pnl{$labels})", "10%", "false", ""),
            ("", "sum($realized_pnl{$labels})", "10%", "false", "10% of the capital"),
            ("", GOOD, "10%", "false", ""),
        ],
    )
    def test_a_limit_in_money_between_unequal_shares_is_warned_of(
        self, more: str, query: str, share: str, baseline: str, warned: str, tmp_path: Path
    ) -> None:
        more = more.strip("{}").replace(", ", "\n        ")
        problems = check_file(ladder(tmp_path, query, kind="delta", more=more, share=share, baseline=baseline))
        assert [problem.severity for problem in problems] == (["warning"] if warned else [])
        assert not warned or warned in problems[0].message

    def test_per_capital_is_refused_where_one_side_has_none(self, tmp_path: Path) -> None:
        file = ladder(tmp_path)
        gate = "{kind: delta, name: d, unit: per_capital, max: 1, query: 'sum($orders{$labels})'}"
        file.write_text(file.read_text().replace("{kind: heartbeat, name: alive, max_age: 30s}", gate))
        (problem,) = check_file(file)
        assert problem.field == "stages[1].gates[0].unit"
        assert "'per_capital' is for canary stages" in problem.message

    def test_an_unknown_unit_is_named(self, tmp_path: Path) -> None:
        (problem,) = check_file(ladder(tmp_path, kind="delta", more="unit: euro"))
        assert "'euro' is not allowed" in problem.message
        assert "usd, per_capital" in problem.hint


def now(*values: str) -> dict[str, Any]:
    return series(*values, ago=END.timestamp() - time.time())


class TestPrometheus:
    """Each query is asked for stable of one bot."""

    @pytest.fixture
    def asked(self, fake: Fake, tmp_path: Path) -> list[Any]:
        file = ladder(tmp_path)
        return [fake, file, "--prometheus", f"http://{fake.host}", "--bot", 'wti"trend']

    @pytest.mark.parametrize(
        ("code", "answer", "status", "severity", "says"),
        [
            (200, lambda: success(now("1", "2.5")), 0, "info", 'stable of wti"trend has 2.5 now, 2 samples'),
            (200, success, 0, "warning", "no sample in the window"),
            (200, lambda: success(now("1"), now("2")), 1, "error", "2 series where one was asked"),
            (200, lambda: success(now("1"), warnings=["partial"]), 1, "error", "partial"),
            (200, lambda: success(now("NaN")), 1, "error", "the newest sample is NaN"),
            (400, lambda: error("bad_data", "no such function"), 1, "error", "no such function"),
            (503, lambda: error("timeout", "too slow"), 1, "error", "too slow"),
        ],
    )
    def test_its_answer_is_told_beside_the_query(
        self, asked: list[Any], code: int, answer: Callable[[], dict[str, Any]], status: int, severity: str, says: str
    ) -> None:
        server, *words = asked
        server.behave = say(code, answer())
        found, (problem,) = check(*words)
        assert (found, problem["severity"]) == (status, severity)
        assert says in problem["message"]
        assert (problem["line"], problem["field"]) == (15, "stages[0].gates[0].query")
        assert server.hits[0]["query"] == 'sum(quantbot_orders_total{bot="wti\\"trend",variant="stable"})'

    def test_one_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        status, (problem,) = check(ladder(tmp_path), "--prometheus", "http://127.0.0.1:1", "--bot", "b")
        assert (status, problem["severity"]) == (1, "error")
        assert "cannot be reached" in problem["message"]

    @pytest.mark.parametrize("words", [["--bot", "b"], ["--prometheus", "http://x"]])
    def test_url_and_bot_go_together(self, words: list[str], tmp_path: Path) -> None:
        assert CliRunner().invoke(app, ["check", str(ladder(tmp_path)), *words]).exit_code == 2
