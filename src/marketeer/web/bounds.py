"""How long, how much and how many: all that a caller may take of us. Imports nothing of the web stack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Seconds from the beginning of each wait, whatever trickles in meanwhile.

    `head_s` for a request's head; `body_s` for its body; `answer_s` for everything up to the answer's last byte;
    `rest_s` to finish sending a body that was refused before it was read, and to read why.
    `rest_bytes` may be sent in that time. `connections` is how many there may be; above it the oldest silent one goes.
    `held_bytes` is how much of all bodies may lie in memory together, so that many slow senders cannot fill it.
    """

    head_s: float = 10.0
    body_s: float = 10.0
    answer_s: float = 60.0
    rest_s: float = 2.0
    rest_bytes: int = 1024 * 1024
    connections: int = 2_000
    held_bytes: int = 32 * 1024 * 1024
