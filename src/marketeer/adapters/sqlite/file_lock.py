"""The lock file around each write: it keeps several processes on one workspace fair to each other.

SQLite's own busy wait starves the second writer. The lock is `flock`: it dies with its process.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class FileLock:
    """Held by one of ours at a time; any thread may release it. `path` None: nobody else can be there."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[str] | None = path.open("a") if path else None

    def acquire(self) -> None:
        """Wait for it."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def try_acquire(self) -> bool:
        """Take it if it is free at this moment."""
        if self._file is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
