"""A ``ladder guard --listen`` in a process of its own, as an operator runs it."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

FRONT = (sys.executable, "-m", "promotion_ladder.front")
TYPED = (str(Path(sys.executable).parent / "ladder"), "guard")
BARE = ("lease", "epoch", "keys", "latch")
"""What a platform must have before money is exposed on it, and a bare one has not."""


class Guard:
    """``with Guard(state, platform) as guard: guard.url``; started again on the same directory it goes on.

    ``program`` is what the command becomes, which is there sooner than the command.
    """

    def __init__(
        self, state: Path, platform: str, *more: str, bot: str = "beside", program: tuple[str, ...] = FRONT
    ) -> None:
        self.state, self.bot = state, bot
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LADDER_", "TEMPORAL_"))}
        self._process = subprocess.Popen(
            [*program, bot, "--listen", "127.0.0.1:0", "-o", "json", *more],
            env={**kept, "LADDER_STATE": str(state), "LADDER_PLATFORM_URL": platform},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = ""
        for line in self._process.stdout:
            found = json.loads(line)
            if found["kind"] == "listening":
                self.url = re.search(r"http://\S+", found["sentence"])[0]  # type: ignore[index]
                break
        if not self.url:
            raise RuntimeError(self._process.communicate()[1])
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)  # a full pipe would hang it
        self._reader.start()

    @property
    def file(self) -> Path:
        """What it supplies."""
        return self.state / "supplied.sqlite"

    def said(self, kind: str, about: str = "") -> list[dict[str, Any]]:
        """The lines of this kind, of all processes on this directory, that name something."""
        lines = [json.loads(line) for line in (self.state / f"guard-{self.bot}.jsonl").read_text().splitlines()]
        return [line for line in lines if line["kind"] == kind and about in line["sentence"].split(": ")[0]]

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._end()

    def _end(self) -> int:
        status = self._process.wait(10)
        self._reader.join()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
