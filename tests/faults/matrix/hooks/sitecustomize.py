"""Loaded by a worker of the tests before everything else: lets its SQLite database be full, or read-only.

The file that FAULT_SQLITE names holds the pragma that every connection obeys; empty means none. A database that may
not grow answers exactly as one on a full disk does, and it needs no disk, no quota and no root.
"""

import os
import sqlite3
import sqlite3.dbapi2
from pathlib import Path
from typing import Any

_said = Path(os.environ["FAULT_SQLITE"])
_HEALTHY = ("PRAGMA max_page_count = 1073741823", "PRAGMA query_only = 0")


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        """A cursor, after the connection was told what is wrong with it."""
        told = super().cursor()
        for pragma in (*_HEALTHY, _said.read_text()):
            told.execute(pragma)
        told.close()
        return super().cursor(factory)


def _connect(*args: Any, **kwargs: Any) -> Any:
    kwargs.setdefault("factory", _Connection)
    return _plain(*args, **kwargs)


_plain = sqlite3.connect
sqlite3.connect = sqlite3.dbapi2.connect = _connect
