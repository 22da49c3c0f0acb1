"""What is said of a gate's PromQL before anything runs: syntax with its place, whose number it is, how many series."""

from pathlib import Path

import pytest

from promotion_ladder.adapters.files import load_ladder
from promotion_ladder.core.gates.threshold import MetricCheck
from promotion_ladder.core.promql import LONGEST, review

LADDERS = Path(__file__).parents[2] / "config" / "ladders"


def said(query: str, **metrics: str) -> list[tuple[bool, str]]:
    return [(remark.refused, remark.message) for remark in review(query, metrics)]


@pytest.mark.parametrize("name", ["standard", "quick", "demo"])
def test_there_is_nothing_to_say_of_the_shipped_ladders(name: str) -> None:
    ladder = load_ladder(LADDERS / f"{name}.yaml")
    gates = [gate for stage in ladder.stages for gate in stage.gates if isinstance(gate, MetricCheck)]
    assert gates or name == "quick"
    assert [remark for gate in gates for remark in review(gate.query, ladder.metrics)] == []


@pytest.mark.parametrize(
    "query",
    [
        "sum($orders{$labels})",
        "sum by (bot, variant) ($orders{$labels})",
        "sum($orders{$labels}) / (sum($fills{$labels}) > 0)",
        "(sum(increase($orders{$labels}[$window])) or vector(0)) + 2",
        "max_over_time(sum($orders{$labels})[10m:1m])",
        "scalar($orders{$labels})",
        "absent($orders{$labels}) or vector(0)",
        'label_replace(sum($orders{$labels}), "a", "b", "c", "d")',
        "avg($orders{$labels}) and sum by (instance) ($orders{$labels})",
        "avg($orders{$labels} offset 5m)",
        "sum($orders{$labels}) > bool 3",
        "-sum($orders{$labels})  # the other way round",
    ],
)
def test_what_can_only_answer_one_series_of_the_bot_is_right(query: str) -> None:
    assert said(query, fills="bot_fills_total") == []


@pytest.mark.parametrize(
    ("query", "why", "at", "near"),
    [
        ("sum(rate($orders{$labels}))", "expected type matrix in call to function 'rate'", 10, "'$orders{$labels}))'"),
        ("sum($orders{$labels})) + 1", "unexpected right parenthesis", 22, "') + 1'"),
        ("sum($orders{$labels}", "unclosed left parenthesis", 4, "'($orders{$labels}'"),
        ("sum($orders{$labels}) + rate(x[5m]", "unclosed left parenthesis", 29, "'(x[5m]'"),
        ("$orders{$labels} $orders{$labels}", "invalid promql query", 18, "'$orders{$labels}'"),
        ("1 + $orders{$labels} +", "invalid promql query", 22, "'+'"),
        ("summ($orders{$labels})", "unknown function with name 'summ'", 5, "'($orders{$labels})'"),
        ('sum($orders{$labels, x=~"("})', "illegal regex", 26, "'(\"})'"),
        ('sum($orders{$labels, x="\\"(})', "unterminated quoted string", 24, "'\"\\\"(})'"),
        ("sum($orders{$labels, x=y})", "unexpected identifier 'y'", 24, "'y})'"),
        ("  ", "no expression found", 1, "'  '"),
    ],
)
def test_what_prometheus_could_not_read_is_told_with_its_place(query: str, why: str, at: int, near: str) -> None:
    ((refused, message),) = said(query)
    assert refused
    assert why in message
    assert f"at character {at} of the query, near {near}" in message


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("sum($orders)", "no selector has $labels"),
        ("1", "no selector has $labels"),
        ('sum($orders{bot="wti-trend",variant="candidate"})', "no selector has $labels"),
        ('sum($orders{bot!="x"})', "no selector has $labels"),
        ("sum($orders{$labels or job='x'})", "no selector has $labels"),
        ("sum(up) / sum($orders{$labels})", "nothing above the division has $labels"),
        ("-(sum(up) / 3) / sum($orders{$labels})", "nothing above the division has $labels"),
        ("$orders{$labels}[5m]", "a range of samples"),
        ("($orders{$labels}[10m:1m])", "a range of samples"),
        ("sum by (le) (rate($tick_to_trade{$labels}[5m]))", "'sum by (le)' answers a series for each"),
        ("sum by (instance, bot) ($orders{$labels})", "'sum by (instance)' answers a series for each"),
        ("sum without (instance) ($orders{$labels})", "'sum without' leaves every other label"),
        ("abs(sum by (instance) ($orders{$labels}))", "'sum by (instance)'"),
        ("1 + sum by (instance) ($orders{$labels})", "'sum by (instance)'"),
        ("histogram_quantile(0.9, sum by (le, instance) (rate($tick_to_trade{$labels}[5m])))", "'sum by (instance)'"),
        ("topk(1, $orders{$labels})", "'topk' answers several series"),
        ("bottomk(2, $orders{$labels})", "'bottomk' answers several series"),
        ('count_values("v", $orders{$labels})', "'count_values' answers several series"),
        ("sum($orders{$labels}) + " + "1 + " * LONGEST + "1", f"more than {LONGEST} characters"),
        ("-" * 1500 + "sum($orders{$labels})", "nested too deeply"),
    ],
)
def test_what_would_judge_another_bot_or_answer_several_series_is_refused(query: str, why: str) -> None:
    refused = [message for bad, message in said(query) if bad]
    assert len(refused) == 1
    assert why in refused[0]


def test_text_has_no_bot_and_is_no_number() -> None:
    assert [message for _, message in said('"x"')][-1] == "the query answers text"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("$orders{$labels}", "'quantbot_orders_total' has one series only while it has no further labels"),
        ("rate($orders{$labels}[5m])", "'quantbot_orders_total' has one series only"),
        ("histogram_quantile(0.9, rate($tick_to_trade{$labels}[5m]))", "has one series only"),
        ("sum($orders{$labels}) > 5", "where '>' does not hold the query answers nothing"),
        ("(sum($orders{$labels}) == 5)", "where '==' does not hold"),
        ("sum($orders{$labels}) / sum(up)", "'up' is asked without $labels"),
        ("sum($orders{$labels}) - sum(up)", "'up' is asked without $labels"),
    ],
)
def test_what_may_be_meant_so_is_a_warning(query: str, why: str) -> None:
    ((refused, message),) = said(query)
    assert not refused
    assert why in message


def test_every_remark_says_how_to_mend_it_and_stands_once() -> None:
    remarks = review("up + up + topk(1, up)", {})
    assert len(remarks) == len(set(remarks))
    assert all(remark.hint for remark in remarks)


def test_a_word_that_nobody_knows_is_told_as_elsewhere() -> None:
    with pytest.raises(ValueError, match=r"the query uses \$nothing"):
        review("$nothing", {})
