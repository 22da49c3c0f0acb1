"""What each channel to on-call was told: a small table in the database of the record, shared by all workers."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, insert, select, update

from promotion_ladder.adapters.audit_schema import ALERTS, make_tables
from promotion_ladder.adapters.sql import SqlStore
from promotion_ladder.core.alerts import Told
from promotion_ladder.ports import AlertLedger

_FIRST_USE = ""


class SqlAlerts(SqlStore, AlertLedger):
    """The ledger behind the audit store's URL. Every method raises ``OPS_AUDIT_DOWN`` when it cannot answer."""

    def __init__(self, url: str, *, patience: timedelta = timedelta(seconds=10)) -> None:
        super().__init__(url, patience)

    def _open(self) -> Engine:
        engine = super()._open()
        make_tables(engine, [ALERTS])
        return engine

    async def told(self, channel: str, newest: int) -> Told:
        """What the channel knows; its first use is kept."""
        return await self._answer(lambda: self._told(channel, newest))

    async def claim(self, channel: str, alert_id: str, now: datetime, until: datetime) -> bool:
        """Whether the alert is ours to tell. The clocks of workers must agree to some seconds."""
        return await self._answer(lambda: self._claim(channel, alert_id, _text(now), _text(until)))

    async def give_back(self, channel: str, alert_id: str) -> None:
        """Let anybody claim the alert."""
        await self._answer(lambda: self._set(channel, alert_id, until=""))

    async def settle(self, channel: str, alert_id: str, at: datetime) -> None:
        """Remember that the alert was told."""
        await self._answer(lambda: self._set(channel, alert_id, settled=_text(at)))

    # --- in a thread --------------------------------------------------------------------------------------------

    def _told(self, channel: str, newest: int) -> Told:
        query = select(ALERTS.c.alert).where(ALERTS.c.channel == channel, ALERTS.c.settled.is_not(None))
        with self._read() as connection:
            first = _row(connection, channel, _FIRST_USE)
            settled = frozenset(connection.scalars(query))
        return Told(since=first["since"] if first else self._first_use(channel, newest), settled=settled)

    def _first_use(self, channel: str, newest: int) -> int:
        with self._write({_lock(channel)}) as connection:
            first = _row(connection, channel, _FIRST_USE)
            if first is not None:  # another process was first
                return int(first["since"])
            connection.execute(insert(ALERTS).values(channel=channel, alert=_FIRST_USE, until="", since=newest))
        return newest

    def _claim(self, channel: str, alert_id: str, now: str, until: str) -> bool:
        with self._write({_lock(channel)}) as connection:
            row = _row(connection, channel, alert_id)
            if row is None:
                connection.execute(insert(ALERTS).values(channel=channel, alert=alert_id, until=until))
                return True
            if row["settled"] is not None or row["until"] > now:
                return False
            connection.execute(update(ALERTS).where(*_is(channel, alert_id)).values(until=until))
            return True

    def _set(self, channel: str, alert_id: str, **values: str) -> None:
        with self._write({_lock(channel)}) as connection:
            connection.execute(update(ALERTS).where(*_is(channel, alert_id)).values(**values))


def _row(connection: Connection, channel: str, alert_id: str) -> RowMapping | None:
    query = select(ALERTS.c.until, ALERTS.c.settled, ALERTS.c.since).where(*_is(channel, alert_id))
    return connection.execute(query).mappings().first()


def _is(channel: str, alert_id: str) -> tuple[ColumnElement[bool], ...]:
    return ALERTS.c.channel == channel, ALERTS.c.alert == alert_id


def _lock(channel: str) -> str:
    return f"alerts of {channel}"


def _text(moment: datetime) -> str:
    """One width and one zone, so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
