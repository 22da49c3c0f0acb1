"""Metrics from Prometheus, through ``prometheus-api-client``; the one place that knows that library.

The library sends the request and nothing else. Its own answers cannot be used: it drops warnings and the type of the
result, loses the status of a refusal, and by default waits without end and repeats an expensive query four times. So
it is given a session of ours that sends once, within a deadline, and keeps the whole answer to be judged here.
"""

import asyncio
import re
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from promotion_ladder.adapters.prometheus_answer import Answer, Fault, by_label, double, every, fresh, newest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence, NumbersEvidence, Series
from promotion_ladder.ports import MetricSource

_MOST_STEPS = 10_900  # Prometheus refuses more than 11 000 points a series
_MOST_BYTES = 32 * 2**20
_LEAST_FRESHNESS = timedelta(seconds=15)
_CHUNK = 64 * 2**10
_EPOCH = datetime.fromtimestamp(0, UTC)
_DETAIL = 300


class _Window(NamedTuple):
    """A range of steps, in milliseconds, whose last step is ``end``."""

    start: int
    end: int
    step: int


class PrometheusSource(MetricSource):
    """A Prometheus, or what speaks its API, at ``url`` (``https://user:password@host/prefix`` for basic auth).

    ``deadline`` bounds one measurement in all, waiting for a free slot included; ``concurrency`` is the number of
    slots; ``headers`` go with each request (a bearer token, a tenant); ``verify`` is as in requests: False, or the
    path of a CA bundle. Neither proxies nor ``.netrc`` are taken from the environment.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline: timedelta = timedelta(seconds=10),
        concurrency: int = 8,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
    ) -> None:
        self._url, self._auth = _without_secrets(url)
        self._secrets = _secrets(self._auth, headers or {})
        self._deadline = deadline.total_seconds()
        self._headers = dict(headers or {})
        self._verify = verify
        # Threads of our own: a Prometheus that hangs must not use up those that the audit store needs.
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="prometheus")
        self._mine = threading.local()  # a requests session belongs to one thread
        self._clients: list[PrometheusConnect] = []

    async def measure(self, query: str, start: datetime, end: datetime, step: timedelta) -> NumberEvidence:
        """The newest value of ``query`` in [``start``, ``end``], and at how many steps it was a finite number.

        One range query whose last step falls on ``end``; a window of more than 10 900 steps gets longer steps. The
        newest sample counts as fresh for three steps, at least 15 s. Prometheus itself repeats a sample for its
        look-back (5 min unless its target vanished), so exporters with timestamps of their own can be that much
        older. Never raises: ``problem`` and ``detail`` say why there is no value.
        """
        try:
            window = _window(start, end, step)
            answer = await self._ask(query, window)
            last, samples = newest(fresh(answer, max(3 * step, _LEAST_FRESHNESS), window.end))
        except Exception as problem:  # noqa: BLE001 - whatever goes wrong here is missing evidence, never a crash
            fault = self._told(problem)
            return NumberEvidence(
                value=None, at=fault.at, samples=fault.samples, problem=fault.code, detail=fault.detail, source=query
            )
        return NumberEvidence(value=last.value, at=last.at, samples=samples, source=query)

    async def samples(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        """Every sample of ``query`` in [``start``, ``end``], at most one a step, None where it is no finite number.

        Asked and judged as by :meth:`measure`; only a newest sample that is no number is no problem of the whole.
        """
        try:
            window = _window(start, end, step)
            samples = fresh(await self._ask(query, window), max(3 * step, _LEAST_FRESHNESS), window.end)
            return Series(values=tuple(double(sample.value) for sample in samples))
        except Exception as problem:  # noqa: BLE001 - as in measure
            fault = self._told(problem)
            return Series(values=(), problem=fault.code, detail=fault.detail)

    async def points(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        """The value of ``query`` at each step from ``start`` to ``end``, both included.

        A series that is missing at a step, or no finite number there, is None. Never raises: ``problem`` and ``detail``
        say why there are no values at all.
        """
        steps = round((end - start) / step) + 1 if step > timedelta() else 0
        try:
            window = _window(start, end, step, exact=True)
            found = {round(s.at.timestamp() * 1000): s.value for s in every(await self._ask(query, window))}
        except Exception as problem:  # noqa: BLE001 - as in measure
            fault = self._told(problem)
            return Series(values=(None,) * steps, problem=fault.code, detail=fault.detail)
        values = (found.get(window.start + place * window.step) for place in range(steps))
        return Series(values=tuple(None if value is None else double(value) for value in values))

    async def spread(self, query: str, label: str, at: datetime) -> NumbersEvidence:
        """The values of ``query`` at ``at``, by the value of ``label``; no series is no numbers, and no problem.

        A series without the label, two of one value, and a value that is no finite number are problems of all. Never
        raises.
        """
        try:
            answer = await self._ask(query, _window(at, at, timedelta(seconds=1)))
            return NumbersEvidence(numbers=by_label(answer, label))
        except Exception as problem:  # noqa: BLE001 - as above
            fault = self._told(problem)
            return NumbersEvidence(problem=fault.code, detail=fault.detail)

    async def close(self) -> None:
        """Give connections and threads back, without waiting for a server that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    async def _ask(self, query: str, window: _Window) -> Answer:
        ends = time.monotonic() + self._deadline
        asking = asyncio.get_running_loop().run_in_executor(self._threads, self._send, query, window, ends)
        try:
            return await asyncio.wait_for(asking, self._deadline)
        except (TimeoutError, requests.Timeout):
            detail = f"{self._url} did not answer within {self._deadline:g} s"
        except (requests.RequestException, OSError) as problem:
            detail = f"{self._url} cannot be reached: {_cause(problem)}"
        raise Fault(Code.SOURCE_DOWN, detail)

    def _send(self, query: str, window: _Window, ends: float) -> Answer:
        client, session = self._client()
        session.begin(ends)
        exact = {name: f"{getattr(window, name) / 1000:.3f}" for name in ("start", "end")}
        try:
            client.custom_query_range(
                query,
                datetime.fromtimestamp(window.start / 1000, UTC),
                datetime.fromtimestamp(window.end / 1000, UTC),
                f"{window.step / 1000:.3f}",
                params=exact,  # the library rounds both to whole seconds; these go over its own
            )
        except Exception:
            # It raises KeyError for an error answered with 200 and loses the status of others: the answer decides.
            if session.answer is None:
                raise
        if session.answer is None:
            raise ConnectionError("the client sent nothing")
        return session.answer

    def _client(self) -> tuple[PrometheusConnect, "_Session"]:
        if not hasattr(self._mine, "pair"):
            session = _Session()
            session.verify = self._verify
            once = Retry(0, read=False)
            client = PrometheusConnect(
                self._url,
                headers=self._headers,
                auth=self._auth,  # type: ignore[arg-type]  # None is its default
                session=session,
                retry=once,
                method="POST",
            )
            self._clients.append(client)
            self._mine.pair = client, session
        pair: tuple[PrometheusConnect, _Session] = self._mine.pair
        return pair

    def _told(self, problem: Exception) -> Fault:
        """What went wrong, without secrets."""
        if isinstance(problem, Fault):
            return Fault(problem.code, self._discreet(problem.detail), problem.at, problem.samples)
        detail = f"asking Prometheus failed: {type(problem).__name__}: {problem}"
        return Fault(Code.SOURCE_DOWN, self._discreet(detail))

    def _discreet(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:_DETAIL]


class _Session(requests.Session):
    """Sends once, follows no redirect (it would carry the password along) and keeps the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.answer: Answer | None = None
        self._ends = 0.0

    def begin(self, ends: float) -> None:
        """Get ready for one request that must be over at ``ends`` of the monotonic clock."""
        self.answer, self._ends = None, ends

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Move what the library puts into the URL, also for a POST, into the body, where long queries fit."""
        request.data, request.params = request.params, {}
        return super().prepare_request(request)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send and read the whole body before the deadline; requests' own timeout starts anew with each byte."""
        left = max(self._ends - time.monotonic(), 0.001)
        response = super().send(request, **options | {"stream": True, "allow_redirects": False, "timeout": left})
        try:
            with response:
                body = self._read(response)
        except ReadTimeoutError as problem:
            raise requests.Timeout(problem) from problem
        except HTTPError as problem:
            raise requests.ConnectionError(problem) from problem
        response._content = body  # noqa: SLF001 - the library reads it once more
        self.answer = Answer(response.status_code, body)
        return response

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if time.monotonic() > self._ends:
                raise requests.Timeout("the answer came too slowly")
            if len(body) > _MOST_BYTES:
                raise requests.ConnectionError(f"the answer is larger than {_MOST_BYTES // 2**20} MiB")
        return bytes(body)


def _window(start: datetime, end: datetime, step: timedelta, *, exact: bool = False) -> _Window:
    if step <= timedelta() or start > end:
        raise Fault(Code.QUERY_REFUSED, "the window ends before it starts, or its step is not positive")
    # Down for both: rounding to the nearest sends two halves of a millisecond opposite ways, and a step is lost.
    first, last = ((moment - _EPOCH) // timedelta(milliseconds=1) for moment in (start, end))
    wide = max(round(step.total_seconds() * 1000), -(-(last - first) // _MOST_STEPS), 1)
    if exact and wide > round(step.total_seconds() * 1000):
        raise Fault(Code.QUERY_REFUSED, f"the window has more than {_MOST_STEPS} steps")
    return _Window(last - (last - first) // wide * wide, last, wide)


def _without_secrets(url: str) -> tuple[str, tuple[str, str] | None]:
    """``url`` without its user and password, and those as requests wants them."""
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    plain = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return plain, (unquote(user), unquote(password)) if credentials else None


def _secrets(auth: tuple[str, str] | None, headers: Mapping[str, str]) -> list[str]:
    """What must not be shown even when a server or a library says it back to us; the longest first."""
    secrets = {word for value in headers.values() for word in value.split() if len(word) >= 8}  # a tenant may be "1"
    if auth:
        secrets |= {auth[1], b64encode(":".join(auth).encode()).decode()}
    return sorted(filter(None, secrets), key=len, reverse=True)


def _cause(problem: Exception) -> str:
    """The system's own words out of the layers that requests and urllib3 wrap around them."""
    text = str(problem)
    found = re.findall(r"\[Errno -?\d+\] ([^'\")\]]+)|'(Remote end closed[^']*)'|(the answer is larger [^'\")]*)", text)
    return next((part for groups in found for part in groups if part), type(problem).__name__)
