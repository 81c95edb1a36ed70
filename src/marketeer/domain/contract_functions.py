"""The functions a formula can call: arithmetic over lists, counts of text, reading level, sample size, order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import NormalDist

from marketeer.domain.contract_platforms import google_width, x_length
from marketeer.domain.contract_quantities import (
    Value,
    money_of,
    number_of,
    numbers_of,
    percent_of,
    rate_of,
    shares_of,
)
from marketeer.domain.contract_verbatim import holds_words
from marketeer.domain.markdown import count_words, key, same

MANY = 99
_SENTENCE_END = re.compile(r"[.!?\u2026]+(?=[\s\"')\]*_]|$)|\n{2,}|\n(?=\s*(?:[-*+#>]|\d+[.)])\s?)")
_MARKUP = re.compile(r"^\s*(?:[-*+]|\d+[.)]|#{1,6}|>)\s+|\*\*|__|`|^\s*```\w*\s*$", re.MULTILINE)
_MERGE_FIELD = re.compile(r"\{\{\s*([A-Za-z][\w.]*)[^{}\n]*\}\}")
_EVENT_CALL = re.compile(r"""(?:gtag\(\s*['"]event['"]\s*,\s*|['"]?event['"]?\s*:\s*)['"]([\w.]+)['"]""")
_VOWELS = re.compile(r"[aeiouy]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z']*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    call: Callable[..., Value]
    arity: tuple[int, int]


def _flat(values: tuple[Value, ...]) -> tuple[float, ...] | None:
    """The numbers of all arguments; None when one of them is unknown."""
    numbers: list[float] = []
    for value in values:
        if isinstance(value, tuple):
            numbers.extend(numbers_of(value))
            continue
        number = number_of(value)
        if number is None:
            return None
        numbers.append(number)
    return tuple(numbers)


def _over(combine: Callable[[tuple[float, ...]], float]) -> Callable[..., Value]:
    def call(*values: Value) -> Value:
        numbers = _flat(values)
        return combine(numbers) if numbers else None

    return call


def _of_number(function: Callable[[float], float]) -> Callable[[Value], Value]:
    def call(value: Value) -> Value:
        number = number_of(value)
        return None if number is None else float(function(number))

    return call


def _of_text(function: Callable[[str], float]) -> Callable[[Value], Value]:
    """A list of texts is one text."""

    def call(value: Value) -> Value:
        if isinstance(value, tuple) and value and all(isinstance(one, str) for one in value):
            value = "\n\n".join(str(one) for one in value)
        return float(function(value)) if isinstance(value, str) else None

    return call


def _lengths(value: Value) -> Value:
    """The characters of each text of a list."""
    return tuple(float(len(one.strip())) for one in value if isinstance(one, str)) if isinstance(value, tuple) else None


def _first(value: Value) -> Value:
    return (value[0] if value else None) if isinstance(value, tuple) else value


def _or_zero(value: Value) -> Value:
    return number_of(value) or 0.0


def _matching(value: Value, pattern: Value) -> Value:
    """How many members of a list match a pattern."""
    if not isinstance(value, tuple) or not isinstance(pattern, str):
        return None
    return float(sum(1 for one in value if _matches(one, pattern)))


def _all_in(parts: Value, text: Value) -> Value:
    """Whether every member of a list stands in a text."""
    if not isinstance(parts, tuple) or not isinstance(text, str):
        return None
    return all(isinstance(one, str) and key(one) in key(text) for one in parts)


def _near(value: Value, wanted: Value, within: Value, percent: Value = 0.0) -> Value:
    """Whether a number is as good as another one, or as one of a list."""
    number, slack, share = number_of(value), number_of(within) or 0.0, number_of(percent) or 0.0
    options = numbers_of(wanted)
    if number is None or not options:
        return None
    return any(abs(number - option) <= slack + abs(option) * share / 100 + 1e-9 for option in options)


def _merge_fields(text: Value) -> Value:
    """The names of the merge fields in a text, as they are written."""
    return tuple(dict.fromkeys(_MERGE_FIELD.findall(text))) if isinstance(text, str) else None


def _event_calls(text: Value) -> Value:
    """The events that tracking code in a text sends."""
    return tuple(dict.fromkeys(_EVENT_CALL.findall(text))) if isinstance(text, str) else None


def _most_alike(texts: Value) -> Value:
    """The largest share of five-word runs that two texts of a list have in common."""
    if not isinstance(texts, tuple):
        return None
    runs = [_runs(one) for one in texts if isinstance(one, str)]
    shares = [len(one & other) / len(one | other) for one, other in combinations(runs, 2) if one | other]
    return max(shares, default=None)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", _bare(text).casefold())
    return frozenset(tuple(words[at : at + 5]) for at in range(max(0, len(words) - 4)))


def _round(value: Value, digits: Value = 0.0) -> Value:
    number = number_of(value)
    return None if number is None else float(round(number, int(number_of(digits) or 0)))


def _count(value: Value) -> Value:
    if value is None:
        return None
    return float(len(value)) if isinstance(value, tuple) else 1.0


def _distinct(value: Value) -> Value:
    return float(len({key(str(one)) for one in value})) if isinstance(value, tuple) else None


def _counted(value: Value, wanted: Value) -> Value:
    """How many members of a list are, or begin with, the wanted text."""
    if not isinstance(value, tuple) or not isinstance(wanted, str):
        return None
    pattern = re.compile(rf"{re.escape(key(wanted))}(?!\w)")
    return float(sum(1 for one in value if isinstance(one, str) and pattern.match(key(one))))


def _in_order(accepts: Callable[[float, float], bool]) -> Callable[[Value], Value]:
    def call(value: Value) -> Value:
        if not isinstance(value, tuple):
            return None
        numbers = numbers_of(value)
        return all(accepts(one, other) for one, other in pairwise(numbers))

    return call


def _gaps(value: Value) -> Value:
    """The differences between the numbers of a list."""
    numbers = numbers_of(value)
    return tuple(other - one for one, other in pairwise(numbers))


def _either(*values: Value) -> Value:
    known = tuple(value for value in values if value is not None)
    return known or None


def _has(text: Value, part: Value) -> Value:
    """Whether a text names another one, whatever the case and the markup."""
    if not isinstance(text, str) or not isinstance(part, str):
        return None
    return key(part) in key(text)


def _verbatim(text: Value, part: Value) -> Value:
    """Whether a text holds the words of another one, but for markup, quotes and spacing."""
    if not isinstance(text, str) or not isinstance(part, str):
        return None
    return holds_words(text, part)


def _matches(text: Value, pattern: Value) -> Value:
    if not isinstance(text, str) or not isinstance(pattern, str):
        return None
    return re.search(pattern, same(text), re.IGNORECASE) is not None


def _number_at(text: Value, place: Value) -> Value:
    """The first, second ... whole number in a text: `number_at(title(), 2)` of `Email 2 \u00b7 Day 5` is 5."""
    at = number_of(place)
    if isinstance(text, tuple):
        found = tuple(_number_at(one, place) for one in text)
        return None if None in found else found
    digits = re.findall(r"\d+", text) if isinstance(text, str) and at else []
    return float(digits[int(at) - 1]) if at and len(digits) >= at else None


# -- text ------------------------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    return _MARKUP.sub("", text)


def sentences(text: str) -> int:
    pieces = [piece for piece in _SENTENCE_END.split(text) if piece and re.search(r"\w", piece)]
    return max(1, len(pieces))


def syllables(word: str) -> int:
    """A usual estimate: groups of vowels, a silent e at the end left out."""
    low = word.casefold()
    count = len(_VOWELS.findall(low))
    if low.endswith("e") and not low.endswith(("le", "ee", "ye")) and count > 1:
        count -= 1
    if low.endswith("ed") and not low.endswith(("ted", "ded")) and count > 1:
        count -= 1
    return max(1, count)


def words_per_sentence(text: str) -> float:
    return count_words(_bare(text)) / sentences(text)


def flesch_kincaid(text: str) -> float:
    """The school grade of an English text."""
    words = _WORD.findall(_bare(text))
    if not words:
        return 0.0
    return 0.39 * len(words) / sentences(text) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def _chars(text: str) -> float:
    return len(text.strip())


# -- statistics ------------------------------------------------------------------------------------------------


def sample_size(baseline: Value, effect: Value, alpha: Value = 0.05, power: Value = 0.8, tails: Value = 2.0) -> Value:
    """How many each of two equal groups needs to tell two proportions apart (normal approximation, pooled).

    `effect` is a text that says whether it is relative or absolute, or a share of the baseline.
    """
    first, change = rate_of(baseline), rate_of(effect)
    if first is None or change is None:
        return None
    is_absolute = isinstance(effect, str) and re.search(r"absolute|points?\b|\bpp\b", effect, re.IGNORECASE) is not None
    is_absolute = is_absolute and not (
        isinstance(effect, str) and re.match(r"[^(]*\brelative\b", effect, re.IGNORECASE)
    )
    second = first + change if is_absolute else first * (1 + change)
    error, strength = rate_of(alpha), rate_of(power)
    error = 1 - error if error is not None and error > 0.5 else error  # "95% confidence"
    if not (0 < first < 1 and 0 < second < 1 and error and strength and 0 < error < 1 and 0 < strength < 1):
        return None
    sides = 1 if tails == 1.0 or (isinstance(tails, str) and key(tails).startswith("one")) else 2
    z_error = NormalDist().inv_cdf(1 - error / sides)
    z_power = NormalDist().inv_cdf(strength)
    middle = (first + second) / 2
    spread = z_error * math.sqrt(2 * middle * (1 - middle)) + z_power * math.sqrt(
        first * (1 - first) + second * (1 - second)
    )
    return float(math.ceil(spread**2 / (second - first) ** 2)) if second != first else None


def _mean(numbers: tuple[float, ...]) -> float:
    return sum(numbers) / len(numbers)


FUNCTIONS: dict[str, Function] = {
    "abs": Function(call=_of_number(abs), arity=(1, 1)),
    "ceil": Function(call=_of_number(math.ceil), arity=(1, 1)),
    "floor": Function(call=_of_number(math.floor), arity=(1, 1)),
    "sqrt": Function(call=_of_number(math.sqrt), arity=(1, 1)),
    "round": Function(call=_round, arity=(1, 2)),
    "sum": Function(call=_over(sum), arity=(1, MANY)),
    "mean": Function(call=_over(_mean), arity=(1, MANY)),
    "product": Function(call=_over(math.prod), arity=(1, MANY)),
    "min": Function(call=_over(min), arity=(1, MANY)),
    "max": Function(call=_over(max), arity=(1, MANY)),
    "number": Function(call=number_of, arity=(1, 1)),
    "rate": Function(call=rate_of, arity=(1, 1)),
    "percent": Function(call=percent_of, arity=(1, 1)),
    "money": Function(call=money_of, arity=(1, 1)),
    "or_zero": Function(call=_or_zero, arity=(1, 1)),
    "near": Function(call=_near, arity=(3, 4)),
    "first": Function(call=_first, arity=(1, 1)),
    "lengths": Function(call=_lengths, arity=(1, 1)),
    "matching": Function(call=_matching, arity=(2, 2)),
    "all_in": Function(call=_all_in, arity=(2, 2)),
    "merge_fields": Function(call=_merge_fields, arity=(1, 1)),
    "event_calls": Function(call=_event_calls, arity=(1, 1)),
    "most_alike": Function(call=_most_alike, arity=(1, 1)),
    "shares": Function(call=shares_of, arity=(1, 1)),
    "number_at": Function(call=_number_at, arity=(2, 2)),
    "count": Function(call=_count, arity=(1, 1)),
    "counted": Function(call=_counted, arity=(2, 2)),
    "distinct": Function(call=_distinct, arity=(1, 1)),
    "either": Function(call=_either, arity=(1, MANY)),
    "rising": Function(call=_in_order(lambda one, other: one < other), arity=(1, 1)),
    "not_falling": Function(call=_in_order(lambda one, other: one <= other), arity=(1, 1)),
    "gaps": Function(call=_gaps, arity=(1, 1)),
    "has": Function(call=_has, arity=(2, 2)),
    "verbatim": Function(call=_verbatim, arity=(2, 2)),
    "matches": Function(call=_matches, arity=(2, 2)),
    "chars": Function(call=_of_text(_chars), arity=(1, 1)),
    "x_chars": Function(call=_of_text(x_length), arity=(1, 1)),
    "ad_chars": Function(call=_of_text(google_width), arity=(1, 1)),
    "words": Function(call=_of_text(count_words), arity=(1, 1)),
    "words_per_sentence": Function(call=_of_text(words_per_sentence), arity=(1, 1)),
    "grade": Function(call=_of_text(flesch_kincaid), arity=(1, 1)),
    "sample_size": Function(call=sample_size, arity=(2, 5)),
}
