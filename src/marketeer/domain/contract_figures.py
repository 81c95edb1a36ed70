"""Figures in prose: which numbers are claims that need a source, and what numbers a source states.

A claim is a percentage, an amount of money, a count of people, a multiplier, a rank or a duration that is a result.
Everything else (dates, steps, limits, settings, ids) is free to be written without a source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from marketeer.domain.markdown import same

NUMBER = r"(?:\d{1,3}(?:[,\u202f ]\d{3})+(?![\d])(?:\.\d+)?|\d+(?:[.,]\d{1,2}(?!\d)|\.\d+)?)"
_SCALE = r"(?:\s?(?:k|K|M|bn|thousand|million|billion)\b)?"
_QUANTITY = rf"(?P<quantity>{NUMBER}{_SCALE})"
_FREE = r"(?<![\w.,/\u2013-])"
_PEOPLE = (
    "customers?|users?|people|visitors?|subscribers?|clients?|members|employees|buyers|respondents|followers"
    "|companies|businesses|firms|contractors|homeowners|accounts|signups|sign-ups|leads|visits|contacts|reviews"
    "|downloads|readers|participants|interviewees"
)
_TIME = "seconds?|minutes?|mins?|hours?|days?|weeks?|months?|years?"
_RESULT = (
    r"saves?|saving|saved|cuts?|cutting|reduc\w+|shorten\w*|faster by|sooner by|gains?|median|average[sd]?|averaging"
)
_SYMBOLS = "$\u20ac\u00a3\u00a5\u20b9"
_CODES = "USD|EUR|GBP|CHF|CAD|AUD"
_MIN_PEOPLE = 20  # smaller counts are plans and limits ("5 users", "interview 8 customers")
_APPROXIMATELY = re.compile(
    r"(?:about|around|roughly|nearly|almost|approximately|some|over|more than|close to|~|\u2248|ca\.?|circa)"
    r"\s*[$\u20ac\u00a3]?$",
    re.I,
)


class Kind(StrEnum):
    """What a claim counts."""

    PERCENT = "a percentage"
    MONEY = "an amount of money"
    PEOPLE = "a count of people"
    MULTIPLE = "a multiplier"
    RANK = "a rank"
    DURATION = "a duration as a result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One figure that needs a source, and where it stands in its text."""

    kind: Kind
    text: str
    value: float
    decimals: int
    scaled: bool
    start: int
    end: int


_CLAIMS = (
    (Kind.PERCENT, re.compile(rf"{_FREE}{_QUANTITY}\s?(?:%|percent\b|per cent\b|percentage points?\b|pp\b)", re.I)),
    (
        Kind.PERCENT,
        re.compile(rf"{_FREE}{_QUANTITY}(?=\s?(?:-|to)\s?\d+(?:[.,]\d+)?\s?(?:%|percent\b))", re.I),
    ),
    (Kind.MONEY, re.compile(rf"(?:[{_SYMBOLS}]|\b(?:{_CODES}))\s?{_QUANTITY}")),
    (Kind.MONEY, re.compile(rf"{_FREE}{_QUANTITY}\s?(?:[{_SYMBOLS}]|(?:{_CODES}|dollars?|euros?|pounds?)\b)")),
    (Kind.PEOPLE, re.compile(rf"{_FREE}{_QUANTITY}\+?\s+(?:(?!of\b)[a-z-]+\s+){{0,2}}?(?:{_PEOPLE})\b", re.I)),
    (
        Kind.MULTIPLE,
        re.compile(rf"{_FREE}{_QUANTITY}[x\u00d7](?![\w\u00d7])(?!\s?(?:[\d({_SYMBOLS}]|an?\b|per\b|each\b))", re.I),
    ),
    (
        Kind.MULTIPLE,
        re.compile(rf"{_FREE}{_QUANTITY}\s+times\s+(?:more|less|faster|higher|lower|as|the|better|likelier)\b", re.I),
    ),
    (
        Kind.RANK,
        re.compile(rf"\branke?[ds]\s+(?:at\s+)?(?:#|no\.?\s?|number\s)?{_QUANTITY}(?:st|nd|rd|th)?\b(?!\s?to\b)", re.I),
    ),
    (
        Kind.DURATION,
        re.compile(rf"\b(?:{_RESULT})\b[^.|\n;]{{0,40}}?{_FREE}{_QUANTITY}\s?-?(?:{_TIME})\b", re.I),
    ),
)
_ANY = re.compile(rf"(?<![\w]){_QUANTITY}", re.I)
_ALONE = re.compile(rf"(?<![\w#.,-])[{_SYMBOLS}]?{_QUANTITY}(?![\w-])")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_PLAIN_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
_HAS_FIGURE = re.compile(r"\d")
# What is set or counted off, not claimed, when such a word stands near the figure.
_SETTING = re.compile(
    r"scroll|viewport|opacity|width|height|\bpower\b|confidence|significan|\balpha\b|\bsplit\b|holdout|hold-out"
    r"|traffic share|allocat|percentile|weights?\b|\bMDE\b|detectable|relative|contrast|zoom|promotional|\bROAS\b"
    r"|\bof (?:a|the|their|its|plan) (?:\w+ )?(?:limit|quota|allowance|cap|budget)|of the (?:page|screen)"
    r"|per (?:1,?000|100)\b|randomi[sz]|control arm|ramp|rollout|roll-out|budget (?:steps|changes)",
    re.I,
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|unless|until|once|stop\w*|pause[ds]?|alarm|alert\w*|trigger\w*|flag\w*|roll(?:ed)? back"
    r"|caps?|capped|limit\w*|max(?:imum)?|min(?:imum)?|threshold|guardrail|escalate[ds]?|warn\w*|tolerance|rule)\b",
    re.I,
)
_COMPARISON = re.compile(
    r"(?:more than|at least|at most|below|above|under|over|exceeds?|exceeding|within|up to|less than|no more than"
    r"|falls? to"
    r"|by|reaches|reach|hits?|passes|\u2265|\u2264|<|>|<=|>=|\bto|max(?:imum)?|\bat|of)\s*[$\u20ac\u00a3]?$",
    re.I,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")
_HARMLESS = re.compile(r"`[^`\n]*`|https?://\S+|\{\{[^}\n]*\}\}|\]\([^)\n]*\)|<!--.*?-->|\d{4}-\d{2}-\d{2}", re.DOTALL)
_UNITS = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_WORDS = {
    **{word: value for value, word in enumerate(_SMALL.split())},
    **{word: 30 + 10 * at for at, word in enumerate(_TENS.split())},
    "half": 50,
}
_SPOKEN = re.compile(rf"\b({'|'.join(_WORDS)})(?:\s+(hundred|thousand|million))?\b", re.I)


def masked(text: str) -> str:
    """The text with what is not prose (code, addresses, merge fields, dates) blanked out; places stay the same."""
    return _HARMLESS.sub(lambda found: " " * len(found[0]), text)


def claims(text: str) -> list[Claim]:
    """The figures in a text that need a source, in order."""
    if not _HAS_FIGURE.search(text):
        return []
    clear = same(masked(text))
    found: dict[int, Claim] = {}
    for kind, pattern in _CLAIMS:
        for match in pattern.finditer(clear):
            start = match.start("quantity")
            if start not in found and not _is_free(clear, match, kind):
                found[start] = _claim(kind, match)
    return [found[at] for at in sorted(found)]


def _is_free(text: str, match: re.Match[str], kind: Kind) -> bool:
    """Whether the figure is a setting, a threshold or nothing, so that no source is owed for it."""
    value = amount(match["quantity"])
    if kind is Kind.PEOPLE and value < _MIN_PEOPLE:
        return True
    if value == 0 or (kind is Kind.MULTIPLE and value == 1):
        return True
    near = text[max(0, match.start() - 40) : match.end() + 30]
    if kind is Kind.PERCENT and _SETTING.search(near):
        return True
    before = text[: match.start("quantity")].rstrip()
    return bool(_COMPARISON.search(before[-24:]) and _CONDITION.search(_sentence(text, match)))


def _sentence(text: str, match: re.Match[str]) -> str:
    """The sentence around a figure."""
    before = _SENTENCE_END.split(text[: match.start()])[-1]
    return before + _SENTENCE_END.split(text[match.start() :], maxsplit=1)[0]


def _claim(kind: Kind, match: re.Match[str]) -> Claim:
    written = match["quantity"]
    digits = re.sub(r"[^\d.,].*$", "", written.strip())
    return Claim(
        kind=kind,
        text=_shown(kind, match),
        value=amount(written),
        decimals=_decimals(digits),
        scaled=bool(re.search(r"[a-zA-Z]", written)),
        start=match.start("quantity"),
        end=match.end(),
    )


def _shown(kind: Kind, match: re.Match[str]) -> str:
    start = match.start("quantity") - match.start() if kind is Kind.DURATION else 0
    return " ".join(match[0][start:].split())


def amount(written: str) -> float:
    """The value of a number as people write it: `4,000`, `2.9`, `2,9`, `24.7k`, `1.2 million`."""
    found = re.match(rf"\s*({NUMBER})\s*([a-zA-Z]*)", written)
    if found is None:
        return 0.0
    digits = re.sub(r"[\u202f ]", "", found[1])
    digits = digits.replace(",", ".") if re.fullmatch(r"\d+,\d{1,2}", digits) else digits.replace(",", "")
    return float(digits) * _UNITS.get(found[2].casefold(), 1.0)


def _decimals(digits: str) -> int:
    found = re.search(r"[.,](\d{1,2}|\d{4,})$|\.(\d+)$", digits)
    return len(found[1] or found[2]) if found else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """The numbers that a text states."""

    values: frozenset[float]
    percents: frozenset[float]
    money: frozenset[float]
    multiples: frozenset[float]

    def holds(self, claim: Claim, before: str = "") -> bool:
        """Whether the text states the figure; a figure called approximate may be rounded."""
        own = {Kind.PERCENT: self.percents, Kind.MONEY: self.money, Kind.MULTIPLE: self.multiples}
        known = own.get(claim.kind, self.values)
        if any(abs(value - claim.value) < 1e-9 for value in known):
            return True
        if not claim.scaled and not _APPROXIMATELY.search(before[-16:]):
            return False
        return any(_rounds_to(value, claim.value) for value in known)

    def has(self, value: float) -> bool:
        return any(abs(known - value) < 1e-9 for known in self.values)


def _rounds_to(exact: float, rough: float) -> bool:
    return exact > 0 and abs(exact - rough) / exact <= 0.06


@lru_cache(maxsize=64)
def stated(text: str) -> Stated:
    """What numbers a source states, written as digits or in words."""
    clear = same(masked(text))
    values = {amount(match["quantity"]) for match in _ANY.finditer(clear)}
    for match in _SPOKEN.finditer(clear):
        scale = {"hundred": 100, "thousand": 1000, "million": 1_000_000}.get((match[2] or "").casefold(), 1)
        values.add(float(_WORDS[match[1].casefold()] * scale))
    # Between the commas of a table in text form, numbers are numbers too.
    values |= {float(number) for number in _PLAIN.findall(clear)}
    by_kind: dict[Kind, set[float]] = {kind: set() for kind in Kind}
    for kind, pattern in _CLAIMS:
        by_kind[kind] |= {amount(match["quantity"]) for match in pattern.finditer(clear)}
    by_kind[Kind.PERCENT] |= {float(number) for number in _PLAIN_PERCENT.findall(clear)}
    by_kind[Kind.PERCENT] |= {value * 100 for value in values if 0 < value < 1}
    return Stated(
        values=frozenset(values),
        percents=frozenset(by_kind[Kind.PERCENT]),
        money=frozenset(by_kind[Kind.MONEY]),
        multiples=frozenset(by_kind[Kind.MULTIPLE]),
    )


def last_number(text: str) -> tuple[str, float] | None:
    """The last number in a text that is one by itself, not part of a name, a date or an id."""
    found = list(_ALONE.finditer(same(masked(text))))
    return (found[-1]["quantity"], amount(found[-1]["quantity"])) if found else None
