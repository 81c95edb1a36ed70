"""The page of a review: the verdict and everything it rests on, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from marketeer.domain.review import Finding, Review
from marketeer.domain.task import Task
from marketeer.domain.usage import dollars


def render_review(review: Review, task: Task, path: str) -> str:
    return "\n".join([*_head(review, task, path), *_scores(review), *_findings(review), *_rest(review)])


def judged_by(review: Review, skill: str) -> str:
    if review.total is None:
        return f"by the contract of {skill}"
    return f"by the contract and the rubric of {skill}, {review.depth.value} ({review.model})"


def _head(review: Review, task: Task, path: str) -> Iterator[str]:
    yield f"# Review {review.number} of {task.task_id}"
    yield ""
    yield f"- **Output:** {path} (version {review.output_version})"
    yield f"- **Verdict:** {review.verdict.value}"
    if review.total is not None:
        yield f"- **Score:** {review.total:g} of 10"
    yield f"- **Findings:** {len(review.findings) + len(review.requests)}"
    yield f"- **Reviewed:** {review.created_at:%Y-%m-%d %H:%M} UTC, {judged_by(review, task.skill)}"
    if review.cost_usd:
        yield f"- **Cost:** {dollars(review.cost_usd)}"
    if review.note:
        yield f"- **Note:** {review.note}"
    yield ""


def _scores(review: Review) -> Iterator[str]:
    if not review.scores:
        return
    yield from ("## Scores", "", "| Dimension | Weight | Score | Reason | Quotation |", "|---|---|---|---|---|")
    for score in review.scores:
        cells = (score.dimension, str(score.weight), f"{score.score:g}", score.reason, f"“{score.quote}”")
        yield f"| {' | '.join(map(cell, cells))} |"
    yield ""


def _findings(review: Review) -> Iterator[str]:
    yield from _listed(review.findings, "")
    yield from _listed(review.requests, " (the reviewer)")


def _listed(findings: Sequence[Finding], by: str) -> Iterator[str]:
    for finding in findings:
        yield f"## {finding.severity.value}: {finding.section or 'whole document'}{by}"
        yield ""
        yield f"- **Found:** {finding.found}"
        yield f"- **Wanted:** {finding.wanted}"
        yield ""


def _rest(review: Review) -> Iterator[str]:
    if review.unsourced:
        yield from ("## Claims without a source", "", *(f"- “{claim}”" for claim in review.unsourced), "")
    if review.waived:
        yield from ("## Waived", "", *(f"- {reason}" for reason in review.waived), "")


def cell(text: str) -> str:
    """In a table: on one line, with nothing that ends the cell."""
    return " ".join(text.split()).replace("|", "\\|")
