"""What outcomes taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.journal import JournalEntry
    from marketeer.domain.learning import Learning
    from marketeer.domain.recall import Found


class LearningStore(Protocol):
    """Learnings, beside those that a change brings: `commit` takes these in as `learn` does, and adds the scores of its
    trials to the evidence of their learnings, within its transaction."""

    async def learnings(
        self,
        *,
        rehearsal: bool,
        agent: str | None = None,
        category: str | None = None,
        retired: bool | None = None,
        limit: int = 200,
    ) -> Sequence[Learning]:
        """Newest first; `retired` None: those too."""
        ...

    async def find_learning(self, prefix: str) -> Learning:
        """The learning whose id is or starts with this text. UsageError when there is none or more than one."""
        ...

    async def fitting_learnings(
        self, agent: str, *, category: str | None, words: Sequence[str], rehearsal: bool
    ) -> Sequence[Found]:
        """What the agent may be told, retired ones never: what it, the team and others in the category learned and fits
        the words best, and the newest of it and the team. The Director is told its own only. Costs next to nothing
        while there is nothing to tell."""
        ...

    async def learn(self, learnings: Sequence[Learning], entries: Sequence[JournalEntry]) -> Sequence[Learning]:
        """Take in what was learned: a near-duplicate raises the one it repeats, contradictions are flagged on both.
        Returns those that changed first: the new ones, or the ones they repeat."""
        ...

    async def put_learnings(self, learnings: Sequence[Learning], entries: Sequence[JournalEntry]) -> None:
        """Store them as they are, whatever was there under their ids."""
        ...
