"""The checks of one section or subsection: fields, tables, lists, fences, literal texts, quotes, H3 series."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import yaml

from marketeer.domain.contract import (
    Check,
    Code,
    Column,
    Contains,
    Field,
    ListOf,
    Quotes,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_refs import References
from marketeer.domain.contract_values import Problem, bare, is_unfilled, is_unknown, number, shown, value_problems
from marketeer.domain.markdown import Fence, FieldLine, ListBlock, Part, TableBlock, count_words, key, same
from marketeer.domain.review import Finding, Severity

CUSTOMER_FACING = ("copy", "post", "email")
MAX_NESTING = 100
_FIELD_ITEM = re.compile(r"^(?:\*\*|__)([^*]{1,120}?)(?::\s*(?:\*\*|__)|(?:\*\*|__)\s*:)")
_QUOTE = re.compile(r'"[^"\n]{3,600}"[.,]?\s{0,3}[(\[][^)\]\n]{2,200}[)\]]')
_UNKNOWN_LINE = re.compile(r"^\W*unknown\b", re.IGNORECASE | re.MULTILINE)
_ROWS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where checks look: one part of the document, under the H2 it is reported for."""

    part: Part
    section: str
    refs: References
    unknown_allowed: bool
    labels: frozenset[str] = frozenset()

    def finding(self, severity: Severity, found: str, wanted: str) -> Finding:
        where = self.part.title if self.part.title != self.section else ""
        return Finding(
            section=self.section, severity=severity, found=f"in {where!r}: {found}" if where else found, wanted=wanted
        )

    def excuses(self, value: str) -> bool:
        return self.unknown_allowed and is_unknown(value)


def run_checks(scope: Scope, checks: tuple[Check, ...]) -> Iterator[Finding]:
    """Every finding of these checks in this part."""
    for check in checks:
        yield from _run(scope, check)


def field_labels(checks: tuple[Check, ...]) -> frozenset[str]:
    """The labels of the fields checked here; list items that carry one are fields, not items."""
    return frozenset(key(check.label) for check in checks if isinstance(check, Field))


def _run(scope: Scope, check: Check) -> Iterator[Finding]:
    match check:
        case Field():
            yield from _field(scope, check)
        case Table():
            yield from _table(scope, check)
        case ListOf():
            yield from _list(scope, check)
        case Code():
            yield from _code(scope, check)
        case Contains():
            if not contains(scope.part.text, check.text):
                yield scope.finding(check.severity, "the text is missing", f"{check.text!r} to stand here")
        case Quotes():
            yield from _quotes(scope, check)
        case Subsections():
            yield from _subsections(scope, check)
        case _:
            assert_never(check)


def contains(text: str, wanted: str) -> bool:
    return key(wanted) in key(text)


# -- fields ----------------------------------------------------------------------------------------------------


def _field(scope: Scope, check: Field) -> Iterator[Finding]:
    lines = [line for line in scope.part.fields if _labelled(line, check.label)]
    filled = [line for line in lines if line.value]
    if not filled:
        found = f"**{check.label}:** has no value" if lines else f"no line **{check.label}:**"
        yield scope.finding(check.severity, found, f"a line **{check.label}:** value")
        return
    value = filled[0].value
    if scope.excuses(value):
        return
    if is_unfilled(value):
        yield scope.finding(check.severity, f"{check.label} is still the hint {shown(value)}", "a real value")
        return
    for problem in value_problems(value, check, scope.refs.missing):
        yield scope.finding(check.severity, f"{check.label} {problem.found}", problem.wanted)


def _labelled(line: FieldLine, label: str) -> bool:
    wanted = key(label)
    return wanted in (key(line.label), key(re.sub(r"\([^)]*\)", "", line.label)))


# -- tables ----------------------------------------------------------------------------------------------------


def _table(scope: Scope, check: Table) -> Iterator[Finding]:
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
    for problem in (*_named_rows(check, rows), *_sorting(check, rows)):
        yield scope.finding(check.severity, *problem)


def _closest(tables: tuple[TableBlock, ...]) -> str:
    if not tables:
        return "there is no table"
    return f"the table's header is {shown(' | '.join(tables[0].header))}"


def _row_count(check: Table, count: int, *, unknown: bool) -> Iterator[Problem]:
    if count < check.min_rows and not unknown:
        yield Problem(f"the table has {count} rows", f"at least {check.min_rows}")
    if check.max_rows is not None and count > check.max_rows:
        yield Problem(f"the table has {count} rows", f"at most {check.max_rows}")


def _cells(scope: Scope, column: Column, cells: tuple[str, ...]) -> Iterator[Problem]:
    """The problems of single cells, those with the same remedy told as one."""
    by_remedy: dict[str, list[str]] = {}
    for row, cell in enumerate(cells, start=1):
        if scope.excuses(cell):
            continue
        if is_unfilled(cell):
            by_remedy.setdefault("a real value", []).append(f"is still the hint {shown(cell)} (row {row})")
            continue
        for problem in value_problems(cell, column, scope.refs.missing):
            by_remedy.setdefault(problem.wanted, []).append(f"{problem.found} (row {row})")
    for wanted, found in by_remedy.items():
        more = f" and {len(found) - _ROWS_SHOWN} more" if len(found) > _ROWS_SHOWN else ""
        yield Problem(", ".join(found[:_ROWS_SHOWN]) + more, wanted)


def _column(column: Column, cells: tuple[str, ...], *, unknown: bool) -> Iterator[Problem]:
    if unknown:
        return  # an honest gap cannot also be complete
    values = [key(bare(cell)) for cell in cells]
    if column.unique:
        twice = list(dict.fromkeys(cell for cell, value in zip(cells, values, strict=True) if values.count(value) > 1))
        if twice:
            yield Problem(f"repeats {', '.join(map(shown, twice[:_ROWS_SHOWN]))}", "every value only once")
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


# -- lists -----------------------------------------------------------------------------------------------------


def _list(scope: Scope, check: ListOf) -> Iterator[Finding]:
    lists = _introduced(scope.part.lists, check.after) if check.after else scope.part.lists
    where = f" after {check.after!r}" if check.after else ""
    candidates = [items for items in (_items(scope, block) for block in lists) if items]
    if not candidates:
        wanted = f"a list of at least {check.min_items}{where}"
        yield scope.finding(check.severity, f"there is no list{where}", wanted)
        return
    # A list broken in two by a remark is still the list that was asked for.
    if not check.after and len(candidates) > 1:
        candidates.append([item for items in candidates for item in items])
    problems = min((list(_list_problems(scope, check, items)) for items in candidates), key=len)
    for problem in problems:
        yield scope.finding(check.severity, f"the list{where} {problem.found}", problem.wanted)


def _introduced(lists: tuple[ListBlock, ...], after: str) -> list[ListBlock]:
    """The lists behind that text, the best match first, others only when there is none better."""
    wanted = key(after)

    def rank(block: ListBlock) -> int:
        before = key(block.before)
        if before == wanted:
            return 0
        if re.match(rf"(?:\d+[.)]\s+)?{re.escape(wanted)}(?!\w)", before):
            return 1
        return 2 if re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", before) else 3

    ranked = sorted(lists, key=rank)
    best = rank(ranked[0]) if ranked else 3
    return [block for block in ranked if rank(block) == best] if best < 3 else []


def _items(scope: Scope, block: ListBlock) -> list[str]:
    def is_field(item: str) -> bool:
        found = _FIELD_ITEM.match(item)
        return found is not None and key(found[1]) in scope.labels

    return [item for item in block.items if item and not is_field(item)]


def _list_problems(scope: Scope, check: ListOf, items: list[str]) -> Iterator[Problem]:
    excused = any(scope.excuses(item) for item in items)
    if len(items) < check.min_items and not excused:
        yield Problem(f"has {len(items)} items", f"at least {check.min_items}")
    if check.max_items is not None and len(items) > check.max_items:
        yield Problem(f"has {len(items)} items", f"at most {check.max_items}")
    if check.pattern is None:
        return
    pattern = re.compile(check.pattern)
    bad = [
        item
        for item in items
        if not scope.excuses(item) and not any(pattern.search(text) for text in (item, bare(item), same(item)))
    ]
    if bad:
        found = f"holds {', '.join(map(shown, bad[:_ROWS_SHOWN]))}"
        yield Problem(found, f"every item to match `{check.pattern}`" + (f" ({check.hint})" if check.hint else ""))


# -- fences ----------------------------------------------------------------------------------------------------


def _code(scope: Scope, check: Code) -> Iterator[Finding]:
    infos = {info.casefold() for info in check.info}
    fences = [fence for fence in scope.part.fences if fence.info in infos]
    named = " or ".join(f"```{info}" for info in check.info)
    excused = scope.unknown_allowed and _UNKNOWN_LINE.search(scope.part.text)
    if len(fences) < check.min_blocks and not excused:
        yield scope.finding(check.severity, f"there are {len(fences)} blocks {named}", f"at least {check.min_blocks}")
    for place, fence in enumerate(fences, start=1):
        for problem in _fence_problems(check, fence):
            yield scope.finding(check.severity, f"block {place} {named} {problem.found}", problem.wanted)
    options = check.contains_one_of
    if fences and options and not any(option in fence.content for fence in fences for option in options):
        yield scope.finding(check.severity, f"no block {named} holds it", f"one of {', '.join(options)}")


def _fence_problems(check: Code, fence: Fence) -> Iterator[Problem]:
    words = count_words(fence.content)
    if check.min_words is not None and words < check.min_words:
        yield Problem(f"has {words} words", f"at least {check.min_words}")
    if check.max_words is not None and words > check.max_words:
        yield Problem(f"has {words} words", f"at most {check.max_words}")
    if check.parses_as is None:
        return
    try:
        data = _load(fence.content, check.parses_as)
    except _Unreadable as error:
        yield Problem(f"does not parse ({error})", f"valid {check.parses_as.upper()}")
        return
    for entry in data if isinstance(data, list) else [data]:
        absent = [name for name in check.required_keys if not isinstance(entry, dict) or name not in entry]
        if absent:
            yield Problem(f"lacks the keys {', '.join(absent)}", f"the keys {', '.join(check.required_keys)}")
            return


class _Unreadable(Exception):
    """Why a block cannot be read as what it should be, in one line."""


def _load(text: str, kind: str) -> object:
    try:
        if kind == "json":
            return json.loads(text)
        if _too_deep(text):
            message = "nested too deeply"
            raise _Unreadable(message)
        return yaml.load(text, _YAML_LOADER)  # noqa: S506 -- a safe loader, chosen for speed
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        message = " ".join(str(error).split())[:80]
        raise _Unreadable(message) from error


_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _too_deep(text: str) -> bool:
    """The C loader recurses on the machine's stack: what would overflow it must not reach it."""
    if text.count("[") + text.count("{") > MAX_NESTING * 10:
        return True
    return any(len(re.findall(r"[-?:]\s", line[:1000])) > MAX_NESTING for line in text.splitlines()) or any(
        line.startswith(" " * MAX_NESTING * 2) for line in text.splitlines()
    )


# -- quotes and subsections ------------------------------------------------------------------------------------


def _quotes(scope: Scope, check: Quotes) -> Iterator[Finding]:
    count = len(_QUOTE.findall(same(scope.part.text)))
    if count >= check.min_quotes or (scope.unknown_allowed and _UNKNOWN_LINE.search(scope.part.text)):
        return
    wanted = f'at least {check.min_quotes}, each like "words" (source)'
    yield scope.finding(check.severity, f"there are {count} quotes with a source behind them", wanted)


def _subsections(scope: Scope, check: Subsections) -> Iterator[Finding]:
    parts = list(scope.part.parts)
    yield from _titled(scope, check, parts)
    if check.each is None:
        return
    fitting = [part for part in parts if _title_fits(part, check.each)]
    name = check.each.title_hint or check.each.title or "a subsection"
    if len(fitting) < check.min_count and not (scope.unknown_allowed and _UNKNOWN_LINE.search(scope.part.text)):
        found = f"there are {len(fitting)} H3 headings {name!r}"
        yield scope.finding(check.severity, found, f"at least {check.min_count}")
    if check.max_count is not None and len(fitting) > check.max_count:
        found = f"there are {len(fitting)} H3 headings {name!r}"
        yield scope.finding(check.severity, found, f"at most {check.max_count}")
    for part in parts:
        if part in fitting:
            yield from _subsection(scope, part, check.each)
        elif not check.titled:
            yield scope.finding(check.severity, f"the heading {shown(part.title)} has another form", f"{name!r}")


def _titled(scope: Scope, check: Subsections, parts: list[Part]) -> Iterator[Finding]:
    """Check the fixed series, and take its parts off `parts`."""
    places: list[int] = []
    for wanted in check.titled:
        part = next((part for part in parts if _title_fits(part, wanted)), None)
        name = wanted.title or wanted.title_hint or wanted.title_pattern or "a subsection"
        if part is None:
            series = ", ".join(one.title or one.title_hint for one in check.titled)
            yield scope.finding(check.severity, f"there is no H3 {name!r}", f"the H3 headings {series}")
            continue
        places.append(scope.part.parts.index(part))
        parts.remove(part)
        yield from _subsection(scope, part, wanted)
    if places != sorted(places):
        series = ", ".join(one.title or one.title_hint for one in check.titled)
        yield scope.finding(check.severity, "the H3 headings stand in another order", f"the order {series}")


def _title_fits(part: Part, wanted: Subsection) -> bool:
    title = part.title.strip()
    if wanted.title is not None:
        name = re.sub(r"^\d{1,3}[.)]\s+", "", title)
        return key(wanted.title) in (key(name), key(title))
    if wanted.title_pattern is not None:
        return any(re.search(wanted.title_pattern, text) for text in (title, bare(title), same(title)))
    return True


def _subsection(scope: Scope, part: Part, wanted: Subsection) -> Iterator[Finding]:
    inner = Scope(
        part=part,
        section=scope.section,
        refs=scope.refs,
        unknown_allowed=scope.unknown_allowed,
        labels=field_labels(wanted.checks),
    )
    yield from run_checks(inner, wanted.checks)
