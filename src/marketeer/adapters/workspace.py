"""The workspace folder: atomic, durable file writes that never leave it, and the lock of the working process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from marketeer.caution import Caution
from marketeer.domain.degradation import Disk
from marketeer.domain.errors import StoreUnavailable, UsageError, WorkspaceBusy
from marketeer.ports import Stamp

DATABASE_NAME = "marketeer.db"
LOCK_NAME = "marketeer.lock"
SCHEDULER_MARK = "scheduler.lock"
IGNORED = f"{DATABASE_NAME}*\n{LOCK_NAME}\n{SCHEDULER_MARK}\n*.tmp\n.env\n"
TEMPORARY = ".tmp"
LEFT_OVER = re.compile(rf"\..+\.\d+\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}")
# Covered by the `.gitignore` line of the database.
FILES_LOCK_NAME = f"{DATABASE_NAME}-files"
LOCK_TRIES = 5
LOCK_RETRY_S = 0.02
FOLDER_HOLDS_S = 1.0
FOLDERS = ("context", "inputs", "goals", "outputs", "reviews", "metrics", "memory", "team")


class FileWorkspace:
    """See ports.Workspace. `make()` creates the folder; nothing else does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}/"
        # Folders known to lie inside, and until when.
        self._inside: dict[str, float] = {}
        self._caution = Caution()
        # Folders without left-over temporary files.
        self._swept: set[Path] = set()

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
            raise self._unusable(exc) from exc

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
        return Path(self._resolved(path)[0])

    def _resolved(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file, and what it is, None when there is none."""
        parts = path.split("/")
        folder, target = self._prefix + "/".join(parts[:-1]), self._prefix + path
        if path.startswith("/") or ".." in parts or "\0" in path or not self._is_inside(folder):
            raise UsageError(_leads_out(path))
        try:
            found = os.lstat(target)
            if not stat.S_ISLNK(found.st_mode):
                return target, found
            if not self._holds(Path(target)):
                raise UsageError(_leads_out(path))
            return target, os.stat(target)  # noqa: PTH116 - a text is what is at hand, and this is done often
        except (FileNotFoundError, NotADirectoryError):
            return target, None
        except OSError as exc:
            raise self._unusable(exc) from exc

    def _is_inside(self, folder: str) -> bool:
        """Following a folder's links costs far more than reading a file of it, so what is found holds for a moment."""
        now = time.monotonic()
        if self._inside.get(folder, 0.0) > now:
            return True
        inside = self._holds(Path(folder))
        if inside:
            self._inside[folder] = now + FOLDER_HOLDS_S
        return inside

    def _holds(self, target: Path) -> bool:
        return target.resolve().is_relative_to(self.root.resolve())

    async def read(self, path: str) -> bytes | None:
        return await asyncio.to_thread(self._read, path)

    def _read(self, path: str) -> bytes | None:
        target = self.resolve(path)
        try:
            return target.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as exc:
            raise self._unusable(exc) from exc

    async def stamp(self, path: str) -> Stamp | None:
        began = time.monotonic()
        if not self._caution.here(began):
            return await asyncio.to_thread(self._stamp, path)
        try:
            return self._stamp(path)
        finally:
            self._caution.took(began)

    def _stamp(self, path: str) -> Stamp | None:
        _, found = self._resolved(path)
        return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

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
        return await asyncio.to_thread(self._write_many, files, over) if files else ()

    def _write_many(
        self, files: Sequence[tuple[str, bytes]], over: Sequence[Stamp | None] | None
    ) -> Sequence[Stamp | None]:
        """All temporary files, then all flushes, then all renames: done one file at a time, each flush would also wait
        for the names of the file before it, and hold up the database's own flushes on the same disk."""
        targets = [self._writable(path) for path, _ in files]
        folders = {target.parent for target in targets}
        ending = f"{secrets.token_hex(4)}{TEMPORARY}"
        temporaries = [t.with_name(f".{t.name}.{number}.{ending}") for number, t in enumerate(targets)]
        opened: list[int] = []
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
                self._sweep(folder)
            for temporary, (_, content) in zip(temporaries, files, strict=True):
                opened.append(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
                # Held until it is in place: whoever sweeps can tell ours from a dead process's.
                fcntl.flock(opened[-1], fcntl.LOCK_EX)
                _write_all(opened[-1], content)
            for descriptor in opened:
                os.fsync(descriptor)
            stamps = [
                self._put_in_place(temporary, files[n][0], opened[n], None if over is None else (over[n],))
                for n, temporary in enumerate(temporaries)
            ]
            for folder in folders:
                _sync_folder(folder)
        except OSError as exc:
            _remove_all(temporaries[: len(opened)])
            raise self._unusable(exc) from exc
        finally:
            for descriptor in opened:
                os.close(descriptor)
        return stamps

    def _sweep(self, folder: Path) -> None:
        """Remove what a process left that was killed in mid-write. What it was writing is written again, so the next
        process comes by here before it writes anything else: looking once is enough, and once more when one of several
        has died."""
        if folder in self._swept:
            return
        self._swept.add(folder)
        with os.scandir(folder) as entries:
            left = [entry.path for entry in entries if LEFT_OVER.fullmatch(entry.name)]
        for path in left:
            with contextlib.suppress(OSError), Path(path).open("rb") as file:
                if _try_lock(file):
                    Path(path).unlink()

    def _put_in_place(
        self, temporary: Path, path: str, descriptor: int, over: tuple[Stamp | None] | None
    ) -> Stamp | None:
        """What lies there then, None when it is not ours. A person may save the file at any moment."""
        if over is not None and self._stamp(path) != over[0]:
            temporary.unlink()
            return None
        temporary.replace(self._resolved(path)[0])
        written, stamp = os.fstat(descriptor), self._stamp(path)
        ours = stamp is not None and stamp[:3] == (written.st_ino, written.st_size, written.st_mtime_ns)
        return stamp if ours else None

    def _writable(self, path: str) -> Path:
        target = self.resolve(path)
        if target == self.root:
            # its temporary file would lie beside the workspace
            msg = f"{path!r} is the workspace itself, not a file in it"
            raise UsageError(msg)
        return target

    def _unusable(self, exc: OSError) -> UsageError | StoreUnavailable:
        what = f"workspace {str(self.root)!r}"
        # The folder: the file may be a temporary one, whose name means nothing to anybody.
        where = f" ({str(Path(exc.filename).parent)!r})" if isinstance(exc.filename, str) else ""
        if isinstance(exc, PermissionError):
            return UsageError(f"{what} cannot be written: {exc.strerror}{where}: change its permissions")
        if exc.errno == errno.EROFS:
            return UsageError(f"{what} lies on a read-only file system{where}: make it writable, or give another")
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreUnavailable(f"{what} cannot be written: {exc.strerror}{where}; free space, nothing is lost")
        return StoreUnavailable(f"{what} cannot be used: {exc.strerror or exc}{where}; mend that, nothing is lost")

    # -- who works here --------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def work_lock(self, *, scope: str, is_daemon: bool = False, shared: bool = False) -> AsyncIterator[None]:
        """A file lock, so that it dies with its owner; the file says who holds it. `shared`: beside others that share
        it; whoever wants it alone is refused while one of them lives."""
        with self._open_lock() as file:
            if not await _patient_lock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                raise WorkspaceBusy(self._busy_message())
            try:
                file.seek(0)
                file.truncate()
                file.write(json.dumps({"pid": os.getpid(), "scope": scope, "daemon": is_daemon, "shared": shared}))
                file.flush()
                yield
            finally:
                # Of several who share it the last one wipes the note.
                if not shared or _try_lock(file):
                    file.truncate(0)
                fcntl.flock(file.fileno(), fcntl.LOCK_UN)

    @contextlib.contextmanager
    def turn_at_files(self) -> Iterator[bool]:
        """Whether no other process is at them now; then none is until the block ends."""
        with self._open_lock(FILES_LOCK_NAME) as file:
            if not _try_lock(file):
                yield False
                return
            file.seek(0)
            if file.read(1):
                # Whoever wrote this died in its turn, after we had looked for what the dead leave.
                self._swept.clear()
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
                if _try_lock(file):
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
            await _patient_lock(file, fcntl.LOCK_SH)
            yield

    def has_scheduler(self) -> bool:
        """Whether any process answers slots now."""
        if not (self.root / SCHEDULER_MARK).exists():
            return False
        try:
            with self._open_lock(SCHEDULER_MARK) as file:
                return not _try_lock(file)
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
            raise self._unusable(exc) from exc
        with file:
            yield file


def daemon_pid(worker: Mapping[str, object] | None) -> int | None:
    """Of what `FileWorkspace.worker` says; None when it is not a daemon that works."""
    pid = worker.get("pid") if worker is not None and worker.get("daemon") else None
    return pid if isinstance(pid, int) else None


def _leads_out(path: str) -> str:
    return f"{path!r} leads out of the workspace"


def _try_lock(file: IO[Any], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _patient_lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    """A process that only asks who works here holds the lock for an instant: that is no reason to refuse."""
    for _ in range(LOCK_TRIES):
        if _try_lock(file, kind):
            return True
        await asyncio.sleep(LOCK_RETRY_S)
    return False


def _remove_all(files: Sequence[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(path: Path) -> None:
    """A rename is durable only when its folder is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
