"""Provenance tags: `[ctx]`, `[in:path]`, `[calc]`, `[A1]`, `[target]`, `[example]`, `[bench: source, year]`.

Read as a careful person would: several in one pair of brackets, a note behind a colon, and `[context]` for `[ctx]` are
understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NOTED = r"(?:ctx|context|calc|calculated|target|example)(?:\s*:[^\]\n]*)?"
_ONE = rf"(?:{_NOTED}|(?:in|input)\s*:[^\],;\n]+|bench\s*:[^\]\n]+|(?:assumption\s+)?A\d+)"
TAG = re.compile(rf"\[\s*{_ONE}(?:\s*(?:[,;/+&]|and)\s*{_ONE})*\s*\](?!\()", re.IGNORECASE)
TRAILING = re.compile(rf"(?:\s*{TAG.pattern})+\s*$", re.IGNORECASE)
_PARTS = re.compile(_ONE, re.IGNORECASE)
CITED = re.compile(r"\bA\d+\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One pair of brackets. `inputs` are the paths it names, `ids` the assumptions."""

    text: str
    start: int
    end: int
    context: bool
    inputs: tuple[str, ...]
    ids: tuple[str, ...]
    bench: str | None

    def in_words(self) -> str:
        """What the tag says of the source."""
        if self.bench is not None:
            return f"benchmark: {self.bench}"
        kinds = (name for name in ("calc", "target", "example") if name in self.text.casefold())
        words = {"calc": "calculation", "target": "target", "example": "illustration"}
        ids = (f"assumption {one}" for one in self.ids)
        context = ("product context",) if self.context else ()
        return ", ".join((*context, *self.inputs, *ids, *(words[kind] for kind in kinds))) or self.text


def tags(text: str) -> list[Tag]:
    """The tags in a text, in order."""
    if "[" not in text:
        return []
    return [_read(match) for match in TAG.finditer(text)]


def _read(match: re.Match[str]) -> Tag:
    inner = match[0][1:-1]
    parts = [part[0].strip() for part in _PARTS.finditer(inner)]
    low = [part.casefold() for part in parts]
    return Tag(
        text=match[0],
        start=match.start(),
        end=match.end(),
        context=any(part.startswith(("ctx", "context")) for part in low),
        inputs=tuple(
            part.partition(":")[2].strip() for part in parts if re.match(r"in(?:put)?\s*:", part, re.IGNORECASE)
        ),
        ids=tuple(found.upper() for found in CITED.findall(inner)),
        bench=next((part.partition(":")[2].strip() for part in parts if part.casefold().startswith("bench")), None),
    )
