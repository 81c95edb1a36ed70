"""Values of formulas, and the numbers in the texts people write: `$24,748 [ctx]`, `2.9%`, `14 days (two weeks)`."""

from __future__ import annotations

import re
from functools import lru_cache

from marketeer.domain.contract_figures import NUMBER, amount
from marketeer.domain.contract_tags import TAG
from marketeer.domain.markdown import REMEMBERED_VALUES, key, same

Value = float | bool | str | tuple["Value", ...] | None

_SIGNED = re.compile(
    rf"(?P<sign>[-\u2212+])?\s?[$\u20ac\u00a3\u00a5\u20b9]?\s?(?<![\w.])(?P<sign2>[-\u2212])?"
    rf"(?P<number>{NUMBER}\s?(?:k|K|M|bn|thousand|million)?\b)"
)
_RANGE = re.compile(rf"{NUMBER}\s?%?\s?(?:-|to)\s?[$\u20ac\u00a3]?{NUMBER}")
_MONEY = re.compile(rf"[$\u20ac\u00a3\u00a5\u20b9]\s?{NUMBER}|{NUMBER}\s?[$\u20ac\u00a3\u00a5]")
_NOTE = re.compile(r"\([^()]*\)")
_PERCENT = re.compile(r"\s?(?:%|percent\b|per cent\b|percentage\b|pp\b)", re.IGNORECASE)
_CURRENCY = re.compile(r"[$\u20ac\u00a3\u00a5\u20b9]|\b(?:USD|EUR|GBP|CHF|CAD|AUD|dollars?|euros?|pounds?)\b")
_SPAN = re.compile(
    rf"\bday\s?(?P<day>\d+)|(?P<number>{NUMBER})\s?-?(?P<unit>min|hour|hr|h\b|day|d\b|week|wk|w\b|month)", re.IGNORECASE
)
_HOURS = (("min", 1 / 60), ("h", 1.0), ("d", 24.0), ("w", 168.0), ("month", 720.0))
_SHARES = re.compile(r"(?<![\d/])\d{1,3}(?:\.\d+)?(?:\s?[/:]\s?\d{1,3}(?:\.\d+)?)+(?![\d/])")
_PERCENTAGE = re.compile(rf"({NUMBER})\s?%")
_EPSILON = 1e-9


def number_of(value: Value) -> float | None:
    """The one number of a value. None for a text without one, with a range, or with several amounts of money."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float | int):
        return float(value)
    return None if isinstance(value, tuple) else _number_in(value)


@lru_cache(maxsize=REMEMBERED_VALUES)
def _number_in(value: str) -> float | None:
    if not any(char.isdigit() for char in value):
        return None
    text = _NOTE.sub(" ", TAG.sub(" ", same(value).replace("`", "").replace("*", "")))
    if "=" in text:
        text = text.rpartition("=")[2]
    if _RANGE.search(text):
        return None
    found = _SIGNED.search(text)
    if found is None or len(_MONEY.findall(text)) > 1:
        return None
    negative = "-" in (found["sign"], found["sign2"]) or "\u2212" in (found["sign"], found["sign2"])
    return -amount(found["number"]) if negative else amount(found["number"])


def numbers_of(value: Value) -> tuple[float, ...]:
    """Every number of a value, those of a list one by one; what has none is left out."""
    if isinstance(value, tuple):
        return tuple(number for one in value for number in numbers_of(one))
    single = number_of(value)
    return () if single is None else (single,)


def rate_of(value: Value) -> float | None:
    """A share as a number between 0 and 1: `2.9%` and `0.029` are the same."""
    number = number_of(value)
    if number is None:
        return None
    return number / 100 if _is_percent(value) or abs(number) > 1 else number


def percent_of(value: Value) -> float | None:
    """A share written as a percentage, between 0 and 1; None for anything else."""
    number = number_of(value)
    return number / 100 if number is not None and _is_percent(value) else None


def money_of(value: Value) -> float | None:
    """The amount of a value that names a currency."""
    return number_of(value) if isinstance(value, str) and _CURRENCY.search(value) else None


def _is_percent(value: Value) -> bool:
    """Whether the first number of a text is followed by a percent sign."""
    if not isinstance(value, str):
        return False
    first = re.search(NUMBER, TAG.sub(" ", value))
    return first is not None and _PERCENT.match(TAG.sub(" ", value), first.end()) is not None


def hours_of(value: Value) -> float | None:
    """A span of time in hours: `2 days`, `Day 3`, `36 h`, `at once`."""
    if not isinstance(value, str):
        return None
    text = TAG.sub("", same(value)).casefold()
    if re.match(r"\W*(?:at once|immediate|instant|right away|same (?:day|moment)|none)", text):
        return 0.0
    found = _SPAN.search(text)
    if found is None:
        return None
    number, unit = found["number"] or found["day"], found["unit"] or "day"
    return amount(number) * next(hours for start, hours in _HOURS if unit.startswith(start))


def shares_of(value: Value) -> tuple[float, ...] | None:
    """The parts of a split such as `50/50` or `40% control, 60% variant`."""
    if not isinstance(value, str):
        return None
    text = same(value)
    slashed = _SHARES.search(text)
    if slashed:
        return tuple(float(part) for part in re.findall(r"\d+(?:\.\d+)?", slashed[0]))
    percents = tuple(amount(found) for found in _PERCENTAGE.findall(text))
    return percents if len(percents) > 1 else None


def compare(operator: str, left: Value, right: Value) -> bool | None:
    """`left operator right`: as numbers where both are some, else as names; None when a side is unknown.

    A list compares as its members do: one that fits is enough.
    """
    if isinstance(left, tuple):
        return _any([compare(operator, one, right) for one in left])
    if isinstance(right, tuple):
        return _any([compare(operator, left, one) for one in right])
    if left is None or right is None:
        return None
    if isinstance(left, bool) or isinstance(right, bool):
        return (bool(left) is bool(right)) is (operator == "Eq")
    one, other = number_of(left), number_of(right)
    if one is None or other is None:
        return _as_names(operator, left, right)
    near = abs(one - other) <= _EPSILON * max(1.0, abs(one), abs(other))
    answers = {
        "Eq": near,
        "NotEq": not near,
        "Lt": one < other and not near,
        "LtE": one < other or near,
        "Gt": one > other and not near,
        "GtE": one > other or near,
    }
    return answers[operator]


def _as_names(operator: str, left: Value, right: Value) -> bool | None:
    if not (isinstance(left, str) and isinstance(right, str)) or operator not in ("Eq", "NotEq"):
        return None
    names = [key(TAG.sub("", text)).rstrip(".") for text in (left, right)]
    return (names[0] == names[1]) is (operator == "Eq")


def _any(truths: list[bool | None]) -> bool | None:
    if any(truths):
        return True
    return None if None in truths or not truths else False
