"""Phrases: patterns for a few words of a goal, written for people and read from data.

In a phrase `*` ends a word in any way, ` ... ` skips up to forty characters of the sentence, `#` is a number, and
`( | )?` mean what they mean in a regular expression. They are matched on folded text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from marketeer.domain.folding import fold_letters

MIN_STEM_CHARS = 7
MIN_ANCHOR_CHARS = 3

_NUMBER = (
    r"(?:\d[\d.,]*k?|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty"
    r"|hundreds?|thousands?|dozens?)"
)
# A comma or a quotation mark between two words does not part a phrase.
_SPACE = r"(?:[,;:\"')]?\s[\"'(]?)"
_GAP = rf"{_SPACE}(?:(?:[^.!?\n]|\.(?=\d)){{0,40}}?\s[\"'(]?)?"
_PHRASE_WORD = re.compile(r"(?<![\w*?])([a-z]{6,})([*?]?)(?=$|[\s|)])")
_NEVER = re.compile(r"(?!)")
# What a phrase cannot match without is looked for first: most phrases are then never compiled.
_CLASS = re.compile(r"\\.|\[[^\]]*\]|\{[^}]*\}")
_GROUP = re.compile(r"\([^()]*\)")
_LITERAL = re.compile(r"([a-z]+)(\??)")
_BEGINNING = re.compile(r"([a-z]{2,}?)(?=[a-z]?\?|[^a-z?]|$)")


@dataclass(frozen=True, slots=True)
class Phrases:
    """A pattern for any of these phrases. Only those are compiled that the text could match: all of them together
    would cost a command a tenth of a second. `search` and `finditer` raise re.error for one that cannot be read."""

    phrases: tuple[str, ...]

    def search(self, text: str) -> re.Match[str] | None:
        return compiled(self._possible(text)).search(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return compiled(self._possible(text)).finditer(text)

    def check(self) -> None:
        """Raises re.error for a phrase that cannot be read."""
        compiled(self.phrases)

    def _possible(self, text: str) -> tuple[str, ...]:
        return tuple(p for p in self.phrases if not (pieces := _anchors(p)) or any(piece in text for piece in pieces))


def phrase_pattern(phrases: Iterable[str]) -> Phrases:
    """Any of the phrases; without phrases nothing ever matches."""
    return Phrases(tuple(phrases))


def phrase_words(phrases: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The whole words and the stems (`word*`) of the phrases that are long enough to forgive a typo in."""
    words: set[str] = set()
    stems: set[str] = set()
    for phrase in phrases:
        for word, ending in _PHRASE_WORD.findall(fold_letters(phrase)):
            if ending != "*":
                words |= {word, word[:-1]} if ending else {word}
            elif len(word) >= MIN_STEM_CHARS:
                stems.add(word)
    return frozenset(words), frozenset(stems)


@cache
def compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    bodies = [_phrase_body(phrase) for phrase in phrases]
    return re.compile(rf"(?<!\w)(?:{'|'.join(bodies)})(?!\w)") if bodies else _NEVER


@cache
def _anchors(phrase: str) -> tuple[str, ...]:
    """Pieces of words of which one must stand in any text that matches. Empty: any text may match."""
    plain = fold_letters(phrase)
    required = _CLASS.sub(" ", plain)
    while (shorter := _GROUP.sub(" ", required)) != required:
        required = shorter
    if "|" in required:
        return ()
    words = [word[:-1] if mark == "?" else word for word, mark in _LITERAL.findall(required)]
    if words := [word for word in words if len(word) >= MIN_ANCHOR_CHARS]:
        return (max(words, key=len),)
    return next(filter(None, map(_choices, _needed_groups(plain))), ())


def _needed_groups(phrase: str) -> Iterator[str]:
    """The insides of the outermost brackets that a match cannot do without."""
    depth = start = 0
    for at, char in enumerate(phrase):
        if char == "(":
            depth, start = depth + 1, start if depth else at + 1
        elif char == ")":
            depth -= 1
            if depth == 0 and phrase[at + 1 : at + 2] not in ("?", "*", "{"):
                yield phrase[start:at]


def _choices(inside: str) -> tuple[str, ...]:
    """The beginnings of `one|other|third*`; nothing when one of them could begin with anything."""
    found = [_BEGINNING.match(option) for option in inside.split("|")] if "(" not in inside else [None]
    return tuple(match[1] for match in found if match) if all(found) else ()


def _phrase_body(phrase: str) -> str:
    body = re.sub(r"(?<!\\w)\*", r"\\w*", fold_letters(phrase)).replace("#", _NUMBER)
    return _SPACE.join(_GAP.join(body.split(" ... ")).split(" "))
