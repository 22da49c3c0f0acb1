"""Checks before the first stage: commands that must exit 0, addresses that must answer 2xx."""

import asyncio

import httpx

from promotion_ladder.core.ladder import Probe
from promotion_ladder.ports import Probes


class LocalProbes(Probes):
    """Runs probes on this machine."""

    async def run(self, probe: Probe) -> str:
        """What is wrong by ``probe``; empty when nothing is."""
        seconds = probe.timeout.total_seconds()
        if probe.http is not None:
            return await _http(probe.http, seconds)
        return await _command(probe.command or (), seconds)


async def _http(url: str, seconds: float) -> str:
    try:
        async with httpx.AsyncClient(timeout=seconds) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        return f"no answer: {type(error).__name__}"
    return "" if answer.is_success else f"answered {answer.status_code}"


async def _command(command: tuple[str, ...], seconds: float) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return f"cannot run {command[0]}: {error.strerror}"
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"still running after {seconds:g}s"
    last = output.decode(errors="replace").strip().splitlines()[-1:] or [""]
    return "" if process.returncode == 0 else f"exited {process.returncode}: {last[0][:200]}"
