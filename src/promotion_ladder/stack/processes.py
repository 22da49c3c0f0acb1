"""Starting programs, waiting until they answer, and ending every one of them by its pid."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

PATIENCE = 8.0
"""Seconds a program has to end after it was asked to."""


STARTS = 3
"""How often a program is started that ends at once: some choose ports of their own and lose a race for one."""

PORTS = range(15_000, 32_000)
"""Below what systems hand to outgoing connections, so none of those takes a port between our look and its use."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    while not is_free(port := secrets.choice(PORTS)):
        pass
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen there; a connection that is still being closed is in nobody's way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def program(name: str) -> str:
    """The path of a program that the set-up puts beside this Python, or that is on PATH.

    Raises LadderError with the way out when there is none.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise LadderError(Code.SOURCE_DOWN, f"the program '{name}' is not installed", "run 'make setup'")
    return found


class Process:
    """One program: its log, its pid, its end."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = env or {}
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C at the terminal is ours to pass on."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(  # noqa: S603 - our own programs
                self.command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **self.env},
            )

    @property
    def pid(self) -> int:
        """Its process id; 0 before it was started."""
        return self.popen.pid if self.popen else 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen is not None and self.popen.poll() is None

    def kill(self) -> None:
        """End it as a crash would."""
        if self.popen is not None and self.alive:
            self.popen.kill()
            self.popen.wait()

    async def begin(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Start it and wait until it answers; one that ends at once is started again before LadderError says so."""
        for left in reversed(range(STARTS)):
            self.start()
            try:
                await self.until(answers)
            except LadderError:
                if self.alive or not left:
                    raise
            else:
                break

    async def until(self, answers: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
        """Wait until it answers; raises LadderError with the end of its log when it dies or takes too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while loop.time() < deadline and self.alive:
            if await answers():
                return
            await asyncio.sleep(0.05)
        why = "did not answer in time" if self.alive else "ended at once"
        raise LadderError(Code.SOURCE_DOWN, f"{self.name} {why}: {self.last_words()}", f"look into {self.log}")

    def how_it_ended(self) -> str:
        """Its exit status and its last words, or the signal that killed it: then its log ends in mid-sentence."""
        status = self.popen.poll() if self.popen else None
        if status is not None and status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}: {self.last_words()}"

    def last_words(self) -> str:
        """The last line of its log; of a long one both ends, for the cause stands last."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").strip().splitlines()
            if lines:
                last = lines[-1]
                return last if len(last) <= 300 else f"{last[:100]} … {last[-200:]}"
        return "it said nothing"


async def end(processes: Sequence[Process]) -> None:
    """Ask all to end, wait, and kill what does not."""
    running = [process.popen for process in processes if process.popen is not None and process.alive]
    for popen in running:
        popen.send_signal(signal.SIGTERM)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while any(popen.poll() is None for popen in running) and loop.time() < deadline:  # noqa: ASYNC110 - pids have no event
        await asyncio.sleep(0.05)
    for popen in running:
        if popen.poll() is None:
            popen.kill()
        popen.wait()
