"""Files of lines that several processes append to."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def append_line(path: Path, line: str, unless: Callable[[str], bool] | None = None) -> bool:
    """Append ``line`` durably and whole, also beside other writers; False when ``unless`` holds for a stored line.

    A line torn by a crash is closed first, so that it cannot spoil this one. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file closes, also by a crash
        if unless is not None and any(unless(stored) for stored in _lines(path)):
            return False
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return True


def read_lines(path: Path) -> list[str]:
    """The lines of ``path``, no writer in the middle of one; none when there is no file yet. Raises OSError."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return _lines(path)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").split("\n")
