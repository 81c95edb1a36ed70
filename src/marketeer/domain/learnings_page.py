"""The page of learnings: what `memory/learnings.md` looks like, and what a person's edit of it means.

An entry is a heading and fields: `## id`, then `- **Learning:** text` and so on. A heading that is no known id begins a
new entry. What cannot be read is reported with its line, and kept word for word in every later version of the page.
An edit is held against the version it was made from, which the page's `As of` line names, so that only what a person
changed is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from marketeer.domain.goal import Category
from marketeer.domain.learning import TEAM, USUAL_CONFIDENCE, Learning, LearningOutcome, with_open_disputes

MAX_ENTRIES = 500
_ANY = "any"
_NONE = "none"
_TITLE = "# Learnings"
_REHEARSED = "> From rehearsals: real goals never read these."
_ADVICE = (
    "What outcomes taught. Change a text, a tag or a confidence (0 to 1), add an entry under a heading of its own, or",
    "delete one: it is read back. An entry needs a Learning and an Action; For names a skill, director or team.",
)
_AS_OF = re.compile(r"^As of (\S+)\.", re.MULTILINE)
_FIELD = re.compile(r"^[-*]\s+\*\*([A-Za-z ]+):\*\*\s*(.*)$")
_HEADING = re.compile(r"^##\s+(.*\S)\s*$")
_REQUIRED = ("Learning", "Action")
# A page tells these; a person cannot set them.
_TOLD = ("Status", "Contradicts", "From")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a page says of one learning. `heading` is its id, or whatever a person called it; `line` counts from 1."""

    heading: str
    line: int
    agent: str
    category: str | None
    outcome: LearningOutcome
    learning: str
    action: str
    tags: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """An entry that could not be read: where, why, and its text."""

    line: int
    why: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`notes` is what a person has written above the entries."""

    as_of: datetime | None
    notes: str
    entries: tuple[Entry, ...]
    malformed: tuple[Malformed, ...]

    @property
    def unread(self) -> frozenset[str]:
        """Headings of what could not be read: such a learning is neither changed nor gone."""
        return frozenset(_heading(malformed.text.splitlines()) for malformed in self.malformed)


def entry_of(learning: Learning) -> Entry:
    """As the page says it: what is too fine or too wild for a line of text is lost here."""
    return Entry(
        heading=learning.learning_id,
        line=0,
        agent=learning.agent,
        category=learning.category,
        outcome=learning.outcome,
        learning=_line(learning.learning),
        action=_line(learning.action),
        tags=tuple(filter(None, (_line(tag.replace(",", " ")) for tag in learning.tags))),
        confidence=round(learning.confidence, 2),
    )


# -- writing -------------------------------------------------------------------------------------------------


def render(learnings: Sequence[Learning], *, as_of: datetime, rehearsal: bool, before: Page | None = None) -> str:
    """The page of these learnings, newest first; `before` is the version whose notes and unread entries stay."""
    lines = [_TITLE, "", *([_REHEARSED, ""] if rehearsal else []), *_ADVICE, "", f"As of {as_of.isoformat()}.", ""]
    if before is not None and before.notes:
        lines += [before.notes, ""]
    unread = before.unread if before is not None else frozenset()
    for learning in with_open_disputes(learnings[:MAX_ENTRIES], learnings):
        if learning.learning_id not in unread:
            lines += [*_entry_lines(learning), ""]
    for malformed in before.malformed if before is not None else ():
        lines += [malformed.text, ""]
    return "\n".join(lines)


def _entry_lines(learning: Learning) -> Iterator[str]:
    entry = entry_of(learning)
    yield f"## {entry.heading}"
    yield ""
    yield f"- **For:** {entry.agent}"
    yield f"- **Category:** {entry.category or _ANY}"
    yield f"- **Outcome:** {entry.outcome.value}"
    yield f"- **Learning:** {entry.learning}"
    yield f"- **Action:** {entry.action}"
    yield f"- **Tags:** {', '.join(entry.tags) or _NONE}"
    yield f"- **Confidence:** {entry.confidence:.2f}"
    yield f"- **Status:** {learning.status.value}"
    if learning.contradicts:
        yield f"- **Contradicts:** {', '.join(learning.contradicts)}"
    yield f"- **From:** {', '.join(learning.provenance) or 'unknown'}"


def _line(text: str) -> str:
    return " ".join(text.split())


# -- reading -------------------------------------------------------------------------------------------------


def read_page(text: str, agents: frozenset[str] | None = None) -> Page:
    """Never raises. `agents` None: any name will do behind `For`."""
    (_, top), *parts = _parts(text)
    entries: dict[str, Entry] = {}
    malformed: list[Malformed] = []
    for line, lines in parts:
        read = _read_entry(line, lines, agents)
        if isinstance(read, Entry) and read.heading in entries:
            read = Malformed(line=line, why=f"{read.heading!r} is there twice", text="\n".join(lines).rstrip())
        if isinstance(read, Malformed):
            malformed.append(read)
        else:
            entries[read.heading] = read
    return Page(as_of=_as_of(text), notes=_notes(top), entries=tuple(entries.values()), malformed=tuple(malformed))


def _as_of(text: str) -> datetime | None:
    found = _AS_OF.search(text)
    try:
        at = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _parts(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, lines) of what stands above the first heading, and of each entry from its heading on."""
    start = 1
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if _HEADING.match(line):
            yield start, lines
            start, lines = number, []
        lines.append(line)
    yield start, lines


def _notes(lines: Sequence[str]) -> str:
    """What a person has written above the entries."""
    ours = {_TITLE, _REHEARSED, *_ADVICE}
    return "\n".join(line for line in lines if line not in ours and not _AS_OF.match(line)).strip()


def _read_entry(line: int, lines: Sequence[str], agents: frozenset[str] | None) -> Entry | Malformed:
    text = "\n".join(lines).rstrip()
    fields: dict[str, str] = {}
    for number, one in enumerate(lines[1:], start=line + 1):
        found = _FIELD.match(one)
        if found is not None:
            name = found[1].strip().capitalize()
            problem = _field_problem(name, found[2].strip(), fields, agents)
            fields[name] = found[2].strip()
        else:
            problem = f"{one.strip()[:60]!r} is no field such as '- **Action:** ...'" if one.strip() else None
        if problem is not None:
            return Malformed(line=number, why=problem, text=text)
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        return Malformed(line=line, why=f"{_heading(lines)!r} has no {' and no '.join(missing)}", text=text)
    return _entry(_heading(lines), line, fields)


def _heading(lines: Sequence[str]) -> str:
    return lines[0].removeprefix("##").strip()


def _field_problem(name: str, value: str, fields: Mapping[str, str], agents: frozenset[str] | None) -> str | None:
    if name in fields:
        return f"{name} is there twice"
    if name in _TOLD:
        return None
    if name not in _READERS:
        return f"the field {name!r} is unknown; choose from {', '.join(_READERS)}"
    return _READERS[name](value, agents)


def _entry(heading: str, line: int, fields: Mapping[str, str]) -> Entry:
    category = fields.get("Category", _ANY).lower()
    tags = fields.get("Tags", _NONE)
    return Entry(
        heading=heading,
        line=line,
        agent=fields.get("For", TEAM),
        category=None if category == _ANY else category,
        outcome=LearningOutcome(fields.get("Outcome", LearningOutcome.SUCCESS.value).lower()),
        learning=_line(fields["Learning"]),
        action=_line(fields["Action"]),
        tags=() if tags == _NONE else tuple(filter(None, (_line(tag) for tag in tags.split(",")))),
        confidence=float(fields.get("Confidence", USUAL_CONFIDENCE)),
    )


def _is_text(text: str, _: object) -> str | None:
    return None if text else "nothing stands behind the colon"


def _is_agent(text: str, agents: frozenset[str] | None) -> str | None:
    if not text or (agents is not None and text not in agents):
        return f"For {text!r} is no skill, nor director, nor team"
    return None


def _is_category(text: str, _: object) -> str | None:
    known = [_ANY, *(category.value for category in Category)]
    return None if text.lower() in known else f"Category {text!r} is unknown; choose from {', '.join(known)}"


def _is_outcome(text: str, _: object) -> str | None:
    known = [outcome.value for outcome in LearningOutcome]
    return None if text.lower() in known else f"Outcome {text!r} is unknown; choose from {', '.join(known)}"


def _is_share(text: str, _: object) -> str | None:
    try:
        fits = 0.0 <= float(text) <= 1.0
    except ValueError:
        fits = False
    return None if fits else f"Confidence {text!r} is no number from 0 to 1"


def _is_anything(_: str, __: object) -> str | None:
    return None


_READERS = {
    "For": _is_agent,
    "Category": _is_category,
    "Outcome": _is_outcome,
    "Learning": _is_text,
    "Action": _is_text,
    "Tags": _is_anything,
    "Confidence": _is_share,
}


# -- what an edit means --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a person did to a page: entries that are new, changed ones by id, ids that are gone."""

    added: tuple[Entry, ...]
    changed: Mapping[str, Entry]
    removed: tuple[str, ...]


def edit_of(page: Page, base: Page | None) -> Edit:
    """`base` is the version that was edited; None when nobody can tell, and then nothing counts as removed."""
    before = {entry.heading: entry for entry in base.entries} if base else {}
    now = {entry.heading: entry for entry in page.entries}
    return Edit(
        added=tuple(entry for name, entry in now.items() if name not in before),
        changed={name: e for name, e in now.items() if name in before and not says_so(e, before[name])},
        removed=tuple(name for name in before if name not in now and name not in page.unread),
    )


def says_so(one: Entry, other: Entry) -> bool:
    return _said(one) == _said(other)


def _said(entry: Entry) -> tuple[object, ...]:
    return (
        *(entry.agent, entry.category, entry.outcome, entry.learning, entry.action),
        *(entry.tags, entry.confidence),
    )
