"""`marketeer show TASK` for people: every verdict on the task's output, and what each rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from marketeer.cli import text
from marketeer.cli.common import Call
from marketeer.domain.contradiction import TO_AGREE
from marketeer.domain.ledger import Spend
from marketeer.domain.review import Finding, Review
from marketeer.domain.task import Task
from marketeer.domain.usage import dollars

APPROVE_AT = "approved from 7 with no dimension below 5, rejected below 4"


def task_lines(call: Call, task: Task, spend: Spend, reviews: Sequence[Review], *, rehearsal: bool) -> list[str]:
    lines = [f"{name + ':':<11}{value}" for name, value in _head(call, task, spend, rehearsal=rehearsal)]
    for review in reviews:
        lines += ["", *_review(call, task, review)]
    return lines if reviews else [*lines, "", "No version of it has been reviewed yet."]


def _head(call: Call, task: Task, spend: Spend, *, rehearsal: bool) -> Iterator[tuple[str, str]]:
    yield "Task", task.task_id
    yield "Goal", task.goal_id
    yield "Status", task.status.value
    if task.verdict:
        yield "Verdict", task.verdict
    if task.reason:
        yield "Why", text.one_line(task.reason)
    if task.superseded_by:
        yield "Done over", f"by {task.superseded_by}"
    if task.supersedes:
        why = f", {task.why}" if task.why.startswith(TO_AGREE) else ""
        yield "Does over", f"{task.supersedes}{why}"
    yield "Revisions", str(task.revision)
    if task.score is not None:
        yield "Score", f"{task.score:.1f} of 10, the mean over its versions"
    yield "Cost", f"{'would have cost ' if rehearsal else ''}{dollars(spend.settled_usd)}"
    if task.output_path:
        shown = text.shown_path(Path(call.settings.workspace_dir) / task.output_path)
        yield "Output", f"{shown} (version {task.output_version})"


def _review(call: Call, task: Task, review: Review) -> Iterator[str]:
    kept = ", the one that is kept" if review.output_version == task.output_version else ""
    yield f"Review {review.number}: {review.verdict.value}, of version {review.output_version}{kept}"
    yield f"  {_by_whom(review)}"
    if review.note:
        yield f"  note: {review.note}"
    yield from _findings("by the contract", review.findings)
    yield from _scores(review)
    if review.scores:
        yield from _findings("asked for by the reviewer", review.requests)
    if review.unsourced:
        yield "  claims without a source:"
        yield from (f"    “{claim}”" for claim in review.unsourced)
    yield from (f"  not checked: {reason}" for reason in review.waived)
    yield f"  {text.shown_path(Path(call.settings.workspace_dir) / review.path)}"


def _by_whom(review: Review) -> str:
    cost = f", {dollars(review.cost_usd)}" if review.cost_usd else ""
    if review.total is None:
        return f"by the contract alone{cost}"
    return f"{review.depth.value}: {review.total:g} of 10 by the rubric ({APPROVE_AT}), by {review.model}{cost}"


def _findings(by: str, findings: Sequence[Finding]) -> Iterator[str]:
    yield f"  {by}: {'' if findings else 'nothing'}".rstrip()
    yield from (f"    [{finding.severity.value}] {finding.line()}" for finding in findings)


def _scores(review: Review) -> Iterator[str]:
    if not review.scores:
        return
    yield "  scores:"
    width = max(len(score.dimension) for score in review.scores)
    for score in review.scores:
        yield f"    {score.dimension:<{width}}  {score.score:>4g}  x{score.weight:>3}%  {score.reason} “{score.quote}”"
