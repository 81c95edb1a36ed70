"""Where what an output says comes from: a figure, a quotation, a name or a link, and the text that holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

NOWHERE = "nowhere on file"
MAX_KEPT = 40
_TEXT_CHARS = 90


class SourcedKind(StrEnum):
    FIGURE = "figure"
    QUOTE = "quote"
    NAME = "name"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """One of them, as the output has it. `source` is in words: a path, a tag's meaning, or NOWHERE."""

    kind: SourcedKind
    text: str
    source: str


@dataclass(slots=True, kw_only=True)
class SourceList:
    """What was met in one output, each once: first of all what customers read."""

    public: dict[Sourced, None] = field(default_factory=dict)
    internal: dict[Sourced, None] = field(default_factory=dict)

    def note(self, kind: SourcedKind, text: str, source: str | None, *, public: bool) -> None:
        """`source` None: no text on file holds it."""
        flat = " ".join(text.split())
        short = flat if len(flat) <= _TEXT_CHARS else flat[: _TEXT_CHARS - 1].rstrip() + "\u2026"
        one = Sourced(kind=kind, text=short, source=source or NOWHERE)
        (self.public if public else self.internal)[one] = None

    @property
    def count(self) -> int:
        return len(self.public.keys() | self.internal.keys())

    def kept(self) -> tuple[Sourced, ...]:
        """The first of them, as many as a report shows."""
        return tuple({**self.public, **self.internal})[:MAX_KEPT]
