"""Wording: which kind of goal a text resembles, by the words it shares with example goals.

The examples are data (`team/wording.yaml`), sorted into groups: each has a category, the skills such goals need and
the pipeline that fits. A word's sign is its concept, which is the same in every language (`clients`, `Kunden` and
`customers` are one), and its first letters; neighbours count as a pair. How often each sign stands in each
group is counted once (`Wording`), and a goal belongs to the group that makes its signs least surprising: naive Bayes,
with a reason that can be named.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from marketeer.domain.folding import fold_letters
from marketeer.domain.goal import Category

STEM_CHARS = 6
MIN_TYPO_CHARS = 6
MIN_PREFIX_CHARS = 3
# Shorter words speak for a group, but tell a reader nothing.
MIN_TOLD_CHARS = 4
MAX_TOLD_WORDS = 4
# Pairs repeat what their words said, and words overlap: the evidence is damped before it becomes a share.
DAMPING = 0.5
SMOOTHING = 0.1

_MARKS = (
    (
        re.compile(r"[$\u20ac\u00a3]\s?\d[\d.,]*k?|\d[\d.,]*k?\s?(?:[$\u20ac\u00a3]|euros?\b|dollars?\b|pounds?\b)"),
        " #money ",
    ),
    (re.compile(r"\d[\d.,]*\s?(?:%|percent\b|prozent\b)"), " #share "),
    (re.compile(r"\d[\d.,]*k?"), " #number "),
    (re.compile(r"[?\u061f\uff1f]"), " #question "),
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+[A-Z]?\w*")
_TOKEN = re.compile(r"#?[^\W_]+")
_NOT = re.compile(r"n't\b")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleGroup:
    """What goals of one kind need. `count` is the number of its signs in the examples."""

    name: str
    category: Category
    skills: tuple[str, ...]
    pipeline: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Words and the concepts they stand for: whole words, and beginnings of words."""

    words: Mapping[str, str]
    beginnings: Mapping[str, str]

    def concepts(self, word: str) -> tuple[str, ...]:
        """The word's concepts; of the beginnings the longest that fits. Empty for a word it does not know."""
        found = self.words.get(word)
        if found is None:
            longest = (word[:end] for end in range(len(word), MIN_PREFIX_CHARS - 1, -1))
            found = next((self.beginnings[part] for part in longest if part in self.beginnings), "")
        return tuple(found.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Example goals, counted. `signs` maps a sign to `group:count` pairs, read only for the signs a goal has."""

    groups: tuple[ExampleGroup, ...]
    lexicon: Lexicon
    signs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """Each group's share (they add up to 1), and the words that spoke most for the first."""

    shares: Mapping[ExampleGroup, float] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def of(self, category: Category) -> float:
        return sum(share for group, share in self.shares.items() if group.category is category)


NO_RESEMBLANCE = Resemblance()


def resemblance(text: str, wording: Wording) -> Resemblance:
    """How much the text resembles each group of examples. Without a single known sign: nothing."""
    found = {sign: word for sign, word in signs(text, wording.lexicon, wording.signs) if sign in wording.signs}
    if not found:
        return NO_RESEMBLANCE
    vocabulary = len(wording.signs)
    scores = [-len(found) * math.log(group.count + SMOOTHING * vocabulary) for group in wording.groups]
    gains: list[defaultdict[str, float]] = [defaultdict(float) for _ in wording.groups]
    for sign, word in found.items():
        for number, count in _counts(wording.signs[sign]):
            gain = math.log1p(count / SMOOTHING)
            scores[number] += gain
            gains[number][word] += gain
    best = max(scores)
    weights = [math.exp(DAMPING * (score - best)) for score in scores]
    first = scores.index(best)
    shares = {group: weight / sum(weights) for group, weight in zip(wording.groups, weights, strict=True)}
    telling = sorted(gains[first], key=lambda word: (-_surprise(word, first, gains), word))
    return Resemblance(
        shares=shares, words=tuple(word for word in telling if len(word) >= MIN_TOLD_CHARS and word[0] != "#")[:4]
    )


def _surprise(word: str, first: int, gains: Sequence[Mapping[str, float]]) -> float:
    return gains[first].get(word, 0.0) - sum(gain.get(word, 0.0) for gain in gains) / len(gains)


def signs(text: str, lexicon: Lexicon, known: Mapping[str, object] | None = None) -> Iterator[tuple[str, str]]:
    """The text's signs, each with the word it comes from. `known` signs let spelling mistakes be mended."""
    before = ""
    for word in _words(text):
        stem, concepts = word[:STEM_CHARS], lexicon.concepts(word)
        if known is not None and not concepts and stem not in known and (mended := _mended(word, lexicon)):
            stem, concepts = mended[:STEM_CHARS], lexicon.concepts(mended)
        yield stem, word
        yield from ((f"@{concept}", word) for concept in concepts)
        sign = f"@{concepts[0]}" if concepts else stem
        if before:
            yield f"{before} {sign}", word
        before = sign


def _words(text: str) -> list[str]:
    marked = _NAME.sub(lambda match: f"{match.group()} #name", text)
    marked = _NOT.sub(" not", marked.replace("\u2019", "'"))
    for pattern, mark in _MARKS:
        marked = pattern.sub(mark, marked)
    return _TOKEN.findall(fold_letters(marked))


def _mended(word: str, lexicon: Lexicon) -> str | None:
    """A word of the lexicon that is one slip away; the first letter is always right."""
    if len(word) < MIN_TYPO_CHARS or not word.isascii() or not word.isalpha():
        return None
    halves = [(word[:at], word[at:]) for at in range(1, len(word) + 1)]
    near = (
        *(left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1),
        *(left + right[1:] for left, right in halves if right),
        *(left + letter + right[1:] for left, right in halves if right for letter in _LETTERS),
        *(left + letter + right for left, right in halves for letter in _LETTERS),
    )
    return next((candidate for candidate in near if candidate in lexicon.words), None)


def _counts(packed: str) -> Iterator[tuple[int, int]]:
    for pair in packed.split():
        number, _, count = pair.partition(":")
        yield int(number), int(count or 1)


def counted(examples: Iterable[tuple[int, str]], lexicon: Lexicon) -> tuple[dict[str, str], Counter[int]]:
    """The table of `Wording.signs` for goals with their group's number, and how many signs each group has."""
    table: dict[str, Counter[int]] = {}
    for number, text in examples:
        for sign in dict(signs(text, lexicon)):
            table.setdefault(sign, Counter())[number] += 1
    totals: Counter[int] = Counter()
    packed: dict[str, str] = {}
    for sign in sorted(table):
        totals.update(table[sign])
        packed[sign] = " ".join(f"{n}:{c}" if c > 1 else str(n) for n, c in sorted(table[sign].items()))
    return packed, totals
