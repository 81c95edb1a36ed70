"""How much memory this process holds now, and has held at most, in MB."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

MB = 1_000_000
_STATUS = Path("/proc/self/status")


def resident_mb() -> float:
    """Resident memory now; where the system does not say, its highest so far."""
    return _status("VmRSS") or _highest()


def peak_mb() -> float:
    # getrusage would do, but on Linux a child starts with its parent's peak there
    return _status("VmHWM") or _highest()


def _status(name: str) -> float | None:
    if not _STATUS.exists():
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) * 1024 / MB if found else None


def _highest() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB
