"""A document as the lines a reader sees: paragraphs, list items, fields, table rows and fenced blocks, one by one.

A provenance tag speaks for the line or row it stands on, so this is what figures and quotes are looked for in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from marketeer.domain.contract import REF_PRICE, Check, Column, Contract, Field, Subsection, Subsections, Table
from marketeer.domain.contract_sections import all_sections
from marketeer.domain.markdown import heading_key, key

CUSTOMER_FACING = ("copy", "post", "email")
_FENCE = re.compile(r"^\s{0,12}(?P<fence>`{3,}|~{3,})\s*(?P<info>[\w+-]*)")
_HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<title>.+?)[\s#]*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+")
_LABEL = re.compile(
    r"^\s*(?:[-*+]\s+|\d{1,3}[.)]\s+)?(?:\*\*|__)(?P<label>[^*\n]{1,120}?)(?::\s*(?:\*\*|__)|(?:\*\*|__)\s*:)"
)
# What a fence, and an item or a label that is no number, begin with.
_FENCE_MARKS = ("`", "~")
_LEADING = "-*+_"
_RULE_ROW = re.compile(r"^\|?[\s:|-]+\|[\s:|-]*$")
_CELL = re.compile(r"(?<!\\)\|")


class Form(StrEnum):
    """How a piece of text stands in the document."""

    PROSE = "prose"
    ITEM = "item"
    ROW = "row"
    BLOCK = "block"  # a fenced block as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One such piece. `cells` and `header` belong to a row, `info` to a block, `label` to a line `**Label:** value`."""

    form: Form
    text: str
    section: str = ""
    title: str = ""
    label: str = ""
    info: str = ""
    header: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()

    @property
    def is_customer_block(self) -> bool:
        return self.form is Form.BLOCK and self.info in CUSTOMER_FACING


@lru_cache(maxsize=8)
def units(text: str) -> tuple[Unit, ...]:
    """Everything under an H2, in order. Headings themselves are left out."""
    return tuple(_Reader().read(text))


@dataclass(slots=True, kw_only=True)
class _Reader:
    section: str = ""
    title: str = ""
    lines: list[str] = field(default_factory=list)
    header: tuple[str, ...] = ()
    fence: str = ""
    info: str = ""

    def read(self, text: str) -> Iterator[Unit]:
        for line in text.split("\n"):
            yield from self._line(line)
        yield from self._close()

    def _line(self, line: str) -> Iterator[Unit]:
        if self.fence:
            yield from self._inside(line)
            return
        bare = line.lstrip()
        # Most lines begin with a letter, so most expressions need not be tried.
        fence = _FENCE.match(line) if bare[:1] in _FENCE_MARKS else None
        heading = _HEADING.match(line) if line[:1] == "#" else None
        if fence or heading or not bare:
            yield from self._close()
            self.header = ()
        if fence:
            self.fence, self.info = fence["fence"], fence["info"].casefold()
        elif heading:
            self._heading(heading)
        elif bare[:1] == "|":
            yield from self._row(bare.rstrip())
        elif bare:
            yield from self._text(line, bare[0])

    def _inside(self, line: str) -> Iterator[Unit]:
        bare = line.strip()
        if bare and set(bare) == {self.fence[0]} and len(bare) >= len(self.fence):
            yield self._unit(Form.BLOCK, "\n".join(self.lines), info=self.info)
            self.lines, self.fence, self.info = [], "", ""
        else:
            self.lines.append(line)

    def _heading(self, found: re.Match[str]) -> None:
        level = len(found["level"])
        if level <= 2:
            self.section, self.title = (found["title"] if level == 2 else ""), ""
        else:
            self.title = found["title"]

    def _row(self, line: str) -> Iterator[Unit]:
        yield from self._close()
        if _RULE_ROW.match(line):
            return
        cells = tuple(cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip("|")))
        if not self.header:
            self.header = cells
            return
        yield self._unit(Form.ROW, " | ".join(cells), header=self.header, cells=cells)

    def _text(self, line: str, first: str) -> Iterator[Unit]:
        if (first in _LEADING or first.isdigit()) and (_ITEM.match(line) or _LABEL.match(line)):
            yield from self._close()
        self.lines.append(line)

    def _close(self) -> Iterator[Unit]:
        if self.fence:  # never closed: what stands in it still counts
            yield self._unit(Form.BLOCK, "\n".join(self.lines), info=self.info)
            self.fence = ""
        elif self.lines:
            label = _LABEL.match(self.lines[0])
            form = Form.ITEM if _ITEM.match(self.lines[0]) else Form.PROSE
            yield self._unit(form, "\n".join(self.lines).strip(), label=label["label"] if label else "")
        self.lines = []

    def _unit(
        self,
        form: Form,
        text: str,
        *,
        label: str = "",
        info: str = "",
        header: tuple[str, ...] = (),
        cells: tuple[str, ...] = (),
    ) -> Unit:
        return Unit(
            form=form,
            text=text,
            section=self.section,
            title=self.title,
            label=label,
            info=info,
            header=header,
            cells=cells,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which places of a document customers read, and which hold numbers that are settings: by section and name."""

    sections: frozenset[str]
    titles: frozenset[tuple[str, str]]
    customer: frozenset[tuple[str, str]]
    settings: frozenset[tuple[str, str]]

    def is_customers(self, unit: Unit, name: str | None = None) -> bool:
        """Whether the unit, or its cell or field of that name, is text that customers read."""
        if unit.is_customer_block:
            return True
        section = heading_key(unit.section)
        if section in self.sections or (section, heading_key(unit.title)) in self.titles:
            return unit.form is not Form.ROW
        return name is not None and (section, key(name)) in self.customer

    def is_setting(self, unit: Unit, name: str) -> bool:
        return (heading_key(unit.section), key(name)) in self.settings


@lru_cache(maxsize=64)
def places(contract: Contract) -> Places:
    sections: set[str] = set()
    titles: set[tuple[str, str]] = set()
    customer: set[tuple[str, str]] = set()
    settings: set[tuple[str, str]] = set()
    for section in all_sections(contract):
        at = heading_key(section.heading)
        if section.customer_facing:
            sections.add(at)
        for name, rule in _rules(section.checks):
            if rule.customer_facing:
                customer.add((at, key(name)))
            if rule.setting or rule.calc or rule.ref == REF_PRICE:
                settings.add((at, key(name)))
        for one in _subsections(section.checks):
            if one.customer_facing and one.title:
                titles.add((at, heading_key(one.title)))
            elif one.customer_facing:
                sections.add(at)
    return Places(
        sections=frozenset(sections),
        titles=frozenset(titles),
        customer=frozenset(customer),
        settings=frozenset(settings),
    )


def _rules(checks: tuple[Check, ...]) -> Iterator[tuple[str, Field | Column]]:
    for check in checks:
        if isinstance(check, Field):
            yield check.label, check
        elif isinstance(check, Table):
            for column in check.columns:
                yield column.name, column
    for one in _subsections(checks):
        yield from _rules(one.checks)


def _subsections(checks: tuple[Check, ...]) -> Iterator[Subsection]:
    for check in checks:
        if isinstance(check, Subsections):
            yield from check.titled
            if check.each is not None:
                yield check.each
