"""Numbers that are recomputed: fields, columns and rules held against the formulas of the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from marketeer.domain.contract import Column, Field, Rule
from marketeer.domain.contract_formula import Lookup, evaluate
from marketeer.domain.contract_lookup import has_no_data
from marketeer.domain.contract_quantities import Value, hours_of, number_of, numbers_of
from marketeer.domain.contract_values import Problem, shown
from marketeer.domain.review import Severity

_COUNTS = re.compile(r"\b(?:chars|x_chars|ad_chars|words|words_per_sentence|grade)\(")
_SPOKEN = (
    (re.compile(r"count\((?:titles|bodies)\('([^']+)'\)\)"), r"the subsections of \1"),
    (re.compile(r"rows\('([^']+)'\)"), r"the rows of \1"),
    (re.compile(r"field\('([^']+)', '([^']+)'\)"), r"\2 (\1)"),
    (re.compile(r"number\((\w+)\)"), r"\1"),
    (re.compile(r"\*(?!\*)"), "x"),
)
_NEARLY = 0.1  # a count of characters that is off by less is a slip of the pen
_NEARLY_CHARS = 3
_PERCENT = re.compile(r"%")


def calc_problems(text: str, rule: Field | Column, lookup: Lookup) -> Iterator[tuple[Problem, Severity]]:
    """What is wrong with the number in a field or cell."""
    if has_no_data(text):
        return
    actual = number_of(text)
    if rule.calc is not None:
        wanted = evaluate(rule.calc, lookup)
        if wanted is not None and not isinstance(wanted, str | bool):
            yield from _equal(text, actual, wanted, rule)
    bounds = ((rule.at_most, "at most", 1), (rule.at_least, "at least", -1))
    for formula, words, sign in bounds:
        bound = number_of(evaluate(formula, lookup)) if formula else None
        if bound is None or actual is None:
            continue
        if sign * (actual - bound) > _tolerance(rule, bound):
            wanted_text = f"{words} {number_words(bound)} ({formula})"
            yield Problem(f"is {shown(text)}", wanted_text), Severity.MAJOR


def _equal(text: str, actual: float | None, wanted: Value, rule: Field | Column) -> Iterator[tuple[Problem, Severity]]:
    options = numbers_of(wanted)
    if not options:
        return
    stated = () if actual is None else (actual, actual / 100) if _PERCENT.search(text) else (actual,)
    if any(abs(one - option) <= _tolerance(rule, option) for one in stated for option in options):
        return
    problem = Problem(
        f"is {shown(text)}", f"{number_words(options[0])} ({rule.calc_says or in_words(rule.calc or '')})"
    )
    yield problem, _weight(rule, stated, options)


def _weight(rule: Field | Column, stated: Sequence[float], options: Sequence[float]) -> Severity:
    """Counting characters is hard for a writer: a near miss is a matter of style."""
    if rule.calc is None or not _COUNTS.match(rule.calc):
        return Severity.MAJOR
    near = any(abs(one - option) <= max(_NEARLY_CHARS, _NEARLY * option) for one in stated for option in options)
    return Severity.MINOR if near else Severity.MAJOR


def _tolerance(rule: Field | Column, wanted: float) -> float:
    return rule.within + abs(wanted) * rule.within_percent / 100 + 1e-6


def number_words(value: float) -> str:
    """A number as a person would write it."""
    if abs(value - round(value)) < 1e-9 and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")


def in_words(formula: str) -> str:
    """A formula as a writer reads it: `rows('Concepts')` is the rows of Concepts."""
    text = " ".join(formula.split())
    for pattern, words in _SPOKEN:
        text = pattern.sub(words, text)
    return text.replace("**", "^").replace("_", " ")


def column_problems(column: Column, cells: Sequence[str]) -> Iterator[Problem]:
    """What a column sums to, and how its numbers follow one another."""
    known = [(cell, number) for cell in cells if (number := number_of(cell)) is not None]
    spans = [(cell, hours) for cell in cells if (hours := hours_of(cell)) is not None]
    if column.total is not None and known and len(known) == len(cells):
        total = sum(number for _, number in known)
        if abs(total - column.total) > max(column.within, 0.51 if column.total >= 100 else 1e-6):
            yield Problem(f"sums to {number_words(total)}", f"a sum of {number_words(column.total)}")
    if column.rising is not None:
        strict = column.rising == "strict"
        # Times are compared in hours; when only some cells are times, nothing can be said.
        steps = spans if len(spans) == len(cells) else [] if spans else known
        for (one, low), (other, high) in pairwise(steps):
            if high < low or (strict and high == low):
                wanted = "every number larger than the one above" if strict else "no number smaller than the one above"
                yield Problem(f"goes from {shown(one)} to {shown(other)}", wanted)
                return


def rule_problem(rule: Rule, lookup: Lookup) -> bool:
    """Whether the rule is broken; one that cannot be judged is not."""
    return evaluate(rule.holds, lookup) is False


def count_problem(formula: str, count: int, lookup: Lookup, what: str) -> Iterator[Problem]:
    """Whether there are as many rows or subsections as the formula says."""
    wanted = number_of(evaluate(formula, lookup))
    if wanted is not None and count != round(wanted):
        yield Problem(f"there are {count} {what}", f"{number_words(wanted)} ({in_words(formula)})")


def formula_words(rule: Field | Column) -> Iterator[str]:
    """The formulas of a field or column, for the template."""
    if rule.calc:
        slack = ""
        if rule.within_percent:
            slack = f", right within {rule.within_percent:g}%"
        elif rule.within:
            slack = f", right within {rule.within:g}"
        yield f"recomputed: {rule.calc_says or in_words(rule.calc)}{slack}"
    if rule.at_most:
        yield f"at most {in_words(rule.at_most)}"
    if rule.at_least:
        yield f"at least {in_words(rule.at_least)}"


def is_table_for(table_header: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether a table has all these columns."""
    header = {name.casefold().strip() for name in table_header}
    return all(column.casefold() in header for column in columns)
