"""Numbered migrations: each runs once, committed together with its record."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from marketeer.adapters.sqlite.journal import chain_old_entries
from marketeer.adapters.sqlite.learnings import index_old_ones
from marketeer.domain.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
# What a migration has to do that SQL cannot, behind its statements.
_BEHIND: Mapping[int, Callable[[sqlite3.Connection], None]] = {3: chain_old_entries, 11: index_old_ones}


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether `migrate` would find nothing to do."""
    newest = max(int(file.name.split("_")[0]) for file in MIGRATIONS.glob("*.sql"))
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] == newest)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this version of the program. Raises ConfigurationError for a newer one."""
    known = {int(file.name.split("_")[0]): file for file in sorted(MIGRATIONS.glob("*.sql"))}
    (current,) = connection.execute("PRAGMA user_version").fetchone()
    if current > max(known):
        msg = f"this workspace was made by a newer marketeer (schema {current}): upgrade, or use another workspace"
        raise ConfigurationError(msg)
    for number, file in known.items():
        if number > current:
            _apply(connection, number, file.read_text())


def _apply(connection: sqlite3.Connection, number: int, statements: str) -> None:
    """user_version is the record: it lies in the database file and is committed with the statements."""
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{statements}")
        if number in _BEHIND:
            _BEHIND[number](connection)
        connection.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
