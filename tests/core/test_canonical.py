"""Canonical JSON: one text for one value, and a clear refusal of what has none."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.canonical import GENESIS, canonical, chained, chained_text, digest

SAFE = 2**53 - 1
LEAVES = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    LEAVES | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=5)


class Sample(Record):
    at: Time
    amount: Decimal
    tags: dict[str, int] = {}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (333333333.33333329, "333333333.3333333"),
        (1e30, "1e+30"),
        (4.50, "4.5"),
        (2e-3, "0.002"),
        (0.000000000000000000000000001, "1e-27"),
        (-0.0, "0"),
        (1.0, "1"),
        (SAFE, "9007199254740991"),
    ],
)
def test_numbers_are_written_as_rfc_8785_writes_them(number: float, text: str) -> None:
    assert canonical([number]) == f"[{text}]".encode()


def test_keys_are_sorted_by_utf_16_code_units_as_in_the_rfc() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    assert list(json.loads(canonical(dict.fromkeys(keys, 0)))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


@given(OBJECTS, st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], random: Any) -> None:
    pairs = list(value.items())
    random.shuffle(pairs)
    assert canonical(dict(pairs)) == canonical(value)


@given(OBJECTS)
def test_it_is_json_that_reads_back_and_writes_the_same_again(value: dict[str, Any]) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dictionaries(TEXT, st.integers(-SAFE, SAFE), max_size=4),
)
def test_equal_models_have_one_text(moment: datetime, minutes: int, amount: Decimal, tags: dict[str, int]) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    one = Sample(at=moment, amount=amount, tags=tags)
    other = Sample(at=elsewhere, amount=amount, tags=dict(reversed(tags.items())))
    assert one == other
    assert canonical(one) == canonical(other)
    assert canonical(Sample.model_validate_json(canonical(one))) == canonical(one)


def test_money_keeps_the_digits_it_was_written_with() -> None:
    sample = Sample(at=datetime(2026, 1, 1, tzinfo=UTC), amount=Decimal("0.10"))
    assert canonical(sample) == b'{"amount":"0.10","at":"2026-01-01T00:00:00Z","tags":{}}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {"b": float("nan")}]}, r"a\[1\]\.b cannot be stored .* it is nan, which is no number"),
        ({"a": float("inf")}, "a cannot be stored .* it is inf"),
        ({"a": 2**53}, "a cannot be stored .* beyond 2"),
        ({"a": Decimal(1)}, "a cannot be stored .* Decimal is no JSON value"),
        ({"a": {1: 2}}, "a cannot be stored .* its key 1 is no string"),
        ({"a": "\ud800"}, "a cannot be stored .* half a surrogate pair"),
        ({"\ud800": 1}, "the value cannot be stored"),
        ([float("-inf")], r"\[0\] cannot be stored .* it is -inf"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        canonical(value)


def test_a_model_with_nan_is_refused_rather_than_stored_as_null() -> None:
    class Loose(Record):
        value: float

    with pytest.raises(ValueError, match=r"value cannot be stored .* it is nan"):
        canonical(Loose(value=float("nan")))


@given(OBJECTS)
def test_hashes_are_plain_sha256_that_anyone_can_compute(value: dict[str, Any]) -> None:
    text = canonical(value)
    assert digest(value) == hashlib.sha256(text).hexdigest()
    assert chained(GENESIS, value) == hashlib.sha256(b"0" * 64 + b"\n" + text).hexdigest()
    assert chained_text(GENESIS, text.decode()) == chained(GENESIS, value)
