"""What the fake Claude server can be told to do wrong, and when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class FaultKind(StrEnum):
    """The first three are never billed; the others are, as far as they came."""

    STATUS = "status"  # an error status
    DISCONNECT_BEFORE = "disconnect_before"  # hang up without a byte
    HTML = "html"  # 200 with a web page, as a proxy in between may send

    STREAM_ERROR = "stream_error"  # an error event in mid-stream
    DISCONNECT_AFTER = "disconnect_after"  # hang up in mid-stream
    CUT_SHORT = "cut_short"  # the stream ends in order, but without its last events
    BAD_JSON = "bad_json"  # an event whose data is no JSON
    TRUNCATE = "truncate"  # stop reason max_tokens, half of the text
    REFUSE = "refuse"  # stop reason refusal, no content
    EMPTY = "empty"  # end_turn, no content
    THINK = "think"  # a thinking block before the text
    NO_USAGE = "no_usage"  # usage left out, as a server that only resembles the API may do
    SLOW = "slow"  # nothing wrong but `delay_s` and `pause_s`


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to do wrong. `delay_s` passes before the first byte, `pause_s` before each event of a stream.

    `status`, `error_type`, `message`, `error_code` and `retry_after` (the header's text) describe an error;
    `after_events` is how many events of the stream are sent before it breaks.
    """

    kind: FaultKind
    status: int = 500
    error_type: str | None = None
    message: str | None = None
    error_code: str | None = None
    retry_after: str | None = None
    after_events: int = 4
    delay_s: float = 0.0
    pause_s: float = 0.0


# Asked with the number of the request, from 1; None means all is well.
Faults = Callable[[int], Fault | None]


def no_faults(number: int) -> Fault | None:
    return None


def scripted(by_number: Mapping[int, Fault]) -> Faults:
    """These faults at these requests."""
    return by_number.get


def always(fault: Fault) -> Faults:
    """This fault at every request."""
    return lambda _number: fault


def at_random(seed: int, rate: float, faults: Sequence[Fault]) -> Faults:
    """One of `faults` at a `rate` (0 to 1) of the requests; the same for the same seed and number, in any order."""

    def pick(number: int) -> Fault | None:
        digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
        if int.from_bytes(digest[:8]) >= rate * 2**64:
            return None
        return faults[int.from_bytes(digest[8:12]) % len(faults)]

    return pick


def load_script(path: Path) -> Faults:
    """Faults from a JSON file; those by number come first, then those at random.

        {"by_number": {"2": {"kind": "status", "status": 429, "retry_after": "1"}},
         "random": {"seed": 7, "rate": 0.1, "faults": [{"kind": "disconnect_after"}]}}

    Raises ValueError or TypeError for anything else.
    """
    script = json.loads(path.read_text(encoding="utf-8"))
    by_number = {int(number): _fault(item) for number, item in script.get("by_number", {}).items()}
    chance = script.get("random", {"seed": 0, "rate": 0.0, "faults": []})
    otherwise = at_random(int(chance["seed"]), float(chance["rate"]), [_fault(item) for item in chance["faults"]])
    return lambda number: by_number.get(number) or otherwise(number)


def _fault(item: Mapping[str, Any]) -> Fault:
    return Fault(**{**item, "kind": FaultKind(item["kind"])})
