"""The files of a workspace: read, and written atomically and durably, never outside it.

All of this waits for the disk: the event loop's part is `folder`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from marketeer.adapters.workspace.locks import try_lock
from marketeer.domain.errors import StoreUnavailable, UsageError
from marketeer.ports import Stamp

TEMPORARY = ".tmp"
LEFT_OVER = re.compile(rf"\..+\.\d+\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}")
FOLDER_HOLDS_S = 1.0
# Every goal has folders of its own. What was found of one is found again.
MOST_FOLDERS = 1_000


class WorkspaceFiles:
    """Raises UsageError or StoreUnavailable for what cannot be read or written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}/"
        # Folders known to lie inside, and until when.
        self._inside: dict[str, float] = {}
        # Folders without left-over temporary files.
        self._swept: set[Path] = set()

    def forget_swept(self) -> None:
        """Somebody has died at the files: look once more for what the dead leave."""
        self._swept.clear()

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
            raise unusable(self.root, exc) from exc

    def _is_inside(self, folder: str) -> bool:
        """Following a folder's links costs far more than reading a file of it, so what is found holds for a moment."""
        now = time.monotonic()
        if self._inside.get(folder, 0.0) > now:
            return True
        inside = self._holds(Path(folder))
        if inside:
            if len(self._inside) >= MOST_FOLDERS:
                self._inside.clear()
            self._inside[folder] = now + FOLDER_HOLDS_S
        return inside

    def _holds(self, target: Path) -> bool:
        return target.resolve().is_relative_to(self.root.resolve())

    def read(self, path: str) -> bytes | None:
        target, found = self._resolved(path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            # a folder; or a pipe, which would hold us for ever
            return None
        try:
            return Path(target).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as exc:
            raise unusable(self.root, exc) from exc

    def stamp(self, path: str) -> Stamp | None:
        _, found = self._resolved(path)
        return None if found is None else (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def write_many(
        self,
        files: Sequence[tuple[str, bytes]],
        over: Sequence[Stamp | None] | None,
        *,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Sequence[Stamp | None]:
        """All temporary files, then all flushes, then all renames: done one file at a time, each flush would also wait
        for the names of the file before it, and hold up the database's own flushes on the same disk.

        What `is_wanted` no more is not put in place."""
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
                self._put_in_place(temporary, files[n][0], opened[n], None if over is None else (over[n],), is_wanted)
                for n, temporary in enumerate(temporaries)
            ]
            for folder in folders:
                _sync_folder(folder)
        except OSError as exc:
            _remove_all(temporaries[: len(opened)])
            raise unusable(self.root, exc) from exc
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
        if len(self._swept) >= MOST_FOLDERS:
            self._swept.clear()
        self._swept.add(folder)
        with os.scandir(folder) as entries:
            left = [entry.path for entry in entries if LEFT_OVER.fullmatch(entry.name)]
        for path in left:
            with contextlib.suppress(OSError), Path(path).open("rb") as file:
                if try_lock(file):
                    Path(path).unlink()

    def _put_in_place(
        self,
        temporary: Path,
        path: str,
        descriptor: int,
        over: tuple[Stamp | None] | None,
        is_wanted: Callable[[], bool],
    ) -> Stamp | None:
        """What lies there then, None when it is not ours. A person may save the file at any moment."""
        if not is_wanted() or (over is not None and self.stamp(path) != over[0]):
            temporary.unlink()
            return None
        temporary.replace(self._resolved(path)[0])
        written, stamp = os.fstat(descriptor), self.stamp(path)
        ours = stamp is not None and stamp[:3] == (written.st_ino, written.st_size, written.st_mtime_ns)
        return stamp if ours else None

    def _writable(self, path: str) -> Path:
        target = self.resolve(path)
        if target == self.root:
            # its temporary file would lie beside the workspace
            msg = f"{path!r} is the workspace itself, not a file in it"
            raise UsageError(msg)
        return target


def unusable(root: Path, exc: OSError) -> UsageError | StoreUnavailable:
    what = f"workspace {str(root)!r}"
    # The folder: the file may be a temporary one, whose name means nothing to anybody.
    where = f" ({str(Path(exc.filename).parent)!r})" if isinstance(exc.filename, str) else ""
    if isinstance(exc, (FileExistsError, IsADirectoryError)):
        # Something of the wrong kind lies there, under a name that a person gave.
        return StoreUnavailable(f"{what} cannot be used: {exc.filename!r} is in the way; move it, nothing is lost")
    if isinstance(exc, PermissionError):
        return UsageError(f"{what} cannot be written: {exc.strerror}{where}: change its permissions")
    if exc.errno == errno.EROFS:
        return UsageError(f"{what} lies on a read-only file system{where}: make it writable, or give another")
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable(f"{what} cannot be written: {exc.strerror}{where}; free space, nothing is lost")
    return StoreUnavailable(f"{what} cannot be used: {exc.strerror or exc}{where}; mend that, nothing is lost")


def _leads_out(path: str) -> str:
    return f"{path!r} leads out of the workspace: give another path, or put a folder or file in the place of the link"


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
