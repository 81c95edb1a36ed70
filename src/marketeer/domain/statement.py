"""What a document states that the others of its goal must not contradict: prices, offers, promises, dates, names.

A statement is one thing with one value, in the words of one sentence. What is only weighed (a scenario, a proposal, a
rival's offer) is no statement; its figures are kept apart, since what comes later may rest on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from marketeer.domain.contract_units import Form, Unit, units
from marketeer.domain.contradiction import Topic
from marketeer.domain.markdown import REMEMBERED_VALUES, same

_QUOTE_CHARS = 200
# A sentence that weighs, compares or looks back states nothing of what is offered now.
_OPEN = re.compile(
    r"\b(?:if|whether|would|could|should|might|a/b|tests?\b(?! it)|tested|testing|variants?|options?|scenarios?"
    r"|hypothes\w+|propos\w+|recommend\w*|suggest\w*|consider\w*|instead|rather than|versus|vs|compared|comparing"
    r"|raise[sd]?|raising|increas\w+|lower(?:ed|ing|s)?|cut(?:s|ting)?|drop(?:s|ped|ping)?|chang(?:e|es|ed|ing)"
    r"|used to|previous\w*|formerly|earlier|was|were|had|old|original\w*|their|they|theirs|competitor\w*|rivals?"
    r"|for example|e\.g|not verified|unknown|assum\w+|estimat\w+|no longer|baseline|metric|guardrail|benchmark\w*"
    r"|average|typical\w*|most companies|other \w+)\b"
    r"|\[\s*(?:target|example|bench|assumption|A\d)|\bfrom\s+[$\u20ac\u00a3]?\d",
    re.I,
)
# Under such a heading things are weighed, compared or taken back.
_OPEN_HEADING = re.compile(
    r"\b(?:scenarios?|packag\w*|options?|propos\w+|recommend\w*|experiments?|variants?|hypothes\w+|tests?|competit\w*"
    r"|alternatives?|rivals?|comparisons?|versus|vs|benchmarks?|migration|history|before|original|changes?|edits"
    r"|evidence|research|assumptions|handoff|risks?|ideas?|switching|objections?)\b",
    re.I,
)
_OPEN_COLUMN = re.compile(
    r"\b(?:before|original|old|current|rivals?|competitors?|today|baseline|target|proposed|new)\b", re.I
)
# Without one of these in it a text states nothing of that kind.
_TELLTALES = (
    "$", "\u20ac", "\u00a3", "\u00a5", "\u20b9", "%", "usd", "eur", "gbp", "chf", "cad", "aud", "dollar", "pound",
    "trial", "free", "guarantee", "refund", "money", "warranty", "return",
    "-0", "-1", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
# Every statement says how much, how long or when.
_COUNTS = re.compile(r"\d|\b(?:days?|weeks?|months?|years?)\b", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z\"'(\[$\u20ac\u00a3\d])|\n+")
_MARKS = re.compile(r"[*_`]+|^\s*(?:[-+>#]+|\d{1,3}[.)])\s+")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing with one value. `value` is comparable; `shown` is how it was written."""

    topic: Topic
    thing: str
    value: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The same, with the sentence it stands in and the H2 around that ("" where there is none)."""

    found: Found
    quote: str
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Everything a document states, and the numbers of what it weighs."""

    statements: tuple[Statement, ...] = ()
    weighed: frozenset[str] = frozenset()


# Finds statements in one sentence without markup.
Finder = Callable[[str], Iterator[Found]]
RowFinder = Callable[[Unit], Iterator[Found]]


def stated(
    text: str, finders: tuple[Finder, ...], row_finders: tuple[RowFinder, ...], *, others: tuple[str, ...] = ()
) -> Stated:
    """What a document states. Never raises, whatever the text. A sentence that names one of the `others` is theirs."""
    statements: list[Statement] = []
    weighed: set[str] = set()
    for unit in units(text) if _may_state(text) else ():
        if not _COUNTS.search(unit.text):
            continue
        if _OPEN_HEADING.search(unit.section) or _OPEN_HEADING.search(unit.title):
            weighed.update(numbers(unit.text))
            continue
        for find_row in row_finders if unit.form is Form.ROW else ():
            for found in find_row(unit):
                if _OPEN.search(unit.text):
                    weighed.update(numbers(unit.text))
                else:
                    statements.append(Statement(found=found, quote=shortened(unit.text), section=unit.section))
        for sentence in sentences(unit):
            if any(name in sentence for name in others):
                weighed.update(numbers(sentence))
                continue
            statements.extend(_in_sentence(sentence, finders, unit.section, weighed))
    return Stated(statements=tuple(dict.fromkeys(statements)), weighed=frozenset(weighed))


def stated_plainly(text: str, finders: tuple[Finder, ...]) -> Stated:
    """What a text without sections states, such as a goal in its user's words."""
    weighed = set(numbers(text))
    found = [one for line in _split(text) for one in _in_sentence(line, finders, "", weighed)]
    return Stated(statements=tuple(found), weighed=frozenset(weighed))


def _in_sentence(sentence: str, finders: tuple[Finder, ...], section: str, weighed: set[str]) -> Iterator[Statement]:
    if not _COUNTS.search(sentence):
        return
    if _OPEN.search(sentence):
        weighed.update(numbers(sentence))
        return
    for find in finders:
        for found in find(sentence):
            yield Statement(found=found, quote=shortened(sentence), section=section)


def _may_state(text: str) -> bool:
    low = text.casefold()
    return any(telltale in low for telltale in _TELLTALES)


def sentences(unit: Unit) -> Iterator[str]:
    """The sentences of a unit without markup; of a row, its cells, but for those under a heading of things weighed."""
    if unit.form is Form.ROW:
        for at, cell in enumerate(unit.cells):
            if not (at < len(unit.header) and _OPEN_COLUMN.search(unit.header[at])):
                yield from _split(cell)
        if len(unit.cells) == 2:
            yield from _split(f"{unit.cells[0]}: {unit.cells[1]}")
        return
    yield from _split(unit.text if unit.form is Form.BLOCK else unit.text.replace("\n", " "))


def _split(text: str) -> Iterator[str]:
    for sentence in _END.split(same(text)):
        bare = " ".join(_MARKS.sub(" ", sentence).split())
        if bare:
            yield bare


@lru_cache(maxsize=REMEMBERED_VALUES)
def numbers(text: str) -> frozenset[str]:
    """The numbers in a text, as values compare them."""
    return frozenset(f"{float(found.replace(',', '')):g}" for found in _NUMBER.findall(text))


def shortened(sentence: str) -> str:
    """A sentence on one line, cut where it is long."""
    flat = " ".join(sentence.split())
    return flat if len(flat) <= _QUOTE_CHARS else flat[: _QUOTE_CHARS - 1].rstrip() + "\u2026"
