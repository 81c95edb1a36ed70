"""The journal's rows: appended in a chain for each goal, read back, and checked link by link.

The chain's end lies in `journal_heads`, changed in the transaction that appends: so it is right whichever process
writes, and an entry missing at the end is noticed. Triggers refuse everything else (see the migration).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from marketeer.adapters.sqlite.codec import json_text, time_of, time_text
from marketeer.domain.journal import JournalEntry
from marketeer.domain.journal_chain import PRUNED, STUB_ENTRIES, STUB_HASH, Flaw, Head, Link, flaws, link_hash

_CONTENT = ("goal_id", "at", "what", "who", "task_id", "why", "data")
_COLUMNS = (*_CONTENT, "number", "hash")
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_PUT_HEAD = (
    "INSERT INTO journal_heads (goal_id, number, hash) VALUES (?, ?, ?)"
    " ON CONFLICT (goal_id) DO UPDATE SET number = excluded.number, hash = excluded.hash"
)
_HEAD = "SELECT number, hash FROM journal_heads WHERE goal_id = ?"
# Rows in one statement; SQLite takes 32,766 values.
_AT_ONCE = 500


def add_entries(connection: sqlite3.Connection, entries: Sequence[JournalEntry]) -> None:
    """Append, within a transaction that is writing already: nobody else may append between the look and the insert."""
    for goal_id, own in groupby(entries, key=lambda entry: entry.goal_id):
        _append(connection, goal_id, [_content(entry) for entry in own])


def _append(connection: sqlite3.Connection, goal_id: str, contents: Sequence[tuple[str | None, ...]]) -> None:
    end = head_of(connection, goal_id) or Head()
    number, last = end.number, end.hash
    values: list[Any] = []
    for content in contents:
        number += 1
        last = link_hash(last, number, content)
        values += (*content, number, last)
    for start in range(0, len(contents), _AT_ONCE):
        some = values[start * len(_COLUMNS) : (start + _AT_ONCE) * len(_COLUMNS)]
        connection.execute(_insert(len(some) // len(_COLUMNS)), some)
    connection.execute(_PUT_HEAD, (goal_id, number, last))


@cache
def _insert(rows: int) -> str:
    return f"INSERT INTO journal ({', '.join(_COLUMNS)}) VALUES {', '.join([_ROW] * rows)}"


def _content(entry: JournalEntry) -> tuple[str | None, ...]:
    at, data = time_text(entry.at), json_text(dict(entry.data))
    return entry.goal_id, at, entry.what, entry.who, entry.task_id, entry.why, data


def head_of(connection: sqlite3.Connection, goal_id: str) -> Head | None:
    row = connection.execute(_HEAD, (goal_id,)).fetchone()
    return Head(number=row["number"], hash=row["hash"]) if row else None


def prune_entries(connection: sqlite3.Connection, stub: JournalEntry) -> int:
    """Put `stub` in the place of all that its goal's journal holds; returns how many entries went."""
    end = head_of(connection, stub.goal_id) or Head()
    data = {**stub.data, STUB_ENTRIES: end.number, STUB_HASH: end.hash}
    at = time_text(stub.at)
    content = (stub.goal_id, at, PRUNED, stub.who, stub.task_id, stub.why, json_text(data))
    _append(connection, stub.goal_id, [content])
    # the triggers let go what a stub stands for
    return connection.execute(
        "DELETE FROM journal WHERE goal_id = ? AND number <= ?", (stub.goal_id, end.number)
    ).rowcount


def read(
    connection: sqlite3.Connection, *, goal_id: str | None, after: int, since: datetime | None, limit: int
) -> list[JournalEntry]:
    clause = ("AND goal_id = :goal_id " if goal_id else "") + ("AND at >= :since " if since else "")
    rows = connection.execute(
        f"SELECT * FROM journal WHERE entry_id > :after {clause}ORDER BY entry_id LIMIT :limit",
        {"after": after, "goal_id": goal_id, "since": time_text(since) if since else None, "limit": limit},
    )
    return [entry_of(row) for row in rows]


def entry_of(row: sqlite3.Row) -> JournalEntry:
    return JournalEntry(
        entry_id=row["entry_id"],
        goal_id=row["goal_id"],
        at=time_of(row["at"]),
        what=row["what"],
        who=row["who"],
        task_id=row["task_id"],
        why=row["why"],
        data=json.loads(row["data"]),
    )


# -- checking ------------------------------------------------------------------------------------------------


def journals(connection: sqlite3.Connection) -> list[str]:
    """Whose journals there are or should be: every goal has one, and so has what belongs to none."""
    rows = connection.execute(
        "SELECT goal_id FROM goals UNION SELECT goal_id FROM journal_heads UNION SELECT goal_id FROM journal"
    )
    return sorted(row["goal_id"] for row in rows)


def examine(connection: sqlite3.Connection, goal_id: str) -> tuple[Head, list[Flaw]]:
    """The head of a goal's journal, and what is wrong with it."""
    connection.execute("SAVEPOINT look")
    try:
        head = head_of(connection, goal_id)
        # Every goal begins with an entry: without any there is one missing.
        found = flaws(goal_id, _links(connection, goal_id), head or Head(number=1))
    finally:
        connection.execute("RELEASE look")
    return head or Head(), found


def _links(connection: sqlite3.Connection, goal_id: str) -> Iterator[Link]:
    rows = connection.execute(
        f"SELECT entry_id, number, hash, {', '.join(_CONTENT)} FROM journal WHERE goal_id = ? ORDER BY entry_id",
        (goal_id,),
    )
    for row in rows:
        yield Link(
            entry_id=row["entry_id"],
            number=row["number"],
            hash=row["hash"],
            content=tuple(row[name] for name in _CONTENT),
            what=row["what"],
            data=row["data"],
        )


# -- migration -----------------------------------------------------------------------------------------------


def chain_old_entries(connection: sqlite3.Connection) -> None:
    """Take over what was written before there was a chain, tied together in the order in which it was written."""
    ends: dict[str, Head] = {}
    columns = ", ".join(("entry_id", *_CONTENT))
    insert = f"INSERT INTO journal (entry_id, {', '.join(_COLUMNS)}) VALUES (?, {_ROW[1:]}"
    for entry_id, *content in connection.execute(f"SELECT {columns} FROM journal_unchained ORDER BY entry_id"):
        end = ends.get(content[0], Head())
        number = end.number + 1
        last = link_hash(end.hash, number, content)
        connection.execute(insert, (entry_id, *content, number, last))
        ends[content[0]] = Head(number=number, hash=last)
    connection.executemany(_PUT_HEAD, [(goal_id, end.number, end.hash) for goal_id, end in ends.items()])
    # ids that were given out once are not given out again, even if their entries have been pruned since
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'journal'")
    connection.execute("UPDATE sqlite_sequence SET name = 'journal' WHERE name = 'journal_unchained'")
    connection.execute("DROP TABLE journal_unchained")
