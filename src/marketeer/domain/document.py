"""Documents: what the workspace is made of, kept as versions in the store and mirrored as Markdown files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONTEXT_PATH = "context/product-marketing-context.md"
LEARNINGS_PATH = "memory/learnings.md"
REHEARSAL_ROOT = "rehearsal"


class DocumentKind(StrEnum):
    CONTEXT = "context"
    INPUT = "input"
    OUTPUT = "output"
    REVIEW = "review"
    PLAN = "plan"
    REPORT = "report"
    LEARNINGS = "learnings"
    METRICS = "metrics"
    # What a model said to the machine itself: kept in the store, and no file.
    ANSWER = "answer"
    # One of several that a task's output is chosen from.
    VARIANT = "variant"


class Author(StrEnum):
    MACHINE = "machine"
    HUMAN = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One version of one document. `path` is relative to the workspace, with forward slashes.

    `version` 0 means "the next one": the store numbers it. `made_from` lists `path@version` of what it was
    written from; `truncated` marks text that must never be shipped.
    """

    path: str
    kind: DocumentKind
    content: str
    author: Author
    rehearsal: bool
    created_at: datetime
    version: int = 0
    goal_id: str | None = None
    task_id: str | None = None
    generation: int | None = None
    call_id: str | None = None
    truncated: bool = False
    warnings: tuple[str, ...] = ()
    made_from: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()


def tree_path(path: str, *, rehearsal: bool) -> str:
    """Where `path` lies: a rehearsal has the same tree under its own root."""
    return f"{REHEARSAL_ROOT}/{path}" if rehearsal else path


def output_path(*, squad: str | None, skill: str, task_id: str, rehearsal: bool) -> str:
    """Where a task's output lies. The foundation skill has no squad: its output is the product context itself."""
    if squad is None:
        return tree_path(CONTEXT_PATH, rehearsal=rehearsal)
    return tree_path(f"outputs/{squad}/{skill}/{task_id}.md", rehearsal=rehearsal)


def variant_path(*, skill: str, squad: str | None, task_id: str, generation: int, number: int, rehearsal: bool) -> str:
    """One of the variants that were made in this generation of a task."""
    name = f"outputs/{squad or 'foundation'}/{skill}/variants/{task_id}-{generation}-{number}.md"
    return tree_path(name, rehearsal=rehearsal)


def choice_path(*, task_id: str, generation: int, rehearsal: bool) -> str:
    """Which of them was chosen, and why."""
    return tree_path(f"reviews/{task_id}-choice-{generation}.md", rehearsal=rehearsal)


def review_path(*, task_id: str, number: int, rehearsal: bool) -> str:
    return tree_path(f"reviews/{task_id}-review-{number}.md", rehearsal=rehearsal)


def answer_path(*, goal_id: str, work_item_id: str, attempt: int, rehearsal: bool) -> str:
    """Of an answer to the machine itself, by the step and the call of the step that bought it."""
    return goal_path(goal_id=goal_id, name=f"answers/{work_item_id}.{attempt}.json", rehearsal=rehearsal)


def goal_path(*, goal_id: str, name: str, rehearsal: bool) -> str:
    return tree_path(f"goals/{goal_id}/{name}", rehearsal=rehearsal)
