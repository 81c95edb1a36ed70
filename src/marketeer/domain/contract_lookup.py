"""What a formula sees of a document: the row and the fields around it, and every other section by its heading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from marketeer.domain.contract import Facts
from marketeer.domain.contract_formula import snake
from marketeer.domain.contract_quantities import Value, number_of
from marketeer.domain.contract_refs import source_named
from marketeer.domain.contract_tags import TAG
from marketeer.domain.contract_units import CUSTOMER_FACING
from marketeer.domain.contract_values import bare
from marketeer.domain.markdown import Outline, Part, TableBlock, heading_key, key, parse

_NO_DATA = re.compile(
    r"^(?:no data|not (?:known|measured|tracked|connected|applicable)|n/?a|none|unknown|-)\b|^-$", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLookup:
    """The names of one place: `row` by column name in snake_case, then the fields of `part` and of its section."""

    outline: Outline
    facts: Facts
    part: Part
    section: Part
    row: Mapping[str, str] = field(default_factory=dict)

    def name(self, identifier: str) -> Value:
        if identifier in self.row:
            return self.row[identifier] or None
        for part in (self.part, self.section):
            for line in part.fields:
                if snake(line.label) == identifier or snake(re.sub(r"\([^)]*\)", "", line.label)) == identifier:
                    return line.value or None
        return None

    def look(self, function: str, arguments: tuple[Value, ...]) -> Value:
        if any(not isinstance(one, str) for one in arguments):
            return None
        texts = tuple(str(one) for one in arguments)
        match function:
            case "context":
                return self.facts.context
            case "source":
                return self._source(texts[0])
            case "copy_of":
                return self._copy_of(texts[0])
            case "cells":
                return self._column(texts[0], texts[1])
            case "cell":
                return self._cell(*texts)
            case "weighted":
                return self._weighted(*texts)
            case "field":
                return self._field(*texts)
            case "items":
                return self._items(*texts)
            case _:
                return self._of_part(function, texts)

    def _of_part(self, function: str, texts: tuple[str, ...]) -> Value:
        """What is asked of a section, or of the part around the formula."""
        named = texts[:1] if function != "block" and (function != "blocks" or len(texts) > 1) else ()
        part = self._part(named[0]) if named else self.part
        if part is None:
            return None
        match function:
            case "title":
                return part.title
            case "titles":
                return tuple(one.title for one in part.parts)
            case "bodies":
                return tuple(one.text for one in part.parts)
            case "text":
                return part.text
            case "rows":
                return float(len(part.tables[0].rows)) if part.tables else None
            case "block":
                return next((one.content for one in part.fences if one.info == texts[0]), None)
            case "blocks":
                return tuple(one.content for one in part.fences if one.info == texts[-1])
            case _:
                return None

    def _part(self, heading: str) -> Part | None:
        wanted = heading_key(heading)
        return next((part for part in self.outline.sections if heading_key(part.title) == wanted), None)

    def _field(self, *texts: str) -> Value:
        part = self._part(texts[0]) if len(texts) > 1 else self.section
        wanted = key(texts[-1])
        return next((line.value for line in part.fields if key(line.label) == wanted), None) if part else None

    def _items(self, *texts: str) -> Value:
        part = self._part(texts[0])
        if part is None:
            return None
        blocks = part.lists if len(texts) == 1 else [one for one in part.lists if key(texts[1]) in key(one.before)]
        return tuple(item for block in blocks for item in block.items if item)

    def _column(self, heading: str, column: str) -> Value:
        part = self._part(heading)
        cells = tuple(cell for table in part.tables for cell in column_of(table, column)) if part else ()
        return cells or None

    def _cell(self, heading: str, column: str, name: str, names: str = "") -> Value:
        """The cell of the row whose first cell (or cell in the column `names`) begins with `name`."""
        part = self._part(heading)
        pattern = re.compile(rf"(?:\d+[.)]?\s+)?{re.escape(key(bare(name)))}(?!\w)")
        for table in part.tables if part else ():
            keys = column_of(table, names) if names else tuple(row[0] for row in table.rows)
            for label, value in zip(keys, column_of(table, column), strict=False):
                if pattern.match(key(bare(label))):
                    return value or None
        return None

    def _weighted(self, heading: str, factors: str, weights: str) -> Value:
        """The mean of this row's columns weighted by another table; columns without a number count for nothing."""
        names, shares = self._column(heading, factors), self._column(heading, weights)
        if not isinstance(names, tuple) or not isinstance(shares, tuple):
            return None
        return weighted(self.row, names, shares)

    def _source(self, path: str) -> Value:
        return source_named(self.facts, path)

    def _copy_of(self, path: str) -> Value:
        """What customers read of a source: its customer-facing blocks or its page copy; all of a plain text."""
        text = self._source(path)
        if not isinstance(text, str):
            return None
        outline = parse(text)
        blocks = [one.content for part in outline.sections for one in part.fences if one.info in CUSTOMER_FACING]
        if blocks:
            return "\n\n".join(blocks)
        pages = [part.text for part in outline.sections if heading_key(part.title) == "page copy"]
        is_deliverable = any(heading_key(part.title) == "handoff" for part in outline.sections)
        return "\n\n".join(pages) or (None if is_deliverable else text)


def weighted(row: Mapping[str, str], names: tuple[Value, ...], shares: tuple[Value, ...]) -> Value:
    """Both readings of a gap: left out of the weights, or counted as nothing."""
    known: list[tuple[float, float]] = []
    whole = 0.0
    for name, share in zip(names, shares, strict=False):
        weight = number_of(share)
        if weight is None or not isinstance(name, str):
            return None
        value = number_of(row.get(snake(bare(name))))
        whole += weight
        if value is not None:
            known.append((value, weight))
    counted = sum(weight for _, weight in known)
    if not known or not counted or not whole:
        return None
    total = sum(value * weight for value, weight in known)
    return (total / counted, total / whole)


def column_of(table: TableBlock, column: str) -> tuple[str, ...]:
    """The cells of the column of that name; `Chars 2` is the second column called Chars."""
    header = [key(name) for name in table.header]
    if key(column) not in header:
        return ()
    at = header.index(key(column))
    return tuple(row[at] if at < len(row) else "" for row in table.rows)


def row_names(header: tuple[str, ...], row: tuple[str, ...]) -> dict[str, str]:
    """A row by its columns' names in snake_case; a name that comes again gets its number: `chars`, `chars_2`."""
    named: dict[str, str] = {}
    for name, cell in zip(header, row, strict=False):
        base = snake(name)
        at = 2
        label = base
        while label in named:
            label, at = f"{base}_{at}", at + 1
        named[label] = cell.strip()
    return named


def has_no_data(text: str) -> bool:
    """Whether a value says that there is none."""
    return _NO_DATA.match(TAG.sub("", bare(text)).strip()) is not None
