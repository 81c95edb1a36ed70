"""The checks of one section or subsection: fields, tables, lists, fences, literal texts, quotes, H3 series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from marketeer.domain.contract import (
    Check,
    Code,
    Contains,
    Field,
    ListOf,
    Quotes,
    Rule,
    Subsection,
    Subsections,
    Table,
)
from marketeer.domain.contract_calc import calc_problems, count_problem, is_table_for, rule_problem
from marketeer.domain.contract_fences import code_findings
from marketeer.domain.contract_formula import evaluate
from marketeer.domain.contract_lists import list_findings
from marketeer.domain.contract_lookup import row_names
from marketeer.domain.contract_scope import ROWS_SHOWN, UNKNOWN_LINE, Scope
from marketeer.domain.contract_tables import table_findings
from marketeer.domain.contract_tags import TAG
from marketeer.domain.contract_values import Problem, bare, is_unfilled, shown, value_problems
from marketeer.domain.markdown import FieldLine, Part, count_words, key, same
from marketeer.domain.review import Finding, Severity

_QUOTE = re.compile(r'"[^"\n]{3,600}"[.,]?\s{0,3}[(\[][^)\]\n]{2,200}[)\]]')
_ENTRY = re.compile(r"[,;、，；/·]|\s+and\s+")


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
            yield from table_findings(scope, check)
        case ListOf():
            yield from list_findings(scope, check)
        case Code():
            yield from code_findings(scope, check)
        case Contains():
            if not contains(scope.part.text, check.text):
                yield scope.finding(check.severity, "the text is missing", f"{check.text!r} to stand here")
        case Quotes():
            yield from _quotes(scope, check)
        case Rule():
            yield from _rule(scope, check)
        case Subsections():
            yield from _subsections(scope, check)
        case _:
            assert_never(check)


def _rule(scope: Scope, check: Rule) -> Iterator[Finding]:
    if not check.each_row:
        if rule_problem(check, scope.lookup()):
            yield scope.finding(check.severity, "a rule is broken", check.says)
        return
    for table in scope.part.tables:
        if not is_table_for(table.header, check.each_row):
            continue
        named = [row_names(table.header, row) for row in table.rows]
        broken = [str(at) for at, row in enumerate(named, start=1) if rule_problem(check, scope.lookup(row))]
        if broken:
            where = f"row{'s' if len(broken) > 1 else ''} {', '.join(broken[:ROWS_SHOWN])}"
            yield scope.finding(check.severity, f"{where} of {' | '.join(check.each_row)} break a rule", check.says)


def contains(text: str, wanted: str) -> bool:
    return key(wanted) in key(text)


# -- fields ----------------------------------------------------------------------------------------------------


def _field(scope: Scope, check: Field) -> Iterator[Finding]:
    lines = [line for line in scope.part.fields if _labelled(line, check.label)]
    filled = [line for line in lines if line.value]
    if not lines and check.when is not None and evaluate(check.when, scope.lookup()) is not True:
        return
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
    for problem in (*value_problems(value, check, scope.refs.missing), *_parts(value, check)):
        yield scope.finding(check.severity, f"{check.label} {problem.found}", problem.wanted)
    for problem, severity in calc_problems(value, check, scope.lookup()):
        yield scope.finding(severity, f"{check.label} {problem.found}", problem.wanted)


def _parts(value: str, check: Field) -> Iterator[Problem]:
    """The length of a field in words, and of a list on one line in entries."""
    words = count_words(TAG.sub("", value))
    if check.max_words is not None and words > check.max_words:
        yield Problem(f"has {words} words", f"at most {check.max_words}")
    entries = len([part for part in _ENTRY.split(bare(value)) if part.strip()])
    if check.min_parts is not None and entries < check.min_parts:
        yield Problem(f"lists {entries} entries", f"at least {check.min_parts}")
    if check.max_parts is not None and entries > check.max_parts:
        yield Problem(f"lists {entries} entries", f"at most {check.max_parts}")


def _labelled(line: FieldLine, label: str) -> bool:
    wanted = key(label)
    return wanted in (key(line.label), key(re.sub(r"\([^)]*\)", "", line.label)))


# -- quotes and subsections ------------------------------------------------------------------------------------


def _quotes(scope: Scope, check: Quotes) -> Iterator[Finding]:
    count = len(_QUOTE.findall(same(scope.part.text)))
    if count >= check.min_quotes or (scope.unknown_allowed and UNKNOWN_LINE.search(scope.part.text)):
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
    if len(fitting) < check.min_count and not (scope.unknown_allowed and UNKNOWN_LINE.search(scope.part.text)):
        found = f"there are {len(fitting)} H3 headings {name!r}"
        yield scope.finding(check.severity, found, f"at least {check.min_count}")
    if check.max_count is not None and len(fitting) > check.max_count:
        found = f"there are {len(fitting)} H3 headings {name!r}"
        yield scope.finding(check.severity, found, f"at most {check.max_count}")
    if check.count:
        for problem in count_problem(check.count, len(fitting), scope.lookup(), f"H3 headings {name!r}"):
            yield scope.finding(check.severity, *problem)
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
        whole=scope.part,
    )
    words = count_words(part.text)
    if wanted.min_words is not None and words < wanted.min_words:
        yield inner.finding(Severity.MAJOR, f"there are {words} words", f"at least {wanted.min_words}")
    yield from run_checks(inner, wanted.checks)
