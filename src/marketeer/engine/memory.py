"""Simple memory: what agents are reminded of, and the file a person reads it in."""

from __future__ import annotations

from collections.abc import Sequence

from marketeer.domain.document import LEARNINGS_PATH, Author, Document, DocumentKind, tree_path
from marketeer.domain.learning import Learning
from marketeer.domain.usage import token_estimate
from marketeer.ports import Clock, Store

MAX_TOKENS = 1_500
MAX_IN_FILE = 500


class Memory:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def recall(self, skill: str, *, rehearsal: bool) -> tuple[str, tuple[str, ...]]:
        """The text for `## Past Learnings` (may be empty) and the ids of the learnings in it."""
        newest_first = await self._store.learnings(rehearsal=rehearsal, agent=skill, limit=100)
        return fit_learnings(newest_first)

    async def for_category(self, category: str, *, rehearsal: bool) -> tuple[str, ...]:
        """What earlier goals of the category taught the Director."""
        learnings = await self._store.learnings(rehearsal=rehearsal, agent="director", category=category, limit=5)
        return tuple(f"{learning.learning}; {learning.action}" for learning in learnings)

    async def as_document(self, *, rehearsal: bool) -> Document:
        """`memory/learnings.md`, as it should read now."""
        learnings = await self._store.learnings(rehearsal=rehearsal, limit=MAX_IN_FILE)
        return Document(
            path=tree_path(LEARNINGS_PATH, rehearsal=rehearsal),
            kind=DocumentKind.LEARNINGS,
            content=_learnings_file(learnings, rehearsal=rehearsal),
            author=Author.MACHINE,
            rehearsal=rehearsal,
            created_at=self._clock.now(),
        )


def fit_learnings(newest_first: Sequence[Learning]) -> tuple[str, tuple[str, ...]]:
    """At most 1,500 tokens; the oldest are dropped first."""
    lines: list[str] = []
    ids: list[str] = []
    tokens = 0
    for learning in newest_first:
        line = learning.line()
        tokens += token_estimate(line + "\n")
        if tokens > MAX_TOKENS:
            break
        lines.append(line)
        ids.append(learning.learning_id)
    return "\n".join(lines), tuple(ids)


def _learnings_file(newest_first: Sequence[Learning], *, rehearsal: bool) -> str:
    lines = ["# Learnings", ""]
    if rehearsal:
        lines += ["> From rehearsals: real goals never read these.", ""]
    lines += ["What outcomes taught, newest first.", ""]
    for learning in newest_first:
        source = learning.task_id or learning.goal_id
        lines += [
            f"## {learning.created_at:%Y-%m-%d} {learning.agent}: {learning.outcome.value}",
            "",
            f"- **Learning:** {learning.learning}",
            f"- **Action:** {learning.action}",
            f"- **Confidence:** {learning.confidence:.2f}",
            f"- **Tags:** {', '.join(learning.tags) or 'none'}",
            f"- **From:** {source}",
            "",
        ]
    return "\n".join(lines)
