"""What a reviewing model reads: its own context, not the author's prompt.

Task and product context | breakpoint | rubric, and in depth what the specialist was taught; then, in the user message,
the brief, what the deliverable was made from, what the contract's check found, and the deliverable itself. All of it
but the task, the rubric and what was taught is fenced as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from marketeer.domain.review import Finding
from marketeer.domain.rubric import SCORES, Dimension
from marketeer.domain.skill import Skill
from marketeer.domain.usage import CacheTime, token_bound
from marketeer.engine.prompts import fence
from marketeer.ports import PromptBlock

TASK = Path(__file__).parent / "templates" / "review.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewParts:
    """Everything a review's prompt is made of. `sources` map a path to its text; `taught` adds the skill's own
    instructions and references."""

    skill: Skill
    context: str
    brief: str
    output: str
    sources: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    taught: bool = False
    cache: CacheTime = "5m"


def review_system(parts: ReviewParts) -> tuple[PromptBlock, ...]:
    """The first block is byte-identical for every review of a goal."""
    context = fence("product context", parts.context) if parts.context else "There is no product context yet."
    shared = f"{_task()}\n\n# Product context\n\n{context}"
    skill = parts.skill
    own = f"# Rubric: {skill.info.name}\n\n{skill.info.description}\n\n{_rubric(skill.rubric)}"
    if parts.taught:
        references = "".join(f"\n\n## Reference: {ref.name}\n\n{ref.text.strip()}" for ref in skill.references)
        own += f"\n\n# What the specialist was taught\n\n{skill.body.strip()}{references}"
    return PromptBlock(text=shared, cache=parts.cache), PromptBlock(text=own)


def review_message(parts: ReviewParts) -> str:
    names = ", ".join(dimension.name for dimension in parts.skill.rubric)
    found = "\n".join(f"- [{f.severity.value}] {f.line()}" for f in parts.findings) or "nothing"
    chunks = [f"# The brief\n\n{fence('brief', parts.brief)}"]
    if parts.sources:
        chunks.append("# What it was made from")
        chunks += [fence(path, text) for path, text in parts.sources.items()]
    chunks += [
        f"# What the check of its form has found\n\n{fence('findings', found)}",
        f"# The deliverable\n\n{fence('deliverable', parts.output)}",
        f"# Your answer\n\nThe deliverable has ended. Score these dimensions, each with a quotation from it: {names}.",
    ]
    return "\n\n".join(chunks)


def fit_review(parts: ReviewParts, *, token_limit: int) -> ReviewParts | None:
    """Made to fit: without what was taught, then without the longest sources. None when the deliverable is too long."""
    while _bound(parts) > token_limit:
        if parts.taught:
            parts = replace(parts, taught=False)
        elif parts.sources:
            longest = max(parts.sources, key=lambda path: len(parts.sources[path]))
            parts = replace(parts, sources={p: text for p, text in parts.sources.items() if p != longest})
        else:
            return None
    return parts


def _bound(parts: ReviewParts) -> int:
    return token_bound(*(block.text for block in review_system(parts)), review_message(parts))


def _rubric(rubric: Sequence[Dimension]) -> str:
    lines = []
    for dimension in rubric:
        anchors = zip(SCORES, (dimension.weak, dimension.good, dimension.excellent), strict=True)
        said = "; ".join(f"{score}: {text}" for score, text in anchors)
        lines.append(f"- **{dimension.name}** ({dimension.weight} of 100). {said}")
    return "\n".join(lines)


@cache
def _task() -> str:
    return TASK.read_text("utf-8").strip()
