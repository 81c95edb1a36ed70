"""Documents: every version of every text, and which of them lie in the workspace as files."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from marketeer.adapters.sqlite.codec import Codec
from marketeer.domain.changing import changed
from marketeer.domain.document import Document, DocumentKind
from marketeer.domain.work import WorkItem

_DOCUMENTS = Codec(Document)
_COLUMNS = tuple(name for name in _DOCUMENTS.columns if name != "version")
_INSERT = (
    f"INSERT INTO documents (version, {', '.join(_COLUMNS)}, sha256, mirrored)"
    f" SELECT coalesce(max(version), 0) + 1, {', '.join('?' * (len(_COLUMNS) + 2))} FROM documents WHERE path = ?"
    " RETURNING version"
)
# In the column `mirrored`, beside 0 and 1: it never lies in the workspace, so nobody looks for it there.
_NO_FILE = 2
_VERSION_AT = _DOCUMENTS.columns.index("version")


def add(connection: sqlite3.Connection, document: Document) -> Document:
    values = list(_DOCUMENTS.values(document))
    del values[_VERSION_AT]
    mirrored = _NO_FILE if document.kind is DocumentKind.ANSWER else 0
    ((version,),) = connection.execute(_INSERT, (*values, document.sha256, mirrored, document.path)).fetchall()
    return changed(document, version=version)


def find(connection: sqlite3.Connection, path: str, version: int | None) -> Document | None:
    if version is None:
        sql, values = "SELECT * FROM documents WHERE path = ? ORDER BY version DESC LIMIT 1", (path,)
    else:
        sql, values = "SELECT * FROM documents WHERE path = ? AND version = ?", (path, version)  # type: ignore[assignment]
    row = connection.execute(sql, values).fetchone()
    return _DOCUMENTS.record(row) if row else None


def of_work(connection: sqlite3.Connection, item: WorkItem) -> Document | None:
    row = connection.execute(
        "SELECT * FROM documents WHERE task_id = ? AND generation = ? AND kind IN ('output', 'context')"
        " AND truncated = 0 AND author = 'machine' ORDER BY created_at DESC, version DESC LIMIT 1",
        (item.task_id, item.generation),
    ).fetchone()
    return _DOCUMENTS.record(row) if row else None


def is_stored(connection: sqlite3.Connection, path: str, sha256: str) -> bool:
    row = connection.execute("SELECT 1 FROM documents WHERE path = ? AND sha256 = ? LIMIT 1", (path, sha256)).fetchone()
    return row is not None


def unmirrored(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """An output that no task has adopted is kept in the store only."""
    rows = connection.execute(
        "SELECT d.path, max(d.version) AS version FROM documents d"
        " LEFT JOIN tasks t ON t.task_id = d.task_id AND t.output_path = d.path AND t.output_version = d.version"
        " WHERE d.mirrored = 0 AND d.truncated = 0 AND (d.kind NOT IN ('output', 'context') OR t.task_id IS NOT NULL)"
        " GROUP BY d.path"
    )
    return [(row["path"], row["version"]) for row in rows]


def in_force(connection: sqlite3.Connection, path: str, version: int | None) -> Document | None:
    if version is None:
        return find(connection, path, None)
    row = connection.execute(
        "SELECT * FROM documents WHERE path = ? AND (version = ? OR (version > ? AND author = 'human'))"
        " ORDER BY version DESC LIMIT 1",
        (path, version, version),
    ).fetchone()
    return _DOCUMENTS.record(row) if row else None


def adopted(connection: sqlite3.Connection, path: str, *, approved_only: bool) -> Document | None:
    row = connection.execute(
        "SELECT d.* FROM documents d LEFT JOIN tasks t ON t.task_id = d.task_id"
        " WHERE d.path = ? AND d.truncated = 0 AND (d.author = 'human' OR d.task_id IS NULL"
        " OR d.kind NOT IN ('output', 'context')"
        " OR (t.output_version = d.version AND (NOT ? OR t.status = 'approved')))"
        " ORDER BY d.version DESC LIMIT 1",
        (path, approved_only),
    ).fetchone()
    return _DOCUMENTS.record(row) if row else None


def take_back(connection: sqlite3.Connection, path: str, version: int) -> None:
    """The file shows a later version that is not adopted any more: it is to be written anew."""
    connection.execute("UPDATE documents SET mirrored = 0 WHERE path = ? AND version = ?", (path, version))


def mark_mirrored(connection: sqlite3.Connection, written: Sequence[tuple[str, int]]) -> None:
    """Older versions are done with too, but for one that was adopted again while a later one was being written."""
    connection.executemany(
        "UPDATE documents SET mirrored = 1 WHERE path = ?1 AND version <= ?2 AND mirrored = 0 AND (version = ?2"
        " OR NOT EXISTS (SELECT 1 FROM tasks t WHERE t.task_id = documents.task_id"
        " AND t.output_path = documents.path AND t.output_version = documents.version))",
        written,
    )
