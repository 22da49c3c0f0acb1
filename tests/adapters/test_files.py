"""Operator files: every mistake is told with its place, its field and what would be right."""

import re
from pathlib import Path

import pytest

from promotion_ladder.adapters.files import Problem, check_file

SAMPLE = Path(__file__).parent / "sample"
LADDER, POLICY, PEOPLE, RELEASE = (
    (SAMPLE / name).read_text() for name in ("ladders/base.yaml", "policy.yaml", "people.yaml", "releases/r.yaml")
)
EXIT = LADDER[LADDER.index("    exit:") : LADDER.index("  - name: live")]
GUARDS = LADDER[LADDER.index("    guards:") : LADDER.index("    pause:")]

# In each row one thing of a good file is replaced; then the first problem must be at this place, in these words.
Row = tuple[str, str, str, str, str, str]
IN_LADDER: list[Row] = [
    # what is replaced, by what, line:column, field, part of the message, part of the hint
    ("mode: canary", "mode: canery", "8:11", "stages[1].mode", "'canery' is not allowed", "did you mean 'canary'?"),
    ("capital: 10%", "capitol: 10%", "9:5", "stages[1].capitol", "no field 'capitol'", "did you mean 'capital'?"),
    ("capital: 10%", "capital: 10", "9:14", "stages[1].capital", "at most 1, was '10'", "as '10%'"),
    ("capital: 10%", "capital: ten", "9:14", "stages[1].capital", "must be a share, was 'ten'", "10% or 0.1"),
    ("capital: 10%", "capital: 1O%", "9:14", "stages[1].capital", "'1O%' is not a percentage", ""),
    ("capital: 10%", "capital: 100%", "9:5", "stages[1].capital", "above 0% and below 100%", ""),
    ("      price_band: 1%\n", "", "11:7", "stages[1].limits", "'price_band' is missing", "Largest distance"),
    ("max_order_value: 100", "max_order_value: 0", "13:24", "stages[1].limits.max_order_value", "above 0, was '0'", ""),
    ("per_minute: 10", "per_minute: 1.5", "14:30", "stages[1].limits.max_orders_per_minute", "whole number", ""),
    ("per_minute: 10", "per_minute: true", "14:30", "stages[1].limits.max_orders_per_minute", "whole number", ""),
    ("venues: [sim]", "venues: sim", "16:15", "stages[1].limits.venues", "must be a list", "[one, two]"),
    ("venues: [sim]", "venues: []", "16:15", "stages[1].limits.venues", "at least 1 entry", ""),
    ("kind: loss", "kind: lost", "19:18", "stages[1].guards.checks[0].kind", "no kind 'lost'", "did you mean 'loss'?"),
    ("kind: loss, ", "", "19:11", "stages[1].guards.checks[0]", "'kind' is missing", "kinds: drawdown, heartbeat"),
    ("max: 5}", "max: five}", "19:41", "stages[1].guards.checks[0].max", "a number, was 'five'", ""),
    ("max: 5}", "max: '1,5'}", "19:41", "stages[1].guards.checks[0].max", "a number, was '1,5'", "written '.'"),
    ("max: 5}", "max: NaN}", "19:41", "stages[1].guards.checks[0].max", "a finite number", ""),
    ("max: 5}", "max: 5, max_share: 1%}", "19:36", "stages[1].guards.checks[0].max", "either 'max'", ""),
    ("max: 5}", "maxx: 5}", "19:36", "stages[1].guards.checks[0].maxx", "no field 'maxx'", "did you mean 'max'?"),
    ("max: 5}", "max: 5}\n        - {kind: loss, name: loss, max: 9}", "20:30",
     "stages[1].guards.checks[1].name", "guard names must differ", ""),
    (GUARDS, "", "7:5", "stages[1]", "needs 'guards'", ""),
    ("pause: 20m", "pause: soon", "20:12", "stages[1].pause", "'soon' is not a duration", "'until_resumed'"),
    ("pause: 20m", "pause: 20", "20:12", "stages[1].pause", "needs its unit, was '20'", "'20m'"),
    ("pause: 20m", "pause: 1:30", "20:12", "", "'1:30' is a number to some", "'1m30s'"),
    ("pause: 20m", "pause:", "20:11", "stages[1].pause", "has no value", "remove the line"),
    ("pause: 20m", "pause: -PT5M", "20:12", "stages[1].pause", "shorter than nothing", ""),
    ("pause: 20m", "pause: [1m]", "20:12", "stages[1].pause", "must be a duration", "1h30m"),
    ("every: 60s", "every: 0s", "21:31", "stages[1].observe.every", "longer than nothing", ""),
    ("every: 60s", "evry: 60s", "21:24", "stages[1].observe.evry", "no field 'evry'", "did you mean 'every'?"),
    ("every: 60s", "every: 1s", "21:24", "stages[1].observe.every", "more than 2000", "gates need not"),
    ("min: 1h,", "min: 1h, max: 30m,", "21:24", "stages[1].observe.max", "'max' is shorter than 'min'", ""),
    ("kind: threshold", "kind: treshold", "23:15", "stages[1].gates[0].kind", "no kind 'treshold'", "'threshold'?"),
    ("        max: 0.25\n", "", "23:9", "stages[1].gates[0]", "state 'min', 'max' or both", "could not fail"),
    ("max: 0.25", "max: 0.25\n        min: 1", "27:9", "stages[1].gates[0].min", "is above 'max'", "no value"),
    ("$orders", "$order", "25:16", "stages[1].gates[0].query", "the query uses $order, known are", ""),
    ("$orders", "$ orders", "25:16", "stages[1].gates[0].query", "cannot be read", "$$ for a dollar"),
    ("query: sum(rate($orders{$labels}[$window]))", "query: ''", "25:16", "stages[1].gates[0].query",
     "not be empty", ""),
    ("kind: threshold", "kind: ratio\n        against: baseline", "24:18", "stages[1].gates[0].against",
     "the stage runs none", "baseline: true"),
    ("kind: threshold", "kind: delta\n        against: basline", "24:18", "stages[1].gates[0].against",
     "'basline' is not allowed", "did you mean 'baseline'?"),
    ("kind: approval", "kind: aproval", "28:13", "stages[1].exit.kind", "no kind 'aproval'", "'approval'?"),
    (EXIT, "    exit: veto\n", "27:11", "stages[1].exit", "'window' is missing", "How long"),
    (EXIT, "    exit: never\n", "27:11", "stages[1].exit", "no kind 'never'", "kinds: approval, auto, veto"),
    ("expires: 5m", "expires: 5m\n      quorum: 0", "31:15", "stages[1].exit.quorum", "at least 1, was '0'", ""),
    ("expires: 5m", "expires: 5m\n      four_eyes: perhaps", "31:18", "stages[1].exit.four_eyes", "true or false", ""),
    ("roles: [risk]", "roles: []", "29:14", "stages[1].exit.roles", "at least 1 entry", "An approver"),
    ("      expires: 5m\n", "", "28:7", "stages[1].exit", "'expires' is missing", "Unanswered"),
    ("expires: 5m", "expires: 0s", "30:16", "stages[1].exit.expires", "longer than nothing", ""),
    ("name: canary", "name: replay", "7:11", "stages[1].name", "'replay' stands twice", ""),
    ("name: canary", "name: can ary", "7:11", "stages[1].name", "must be a name, was 'can ary'", "letters, digits"),
    ("mode: replay", "mode: live", "3:5", "stages[0]", "needs 'limits'", ""),
    ("mode: replay", "mode: paper\n    capital: 5%", "5:5", "stages[0].capital", "belongs to canary", ""),
    ("mode: live", "mode: canary\n    capital: 5%", "33:14", "stages[2].capital", "less capital than 'canary'", ""),
    ("mode: live", "mode: canary\n    capital: 20%", "32:11", "stages[2].mode", "the last stage must be live", ""),
    ("mode: live", "mode: live\n    baseline: yes", "33:5", "stages[2].baseline", "needs a canary stage", ""),
    ("    gates: [{kind: trades, name: t, min_n: 5}]\n", "", "31:5", "stages[2]", "'gates' is missing", "must pass"),
    ("{kind: trades, name: t, min_n: 5}", "", "37:12", "stages[2].gates", "at least 1 entry", "must pass"),
    ("{kind: trades, name: t, min_n: 5}", "trades", "37:13", "stages[2].gates[0]", "a mapping of fields", "'kind'"),
    ("min_n: 5", "min_n: 0", "37:44", "stages[2].gates[0].min_n", "at least 1, was '0'", ""),
    (", min_n: 5", "", "37:13", "stages[2].gates[0]", "at least one floor", "would always pass"),
    ("min_n: 5}]", "min_n: 5}, {kind: heartbeat, name: t, max_age: 1s}]", "37:72", "stages[2].gates[1].name",
     "gate names must differ", ""),
    ("max_age: 5s", "max_age: 5", "36:59", "stages[2].guards.checks[0].max_age", "needs its unit", "'5s'"),
    ("stages:", "stage:", "1:1", "", "'stages' is missing", "The rungs"),
    ("ladder: base", "ladder: base\npreflight: [{name: x}]", "2:13", "preflight[0]", "either 'command'", ""),
    ("ladder: base", "ladder: base\npreflight: [{name: x, http: ftp://x}]", "2:29", "preflight[0].http", "http://", ""),
    ("ladder: base", "ladder: base\nmetrics: {orders: }", "2:18", "metrics.orders", "has no value", ""),
    # --- not YAML, or YAML that people and programs read differently
    ("    mode: replay", "    name: again\n    mode: replay", "4:5", "stages[0].name", "on line 3", "keep one"),
    ("[risk]", "!!python/object:os.system [risk]", "29:14", "", "the tag 'python/object:os.system'", "plain value"),
    ("[risk]", "!env RISK", "29:14", "", "the tag '!env' is not allowed", ""),
    ("[risk]", "*nobody", "29:14", "", "undefined alias 'nobody'", "define it before"),
    ("[risk]", "&self [*self]", "29:14", "", "contains itself", ""),
    ("ladder: base", "ladder: base\n<<: {}", "2:1", "", "merge keys", "'limits: *name'"),
    ("ladder: base", "ladder: base\n---\nladder: other", "2:1", "", "several documents", "one document"),
    ("    mode: replay", "\tmode: replay", "4:1", "", "a tab where spaces belong", "indent with spaces"),
    ("    mode: replay", "   mode: replay", "4:4", "", "the indentation does not fit", "align"),
    ("ladder: base", "ladder: base: 1", "1:13", "", "a ':' where none may stand", "quotes"),
    ("ladder: base", "ladder: base\n? [a, b]\n: 1", "2:3", "", "must be plain text", ""),
    ("ladder: base", 'ladder: base\nabout: "a\x07b"', "2:1", "", "control character (#x0007)", ""),
    (LADDER, "", "1:1", "", "the file is empty", ""),
    (LADDER, "- a\n", "1:1", "", "must be a mapping", ""),
    (LADDER, "ham: 1\n", "1:1", "", "no ladder, policy, people, release or slack", "begins with 'routes:'"),
]  # fmt: skip
IN_OTHERS: list[Row] = [
    ("strategy:", "strateg:", "2:3", "routes.strateg", "'strateg' is not known", "did you mean 'strategy'?"),
    ("  docs: {no_ladder: nothing runs}\n", "", "1:1", "routes", "no line for docs", "a reason for none"),
    ("  lift: [risk]\n", "", "10:1", "rights", "no line for lift", "[anyone]"),
    ("veto: [anyone]", "vetoo: [anyone]", "13:3", "rights.vetoo", "'vetoo' is not known", "did you mean 'veto'?"),
    ("{no_ladder: nothing runs}", "{}", "9:9", "routes.docs", "either 'ladder' or 'no_ladder'", ""),
    ("{no_ladder: nothing runs}", "standard", "9:9", "routes.docs", "a mapping of fields", ""),
    ("{no_ladder: nothing runs}", "{no_ladder: ''}", "9:21", "routes.docs.no_ladder", "not be empty", ""),
    ("start: [quant]", "start: quant", "11:10", "rights.start", "must be a list", ""),
    ("name: rita", "name: ana", "5:5", "people[1]", "'ana' names two people", ""),
    ("name: rita", "name: rita\n    os_user: ana", "5:5", "people[1]", "'ana' names both ana and rita", ""),
    ("email:", "mail:", "3:5", "people[0].mail", "no field 'mail'", "did you mean 'email'?"),
    (
        "name: rita\n    roles: [risk]",
        "name: rita\n    roles: [risk manager]",
        "6:13",
        "people[1].roles[0]",
        "be a name",
        "",
    ),
    *(
        ("name: rita", f"name: rita\n    away: [{{{away}}}]", f"6:{column}", f"people[1].away[0]{field}", message, hint)
        for away, column, field, message, hint in (
            ("from: 2026-11-21, delegate: ana", 12, "", "'until' is missing", "The last day"),
            ("from: 2026-11-21, until: 2026-11-28", 12, "", "'delegate' is missing", "Who stands in"),
            ("from: 2026-11-21, until: 2026-11-20, delegate: ana", 38, ".until", "'until' is before 'from'", ""),
            (
                "from: 2026-11-21, until: 2026-11-31, delegate: ana",
                38,
                ".until",
                "'2026-11-31' is no day",
                "2026-11-21",
            ),
            ("from: 2026-11-21, until: 2030-01-01, delegate: ana", 38, ".until", "longer than a year", "'roles'"),
            ("from: soon, until: 2026-11-20, delegate: ana", 19, ".from", "'soon' is no day", "write it as"),
            ("from: 2026-11-21, until: 2026-11-28, delegate: eve", 60, ".delegate", "'eve' is nobody's name", ""),
            ("from: 2026-11-21, until: 2026-11-28, delegate: rita", 60, ".delegate", "who is away", "somebody else"),
        )
    ),
    ("people:", "groups: {risk: [risk]}\npeople:", "1:16", "groups.risk", "'risk' is no id of a Slack", "S and digits"),
    ("people:", "groups: {S0RISK: []}\npeople:", "1:18", "groups.S0RISK", "at least 1 entry", ""),
    ("people:", "groups: {S0RISK: risk}\npeople:", "1:18", "groups.S0RISK", "must be a list", ""),
    (PEOPLE, "people: []", "1:9", "people", "at least 1 entry", "Everybody"),
    ("change: params", "change: param", "5:9", "change", "'param' is not allowed", "did you mean 'params'?"),
    ("artifact: sha256:a", "artifact: sha256:z", "3:11", "artifact", "64 hex digits", "sha256sum"),
    ("author: ana\n", "", "1:1", "", "'author' is missing", "principal"),
    ("version: 2.10", "version:", "2:9", "version", "has no value", ""),
    ("version: 2.10", "version: {a: 1}", "2:10", "version", "must be text", ""),
]


def _wrong(text: str, tmp_path: Path) -> list[Problem]:
    file = tmp_path / "base.yaml"
    file.write_text(text, encoding="utf-8")
    return check_file(file)


@pytest.mark.parametrize("row", [*IN_LADDER, *IN_OTHERS], ids=lambda row: f"{row[1].strip()[:40]!r} {row[2]}")
def test_a_mistake_is_told_with_place_field_and_what_would_be_right(row: Row, tmp_path: Path) -> None:
    old, new, place, field, message, hint = row
    good = next(text for text in (LADDER, POLICY, PEOPLE, RELEASE) if old in text)
    problems = _wrong(good.replace(old, new, 1), tmp_path)
    first = problems[0]
    assert (f"{first.line}:{first.column}", first.field) == (place, field), first
    assert message in first.message
    assert hint in first.hint
    for jargon in ("Input should", "validation", "tuple", "dict", "pydantic", "Field required", "extra_forbidden"):
        assert not re.search(rf"\b{jargon}\b", str(first))


@pytest.mark.parametrize("text", [LADDER, POLICY, PEOPLE, RELEASE], ids=["ladder", "policy", "people", "release"])
def test_the_files_the_table_starts_from_are_good(text: str, tmp_path: Path) -> None:
    assert _wrong(text, tmp_path) == []


def test_a_problem_is_one_line_that_an_editor_can_follow(tmp_path: Path) -> None:
    problem = _wrong(LADDER.replace("mode: canary", "mode: canery"), tmp_path)[0]
    assert str(problem) == (
        f"{tmp_path}/base.yaml:8:11: stages[1].mode: 'canery' is not allowed "
        "(did you mean 'canary'? allowed: replay, shadow, paper, canary, live)"
    )


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = LADDER.replace("max_age: 5s", "max_age: 5").replace("mode: replay", "mode: rply").replace("10%", "ten")
    assert [problem.line for problem in _wrong(text, tmp_path)] == [4, 9, 36]


def test_a_faulty_entry_does_not_make_its_list_empty_too(tmp_path: Path) -> None:
    problems = _wrong(LADDER.replace("{kind: trades, name: t, min_n: 5}", "{kind: trade, name: t}"), tmp_path)
    assert len(problems) == 1
