"""What an answer of Prometheus' API says: samples, or why there are none.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeVar

import requests

from promotion_ladder.core.codes import Code

_Shape = TypeVar("_Shape")


class Answer(NamedTuple):
    """What was answered, as it came."""

    status: int
    body: bytes


class Sample(NamedTuple):
    """A value and its moment; not always a finite number."""

    at: datetime
    value: Decimal


class Fault(Exception):  # noqa: N818 - it is an outcome, caught where evidence is made of it
    """Why an answer gives no number."""

    def __init__(self, code: Code, detail: str, at: datetime | None = None, samples: int | None = None) -> None:
        self.code, self.detail, self.at, self.samples = code, detail, at, samples
        super().__init__(detail)


def fresh(answer: Answer, freshness: timedelta, end: int) -> list[Sample]:
    """The samples of the one series, oldest first; raises Fault where there is none, several, or only old ones."""
    samples = every(answer)
    newest = samples[-1]
    age = datetime.fromtimestamp(end / 1000, UTC) - newest.at
    if age > freshness:
        detail = f"the newest sample is {age.total_seconds():g} s old, more than {freshness.total_seconds():g} s"
        raise Fault(Code.STALE_DATA, detail, newest.at, _finite(samples))
    return samples


def _finite(samples: list[Sample]) -> int:
    return sum(sample.value.is_finite() for sample in samples)


def newest(samples: list[Sample]) -> tuple[Sample, int]:
    """The newest sample and the number of finite ones; raises Fault where the newest is no number."""
    last, finite = samples[-1], _finite(samples)
    if not last.value.is_finite():
        raise Fault(Code.NOT_A_NUMBER, f"the newest sample is {last.value}", last.at, finite)
    return last, finite


def every(answer: Answer) -> list[Sample]:
    """Every sample of the one series, oldest first, at least one; raises Fault for every other answer."""
    samples = _read(answer, _samples)
    if not samples:
        raise Fault(Code.NO_DATA, "the query answered no sample in the window", samples=0)
    return samples


def by_label(answer: Answer, label: str) -> dict[str, Decimal]:
    """The one sample of each series, by the value of ``label``; raises Fault for everything else."""
    found: dict[str, Decimal] = {}
    for name, sample in _read(answer, lambda data: _labelled(data, label)):
        if name in found:
            raise Fault(Code.SEVERAL_SERIES, f"two series have {label}=\"{name}\"; aggregate with 'by ({label})'")
        if not sample.value.is_finite():
            raise Fault(Code.NOT_A_NUMBER, f'the value of {label}="{name}" is {sample.value}')
        found[name] = sample.value
    return found


def _labelled(data: dict[str, Any], label: str) -> list[tuple[str, Sample]]:
    pairs = [(series["metric"], series.get("values") or [series["value"]]) for series in data["result"]]
    if any(label not in metric for metric, _ in pairs):
        raise Fault(Code.QUERY_REFUSED, f"the query answered a series without '{label}'; aggregate with 'by ({label})'")
    return [(metric[label], _sample(values[-1])) for metric, values in pairs]


def _read(answer: Answer, how: Callable[[dict[str, Any]], _Shape]) -> _Shape:
    """What ``how`` makes of the data of a successful answer without warnings; raises Fault for every other."""
    payload = _payload(answer)
    if warnings := payload.get("warnings"):  # "infos" are remarks on style
        raise Fault(Code.QUERY_WARNED, "; ".join(map(str, warnings)) if isinstance(warnings, list) else str(warnings))
    try:
        return how(payload["data"])
    except (LookupError, TypeError, ValueError, AttributeError, InvalidOperation, OverflowError) as problem:
        raise Fault(Code.SOURCE_DOWN, "the answer does not have the shape of Prometheus' API") from problem


def _payload(answer: Answer) -> dict[str, Any]:
    """The body of a successful answer; raises Fault for every other."""
    try:
        payload = json.loads(answer.body)
    except ValueError:
        payload = None
    if not isinstance(payload, dict) or "status" not in payload:
        detail = f"the answer (status {answer.status}) is not Prometheus' JSON, but begins with {answer.body[:40]!r}"
        raise Fault(Code.SOURCE_DOWN, detail)
    if payload["status"] == "success" and answer.status == requests.codes.ok:
        return payload
    said = str(payload.get("error") or payload.get("errorType") or "nothing")
    if answer.status in (requests.codes.bad_request, requests.codes.unprocessable):
        raise Fault(Code.QUERY_REFUSED, said)
    raise Fault(Code.SOURCE_DOWN, f"Prometheus answered status {answer.status}: {said}")


def _samples(data: dict[str, Any]) -> list[Sample]:
    """The samples of the one series, oldest first."""
    result = data["result"]
    if data["resultType"] == "scalar":
        return [_sample(result)]
    if any("histogram" in series or "histograms" in series for series in result):
        raise Fault(Code.NOT_A_NUMBER, "the query answered a native histogram; use histogram_quantile(...)")
    if len(result) > 1:
        one, other = ("{" + ", ".join(f'{k}="{v}"' for k, v in series["metric"].items()) + "}" for series in result[:2])
        more = f" and {len(result) - 2} more" if len(result) > 2 else ""
        raise Fault(Code.SEVERAL_SERIES, f"{len(result)} series where one was asked: {one} and {other}{more}")
    pairs = [pair for series in result for pair in series.get("values") or [series["value"]]]
    return sorted((_sample(pair) for pair in pairs), key=lambda sample: sample.at)


def double(value: Decimal) -> float | None:
    """As a float; None for what is no finite number, or too large for one."""
    number = float(value)
    return number if math.isfinite(number) else None


def _sample(pair: list[Any]) -> Sample:
    at, value = pair
    return Sample(datetime.fromtimestamp(float(at), UTC), Decimal(str(value)))
