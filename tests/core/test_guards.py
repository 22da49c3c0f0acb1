"""Guards: order rate, position, scopes, and what only a stage can say of being blind."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import HoldingsEvidence, NumberEvidence
from promotion_ladder.core.gates import Guard, OnTrip
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.platform import Position, Scope, Variant
from promotion_ladder.core.verdict import Outcome

GUARDS: TypeAdapter[Guard] = TypeAdapter(Guard)
AMOUNT = st.decimals(min_value=0, max_value=10**9, places=2)
LIMITS = {
    "instruments": ["WTI"], "price_band": "5%", "max_order_value": 1, "max_orders_per_minute": 1,
    "max_position_value": 1, "venues": ["sim"],
}  # fmt: skip


def guard(kind: str, **fields: Any) -> Guard:
    return GUARDS.validate_python({"kind": kind, "name": "g", **fields})


@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), AMOUNT), st.decimals(min_value=1, max_value=10**9, places=2))
def test_a_position_trips_exactly_above_its_limit(values: dict[str, Decimal], limit: Decimal) -> None:
    held = HoldingsEvidence(values=values)
    assert guard("position", max=limit).judge(held).passed == all(value <= limit for value in values.values())
    assert guard("position", max=limit, of="total").judge(held).passed == (sum(values.values()) <= limit)


def test_a_position_that_cannot_be_seen_is_no_pass() -> None:
    blind = HoldingsEvidence(values={}, problem=Code.PLATFORM_DOWN, detail="no answer")
    assert guard("position", max=1).judge(blind).outcome is Outcome.ERROR


@pytest.mark.parametrize(("price", "value"), [(None, 160), (Decimal(90), 180)])
def test_what_is_held_is_worth_the_market_or_else_what_was_paid(price: Decimal | None, value: int) -> None:
    short = Position(
        bot="b", variant=Variant.CANDIDATE, instrument="WTI", quantity=Decimal(-2), average_price=Decimal(80),
        price=price,
    )  # fmt: skip
    assert short.value == value


@given(st.integers(min_value=0, max_value=10**6), st.integers(min_value=1, max_value=10**6))
def test_an_order_rate_trips_exactly_above_its_limit(count: int, limit: int) -> None:
    assert guard("order_rate", max=limit).judge(NumberEvidence(value=Decimal(count))).passed == (count <= limit)


def test_an_order_rate_with_no_orders_counted_is_no_pass() -> None:
    assert guard("order_rate", max=1).judge(NumberEvidence(value=None)).outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    ("kind", "more"),
    [("staleness", {"max_age": "5s"}), ("heartbeat", {"max_age": "5s"}), ("slo", {"target": "99.5%", "owner": "desk"})],
)
def test_only_what_mends_itself_may_pause_a_scope(kind: str, more: dict[str, Any]) -> None:
    made = guard(kind, on_trip="pause_scope", **more)
    assert made.on_trip is OnTrip.PAUSE_SCOPE
    assert made.scope is Scope.BOT
    with pytest.raises(ValidationError, match="does not mend itself"):
        guard("loss", max=1, on_trip="pause_scope")


def test_only_staleness_is_known_for_each_market() -> None:
    assert guard("staleness", max_age="5s", scope="market").scope is Scope.MARKET
    for kind, fields in (("heartbeat", {"max_age": "5s"}), ("position", {"max": 1}), ("order_rate", {"max": 1})):
        with pytest.raises(ValidationError, match="not known for each market"):
            guard(kind, scope="market", **fields)


@pytest.mark.parametrize(
    ("mode", "stated", "aborts"),
    [("canary", None, True), ("shadow", None, False), ("canary", "hold", False), ("shadow", "abort", True)],
)
def test_a_blind_guard_aborts_where_money_is_at_risk_unless_stated(mode: str, stated: str | None, aborts: bool) -> None:
    money = {"capital": "10%", "limits": LIMITS} if mode == "canary" else {}
    stage = Stage.model_validate({
        "name": "s", "mode": mode, "gates": [{"name": "a", "kind": "heartbeat", "max_age": "1s"}],
        "guards": {"checks": [{"name": "l", "kind": "loss", "max": 1}], "on_blind": stated},
    } | money)  # fmt: skip
    assert stage.aborts_when_blind is aborts
    assert stage.guards is not None
    assert stage.guards.blind_for == timedelta(seconds=60)
