"""A workspace in one file: a gzipped tar of its files and of its database, and back into a folder.

The files go in first and the database last: then it knows every version that lies in the archive as a file. What
comes out of an archive is not trusted: only plain files and folders, below the folder they are unpacked to.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import secrets
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from marketeer.domain.errors import StoreUnavailable, UsageError

MOST_ENTRIES = 1_000_000
# Text and databases shrink to a tenth, hardly ever to a hundredth; a small archive may hold this much in any case.
LARGEST_RATIO = 200
ALWAYS_ALLOWED_BYTES = 256 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024

# Keys stay where they are. Git keeps its own copies, and a foreign `.git` can make git run what it likes.
_NEVER = frozenset({".env", ".git"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Names at the top of a workspace that are not the user's: the database, and the lock of the working process."""

    database: str
    lock: str

    def leaves_out(self, path: PurePosixPath) -> bool:
        """The database's own files, which are copied as one, locks, temporary files, keys and git's folder."""
        name = path.as_posix().casefold()
        if name == self.lock or name in (self.database + end for end in ("", "-wal", "-shm", "-journal", "-lock")):
            return True
        return any(part.casefold() in _NEVER or (part[0] == "." and part.endswith(".tmp")) for part in path.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was written. `links` are the links and devices that were left out."""

    archive_bytes: int
    files: int
    links: tuple[str, ...]


# -- packing ---------------------------------------------------------------------------------------------------


def check_target(target: Path, root: Path, *, overwrite: bool) -> None:
    """Raises UsageError for a place where no backup can go."""
    if target.resolve().is_relative_to(root.resolve()):
        msg = f"{str(target)!r} lies in the workspace it is to be a copy of; give a place outside of it"
        raise UsageError(msg)
    if target.is_dir():
        msg = f"{str(target)!r} is a folder; name a file in it, such as {str(target / 'marketeer.tar.gz')!r}"
        raise UsageError(msg)
    if not target.parent.is_dir():
        msg = f"there is no folder {str(target.parent)!r} for the backup; make it first"
        raise UsageError(msg)
    if target.exists() and not overwrite:
        msg = f"{str(target)!r} exists and is left as it is; give another name, or --force to replace it"
        raise UsageError(msg)


def pack(
    target: Path, root: Path, layout: Layout, copy_database: Callable[[Path], object], *, overwrite: bool = False
) -> Packed:
    """Write the archive: complete under its name, or not at all. `copy_database` makes the database's file.

    Raises UsageError for an unusable target, StoreUnavailable where there is no room, and what `copy_database` raises.
    """
    check_target(target, root, overwrite=overwrite)
    try:
        return _packed(target, root, layout, copy_database, overwrite=overwrite)
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        msg = f"there is no room for the backup {str(target)!r}: free some space there, or give another place"
        raise StoreUnavailable(msg) from exc


def _packed(
    target: Path, root: Path, layout: Layout, copy_database: Callable[[Path], object], *, overwrite: bool
) -> Packed:
    links: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".marketeer-backup-", dir=target.parent) as name:
        unfinished = Path(name) / "archive"
        with unfinished.open("wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, filename="") as packed:
                files = _write_tar(packed, root, layout, copy_database, Path(name) / layout.database, links)
            file.flush()
            os.fsync(file.fileno())
        check_target(target, root, overwrite=overwrite)
        unfinished.replace(target)
        _sync_folder(target.parent)
    return Packed(archive_bytes=target.stat().st_size, files=files, links=tuple(links))


def _write_tar(
    packed: gzip.GzipFile,
    root: Path,
    layout: Layout,
    copy_database: Callable[[Path], object],
    copy: Path,
    links: list[str],
) -> int:
    files = 0
    with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in _walk(root, layout):
            files += _add(tar, root / path, path.as_posix(), links)
        copy_database(copy)
        _add(tar, copy, layout.database, links)
    return files


def _walk(root: Path, layout: Layout) -> Iterator[PurePosixPath]:
    """Every path below the folder that is the user's, links included but not followed."""
    for folder, folders, names in os.walk(root):
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        folders[:] = sorted(name for name in folders if not layout.leaves_out(below / name))
        yield from (below / name for name in folders)
        yield from (below / name for name in sorted(names) if not layout.leaves_out(below / name))


def _add(tar: tarfile.TarFile, file: Path, name: str, links: list[str]) -> int:
    """How many files that were: 0 for a folder, a link, or what has gone meanwhile."""
    entry = tarfile.TarInfo(name)
    try:
        found = file.lstat()
        entry.mtime = int(found.st_mtime)
        if stat.S_ISDIR(found.st_mode):
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
            return 0
        if not stat.S_ISREG(found.st_mode):
            links.append(name)
            return 0
        with file.open("rb") as content:
            entry.size, entry.mode = os.fstat(content.fileno()).st_size, 0o644
            tar.addfile(entry, content)
    except FileNotFoundError:
        return 0
    return 1


# -- unpacking -------------------------------------------------------------------------------------------------


def unpack(source: Path, folder: Path, layout: Layout, *, limit_bytes: int | None = None) -> int:
    """Fill an empty folder with what an archive holds; returns the number of files besides the database.

    Raises UsageError for everything that `pack` does not write: another format, a damaged file, links, devices, paths
    that lead elsewhere, and more than `limit_bytes` (None: what an archive of its size can honestly hold).
    """
    limit = limit_bytes or max(ALWAYS_ALLOWED_BYTES, LARGEST_RATIO * source.stat().st_size)
    try:
        with gzip.open(source, "rb") as packed:
            stream = _Bounded(packed, limit)
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                files = _unpack_entries(tar, folder, layout)
            stream.drain()  # the checksum comes last
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as exc:
        msg = f"{str(source)!r} is no backup of marketeer, or is damaged ({exc}); use another one"
        raise UsageError(msg) from exc
    if not (folder / layout.database).is_file():
        msg = f"{str(source)!r} is no backup of marketeer: it holds no {layout.database}; use another one"
        raise UsageError(msg)
    return files - 1


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than so many bytes: a small archive can hold a disk full of zeros."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        super().__init__()
        self._stream = stream
        self._limit = limit
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with memoryview(buffer) as view:
            content = self._stream.read(min(len(view), self._left + 1))
            view[: len(content)] = content
        self._left -= len(content)
        if self._left < 0:
            msg = f"the archive unpacks to more than {self._limit:,} bytes, too much for its size; use another one"
            raise UsageError(msg)
        return len(content)

    def drain(self) -> None:
        while self.read(CHUNK_BYTES):
            pass


def _unpack_entries(tar: tarfile.TarFile, folder: Path, layout: Layout) -> int:
    files = 0
    for number, entry in enumerate(_entries(tar)):
        if number >= MOST_ENTRIES:
            msg = f"the archive has more than {MOST_ENTRIES:,} entries; use another one"
            raise UsageError(msg)
        target = folder.joinpath(*_path_of(entry, layout).parts)
        try:
            if entry.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(_content(tar, entry), file, CHUNK_BYTES)
        except (FileExistsError, NotADirectoryError) as exc:
            msg = f"the archive holds {entry.name!r} twice; use another one"
            raise UsageError(msg) from exc
        files += 1
    return files


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (entry := tar.next()) is not None:
        yield entry
        # a tar that is read as a stream would keep them all
        tar.members.clear()  # type: ignore[attr-defined]


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(entry)
    if content is None:
        msg = f"no content for {entry.name!r}"
        raise tarfile.ReadError(msg)
    return content


def _path_of(entry: tarfile.TarInfo, layout: Layout) -> PurePosixPath:
    """Where below the folder it belongs. Nothing but plain files and folders with plain names gets by."""
    path = PurePosixPath(entry.name)
    if entry.issparse() or not (entry.isreg() or entry.isdir()):
        msg = f"the archive holds {entry.name!r}, which is neither a file nor a folder; use another one"
        raise UsageError(msg)
    plain = path.parts and not path.is_absolute() and ".." not in path.parts and "\0" not in entry.name
    if not plain or path.as_posix() != entry.name.rstrip("/"):
        msg = f"the archive holds {entry.name!r}, which leads out of the workspace; use another one"
        raise UsageError(msg)
    is_database = entry.isreg() and path.as_posix() == layout.database
    if not is_database and layout.leaves_out(path):
        msg = f"the archive holds {entry.name!r}, which no backup holds; use another one"
        raise UsageError(msg)
    return path


# -- in its place ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def staging(root: Path) -> Iterator[Path]:
    """An empty folder beside the workspace-to-be. What is still there at the end is removed."""
    whole = root.resolve()
    folder = whole.with_name(f".{whole.name}.{secrets.token_hex(4)}.restoring")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(folder: Path, root: Path) -> Path | None:
    """Make the folder the workspace, in one step. Returns where what was there before is kept, None when nothing was.

    Raises UsageError when the folder cannot be put there; then nothing has changed.
    """
    whole = root.resolve()
    aside = _free_name(whole) if whole.is_dir() and any(whole.iterdir()) else None
    try:
        if aside is not None:
            whole.rename(aside)
        try:
            folder.rename(whole)
        except OSError:
            if aside is not None:
                aside.rename(whole)
            raise
        _sync_folder(whole.parent)
    except OSError as exc:
        msg = f"cannot put anything in the place of {str(root)!r} ({exc.strerror}); restore into a new folder"
        raise UsageError(msg) from exc
    return aside


def _free_name(whole: Path) -> Path:
    number = 1
    while (name := whole.with_name(f"{whole.name}.before-restore-{number}")).exists():
        number += 1
    return name


def _sync_folder(folder: Path) -> None:
    """A rename is durable only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
