"""The database: short SQL on the event loop; the flush to the disk, and everything long, on threads.

A statement takes some ten microseconds; handing it to a thread costs ten times that, because both threads then fight
for the interpreter. What blocks is the flush (`synchronous = FULL`), a lock that somebody else holds, and a slow disk.
So a batch of writes runs on the loop as one open transaction, and a thread commits it while the loop goes on; whatever
has queued up by then is the next batch. Results are handed out after the commit: what a caller has been told is on the
disk. A batch goes to the thread whole when the lock is not free at once, and for a while after SQL was slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from marketeer.adapters.sqlite.file_lock import FileLock
from marketeer.adapters.sqlite.jobs import Batch, Job, fail_all, is_busy, resolve, run_read, translated
from marketeer.adapters.sqlite.thread import DatabaseThread
from marketeer.caution import Caution
from marketeer.domain.errors import ConfigurationError, StoreUnavailable

T = TypeVar("T")
BUSY_TIMEOUT_MS = 5_000
LARGEST_BATCH = 256
# How long a batch may keep the loop from its other work; what is left goes into the next one.
BATCH_S = 0.004


class Database:
    """Open with `await open()`, close with `await close()`; `path` None keeps everything in memory.

    Reads have a connection of their own, so that they see what is committed and nothing else. (A database in memory has
    one connection, and needs no thread.) `on_others` is told `data_version` before each batch of writes.
    """

    def __init__(self, path: Path | None, *, on_others: Callable[[int], None] | None = None) -> None:
        self._path = path
        self._on_others = on_others
        self._writes: deque[Job] = deque()
        self._under_way = False
        self._begin_is_due = False
        self._caution = Caution()
        self._file: tuple[int, int] | None = None
        self._open = False
        self._stack = contextlib.ExitStack()
        self._writer = DatabaseThread("marketeer-writes")
        self._reader = DatabaseThread("marketeer-reads")
        self._long_reads: sqlite3.Connection | None = None

    async def open(
        self,
        prepare: Callable[[sqlite3.Connection], None],
        is_ready: Callable[[sqlite3.Connection], bool] | None = None,
    ) -> None:
        """`prepare` (migrations) runs before anything else, under the write lock unless `is_ready` finds nothing to
        prepare."""
        try:
            await self._writer.do(partial(self._connect_all, prepare, is_ready))
        except (sqlite3.Error, OSError) as exc:
            raise translated(exc, self._path) from exc
        else:
            self._open = True
        finally:
            # Nobody serves a store that was not opened: whoever asks it is told so, and need not close it.
            if not self._open:
                await self.close()

    async def close(self) -> None:
        """Finish what is queued, then end the threads. Whoever asks later is told that the store is closed."""
        if self._open:
            await self.read_on_writer(lambda _: None)
        self._open = False
        await self._reader.close()
        if self._writer.is_alive:
            self._writer.put(self._stack.close)
            await self._writer.close()

    # -- asking ----------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """For a few rows found by an index. `work` may be run twice."""
        self._require_open()
        began = time.monotonic()
        if self._path is not None and not self._caution.here(began):
            return await self.read_long(work)
        try:
            return _in_one_view(self._reads, work)
        except sqlite3.Error as exc:
            if is_busy(exc) and self._path is not None:
                return await self.read_long(work)
            raise translated(exc, self._path) from exc
        finally:
            self._caution.took(began)

    async def read_long(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """For what grows with history: on a thread, with a connection of its own."""
        if self._path is None:
            return await self.read(work)
        self._require_open()
        results: list[T] = []
        try:
            await self._reader.do(lambda: results.append(_in_one_view(self._connected_for_long(), work)))
        except sqlite3.Error as exc:
            raise translated(exc, self._path) from exc
        return results[0]

    async def read_on_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """For what only the writing connection can tell, after every write that was asked for before."""
        return await self._submit(work, writes=False)

    async def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        long: bool = False,
        on_end: Callable[[T | None], None] | None = None,
    ) -> T:
        """Run `work` in a transaction. Durable when this returns; when cancelled it may still be carried out.

        `long` for more than a few rows: it never runs on the loop. `on_end` is told the result in any case, None when
        it failed."""
        return await self._submit(work, writes=True, long=long, on_end=on_end)

    async def _submit(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        writes: bool,
        long: bool = False,
        on_end: Callable[[T | None], None] | None = None,
    ) -> T:
        self._require_open()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._writes.append(Job(work=work, writes=writes, long=long, future=future, on_end=on_end))
        self._begin_soon(loop)
        return await future

    def _require_open(self) -> None:
        if not self._open:
            msg = "the store is closed"
            raise StoreUnavailable(msg)

    # -- batches of writes, on the loop ----------------------------------------------------------------------

    def _begin_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """After whatever else is ready: it may have more to write."""
        if not self._begin_is_due and not self._under_way:
            self._begin_is_due = True
            loop.call_soon(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begin_is_due = False
        if self._under_way or not self._writes:
            return
        self._under_way = True
        began = time.monotonic()
        try:
            batch = self._begun_here() if self._path is None or self._caution.here(began) else None
        finally:
            self._caution.took(began)
        if batch is None:
            self._writer.put(partial(self._run_batch, loop, self._next_batch()))
        elif self._path is None or not self._writer_connection.in_transaction:
            self._commit(batch)
            self._finished(loop, batch)
        else:
            self._writer.put(partial(self._commit_batch, loop, batch))

    def _begun_here(self) -> list[Job] | None:
        """The jobs that were run in a transaction that is now open; None when it is the thread that must run them."""
        connection = self._writer_connection
        if self._writes[0].long and self._path is not None:
            return None
        if not any(job.writes for job in self._writes):
            batch = self._next_batch()
            for job in batch:
                run_read(connection, job)
            return batch
        if not self._lock.try_acquire():
            return None
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            # The thread waits for a lock, and finds the words for anything else.
            self._lock.release()
            return None
        if self._on_others is not None:
            self._on_others(data_version(connection))
        return self._run_here(connection)

    def _run_here(self, connection: sqlite3.Connection) -> list[Job]:
        batch = Batch(connection)
        until = time.monotonic() + BATCH_S
        try:
            while self._writes and not (self._writes[0].long and self._path is not None):
                batch.run(self._writes.popleft())
                if time.monotonic() > until:
                    break
        except sqlite3.Error as exc:
            fail_all(connection, batch.jobs, exc)
            self._lock.release()
        except BaseException:
            connection.execute("ROLLBACK")
            self._lock.release()
            raise
        return batch.jobs

    def _next_batch(self) -> list[Job]:
        return [self._writes.popleft() for _ in range(min(LARGEST_BATCH, len(self._writes)))]

    def _finished(self, loop: asyncio.AbstractEventLoop, batch: list[Job]) -> None:
        self._under_way = False
        resolve(batch, self._path)
        if self._writes:
            self._begin_soon(loop)

    # -- on the threads --------------------------------------------------------------------------------------

    def _commit_batch(self, loop: asyncio.AbstractEventLoop, batch: list[Job]) -> None:
        self._commit(batch)
        loop.call_soon_threadsafe(self._finished, loop, batch)

    def _commit(self, batch: list[Job]) -> None:
        connection = self._writer_connection
        if not connection.in_transaction:
            return
        try:
            self._commit_in_place(connection)
        except (sqlite3.Error, ConfigurationError) as exc:
            fail_all(connection, batch, exc)
        finally:
            self._lock.release()

    def _commit_in_place(self, connection: sqlite3.Connection) -> None:
        """A file that was removed or replaced takes every write, and nobody would ever read one of them."""
        if self._path is not None and _identity(self._path) != self._file:
            msg = (
                f"{self._path.name} was removed or replaced while this process worked with it, so nothing can be "
                "recorded any more: put it back, or restore a backup, and run this again"
            )
            raise ConfigurationError(msg)
        connection.execute("COMMIT")

    def _run_batch(self, loop: asyncio.AbstractEventLoop, batch: list[Job]) -> None:
        """All of it on the thread, however long it takes."""
        connection = self._writer_connection
        self._lock.acquire()
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            connection.execute("BEGIN IMMEDIATE")
            if self._on_others is not None:
                loop.call_soon_threadsafe(self._on_others, data_version(connection))
            running = Batch(connection)
            for job in batch:
                running.run(job)
            self._commit_in_place(connection)
        except Exception as exc:  # noqa: BLE001 - handed to the callers
            fail_all(connection, batch, exc)
        finally:
            connection.execute("PRAGMA busy_timeout = 0")
            self._lock.release()
        loop.call_soon_threadsafe(self._finished, loop, batch)

    def _connect_all(
        self,
        prepare: Callable[[sqlite3.Connection], None],
        is_ready: Callable[[sqlite3.Connection], bool] | None,
    ) -> None:
        self._lock = FileLock(self._path.with_name(self._path.name + "-lock") if self._path else None)
        self._stack.callback(self._lock.close)
        # Turning on the WAL does not wait for another process that does the same: the lock does. What is ready is not
        # waited for: whoever only wants to read need not care who writes.
        with contextlib.nullcontext() if self._is_ready(is_ready) else self._locked():
            self._writer_connection = self._connect()
            self._file = _identity(self._path) if self._path else None
            prepare(self._writer_connection)
        if self._path is None:
            self._reads = self._writer_connection
            return
        self._writer_connection.execute("PRAGMA busy_timeout = 0")
        self._reads = self._connect(busy_timeout_ms=0, reads_only=True)

    def _connected_for_long(self) -> sqlite3.Connection:
        if self._long_reads is None:
            self._long_reads = self._connect(reads_only=True)
            # What it sorts is kept in memory up to as much, and sums of a day's goals are sorted again and again.
            self._long_reads.execute("PRAGMA cache_size = -1000")
        return self._long_reads

    def _is_ready(self, is_ready: Callable[[sqlite3.Connection], bool] | None) -> bool:
        if is_ready is None or self._path is None or not self._path.exists():
            return False
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            return mode == "wal" and is_ready(connection)

    def _connect(self, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, reads_only: bool = False) -> sqlite3.Connection:
        # Never two threads at a time: the loop leaves a connection alone while a thread has it.
        connection = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, cached_statements=256, check_same_thread=False
        )
        self._stack.callback(connection.close)
        connection.row_factory = sqlite3.Row
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -8000",
            f"query_only = {int(reads_only)}",
            f"busy_timeout = {busy_timeout_ms}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()


def data_version(connection: sqlite3.Connection) -> int:
    """Of the writing connection: it changes whenever another process has committed."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there, None when none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _in_one_view(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """In one transaction, so that no commit falls between two statements of it."""
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
