"""The workspace folder: what the event loop asks of it, and the locks of the processes that work there."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from marketeer.adapters.workspace.beside import FilesBeside
from marketeer.adapters.workspace.files import TEMPORARY, WorkspaceFiles, unusable
from marketeer.adapters.workspace.locks import patient_lock, try_lock
from marketeer.caution import Caution
from marketeer.domain.degradation import Disk
from marketeer.domain.errors import StoreUnavailable, UsageError, WorkspaceBusy
from marketeer.ports import Stamp

DATABASE_NAME = "marketeer.db"
LOCK_NAME = "marketeer.lock"
SCHEDULER_MARK = "scheduler.lock"
IGNORED = f"{DATABASE_NAME}*\n{LOCK_NAME}\n{SCHEDULER_MARK}\n*{TEMPORARY}\n.env\n"
# Covered by the `.gitignore` line of the database.
FILES_LOCK_NAME = f"{DATABASE_NAME}-files"
FOLDERS = ("context", "inputs", "goals", "outputs", "reviews", "metrics", "memory", "team")


class FileWorkspace:
    """See ports.Workspace. `make()` creates the folder; nothing else does.

    `beside` writes files when there are many to write; whoever gives it lets it go.
    """

    def __init__(self, root: Path, *, beside: FilesBeside | None = None) -> None:
        self.root = root
        self._files = WorkspaceFiles(root)
        self._beside = beside
        self._caution = Caution()

    @property
    def database_path(self) -> Path:
        return self.root / DATABASE_NAME

    @property
    def team_path(self) -> Path:
        return self.root / "team"

    @property
    def exists(self) -> bool:
        """True when somebody has worked here: there is a database."""
        return self.database_path.is_file()

    def make(self) -> None:
        """Create the folder and its `.gitignore`. Raises UsageError when it is a file or cannot be written."""
        self.check()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text(IGNORED)
        except OSError as exc:
            raise unusable(self.root, exc) from exc

    def make_folders(self) -> None:
        """The folders a user fills or reads, so that they can be seen."""
        for name in FOLDERS:
            (self.root / name).mkdir(exist_ok=True)

    def check(self) -> None:
        """Raises UsageError when this path cannot be a workspace."""
        if self.root.exists() and not self.root.is_dir():
            msg = f"workspace {str(self.root)!r} is a file: give a folder with --workspace or WORKSPACE_DIR"
            raise UsageError(msg)
        parent = self.root
        while not parent.exists() and parent != parent.parent:
            parent = parent.parent
        if not parent.is_dir():
            msg = f"workspace {str(self.root)!r} lies under a file: give another folder with --workspace"
            raise UsageError(msg)
        if not os.access(parent, os.W_OK | os.X_OK):
            msg = f"workspace {str(self.root)!r} cannot be written: change its permissions or give another --workspace"
            raise UsageError(msg)

    def resolve(self, path: str) -> Path:
        """The file of a relative path. Raises UsageError for one that would leave the workspace."""
        return self._files.resolve(path)

    async def read(self, path: str) -> bytes | None:
        return await asyncio.to_thread(self._files.read, path)

    async def stamp(self, path: str) -> Stamp | None:
        began = time.monotonic()
        if not self._caution.here(began):
            return await asyncio.to_thread(self._files.stamp, path)
        try:
            return self._files.stamp(path)
        finally:
            self._caution.took(began)

    async def disk(self) -> Disk | None:
        return await asyncio.to_thread(self._disk)

    def _disk(self) -> Disk | None:
        try:
            # A workspace that is still to be made lies where its folder will.
            there = next(folder for folder in (self.root, *self.root.absolute().parents) if folder.exists())
            usage = shutil.disk_usage(there)
        except OSError:
            return None
        # What is kept for the system administrator is of no use to us, and belongs to no share of ours.
        return Disk(free=usage.free, total=usage.used + usage.free)

    async def write(self, path: str, content: bytes) -> None:
        await self.write_many([(path, content)])

    async def write_many(
        self, files: Sequence[tuple[str, bytes]], *, over: Sequence[Stamp | None] | None = None
    ) -> Sequence[Stamp | None]:
        if not files:
            return ()
        stamps = await self._beside.write(self.root, files, over) if self._beside is not None else None
        return stamps if stamps is not None else await asyncio.to_thread(self._files.write_many, files, over)

    # -- who works here --------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def work_lock(self, *, scope: str, is_daemon: bool = False, shared: bool = False) -> AsyncIterator[None]:
        """A file lock, so that it dies with its owner; the file says who holds it. `shared`: beside others that share
        it; whoever wants it alone is refused while one of them lives."""
        with self._open_lock() as file:
            if not await patient_lock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                raise WorkspaceBusy(self._busy_message())
            try:
                file.seek(0)
                file.truncate()
                file.write(json.dumps({"pid": os.getpid(), "scope": scope, "daemon": is_daemon, "shared": shared}))
                file.flush()
                yield
            finally:
                # Of several who share it the last one wipes the note.
                if not shared or try_lock(file):
                    file.truncate(0)
                fcntl.flock(file.fileno(), fcntl.LOCK_UN)

    @contextlib.contextmanager
    def turn_at_files(self) -> Iterator[bool]:
        """Whether no other process is at them now; then none is until the block ends."""
        with self._open_lock(FILES_LOCK_NAME) as file:
            if not try_lock(file):
                yield False
                return
            file.seek(0)
            if file.read(1):
                # Whoever wrote this died in its turn, after we had looked for what the dead leave.
                self._files.forget_swept()
                if self._beside is not None:
                    self._beside.forget_swept()
            else:
                file.write("t")
                file.flush()
            yield True
            file.truncate(0)

    def worker(self) -> dict[str, object] | None:
        """`{"pid": ..., "scope": "all" | goal id, "daemon": true | false, "shared": true | false}` of the process that
        works here now; of several who share the work, the one that came last.

        None when nobody does."""
        if not (self.root / LOCK_NAME).exists():
            return None
        try:
            with self._open_lock() as file:
                if try_lock(file):
                    return None
                file.seek(0)
                text = file.read()
        except OSError:
            return None
        try:
            holder = json.loads(text)
        except ValueError:
            holder = {}
        return holder if isinstance(holder, dict) else {}

    @contextlib.asynccontextmanager
    async def scheduler_mark(self) -> AsyncIterator[None]:
        """Held by each process that answers slots; shared, and gone with its owner."""
        with self._open_lock(SCHEDULER_MARK) as file:
            await patient_lock(file, fcntl.LOCK_SH)
            yield

    def has_scheduler(self) -> bool:
        """Whether any process answers slots now."""
        if not (self.root / SCHEDULER_MARK).exists():
            return False
        try:
            with self._open_lock(SCHEDULER_MARK) as file:
                return not try_lock(file)
        except (OSError, UsageError, StoreUnavailable):
            return False

    def _busy_message(self) -> str:
        holder = self.worker() or {}
        return (
            f"process {holder.get('pid', 'unknown')} already works on workspace {str(self.root)!r}: "
            "wait for it to end, stop it, or use another --workspace"
        )

    @contextlib.contextmanager
    def _open_lock(self, name: str = LOCK_NAME) -> Iterator[IO[str]]:
        try:
            file = (self.root / name).open("a+")
        except OSError as exc:
            raise unusable(self.root, exc) from exc
        with file:
            yield file


def daemon_pid(worker: Mapping[str, object] | None) -> int | None:
    """Of what `FileWorkspace.worker` says; None when it is not a daemon that works."""
    pid = worker.get("pid") if worker is not None and worker.get("daemon") else None
    return pid if isinstance(pid, int) else None
