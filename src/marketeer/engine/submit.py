"""Submitting: a goal, its input documents and the plan it owes, in one transaction."""

from __future__ import annotations

import secrets
from dataclasses import replace

from marketeer.domain.advance import begin
from marketeer.domain.document import Author, Document, DocumentKind, tree_path
from marketeer.domain.goal import Goal
from marketeer.domain.submission import TOKEN_ALPHABET, TOKEN_CHARS, Submission, new_goal
from marketeer.engine.progress import Progress
from marketeer.ports import Clock, Store, Team


async def submit(
    submission: Submission, *, store: Store, team: Team, clock: Clock, progress: Progress, token: str | None = None
) -> Goal:
    """Store the goal. Raises UsageError for a goal or pipeline that cannot be. `token` is the end of its id, drawn by
    chance when it is not given."""
    now = clock.now()
    pipeline = team.find_pipeline(submission.pipeline).name if submission.pipeline else None
    goal = new_goal(replace(submission, pipeline=pipeline), token=token or new_token(), now=now)
    documents = [
        Document(
            path=tree_path(f"inputs/{name}", rehearsal=goal.rehearsal),
            kind=DocumentKind.INPUT,
            content=text,
            author=Author.HUMAN,
            rehearsal=goal.rehearsal,
            created_at=now,
            goal_id=goal.goal_id,
        )
        for name, text in submission.inputs
    ]
    change = await store.commit_goal_inputs(begin(goal, now), documents)
    await progress.announce(change)
    return change.goal


def new_token() -> str:
    """The random end of a goal's id."""
    return "".join(secrets.choice(TOKEN_ALPHABET) for _ in range(TOKEN_CHARS))
