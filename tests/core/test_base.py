"""The models everything is made of: our own shortcuts make what pydantic makes."""

from decimal import Decimal

import pytest
from pydantic import BaseModel, ValidationError

from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence
from promotion_ladder.core.gates import ThresholdGate
from promotion_ladder.core.statistics.carried import Carried, TradeSums
from promotion_ladder.core.verdict import Outcome

ONE = NumberEvidence(value=Decimal("1.5"), samples=3, detail="fine")


class Grown(Record):
    """A default that is made anew each time."""

    seen: list[str] = []
    at: TradeSums = TradeSums()


def test_what_is_made_unchecked_is_what_is_made_checked() -> None:
    made = NumberEvidence.model_construct(value=Decimal("1.5"), samples=3, detail="fine")
    assert made == ONE
    assert made.model_dump() == ONE.model_dump()
    assert NumberEvidence.model_validate_json(made.model_dump_json()) == ONE


def test_a_copy_with_changes_is_pydantics_and_leaves_the_first_alone() -> None:
    changed = ONE.model_copy(update={"value": None, "problem": Code.NO_DATA})
    assert changed == BaseModel.model_copy(ONE, update={"value": None, "problem": Code.NO_DATA})
    assert ONE.value == Decimal("1.5")
    assert changed.model_fields_set == {"value", "samples", "detail", "problem"}
    with pytest.raises(ValidationError, match="frozen"):
        changed.value = Decimal(2)  # type: ignore[misc]  # what is refused


def test_what_was_left_out_is_missed_where_it_is_asked_for() -> None:
    with pytest.raises(AttributeError):
        _ = NumberEvidence.model_construct(samples=3).value  # type: ignore[call-arg]  # mypy refuses it, too


def test_a_number_no_record_could_be_read_back_with_never_gets_into_a_verdict() -> None:
    gate = ThresholdGate(name="lag", query="lag", max=Decimal(1))
    for number in (Decimal("NaN"), Decimal("Infinity"), Decimal("1e-500"), Decimal("1e400")):
        with pytest.raises(ValidationError):
            gate.verdict(Outcome.PASS, "no", value=number)
    for number in (Decimal(0), Decimal("-3e200"), Decimal("1e-350")):
        verdict = gate.verdict(Outcome.PASS, "yes", value=number)
        assert type(verdict).model_validate_json(verdict.model_dump_json()) == verdict


def test_carried_sums_keep_their_defaults() -> None:
    assert Carried.model_construct(closed=TradeSums(n=1)) == Carried(closed=TradeSums(n=1))
    assert Grown.model_construct() == Grown()
