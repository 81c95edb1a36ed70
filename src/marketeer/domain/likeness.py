"""Likeness: which learnings say the same, which say the opposite, and what becomes of two that say the same.

Texts are compared as sets of words in a normal form: folded, without words that carry no meaning, with plain English
endings taken off. Two learnings are near-duplicates when lesson and action, each for itself, share at least 80% of
their words, with the same numbers and the same sense. The limit was set on the pairs in the tests: it merges what is
reworded lightly and keeps apart what merely follows the same pattern; in doubt it keeps apart, as two lines cost less
than a lost lesson.

Two contradict each other when they are about the same thing (60% of the other words) and exactly one of them says no,
or they use opposite words (short and long, more and less). What is opposite only to someone who knows the trade is not
found, nor what is said in other languages than English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from marketeer.domain.folding import fold
from marketeer.domain.learning import MAX_PROVENANCE, Learning, LearningStatus

SAME = 0.8
ABOUT_THE_SAME = 0.6
# How much of what is left to certainty a second observation of equal confidence closes.
WEIGHT_OF_ANOTHER = 0.5

_WORD = re.compile(r"\w+(?:[.,]\d+)*")
_EMPTY = """a an and are as at be been but by can did do does for from had has have how if in into is it its may of on
or our should so than that the their them then there these they this to was we were what when which while who why will
with would you your always"""
STOP_WORDS = frozenset(_EMPTY.split())
_NEGATIONS = "avoid never no not dont doesnt cannot cant stop without drop remove skip refrain instead"
_OPPOSITES = (
    *(("short", "long"), ("shorter", "longer"), ("more", "less"), ("more", "fewer"), ("raise", "lower")),
    *(("increase", "decrease"), ("before", "after"), ("early", "late"), ("high", "low"), ("higher", "lower")),
    *(("large", "small"), ("larger", "smaller"), ("first", "last"), ("formal", "casual"), ("many", "few")),
    *(("include", "exclude"), ("show", "hide"), ("above", "below"), ("public", "private"), ("cheap", "dear")),
)
_ENDINGS = ("ings", "ing", "edly", "ed", "es", "s")
MIN_STEM = 3


def words_of(text: str) -> tuple[str, ...]:
    """The words that carry meaning, in order, each once, without their endings."""
    found = (stem(word) for word in _WORD.findall(fold(text).replace("'", "")) if word not in STOP_WORDS)
    return tuple(dict.fromkeys(found))


def stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= MIN_STEM and not word.endswith("ss"):
            return word[: -len(ending)].rstrip("e") or word
    return word.rstrip("e") if len(word) > MIN_STEM else word


_NO_STEMS = frozenset(stem(word) for word in _NEGATIONS.split())
_SIDES = frozenset((stem(word), axis, side) for axis, pair in enumerate(_OPPOSITES) for side, word in enumerate(pair))
_SIDED = frozenset(word for word, _, _ in _SIDES)


@dataclass(frozen=True, slots=True)
class Sense:
    """A learning in normal form."""

    lesson: frozenset[str]
    action: frozenset[str]

    @property
    def words(self) -> frozenset[str]:
        return self.lesson | self.action

    @property
    def numbers(self) -> frozenset[str]:
        return frozenset(word for word in self.words if word[0].isdigit())


def sense(lesson: str, action: str) -> Sense:
    return Sense(frozenset(words_of(lesson)), frozenset(words_of(action)))


def sense_of(learning: Learning) -> Sense:
    return sense(learning.learning, learning.action)


def says_the_same(one: Sense, other: Sense) -> bool:
    alike = min(_shared(one.lesson, other.lesson), _shared(one.action, other.action)) >= SAME
    differs = _differs_in_sense(one.lesson, other.lesson) or _differs_in_sense(one.action, other.action)
    return alike and one.numbers == other.numbers and not differs


def says_the_opposite(one: Sense, other: Sense) -> bool:
    if not _differs_in_sense(one.action, other.action):
        return False
    subject, other_subject = (words - _NO_STEMS - _SIDED for words in (one.action, other.action))
    return _shared(subject, other_subject) >= ABOUT_THE_SAME and bool(subject & other_subject)


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0 (no word in common) to 1 (the same words)."""
    return len(one & other) / len(one | other) if one | other else 1.0


def _differs_in_sense(one: frozenset[str], other: frozenset[str]) -> bool:
    """Exactly one of: only one says no; they use opposite words."""
    negated = bool(one & _NO_STEMS) != bool(other & _NO_STEMS)
    return negated != _has_opposites(one, other)


def _has_opposites(one: frozenset[str], other: frozenset[str]) -> bool:
    sides, others = _sides(one), _sides(other)
    return any((axis, 1 - side) in others - sides for axis, side in sides)


def _sides(words: frozenset[str]) -> frozenset[tuple[int, int]]:
    return frozenset((axis, side) for word, axis, side in _SIDES if word in words)


def fits_together(one: Learning, other: Learning) -> bool:
    """Only what the same agent learned in the same kind of goal, with the same outcome, is one learning."""
    return (one.agent, one.category, one.outcome, one.rehearsal) == (
        *(other.agent, other.category, other.outcome, other.rehearsal),
    )


def merged(old: Learning, new: Learning) -> Learning:
    """`old`, learned once more: confidence c becomes c + (1 - c) * d / 2 with the new one's confidence d."""
    provenance = tuple(dict.fromkeys((*old.provenance, *new.provenance)))
    return replace(
        old,
        confidence=raised(old.confidence, new.confidence),
        provenance=provenance[-MAX_PROVENANCE:],
        tags=tuple(dict.fromkeys((*old.tags, *new.tags))),
        confirmed_at=max(old.confirmed_at, new.confirmed_at),
    )


def raised(confidence: float, by: float) -> float:
    """Never falls, never passes 1, and the order in which things were learned does not matter much."""
    return round(confidence + (1.0 - confidence) * by * WEIGHT_OF_ANOTHER, 6)


def taken_in(new: Learning, known: Sequence[Learning]) -> list[Learning]:
    """What to store when `new` was learned beside what is `known` of the same agents: the one it repeats, raised; or
    itself, and whatever it contradicts, both flagged. The same provenance twice teaches nothing more."""
    here = sense_of(new)
    senses = [(old, sense_of(old)) for old in known if old.rehearsal is new.rehearsal]
    for old, there in senses:
        if fits_together(old, new) and says_the_same(here, there):
            return [old] if set(new.provenance) <= set(old.provenance) else [merged(old, new)]
    against = [old for old, there in senses if _is_live(old) and says_the_opposite(here, there)]
    flagged = replace(new, contradicts=_with_ids(new.contradicts, (old.learning_id for old in against)))
    return [flagged, *(replace(o, contradicts=_with_ids(o.contradicts, (new.learning_id,))) for o in against)]


def _is_live(learning: Learning) -> bool:
    return learning.status is not LearningStatus.RETIRED


def _with_ids(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))
