"""The database threads: one writes, with one commit for all that has queued up; one reads.

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
    """Open with `await open()`, close with `await close()`; `path` None keeps everything in memory.

    Reads have a connection and a thread of their own, so that none waits for a commit; they see what is committed. (A
    database in memory has one connection for both.)
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writes: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[_Job | None] = queue.SimpleQueue() if path else self._writes
        self._threads: list[threading.Thread] = []

    async def open(
        self,
        prepare: Callable[[sqlite3.Connection], None],
        is_ready: Callable[[sqlite3.Connection], bool] | None = None,
    ) -> None:
        """Start the threads; `prepare` (migrations) runs before anything else, under the write lock unless `is_ready`
        finds nothing to prepare."""
        try:
            await self._start("marketeer-writes", self._run_writes, prepare, is_ready)
            if self._path is not None:
                await self._start("marketeer-reads", self._run_reads)
        except BaseException:
            # Nobody serves a store that was not opened: whoever asks it is told so, and need not close it.
            await self.close()
            raise

    async def _start(self, name: str, run: Callable[..., None], *arguments: Any) -> None:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        thread = threading.Thread(target=run, args=(loop, opened, *arguments), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        await opened

    async def close(self) -> None:
        """Finish what is queued, then end the threads."""
        threads, self._threads = self._threads, []
        for jobs in {id(jobs): jobs for jobs in (self._writes, self._reads)}.values():
            jobs.put(None)
        for thread in threads:
            await asyncio.to_thread(thread.join)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._submit(self._reads, work, writes=False)

    async def read_on_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """For what only the writing connection can tell."""
        return await self._submit(self._writes, work, writes=False)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction. Durable when this returns; when cancelled it may still be carried out."""
        return await self._submit(self._writes, work, writes=True)

    async def _submit(
        self, jobs: queue.SimpleQueue[_Job | None], work: Callable[[sqlite3.Connection], T], *, writes: bool
    ) -> T:
        if not self._threads:
            msg = "the store is closed"
            raise StoreUnavailable(msg)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        jobs.put(_Job(work=work, writes=writes, loop=loop, future=future))
        return await future

    # -- on the threads --------------------------------------------------------------------------------------

    def _run_writes(
        self,
        loop: asyncio.AbstractEventLoop,
        opened: asyncio.Future[None],
        prepare: Callable[[sqlite3.Connection], None],
        is_ready: Callable[[sqlite3.Connection], bool] | None,
    ) -> None:
        try:
            with contextlib.ExitStack() as stack:
                lock = stack.enter_context(self._lock_file())
                # Turning on the WAL does not wait for another process that does the same: the lock does. What is ready
                # is not waited for: whoever only wants to read need not care who writes.
                with _locked(None if self._is_ready(is_ready) else lock):
                    connection = stack.enter_context(contextlib.closing(self._connect()))
                    prepare(connection)
                loop.call_soon_threadsafe(_resolve, opened, None, None)
                self._serve(self._writes, connection, lock)
        except Exception as exc:  # noqa: BLE001 - handed to whoever opened the store
            loop.call_soon_threadsafe(_resolve, opened, None, translated(exc, self._path))

    def _run_reads(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            with contextlib.closing(self._connect()) as connection:
                connection.execute("PRAGMA query_only = ON")
                loop.call_soon_threadsafe(_resolve, opened, None, None)
                self._serve(self._reads, connection, None)
        except Exception as exc:  # noqa: BLE001 - handed to whoever opened the store
            loop.call_soon_threadsafe(_resolve, opened, None, translated(exc, self._path))

    def _is_ready(self, is_ready: Callable[[sqlite3.Connection], bool] | None) -> bool:
        if is_ready is None or self._path is None or not self._path.exists():
            return False
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            return mode == "wal" and is_ready(connection)

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

    def _serve(self, jobs: queue.SimpleQueue[_Job | None], connection: sqlite3.Connection, lock: int | None) -> None:
        while True:
            batch, stop = _next_batch(jobs)
            if batch:
                self._run_batch(connection, lock, batch)
            if stop:
                return

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
            _read_anyway(connection, [job for job in batch if not job.writes])
        for job in batch:
            job.error = translated(job.error, self._path) if job.error else None
        # One wake-up of the loop for the whole batch; all jobs of a store come from one loop.
        batch[0].loop.call_soon_threadsafe(_resolve_all, batch)

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


def _next_batch(jobs: queue.SimpleQueue[_Job | None]) -> tuple[list[_Job], bool]:
    """What has queued up, waiting for the first; True when the queue ends with it."""
    batch: list[_Job] = []
    job = jobs.get()
    while True:
        if job is None:
            return batch, True
        batch.append(job)
        if len(batch) >= LARGEST_BATCH:
            return batch, False
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            return batch, False


def _read_batch(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    """In one transaction, so that no other process's commit falls between two statements of a job."""
    connection.execute("BEGIN")
    try:
        for job in batch:
            _run_read(connection, job)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _read_anyway(connection: sqlite3.Connection, reads: list[_Job]) -> None:
    """Where nothing can be written there is still something to read."""
    for job in reads:
        job.error = None
    try:
        _read_batch(connection, reads)
    except sqlite3.Error as exc:
        for job in reads:
            job.error = exc


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


def _resolve_all(batch: list[_Job]) -> None:
    for job in batch:
        _resolve(job.future, job.result, job.error)


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
    elif "locked" in text:
        error = StoreUnavailable(f"{name} is locked by another program: wait for it or end it, nothing is lost")
    else:
        error = StoreUnavailable(f"{name} cannot be used ({text}): mend that and try again, nothing is lost")
    error.__cause__ = exc
    return error
