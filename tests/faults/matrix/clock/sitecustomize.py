"""Loaded by a worker of the tests before everything else: shifts what Python takes for the time of day.

The file that FAULT_CLOCK names holds the seconds. The monotonic clock stays as it is, and so does the clock of what is
not Python (Temporal's core, SQLite). Shifting all of it would take a preloaded library; libfaketime 0.9.10 breaks the
sleep of Python 3.11.
"""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

_said = Path(os.environ["FAULT_CLOCK"])
_plain, _moment = time.time, dt.datetime


def _shift() -> float:
    return float(_said.read_text() or 0)


class _Like(type):
    """Every moment is an instance, whoever made it."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _moment)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _moment)


class _Shifted(dt.datetime, metaclass=_Like):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        """The time of day, shifted."""
        return _moment.now(tz) + dt.timedelta(seconds=_shift())


time.time = lambda: _plain() + _shift()
vars(dt)["datetime"] = _Shifted
