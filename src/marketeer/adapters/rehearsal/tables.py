"""Tables of the rehearsal: rows that differ, numbers that add up, values other tables refer to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from marketeer.adapters.rehearsal.values import Place, Values
from marketeer.domain.contract import Column, Table
from marketeer.domain.contract_values import number
from marketeer.domain.markdown import key

# How many rows beyond the least, by richness.
_EXTRA_ROWS = (0, 1, 2)
_ENOUGH_ROWS = 7
_SCORES = {"score": "mean", "total": "sum"}


@dataclass(slots=True, kw_only=True)
class Tables:
    """Writes the rows of one table at a time."""

    values: Values
    richness: int
    used: dict[str, set[str]] = field(default_factory=dict)

    def rows(self, table: Table, heading: str) -> list[list[str]]:
        """At least the rows the contract wants, each column within its limits."""
        count = self._count(table)
        columns = [self._column(table, at, heading, count) for at in range(len(table.columns))]
        rows = [list(cells) for cells in zip(*columns, strict=True)]
        _fill_computed(table, rows)
        if table.sorted_desc:
            _sort(table, rows)
        return rows

    def _count(self, table: Table) -> int:
        needed = [table.min_rows, len(table.rows), 1]
        needed += [column.distinct_min or 0 for column in table.columns]
        needed += [len(column.must_include) for column in table.columns]
        least = max(needed)
        wanted = least if table.rows or least >= _ENOUGH_ROWS else least + _EXTRA_ROWS[self.richness]
        return min(wanted, table.max_rows) if table.max_rows is not None else wanted

    def _column(self, table: Table, at: int, heading: str, count: int) -> list[str]:
        column = table.columns[at]
        if at == 0 and table.rows:
            return list(table.rows) + [f"further row {n + 1}" for n in range(count - len(table.rows))]
        taken: set[str] = set()
        cells: list[str] = []
        for row in range(count):
            kept = frozenset(taken) if column.unique or _is_free(column) else frozenset[str]()
            place = Place(row=row, rows=count, heading=heading, hint=column.hint, taken=kept)
            cell = self.values.of(column, place)
            taken.add(cell.casefold())
            cells.append(cell)
        return _with_all(column, cells)


def _is_free(column: Column) -> bool:
    """Free text must not repeat itself down the column; options, numbers and references may."""
    bounded = column.integer or column.minimum is not None or column.maximum is not None
    return not (column.one_of or column.ref or bounded)


def _with_all(column: Column, cells: list[str]) -> list[str]:
    """Put in every value that must appear, from the last row upwards, never over one that must appear too."""
    wanted = [key(text) for text in column.must_include]
    for text in column.must_include:
        if any(key(text) in key(cell) for cell in cells):
            continue
        free = [at for at, cell in enumerate(cells) if not any(name in key(cell) for name in wanted)]
        cells[free[-1] if free else -1] = text
    return cells


def _fill_computed(table: Table, rows: list[list[str]]) -> None:
    """A score is the mean of the numbers before it, a total their sum; Chars counts the cell before it."""
    ordinal = re.compile(r"#|id|rank|order|no\.?|step|week", re.IGNORECASE)
    numeric = [
        at
        for at, column in enumerate(table.columns)
        if not ordinal.fullmatch(column.name) and all(row[at].isdigit() for row in rows)
    ]
    for at, column in enumerate(table.columns):
        how = _SCORES.get(column.name.casefold())
        parts = [n for n in numeric if n < at]
        for row in rows:
            if column.name.casefold() == "chars" and at > 0:
                row[at] = str(len(row[_counted(table, at)]))
            elif how and len(parts) > 1:
                amounts = [number(row[n]) or 0.0 for n in parts]
                total = sum(amounts) if how == "sum" else sum(amounts) / len(amounts)
                row[at] = f"{total:.1f}".removesuffix(".0")


def _counted(table: Table, at: int) -> int:
    """The column a Chars column counts: the one its hint names, else the nearest text, else its neighbour."""
    hint = table.columns[at].hint.casefold()
    before = range(at - 1, -1, -1)
    named = (n for n in before if table.columns[n].name.casefold() in hint)
    texts = (n for n in before if re.search(r"headline|title|description|copy|label|text", table.columns[n].name, re.I))
    return next(named, next(texts, at - 1))


def _sort(table: Table, rows: list[list[str]]) -> None:
    """The largest first; ranks and ids keep counting from the top."""
    names = [key(column.name) for column in table.columns]
    by = names.index(key(table.sorted_desc or "")) if key(table.sorted_desc or "") in names else None
    if by is None:
        return
    counting = [at for at, name in enumerate(names) if re.fullmatch(r"#|id|rank|order|no\.?", name)]
    labels = [[row[at] for row in rows] for at in counting]
    rows.sort(key=lambda row: number(row[by]) or 0.0, reverse=True)
    for at, column in zip(counting, labels, strict=True):
        for row, label in zip(rows, column, strict=True):
            row[at] = label
