"""One stack per directory: who holds it, and what a stack that was killed left running in it."""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.stack.processes import PATIENCE


def claim(directory: Path) -> IO[str]:
    """The right to ``directory``, for as long as what is returned stays open; a process that dies gives it back.

    Raises LadderError when another stack has it.
    """
    lock = (directory / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise LadderError(Code.STACK_RUNS, f"a local stack runs on {directory} already") from None
    return lock


def end_leftovers(marks: frozenset[str]) -> int:
    """End every process with one of these arguments, by pid; how many that were. Blocks: call it in a thread.

    Two servers on one file would each believe it theirs.
    """
    left = _bearing(marks)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _bearing(marks) and time.monotonic() < deadline:
        time.sleep(0.05)  # in a thread; and the end of a process that is no child of ours cannot be awaited
    for pid in _bearing(marks):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(left)


def _bearing(marks: frozenset[str]) -> list[int]:
    return [pid for pid, arguments in _running() if marks & arguments]


def _running() -> Iterator[tuple[int, frozenset[str]]]:
    """Every process of this machine with its arguments; a zombie has none."""
    if Path("/proc/self/cmdline").exists():
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                yield int(file.parent.name), frozenset(file.read_bytes().decode(errors="replace").split("\0"))
        return
    listed = subprocess.run(["/bin/ps", "-axo", "pid=,args="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, *arguments = line.split()
        yield int(pid), frozenset(arguments)
