"""Pre-flight probes: what is wrong, in words, and never an exception."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from promotion_ladder.adapters.probes import LocalProbes
from promotion_ladder.core.ladder import Probe

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def probe(**fields: Any) -> Probe:
    return Probe.model_validate({"name": "p", "timeout": timedelta(seconds=0.5)} | fields)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("pass", ""),
        ("import sys; print('the token is 123'); sys.exit(3)", "exited 3"),
        ("import time; time.sleep(30)", "still running after 0.5s"),
        ("input()", "exited 1"),
    ],
)
async def test_a_command_must_exit_0_in_time(code: str, problem: str) -> None:
    timeout = timedelta(seconds=0.5 if "sleep" in code else 20)
    found = await LocalProbes().run(probe(command=[sys.executable, "-c", code], timeout=timeout), NOON)
    assert (found.name, found.passed, found.at, found.problem) == ("p", not problem, NOON, problem)
    assert "123" not in found.model_dump_json()


async def test_of_the_output_nothing_but_its_hash_is_told() -> None:
    code = "import sys; print('the token is ' + 'abc'); print('more', file=sys.stderr, end=''); sys.exit(2)"
    found = await LocalProbes().run(probe(command=[sys.executable, "-c", code], timeout="20s"), NOON)
    assert (found.status, found.problem) == (2, "exited 2")
    assert found.output_sha256 in {
        sha256(text).hexdigest() for text in (b"the token is abc\nmore", b"morethe token is abc\n")
    }


async def test_what_did_not_come_to_its_end_has_neither_status_nor_hash() -> None:
    found = await LocalProbes().run(probe(command=[sys.executable, "-c", "import time; time.sleep(30)"]), NOON)
    assert (found.passed, found.status, found.output_sha256) == (False, None, None)


async def test_a_command_that_does_not_exist_is_named() -> None:
    found = await LocalProbes().run(probe(command=["/no/such/thing"]), NOON)
    assert (found.passed, found.problem) == (False, "cannot run /no/such/thing: No such file or directory")


@pytest.mark.parametrize(("status", "problem"), [("200 OK", ""), ("503 Busy", "answered 503")])
async def test_an_address_must_answer_2xx(status: str, problem: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await LocalProbes().run(probe(http=f"http://127.0.0.1:{port}/", timeout=timedelta(seconds=5)), NOON)
    assert (found.passed, found.problem) == (not problem, problem)
    assert (found.status, found.output_sha256) == (int(status[:3]), sha256(b"").hexdigest())


async def test_nobody_answering_is_said() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    found = await LocalProbes().run(probe(http=f"http://127.0.0.1:{port}/"), NOON)
    assert (found.passed, found.status, found.problem) == (False, None, "no answer: ConnectError")
