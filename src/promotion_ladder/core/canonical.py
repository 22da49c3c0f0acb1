"""One text for one value: RFC 8785 canonical JSON, and SHA-256 over it."""

import hashlib
import math
from collections.abc import Iterator
from typing import Any, cast

import rfc8785
from pydantic import BaseModel

GENESIS = "0" * 64
"""The hash before the first event of a chain."""

_EXACT = 2**53 - 1  # beyond this, readers that know only binary doubles would see another integer


def canonical(value: BaseModel | dict[str, Any] | list[Any]) -> bytes:
    """``value`` as canonical JSON (RFC 8785): sorted keys, no white space, Decimals as strings as they were written.

    Raises ValueError, naming the place, for what JSON cannot hold exactly: NaN, infinities, integers beyond 2^53,
    and anything that is no JSON value.
    """
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    try:
        return rfc8785.dumps(cast("dict[str, Any]", plain))
    except ValueError as problem:  # rfc8785 does not say where; only this path pays for looking
        place, what = next(_unfit(plain, ""), ("the value", str(problem)))
        raise ValueError(f"{place} cannot be stored as canonical JSON: {what}") from problem


def digest(value: BaseModel | dict[str, Any] | list[Any]) -> str:
    """The SHA-256 of ``value``'s canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def chained(previous: str, value: BaseModel | dict[str, Any]) -> str:
    """The next hash of a chain: SHA-256 over the previous hash, a line feed and the value's canonical form."""
    return chained_text(previous, canonical(value).decode())


def chained_text(previous: str, text: str) -> str:
    """As :func:`chained`, over canonical JSON that was stored before."""
    return hashlib.sha256(f"{previous}\n{text}".encode(errors="surrogatepass")).hexdigest()


def _unfit(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every place in ``value`` that has no canonical form, with what is there."""
    here = place or "the value"
    match value:
        case dict():
            yield from ((here, f"its key {key!r} is no string") for key in value if not isinstance(key, str))
            for key, inner in value.items():
                yield from _unfit(inner, f"{place}.{key}".lstrip("."))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _unfit(inner, f"{place}[{index}]")
        case None | bool() | int() | float() | str():
            yield from ((here, fault) for fault in _faults(value))
        case _:
            yield here, f"{type(value).__name__} is no JSON value"


def _faults(value: float | str | None) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f"it is {value}, which is no number"
    if isinstance(value, int) and abs(value) > _EXACT:
        yield f"{value} is beyond 2^53; write it as a string"
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        yield "it holds half a surrogate pair"
