"""Submissions: what a user asks for, checked and turned into a goal."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketeer.domain.best_of import BestOf
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import MAX_DESCRIPTION_CHARS, Category, Goal, GoalStatus, Priority

SLUG_CHARS = 40
TOKEN_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"  # noqa: S105 - letters of an id, not a secret
TOKEN_CHARS = 8
_ALLOWED_CONTROLS = frozenset("\n\t\r")
# Letters, numbers, punctuation and symbols, in Unicode's words: what a reader sees.
_SEEN = frozenset("LNPS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A goal as asked for. `inputs` are (name, text) of the material it works from; money is US dollars."""

    description: str
    rehearsal: bool
    pipeline: str | None = None
    category: Category | None = None
    priority: Priority | None = None
    budget_usd: Decimal | None = None
    inputs: tuple[tuple[str, str], ...] = ()
    best_of: tuple[BestOf, ...] = ()
    approve_plan: bool = False


def check_description(text: str) -> str:
    """The goal's words, trimmed. Raises UsageError for what cannot be a goal."""
    trimmed = text.strip()
    if not any(unicodedata.category(character)[0] in _SEEN for character in trimmed):
        msg = 'the goal is empty: say what you want, for example "Increase signup conversion by 20%"'
        raise UsageError(msg)
    if len(trimmed) > MAX_DESCRIPTION_CHARS:
        msg = (
            f"the goal has {len(trimmed)} characters, more than {MAX_DESCRIPTION_CHARS}: "
            "say it shorter and give long material with --input FILE"
        )
        raise UsageError(msg)
    for character in trimmed:
        kind = unicodedata.category(character)
        if kind == "Cs" or (kind == "Cc" and character not in _ALLOWED_CONTROLS):
            msg = f"the goal contains the control character {character!r}: remove it"
            raise UsageError(msg)
    return trimmed.replace("\r\n", "\n").replace("\r", "\n")


def goal_id(description: str, token: str) -> str:
    """Readable, and safe in paths and shells: `<slug>-<token>`."""
    plain = unicodedata.normalize("NFKD", description).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > SLUG_CHARS:
            break
        slug = longer
    return f"{slug or 'goal'}-{token}"


def new_goal(submission: Submission, *, token: str, now: datetime) -> Goal:
    """The goal to begin. `token` is random text of TOKEN_ALPHABET."""
    description = check_description(submission.description)
    return Goal(
        goal_id=goal_id(description, token),
        description=description,
        status=GoalStatus.PLANNING,
        priority=submission.priority,
        rehearsal=submission.rehearsal,
        created_at=now,
        category=submission.category,
        pipeline=submission.pipeline,
        budget_usd=submission.budget_usd,
        best_of=submission.best_of,
        approve_plan=submission.approve_plan,
    )
