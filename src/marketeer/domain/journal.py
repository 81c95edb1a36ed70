"""The journal: the append-only record of every change. Replaying a goal's entries gives its stored state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marketeer.domain.document import Document

# Journals of what belongs to no goal: the whole workspace, and the month's money.
WORKSPACE_JOURNAL = "workspace"
BUDGET_JOURNAL = "budget"
OF_NO_GOAL = (WORKSPACE_JOURNAL, BUDGET_JOURNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One change: what (past tense), who did it, why, and the values it left behind (JSON-ready).

    `entry_id` 0 means not stored yet; stored ids rise with time across the whole workspace.
    """

    goal_id: str
    at: datetime
    what: str
    who: str = "marketeer"
    task_id: str | None = None
    why: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    entry_id: int = 0


def edited(document: Document) -> JournalEntry:
    """A human has changed or written a document, numbered already. Who it was, a file does not say."""
    return JournalEntry(
        goal_id=document.goal_id or WORKSPACE_JOURNAL,
        at=document.created_at,
        what="document_edited",
        who="a human",
        task_id=document.task_id,
        why=f"version {document.version} of {document.path}",
        data={"path": document.path, "version": document.version},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the journal alone says of a goal: its status, and of each task the last recorded values."""

    goal_status: str | None
    tasks: Mapping[str, Mapping[str, Any]]


def replay(entries: Iterable[JournalEntry]) -> Replayed:
    """Fold entries, oldest first."""
    status: str | None = None
    tasks: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if "goal_status" in entry.data:
            status = entry.data["goal_status"]
        if entry.task_id and "status" in entry.data:
            tasks.setdefault(entry.task_id, {}).update(entry.data)
    return Replayed(goal_status=status, tasks=tasks)
