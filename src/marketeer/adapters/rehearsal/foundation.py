"""A document of facts only, such as the product context: what is on file is kept, the rest is openly Unknown."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from marketeer.adapters.rehearsal.blocks import fenced, header, row_line
from marketeer.adapters.rehearsal.text import clean, shorten
from marketeer.adapters.rehearsal.writer import MARK
from marketeer.domain.contract import (
    Check,
    Code,
    Column,
    Contains,
    Contract,
    Facts,
    Field,
    ListOf,
    Quotes,
    Section,
    Subsections,
    Table,
)
from marketeer.domain.contract_check import check
from marketeer.domain.contract_values import unchecked, value_problems
from marketeer.domain.markdown import Outline, Part, count_words, heading_key, key, parse
from marketeer.domain.product_context import Quote, parse_context
from marketeer.ports import Material

OPEN_QUESTIONS = "Open Questions"
_SETTLED_BY = (
    "a talk with the founder",
    "three customer interviews",
    "the notes of the last five sales calls",
    "a quarter of support messages",
    "the pricing page and the billing records",
    "the analytics account",
    "a look at what rivals publish",
    "the newest reviews",
)
_MOST_ROWS, _MOST_ITEMS, _MOST_SECTION_WORDS, _INPUT_CHARS = 6, 8, 300, 240


def write_context(material: Material, *, seed: int) -> str:
    """Sections on file are kept whole where they hold, else rebuilt from what they say."""
    contract = material.skill.contract
    writer = _Foundation.of(material, seed)
    # Nothing may be known here that the document itself does not say: references are left to the review.
    facts = Facts(registry=material.registry)
    text = writer.document(rebuilt=frozenset())
    failed = {heading_key(finding.section) for finding in check(contract, text, facts).findings if finding.section}
    if failed:
        text = writer.document(rebuilt=frozenset(failed))
    if count_words(text) > contract.max_words:
        text = writer.document(rebuilt=frozenset(heading_key(section.heading) for section in contract.sections))
    return text


@dataclass(slots=True, kw_only=True)
class _Foundation:
    material: Material
    contract: Contract
    name: str
    sources: list[tuple[str, Outline]]
    quotes: tuple[Quote, ...]
    rng: random.Random
    turn: int = 0
    questions: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, material: Material, seed: int) -> _Foundation:
        texts = [("", material.context), *sorted(material.inputs.items())]
        known = [parse_context(text) for _, text in texts]
        names = [context.product for context in known if context.product and context.sections]
        return cls(
            material=material,
            contract=material.skill.contract,
            name=clean(names[0]) if names else "Unknown",
            sources=[(path, parse(text)) for path, text in texts if text.strip()],
            quotes=tuple(quote for context in known for quote in context.quotes),
            rng=random.Random(seed),  # noqa: S311 -- repeatable on purpose, nothing secret
        )

    def document(self, *, rebuilt: frozenset[str]) -> str:
        self.turn, self.questions = 0, []
        lines = [f"# {self.contract.skill.replace('-', ' ').title()}: {self.name}", "", MARK, ""]
        for section in self.contract.sections:
            body = None if heading_key(section.heading) in rebuilt else self._kept(section)
            lines += [f"## {section.heading}", "", *([body, ""] if body else self._rebuilt(section))]
        lines += self._open_questions(count_words("\n".join(lines)))
        return "\n".join(lines).rstrip() + "\n"

    def _kept(self, section: Section) -> str | None:
        part = self._part(section.heading)
        if part is None or not part.text or count_words(part.text) > _MOST_SECTION_WORDS:
            return None
        return part.text

    def _part(self, heading: str) -> Part | None:
        wanted = heading_key(heading)
        parts = (part for _, outline in self.sources for part in outline.sections)
        return next((part for part in parts if heading_key(part.title) == wanted), None)

    def _rebuilt(self, section: Section) -> Iterator[str]:
        part = self._part(section.heading)
        for text in section.must_contain:
            yield from (f"{text}.", "")
        for one in section.checks:
            yield from self._check(one, section.heading, part)

    def _check(self, one: Check, heading: str, part: Part | None) -> Iterator[str]:
        match one:
            case Field():
                yield from (f"**{one.label}:** {self._field(one, heading)}", "")
            case Table():
                yield from header([column.name for column in one.columns])
                yield from (*(row_line(row) for row in self._rows(one, heading, part)), "")
            case ListOf():
                yield from self._list(one, heading, part)
            case Quotes():
                known = [f'"{clean(quote.text)}" ({clean(quote.source)})' for quote in self.quotes[:_MOST_ITEMS]]
                gap = [] if len(known) >= one.min_quotes else [self._unknown(heading, "customer words")]
                for line in (*known, *gap):
                    yield from (line, "")
            case Code():
                yield from (f"- {self._unknown(heading, 'this record')}", *fenced(one.info[0], "{}"), "")
            case Contains():
                yield from (f"{one.text}.", "")
            case Subsections():
                yield from self._headings(one, heading)

    def _headings(self, one: Subsections, heading: str) -> Iterator[str]:
        each = one.titled or ((one.each,) if one.each else ())
        for subsection in each:
            yield from (f"### {subsection.title or 'Unknown'}", "")
            for inner in subsection.checks:
                yield from self._check(inner, heading, None)
            yield from (self._unknown(heading, "the rest of it"), "")

    def _field(self, one: Field, heading: str) -> str:
        wanted = key(one.label)
        for _, outline in self.sources:
            for part in outline.sections:
                for line in part.fields:
                    value = clean(line.value)
                    if key(line.label) == wanted and value and not _wrong(value, one):
                        return value
        if one.label.casefold() == "what it does" and (said := self._said()):
            return said
        return self._unknown(heading, one.label, one.hint)

    def _said(self) -> str:
        """The beginning of what the user gave as input."""
        for path, text in sorted(self.material.inputs.items()):
            said = shorten(clean(text), _INPUT_CHARS)
            if said:
                return f"{said} [in:{clean(path)}]"
        return ""

    def _rows(self, one: Table, heading: str, part: Part | None) -> list[list[str]]:
        wanted = [key(column.name) for column in one.columns]
        most = min(one.max_rows or _MOST_ROWS, _MOST_ROWS)
        rows: list[list[str]] = []
        for table in part.tables if part else ():
            if [key(name) for name in table.header[: len(wanted)]] == wanted:
                rows += [self._cells(one.columns, row, heading) for row in table.rows[:most]]
        if rows:
            return rows[:most]
        names = list(one.rows) or [self._first_cell(one.columns[0], heading)]
        return [[name, *(self._unknown(heading, column.name) for column in one.columns[1:])] for name in names]

    def _first_cell(self, column: Column, heading: str) -> str:
        """The goal is the one thing that is known about goals."""
        if column.name.casefold() == "goal" and "goal" in heading.casefold():
            goal = shorten(clean(self.material.goal), 140)
            if goal:
                return f"{goal} [target]" if any(char.isdigit() for char in goal) else goal
        return self._unknown(heading, column.name, column.hint)

    def _cells(self, columns: Sequence[Column], row: Sequence[str], heading: str) -> list[str]:
        values = [shorten(clean(row[at]), 300) if at < len(row) else "" for at in range(len(columns))]
        return [
            value if value and not _wrong(value, column) else self._unknown(heading, column.name)
            for column, value in zip(columns, values, strict=True)
        ]

    def _list(self, one: ListOf, heading: str, part: Part | None) -> Iterator[str]:
        items = [clean(item) for block in (part.lists if part else ()) for item in block.items]
        rule = Column(name=heading, pattern=one.pattern)
        fitting = [shorten(item, 300) for item in items if item and not _wrong(item, rule)]
        if one.after:
            yield from (f"**{one.after}:**", "")
            fitting = [
                shorten(clean(item), 300)
                for block in (part.lists if part else ())
                if key(one.after) in key(block.before)
                for item in block.items
            ]
        kept = [item for item in fitting if item][: min(one.max_items or _MOST_ITEMS, _MOST_ITEMS)]
        if len(kept) < one.min_items:
            kept = [*kept, self._unknown(heading, one.after or heading, one.hint)]
        yield from (*(f"- {item}" for item in kept), "")

    def _unknown(self, heading: str, label: str, hint: str = "") -> str:
        """An honest gap, and a question for the end of the document."""
        who = _SETTLED_BY[self.turn % len(_SETTLED_BY)]
        self.turn += 1
        wanted = f" ({clean(hint)})" if hint else ""
        self.questions.append(
            f"{heading}, {label.casefold()}{wanted}: {who} would settle it; note the answer with its date and source."
        )
        return f"Unknown: {who} would settle it"

    def _open_questions(self, words: int) -> list[str]:
        """What is still to be found out; enough of it to make the document as long as it has to be."""
        asked = list(dict.fromkeys(self.questions))
        known = [
            f"{section.heading}: is this still right? {_SETTLED_BY[at % len(_SETTLED_BY)].capitalize()} would tell; "
            f"when something has changed since the last review, change it here first, so that everybody works from it."
            for at, section in enumerate(self.contract.sections)
        ]
        lines: list[str] = []
        missing = self.contract.min_words + 20 - words
        for question in (*asked, *known):
            if missing <= 0 and len(lines) >= 3:
                break
            lines.append(f"- {question}")
            missing -= count_words(question)
        if not lines:
            return []
        head = [f"## {OPEN_QUESTIONS}", ""] if self.contract.max_extra_sections > 0 else []
        return [*head, *lines]


def _wrong(value: str, rule: Field | Column) -> bool:
    return any(value_problems(value, rule, unchecked))
