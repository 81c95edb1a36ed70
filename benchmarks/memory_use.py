"""How much memory this process holds now, and has held at most, in MB."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

MB = 1_000_000


def resident_mb(pid: int | None = None) -> float:
    """Resident memory now, of this process or another; where the system does not say, our highest so far."""
    return _status("VmRSS", pid) or _highest()


def peak_mb() -> float:
    # getrusage would do, but on Linux a child starts with its parent's peak there
    return _status("VmHWM") or _highest()


def _status(name: str, pid: int | None = None) -> float | None:
    status = Path("/proc") / (str(pid) if pid else "self") / "status"
    if not status.exists():
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) * 1024 / MB if found else None


def _highest() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB
