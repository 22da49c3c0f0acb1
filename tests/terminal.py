"""``ladder`` as people type it: each command a process of its own, forked from one that has loaded the libraries.

Loading them takes most of a command's time, and the tests type some two hundred. The installed program itself is
started in tests/e2e/test_dev.py, test_kill.py and tests/test_evaluate.py; tests/test_cold_start.py sees what it loads.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FORKED = multiprocessing.get_context("forkserver")
# Not the command line itself: its consoles look at the environment when they are made.
_FORKED.set_forkserver_preload(
    ["promotion_ladder.client", "promotion_ladder.adapters.audit_sql", "typer", "rich.table"]
)
SECONDS = 60.0
"""How long a command may take."""


@dataclass
class Told:
    """What a command said, and the status it ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def typed(words: Sequence[str], env: Mapping[str, str], *, stdin: str = "", cwd: Path | None = None) -> Told:
    """Run ``ladder`` with ``words`` in the environment ``env``; raises TimeoutError when it does not end."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "0").write_text(stdin)
        process = _FORKED.Process(target=_command, args=(list(words), dict(env), place, cwd or Path.cwd()))
        process.start()
        process.join(SECONDS)
        status = process.exitcode
        if status is None:
            process.kill()
            process.join()
        process.close()
        if status is None:
            raise TimeoutError(f"ladder {' '.join(words)} did not end in {SECONDS:g} s")
        return Told(status, (place / "1").read_text(), (place / "2").read_text())


async def typing(words: Sequence[str], env: Mapping[str, str], *, stdin: str = "", cwd: Path | None = None) -> Told:
    """As :func:`typed`, while other things go on."""
    return await asyncio.to_thread(typed, words, env, stdin=stdin, cwd=cwd)


def _command(words: list[str], env: dict[str, str], place: Path, cwd: Path) -> None:
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(place / str(number), flags, 0o600), number)
    sys.stdin = os.fdopen(0)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["ladder", *words]
    from promotion_ladder.cli import main  # noqa: PLC0415 - in this environment

    main()
