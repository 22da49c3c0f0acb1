"""Prometheus misbehaving: every way it can fail has its reason, one hit, and an end within the deadline."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from promotion_ladder.adapters.prometheus import PrometheusSource
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=15)
DEADLINE = timedelta(seconds=0.5)

Behaviour = Callable[["_Handler"], None]


class Fake(ThreadingHTTPServer):
    """Answers every request with ``behave`` and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hits: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.over = threading.Event()
        self.behave: Behaviour = lambda _: None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def process_request(self, *request: Any) -> None:
        self.connections += 1
        super().process_request(*request)

    def handle_error(self, *_: object) -> None:
        """A client that went away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Fake
    form: dict[str, str]

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.form = {key: values[0] for key, values in parse_qs(sent).items()}
        self.server.hits.append(self.form | {"path": self.path})
        self.server.headers.append(dict(self.headers))
        self.server.behave(self)

    do_GET = do_POST  # noqa: N815 - its name is the base class's

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[Fake]:
    with Fake() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def say(status: int, body: bytes | dict[str, Any], **headers: str) -> Behaviour:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def series(*values: str, metric: dict[str, str] | None = None, ago: float = 0) -> dict[str, Any]:
    first = END.timestamp() - ago - (len(values) - 1) * 15
    return {"metric": metric or {}, "values": [[first + n * 15, value] for n, value in enumerate(values)]}


def success(*results: dict[str, Any], kind: str = "matrix", **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": list(results)}, **more}


def error(kind: str, text: str) -> dict[str, Any]:
    return {"status": "error", "errorType": kind, "error": text}


@pytest.fixture
async def source(fake: Fake) -> AsyncIterator[PrometheusSource]:
    asking = PrometheusSource(f"http://desk:hunter2@{fake.host}/", deadline=DEADLINE)
    yield asking
    await asking.close()


async def measured(source: PrometheusSource, query: str = "up") -> tuple[NumberEvidence, float]:
    begun = time.monotonic()
    answer = await source.measure(query, END - 5 * MINUTE, END, STEP)
    return answer, time.monotonic() - begun


LOGIN = b"<html><title>Log in</title></html>"
ANSWERS: dict[str, tuple[Behaviour, Code, str]] = {
    "503": (say(503, error("timeout", "query timed out")), Code.SOURCE_DOWN, "status 503: query timed out"),
    "503, come again": (say(503, b"", **{"retry-after": "0"}), Code.SOURCE_DOWN, "status 503"),
    "500 in words": (say(500, b"oops"), Code.SOURCE_DOWN, "status 500"),
    "429": (say(429, error("too_many", "slow down")), Code.SOURCE_DOWN, "status 429"),
    "401": (say(401, b"who are you"), Code.SOURCE_DOWN, "status 401"),
    "login page": (say(200, LOGIN), Code.SOURCE_DOWN, "not Prometheus' JSON"),
    "redirect": (say(302, b"", location="/login"), Code.SOURCE_DOWN, "status 302"),
    "refused by a proxy": (say(400, LOGIN), Code.SOURCE_DOWN, "status 400"),
    "error with 200": (say(200, error("internal", "broken")), Code.SOURCE_DOWN, "broken"),
    "bad data": (say(400, error("bad_data", "parse error: no")), Code.QUERY_REFUSED, "parse error: no"),
    "execution": (say(422, error("execution", "many-to-many")), Code.QUERY_REFUSED, "many-to-many"),
    "half a JSON": (say(200, b'{"status":"success","da'), Code.SOURCE_DOWN, "not Prometheus' JSON"),
    "another JSON": (say(200, b"[1]"), Code.SOURCE_DOWN, "not Prometheus' JSON"),
    "no data field": (say(200, {"status": "success"}), Code.SOURCE_DOWN, "shape"),
    "null result": (say(200, success() | {"data": None}), Code.SOURCE_DOWN, "shape"),
    "words for numbers": (say(200, success(series("much"))), Code.SOURCE_DOWN, "shape"),
    "a string": (say(200, {"status": "success", "data": {"resultType": "string", "result": [1, "a"]}}),
                 Code.SOURCE_DOWN, "shape"),
    "warnings": (say(200, success(series("1"), warnings=["partial response: store down"])),
                 Code.QUERY_WARNED, "partial response: store down"),
    "NaN": (say(200, success(series("1", "NaN"))), Code.NOT_A_NUMBER, "NaN"),
    "+Inf": (say(200, success(series("+Inf"))), Code.NOT_A_NUMBER, "Infinity"),
    "-Inf": (say(200, success(series("-Inf"))), Code.NOT_A_NUMBER, "-Infinity"),
    "nothing": (say(200, success()), Code.NO_DATA, "no sample"),
    "an empty series": (say(200, success({"metric": {}, "values": [], "value": [END.timestamp(), "NaN"]})),
                        Code.NOT_A_NUMBER, "NaN"),
    "a histogram": (say(200, success({"metric": {}, "histograms": [[1, {}]]})), Code.NOT_A_NUMBER, "histogram"),
    "three series": (say(200, success(*(series("1", metric={"bot": bot}) for bot in "abc"))),
                     Code.SEVERAL_SERIES, 'one was asked: {bot="a"} and {bot="b"} and 1 more'),
    "stale": (say(200, success(series("1", ago=46))), Code.STALE_DATA, "46 s old, more than 45 s"),
}  # fmt: skip


NOT_A_NUMBER = ("NaN", "+Inf", "-Inf", "an empty series")
"""Where only the newest sample is bad, which is no problem of all samples."""


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_no_number_has_its_reason(fake: Fake, source: PrometheusSource, name: str) -> None:
    fake.behave, code, words = ANSWERS[name]
    answer, _ = await measured(source)
    assert (answer.problem, answer.value) == (code, None)
    assert words in answer.detail
    assert len(fake.hits) == 1, "a query is never repeated blindly"


@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in NOT_A_NUMBER])
async def test_samples_are_refused_for_the_same_reasons(fake: Fake, source: PrometheusSource, name: str) -> None:
    fake.behave, code, words = ANSWERS[name]
    found = await source.samples("up", END - 5 * MINUTE, END, STEP)
    assert (found.values, found.problem) == ((), code)
    assert words in found.detail


async def test_samples_that_are_no_number_are_left_in_place(fake: Fake, source: PrometheusSource) -> None:
    fake.behave = say(200, success(series("1e400", "NaN", "-Inf", "1e-3")))
    assert (await source.samples("up", END - 5 * MINUTE, END, STEP)).values == (None, None, None, 0.001)


def hang(handler: _Handler) -> None:
    handler.server.over.wait(10)


def drip(handler: _Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")


def flood(handler: _Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 2**20)


def reset(handler: _Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hang_up(handler: _Handler) -> None:
    handler.close_connection = True


def break_off(handler: _Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"status":"success"')
    reset(handler)


@pytest.mark.parametrize("behave", [hang, drip, flood, reset, hang_up, break_off])
async def test_a_server_that_fails_is_down_within_the_deadline(
    fake: Fake, source: PrometheusSource, behave: Behaviour
) -> None:
    fake.behave = behave
    answer, took = await measured(source)
    assert (answer.problem, answer.value) == (Code.SOURCE_DOWN, None)
    assert answer.detail
    assert took < DEADLINE.total_seconds() + 0.5
    assert len(fake.hits) == 1
    if behave in (hang, drip):
        assert answer.detail == f"http://{fake.host} did not answer within 0.5 s"
    else:
        assert took < DEADLINE.total_seconds(), "what is broken is known at once"


def unused_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


async def test_a_refused_connection_is_down_at_once() -> None:
    source = PrometheusSource(f"http://127.0.0.1:{unused_port()}")
    answer, took = await measured(source)
    assert answer.problem is Code.SOURCE_DOWN
    assert "cannot be reached: Connection refused" in answer.detail
    assert took < 1
    await source.close()


async def test_hanging_questions_do_not_keep_others_waiting_beyond_the_deadline(fake: Fake) -> None:
    fake.behave = hang
    source = PrometheusSource(f"http://{fake.host}", deadline=DEADLINE, concurrency=2)
    begun = time.monotonic()
    answers = await asyncio.gather(*(measured(source) for _ in range(6)))
    assert time.monotonic() - begun < 1.5
    assert {answer.problem for answer, _ in answers} == {Code.SOURCE_DOWN}
    assert len(fake.hits) <= 4
    await source.close()


async def test_many_questions_at_once_get_their_own_answers(fake: Fake, source: PrometheusSource) -> None:
    fake.behave = lambda handler: say(200, success(series(handler.form["query"])))(handler)
    answers = await asyncio.gather(*(measured(source, str(number)) for number in range(40)))
    assert [answer.value for answer, _ in answers] == list(range(40))


async def test_infos_are_no_warnings(fake: Fake, source: PrometheusSource) -> None:
    fake.behave = say(200, success(series("1"), infos=["metric might not be a counter"]))
    assert (await measured(source))[0].value == Decimal(1)


@pytest.mark.parametrize(
    "body",
    [
        success(series("7.10")),
        success({"metric": {}, "value": [END.timestamp(), "7.10"]}, kind="vector"),
        {"status": "success", "data": {"resultType": "scalar", "result": [END.timestamp(), "7.10"]}},
    ],
    ids=["matrix", "vector", "scalar"],
)
async def test_each_kind_of_result_is_read(fake: Fake, source: PrometheusSource, body: dict[str, Any]) -> None:
    fake.behave = say(200, body)
    answer, _ = await measured(source)
    assert (str(answer.value), answer.samples, answer.at) == ("7.10", 1, END)


async def test_it_asks_once_by_post_with_the_exact_window(fake: Fake, source: PrometheusSource) -> None:
    fake.behave = say(200, success())
    await source.measure("up", END - timedelta(seconds=50.5), END + timedelta(seconds=0.123), STEP)
    end = END.timestamp()
    assert fake.hits == [
        {
            "path": "/api/v1/query_range",
            "query": "up",
            "start": f"{end + 0.123 - 45:.3f}",
            "end": f"{end + 0.123:.3f}",
            "step": "15.000",
        }
    ]
    assert fake.headers[0]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("secret", ["hunter2", "ZGVzazpodW50ZXIy"])
async def test_a_secret_never_reaches_the_evidence_even_when_the_server_repeats_it(
    fake: Fake, source: PrometheusSource, secret: str
) -> None:
    for behave in (say(400, error("bad_data", f"no, {secret}")), say(200, secret.encode()), reset):
        fake.behave = behave
        answer, _ = await measured(source)
        assert secret not in answer.model_dump_json()
        assert "hunter2" not in repr(answer)


async def test_a_bearer_token_is_sent_and_never_shown(fake: Fake) -> None:
    fake.behave = say(400, error("bad_data", "no, s3cr3t-t0ken"))
    source = PrometheusSource(f"http://{fake.host}", headers={"Authorization": "Bearer s3cr3t-t0ken"})
    answer, _ = await measured(source)
    assert fake.headers[0]["Authorization"] == "Bearer s3cr3t-t0ken"
    assert answer.detail == "no, ***"
    await source.close()


async def test_a_closed_source_is_down_and_does_not_raise(source: PrometheusSource) -> None:
    await source.close()
    assert (await measured(source))[0].problem is Code.SOURCE_DOWN


async def test_an_url_that_is_none_is_down_and_does_not_raise() -> None:
    source = PrometheusSource("nonsense://x")
    assert (await measured(source))[0].problem is Code.SOURCE_DOWN
    await source.close()


async def test_connections_are_used_again_also_after_the_server_dropped_one(fake: Fake) -> None:
    fake.behave = say(200, success(series("1")))
    source = PrometheusSource(f"http://{fake.host}", concurrency=1)
    for _ in range(5):
        assert (await measured(source))[0].value
    assert fake.connections == 1
    fake.behave = answer_and_hang_up
    assert (await measured(source))[0].value
    await asyncio.sleep(0.05)
    assert (await measured(source))[0].value
    assert fake.connections == 2
    await source.close()


def answer_and_hang_up(handler: _Handler) -> None:
    say(200, success(series("1")))(handler)
    handler.close_connection = True
