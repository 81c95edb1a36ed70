"""Numbered migrations: each runs once, committed together with its record."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from marketeer.domain.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"


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
            # user_version is the record: it lies in the database file and is committed with the statements.
            connection.executescript(f"BEGIN IMMEDIATE;\n{file.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;")
