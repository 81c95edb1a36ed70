"""Masking: a text without the secrets it must not show, by what the secrets are and by what secrets look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"

_LOOKS_SECRET = (
    (re.compile(r"(?<![A-Za-z0-9])(?:sk-|whsec_)[\w+/=-]{6,}"), MASK),
    (re.compile(r"\b(Bearer)\s+[^\s\"',]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"://[^/@\s]+@"), f"://{MASK}@"),
)


class Masking:
    """`known` are secrets word for word; they are found however they are quoted."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in known if secret for spelling in _spellings(secret)}
        # longest first, so that a secret which is part of another leaves no rest of it behind
        ordered = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """`text` without its secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _LOOKS_SECRET:
            text = pattern.sub(replacement, text)
        return text


def _spellings(secret: str) -> tuple[str, ...]:
    """The secret as it may stand in a text: plain, inside an address, inside JSON, inside a repr."""
    return secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]
