"""Word for word: whether one text holds the words of another, whatever the marks, the spacing and the case."""

from __future__ import annotations

import re
from functools import lru_cache

from marketeer.domain.markdown import same

_GAP = re.compile(r"\s*(?:\.{3}|\u2026|\[\s*(?:\.{3}|\u2026)\s*\]|\([^)]*\.{3}[^)]*\)|\[[^\]]{1,30}\])\s*")
_LOOSE = re.compile(r"[^\w%$\u20ac\u00a3]+")


def holds_words(text: str, words: str) -> bool:
    """Whether a text holds the words; dots or a bracket may stand for a gap in them."""
    body = _body(text)
    pieces = [_loose(piece) for piece in _GAP.split(same(words))]
    if not any(pieces):
        pieces = [_loose(words)]  # `[Submit]` is a button, not a gap
    return any(pieces) and all(f" {piece} " in body for piece in pieces if piece)


@lru_cache(maxsize=64)
def _body(text: str) -> str:
    return f" {_loose(text)} "


def _loose(text: str) -> str:
    return " ".join(_LOOSE.sub(" ", same(text).casefold()).split())
