"""The reviewer: holds an output against its skill's contract, and writes down what it found."""

from __future__ import annotations

from dataclasses import replace

from marketeer.domain.contract import GOAL_SOURCE
from marketeer.domain.contract_check import CheckResult, check
from marketeer.domain.document import Author, Document, DocumentKind, review_path
from marketeer.domain.errors import MissingInput
from marketeer.domain.goal import Goal
from marketeer.domain.markdown import parse
from marketeer.domain.outcome import Judgement
from marketeer.domain.product_context import facts_of, parse_context
from marketeer.domain.review import Review, verdict_of
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.task import Task
from marketeer.engine.library import Library
from marketeer.ports import Clock, Team


class Reviewer:
    def __init__(self, *, library: Library, team: Team, clock: Clock) -> None:
        self._library = library
        self._team = team
        self._clock = clock

    async def judge(
        self, goal: Goal, task: Task, path: str | None, version: int | None
    ) -> tuple[Judgement, Document, Review]:
        """This version of the task's output: what was found, the review as a document and as a record, to be
        committed together."""
        began_at = self._clock.now()
        output = await self._library.in_force(path or "", version)
        if output is None:
            msg = f"the output of {task.task_id!r} is gone"
            raise MissingInput(msg)
        result = await self._check(goal, task, output)
        now = self._clock.now()
        review = Review(
            task_id=task.task_id,
            goal_id=goal.goal_id,
            number=task.generation,
            output_version=output.version,
            verdict=verdict_of(result.findings),
            findings=result.findings,
            waived=result.waived,
            path=review_path(task_id=task.task_id, number=task.generation, rehearsal=goal.rehearsal),
            created_at=now,
        )
        document = Document(
            path=review.path,
            kind=DocumentKind.REVIEW,
            content=render_review(review, task, output.path),
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=now,
            goal_id=goal.goal_id,
            task_id=task.task_id,
        )
        judgement = Judgement(
            findings=result.findings,
            waived=result.waived,
            asked_for=self._asked_for(output.content),
            began_at=began_at,
        )
        return judgement, document, review

    async def _check(self, goal: Goal, task: Task, output: Document) -> CheckResult:
        skill = self._team.skill(task.skill)
        registry = frozenset(self._team.skill_names())
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        known = context.content if context else ""
        sources = await self._sources(goal, task)
        if task.skill == FOUNDATION_SKILL:
            # The product context is its own source of names; its figures and quotes come from elsewhere.
            facts = facts_of(parse_context(output.content), registry=registry, sources=sources)
            earlier = None if context is None or context.version == output.version else known
            return check(skill.contract, output.content, replace(facts, context=earlier))
        facts = facts_of(parse_context(known), registry=registry, sources=sources)
        return check(skill.contract, output.content, facts)

    async def _sources(self, goal: Goal, task: Task) -> dict[str, str]:
        """The texts, besides the product context, that a figure or a quote may come from."""
        sources = {GOAL_SOURCE: goal.description}
        named = [(pin.path, pin.version) for pin in task.pins]
        named += [(path, int(version)) for path, _, version in (one.rpartition("@") for one in goal.inputs)]
        for path, version in named:
            document = await self._library.in_force(path, version)
            if document is not None:
                sources[path] = document.content
        return sources

    def _asked_for(self, text: str) -> frozenset[str]:
        """Skills that the output names in a `To` column: what it wants done next."""
        names = set(self._team.skill_names())
        return frozenset(names & _cells_under(text, "to"))


def _cells_under(text: str, column: str) -> set[str]:
    cells: set[str] = set()
    for section in parse(text).sections:
        for table in section.tables:
            header = [name.strip().lower() for name in table.header]
            if column in header:
                index = header.index(column)
                for row in table.rows:
                    if index < len(row):
                        cells |= {part.strip(" `*").lower() for part in row[index].replace(";", ",").split(",")}
    return cells


def render_review(review: Review, task: Task, path: str) -> str:
    """The review as a person reads it."""
    lines = [
        f"# Review {review.number} of {task.task_id}",
        "",
        f"- **Output:** {path} (version {review.output_version})",
        f"- **Verdict:** {review.verdict.value}",
        f"- **Findings:** {len(review.findings)}",
        f"- **Reviewed:** {review.created_at:%Y-%m-%d %H:%M} UTC, by the contract of {task.skill}",
        "",
    ]
    for finding in review.findings:
        lines += [
            f"## {finding.severity.value}: {finding.section or 'whole document'}",
            "",
            f"- **Found:** {finding.found}",
            f"- **Wanted:** {finding.wanted}",
            "",
        ]
    if review.waived:
        lines += ["## Waived", "", *(f"- {reason}" for reason in review.waived), ""]
    return "\n".join(lines)
