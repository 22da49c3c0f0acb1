"""Pre-flight probes: what is wrong, in words, and never an exception."""

import asyncio
import sys
from datetime import timedelta
from typing import Any

import pytest

from promotion_ladder.adapters.probes import LocalProbes
from promotion_ladder.core.ladder import Probe


def probe(**fields: Any) -> Probe:
    return Probe.model_validate({"name": "p", "timeout": timedelta(seconds=0.5)} | fields)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("pass", ""),
        ("import sys; print('no margin left'); sys.exit(3)", "exited 3: no margin left"),
        ("import time; time.sleep(30)", "still running after 0.5s"),
        ("input()", "exited 1: EOFError: EOF when reading a line"),
    ],
)
async def test_a_command_must_exit_0_in_time(code: str, problem: str) -> None:
    timeout = timedelta(seconds=0.5 if "sleep" in code else 20)
    assert await LocalProbes().run(probe(command=[sys.executable, "-c", code], timeout=timeout)) == problem


async def test_a_command_that_does_not_exist_is_named() -> None:
    assert await LocalProbes().run(probe(command=["/no/such/thing"])) == (
        "cannot run /no/such/thing: No such file or directory"
    )


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
        assert await LocalProbes().run(probe(http=f"http://127.0.0.1:{port}/", timeout=timedelta(seconds=5))) == problem


async def test_nobody_answering_is_said() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    assert await LocalProbes().run(probe(http=f"http://127.0.0.1:{port}/")) == "no answer: ConnectError"
