"""Recall: which learnings go into a prompt, and which are held back from it to see whether they help.

Those of the skill come first, then the category's and the team's. Within each, rank is relevance squared times
confidence times age. Relevance is the search's score as a share of the best one's: what fits twice as well outranks
whatever is newer and surer. Confidence counts from a half (none) to one, and age from one down to a half, with a
half-life of 180 days since it was last learned. Ties drop the oldest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from marketeer.domain.folding import fold
from marketeer.domain.learning import Learning
from marketeer.domain.likeness import STOP_WORDS
from marketeer.domain.probation import is_withheld
from marketeer.domain.usage import token_estimate

MAX_TOKENS = 1_500
HALF_LIFE = timedelta(days=180)
LEAST_WEIGHT = 0.5
# What a learning of the skill is worth that shares no word with the goal.
UNRELATED = 0.1
MAX_SEARCH_WORDS = 24
MIN_SEARCH_CHARS = 3
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A learning and how well its text fits what was asked: 0 not at all, else the more the better."""

    learning: Learning
    relevance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """`text` is what agents read, may be empty; `withheld` would have fitted too."""

    text: str
    used: tuple[str, ...]
    withheld: tuple[str, ...]


NOTHING = Recalled(text="", used=(), withheld=())


@lru_cache(maxsize=64)
def search_words(text: str) -> tuple[str, ...]:
    """The words to look learnings up by, from a goal's own."""
    found = (word for word in _WORD.findall(fold(text)) if len(word) >= MIN_SEARCH_CHARS and word not in STOP_WORDS)
    return tuple(dict.fromkeys(found))[:MAX_SEARCH_WORDS]


def ranked(found: Iterable[Found], *, agent: str, now: datetime) -> list[Learning]:
    """The best first."""
    best: dict[bool, float] = {}
    found = list(found)
    for one in found:
        own = one.learning.agent == agent
        best[own] = max(best.get(own, 0.0), one.relevance)

    def key(one: Found) -> tuple[bool, float, float, str]:
        learning, own = one.learning, one.learning.agent == agent
        related = one.relevance / best[own] if best[own] else 0.0
        worth = (UNRELATED + related**2) * _sureness(learning) * _freshness(learning, now)
        return (not own, -worth, -learning.confirmed_at.timestamp(), learning.learning_id)

    return [one.learning for one in sorted(found, key=key)]


def _sureness(learning: Learning) -> float:
    return LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * learning.confidence


def _freshness(learning: Learning, now: datetime) -> float:
    age = max(now - learning.confirmed_at, timedelta())
    return LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * math.pow(0.5, age / HALF_LIFE)


def recalled(best_first: Sequence[Learning], *, task_id: str | None) -> Recalled:
    """As many as fit into 1,500 tokens. For a task some are withheld; of two that contradict each other the better
    ranked one counts. A learning that does not fit ends it: whatever comes behind it ranks lower."""
    lines: list[str] = []
    used: list[str] = []
    withheld: list[str] = []
    tokens = 0
    against: set[str] = set()
    for learning in best_first:
        if learning.learning_id in against:
            continue
        line = learning.line()
        cost = token_estimate(line + "\n")
        if tokens + cost > MAX_TOKENS:
            break
        if task_id is not None and is_withheld(learning, task_id):
            withheld.append(learning.learning_id)
            continue
        against.update(learning.contradicts)
        tokens += cost
        lines.append(line)
        used.append(learning.learning_id)
    return Recalled(text="\n".join(lines), used=tuple(used), withheld=tuple(withheld))
