"""Queries are filled in with escaped labels; an unknown word is named."""

from datetime import timedelta

import pytest

from promotion_ladder.core.query import expand, origin

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
