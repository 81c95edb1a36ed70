"""The database thread: one connection, one thread, and one commit for all writes that have queued up.

Each write runs in a savepoint of its own, so one that fails takes nothing else with it. Results are handed out only
after the commit, at synchronous = FULL: what a caller has been told is on the disk. A lock file around each write
batch keeps several processes on one workspace fair to each other (SQLite's own busy wait starves the second).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from marketeer.domain.errors import ConfigurationError, MarketeerError, StoreUnavailable

T = TypeVar("T")
BUSY_TIMEOUT_MS = 5_000
LARGEST_BATCH = 256


@dataclass(slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    writes: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Database:
    """Open with `await open()`, close with `await close()`; `path` None keeps everything in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def open(self, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Start the thread; `prepare` (migrations) runs on the connection under the write lock before anything else."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(loop, opened, prepare), name="marketeer-database", daemon=True
        )
        self._thread.start()
        try:
            await opened
        except BaseException:
            # Nobody serves a store that was not opened: whoever asks it is told so, and need not close it.
            self._jobs.put(None)
            self._thread = None
            raise

    async def close(self) -> None:
        """Finish what is queued, then end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.join)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._submit(work, writes=False)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction. Durable when this returns; when cancelled it may still be carried out."""
        return await self._submit(work, writes=True)

    async def _submit(self, work: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        if self._thread is None:
            msg = "the store is closed"
            raise StoreUnavailable(msg)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work=work, writes=writes, loop=loop, future=future))
        return await future

    # -- on the thread ---------------------------------------------------------------------------------------

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        opened: asyncio.Future[None],
        prepare: Callable[[sqlite3.Connection], None],
    ) -> None:
        try:
            with contextlib.ExitStack() as stack:
                lock = stack.enter_context(self._lock_file())
                # Turning on the WAL does not wait for another process that does the same: the lock does.
                with _locked(lock):
                    connection = stack.enter_context(contextlib.closing(self._connect()))
                    prepare(connection)
                loop.call_soon_threadsafe(_resolve, opened, None, None)
                self._serve(connection, lock)
        except Exception as exc:  # noqa: BLE001 - handed to whoever opened the store
            loop.call_soon_threadsafe(_resolve, opened, None, translated(exc, self._path))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path or ":memory:", isolation_level=None, cached_statements=256)
        connection.row_factory = sqlite3.Row
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -16000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextlib.contextmanager
    def _lock_file(self) -> Iterator[int | None]:
        if self._path is None:
            yield None
            return
        with self._path.with_name(self._path.name + "-lock").open("a") as file:
            yield file.fileno()

    def _serve(self, connection: sqlite3.Connection, lock: int | None) -> None:
        while True:
            batch, stop = self._next_batch()
            if batch:
                self._run_batch(connection, lock, batch)
            if stop:
                return

    def _next_batch(self) -> tuple[list[_Job], bool]:
        job = self._jobs.get()
        batch: list[_Job] = []
        while True:
            if job is None:
                return batch, True
            batch.append(job)
            if len(batch) >= LARGEST_BATCH:
                return batch, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False

    def _run_batch(self, connection: sqlite3.Connection, lock: int | None, batch: list[_Job]) -> None:
        try:
            if any(job.writes for job in batch):
                with _locked(lock):
                    self._write_batch(connection, batch)
            else:
                _read_batch(connection, batch)
        except Exception as exc:  # noqa: BLE001 - the whole batch failed: every caller is told
            for job in batch:
                job.error = exc
        for job in batch:
            error = translated(job.error, self._path) if job.error else None
            job.loop.call_soon_threadsafe(_resolve, job.future, job.result, error)

    def _write_batch(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                if job.writes:
                    _run_write(connection, job)
                else:
                    _run_read(connection, job)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _read_batch(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    """In one transaction, so that no other process's commit falls between two statements of a job."""
    connection.execute("BEGIN")
    try:
        for job in batch:
            _run_read(connection, job)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _run_read(connection: sqlite3.Connection, job: _Job) -> None:
    try:
        job.result = job.work(connection)
    except Exception as exc:  # noqa: BLE001 - handed to the caller
        job.error = exc


def _run_write(connection: sqlite3.Connection, job: _Job) -> None:
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


@contextlib.contextmanager
def _locked(lock: int | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _resolve(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


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
    elif "full" in text:
        error = StoreUnavailable(f"cannot write {name}: the disk is full; free some space, nothing is lost")
    elif "readonly" in text or "unable to open" in text or isinstance(exc, (PermissionError, FileNotFoundError)):
        error = ConfigurationError(f"cannot write {name} ({text}): make the workspace writable")
    else:
        error = StoreUnavailable(f"{name}: {text}")
    error.__cause__ = exc
    return error
