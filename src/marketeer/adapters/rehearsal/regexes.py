"""A text for a regular expression: walks the parsed pattern, with words where the pattern leaves the choice.

The result is a candidate: whoever asks verifies it, since lookaheads and back-references are only approximated.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence

# The parser of the standard library; it has no public name, and there is no second one to read the same syntax.
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_ALPHABET = string.ascii_lowercase + string.digits + string.ascii_uppercase + " -_.,:/()"
_MAX_REPEAT = 3


def text_for(pattern: str, rng: random.Random, words: Sequence[str]) -> str:
    """One candidate; `words` fill what `.+` and `\\w+` leave open. The empty text for a pattern beyond reach."""
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return ""
    return "".join(_node(op, value, rng, words) for op, value in tree)


def _node(op: Any, value: Any, rng: random.Random, words: Sequence[str]) -> str:
    if op is ops.LITERAL:
        return chr(value)
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return _repeat(value, rng, words)
    if op is ops.SUBPATTERN:
        return _sequence(value[-1], rng, words)
    if op is ops.ATOMIC_GROUP:
        return _sequence(value, rng, words)
    if op is ops.BRANCH:
        return _sequence(rng.choice(value[1]), rng, words)
    if op is ops.ASSERT and value[0] > 0:
        return _sequence(value[1], rng, words)
    if op in (ops.IN, ops.NOT_LITERAL, ops.ANY, ops.CATEGORY):
        return _one(op, value, rng)
    return ""  # anchors, negative lookarounds, back-references


def _sequence(tree: Any, rng: random.Random, words: Sequence[str]) -> str:
    return "".join(_node(op, value, rng, words) for op, value in tree)


def _repeat(value: Any, rng: random.Random, words: Sequence[str]) -> str:
    low, high, tree = value
    if len(tree) == 1 and tree[0][0] is ops.ANY and words:
        phrase = rng.choice(words)
        return phrase[: min(int(high), 60)].rstrip() if len(phrase) >= low else phrase.ljust(low, "x")
    count = min(max(int(low), 1), int(high)) if high < _MAX_REPEAT else max(int(low), _MAX_REPEAT)
    return "".join(_sequence(tree, rng, words) for _ in range(count))


def _one(op: Any, value: Any, rng: random.Random) -> str:
    if op is ops.IN and len(value) == 1 and value[0][0] is ops.LITERAL:
        return chr(value[0][1])
    fitting = [char for char in _ALPHABET if _accepts(op, value, char)]
    if fitting:
        return rng.choice(fitting[:12])
    return next((chr(arg) for kind, arg in value if kind is ops.LITERAL), "") if op is ops.IN else ""


def _accepts(op: Any, value: Any, char: str) -> bool:
    if op is ops.ANY:
        return char.isalnum()
    if op is ops.NOT_LITERAL:
        return char != chr(value)
    if op is ops.CATEGORY:
        return _in_category(value, char)
    negated = bool(value) and value[0][0] is ops.NEGATE
    return any(_member(kind, arg, char) for kind, arg in value if kind is not ops.NEGATE) != negated


def _member(kind: Any, arg: Any, char: str) -> bool:
    if kind is ops.LITERAL:
        return chr(arg) == char
    if kind is ops.RANGE:
        return bool(arg[0] <= ord(char) <= arg[1])
    return kind is ops.CATEGORY and _in_category(arg, char)


def _in_category(category: Any, char: str) -> bool:
    classes = {
        ops.CATEGORY_DIGIT: r"\d",
        ops.CATEGORY_NOT_DIGIT: r"\D",
        ops.CATEGORY_SPACE: r"\s",
        ops.CATEGORY_NOT_SPACE: r"\S",
        ops.CATEGORY_WORD: r"\w",
        ops.CATEGORY_NOT_WORD: r"\W",
    }
    return re.fullmatch(classes.get(category, "."), char) is not None
