"""``ladder evaluate``: recorded evidence judged with no server, what is written oddly, and the examples of its page."""

import json
import re
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from tests.e2e.rig import LADDER
from typer.testing import CliRunner

from promotion_ladder.adapters.files import judge_line, schemas
from promotion_ladder.cli import app
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evaluate import CHECKS, EVIDENCE
from promotion_ladder.core.evidence import Evidence
from promotion_ladder.core.gates import Gate, Guard
from promotion_ladder.core.verdict import Outcome, Verdict

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "evaluate.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
VECTORS = json.loads((ROOT / "tests" / "vectors" / "quant_rollout_decisions.json").read_text())["cases"]
LONG_AGO = "1900-01-01T00:00:00Z"
DIFFERENT = {
    "gate_n_zero_empty", "gate_default_losing", "kill_wr_list_order", "kill_ev_size_zero", "kill_lookback_zero_all",
}  # fmt: skip

THRESHOLD = {"kind": "threshold", "max": 1}
NUMBER = {"kind": "number", "value": 1}


def judged(gate: Any, evidence: Any) -> Verdict:
    return judge_line(json.dumps({"id": "c", "gate": gate, "evidence": evidence}).encode()).verdict


def text(gate: str, evidence: str) -> Verdict:
    """The same, in the very words of a file."""
    return judge_line(f'{{"gate": {gate}, "evidence": {evidence}}}'.encode()).verdict


def trades(*closed: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    outcomes = [{"pnl": pnl, "size": 10, "closed_at": at} for pnl, at in closed]
    frame = {"stage_entered_at": "2026-06-14T12:00:00Z", "now": "2026-06-15T12:00:00Z"}
    return {"kind": "trades", "candidate": outcomes, **frame, **more}


def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
    found = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["evaluate", *words], input=stdin)
    return found.exit_code, found.stdout, found.stderr


def problem(verdict: Verdict) -> dict[str, Any]:
    assert (verdict.outcome, verdict.code) == (Outcome.ERROR, Code.CASE_UNREADABLE)
    found = verdict.details["problem"]
    assert isinstance(found, dict)
    assert set(found) == {"field", "reason", "allowed"}
    return found


def test_every_gate_guard_and_evidence_is_known() -> None:
    known = {model for models in CHECKS.values() for model in models}
    assert known == {model for union in (Gate, Guard) for model in get_args(get_args(union)[0])}
    assert set(EVIDENCE.values()) == set(get_args(get_args(Evidence)[0]))


class TestWhatIsWrittenOddly:
    @pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", '"NaN"', '"+Inf"', '"nan"', "1e999"])
    def test_nan_and_infinity_are_no_data(self, written: str) -> None:
        for evidence, field in (
            (f'{{"kind": "number", "value": {written}}}', "value"),
            (f'{{"kind": "number", "value": {written}, "samples": 60}}', "value"),
        ):
            verdict = text('{"kind": "threshold", "min": 0}', evidence)
            assert (verdict.outcome, verdict.code) == (Outcome.NO_DATA, Code.NOT_A_NUMBER)
            assert f"evidence.{field} is " in verdict.sentence
        inner = json.dumps(trades((0, "2026-06-15T10:00:00Z"))).replace('"pnl": 0', f'"pnl": {written}')
        verdict = text('{"kind": "trades", "min_n": 1}', inner)
        assert (verdict.outcome, verdict.code) == (Outcome.NO_DATA, Code.NOT_A_NUMBER)
        assert "evidence.candidate.0.pnl is " in verdict.sentence

    @pytest.mark.parametrize("written", ["NaN", "Infinity", '"NaN"', "1e999", "1e-9999999999"])
    def test_a_limit_is_always_a_number(self, written: str) -> None:
        assert problem(text(f'{{"kind": "threshold", "max": {written}}}', json.dumps(NUMBER)))["field"] == "gate.max"

    def test_nan_does_not_excuse_another_fault(self) -> None:
        verdict = text(json.dumps(THRESHOLD), '{"kind": "number", "value": NaN, "at": "2026-06-15T12:00:00"}')
        assert problem(verdict)["field"] in ("evidence.value", "evidence.at")

    @pytest.mark.parametrize(
        ("limit", "value", "outcome"),
        [
            ("0.3", "0.3", Outcome.PASS), ("0.3", '"0.3"', Outcome.PASS), ('"0.3"', "0.3", Outcome.PASS),
            ("0.3", "0.30000000000000000000001", Outcome.FAIL), ("3e-1", "0.29999999999999999999", Outcome.PASS),
        ],
    )  # fmt: skip
    def test_numbers_are_read_exactly(self, limit: str, value: str, outcome: Outcome) -> None:
        verdict = text(f'{{"kind": "threshold", "max": {limit}}}', f'{{"kind": "number", "value": {value}}}')
        assert verdict.outcome is outcome
        assert verdict.value == Decimal(value.strip('"'))

    def test_null_is_no_value_and_among_samples_no_number(self) -> None:
        assert judged(THRESHOLD, {"kind": "number", "value": None}).code is Code.NO_DATA
        samples = '{"kind": "samples", "candidate": [1, null, NaN, "NaN", 2.5], "baseline": []}'
        read = EVIDENCE["samples"].model_validate(json.loads(samples))
        assert read.model_dump()["candidate"] == (1, None, None, None, 2.5)
        assert text(json.dumps(THRESHOLD), samples).code is Code.WRONG_EVIDENCE  # read, though not a threshold's

    def test_trades_of_the_future_and_from_before_the_stage_do_not_count(self) -> None:
        outside = [(5, "2026-06-15T12:00:01Z"), (5, "2026-06-14T11:59:59Z")]
        gate = {"kind": "trades", "min_n": 1}
        assert judged(gate, trades(*outside)).code is Code.NO_DATA
        verdict = judged(gate, trades(*outside, (5, "2026-06-14T12:00:00Z")))
        assert (verdict.outcome, verdict.n) == (Outcome.PASS, 1)
        after = trades((5, "2026-06-15T10:00:00Z"), stage_entered_at="2026-06-16T00:00:00Z")
        assert judged(gate, after).code is Code.NO_DATA

    def test_zones_are_converted(self) -> None:
        gate = {"kind": "trades", "min_n": 1}
        assert judged(gate, trades((5, "2026-06-15T13:30:00+02:00"))).passed
        assert not judged(gate, trades((5, "2026-06-15T11:30:00-02:00"))).passed
        assert judged(gate, trades((5, 1781524800))).passed  # seconds since 1970: exactly 'now'

    @pytest.mark.parametrize("moment", ["2026-06-15T12:00:00", "2026-06-15", "yesterday", "", True])
    def test_a_moment_without_its_zone_names_its_field(self, moment: object) -> None:
        found = problem(judged({"kind": "trades", "min_n": 1}, trades((5, "2026-06-15T10:00:00Z"), now=moment)))
        assert found["field"] == "evidence.now"
        assert "must be a moment with its time zone" in found["reason"]

    def test_trades_are_sorted_and_counted_as_often_as_they_stand(self) -> None:
        new, old = (-1, "2026-06-15T11:00:00Z"), (1, "2026-06-15T10:00:00Z")
        guard = {"kind": "streak", "win_rate_lookback": 2, "min_win_rate": 0.5}
        for order in ([new, new, old, old], [old, new, old, new], [old, old, new, new]):
            verdict = judged(guard, trades(*order))
            assert (verdict.outcome, verdict.value, verdict.n) == (Outcome.FAIL, Decimal(0), 4)

    def test_a_problem_is_believed_and_a_slip_in_it_refused(self) -> None:
        assert judged(THRESHOLD, {**NUMBER, "problem": "OPS_STALE_DATA"}).code is Code.STALE_DATA
        for evidence in ({**NUMBER, "problm": "OPS_STALE_DATA"}, {**NUMBER, "problem": "OPS_STALE"}):
            assert problem(judged(THRESHOLD, evidence))["field"].startswith("evidence.prob")
        inner = {"kind": "pair", "candidate": {"value": 1, "problm": "x"}, "baseline": {"value": 1}}
        assert problem(judged({"kind": "ratio", "max": 2}, inner))["field"] == "evidence.candidate.problm"


class TestCases:
    @pytest.mark.parametrize(
        ("line", "field", "reason", "allowed"),
        [
            ('{"id": 1', "", "not JSON", ""),
            ("\ufeff[]", "", "must be an object", ""),
            ("[" * 100_000, "", "nested too deeply", ""),
            ('{"id": 1, "id": 2}', "", "'id' stands twice", ""),
            ('{"id": [], "gate": {}, "evidence": {}}', "id", "text or a whole number", ""),
            ('{"id": true, "gate": {}, "evidence": {}}', "id", "text or a whole number", ""),
            ('{"id": 1}', "gate", "'gate' is missing", ""),
            ('{"id": 1, "gate": {"kind": "threshold", "max": 1}}', "evidence", "'evidence' is missing", ""),
            ('{"gate": "threshold", "evidence": {}}', "gate", "must be a mapping", ""),
            ('{"gate": {}, "evidence": {}}', "gate", "'kind' is missing", "kinds: threshold"),
            ('{"gate": {"kind": 7}, "evidence": {}}', "gate.kind", "there is no kind '7'", "kinds: threshold"),
            ('{"gate": {"kind": "tresh"}, "evidence": {}}', "gate.kind", "there is no kind 'tresh'", "kinds: thresho"),
            ('{"gate": {"kind": "threshold"}, "evidence": {}}', "gate", "state 'min', 'max' or both", ""),
            ('{"gate": {"kind": "trades", "min_n": 0}, "evidence": {}}', "gate.min_n", "at least 1", "at least 1"),
            ('{"gate": {"kind": "trades", "min_n": 1.5}, "evidence": {}}', "gate.min_n", "whole number", "at least 1"),
            ('{"gate": {"kind": "trades", "min_nn": 1}, "evidence": {}}', "gate.min_nn", "no field 'min_nn'", "min_n"),
            ('{"gate": {"kind": "heartbeat", "max_age": 5}, "evidence": {}}', "gate.max_age", "needs its unit", "0s"),
            ('{"gate": {"kind": "heartbeat", "max_age": 0.5}, "evidence": {}}', "gate.max_age", "its unit", "0s"),
            ('{"gate": {"kind": "threshold", "max": 1}, "evidence": []}', "evidence", "must be a mapping", ""),
            ('{"gate": {"kind": "threshold", "max": 1}, "evidence": {"kind": "x"}}', "evidence.kind", "kind 'x'", "pa"),
            ('{"gate": {"kind": "threshold", "max": 1}, "evidence": {"kind": "number"}}', "evidence", "'value'", ""),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_names_field_reason_and_what_is_allowed(
        self, line: str, field: str, reason: str, allowed: str
    ) -> None:
        found = problem(judge_line(line.encode()).verdict)
        assert found["field"] == field
        assert reason in found["reason"]
        assert allowed in found["allowed"]

    def test_a_line_that_is_not_text_is_told_as_well(self) -> None:
        assert "not UTF-8" in problem(judge_line(b'{"id": "\xff"}').verdict)["reason"]

    def test_the_range_is_told_from_both_sides(self) -> None:
        found = problem(judged({"kind": "trades", "min_win_rate": 55}, {}))
        assert (found["field"], found["allowed"]) == ("gate.min_win_rate", "at least 0 and at most 1")

    def test_evidence_of_another_kind_says_which_is_judged(self) -> None:
        verdict = judged({"kind": "trades", "min_n": 1}, NUMBER)
        assert (verdict.outcome, verdict.code) == (Outcome.ERROR, Code.WRONG_EVIDENCE)
        assert verdict.details["problem"] == {
            "field": "evidence.kind", "reason": "'trades' cannot judge evidence of kind 'number'", "allowed": "trades",
        }  # fmt: skip

    @pytest.mark.parametrize("kind", ["heartbeat", "staleness"])
    def test_what_is_gate_and_guard_is_read_by_its_fields(self, kind: str) -> None:
        for more in ({}, {"on_fail": "hold"}, {"fresh_for": "3s"}, {"on_trip": "hold", "scope": "bot"}):
            assert judged({"kind": kind, "max_age": "5s", **more}, {"kind": "number", "value": 6}).outcome == "fail"
        assert problem(judged({"kind": kind, "max_age": "5s", "on_fail": "hold", "on_trip": "hold"}, NUMBER))

    def test_min_samples_are_asked_only_where_stated(self) -> None:
        assert judged(THRESHOLD, NUMBER).passed
        assert judged({**THRESHOLD, "min_samples": 50}, NUMBER).code is Code.TOO_FEW_SAMPLES


class TestCommand:
    @pytest.mark.parametrize(
        ("evidence", "status"),
        [
            (NUMBER, 0),
            ({**NUMBER, "value": 2}, 5),
            ({**NUMBER, "problem": "OPS_SEVERAL_SERIES"}, 6),
            ({**NUMBER, "value": "NaN"}, 6),
            ({**NUMBER, "problem": "OPS_SOURCE_DOWN"}, 1),
            ({"kind": "holdings", "values": {}}, 1),
        ],
    )
    def test_the_exit_status_is_the_verdict(self, evidence: dict[str, Any], status: int, tmp_path: Path) -> None:
        (tmp_path / "gate.yaml").write_text(json.dumps(THRESHOLD))
        given = json.dumps(evidence)
        (tmp_path / "evidence.json").write_text(given)
        gate = str(tmp_path / "gate.yaml")
        assert run(gate, str(tmp_path / "evidence.json"))[0] == status
        found, said, _ = run(gate, "-", "-o", "json", stdin=given)
        assert (found, set(json.loads(said))) == (
            status, {"id", "verdict", "value", "limit", "reason", "details"},
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("gate", "evidence", "says"),
        [
            (None, "{}", "gate.yaml:1:1: there is no such file"),
            ("kind: trades\nmin_win_rate: 55\n", "{}", "gate.yaml:2:15: min_win_rate: must be at most 1, was '55'"),
            ("kind: trade\n", "{}", "gate.yaml:1:7: kind: there is no kind 'trade' here (did you mean 'trades'?"),
            ("kind: threshold\nmax: 1\n", None, "evidence.json cannot be read: No such file or directory"),
            ("kind: threshold\nmax: 1\n", "{", "evidence.json: not JSON: "),
            ("kind: threshold\nmax: 1\n", '{"kind": "number"}', "evidence.json: 'value' is missing"),
        ],
    )
    def test_what_cannot_be_read_is_one_sentence(
        self, gate: str | None, evidence: str | None, says: str, tmp_path: Path
    ) -> None:
        for name, text in (("gate.yaml", gate), ("evidence.json", evidence)):
            if text is not None:
                (tmp_path / name).write_text(text)
        files = str(tmp_path / "gate.yaml"), str(tmp_path / "evidence.json")
        status, out, err = run(*files)
        assert (status, out) == (1, "")
        assert says in err
        assert Code.CASE_UNREADABLE.next_step in err
        told = json.loads(run(*files, "-o", "json")[1])["error"]
        assert says in told["detail"]
        assert told["code"] == Code.CASE_UNREADABLE

    @pytest.mark.parametrize("words", [[], ["g.yaml"], ["g.yaml", "e.json", "--batch", "c.jsonl"], ["-o", "xml"]])
    def test_what_is_not_understood_ends_with_status_2(self, words: list[str]) -> None:
        assert run(*words)[0] == 2

    def test_a_batch_answers_each_line_in_order_and_says_at_the_end_if_one_could_not_be_read(self) -> None:
        good = [{"id": i, "gate": THRESHOLD, "evidence": {**NUMBER, "value": i % 3}} for i in range(20)]
        lines = [json.dumps(case) for case in good]
        status, said, _ = run("--batch", "-", "-o", "jsonl", stdin="\n\n".join(lines) + "\n")
        assert status == 0  # a fail is a verdict like another
        found = [json.loads(line) for line in said.splitlines()]
        assert [(line["id"], line["verdict"]) for line in found] == [
            (i, "fail" if i % 3 == 2 else "pass") for i in range(20)
        ]
        for bad in ("{", json.dumps({**good[0], "evidence": {"kind": "holdings", "values": {}}})):
            status, said, _ = run("--batch", "-", "-o", "json", stdin="\n".join([lines[0], bad, lines[1]]))
            assert (status, len(said.splitlines())) == (1, 3)
            assert json.loads(said.splitlines()[1])["verdict"] == "error"

    def test_a_batch_is_told_in_words_as_well(self) -> None:
        case = json.dumps({"id": "x", "gate": THRESHOLD, "evidence": NUMBER})
        status, said, _ = run("--batch", "-", stdin=f"{case}\n{{\n")
        assert status == 1
        assert "✔ x: pass: value is 1, limit at most 1 (value 1, limit 1)  [GOV_GATE_PASSED]" in said
        assert "? ?: error: not JSON" in said

    def test_a_batch_that_is_not_there_is_one_sentence(self) -> None:
        status, _, err = run("--batch", "/nowhere.jsonl")
        assert status == 1
        assert "/nowhere.jsonl cannot be read" in err

    def test_each_verdict_is_out_before_the_next_case_is_in(self) -> None:
        words = [str(LADDER), "evaluate", "--batch", "-", "-o", "jsonl"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for i in range(3):
                process.stdin.write(json.dumps({"id": i, "gate": THRESHOLD, "evidence": NUMBER}) + "\n")
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["id"] == i
            process.stdin.close()
            assert process.wait(30) == 0


class TestPage:
    """The examples of docs/evaluate.md are what the program says."""

    @staticmethod
    def block(language: str, holding: str) -> str:
        return next(str(text) for kind, text in BLOCKS if kind == language and holding in text)

    def test_one_gate_and_one_piece_of_evidence(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("gate.yaml").write_text(self.block("yaml", "worth-it"))
        evidence = self.block("json", "stage_entered_at")
        Path("evidence.json").write_text(evidence)
        command, _, answer = self.block("console", "gate.yaml").partition("\n")
        assert run(*command.split()[3:])[:2] == (5, answer)
        jsonschema.Draft202012Validator(schemas()["evidence"]).validate(json.loads(evidence))

    def test_many_cases(self) -> None:
        cases = self.block("jsonl", "quiet")
        status, said, _ = run("--batch", "-", "-o", "jsonl", stdin=cases)
        assert (status, said) == (1, self.block("json", "quiet"))

    def test_every_kind_of_check_is_beside_its_evidence(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ", PAGE, re.MULTILINE)
        told = {kind: row for kind, row in rows if kind in EVIDENCE}
        for kind, model in EVIDENCE.items():
            for check in re.findall(r"`(\w+)`", told.get(kind, "")):
                assert check in CHECKS, f"{check} stands beside {model.__name__}"

    def test_the_schema_of_a_case_agrees_with_what_is_read(self) -> None:
        schema = jsonschema.Draft202012Validator(schemas()["case"])
        good, quiet, _ = (json.loads(line) for line in self.block("jsonl", "quiet").splitlines())
        assert not list(schema.iter_errors(good))
        assert not list(schema.iter_errors({**quiet, "note": "mine"}))
        for wrong in (
            {**good, "gate": {"kind": "trade"}},
            {**good, "evidence": {"value": 1}},
            {**good, "id": 1.5},
            {"gate": good["gate"]},
        ):
            assert list(schema.iter_errors(wrong))


def as_case(vector: dict[str, Any]) -> dict[str, Any]:
    """What quant-rollout was asked, in our words: its gate as ``trades``, its kill as ``streak``."""
    closed = [
        {"pnl": pnl, "size": size, "closed_at": at if "+" in at else f"{at}Z"} for pnl, size, at in vector["trades"]
    ]
    frame = {"stage_entered_at": vector["entered"] or LONG_AGO, "now": vector["now"]}
    gate = vector["ladder"][vector["stage"] + 1] if vector["group"] == "gate" else None
    if gate is not None:
        names = {"min_days_after_prev": "min_days_in_stage"}
        check = {"kind": "trades"} | {names.get(name, name): limit for name, limit in gate.items()}
    else:
        names = {
            "wr_lookback": "win_rate_lookback",
            "wr_threshold": "min_win_rate",
            "ev_threshold": "min_ev_per_dollar",
        }
        check = {"kind": "streak"} | {names.get(name, name): limit for name, limit in vector["kill_switch"].items()}
    return {"id": vector["id"], "gate": check, "evidence": {"kind": "trades", "candidate": closed, **frame}}


def agrees(vector: dict[str, Any], verdict: Verdict) -> bool:
    """Whether our verdict is quant-rollout's answer, for the same criterion."""
    answer: dict[str, str] = vector.get("decimal_run", vector["expect"])
    if verdict.outcome is Outcome.ERROR:
        return False
    if vector["group"] == "kill":
        names = {"win_rate": "win rate", "ev_per_dollar": "value per dollar"}
        criterion, _, lookback = answer["reason"].partition("(")
        first = f"{names.get(criterion)} of the last {lookback.partition(')')[0]} trades"
        tripped = verdict.outcome is Outcome.FAIL
        return tripped == (answer["action"] == "kill") and (not tripped or verdict.sentence.startswith(first))
    if verdict.passed or verdict.outcome is Outcome.NO_DATA:
        return verdict.passed == (answer["action"] == "advance")
    criterion = answer["reason"].removeprefix("gate not yet met: ").partition("=")[0]
    return answer["action"] == "noop" and verdict.sentence.startswith(f"{criterion} is ")


class TestQuantRollout:
    """Its recorded answers: ours are the same, but for those that the page says and why."""

    def test_exactly_those_differ_that_the_page_names(self) -> None:
        cases = [vector for vector in VECTORS if "bug" not in vector["tags"]]
        found = {vector["id"]: judge_line(json.dumps(as_case(vector)).encode()).verdict for vector in cases}
        assert len(found) == 33
        assert {vector["id"] for vector in cases if not agrees(vector, found[vector["id"]])} == DIFFERENT
        assert set(re.findall(r"^\| `((?:gate|kill)_\w+)` \|", PAGE, re.MULTILINE)) == DIFFERENT

    def test_they_differ_as_the_page_says(self) -> None:
        found = {vector["id"]: judge_line(json.dumps(as_case(vector)).encode()).verdict for vector in VECTORS}
        for refused in ("gate_n_zero_empty", "gate_default_losing", "kill_lookback_zero_all"):
            assert found[refused].code is Code.CASE_UNREADABLE
        assert found["kill_wr_list_order"].outcome is Outcome.FAIL
        assert found["kill_ev_size_zero"].outcome is Outcome.NO_DATA

    def test_sums_are_exact_where_theirs_are_not(self) -> None:
        exact = [vector for vector in VECTORS if "decimal_run" in vector]
        assert len(exact) == 3
        assert all(vector["decimal_run"]["action"] != vector["expect"]["action"] for vector in exact)
