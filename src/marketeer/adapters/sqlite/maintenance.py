"""Looking after the database: a copy of it at one instant, a look whether it is sound, and a file without free room."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketeer.adapters.sqlite import documents as documents_sql
from marketeer.adapters.sqlite.database import BUSY_TIMEOUT_MS, Database
from marketeer.adapters.sqlite.jobs import translated
from marketeer.adapters.sqlite.migrate import MIGRATIONS, migrate
from marketeer.domain.errors import UsageError

_EXPECTED = frozenset({"goals", "tasks", "work_items", "documents", "calls", "spend", "journal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a database holds."""

    goals: int
    unfinished: int
    documents: int


def copy_database(source: Path, target: Path) -> Contents:
    """A compact copy of one instant, whoever writes meanwhile. `target` must not exist yet.

    Raises ConfigurationError for a damaged database and StoreUnavailable when there is no room.
    """
    with _connected(source) as connection:
        # of a damaged one VACUUM would say that it cannot open the target
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # unlike a copy of the pages it leaves out what was deleted
        connection.execute("VACUUM INTO ?", (str(target),))
    with _connected(target) as connection:
        return _contents(connection)


def inspect_database(path: Path) -> Contents:
    """What a database from elsewhere holds. Raises UsageError for one that is damaged, foreign, or too new to read."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            problem = _foreign(connection) or _unsound(connection)
            contents = None if problem else _contents(connection)
        except sqlite3.DatabaseError as exc:
            msg = f"its {path.name} cannot be read ({exc})"
            raise UsageError(msg) from exc
    if contents is None:
        msg = f"its {path.name} {problem}"
        raise UsageError(msg)
    return contents


def lost_files(path: Path, hash_of: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """(path, text) of each document that should lie in the workspace and is missing or older there.

    `hash_of` tells the SHA-256 of the file, None when there is none. A file that no version explains is a human's.
    """
    with _connected(path) as connection:
        newest = connection.execute(
            "SELECT path, max(version) AS version FROM documents WHERE mirrored = 1 GROUP BY path"
        ).fetchall()
        for row in newest:
            found = hash_of(row["path"])
            if found is None or _is_older(connection, row, found):
                document = documents_sql.find(connection, row["path"], row["version"])
                if document is not None:
                    yield document.path, document.content


async def compact_database(path: Path) -> None:
    """Write the file anew without its free room. Whoever wants to write meanwhile waits: for idle workspaces only."""
    database = Database(path)
    await database.open(_compacted)
    await database.close()


def _foreign(connection: sqlite3.Connection) -> str | None:
    made = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if not {name for kind, name, _ in made if kind == "table"} >= _EXPECTED:
        return "is not a database of marketeer"
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > max(int(file.name.split("_")[0]) for file in MIGRATIONS.glob("*.sql")):
        return f"was made by a newer marketeer (schema {version}): upgrade first"
    # they would run whatever somebody has put into them
    ours = _ours()
    if any(_acts(kind, sql) and sql not in ours for kind, _, sql in made):
        return "has triggers or views that are not ours"
    return None


def _acts(kind: str, sql: str | None) -> bool:
    """Whether reading or writing a table would do more than that."""
    return kind in ("view", "trigger") or "VIRTUAL" in (sql or "").upper()


def _ours() -> frozenset[str]:
    """Word for word, as a new database has them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        migrate(connection)
        rows = connection.execute("SELECT type, sql FROM sqlite_master").fetchall()
        return frozenset(row["sql"] for row in rows if _acts(row["type"], row["sql"]))


def _unsound(connection: sqlite3.Connection) -> str | None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if verdict == "ok" else f"is damaged ({' '.join(str(verdict).split())})"


def _contents(connection: sqlite3.Connection) -> Contents:
    goals, unfinished = connection.execute("SELECT count(*), count(*) - count(finished_at) FROM goals").fetchone()
    (documents,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    return Contents(goals=goals, unfinished=unfinished, documents=documents)


def _is_older(connection: sqlite3.Connection, row: sqlite3.Row, sha256: str) -> bool:
    versions = [
        version
        for (version,) in connection.execute(
            "SELECT version FROM documents WHERE path = ? AND sha256 = ?", (row["path"], sha256)
        )
    ]
    return bool(versions) and max(versions) < row["version"]


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own, for what cannot be done in a transaction. Raises our errors."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            yield connection
    except sqlite3.Error as exc:
        raise translated(exc, path) from exc


def _compacted(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
