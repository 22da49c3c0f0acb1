"""The simulation's whole state: one SQLite file, a price series and the clocks.

Everything is in the file and each tick and each verb is one transaction, so a killed process resumes exactly where the
last one ended. Nothing here is shared between threads; the server runs ticks and verbs on one event loop.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from promotion_ladder.core.canonical import digest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.release import Release
from promotion_ladder.simulation.behaviour import Behaviour
from promotion_ladder.simulation.prices import Prices
from promotion_ladder.simulation.schema import SCHEMA
from promotion_ladder.simulation.strategy import Story

Row = dict[str, Any]


def utc_now() -> datetime:
    """The wall clock, UTC; only stamps things, decides nothing."""
    return datetime.now(UTC)


class World:
    """State, market and clocks of one simulation."""

    def __init__(
        self,
        path: Path | str,
        prices: Prices,
        seed: int = 7,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """``without`` names capabilities that this platform really does not have, and does not name."""
        self.prices = prices
        self.without = without
        self.now = now
        self.monotonic = monotonic
        self._behaviours: dict[tuple[str, str], Behaviour] = {}
        self._depth = 0
        self._faults: list[Row] | None = None
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # WAL with NORMAL survives the death of the process at any moment; only a power cut could cost the last ticks.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        self.run("INSERT OR IGNORE INTO meta VALUES ('tick', 0), ('seed', ?)", seed)
        self.seed = int(self.value("SELECT value FROM meta WHERE name = 'seed'"))
        self.tick = int(self.value("SELECT value FROM meta WHERE name = 'tick'"))
        self.deadlines: dict[str, float] = {
            row["bot"]: self.monotonic() + row["lease_left"]
            for row in self.rows("SELECT bot, lease_left FROM bots WHERE lease_left IS NOT NULL")
        }

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested ones belong to the outermost."""
        if self._depth:
            yield
            return
        self._depth += 1
        deadlines = dict(self.deadlines)
        tick = self.tick
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            self.deadlines, self.tick = deadlines, tick
            self.faults_changed()
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; the id of the row it inserted."""
        return self._db.execute(sql, values).lastrowid or 0

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a query."""
        return [dict(row) for row in self._db.execute(sql, values)]

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, or None."""
        found = self._db.execute(sql, values).fetchone()
        return dict(found) if found is not None else None

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        found = self._db.execute(sql, values).fetchone()
        return found[0] if found is not None else None

    def stamp(self) -> str:
        """Now, as stored: one fixed width, so that text compares like time."""
        return show_time(self.now())

    def bot(self, bot: str) -> Row:
        """The bot's row; ``OPS_UNKNOWN_BOT`` if there is none."""
        found = self.row("SELECT * FROM bots WHERE bot = ?", bot)
        if found is None:
            raise LadderError(Code.UNKNOWN_BOT, f"the platform knows no bot '{bot}'")
        return found

    def variant(self, bot: str, variant: str) -> Row | None:
        """The row of one variant, or None when the bot has no such variant now."""
        return self.row("SELECT * FROM variants WHERE bot = ? AND variant = ?", bot, variant)

    def release(self, bot: str, release_digest: str) -> Release:
        """A published release; ``OPS_UNKNOWN_RELEASE`` if there is none."""
        body = self.value("SELECT body FROM releases WHERE bot = ? AND digest = ?", bot, release_digest)
        if body is None:
            raise LadderError(Code.UNKNOWN_RELEASE, f"no release {release_digest[:12]} of {bot} was published")
        return Release.model_validate_json(body)

    def behaviour(self, bot: str, release_digest: str) -> Behaviour:
        """How a published release behaves."""
        key = (bot, release_digest)
        if key not in self._behaviours:
            body = self.value("SELECT behaviour FROM releases WHERE bot = ? AND digest = ?", *key)
            self._behaviours[key] = Behaviour.model_validate_json(body)
        return self._behaviours[key]

    def publish(self, release: Release, behaviour: Behaviour) -> None:
        """Make a release known; the same release again replaces its behaviour."""
        self.run(
            "INSERT OR REPLACE INTO releases VALUES (?, ?, ?, ?, ?)",
            release.bot,
            release.digest,
            release.version,
            release.model_dump_json(),
            behaviour.model_dump_json(),
        )
        self._behaviours.pop((release.bot, release.digest), None)

    def story(self, bot: str, release_digest: str, mode: str) -> Story:
        """Whose decisions a variant makes."""
        return Story(self.seed, bot, release_digest, Mode(mode))

    def effect(self, verb: str, bot: str, variant: str = "", key: str | None = None, **detail: Any) -> None:
        """Append to the log of what really happened: each effective mutation and each order sent, exactly once."""
        owner = self.row("SELECT epoch, promotion_id FROM bots WHERE bot = ?", bot) or {}
        self.run(
            "INSERT INTO effects (at, tick, bot, variant, verb, key, epoch, promotion_id, detail)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self.stamp(),
            self.tick,
            bot,
            variant,
            verb,
            key,
            owner.get("epoch", 0),
            owner.get("promotion_id"),
            json.dumps(detail, default=str),
        )

    def once(self, verb: str, bot: str, key: str, order: BaseModel | dict[str, Any], act: Callable[[], Any]) -> Any:
        """Do ``act`` unless this key was used for this verb of this bot before; what it answered then.

        A refusal (an exception) is not stored: nothing happened, so the same key may be tried again.
        ``OPS_PLATFORM_REFUSED`` when the key was used for another content. Without the capability ``keys``, it is done.
        """
        if "keys" in self.without:
            with self.transaction():
                return act()
        fingerprint = digest(order)
        with self.transaction():
            used = self.row(
                "SELECT fingerprint, answer FROM keys WHERE bot = ? AND verb = ? AND key = ?", bot, verb, key
            )
            if used is not None:
                if used["fingerprint"] != fingerprint:
                    raise LadderError(
                        Code.PLATFORM_REFUSED, f"{verb} of {bot}: the key '{key}' was used for another content"
                    )
                return json.loads(used["answer"])
            answer = act()
            self.run(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?)", bot, verb, key, fingerprint, json.dumps(answer, default=str)
            )
            return answer

    def refuse_without(self, capability: str, bot: str) -> None:
        """Raise ``OPS_PLATFORM_REFUSED`` on a platform that was started without this capability."""
        if capability in self.without:
            raise LadderError(Code.PLATFORM_REFUSED, f"{bot}: this platform has no {capability}")

    def fault(self, bot: str, kind: str) -> bool:
        """Whether a lasting fault of this kind stands for the bot."""
        return bool(self.standing(bot, kind))

    def standing(self, bot: str, kind: str) -> list[Row]:
        """Every lasting fault of this kind that stands for the bot."""
        return [one for one in self.faults() if one["kind"] == kind and one["bot"] in (bot, "*")]

    def take_fault(self, bot: str, verb: str, kind: str) -> Row | None:
        """Use up one turn of a fault of this kind, if one stands for bot and verb."""
        found = next((one for one in self.standing(bot, kind) if one["verb"] in (verb, "*")), None)
        if found is not None and found["turns"] is not None:
            with self.transaction():
                self.run("UPDATE faults SET turns = turns - 1 WHERE n = ?", found["n"])
                self.run("DELETE FROM faults WHERE turns <= 0")
                self.faults_changed()
        return found

    def faults(self) -> list[Row]:
        """All that stand, oldest first. Remembered: every verb and every bot at every tick asks, mostly for nothing."""
        if self._faults is None:
            self._faults = self.rows("SELECT * FROM faults ORDER BY n")
        return self._faults

    def faults_changed(self) -> None:
        """Read them anew when somebody asks."""
        self._faults = None


def show_time(moment: datetime) -> str:
    """A moment as stored: UTC, microseconds, one fixed width."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
