"""The clock on which leases run out: it goes on while no guard runs, and begins anew with the machine."""

import contextlib
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path


def this_boot() -> str:
    """What names the time since the machine was started; something new each time where the machine has no such name."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=5).stdout.strip()  # noqa: S603
    return uuid.uuid4().hex


class Clock:
    """The monotonic clock, and since when it runs."""

    def __init__(self, now: Callable[[], float] = time.monotonic, boot: str = "") -> None:
        self.now = now
        self.boot = boot or this_boot()

    def left(self, deadline: float, boot: str) -> float:
        """Seconds until ``deadline``, not below 0; none when it was set before the machine was started anew."""
        return max(0.0, deadline - self.now()) if boot == self.boot else 0.0
