"""Checks before the first stage: commands that must exit 0, addresses that must answer 2xx.

What they print stays here: only its hash is told, since it may hold a secret.
"""

import asyncio
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import httpx

from promotion_ladder.core.evidence import ProbeResult
from promotion_ladder.core.ladder import Probe
from promotion_ladder.ports import Probes


class _Ended(NamedTuple):
    """How a probe ended."""

    problem: str
    status: int | None = None
    output: bytes | None = None


class LocalProbes(Probes):
    """Runs probes on this machine."""

    async def run(self, probe: Probe, at: datetime) -> ProbeResult:
        """What ``probe`` finds, with the hash of what it printed."""
        seconds = probe.timeout.total_seconds()
        ended = await (_http(probe.http, seconds) if probe.http is not None else _command(probe.command or (), seconds))
        return ProbeResult(
            name=probe.name, passed=not ended.problem, at=at, status=ended.status, problem=ended.problem,
            output_sha256=sha256(ended.output).hexdigest() if ended.output is not None else None,
        )  # fmt: skip


async def _http(url: str, seconds: float) -> _Ended:
    try:
        async with httpx.AsyncClient(timeout=seconds) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return _Ended(f"no answer: {type(error).__name__}")
    problem = "" if answer.is_success else f"answered {answer.status_code}"
    return _Ended(problem, answer.status_code, answer.content)


async def _command(command: tuple[str, ...], seconds: float) -> _Ended:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return _Ended(f"cannot run {command[0]}: {error.strerror}")
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        return _Ended(f"still running after {seconds:g}s")
    status = process.returncode
    return _Ended("" if status == 0 else f"exited {status}", status, output)
