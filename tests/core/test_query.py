"""Queries are filled in with escaped labels; an unknown word is named."""

from datetime import timedelta
from decimal import Decimal

import pytest

from promotion_ladder.core.query import edge_matcher, expand, growth, names_a_counter, origin

MINUTE = timedelta(minutes=1)


def test_names_labels_and_window_are_filled_in() -> None:
    filled = expand("sum(rate($orders{$labels}[$window]))", {}, {"bot": "b", "variant": "candidate"}, MINUTE)
    assert filled == 'sum(rate(quantbot_orders_total{bot="b",variant="candidate"}[60000ms]))'


def test_a_ladder_names_its_own_metrics() -> None:
    assert expand("$orders + $fills", {"orders": "bot_orders", "fills": "bot_fills"}, {}, MINUTE) == (
        "bot_orders + bot_fills"
    )


def test_label_values_cannot_break_out() -> None:
    assert expand("x{$labels}", {}, {"bot": 'a"} or vector(1) #\\\n'}, MINUTE) == (
        'x{bot="a\\"} or vector(1) #\\\\\\n"}'
    )


@pytest.mark.parametrize(
    ("query", "text"), [("$ordes", r"uses \$ordes, known are .*\$orders"), ("a $ b", "write \\$\\$ for a dollar sign")]
)
def test_what_cannot_be_filled_in_is_named(query: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        expand(query, {}, {}, MINUTE)


@pytest.mark.parametrize(
    ("query", "piece", "stands"),
    [
        ("sum($orders{$labels}) + x", "+ x", "+ x"),
        ("sum($orders{$labels}) + x", "otal{", "$orders"),
        ("sum($orders{$labels}) + x", "candidate", "$labels"),
        ("sum($orders{$labels}) + x", "sum", "sum"),
        ('x{a="$$"}', '"}', '"}'),
    ],
)
def test_a_place_in_the_expansion_is_found_in_the_query(query: str, piece: str, stands: str) -> None:
    labels = {"variant": "candidate"}
    index = expand(query, {}, labels, MINUTE).index(piece)
    assert query[origin(query, {}, labels, MINUTE, index) :].startswith(stands)


def test_a_counters_growth_has_the_labels_of_its_arm_at_each_place() -> None:
    assert expand(growth("$orders"), {}, {"bot": "b"}, MINUTE) == (
        'sum(quantbot_orders_total{bot="b"} - last_over_time(quantbot_orders_total{bot="b"}[1h] offset 60000ms) >= 0'
        ' or quantbot_orders_total{bot="b"})'
    )


@pytest.mark.parametrize(
    ("query", "is_one"), [("$orders", True), ("$orders{$labels}", False), ("", False), ("$", False)]
)
def test_a_name_alone_is_a_counter(query: str, is_one: bool) -> None:
    assert names_a_counter(query) is is_one


@pytest.mark.parametrize(
    ("edge", "matcher"),
    [
        ("0.25", 'le=~"0[.]25"'), ("0.250", 'le=~"0[.]25"'), ("1", 'le=~"1|1[.]0"'), ("10", 'le=~"10|10[.]0"'),
        ("0.00001", 'le=~"0[.]00001|1e-05"'), ("1E+16", 'le=~"10000000000000000|1e[+]16"'),
    ],
)  # fmt: skip
def test_an_edge_matches_as_exporters_write_it(edge: str, matcher: str) -> None:
    assert edge_matcher(Decimal(edge)) == matcher
