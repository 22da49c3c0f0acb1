"""The two kinds of data model everything here is made of, and the scalar types people write in YAML."""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import cache
from math import isfinite, isnan
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError

from promotion_ladder.core.docstrings import field_docs

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw])\s*)+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")

CENT = Decimal("0.01")
_MOST_DIGITS = 400
MOST_EXPONENT = 300


class _Frozen(BaseModel):
    """What both have in common: neither private attributes nor extra fields, so a copy is a copy of the fields."""

    @classmethod
    def model_construct(  # type: ignore[override]  # pydantic's plugin for mypy calls its own first argument _cls
        cls, _fields_set: set[str] | None = None, **values: Any
    ) -> Self:
        """As pydantic's, in half of the time: for what every look makes of values that are checked already.

        Nothing is checked; mypy knows the fields. A number that was computed must be tried by :func:`is_within_reach`.
        """
        all_, defaults, n = _fields_of(cls)
        if len(values) != n:
            values = defaults | values
            if len(values) != n:
                return super().model_construct(_fields_set, **values)
        return _made(cls, values, _fields_set or all_)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON Schema, with each field described by its docstring."""
        made = handler(schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, doc in field_docs(cls).items():
            written = cls.model_fields[name].alias or name
            if written in properties:
                properties[written]["description"] = doc
        return made

    def __copy__(self) -> Self:
        """As pydantic's, in a third of the time: every look makes a dozen."""
        return _made(type(self), self.__dict__.copy(), self.__pydantic_fields_set__)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, in a third of the time."""
        if deep or update is None:
            return super().model_copy(update=update, deep=deep)
        return _made(type(self), {**self.__dict__, **update}, self.__pydantic_fields_set__ | update.keys())


Made = TypeVar("Made", bound=_Frozen)


def _made(model: type[Made], fields: dict[str, Any], stated: set[str]) -> Made:
    """A model of these fields; it may share ``stated`` with others, since nothing changes what is frozen."""
    made = _new(model)
    _put_fields(made, fields)
    _put_stated(made, stated)
    _put_extra(made, None)
    _put_private(made, None)
    return made


_new = object.__new__
_SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
_put_fields, _put_stated, _put_extra, _put_private = (vars(BaseModel)[slot].__set__ for slot in _SLOTS)


@cache
def _fields_of(model: type[BaseModel]) -> tuple[set[str], dict[str, Any], int]:
    """The names of all fields, every default that is a plain value, and how many fields there are."""
    fields = model.__pydantic_fields__
    defaults = {n: one.default for n, one in fields.items() if not one.is_required() and not one.default_factory}
    return set(fields), defaults, len(fields)


class Spec(_Frozen):
    """What a person writes: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(_Frozen):
    """What is stored or sent: frozen; unknown fields are ignored so that old and new workers understand each other.

    Infinities and NaN survive a round trip as strings: the default turns them into ``null``, which then fails to
    decode inside a workflow for ever.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


def parse_duration(value: Any) -> Any:
    """Read ``90s``, ``1h30m``, ``500ms``, ``14d``; anything else is left for pydantic (ISO 8601, timedelta)."""
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(value)))
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        raise ValueError(f"a duration needs its unit: write '{value}s', '{value}m' or '{value}h'")
    return value


def show_duration(value: timedelta) -> str:
    """A duration as people write it: ``1h30m``, ``45s``, ``2d``."""
    left = round(value.total_seconds(), 3)
    if left < 1:
        return f"{left * 1000:.0f}ms" if left else "0s"
    parts = []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{count:.0f}{unit}")
    if left or not parts:
        parts.append(f"{left:g}s")
    return "".join(parts[:2])


def _parse_share(value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return Decimal(value.strip()[:-1].strip()) / 100
        except InvalidOperation:
            raise ValueError(f"'{value}' is not a percentage: write it as '10%'") from None
    return str(value) if isinstance(value, float) else value


def _parse_number(value: Any) -> Any:
    return str(value) if isinstance(value, float) else value


def is_within_reach(number: Decimal) -> bool:
    """Whether ``number`` is finite and has no more digits than :data:`Number` takes, with a wide berth."""
    return number.is_finite() and -MOST_EXPONENT < number.adjusted() < MOST_EXPONENT


def _within_reach(number: Decimal) -> Decimal:
    """Refuse what no float can be either: a number of a billion digits would take all memory once it is shown."""
    if not isfinite(number):  # as a float: what is greater than any is as good as infinite
        raise PydanticKnownError("finite_number")
    if number.adjusted() < -_MOST_DIGITS:
        raise ValueError(f"must be a number of at most {_MOST_DIGITS} digits")
    return number


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[smhdw])\s*)+$", "examples": ["30m", "1h30m"]}),
]
"""A length of time: ``30m`` in YAML, ISO 8601 in JSON."""

# Told to Decimal itself and before the validators, "finite" costs nothing; behind them it is two more calls a number.
_Finite = Annotated[Decimal, Field(allow_inf_nan=False)]

Number = Annotated[_Finite, BeforeValidator(_parse_number), AfterValidator(_within_reach)]
"""An exact finite number; a YAML float is read as it was written, not as its binary neighbour."""

Share = Annotated[
    Decimal,
    BeforeValidator(_parse_share),
    Field(ge=0, le=1, allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}, {"type": "number"}]}),
]
"""A share of the bot's capital: ``10%`` or ``0.1``."""

Money = Annotated[_Finite, BeforeValidator(_parse_number), AfterValidator(_within_reach)]
"""An amount in the account's currency, exact."""

Time = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A moment in UTC, whatever zone it was written in, so that equal moments have one text and one hash."""


def _parse_sample(value: Any) -> Any:
    number = float(value) if isinstance(value, str) else value
    return None if isinstance(number, float) and isnan(number) else number


Sample = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_parse_sample)]
"""One sample of a metric; None where it was no number. Not exact: what is made of samples are ranks and means."""


def cents(amount: Decimal) -> Decimal:
    """``amount`` rounded down to whole cents, so that parts never exceed the whole."""
    return amount.quantize(CENT, rounding=ROUND_DOWN)
