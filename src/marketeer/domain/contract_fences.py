"""Fenced blocks held against a contract: number, length, platform limits, and whether data parses and is complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import yaml

from marketeer.domain.contract import Code
from marketeer.domain.contract_calc import number_words
from marketeer.domain.contract_formula import evaluate
from marketeer.domain.contract_jsonld import markup_problems
from marketeer.domain.contract_lookup import has_no_data
from marketeer.domain.contract_platforms import post_problems
from marketeer.domain.contract_quantities import number_of
from marketeer.domain.contract_scope import UNKNOWN_LINE, Scope
from marketeer.domain.contract_values import Problem, shown
from marketeer.domain.markdown import Fence, count_words, key
from marketeer.domain.review import Finding

MAX_NESTING = 100
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_URL = re.compile(r"https?://\S+")


def code_findings(scope: Scope, check: Code) -> Iterator[Finding]:
    infos = {info.casefold() for info in check.info}
    fences = [fence for fence in scope.part.fences if fence.info in infos]
    named = " or ".join(f"```{info}" for info in check.info)
    excused = scope.unknown_allowed and UNKNOWN_LINE.search(scope.part.text)
    if len(fences) < check.min_blocks and not excused:
        yield scope.finding(check.severity, f"there are {len(fences)} blocks {named}", f"at least {check.min_blocks}")
    for place, fence in enumerate(fences, start=1):
        for problem in (*_fence_problems(check, fence), *_customers_limits(scope, check, fence)):
            yield scope.finding(check.severity, f"block {place} {named} {problem.found}", problem.wanted)
    sizes = [len(fence.content.strip()) for fence in fences]
    if check.one_within is not None and sizes and min(sizes) > check.one_within:
        found = f"the shortest block {named} has {min(sizes)} characters"
        yield scope.finding(check.severity, found, f"one of at most {check.one_within}")
    yield from _length(scope, check, fences)
    options = check.contains_one_of
    if fences and options and not any(option in fence.content for fence in fences for option in options):
        yield scope.finding(check.severity, f"no block {named} holds it", f"one of {', '.join(options)}")


def _length(scope: Scope, check: Code, fences: list[Fence]) -> Iterator[Finding]:
    """The words of all blocks together, within bounds that are formulas."""
    words = sum(count_words(fence.content) for fence in fences)
    for formula, what, sign in ((check.at_least, "at least", -1), (check.at_most, "at most", 1)):
        bound = number_of(evaluate(formula, scope.lookup())) if formula and fences else None
        if bound is not None and sign * (words - bound) > 0:
            found = f"the {check.info[0]} has {words} words"
            yield scope.finding(check.severity, found, f"{what} {number_words(bound)} ({check.hint or formula})")


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
    if check.json_ld:
        yield from (Problem(found, wanted) for found, wanted in markup_problems(data))
    for entry in data if isinstance(data, list) else [data]:
        yield from _entry_problems(check, entry)
        absent = [name for name in check.required_keys if not isinstance(entry, dict) or name not in entry]
        if absent:
            yield Problem(f"lacks the keys {', '.join(absent)}", f"the keys {', '.join(check.required_keys)}")
            return


def _entry_problems(check: Code, entry: object) -> Iterator[Problem]:
    """Keys of parsed data that hold a date, or something at all."""
    if not isinstance(entry, dict):
        return
    for name in check.dates:
        value = str(entry.get(name, ""))
        if name in entry and not _ISO_DATE.match(value) and not has_no_data(value) and "not verified" not in key(value):
            yield Problem(f"has {name} {shown(value)}", "a date such as 2026-03-31, or not verified")
    empty = [name for name in check.filled if name in entry and entry[name] in (None, "", [], {})]
    if empty:
        yield Problem(f"has nothing under {', '.join(empty)}", "at least one entry")


def _customers_limits(scope: Scope, check: Code, fence: Fence) -> Iterator[Problem]:
    if check.platform:
        yield from (Problem(found, wanted) for found, wanted in post_problems(fence.content, scope.part.title))
    questions = len(re.findall(r"[?\uff1f]+", _URL.sub("", fence.content)))
    if check.max_questions is not None and questions > check.max_questions:
        yield Problem(f"asks {questions} questions", f"at most {check.max_questions}")


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
