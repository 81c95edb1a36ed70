"""Tables held against a contract: columns, counts of rows, single cells, order, and what is recomputed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from marketeer.domain.contract import Column, Table
from marketeer.domain.contract_calc import calc_problems, column_problems, count_problem
from marketeer.domain.contract_lookup import row_names
from marketeer.domain.contract_scope import ROWS_SHOWN, Scope
from marketeer.domain.contract_values import Problem, bare, is_unfilled, is_unknown, number, shown, value_problems
from marketeer.domain.markdown import TableBlock, key
from marketeer.domain.review import Finding


def table_findings(scope: Scope, check: Table) -> Iterator[Finding]:
    names = [column.name for column in check.columns]
    wanted = [key(name) for name in names]
    matching = [table for table in scope.part.tables if [key(c) for c in table.header[: len(wanted)]] == wanted]
    if not matching:
        yield scope.finding(check.severity, _closest(scope.part.tables), f"a table | {' | '.join(names)} |")
        return
    rows = tuple(row for table in matching for row in table.rows if any(cell.strip() for cell in row))
    unknown = scope.unknown_allowed and any(is_unknown(cell) for row in rows for cell in row)
    for problem in _row_count(check, len(rows), unknown=unknown):
        yield scope.finding(check.severity, *problem)
    for at, column in enumerate(check.columns):
        cells = tuple(row[at] if at < len(row) else "" for row in rows)
        for problem in (*_cells(scope, column, cells), *_column(column, cells, unknown=unknown)):
            yield scope.finding(check.severity, f"{column.name} {problem.found}", problem.wanted)
    for problem in (*_gaps(check, rows), *_named_rows(check, rows), *_sorting(check, rows)):
        yield scope.finding(check.severity, *problem)
    if check.row_count and not unknown:
        for problem in count_problem(check.row_count, len(rows), scope.lookup(), "rows"):
            yield scope.finding(check.severity, *problem)
    yield from _calculated(scope, check, matching[0].header, rows)


def _calculated(
    scope: Scope, check: Table, header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]
) -> Iterator[Finding]:
    """Columns whose cells are recomputed, or that add up or rise."""
    for at, column in enumerate(check.columns):
        cells = tuple(row[at] if at < len(row) else "" for row in rows)
        for problem in column_problems(column, cells):
            yield scope.finding(check.severity, f"{column.name} {problem.found}", problem.wanted)
        if not (column.calc or column.at_most or column.at_least):
            continue
        for place, (row, cell) in enumerate(zip(rows, cells, strict=True), start=1):
            for problem, severity in calc_problems(cell, column, scope.lookup(row_names(header, row))):
                yield scope.finding(severity, f"{column.name} {problem.found} (row {place})", problem.wanted)


def _closest(tables: tuple[TableBlock, ...]) -> str:
    if not tables:
        return "there is no table"
    return f"the table's header is {shown(' | '.join(tables[0].header))}"


def _row_count(check: Table, count: int, *, unknown: bool) -> Iterator[Problem]:
    if count < check.min_rows and not unknown:
        yield Problem(f"the table has {count} rows", f"at least {check.min_rows}")
    if check.max_rows is not None and count > check.max_rows:
        yield Problem(f"the table has {count} rows", f"at most {check.max_rows}")


def _gaps(check: Table, rows: tuple[tuple[str, ...], ...]) -> Iterator[Problem]:
    """A cell that was forgotten. A row that stops early, such as a phase that is skipped, does so on purpose."""
    width = len(check.columns)
    holes = [[at for at in range(width) if not (at < len(row) and row[at].strip())] for row in rows]
    forgotten = [f"{check.columns[gap[0]].name} in row {n}" for n, gap in enumerate(holes, start=1) if len(gap) == 1]
    if forgotten and width > 1:
        yield Problem(f"nothing stands under {', '.join(forgotten[:ROWS_SHOWN])}", "a value, or - when there is none")


def _cells(scope: Scope, column: Column, cells: tuple[str, ...]) -> Iterator[Problem]:
    """The problems of single cells, those with the same remedy told as one."""
    by_remedy: dict[str, list[str]] = {}
    for row, cell in enumerate(cells, start=1):
        if scope.excuses(cell):
            continue
        if not cell.strip():
            continue  # _gaps tells of it
        if is_unfilled(cell):
            by_remedy.setdefault("a real value", []).append(f"is still the hint {shown(cell)} (row {row})")
            continue
        for problem in value_problems(cell, column, scope.refs.missing):
            by_remedy.setdefault(problem.wanted, []).append(f"{problem.found} (row {row})")
    for wanted, found in by_remedy.items():
        more = f" and {len(found) - ROWS_SHOWN} more" if len(found) > ROWS_SHOWN else ""
        yield Problem(", ".join(found[:ROWS_SHOWN]) + more, wanted)


def _column(column: Column, cells: tuple[str, ...], *, unknown: bool) -> Iterator[Problem]:
    if unknown:
        return  # an honest gap cannot also be complete
    values = [key(bare(cell)) for cell in cells]
    if column.unique:
        twice = list(dict.fromkeys(cell for cell, value in zip(cells, values, strict=True) if values.count(value) > 1))
        if twice:
            yield Problem(f"repeats {', '.join(map(shown, twice[:ROWS_SHOWN]))}", "every value only once")
    different = len({value for value in values if value})
    if column.distinct_min is not None and different < column.distinct_min:
        yield Problem(f"has {different} different values", f"at least {column.distinct_min}")
    absent = [text for text in column.must_include if not any(key(text) in value for value in values)]
    if absent:
        yield Problem(f"has no row for {', '.join(absent)}", f"rows for {', '.join(column.must_include)}")


def _named_rows(check: Table, rows: tuple[tuple[str, ...], ...]) -> Iterator[Problem]:
    firsts = [key(bare(row[0])) for row in rows]
    places: list[int] = []
    for name in check.rows:
        at = next((i for i, first in enumerate(firsts) if _row_named(first, key(name))), None)
        if at is None:
            yield Problem(f"there is no row {name!r}", f"the rows {', '.join(check.rows)}")
        else:
            places.append(at)
    if places != sorted(places):
        yield Problem("the rows stand in another order", f"the order {', '.join(check.rows)}")


def _row_named(cell: str, name: str) -> bool:
    return cell == name or re.match(rf"(?:\d+[.)]?\s+)?{re.escape(name)}(?!\w)", cell) is not None


def _sorting(check: Table, rows: tuple[tuple[str, ...], ...]) -> Iterator[Problem]:
    if check.sorted_desc is None:
        return
    names = [key(column.name) for column in check.columns]
    if key(check.sorted_desc) not in names:
        return
    at = names.index(key(check.sorted_desc))
    values = [value for row in rows if at < len(row) and (value := number(bare(row[at]))) is not None]
    if values != sorted(values, reverse=True):
        yield Problem("the rows are not sorted", f"the largest {check.sorted_desc} first")
