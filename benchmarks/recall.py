"""Recall among 5,000 learnings: is the right one among the first ten, and how long does it take to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.figures import Figure, Place, Result, spread
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.domain.goal import Category
from marketeer.domain.learning import Learning, LearningOutcome
from marketeer.domain.recall import ranked, recalled, search_words

LIMIT_MS = 20.0
FOUND_LIMIT = 0.9
FIRST = 10
NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLDEST_DAYS = 730
SEED = 20261122
# The trade's words: each learning is about three of them, each goal names two of those and two others.
_KINDS = ("mail", "page", "offer", "trial", "price", "guide", "survey", "video", "banner", "invite")
_FIELDS = ("harbour", "bakery", "clinic", "school", "garden", "studio", "hotel", "museum", "brewery", "library")
_MOMENTS = ("welcome", "renewal", "checkout", "refund", "launch", "holiday", "upgrade", "referral", "webinar", "audit")
_PAIRS = (*product(_FIELDS, _KINDS), *product(_FIELDS, _MOMENTS), *product(_MOMENTS, _KINDS))
TOPICS = [*_KINDS, *_FIELDS, *_MOMENTS, *(f"{one}{other}" for one, other in _PAIRS)]
# Words that say little, in lessons and goals alike.
_COMMON = ("customers", "signups", "conversion", "growth", "content", "people", "campaign", "traffic", "results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    learnings: int = 5_000
    questions: int = 300
    skills: int = 26


FULL = Size()
TINY = Size(learnings=200, questions=5, skills=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A goal for which one learning is the right one."""

    goal: str
    right: Learning


def run(place: Place, size: Size = FULL) -> Result:
    folder = place.sub("recall")
    spread_out = asyncio.run(_ask(folder / "many.db", size, size.skills))
    all_of_one = asyncio.run(_ask(folder / "one.db", size, 1))
    figures = [
        *_figures(f"over {size.skills} skills", *spread_out),
        *_figures("all of one skill", *all_of_one),
    ]
    return Result(
        name="recall",
        method=f"{size.learnings:,} learnings of up to two years and a confidence of 0.3 to 0.9, each about three of "
        f"{len(TOPICS)} topics. {size.questions} goals, each naming two topics of one learning, two others and some "
        "common words; the learning counts as found when it is among the first ten told to its skill.",
        figures=tuple(figures),
    )


def _figures(where: str, found: Sequence[bool], work_ms: Sequence[float]) -> list[Figure]:
    right = sum(found) / len(found)
    return [
        Figure(
            what=f"right one in the first {FIRST}, {where}",
            value=right,
            unit="of goals",
            limit=FOUND_LIMIT,
            at_least=True,
        ),
        Figure(
            what=f"recall, {where}",
            value=median(work_ms),
            unit="ms of processor time",
            limit=LIMIT_MS,
            note=spread(work_ms, "ms", 1),
        ),
    ]


async def _ask(path: Path, size: Size, skills: int) -> tuple[list[bool], list[float]]:
    chance = Random(SEED)  # noqa: S311 - no secret
    learnings = [_learning(number, skills, chance) for number in range(size.learnings)]
    questions = [_question(chance.choice(learnings), chance) for _ in range(size.questions)]
    store = SqliteStore(path)
    await store.open()
    await store.put_learnings(learnings, ())
    found, work = [], []
    for question in questions:
        began = time.process_time()
        told = await _told(store, question)
        work.append((time.process_time() - began) * 1000)
        found.append(question.right.learning_id in told[:FIRST])
    await store.close()
    return found, work


async def _told(store: SqliteStore, question: Question) -> tuple[str, ...]:
    agent, category = question.right.agent, question.right.category
    words = search_words(question.goal)
    candidates = await store.fitting_learnings(agent, category=category, words=words, rehearsal=False)
    return recalled(ranked(candidates, agent=agent, now=NOW), task_id=None).used


def _learning(number: int, skills: int, chance: Random) -> Learning:
    one, two, three = chance.sample(TOPICS, 3)
    at = NOW - timedelta(days=chance.uniform(0, OLDEST_DAYS))
    return Learning(
        learning_id=f"l-{number:05d}",
        agent=f"skill-{number % skills:02d}",
        goal_id=None,
        outcome=LearningOutcome.SUCCESS,
        learning=f"{chance.choice(_COMMON).capitalize()} of a {one} answer better when the {two} comes first",
        action=f"Begin with the {two}, then name the {three} and its {chance.choice(_COMMON)}",
        rehearsal=False,
        created_at=at,
        confirmed_at=at,
        category=chance.choice(list(Category)).value,
        tags=(three,),
        confidence=chance.uniform(0.3, 0.9),
    )


def _question(right: Learning, chance: Random) -> Question:
    words = [topic for topic in TOPICS if topic in f"{right.learning} {right.action}".split() or topic in right.tags]
    named = [f"{topic}s" for topic in chance.sample(words, min(2, len(words)))]
    others = chance.sample(TOPICS, 2)
    chance.shuffle(said := [*named, *others])
    common = chance.choice(_COMMON)
    return Question(
        goal=f"Get more {common} from our {said[0]} and {said[1]}, next to {said[2]} and {said[3]}", right=right
    )
