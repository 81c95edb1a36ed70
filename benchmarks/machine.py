"""What the figures were measured on: processor, disk, versions and load; no names and no paths."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SYNCS = 50
BLOCK = bytes(4_096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    cpu: str
    cores: int
    memory_gb: float
    file_system: str
    sync_ms: float
    system: str
    python: str
    sqlite: str
    load: float

    def lines(self) -> Iterator[tuple[str, str]]:
        """As (what, value), for people."""
        yield "processor", f"{self.cpu}, {self.cores} cores"
        yield "memory", f"{self.memory_gb:.0f} GB"
        yield "disk", f"{self.file_system}; a write of 4 KB is on it after {self.sync_ms:.2f} ms"
        yield "system", self.system
        yield "versions", f"Python {self.python}, SQLite {self.sqlite}"
        yield "load when it began", f"{self.load:.2f} (other work on the machine makes times longer)"


def this_machine(folder: Path) -> Machine:
    """`folder` lies on the disk that is measured."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        file_system=_file_system(folder),
        sync_ms=_sync_ms(folder / "sync-test"),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        load=os.getloadavg()[0],
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return f"{sys.platform}'s default file system"
    rows = [line.split() for line in mounts.read_text().splitlines()]
    above = [(Path(row[1]), row[2]) for row in rows if folder.resolve().is_relative_to(row[1])]
    return max(above, key=lambda mount: len(mount[0].parts))[1]


def _sync_ms(file: Path) -> float:
    taken = []
    with file.open("wb", buffering=0) as handle:
        for _ in range(SYNCS):
            began = time.perf_counter()
            handle.write(BLOCK)
            os.fsync(handle.fileno())
            taken.append(time.perf_counter() - began)
    file.unlink()
    return median(taken) * 1000
