"""What becomes of processes."""

from __future__ import annotations

import os
from contextlib import suppress


def is_running(pid: int) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        # Nobody may have fetched its end yet.
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(") ")[2][0] != "Z"
    return False
