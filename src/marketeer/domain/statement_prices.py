"""What a plan or a product costs: a name, and a price that is said of it.

A price counts only beside a name: one that the product context gives a price, or one that calls itself a plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from marketeer.domain.contract_units import Unit
from marketeer.domain.contradiction import Topic
from marketeer.domain.markdown import key, same
from marketeer.domain.product_context import ProductContext
from marketeer.domain.statement import Found

_AMOUNT = r"\d{1,3}(?:[, ]\d{3})+(?:\.\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_CODES = "USD|EUR|GBP|CHF|CAD|AUD"
_MONEY = (
    rf"(?:(?P<sign>[$\u20ac\u00a3\u00a5\u20b9]|\b(?:{_CODES}))\s?(?P<amount>{_AMOUNT})"
    rf"|(?<![\d.,$\u20ac\u00a3])(?P<amount2>{_AMOUNT})\s?(?P<sign2>[$\u20ac\u00a3]|(?:{_CODES}|euros?|dollars?|pounds?)\b))"
    r"(?![\d%]|[.,]\d|\s?(?:k|m|bn|million|thousand)\b)"
)
_EACH = r"(?:/\s?|(?:per|an?|each|every)\s+)"
_PERIOD = r"(?:mo(?:nth)?(?:ly)?|years?|yr|yearly|annual(?:ly)?|week(?:ly)?|day|quarter(?:ly)?)"
_UNIT = rf"(?:(?!{_PERIOD}\b)[a-z]+)"
_TERMS = (
    rf"(?:\s*{_EACH}(?P<unit>{_UNIT}))?(?:\s*,?\s*(?:{_EACH}|billed\s+|paid\s+)?(?P<period>{_PERIOD})\b)?"
    rf"(?:\s*{_EACH}(?P<unit2>{_UNIT}))?"
)
_KIND = r"(?:plan|tier|package|subscription|membership|edition|licen[cs]e|bundle|course|pass)"
# What may stand between a name and its price.
_LINK = (
    rf"(?:[\s:(,=|-]|\b(?:{_KIND}|price[ds]?|costs?|is|are|at|for|only|just|starts?|starting|comes? to|remains?|stays?"
    r"|runs|will be|still|now|the|you|pay|a month|monthly|yearly|annually|per month|per year)\b){1,9}?"
)
# Before `plan` they are no name of one.
_NO_PLAN = (
    "The|Our|Each|Every|This|That|Your|My|Annual|Monthly|Yearly|Paid|New|Any|No|All|Which|One|Marketing|Launch|Test|Media"
    "|Action|Content|Project|First|Second|Both|Higher|Lower|Next|Top|Cheapest"
)
_NAMED_KIND = rf"(?:(?<![\w-])(?P<kind>(?!(?:{_NO_PLAN})\b)[A-Z][\w+]*(?: [A-Z][\w+]*)?)(?=\s+{_KIND}\b))"
_SIGNS = {
    "\u20ac": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "dollar": "USD", "dollars": "USD",
    "\u00a3": "GBP", "pound": "GBP", "pounds": "GBP",
}  # fmt: skip
_NO_NAME = re.compile(
    r"\b(?:price[sd]?|pricing|budget|revenue|mrr|arr|costs?|total|from|starting|average|order|spend|target|model|month"
    r"|year|fee|annual|monthly|yearly|free|value|cap|per|only|just|and|or|unknown)\b",
    re.I,
)
_ANY_MONEY = (
    rf"(?:(?:[$\u20ac\u00a3\u00a5\u20b9]|\b(?:{_CODES})\b)\s?\d"
    rf"|\d[\d.,]*\s?(?:[$\u20ac\u00a3]|(?:{_CODES}|euros?|dollars?|pounds?)\b))"
)
_BEFORE_MONEY = re.compile(
    r"(?:^|[.;:|\n\u2022+&]|,\s|\band\s)\s*(?:[-+]\s+)?(?:The\s+)?"
    r"(?P<name>[A-Z][^\n.;:,|($\u20ac\u00a3\d]{1,40}?)\s*[:(,|-]*\s*(?:is|costs?|at|for)?\s*"
    rf"(?={_ANY_MONEY})",
    re.MULTILINE,
)
_PRICED_SECTION = re.compile(r"overview|pric|plan|offer|packag|product", re.I)
# What is paid in part, on top or by the year is not the price.
_IN_PART = re.compile(
    r"\b(?:upgrad\w+|extra|more than|difference|on top|sav(?:es?|ed|ing)|back|adds?|added|adding|plus|deposit"
    r"|(?:billed|paid) (?:annually|yearly|by the year)|first month|% off)\b",
    re.I,
)
_NAME_BEFORE = re.compile(r"([A-Z][\w'&-]*)\s+$")
_LEADS = re.compile(
    r"the|our|your|an?|and|or|with|on|take|get|try|choose|pick|start|buy|pay|plans?|prices?|pricing|go|for|from|to|then"
    r"|most|all|every|both|only|now|just|so|add|see|use|join|switch|order",
    re.I,
)
_NAME_COLUMNS = frozenset({"plan", "tier", "package", "edition", "product", "membership"})
_PRICE_COLUMNS = {
    "price": None, "monthly": "month", "monthly price": "month", "price per month": "month", "per month": "month",
    "price a month": "month", "annual": "year", "annual price": "year", "yearly": "year", "price per year": "year",
    "per year": "year",
}  # fmt: skip


@lru_cache(maxsize=16)
def priced_names(context: ProductContext) -> tuple[str, ...]:
    """The names of what is sold: those that stand right before a price; the product's own when there are no others."""
    names = dict.fromkeys(name for name in context.plans if key(name) != "free")
    for section, text in _sections(context.text):
        if _PRICED_SECTION.search(section):
            found = (match["name"].strip() for match in _BEFORE_MONEY.finditer(re.sub(r"[*_`]+", "", same(text))))
            names.update(dict.fromkeys(name for name in found if _may_be_name(name)))
    if not names and context.product:
        names[context.product] = None
    return tuple(names)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^##\s+", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        yield heading, body


def _may_be_name(name: str) -> bool:
    return len(name) >= 2 and len(name.split()) <= 4 and not _NO_NAME.search(name)


@lru_cache(maxsize=16)
def price_finder(names: tuple[str, ...]) -> Callable[[str], Iterator[Found]]:
    """Finds what is said of these names' prices, and of whatever calls itself a plan."""
    known = "|".join(_name_pattern(name) for name in sorted(names, key=len, reverse=True))
    name = rf"(?:(?<![\w-])(?P<name>{known})(?![\w-])|{_NAMED_KIND})" if known else _NAMED_KIND
    after = re.compile(rf"{name}{_LINK}{_MONEY}{_TERMS}")
    before = re.compile(rf"{_MONEY}{_TERMS}\s+(?:for|on|with|buys|gets you)\s+(?:the\s+|our\s+)?{name}")

    def find(sentence: str) -> Iterator[Found]:
        for pattern in (after, before) if not _IN_PART.search(sentence) else ():
            for match in pattern.finditer(sentence):
                at = match.start("name") if known and match["name"] else match.start("kind")
                if not _is_anothers(sentence[:at]):
                    yield _price(match.groupdict(), match["name"] if known and match["name"] else match["kind"])

    return find


def _is_anothers(before: str) -> bool:
    """Whether a name stands in front of the name: `PierPal Basin` is another company's."""
    found = _NAME_BEFORE.search(before)
    return found is not None and _LEADS.fullmatch(found[1]) is None


def _name_pattern(name: str) -> str:
    """A name of several words is known by them, one of a single word by its capital letter too."""
    words = r"\s+".join(re.escape(word) for word in same(name).split())
    return rf"(?i:{words})" if " " in name.strip() else words


def price_in_row(unit: Unit) -> Iterator[Found]:
    """A row of a table of plans and prices."""
    header = [key(name) for name in unit.header]
    at = next((number for number, name in enumerate(header) if name in _NAME_COLUMNS), None)
    if at is None or at >= len(unit.cells):
        return
    name = unit.cells[at].strip(" *_`")
    if not re.match(r"[A-Z]", name) or len(name.split()) > 4:
        return
    for number, column in enumerate(header[: len(unit.cells)]):
        if column not in _PRICE_COLUMNS:
            continue
        match = _CELL.match(same(unit.cells[number]).strip(" *_`"))
        if match:
            yield _price(match.groupdict(), name, period=_PRICE_COLUMNS[column])


_CELL = re.compile(rf"{_MONEY}{_TERMS}\s*(?:\[ctx\])?$", re.I)


def _price(match: dict[str, str | None], name: str, *, period: str | None = None) -> Found:
    sign = (match["sign"] or match["sign2"] or "").strip()
    digits = re.sub(r"[ ](?=\d{3})", "", match["amount"] or match["amount2"] or "")
    digits = digits.replace(",", ".") if re.fullmatch(r"\d+,\d{1,2}", digits) else digits.replace(",", "")
    span = _span(match.get("period")) or period or ""
    unit = (match.get("unit") or match.get("unit2") or "").casefold()
    each = f" for each {unit}" if unit else ""
    shown = f"{sign}{digits}" if len(sign) == 1 else f"{sign} {digits}"
    return Found(
        topic=Topic.PRICE,
        thing=f"{key(name)}|{_SIGNS.get(sign.casefold(), sign.upper())}|{unit}|{span}",
        value=f"{float(digits):g}",
        shown=f"{shown}{each}{f' a {span}' if span else ''}",
    )


def _span(period: str | None) -> str:
    text = (period or "").casefold()
    for start, span in (("mo", "month"), ("y", "year"), ("annual", "year"), ("w", "week"), ("q", "quarter")):
        if text.startswith(start):
            return span
    return text
