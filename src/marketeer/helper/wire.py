"""What goes over the wire between a process and its helper: frames of a length and a pickle.

Both ends are this very code, and nobody else can reach the pair of sockets between them, so a pickle is safe here and
the shortest way.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any

LENGTH = struct.Struct("!I")
# Sent by the helper alone, once it is able to work.
READY = LENGTH.pack(0)


def frame(content: object) -> bytes:
    packed = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(packed)) + packed


def unpacked(packed: bytes) -> Any:
    """What a frame holds behind its length."""
    return pickle.loads(packed)  # noqa: S301 - see above
