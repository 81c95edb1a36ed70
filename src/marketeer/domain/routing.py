"""Routing: what a goal asks for (category, skills, pipeline, risks), read from its words by cues kept as data.

A cue is a list of phrases with votes. Votes add up; the category with most wins, ties go to the earlier category of
`Routing.categories`. Phrases are matched on folded text (lower case, no accents, hyphens as spaces), so `sign up`,
`Sign-up` and `SIGN UP` are one. In a phrase `*` ends a word in any way, ` ... ` skips up to forty characters of the
sentence, `#` is a number, and `( | )?` mean what they mean in a regular expression.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from marketeer.domain.goal import Category, Priority

# What a goal wants stands in its first pages; more text would only add topic words and time.
READ_CHARS = 6_000
MIN_TYPO_CHARS = 6
MIN_STEM_CHARS = 7
MIN_RIVAL_CHARS = 3
# Votes a choice needs to count as fully certain.
FULL_VOTES = 8.0
# With fewer votes than this the cues have left the category open, and single words may lean it.
OPEN_BELOW = 2.5
HINT_VOTE = 0.75
# One word alone may lean towards a plan of what to do, not towards anything dearer.
MIN_HINT_WORDS = 2

_NUMBER = (
    r"(?:\d[\d.,]*k?|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty"
    r"|hundreds?|thousands?|dozens?)"
)
# A comma or a quotation mark between two words does not part a phrase.
_SPACE = r"(?:[,;:\"')]?\s[\"'(]?)"
_GAP = rf"{_SPACE}(?:(?:[^.!?\n]|\.(?=\d)){{0,40}}?\s[\"'(]?)?"
_PHRASE_WORD = re.compile(r"(?<![\w*?])([a-z]{6,})([*?]?)(?=$|[\s|)])")
_NEVER = re.compile(r"(?!)")


class EscalationKind(StrEnum):
    """What a human must know or decide before the result goes out."""

    LEGAL_RISK = "legal_risk"
    REFUSED = "refused"
    PRICING_CHANGE = "pricing_change"
    BUDGET = "budget"
    BRAND_CHANGE = "brand_change"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class Phrases:
    """A pattern for any of these phrases, compiled when it is first needed: most never are, and together they would
    cost a command a tenth of a second. Every method raises re.error for a phrase that cannot be read."""

    phrases: tuple[str, ...]

    def search(self, text: str) -> re.Match[str] | None:
        return _compiled(self.phrases).search(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return _compiled(self.phrases).finditer(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Phrases that vote. `why` completes the sentence "it ..."; `rival` asks for a named rival in the goal, too."""

    cue_id: str
    why: str
    say: Phrases | None
    unless: Phrases
    rival: bool
    categories: Mapping[Category, float]
    skills: Mapping[str, float]
    pipelines: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Single words that lean towards a skill: asked only when the cues leave the category open."""

    skill: str
    category: Category
    say: Phrases


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationRule:
    """When to involve a human. Fires on its own phrases or on any of `cues`; `asked_by` pipelines ask it themselves."""

    kind: EscalationKind
    text: str
    say: Phrases
    unless: Phrases
    cues: tuple[str, ...]
    rival: bool
    stops: bool
    note: str
    asked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRule:
    """One phase of a plan without a template: chosen skills of `squads`, `always` these, `otherwise` those."""

    name: str
    squads: tuple[str, ...]
    always: tuple[str, ...]
    otherwise: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRule:
    """How a category is planned. `skills` are at home in it; with `only_own` no others are taken.

    `fallback` are taken when the goal names no skill at all, `pipeline` is the template unless cues vote against it.
    """

    category: Category
    priority: Priority
    skills: tuple[str, ...]
    only_own: bool
    fallback: tuple[str, ...]
    pipeline: str | None
    phases: tuple[PhaseRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Everything that routing.yaml says. `ask_below` is the confidence under which a model should be asked.

    `measured_by` names the measuring skill of an asset, `publish_notes` what a human does before a skill's work
    goes out.
    """

    cues: tuple[Cue, ...]
    hints: tuple[Hint, ...]
    escalations: tuple[EscalationRule, ...]
    categories: tuple[CategoryRule, ...]
    topics: Phrases
    words: frozenset[str]
    stems: frozenset[str]
    known_words: frozenset[str]
    min_score: float
    strong_score: float
    ask_below: float
    measured_by: Mapping[str, str]
    publish_notes: Mapping[str, str]

    def rule(self, category: Category) -> CategoryRule:
        return next(rule for rule in self.categories if rule.category is category)


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChoice:
    category: Category
    confidence: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillChoice:
    skill: str
    score: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """`text` is a question when it `stops` the goal, else a line for before publishing. `note` guides the writer."""

    kind: EscalationKind
    text: str
    stops: bool
    note: str = ""
    asked_by: tuple[str, ...] = ()


def infer_category(goal: str, routing: Routing, *, rivals: Sequence[str] = ()) -> CategoryChoice:
    """The category the goal's words vote for. Without any vote: strategic, confidence 0, and `why` says so."""
    fired = fired_cues(goal, routing, rivals=rivals)
    votes = {
        rule.category: _total(cue.categories.get(rule.category, 0.0) for cue in fired) for rule in routing.categories
    }
    leaning = _leaning(goal, routing) if max(votes.values()) < OPEN_BELOW else {}
    for hint, said in leaning.items():
        if len(said) >= MIN_HINT_WORDS or hint.category is Category.STRATEGIC:
            votes[hint.category] = max(votes[hint.category], HINT_VOTE * len(said))
    ranked = sorted(votes, key=lambda category: -votes[category])
    best, second = votes[ranked[0]], max(votes[ranked[1]], 0.0)
    if best <= 0:
        why = "no cue of any category stands in the goal, so the first question is what to do"
        return CategoryChoice(category=Category.STRATEGIC, confidence=0.0, why=why)
    certainty = min(1.0, best / FULL_VOTES) * (0.5 + 0.5 * (best - second) / best)
    reasons = [cue.why for cue in fired if cue.categories.get(ranked[0], 0.0) > 0]
    words = sorted({word for hint, found in leaning.items() if hint.category is ranked[0] for word in found})
    reasons = reasons or [f"leans that way by single words ({', '.join(words[:4])})"]
    return CategoryChoice(category=ranked[0], confidence=round(certainty, 2), why=_reasons(reasons))


def choose_skills(
    goal: str, category: Category, routing: Routing, rivals: Sequence[str] = ()
) -> tuple[SkillChoice, ...]:
    """The skills the goal names, strongest first. Skills at home in the category need fewer votes than guests."""
    fired = fired_cues(goal, routing, rivals=rivals)
    rule = routing.rule(category)
    choices = []
    for skill in dict.fromkeys(name for cue in fired for name in cue.skills):
        score = _total(cue.skills.get(skill, 0.0) for cue in fired)
        needed = routing.min_score if skill in rule.skills else routing.strong_score
        if score < needed or (rule.only_own and skill not in rule.skills):
            continue
        why = _reasons([cue.why for cue in fired if cue.skills.get(skill, 0.0) > 0])
        choices.append(SkillChoice(skill=skill, score=score, why=why))
    if not choices:
        choices = _leaning_choices(goal, category, routing)
    return tuple(sorted(choices, key=lambda choice: (-choice.score, choice.skill)))


def _leaning_choices(goal: str, category: Category, routing: Routing) -> list[SkillChoice]:
    leaning = {hint: words for hint, words in _leaning(goal, routing).items() if hint.category is category}
    best = max(leaning, key=lambda hint: len(leaning[hint]), default=None)
    if best is None:
        return []
    why = f"it leans that way by single words ({', '.join(sorted(leaning[best])[:4])})"
    return [SkillChoice(skill=best.skill, score=routing.min_score, why=why)]


def _leaning(goal: str, routing: Routing) -> dict[Hint, set[str]]:
    """The hints that stand in the goal, with the words that said so."""
    text = repair(fold(goal[:READ_CHARS]), routing)
    found = {hint: {match.group() for match in hint.say.finditer(text)} for hint in routing.hints}
    return {hint: words for hint, words in found.items() if words}


def suggest_pipeline(
    goal: str, category: Category, routing: Routing, offered: Mapping[str, Category], rivals: Sequence[str] = ()
) -> str | None:
    """The pipeline (`offered` maps names to categories) the goal's words vote for within its category, if any."""
    fired = fired_cues(goal, routing, rivals=rivals)
    default = routing.rule(category).pipeline
    votes = {
        name: _total(cue.pipelines.get(name, 0.0) for cue in fired) + (1.0 if name == default else 0.0)
        for name, its_category in offered.items()
        if its_category is category
    }
    best = max(votes, key=lambda name: votes[name], default=None)
    return best if best is not None and votes[best] > 0 else None


def escalations(goal: str, routing: Routing, *, rivals: Sequence[str] = ()) -> tuple[Escalation, ...]:
    """What a human must decide or know. Read from the whole text, topics included."""
    text = fold(goal)
    names_rival = _names_rival(text, rivals)
    fired = {cue.cue_id for cue in fired_cues(goal, routing, rivals=rivals)}
    found = []
    for rule in routing.escalations:
        asked = bool(fired & set(rule.cues)) or rule.say.search(text) is not None
        if not asked or (rule.rival and not names_rival) or rule.unless.search(text):
            continue
        found.append(
            Escalation(kind=rule.kind, text=rule.text, stops=rule.stops, note=rule.note, asked_by=rule.asked_by)
        )
    return tuple(found)


def fired_cues(goal: str, routing: Routing, *, rivals: Sequence[str] = ()) -> tuple[Cue, ...]:
    """The cues whose phrases stand in the goal, in file order, spelling mistakes forgiven."""
    raw = fold(goal[:READ_CHARS])
    text = _without_topics(repair(raw, routing), routing)
    names_rival = _names_rival(raw, rivals)
    return tuple(cue for cue in routing.cues if _fires(cue, text, names_rival=names_rival))


def phrase_pattern(phrases: Iterable[str]) -> Phrases:
    """Any of the phrases; without phrases nothing ever matches."""
    return Phrases(tuple(phrases))


@cache
def _compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    bodies = [_phrase_body(phrase) for phrase in phrases]
    return re.compile(rf"(?<!\w)(?:{'|'.join(bodies)})(?!\w)") if bodies else _NEVER


def phrase_words(phrases: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The whole words and the stems (`word*`) of the phrases that are long enough to forgive a typo in."""
    words: set[str] = set()
    stems: set[str] = set()
    for phrase in phrases:
        for word, ending in _PHRASE_WORD.findall(_fold_plain(phrase)):
            if ending != "*":
                words |= {word, word[:-1]} if ending else {word}
            elif len(word) >= MIN_STEM_CHARS:
                stems.add(word)
    return frozenset(words), frozenset(stems)


def fold(text: str) -> str:
    """Lower case, no accents, plain quotes, hyphens and slashes as spaces, runs of blanks as one."""
    plain = re.sub(r"[-_/\u2010-\u2015]", " ", _fold_plain(text))
    return re.sub(r"[ \t\r\f\v]+", " ", plain)


def repair(text: str, routing: Routing) -> str:
    """Folded text with words one typing mistake away from a cue's word put right."""
    return re.sub(r"[a-z]{6,}", lambda match: _repaired(match.group(), routing), text)


def _repaired(word: str, routing: Routing) -> str:
    if word in routing.words or word in routing.known_words or any(word.startswith(stem) for stem in routing.stems):
        return word
    for known in sorted(routing.words):
        if len(known) >= MIN_TYPO_CHARS and _one_slip(word, known):
            return known
    for stem in sorted(routing.stems):
        for length in (len(stem), len(stem) + 1, len(stem) - 1):
            if _one_slip(word[:length], stem):
                return stem + word[length:]
    return word


def _one_slip(word: str, known: str) -> bool:
    """One letter changed, missing, doubled in or swapped with its neighbour; the first letter is always right."""
    if word[:1] != known[:1] or abs(len(word) - len(known)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), min(len(word), len(known)))
    if len(word) > len(known):
        return word[at + 1 :] == known[at:]
    if len(word) < len(known):
        return word[at:] == known[at + 1 :]
    swapped = word[at : at + 2] == known[at : at + 2][::-1] and word[at + 2 :] == known[at + 2 :]
    return swapped or word[at + 1 :] == known[at + 1 :]


def _phrase_body(phrase: str) -> str:
    body = re.sub(r"(?<!\\w)\*", r"\\w*", _fold_plain(phrase)).replace("#", _NUMBER)
    return _SPACE.join(_GAP.join(body.split(" ... ")).split(" "))


def _fold_plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _without_topics(text: str, routing: Routing) -> str:
    """What a text is to be about says nothing about the outcome: `an article about churn` is an article."""
    kept: list[str] = []
    at = 0
    for match in routing.topics.finditer(text):
        if match.start() < at:
            continue
        kept.append(text[at : match.end()])
        end = re.compile(r"[.!?](?:\s|$)|\n").search(text, match.end())
        at = end.start() if end else len(text)
    kept.append(text[at:])
    return "".join(kept)


def _fires(cue: Cue, text: str, *, names_rival: bool) -> bool:
    if cue.rival and not names_rival:
        return False
    if cue.say is not None and cue.say.search(text) is None:
        return False
    return cue.unless.search(text) is None


def _names_rival(text: str, rivals: Sequence[str]) -> bool:
    names = [fold(rival).strip() for rival in rivals]
    return any(len(name) >= MIN_RIVAL_CHARS and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names)


def _total(votes: Iterable[float]) -> float:
    return sum(votes, 0.0)


def _reasons(reasons: Sequence[str]) -> str:
    """`it asks for an article, and it names a rival`, at most three."""
    return ", and ".join(f"it {reason}" for reason in list(dict.fromkeys(reasons))[:3])
