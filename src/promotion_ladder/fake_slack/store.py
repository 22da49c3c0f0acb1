"""Where the state is kept: one SQLite table of documents, so that a restarted process shows the same channel."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from promotion_ladder.fake_slack.base import Json


class Store:
    """Documents by kind and key, in a file or, without one, in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._database = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # it outlives the process, not a power cut
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT, data BLOB, PRIMARY KEY (kind, key))"
        )

    def put(self, kind: str, key: str, body: Json, data: bytes | None = None) -> None:
        """Keep a document, in place of the one of that key."""
        row = (kind, key, json.dumps(body), data)
        self._database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", row)

    def drop(self, kind: str, key: str) -> None:
        """Keep it no longer."""
        self._database.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def documents(self, kind: str) -> Iterator[tuple[str, Json, bytes | None]]:
        """All documents of a kind, in the order of their keys."""
        rows = self._database.execute("SELECT key, body, data FROM documents WHERE kind = ? ORDER BY key", (kind,))
        for key, body, data in rows:
            yield key, json.loads(body), data

    def close(self) -> None:
        """Close the file."""
        self._database.close()
