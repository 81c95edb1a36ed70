"""One JSON object out of what a model said: the whole text, what stands in a fence, or the first one in the text."""

from __future__ import annotations

import json
import re
from typing import Any

# What is longer is no answer in the agreed form.
MAX_CHARS = 200_000
# Braces that open nothing are common in prose and code: so many are looked behind.
MAX_STARTS = 50
_FENCE = re.compile(r"^```[\w-]*[ \t]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def json_object(text: str) -> dict[str, Any] | None:
    """None where there is none, where it is not whole, or where it is of a kind that only harms: numbers that are
    none, signs that no text may hold, lists within lists without end."""
    if len(text) > MAX_CHARS:
        return None
    wholes = [text, *(fenced[1] for fenced in _FENCE.finditer(text))]
    return next(filter(None, map(_loaded, wholes)), None) or _first_in(text)


def _first_in(text: str) -> dict[str, Any] | None:
    at = -1
    for _ in range(MAX_STARTS):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            found, _ = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if _is_object(found):
            return dict(found)
    return None


def _loaded(text: str) -> dict[str, Any] | None:
    try:
        found = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return dict(found) if _is_object(found) else None


def _is_object(found: Any) -> bool:
    return isinstance(found, dict) and bool(found) and _can_be_stored(found)


def _can_be_stored(found: Any) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # half of a pair of surrogates is a ValueError too
        return False
    return True


def _refused(name: str) -> Any:
    msg = f"{name} is no number"
    raise ValueError(msg)


_DECODER = json.JSONDecoder(parse_constant=_refused)
