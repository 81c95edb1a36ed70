"""Text made safe: foreign words go into Markdown, tables and fences without breaking them or leaking anything."""

from __future__ import annotations

import re
import unicodedata

_SECRET = re.compile(r"sk-[A-Za-z0-9_-]{8,}|\bAKIA[0-9A-Z]{8,}|\bgh[pousr]_[A-Za-z0-9]{20,}|-----BEGIN[^-]*-----")
_PLACEHOLDER = re.compile(r"\b(?:TODO|TBD|XX|XXX)\b")
_LOREM = re.compile(r"\blorem ipsum\b", re.IGNORECASE)
_SWAPPED = str.maketrans({"|": "/", "`": "'", "[": "(", "]": ")", "<": "", ">": "", "{": "(", "}": ")", "\\": "/"})
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
# What a phrase must not end with when it was cut.
_DANGLING = frozenset(
    {
        "a",
        "an",
        "the",
        "of",
        "to",
        "and",
        "or",
        "with",
        "for",
        "in",
        "on",
        "at",
        "by",
        "from",
        "that",
        "which",
        "who",
        "is",
        "are",
        "its",
        "their",
        "before",
        "after",
        "as",
        "so",
        "but",
    }
)


def clean(text: str) -> str:
    """One line of plain text: no controls, markup, placeholders or keys. Emoji and other languages stay."""
    kept = "".join(" " if _is_control(char) else char for char in text if char not in _BIDI)
    flat = " ".join(kept.encode("utf-8", "ignore").decode().split())
    flat = _LOREM.sub("sample text", _SECRET.sub("(removed)", flat)).translate(_SWAPPED)
    flat = _PLACEHOLDER.sub(lambda found: found[0].lower(), flat.replace("**", "").replace("__", ""))
    return flat.lstrip("#-+*=~ ").strip()


def shorten(text: str, max_chars: int) -> str:
    """At most that many characters, cut between words where there are words."""
    if len(text) <= max_chars:
        return text
    cut = text[: max(max_chars, 0)]
    if " " in cut and text[len(cut) : len(cut) + 1] != " ":
        cut = cut.rpartition(" ")[0]
    words = cut.split(" ")
    while len(words) > 1 and words[-1].casefold().strip(",;:") in _DANGLING:
        words.pop()
    return " ".join(words).rstrip(" ,;:.-\u200d\u2013(\"'")


def slug(text: str) -> str:
    """Lower-case words joined by hyphens; never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text)[:6]) or "page"


def sentence(text: str) -> str:
    """With a capital in front and a full stop behind."""
    flat = text.strip()
    if flat and flat[-1] not in ".!?\u3002\uff01\uff1f":
        flat += "."
    return flat[:1].upper() + flat[1:]


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def short_sentences(text: str) -> list[str]:
    """Whole sentences of running text, short enough for a table."""
    prose = [line for line in text.splitlines() if line and not re.match(r"\s*(?:[#|>*`~-]|\d+[.)])", line)]
    found = [clean(piece) for line in prose for piece in re.findall(r"[^.!?]{12,140}[.!?]", line)]
    return [piece for piece in found if piece.count(" ") > 1 and "[" not in piece]


def spoken(skill: str) -> str:
    """A skill's name as words."""
    return clean(skill.replace("-", " ")).capitalize()


def covering(*texts: str) -> str:
    """A sentence that holds these texts word for word."""
    if len(texts) == 1 and "human" in texts[0].casefold():
        return f"{texts[0]}: nothing is spent, sent or published before a person has said yes."
    return f"This section also covers: {', '.join(texts)}."
