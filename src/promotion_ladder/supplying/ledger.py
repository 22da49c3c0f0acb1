"""What must outlive the guard: epochs, leases, latches, keys and their receipts, in one SQLite file of its own.

Every change is on disk before it is acted on. Times that run out are on the monotonic clock, which goes on while no
guard runs: so the time a guard was dead counts, since the bot traded meanwhile. Such a time means nothing once the
machine was started anew; what cannot be proved to run has run out.
"""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import ExposureOrder, Latch, LatchOrder, Variant
from promotion_ladder.supplying.clock import Clock

ON_ITS_WAY_SECONDS = 5.0
"""What was sent when a guard died reaches the platform within this time, or never."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS bots (
    bot TEXT PRIMARY KEY, epoch INTEGER NOT NULL DEFAULT 0, promotion_id TEXT,
    exposure TEXT,                          -- the order for it that stands
    prepared INTEGER NOT NULL DEFAULT 0,    -- whether a candidate was deployed since
    lease TEXT NOT NULL DEFAULT 'none', deadline REAL NOT NULL DEFAULT 0, boot TEXT NOT NULL DEFAULT '',
    held INTEGER NOT NULL DEFAULT 0         -- whether entries were paused because of a latch
);
CREATE TABLE IF NOT EXISTS acquisitions (
    bot TEXT, promotion_id TEXT, epoch INTEGER NOT NULL, PRIMARY KEY (bot, promotion_id)
);
CREATE TABLE IF NOT EXISTS latches (
    scope TEXT, target TEXT, reason TEXT, by TEXT, at TEXT, PRIMARY KEY (scope, target, by)
);
CREATE TABLE IF NOT EXISTS pauses (         -- asked for through the guard, and not let go on since
    n INTEGER PRIMARY KEY AUTOINCREMENT, bot TEXT, variant TEXT, UNIQUE (bot, variant)
);
CREATE TABLE IF NOT EXISTS keys (
    bot TEXT, verb TEXT, key TEXT, fingerprint TEXT NOT NULL, at TEXT NOT NULL,
    deadline REAL NOT NULL, boot TEXT NOT NULL, -- until then the first try may be on its way
    pauses INTEGER NOT NULL,                -- the newest pause of before
    receipt TEXT,                           -- NULL until the platform answered
    PRIMARY KEY (bot, verb, key)
);
"""


class Lease(StrEnum):
    """How it stands with the lease of a bot."""

    NONE = "none"
    RUNNING = "running"
    LOST = "lost"
    """It ran out, and the exposure is being taken back."""
    OVER = "over"
    """It ran out, and the exposure was taken back."""


@dataclass(frozen=True)
class Standing:
    """What is known of one bot."""

    bot: str
    epoch: int = 0
    promotion_id: str | None = None
    exposure: ExposureOrder | None = None
    prepared: bool = False
    lease: Lease = Lease.NONE
    deadline: float = 0.0
    boot: str = ""
    held: bool = False


@dataclass(frozen=True)
class Intent:
    """A key that was used: what for, and what the platform answered, if that is known."""

    fingerprint: str
    at: datetime
    on_its_way: float
    """Seconds for which the first try may still arrive."""
    pauses: int
    receipt: str | None


class Ledger:
    """The file. Every method raises LadderError when the disk does not take or give it."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """``OPS_GUARD_RUNS`` when another process has the file."""
        self.path = path
        self.clock = clock or Clock()
        self._began = self.clock.now()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_suffix(".lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise LadderError(Code.GUARD_RUNS, f"another guard has {path} open") from None
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        with self._taken():
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")  # an intent counts only once it outlives a power cut
            self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Let another process have it."""
        self._db.close()
        self._lock.close()

    # --- bots: epoch, exposure, lease ---------------------------------------------------------------------------

    def bot(self, bot: str) -> Standing:
        """What is known of the bot; nothing is known of a new one."""
        rows = self._rows("SELECT * FROM bots WHERE bot = ?", bot)
        return _standing(rows[0]) if rows else Standing(bot)

    def watched(self) -> list[Standing]:
        """Every bot that has, or lost, a lease, or whose entries were paused because of a latch."""
        return [_standing(row) for row in self._rows("SELECT * FROM bots WHERE lease != 'none' OR held ORDER BY bot")]

    def change(self, bot: str, **columns: Any) -> None:
        """Set these columns of the bot, and leave the others."""
        names = ", ".join(f"{name} = ?" for name in columns)
        values = [each.model_dump_json() if isinstance(each, ExposureOrder) else each for each in columns.values()]
        with self._together():
            self._run("INSERT OR IGNORE INTO bots (bot) VALUES (?)", bot)
            self._run(f"UPDATE bots SET {names} WHERE bot = ?", *values, bot)  # noqa: S608 - names of ours

    def expose(self, bot: str, order: ExposureOrder, ttl: timedelta | None) -> None:
        """Note the exposure, and let it stand for ``ttl`` from now; without one it has no lease."""
        if ttl is None:
            self.change(bot, exposure=order, lease=Lease.NONE)
        else:
            deadline = self.clock.now() + ttl.total_seconds()
            self.change(bot, exposure=order, lease=Lease.RUNNING, deadline=deadline, boot=self.clock.boot)

    def renew(self, bot: str, ttl: timedelta) -> None:
        """Let the exposure stand for ``ttl`` from now."""
        self.change(bot, deadline=self.clock.now() + ttl.total_seconds(), boot=self.clock.boot)

    def put_back(self, before: Standing) -> None:
        """Exposure and lease are what they were: the platform refused the change."""
        self.change(
            before.bot, exposure=before.exposure, lease=before.lease, deadline=before.deadline, boot=before.boot
        )  # fmt: skip

    def end(self, bot: str, lease: Lease = Lease.NONE) -> None:
        """Stable has the whole: no exposure stands, nothing is paused on its own."""
        with self._together():
            self.change(bot, exposure=None, prepared=False, lease=lease)
            self.go_on(bot, self.newest_pause(bot))

    def left(self, standing: Standing) -> float | None:
        """Seconds the bot's lease still runs, None when none runs."""
        if standing.lease is Lease.RUNNING:
            return self.clock.left(standing.deadline, standing.boot)
        return 0.0 if standing.lease is Lease.LOST else None

    def acquire(self, bot: str, promotion_id: str) -> int:
        """The next epoch for a new promotion, for one seen before the epoch it got then."""
        known = self.epoch_of(bot, promotion_id)
        if known is not None:
            return known
        epoch = self.bot(bot).epoch + 1
        with self._together():
            self._run("INSERT INTO acquisitions VALUES (?, ?, ?)", bot, promotion_id, epoch)
            self.change(bot, epoch=epoch, promotion_id=promotion_id)
        return epoch

    def epoch_of(self, bot: str, promotion_id: str) -> int | None:
        """The epoch that this promotion was given."""
        rows = self._rows("SELECT epoch FROM acquisitions WHERE bot = ? AND promotion_id = ?", bot, promotion_id)
        return int(rows[0]["epoch"]) if rows else None

    # --- latches and pauses -------------------------------------------------------------------------------------

    def latches(self) -> list[Latch]:
        """Every latch, oldest first."""
        return [
            Latch.model_validate(dict(row)) for row in self._rows("SELECT * FROM latches ORDER BY at, scope, target")
        ]

    def set_latch(self, order: LatchOrder) -> None:
        """Set the mark; one that stands in this name stays as it was."""
        mark = (order.scope, order.target, order.reason, order.by, datetime.now(UTC).isoformat())
        self._run("INSERT OR IGNORE INTO latches VALUES (?, ?, ?, ?, ?)", *mark)

    def lift_latch(self, latch: Latch) -> None:
        """Lift one mark."""
        mark = (latch.scope, latch.target, latch.by)
        self._run("DELETE FROM latches WHERE scope = ? AND target = ? AND by = ?", *mark)

    def pause(self, bot: str, variant: Variant) -> None:
        """Note that somebody wants the variant to enter nothing."""
        self._run("INSERT OR REPLACE INTO pauses (bot, variant) VALUES (?, ?)", bot, variant)

    def paused(self, bot: str) -> set[Variant]:
        """Which variants somebody wants to enter nothing."""
        return {Variant(row["variant"]) for row in self._rows("SELECT variant FROM pauses WHERE bot = ?", bot)}

    def newest_pause(self, bot: str) -> int:
        """The number of the newest pause of the bot that stands; 0 when none does."""
        return int(self._rows("SELECT coalesce(max(n), 0) AS n FROM pauses WHERE bot = ?", bot)[0]["n"])

    def go_on(self, bot: str, newest: int) -> None:
        """Whatever was paused up to this one enters again."""
        self._run("DELETE FROM pauses WHERE bot = ? AND n <= ?", bot, newest)

    # --- keys ---------------------------------------------------------------------------------------------------

    def intent(self, bot: str, verb: str, key: str) -> Intent | None:
        """What this key was used for, None for a new one."""
        rows = self._rows("SELECT * FROM keys WHERE bot = ? AND verb = ? AND key = ?", bot, verb, key)
        if not rows:
            return None
        row = rows[0]
        left = self.clock.left(row["deadline"], row["boot"])
        return Intent(row["fingerprint"], datetime.fromisoformat(row["at"]), left, row["pauses"], row["receipt"])

    def intend(self, bot: str, verb: str, key: str, fingerprint: str) -> None:
        """Note what is about to be done."""
        now = datetime.now(UTC).isoformat()
        until = (self.clock.now() + ON_ITS_WAY_SECONDS, self.clock.boot, self.newest_pause(bot))
        self._run(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO UPDATE SET"
            " deadline = excluded.deadline, boot = excluded.boot",
            bot, verb, key, fingerprint, now, *until,
        )  # fmt: skip

    def receive(self, bot: str, verb: str, key: str, answer: Any) -> None:
        """Note what the platform answered."""
        text = json.dumps(answer)
        self._run("UPDATE keys SET receipt = ? WHERE bot = ? AND verb = ? AND key = ?", text, bot, verb, key)

    def unanswered(self, bot: str, verb: str, key: str) -> None:
        """Note that the try is over, and that nobody knows what came of it."""
        self._run("UPDATE keys SET deadline = 0 WHERE bot = ? AND verb = ? AND key = ?", bot, verb, key)

    def forget(self, bot: str, verb: str, key: str) -> None:
        """It was refused: nothing happened, and the key is still good."""
        self._run("DELETE FROM keys WHERE bot = ? AND verb = ? AND key = ?", bot, verb, key)

    def on_its_way(self, bot: str, verbs: frozenset[str]) -> float:
        """Seconds for which one of these verbs, sent by a guard that died, may still arrive; 0 when none may."""
        rows = self._rows(
            "SELECT verb, deadline, boot FROM keys WHERE bot = ? AND receipt IS NULL AND deadline <= ?",
            bot, self._began + ON_ITS_WAY_SECONDS,
        )  # fmt: skip
        return max((self.clock.left(row["deadline"], row["boot"]) for row in rows if row["verb"] in verbs), default=0.0)

    # --- the disk -----------------------------------------------------------------------------------------------

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._taken():
            return self._db.execute(sql, values).fetchall()

    def _run(self, sql: str, *values: Any) -> None:
        with self._taken():
            self._db.execute(sql, values)

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """All or nothing; one within another belongs to it."""
        if self._db.in_transaction:
            yield
            return
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._run("COMMIT")

    @contextlib.contextmanager
    def _taken(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LadderError(
                Code.PLATFORM_DOWN,
                f"the guard's file {self.path} is not to be used: {error}",
                "Mend the disk it is on.",
            ) from error


def _standing(row: sqlite3.Row) -> Standing:
    return Standing(
        bot=row["bot"],
        epoch=row["epoch"],
        promotion_id=row["promotion_id"],
        exposure=ExposureOrder.model_validate_json(row["exposure"]) if row["exposure"] else None,
        prepared=bool(row["prepared"]),
        lease=Lease(row["lease"]),
        deadline=row["deadline"],
        boot=row["boot"],
        held=bool(row["held"]),
    )
