"""Jobs: pieces of SQL that callers wait for, run one after another on whatever thread holds the connection.

One that fails takes nothing else of its batch with it: what the others wrote is undone with it and written again, this
time each in a savepoint of its own. Failures are rare, and savepoints are two statements for every write.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketeer.domain.errors import ConfigurationError, MarketeerError, StoreUnavailable

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@dataclass(slots=True, kw_only=True)
class Job:
    """`work` may be run twice, the first time undone. `long` ones never run on the event loop. `on_end` is told the
    result on the loop, before the caller and even when the caller has gone; None when it failed."""

    work: Callable[[sqlite3.Connection], Any]
    writes: bool
    long: bool
    future: asyncio.Future[Any]
    on_end: Callable[[Any], None] | None = None
    result: Any = None
    error: BaseException | None = None


class Batch:
    """The jobs of one transaction, which is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._careful = False
        self.jobs: list[Job] = []

    def run(self, job: Job) -> None:
        """Raises sqlite3.Error when the whole batch has failed."""
        self.jobs.append(job)
        if self._careful or not job.writes:
            run_any(self._connection, job)
            return
        try:
            job.result = job.work(self._connection)
        except Exception:  # noqa: BLE001 - met again, and kept for its caller
            self._again()

    def _again(self) -> None:
        self._careful = True
        if self._connection.in_transaction:  # a full disk may have rolled back already
            self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN IMMEDIATE")
        for job in self.jobs:
            run_any(self._connection, job)


def run_write(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as exc:
        job.error = exc
        # A full disk may already have rolled the whole transaction back: then the batch as a whole has failed.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def run_read(connection: sqlite3.Connection, job: Job) -> None:
    try:
        job.result = job.work(connection)
    except Exception as exc:  # noqa: BLE001 - handed to the caller
        job.error = exc


def run_any(connection: sqlite3.Connection, job: Job) -> None:
    """Inside a transaction."""
    if job.writes:
        run_write(connection, job)
    else:
        run_read(connection, job)


def fail_all(connection: sqlite3.Connection, jobs: Sequence[Job], exc: BaseException) -> None:
    """The whole batch failed, and every caller is told; where nothing can be written there is still much to read."""
    for job in jobs:
        job.error = exc if job.writes else None
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    for job in jobs:
        if not job.writes:
            run_read(connection, job)


def resolve(jobs: Iterable[Job], path: Path | None) -> None:
    """Wake the callers. On the event loop only."""
    for job in jobs:
        if job.on_end is not None:
            job.on_end(None if job.error is not None else job.result)
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(translated(job.error, path))
        else:
            job.future.set_result(job.result)


def is_busy(exc: BaseException) -> bool:
    """Whether somebody else holds the lock that was asked for."""
    return isinstance(exc, sqlite3.OperationalError) and (exc.sqlite_errorcode & 0xFF) in _BUSY


def translated(exc: BaseException, path: Path | None) -> BaseException:
    """A library error as one of ours; our own pass through."""
    if isinstance(exc, MarketeerError) or not isinstance(exc, (sqlite3.Error, OSError)):
        return exc
    text = str(exc)
    name = path.name if path else "the database"
    error: MarketeerError
    if "malformed" in text or "not a database" in text:
        error = ConfigurationError(
            f"{name} is damaged ({text}): restore a backup, or move it away to start with an empty one"
        )
    elif "no such module" in text:
        error = ConfigurationError(
            f"this Python's SQLite has no full-text search ({text}): use a build of Python that comes with FTS5"
        )
    elif "full" in text:
        error = StoreUnavailable(f"cannot write {name}: the disk is full; free some space, nothing is lost")
    elif "readonly" in text or "unable to open" in text or isinstance(exc, (PermissionError, FileNotFoundError)):
        error = ConfigurationError(f"cannot write {name} ({text}): make the workspace writable")
    elif "locked" in text:
        error = StoreUnavailable(f"{name} is locked by another program: wait for it or end it, nothing is lost")
    elif getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        # A table or column that is missing: waiting brings it no nearer.
        error = ConfigurationError(
            f"{name} is not as this version makes it ({text}): restore a backup, or use the version that made it"
        )
    else:
        error = StoreUnavailable(f"{name} cannot be used ({text}): mend that and try again, nothing is lost")
    error.__cause__ = exc
    return error
