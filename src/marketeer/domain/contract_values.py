"""Single values, the contents of a field or a cell, held against the limits of a contract."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from marketeer.domain.contract import REF_PERSONA, REF_PRICE, REF_REGISTRY, REF_SOURCE, Column, Field
from marketeer.domain.contract_tags import TRAILING
from marketeer.domain.markdown import REMEMBERED_VALUES, key, plain, same

SHOWN_CHARS = 60
_NUMBER = re.compile(r"[-+\u2212]?\d+(?:[,\u202f ]\d{3})*(?:\.\d+)?")
_INTEGER = re.compile(r"^[-+\u2212]?\d+(?:[,\u202f ]\d{3})*(?!\.?\d)(?P<rest>.*)$", re.DOTALL)
_LIST = re.compile(r"\s*[,;/+&]\s*|\s+and\s+")
_UNKNOWN = re.compile(r"^unknown\b", re.IGNORECASE)
_UNFILLED = re.compile(r"^<[^<>@]+>$")


class Problem(NamedTuple):
    """What a value is, and what it ought to be."""

    found: str
    wanted: str


Missing = Callable[[str, str], Problem | None]  # (ref, value) -> why the value does not exist there


def unchecked(_ref: str, _value: str) -> None:
    """A `Missing` that finds every reference in order."""


@lru_cache(maxsize=REMEMBERED_VALUES)
def bare(value: str) -> str:
    """The value as it is compared: no markup, no provenance tag behind it."""
    return plain(TRAILING.sub("", plain(value))).strip()


def is_unknown(value: str) -> bool:
    return _UNKNOWN.match(plain(value)) is not None


def is_unfilled(value: str) -> bool:
    """A hint of the template, left standing. An autolink is none."""
    return _UNFILLED.match(value) is not None and "://" not in value


def number(value: str) -> float | None:
    """The first number in the value."""
    found = _NUMBER.search(value)
    if found is None:
        return None
    return float(re.sub(r"[,\u202f ]", "", found[0]).replace("\u2212", "-"))


def shown(value: str) -> str:
    """Short enough for a finding."""
    flat = " ".join(value.split())
    return repr(flat if len(flat) <= SHOWN_CHARS else flat[: SHOWN_CHARS - 1] + "\u2026")


def list_parts(value: str) -> tuple[str, ...]:
    """The values of a cell that may hold several."""
    return tuple(part for part in (part.strip(" .[]()#") for part in _LIST.split(value)) if part)


def value_problems(value: str, rule: Field | Column, missing: Missing) -> Iterator[Problem]:
    """Everything that is wrong with one value."""
    raw, clean = plain(value), bare(value)
    yield from _words(raw, clean, rule)
    yield from _length(raw, rule)
    yield from _numbers(clean, rule)
    if rule.ref and clean and (problem := missing(rule.ref, clean)):
        yield problem


def _words(raw: str, clean: str, rule: Field | Column) -> Iterator[Problem]:
    name = key(clean).rstrip(".")
    if rule.one_of and name not in {key(option).rstrip(".") for option in rule.one_of}:
        yield Problem(f"is {shown(clean)}", f"one of {', '.join(rule.one_of)}")
    if name in {key(option) for option in rule.not_one_of}:
        yield Problem(f"is {shown(clean)}", f"anything but {', '.join(rule.not_one_of)}")
    if rule.pattern and not _matches(rule.pattern, (raw, clean, same(raw))):
        yield Problem(f"is {shown(clean)}", f"text matching `{rule.pattern}`")
    if isinstance(rule, Field):
        absent = [text for text in rule.contains if key(text) not in key(raw)]
        if absent:
            yield Problem(f"does not name {', '.join(absent)}", f"it to contain {', '.join(rule.contains)}")


def _matches(pattern: str, texts: tuple[str, ...]) -> bool:
    return any(re.search(pattern, text) for text in texts)


def _length(raw: str, rule: Field | Column) -> Iterator[Problem]:
    if rule.max_chars is not None and len(raw) > rule.max_chars:
        yield Problem(f"is {len(raw)} characters long", f"at most {rule.max_chars}")
    if isinstance(rule, Field) and rule.min_chars is not None and len(raw) < rule.min_chars:
        yield Problem(f"is {len(raw)} characters long", f"at least {rule.min_chars}")


def _numbers(clean: str, rule: Field | Column) -> Iterator[Problem]:
    if rule.integer:
        found = _INTEGER.match(clean)
        if found is None or re.search(r"\d", found["rest"]):
            yield Problem(f"is {shown(clean)}", "a whole number")
            return
    amount = number(clean)
    multiple = rule.multiple_of if isinstance(rule, Field) else None
    if multiple and amount is not None and amount % multiple:
        yield Problem(f"is {shown(clean)}", f"a multiple of {multiple}")
    if rule.minimum is None and rule.maximum is None:
        return
    low = f"{rule.minimum:g} or more" if rule.minimum is not None else ""
    high = f"{rule.maximum:g} or less" if rule.maximum is not None else ""
    wanted = f"a number, {' and '.join(limit for limit in (low, high) if limit)}"
    too_low = amount is not None and rule.minimum is not None and amount < rule.minimum
    too_high = amount is not None and rule.maximum is not None and amount > rule.maximum
    if amount is None or too_low or too_high:
        yield Problem(f"is {shown(clean)}", wanted)


def limits(rule: Field | Column) -> list[str]:
    """The same limits in words, for the template."""
    least = rule.min_chars if isinstance(rule, Field) else None
    texts = rule.contains if isinstance(rule, Field) else ()
    multiple = rule.multiple_of if isinstance(rule, Field) else None
    told = (
        (rule.one_of, "exactly one of: " + ", ".join(rule.one_of)),
        (rule.not_one_of, "not: " + ", ".join(rule.not_one_of)),
        (least is not None, f"at least {least} characters"),
        (rule.max_chars is not None, f"at most {rule.max_chars} characters"),
        (rule.integer, "a whole number"),
        (rule.minimum is not None, f"{rule.minimum or 0:g} or more"),
        (rule.maximum is not None, f"{rule.maximum or 0:g} or less"),
        (rule.pattern, f"matches `{rule.pattern}`"),
        (texts, "contains: " + ", ".join(texts)),
        (multiple, f"a multiple of {multiple}"),
        (rule.ref, ref_words(rule.ref or "")),
    )
    return [words for applies, words in told if applies]


def ref_words(ref: str) -> str:
    """Where a referenced value has to exist, in words."""
    named = {
        REF_REGISTRY: "a skill's name, director or human",
        REF_PERSONA: "a persona of the product context",
        REF_PRICE: "a price that stands in the product context",
        REF_SOURCE: "the path of an input or upstream output you were given",
    }
    if ref in named:
        return named[ref]
    kind, _, address = ref.partition(":")
    if kind == "text":
        return f"words that stand exactly so under {address}"
    if kind == "title":
        return f"how an H3 under {address} begins"
    section, _, column = address.rpartition(".")
    if kind == "source":
        return f"words that stand exactly so in the {column} of {section}"
    return f"a value of {column} in the table under {section}"
