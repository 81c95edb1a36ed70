"""The outbox of notices: made behind a place in the journal, which moves with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from marketeer.adapters.sqlite.codec import Codec, time_of
from marketeer.adapters.sqlite.database import Database
from marketeer.adapters.sqlite.goals import GOALS, insert_sql
from marketeer.adapters.sqlite.journal import entry_of
from marketeer.domain.approval import ApprovalStatus
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.notice import Delivery, Notice
from marketeer.ports import Untold

_NOTICES = Codec(Notice)
_DELIVERIES = Codec(Delivery)
_PUT_NOTICE = insert_sql("notices", _NOTICES.columns, verb="INSERT OR IGNORE")
_PUT_DELIVERY = insert_sql("deliveries", _DELIVERIES.columns, verb="INSERT OR REPLACE")
# As many as may be written on the event loop.
FEW = 32
_OWED = "sent_at IS NULL AND given_up_at IS NULL"


class SqliteNotices:
    """The part of SqliteStore that keeps notices. See ports.NoticeStore for the contract."""

    _db: Database

    async def untold(self, what: frozenset[str], *, limit: int) -> Untold:
        return await self._db.read(lambda c: _untold(c, what, limit))

    async def make_notices(self, untold: Untold, notices: Sequence[Notice], *, channels: Sequence[str]) -> bool:
        return await self._db.write(lambda c: _make(c, untold, notices, channels), long=len(notices) > FEW)

    async def owed_notices(self, channel: str) -> Sequence[tuple[Notice, Delivery]]:
        return await self._db.read_long(lambda c: _owed(c, channel))

    async def note_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await self._db.write(lambda c: _note(c, deliveries), long=len(deliveries) > FEW)

    async def answered(self, approval_ids: Sequence[str]) -> frozenset[str]:
        return await self._db.read_long(lambda c: _answered(c, approval_ids))

    async def last_sent(self) -> Mapping[str, datetime]:
        return await self._db.read_long(_last_sent)

    async def notices(self, *, limit: int) -> Sequence[tuple[Notice, Sequence[Delivery]]]:
        return await self._db.read_long(lambda c: _newest(c, limit))


def _untold(connection: sqlite3.Connection, what: frozenset[str], limit: int) -> Untold:
    (after,) = connection.execute("SELECT entry_id FROM notice_place").fetchone()
    rows = connection.execute(
        "SELECT * FROM journal WHERE entry_id > ? ORDER BY entry_id LIMIT ?", (after, limit)
    ).fetchall()
    entries = [entry_of(row) for row in rows if row["what"] in what]
    upto = rows[-1]["entry_id"] if rows else after
    return Untold(after=after, upto=upto, entries=[(entry, _goal_of(connection, entry)) for entry in entries])


def _goal_of(connection: sqlite3.Connection, entry: JournalEntry) -> Goal | None:
    row = connection.execute("SELECT * FROM goals WHERE goal_id = ?", (entry.goal_id,)).fetchone()
    return GOALS.record(row) if row is not None else None


def _make(connection: sqlite3.Connection, untold: Untold, notices: Sequence[Notice], channels: Sequence[str]) -> bool:
    moved = connection.execute(
        "UPDATE notice_place SET entry_id = ? WHERE entry_id = ?", (untold.upto, untold.after)
    ).rowcount
    if not moved:
        return False
    connection.executemany(_PUT_NOTICE, [_NOTICES.values(notice) for notice in notices])
    owed = [
        Delivery(notice_id=notice.notice_id, channel=channel, next_at=notice.made_at)
        for notice in notices
        for channel in channels
    ]
    _note(connection, owed)
    return True


def _owed(connection: sqlite3.Connection, channel: str) -> list[tuple[Notice, Delivery]]:
    rows = connection.execute(
        f"SELECT * FROM deliveries JOIN notices USING (notice_id) WHERE channel = ? AND {_OWED}"
        " ORDER BY made_at, notices.rowid",
        (channel,),
    )
    return [(_NOTICES.record(row), _DELIVERIES.record(row)) for row in rows]


def _note(connection: sqlite3.Connection, deliveries: Sequence[Delivery]) -> None:
    connection.executemany(_PUT_DELIVERY, [_DELIVERIES.values(delivery) for delivery in deliveries])


def _answered(connection: sqlite3.Connection, approval_ids: Sequence[str]) -> frozenset[str]:
    marks = ", ".join("?" * len(approval_ids))
    still_open = connection.execute(
        f"SELECT approval_id FROM approvals WHERE status = ? AND approval_id IN ({marks})",
        (ApprovalStatus.OPEN.value, *approval_ids),
    )
    return frozenset(approval_ids) - {row["approval_id"] for row in still_open}


def _last_sent(connection: sqlite3.Connection) -> dict[str, datetime]:
    rows = connection.execute("SELECT channel, max(sent_at) AS at FROM deliveries WHERE sent_at IS NOT NULL GROUP BY 1")
    return {row["channel"]: time_of(row["at"]) for row in rows}


def _newest(connection: sqlite3.Connection, limit: int) -> list[tuple[Notice, list[Delivery]]]:
    rows = connection.execute("SELECT * FROM notices ORDER BY made_at DESC, rowid DESC LIMIT ?", (limit,)).fetchall()
    return [(_NOTICES.record(row), _deliveries_of(connection, row["notice_id"])) for row in rows]


def _deliveries_of(connection: sqlite3.Connection, notice_id: str) -> list[Delivery]:
    rows = connection.execute("SELECT * FROM deliveries WHERE notice_id = ? ORDER BY channel", (notice_id,))
    return [_DELIVERIES.record(row) for row in rows]
