"""Readings: the facts of a day or a month, what may be said about them, and the page of both.

A reading may say nothing that the facts do not: each number in it must stand in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from marketeer.domain.document import tree_path
from marketeer.domain.plan import Reading

LONGEST_LIST = 20
_CHUNK = re.compile(r"\S*\d\S*")
_EDGES = "*_`()[]{}<>\"'“”‘’.,;:!?|~#"
_NUMBER = re.compile(r"[-+−]?[$€£]?\d[\d,]*(?:\.\d+)?%?")
_LIST_MARK = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFacts:
    """What the store knows of a span of time, in words, and which moment it was."""

    kind: Reading
    title: str
    as_of: datetime
    sections: tuple[Section, ...]
    headline: str

    @property
    def text(self) -> str:
        return "\n".join(line for section in self.sections for line in _shown(section, "###"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What a reading suggests to do next: a goal in plain words, by a named pipeline or none."""

    goal: str
    why: str
    pipeline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """The Director's words on the facts, or why there are none; and what became of a suggestion."""

    text: str | None
    note: str | None = None
    follow_up: str | None = None


def page_path(kind: Reading, day: date, *, rehearsal: bool) -> str:
    name = f"{day:%Y-%m-%d}-morning-review" if kind is Reading.DAY else f"{day:%Y-%m}-performance-review"
    return tree_path(f"metrics/{name}.md", rehearsal=rehearsal)


def render_page(facts: ReviewFacts, comment: Comment) -> str:
    """What the Director makes of it first, then the facts it rests on."""
    lines = [f"# {facts.title}", "", f"As of {facts.as_of:%Y-%m-%d %H:%M %Z}. {facts.headline}", ""]
    lines += ["## The Director's reading", ""]
    if comment.text is not None:
        lines += [comment.text.strip(), ""]
    if comment.note is not None:
        lines += [f"> {comment.note}", ""]
    lines += ["## Follow-up", "", comment.follow_up or "None.", "", "## Facts", ""]
    lines += [line for section in facts.sections for line in _shown(section, "###")]
    return "\n".join(lines).rstrip() + "\n"


def _shown(section: Section, mark: str) -> Iterator[str]:
    yield f"{mark} {section.title}"
    yield ""
    for line in section.lines or ("Nothing.",):
        yield f"- {line}"
    yield ""


def bounded(lines: Sequence[str]) -> list[str]:
    """A list of which the first lines are shown, and the rest is counted."""
    more = len(lines) - LONGEST_LIST
    return [*lines[:LONGEST_LIST], *([f"and {more} more"] if more > 0 else [])]


def invented(reading: str, facts: str) -> Sequence[str]:
    """What has a number in it and does not stand in the facts, as it was written."""
    chunks = set(_chunks(facts))
    numbers = {number for chunk in chunks if (number := _value(chunk)) is not None}
    body = _LIST_MARK.sub("", reading)
    return [chunk for chunk in dict.fromkeys(_chunks(body)) if chunk not in chunks and _value(chunk) not in numbers]


def _chunks(text: str) -> Iterator[str]:
    for found in _CHUNK.finditer(text):
        chunk = found[0].strip(_EDGES)
        if chunk:
            yield chunk


def _value(chunk: str) -> tuple[Decimal, bool] | None:
    """The number and whether it is a percentage; None for an id, a date and everything else that is no number."""
    if _NUMBER.fullmatch(chunk) is None:
        return None
    try:
        return abs(Decimal(re.sub(r"[^\d.]", "", chunk))), chunk.endswith("%")
    except InvalidOperation:
        return None


def offline_reading(facts: ReviewFacts) -> str:
    """What a rehearsal says of the facts: where something stands, in the words of the facts themselves."""
    noted = [f"**{section.title}:** {section.lines[0]}" for section in facts.sections if section.lines]
    return "\n".join([f"{facts.headline}", "", *(f"- {line}" for line in noted)])
