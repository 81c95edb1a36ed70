"""Where figures come from: a tag says so, and in what customers read a figure is on file or absent.

A tag is believed only as far as it can be: a `[ctx]` figure stands in the product context, an `[in:path]` figure in
that input, an `[A1]` in the Assumptions. An untagged figure that is on file all the same is a matter of style.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from marketeer.domain.contract import Contract, Facts
from marketeer.domain.contract_figures import Claim, Kind, Stated, claims, last_number, stated
from marketeer.domain.contract_sections import ASSUMPTIONS, HANDOFF
from marketeer.domain.contract_tags import CITED, Tag, tags
from marketeer.domain.contract_units import Form, Places, Unit, places, units
from marketeer.domain.contract_values import shown
from marketeer.domain.markdown import Outline, heading_key, key
from marketeer.domain.review import Finding, Severity
from marketeer.domain.sourced import SourcedKind, SourceList

Waive = Callable[[str], None]
TAGS_IN_WORDS = "[ctx], [in:path], [calc], [A1], [target], [example] or [bench: source, year]"
_UNCHECKED = frozenset({key(ASSUMPTIONS.heading), key(HANDOFF.heading)})
_FOR_ALL = re.compile(r"\b(?:all|every|each|figures|numbers|values|amounts|below|following|table|rates)\b", re.I)
_SOURCE_COLUMN = re.compile(r"\b(?:sources?|origin|basis|evidence|checked on)\b", re.I)
_NAMED_SOURCE = re.compile(
    r"\b(?:context|ctx|proof points|inputs?)\b|https?://|\b[\w-]+\.(?:com|io|org|net|co|app|dev|md|csv|txt)\b"
    r"|\b20\d\d-\d\d",
    re.I,
)
# Without one of these in it a text claims nothing and says nothing of its source.
_FIGURE_OR_TAG = re.compile(r"[\d\[]")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_SHOWN = 3
_AROUND = 30
_MARKUP = re.compile(r"[*_`]+")


def provenance(contract: Contract, outline: Outline, facts: Facts, waive: Waive, sources: SourceList) -> list[Finding]:
    """Everything wrong with the figures of a document and their tags."""
    run = _Run(
        contract=contract,
        outline=outline,
        facts=facts,
        places=places(contract),
        assumptions=_assumption_ids(outline),
        sources=sources,
    )
    if not facts.on_file:
        waive("Figures and quotes were not held against sources: there is no product context and no input.")
    elif facts.context is None:
        waive("Figures tagged [ctx] were not looked up: there is no product context.")
    for unit in units(outline.text):
        run.look(unit)
    return [*run.results(), *run.uncited()]


@dataclass(slots=True, kw_only=True)
class _Run:
    contract: Contract
    outline: Outline
    facts: Facts
    places: Places
    assumptions: frozenset[str]
    sources: SourceList
    found: dict[tuple[str, Severity, str], list[str]] = field(default_factory=dict)
    covered: bool = False  # whether a remark above the list or table says where all its figures come from
    where: tuple[str, str] = ("", "")

    def look(self, unit: Unit) -> None:
        if (unit.section, unit.title) != self.where:
            self.where, self.covered = (unit.section, unit.title), False
        if not unit.section:
            return
        if not _FIGURE_OR_TAG.search(unit.text):
            if unit.form is Form.PROSE and self.covered and not self.places.is_customers(unit, unit.label or None):
                self.covered = False
            return
        if unit.form is Form.BLOCK:
            if unit.is_customer_block:
                self._customers(unit, unit.text, Severity.CRITICAL, f"the {unit.info} block")
            return
        marks = tags(unit.text)
        if self.places.is_customers(unit, unit.label or None):
            severity = Severity.MAJOR if unit.label else Severity.CRITICAL
            self._customers(unit, unit.text, severity, unit.label or "the text")
            return
        self._true(unit)
        if heading_key(unit.section) not in _UNCHECKED:
            self._tagged(unit, marks)
        if unit.form is Form.PROSE:
            self.covered = bool(marks and _FOR_ALL.search(unit.text))

    # -- text that customers read --------------------------------------------------------------------------------

    def _customers(self, unit: Unit, text: str, severity: Severity, what: str) -> None:
        marks = tags(text)
        if marks:
            weight = Severity.MAJOR if unit.form is Form.BLOCK else Severity.MINOR
            self._add(unit.section, weight, "customer-facing text without provenance tags", marks[0].text)
        if not self.facts.on_file:
            return
        for claim in claims(text):
            source = self._holder(claim, text)
            self.sources.note(SourcedKind.FIGURE, _around(text, claim), source, public=True)
            if source is None:
                wanted = f"in {what} only figures that stand literally in the product context or an input"
                self._add(unit.section, severity, wanted, shown(claim.text))

    def _holder(self, claim: Claim, text: str) -> str | None:
        """The text on file that states the figure."""
        before = text[: claim.start]
        return next((name for name, known in self.facts.named() if stated(known).holds(claim, before)), None)

    # -- tags ----------------------------------------------------------------------------------------------------

    def _tagged(self, unit: Unit, marks: list[Tag]) -> None:
        """Every claim has a tag on its line or row, above it, or a column that names its source."""
        covered = self.covered and unit.form is not Form.PROSE
        excused = bool(marks) or covered or any(map(tags, unit.header)) or self._names_source(unit)
        for text, name in self._texts(unit):
            if name is not None and self.places.is_customers(unit, name) and unit.form is Form.ROW:
                if not marks:
                    self._customers(unit, text, Severity.MAJOR, f"the column {name}")
                continue
            if excused or (name is not None and self.places.is_setting(unit, name)):
                continue
            for claim in claims(text):
                self._untagged(unit, claim, text)

    def _texts(self, unit: Unit) -> Iterator[tuple[str, str | None]]:
        if unit.form is not Form.ROW:
            yield unit.text, unit.label or None
            return
        for at, cell in enumerate(unit.cells):
            yield cell, unit.header[at] if at < len(unit.header) else None

    def _untagged(self, unit: Unit, claim: Claim, text: str) -> None:
        source = self._holder(claim, text) if self.facts.on_file else None
        self.sources.note(SourcedKind.FIGURE, _around(text, claim), source, public=False)
        known = source is not None
        if not self.contract.envelope:
            if self.facts.on_file and not known:
                wanted = "only figures that an input, the goal or the earlier version states; otherwise `Unknown: ...`"
                self._add(unit.section, Severity.MAJOR, wanted, shown(claim.text))
            return
        severity = Severity.MINOR if known else Severity.MAJOR
        wanted = f"the origin of each such figure on its line or row: {TAGS_IN_WORDS}"
        self._add(unit.section, severity, wanted, shown(claim.text))

    def _names_source(self, unit: Unit) -> bool:
        if unit.form is not Form.ROW or not self.contract.envelope:
            return False
        pairs = zip(unit.header, unit.cells, strict=False)
        cells = [cell for name, cell in pairs if _SOURCE_COLUMN.search(name)]
        return any(_NAMED_SOURCE.search(cell) or any(path in cell for path in self.facts.sources) for cell in cells)

    # -- the truth of tags ---------------------------------------------------------------------------------------

    def _true(self, unit: Unit) -> None:
        for piece in unit.cells or (unit.text,):
            marks = tags(piece)
            for at, tag in enumerate(marks):
                before = piece[marks[at - 1].end if at else 0 : tag.start]
                after = piece[tag.end : marks[at + 1].start if at + 1 < len(marks) else len(piece)]
                self._tag(unit, tag, before if before.strip() else after)

    def _tag(self, unit: Unit, tag: Tag, text: str) -> None:
        self._ids(unit, tag)
        if figure := _tagged_figure(text):
            self.sources.note(SourcedKind.FIGURE, figure, tag.in_words(), public=False)
        if tag.bench is not None and not (_YEAR.search(tag.bench) and re.search(r"[A-Za-z]{3}", tag.bench)):
            self._add(unit.section, Severity.MAJOR, "a benchmark's source and year: [bench: source, year]", tag.text)
        if tag.ids or tag.bench or not self.facts.on_file:
            return
        if tag.context and not tag.inputs and self.facts.context is not None:
            self._stands(unit, tag, text, self.facts.context, "the product context")
        for path in tag.inputs:
            source = self._input(path)
            if source is None:
                self._add(unit.section, Severity.MAJOR, "only inputs that were given, by their path", tag.text)
            elif not tag.context and len(tag.inputs) == 1:
                self._stands(unit, tag, text, source, path)

    def _stands(self, unit: Unit, tag: Tag, text: str, source: str, name: str) -> None:
        known = stated(source)
        for figure in _missing(text, known):
            wanted = f"under {tag.text} only figures that stand in {name}; otherwise the tag that is true"
            self._add(unit.section, Severity.MAJOR, wanted, figure)

    def _input(self, path: str) -> str | None:
        wanted = key(path).strip("`'\" ")
        for name, text in self.facts.sources.items():
            low = name.casefold()
            if wanted == low or low.endswith(f"/{wanted}") or wanted in low or low in wanted:
                return text
        return None

    def _ids(self, unit: Unit, tag: Tag) -> None:
        if not self.contract.envelope:
            return
        missing = [one for one in tag.ids if one not in self.assumptions]
        if missing:
            self._add(unit.section, Severity.MAJOR, "a row for it under Assumptions", tag.text)

    # -- results -------------------------------------------------------------------------------------------------

    def uncited(self) -> Iterator[Finding]:
        """Assumptions that nothing rests on."""
        if not self.contract.envelope:
            return
        rest = " ".join(
            part.text for part in self.outline.sections if heading_key(part.title) != key(ASSUMPTIONS.heading)
        )
        cited = set(CITED.findall(rest.upper()))
        idle = sorted(self.assumptions - cited)
        if idle:
            found = f"{', '.join(idle)} {'is' if len(idle) == 1 else 'are'} cited nowhere"
            wanted = f"[{idle[0]}] where the assumption is used"
            yield Finding(section=ASSUMPTIONS.heading, severity=Severity.MINOR, found=found, wanted=wanted)

    def results(self) -> Iterator[Finding]:
        for (section, severity, wanted), figures in self.found.items():
            different = list(dict.fromkeys(figures))
            more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            found = f"{_verb(wanted)} {', '.join(different[:_SHOWN])}{more}"
            yield Finding(section=section, severity=severity, found=found, wanted=wanted)

    def _add(self, section: str, severity: Severity, wanted: str, figure: str) -> None:
        self.found.setdefault((section, severity, wanted), []).append(figure)


def _assumption_ids(outline: Outline) -> frozenset[str]:
    for part in outline.sections:
        if heading_key(part.title) == key(ASSUMPTIONS.heading):
            cells = (row[0] for table in part.tables for row in table.rows if row)
            return frozenset(one for cell in cells for one in CITED.findall(cell.upper()))
    return frozenset()


def _around(text: str, claim: Claim) -> str:
    """A figure with the words beside it, on one line."""
    left = text[max(0, claim.start - _AROUND) : claim.start].rpartition("\n")[2]
    right = text[claim.end : claim.end + _AROUND].partition("\n")[0]
    if claim.start > _AROUND and len(left) == _AROUND:
        left = left.partition(" ")[2]
    if len(right) == _AROUND:
        right = right.rpartition(" ")[0]
    return _MARKUP.sub("", left + text[claim.start : claim.end] + right).strip(" |-")


def _tagged_figure(text: str) -> str:
    """The end of what stands before a tag, when there is a figure in it."""
    whole = text.rstrip()
    tail = whole[-2 * _AROUND :]
    tail = tail if len(tail) == len(whole) else tail.partition(" ")[2]
    tail = _MARKUP.sub("", tail.rpartition("\n")[2]).strip(" |-.;,:")
    return tail if any(map(str.isdigit, tail)) else ""


def _verb(wanted: str) -> str:
    if wanted.startswith("the origin"):
        return "without a tag:"
    return "has a source that cannot be found for" if wanted.startswith("under") else "has"


def _missing(text: str, known: Stated) -> Iterator[str]:
    """The figures of a text that its source does not state."""
    figures = [claim for claim in claims(text) if claim.kind is not Kind.RANK]
    for claim in figures:
        if not known.holds(claim, text[: claim.start]):
            yield shown(claim.text)
    if figures:
        return
    single = last_number(text)
    if single is not None and single[1] >= 10 and not known.has(single[1]):
        yield shown(single[0])
