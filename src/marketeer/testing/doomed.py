"""The command line, killed at a chosen point of its own work: `python -m marketeer.testing.doomed POINT N COMMAND ...`

It sends itself SIGKILL at the N-th such point, so nothing of it runs on: no handler, no flush, no `finally`. Ended
before that, it says on its last line of stderr how many such points it passed.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any


class Point(StrEnum):
    BEFORE_COMMIT = "before-commit"
    AFTER_COMMIT = "after-commit"  # on the disk, and nobody has been told
    HALF_A_FILE = "half-a-file"  # some of a temporary file is written
    BEFORE_RENAME = "before-rename"  # the temporary file is complete
    AFTER_RENAME = "after-rename"  # the file is in its place, and the store does not know


class Doom:
    """Counts the points of one kind that this process passes, in all of its threads."""

    def __init__(self, point: Point, number: int) -> None:
        self._point = point
        self._number = number
        self._lock = threading.Lock()
        self.passed = 0

    def at(self, point: Point) -> bool:
        """Kills the process when its time has come. Of HALF_A_FILE the caller does so itself, when this is True."""
        if point is not self._point:
            return False
        with self._lock:
            self.passed += 1
            due = self.passed == self._number
        if due and point is not Point.HALF_A_FILE:
            self.strike()
        return due

    def strike(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def foresee(doom: Doom) -> None:
    """Watch every commit of SQLite and every file that is put in place in this process."""
    _watch_commits(doom)
    _watch_files(doom)


def _watch_commits(doom: Doom) -> None:
    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if not sql.lstrip().upper().startswith("COMMIT"):
                return super().execute(sql, *values)
            doom.at(Point.BEFORE_COMMIT)
            done = super().execute(sql, *values)
            doom.at(Point.AFTER_COMMIT)
            return done

        def executescript(self, sql: str) -> sqlite3.Cursor:
            commits = "COMMIT" in sql.upper()
            if commits:
                doom.at(Point.BEFORE_COMMIT)
            done = super().executescript(sql)
            if commits:
                doom.at(Point.AFTER_COMMIT)
            return done

        def commit(self) -> None:
            doom.at(Point.BEFORE_COMMIT)
            super().commit()
            doom.at(Point.AFTER_COMMIT)

    connect = sqlite3.connect

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **{"factory": Watched, **options})
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]


def _watch_files(doom: Doom) -> None:
    open_file, write, replace = os.open, os.write, Path.replace
    temporary: set[int] = set()

    def watched_open(path: Any, *arguments: Any, **options: Any) -> int:
        descriptor = open_file(path, *arguments, **options)
        if str(path).endswith(".tmp"):
            temporary.add(descriptor)
        return descriptor

    def watched_write(descriptor: int, data: Any) -> int:
        if descriptor in temporary:
            temporary.discard(descriptor)
            if doom.at(Point.HALF_A_FILE):
                write(descriptor, bytes(data)[: len(data) // 2])
                doom.strike()
        return write(descriptor, data)

    def watched_replace(self: Path, target: Any) -> Path:
        doom.at(Point.BEFORE_RENAME)
        moved = replace(self, target)
        doom.at(Point.AFTER_RENAME)
        return moved

    os.open = watched_open
    os.write = watched_write
    Path.replace = watched_replace  # type: ignore[method-assign,assignment]


def main(argv: Sequence[str]) -> None:
    point, number, *command = argv
    doom = Doom(Point(point), int(number))
    foresee(doom)
    atexit.register(lambda: sys.stderr.write(f"{doom.passed}\n"))
    sys.argv = ["marketeer", *command]
    runpy.run_module("marketeer", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
