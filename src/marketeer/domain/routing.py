"""Routing: what a goal asks for (category, skills, pipeline, risks), read from its words by cues kept as data.

A cue is a list of phrases with votes. Votes add up; the category with most wins, ties go to the earlier category of
`Routing.categories`. Phrases are matched on folded text (lower case, no accents, hyphens as spaces), so `sign up`,
`Sign-up` and `SIGN UP` are one. What the cues leave open, example goals decide (`wording.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from marketeer.domain.folding import fold
from marketeer.domain.goal import Category, Priority
from marketeer.domain.phrases import Phrases
from marketeer.domain.wording import NO_RESEMBLANCE, ExampleGroup, Resemblance, Wording, resemblance

# What a goal wants stands in its first pages; more text would only add topic words and time.
READ_CHARS = 6_000
MIN_TYPO_CHARS = 6
MIN_RIVAL_CHARS = 3
# Votes a choice needs to count as fully certain.
FULL_VOTES = 12.0
# What full resemblance to a group of examples weighs, in votes: for its category, its skills and its pipeline.
WORDING_VOTES = 8.0
WORDING_SKILL_VOTES = 7.0
WORDING_PIPELINE_VOTES = 6.0
# A category nobody's examples speak for gives its skills no votes.
MIN_SHARE = 0.02
# Examples that speak this plainly for one group call a human as a cue does.
SURE_SHARE = 0.6


class EscalationKind(StrEnum):
    """What a human must know or decide before the result goes out."""

    LEGAL_RISK = "legal_risk"
    REFUSED = "refused"
    PRICING_CHANGE = "pricing_change"
    BUDGET = "budget"
    BRAND_CHANGE = "brand_change"
    CLAIM = "claim"


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
class EscalationRule:
    """When to involve a human: on its own phrases, on any of `cues`, on wording that calls for one of `skills`.

    `asked_by` pipelines ask it themselves.
    """

    kind: EscalationKind
    text: str
    say: Phrases
    unless: Phrases
    cues: tuple[str, ...]
    skills: tuple[str, ...]
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Routing:
    """Everything that routing.yaml says; each is itself and equals no other.

    `ask_below` is the confidence under which a model should be asked. `measured_by` names the measuring skill of an
    asset, `publish_notes` what a human does before a skill's work goes out. `wording` are counted example goals;
    without them the cues decide alone.
    """

    cues: tuple[Cue, ...]
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
    wording: Wording | None = None

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
    """The category that the goal's words vote for: cues by their weights, example goals by resemblance.

    Without any vote: strategic, confidence 0, and `why` says so.
    """
    fired = fired_cues(goal, routing, rivals=rivals)
    likeness = _likeness(goal, routing)
    votes = {
        rule.category: _total(cue.categories.get(rule.category, 0.0) for cue in fired)
        + WORDING_VOTES * likeness.of(rule.category)
        for rule in routing.categories
    }
    ranked = sorted(votes, key=lambda category: -votes[category])
    best, second = votes[ranked[0]], max(votes[ranked[1]], 0.0)
    if best <= 0:
        why = "no cue of any category stands in the goal, so the first question is what to do"
        return CategoryChoice(category=Category.STRATEGIC, confidence=0.0, why=why)
    certainty = min(1.0, best / FULL_VOTES) * (best - second) / best
    reasons = [cue.why for cue in fired if cue.categories.get(ranked[0], 0.0) > 0]
    reasons += _resembling(likeness, ranked[0])
    return CategoryChoice(category=ranked[0], confidence=round(certainty, 2), why=_reasons(reasons))


def choose_skills(
    goal: str, category: Category, routing: Routing, rivals: Sequence[str] = ()
) -> tuple[SkillChoice, ...]:
    """The skills the goal asks for, strongest first. Skills at home in the category need fewer votes than guests."""
    fired = fired_cues(goal, routing, rivals=rivals)
    likeness = _likeness(goal, routing)
    rule = routing.rule(category)
    wording = _wording_votes(likeness, category, routing)
    choices = []
    for skill in dict.fromkeys((*(name for cue in fired for name in cue.skills), *wording)):
        score = _total(cue.skills.get(skill, 0.0) for cue in fired) + wording.get(skill, 0.0)
        needed = routing.min_score if skill in rule.skills else routing.strong_score
        if score < needed or (rule.only_own and skill not in rule.skills):
            continue
        reasons = [cue.why for cue in fired if cue.skills.get(skill, 0.0) > 0]
        reasons += _resembling(likeness, category) if skill in wording else []
        choices.append(SkillChoice(skill=skill, score=round(score, 2), why=_reasons(reasons)))
    return tuple(sorted(choices, key=lambda choice: (-choice.score, choice.skill)))


@lru_cache(maxsize=16)
def _likeness(goal: str, routing: Routing) -> Resemblance:
    return resemblance(goal[:READ_CHARS], routing.wording) if routing.wording else NO_RESEMBLANCE


def _within(likeness: Resemblance, category: Category) -> dict[ExampleGroup, float]:
    """The shares of the category's groups among themselves, greatest first."""
    whole = likeness.of(category)
    mine = {group: share / whole for group, share in likeness.shares.items() if group.category is category and whole}
    return dict(sorted(mine.items(), key=lambda item: -item[1])) if whole >= MIN_SHARE else {}


def _wording_votes(likeness: Resemblance, category: Category, routing: Routing) -> dict[str, float]:
    """Votes for skills. The main skill of the likeliest group is taken even when several groups share the votes."""
    votes: dict[str, float] = {}
    within = _within(likeness, category)
    for group, share in within.items():
        for skill in group.skills:
            votes[skill] = votes.get(skill, 0.0) + WORDING_SKILL_VOTES * share
    if first := next(iter(within), None):
        votes[first.skills[0]] = max(votes[first.skills[0]], routing.min_score)
    return votes


def _resembling(likeness: Resemblance, category: Category) -> list[str]:
    if not likeness.words or likeness.of(category) < max(likeness.of(other) for other in Category):
        return []
    return [f"is worded like {category.value} goals ({', '.join(likeness.words)})"]


def suggest_pipeline(
    goal: str, category: Category, routing: Routing, offered: Mapping[str, Category], rivals: Sequence[str] = ()
) -> str | None:
    """The pipeline (`offered` maps names to categories) the goal's words vote for within its category, if any."""
    fired = fired_cues(goal, routing, rivals=rivals)
    default = routing.rule(category).pipeline
    within = _within(_likeness(goal, routing), category)
    votes = {
        name: _total(cue.pipelines.get(name, 0.0) for cue in fired)
        + (1.0 if name == default else 0.0)
        + WORDING_PIPELINE_VOTES * _total(_leans(group, name) * share for group, share in within.items())
        for name, its_category in offered.items()
        if its_category is category
    }
    best = max(votes, key=lambda name: votes[name], default=None)
    return best if best is not None and votes[best] > 0 else None


def _leans(group: ExampleGroup, pipeline: str) -> float:
    """A group without a pipeline speaks against each."""
    return 1.0 if group.pipeline == pipeline else -1.0 if group.pipeline is None else 0.0


def escalations(goal: str, routing: Routing, *, rivals: Sequence[str] = ()) -> tuple[Escalation, ...]:
    """What a human must decide or know. Read from the whole text, topics included."""
    text = fold(goal)
    names_rival = _names_rival(text, rivals)
    fired = {cue.cue_id for cue in fired_cues(goal, routing, rivals=rivals)}
    shares = _likeness(goal, routing).shares
    called = {group.skills[0] for group, share in shares.items() if share >= SURE_SHARE}
    found = []
    for rule in routing.escalations:
        asked = bool(fired & set(rule.cues) or called & set(rule.skills)) or rule.say.search(text) is not None
        if not asked or (rule.rival and not names_rival) or rule.unless.search(text):
            continue
        found.append(
            Escalation(kind=rule.kind, text=rule.text, stops=rule.stops, note=rule.note, asked_by=rule.asked_by)
        )
    return tuple(found)


def fired_cues(goal: str, routing: Routing, *, rivals: Sequence[str] = ()) -> tuple[Cue, ...]:
    """The cues whose phrases stand in the goal, in file order, spelling mistakes forgiven."""
    return _fired(goal, routing, tuple(rivals))


@lru_cache(maxsize=16)
def _fired(goal: str, routing: Routing, rivals: tuple[str, ...]) -> tuple[Cue, ...]:
    raw = fold(goal[:READ_CHARS])
    text = _without_topics(repair(raw, routing), routing)
    names_rival = _names_rival(raw, rivals)
    return tuple(cue for cue in routing.cues if _fires(cue, text, names_rival=names_rival))


def repair(text: str, routing: Routing) -> str:
    """Folded text with words one typing mistake away from a cue's word put right."""
    return re.sub(r"[a-z]{6,}", lambda match: _repaired(match.group(), routing), text)


def _repaired(word: str, routing: Routing) -> str:
    known = _known_words(routing)
    if word in routing.words or word in routing.known_words or word.startswith(known.all_stems):
        return word
    for other in known.words.get(word[0], ()):
        if _one_slip(word, other):
            return other
    for stem in known.stems.get(word[0], ()):
        for length in (len(stem), len(stem) + 1, len(stem) - 1):
            if _one_slip(word[:length], stem):
                return stem + word[length:]
    return word


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The words and stems to repair towards, in alphabetical order, by their first letter: it is always right."""

    words: Mapping[str, tuple[str, ...]]
    stems: Mapping[str, tuple[str, ...]]
    all_stems: tuple[str, ...]


@lru_cache(maxsize=4)
def _known_words(routing: Routing) -> _Known:
    words = [word for word in routing.words if len(word) >= MIN_TYPO_CHARS]
    return _Known(words=_by_letter(words), stems=_by_letter(routing.stems), all_stems=tuple(routing.stems))


def _by_letter(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for word in sorted(words):
        found.setdefault(word[:1], []).append(word)
    return {letter: tuple(those) for letter, those in found.items()}


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
