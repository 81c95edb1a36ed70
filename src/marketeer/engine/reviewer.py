"""The reviewer: holds an output against its skill's contract, and writes down what it found."""

from __future__ import annotations

from marketeer.domain.contract import GOAL_SOURCE
from marketeer.domain.document import Author, Document, DocumentKind, review_path
from marketeer.domain.errors import MissingInput
from marketeer.domain.examination import Exam, Standard
from marketeer.domain.goal import Goal
from marketeer.domain.outcome import Judgement
from marketeer.domain.review import Review, verdict_of
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.task import Task
from marketeer.engine.inputs import Inputs
from marketeer.engine.library import Library
from marketeer.ports import Clock, Examiner, Team


class Reviewer:
    def __init__(self, *, library: Library, team: Team, examiner: Examiner, clock: Clock) -> None:
        self._library = library
        self._team = team
        self._examiner = examiner
        self._clock = clock

    async def judge(
        self, goal: Goal, task: Task, path: str | None, version: int | None, *, made_from: Inputs | None = None
    ) -> tuple[Judgement, Document, Review]:
        """This version of the task's output: what was found, the review as a document and as a record, to be
        committed together.

        `made_from` are the texts that it was made from a moment ago; None: they are read anew."""
        began_at = self._clock.now()
        output = await self._library.in_force(path or "", version)
        if output is None:
            msg = f"the output of {task.task_id!r} is gone"
            raise MissingInput(msg)
        if made_from is None or task.skill == FOUNDATION_SKILL:
            made_from = await self._inputs(goal, task)
        result = await self._examiner.examine(self._exam(goal, task, output, made_from))
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
            sourced=result.sourced,
            sourced_count=result.sourced_count,
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
            asked_for=result.asked_for,
            began_at=began_at,
        )
        return judgement, document, review

    def _exam(self, goal: Goal, task: Task, output: Document, made_from: Inputs) -> Exam:
        context = made_from.context
        is_context = task.skill == FOUNDATION_SKILL
        is_earlier = context is not None and not (is_context and context.version == output.version)
        standard = Standard(
            contract=self._team.skill(task.skill).contract,
            registry=frozenset(self._team.skill_names()),
            context=context.content if context is not None and is_earlier else "",
        )
        # the texts, besides the product context, that a figure or a quote may come from
        sources = {GOAL_SOURCE: goal.description, **made_from.texts}
        return Exam(standard=standard, text=output.content, sources=sources, is_context=is_context)

    async def _inputs(self, goal: Goal, task: Task) -> Inputs:
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        texts: dict[str, str] = {}
        named = [(pin.path, pin.version) for pin in task.pins]
        named += [(path, int(version)) for path, _, version in (one.rpartition("@") for one in goal.inputs)]
        for path, version in named:
            document = await self._library.in_force(path, version)
            if document is not None:
                texts[path] = document.content
        return Inputs(context=context, texts=texts)


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
