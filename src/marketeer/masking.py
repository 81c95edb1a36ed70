"""Masking: a text without the secrets it must not show, by what the secrets are and by what secrets look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

MASK = "***"

_KEY = re.compile(r"(?<![A-Za-z0-9])(?:sk-|whsec_)[\w+/=-]{6,}")
_BEARER = re.compile(r"\b(Bearer)\s+[^\s\"',]+", re.IGNORECASE)
_CREDENTIALS = re.compile(r"://[^/@\s]+@")
# In JSON the letter before a key may be the end of an escape, such as that of a line's end.
_KEY_IN_JSON = re.compile(r"(?:(?<![A-Za-z0-9])|\\[bfnrt]|\\u[0-9a-f]{4})(?:sk-|whsec_)[\w+/=-]{6}")
_IN_JSON = {"True": "true", "False": "false", "None": "null"}


class Masking:
    """`known` are secrets word for word; they are found however they are quoted."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in known if secret for spelling in _spellings(secret)}
        # longest first, so that a secret which is part of another leaves no rest of it behind
        ordered = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._known_in_json = tuple(dict.fromkeys(self._in_json(ordered)))

    def hides_number(self, text: str) -> bool:
        """Whether this number, as it is written, is or holds a secret: only a known one can."""
        return self._known is not None and self._known.search(text) is not None

    def __call__(self, text: str) -> str:
        """`text` without its secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        # Most texts are short and hold nothing: a look for a part that must be there costs less than the pattern.
        if "sk-" in text or "whsec_" in text:
            text = _KEY.sub(MASK, text)
        if "bearer" in text.lower():
            text = _BEARER.sub(rf"\1 {MASK}", text)
        if "://" in text:
            text = _CREDENTIALS.sub(f"://{MASK}@", text)
        return text

    def may_touch(self, line: str) -> bool:
        """Whether one of the texts and numbers in this line of JSON (written with `ensure_ascii=False`) may hold a
        secret. Now and then True for a line without one, never False for a line with one."""
        if any(map(line.__contains__, self._known_in_json)):
            return True
        if ("sk-" in line or "whsec_" in line) and _KEY_IN_JSON.search(line) is not None:
            return True
        return "://" in line or "bearer" in line.lower()

    def _in_json(self, spellings: Iterable[str]) -> Iterator[str]:
        for spelling in spellings:
            yield json.dumps(spelling, ensure_ascii=False)[1:-1]
        yield from (there for here, there in _IN_JSON.items() if self.hides_number(here))


def _spellings(secret: str) -> tuple[str, ...]:
    """The secret as it may stand in a text: plain, inside an address, inside JSON, inside a repr."""
    return secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]
