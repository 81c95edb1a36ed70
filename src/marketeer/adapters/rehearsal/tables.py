"""Tables of the rehearsal: rows that differ, numbers that add up, values other tables refer to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from marketeer.adapters.rehearsal.formulas import Formulas, written
from marketeer.adapters.rehearsal.values import Place, Values
from marketeer.domain.contract import Column, Rule, Table
from marketeer.domain.contract_formula import texts_in
from marketeer.domain.contract_lookup import row_names
from marketeer.domain.contract_values import number
from marketeer.domain.markdown import key

# How many rows beyond the least, by richness.
_EXTRA_ROWS = (0, 1, 2)
_ENOUGH_ROWS = 7


@dataclass(slots=True, kw_only=True)
class Tables:
    """Writes the rows of one table at a time."""

    values: Values
    formulas: Formulas
    richness: int
    used: dict[str, set[str]] = field(default_factory=dict)

    def rows(self, table: Table, heading: str, rules: Sequence[Rule]) -> list[list[str]]:
        """At least the rows the contract wants, each column within its limits."""
        count = self._count(table)
        columns = [self._column(table, at, heading, count) for at in range(len(table.columns))]
        rows = [list(cells) for cells in zip(*columns, strict=True)]
        self._rise_and_sum(table, rows)
        self._compute(table, rows)
        for rule in rules:
            self._keep(rule, table, rows)
        if table.sorted_desc:
            _sort(table, rows)
        return rows

    def _count(self, table: Table) -> int:
        needed = [table.min_rows, len(table.rows), 1]
        needed += [column.distinct_min or 0 for column in table.columns]
        needed += [len(column.must_include) for column in table.columns]
        least = max(needed)
        counted = self.formulas.number(table.row_count) if table.row_count else None
        if counted is not None:
            return max(1, round(counted))
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
            place = Place(
                row=row, rows=count, heading=heading, hint=column.hint, taken=kept, customer=column.customer_facing
            )
            cell = self.values.of(column, place)
            taken.add(cell.casefold())
            cells.append(cell)
        return _with_all(column, cells)

    def _keep(self, rule: Rule, table: Table, rows: list[list[str]]) -> None:
        """Where a row breaks a rule, name in its last column what the rule asks for, if that helps."""
        header = tuple(column.name for column in table.columns)
        places = [at for at, column in enumerate(table.columns) if column.name in rule.each_row]
        if len(places) < len(rule.each_row):
            return
        for row in rows:
            if self.formulas.value(rule.holds, row_names(header, tuple(row))) is not False:
                continue
            for text in texts_in(rule.holds):
                changed = list(row)
                changed[places[-1]] = f"{text}, {row[places[-1]]}"
                if self.formulas.value(rule.holds, row_names(header, tuple(changed))) is True:
                    row[:] = changed
                    break

    def _rise_and_sum(self, table: Table, rows: list[list[str]]) -> None:
        """Shares that make the whole; numbers and times that rise from row to row."""
        for at, column in enumerate(table.columns):
            if column.total is not None:
                part = int(column.total) // len(rows)
                for row in rows:
                    row[at] = str(part)
                rows[0][at] = f"{column.total - part * (len(rows) - 1):g}"
            elif column.rising is not None and any(number(row[at]) is not None for row in rows):
                for place, row in enumerate(rows):
                    row[at] = str((place + 1) * 2)

    def _compute(self, table: Table, rows: list[list[str]]) -> None:
        """Cells that have a formula, as far as the row's numbers are known; bounds are kept."""
        header = tuple(column.name for column in table.columns)
        for at, column in enumerate(table.columns):
            for row in rows if column.calc or column.at_most else ():
                named = row_names(header, tuple(row))
                value = self.formulas.number(column.calc, named) if column.calc else None
                bound = self.formulas.number(column.at_most, named) if column.at_most else None
                stated = number(row[at])
                if value is not None:
                    row[at] = written(value, column.within)
                elif bound is not None and stated is not None and stated > bound:
                    row[at] = written(bound, 0)


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
