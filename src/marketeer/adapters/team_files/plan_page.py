"""The page of a plan that waits, read back: what is wrong with it is told with its line."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from marketeer.adapters.team_files.source import Source, Strict, TeamFileError, parse_yaml
from marketeer.domain.best_of import MOST
from marketeer.domain.plan import PlannedBy
from marketeer.domain.plan_check import MAX_NAME_CHARS, Fault
from marketeer.domain.plan_draft import PhaseDraft, PlanDraft, TaskDraft, clean_line, clean_text

MAX_LINE_CHARS = 2_000


class TaskRule(Strict):
    id: str
    skill: str
    needs: tuple[str, ...] = ()
    why: str = ""
    condition: str | None = None
    latest: tuple[str, ...] = ()
    best_of: Annotated[int, Field(ge=1, le=MOST)] = 1
    brief: str

    def make(self) -> TaskDraft:
        return TaskDraft(
            key=self.id,
            skill=self.skill,
            brief=clean_text(self.brief) + "\n" if self.brief.strip() else "",
            needs=tuple(dict.fromkeys(self.needs)),
            why=clean_line(self.why, MAX_LINE_CHARS),
            condition=self.condition,
            latest=self.latest,
            best_of=self.best_of,
        )


class PhaseRule(Strict):
    name: str
    review: str | None = None
    tasks: tuple[TaskRule, ...]

    def make(self) -> PhaseDraft:
        review = clean_line(self.review or "", MAX_LINE_CHARS)
        name = clean_line(self.name, MAX_NAME_CHARS)
        return PhaseDraft(name=name, tasks=tuple(task.make() for task in self.tasks), review=review or None)


class PlanRule(Strict):
    category: str
    pipeline: str | None = None
    why: str
    needs_human: tuple[str, ...] = ()
    learnings: tuple[str, ...] = ()
    planned_by: PlannedBy = PlannedBy.HUMAN
    not_by_model: str = ""
    phases: Annotated[tuple[PhaseRule, ...], Field(min_length=1)]

    def make(self) -> PlanDraft:
        return PlanDraft(
            category=self.category,
            pipeline=self.pipeline,
            why=clean_line(self.why, MAX_LINE_CHARS),
            phases=tuple(phase.make() for phase in self.phases),
            needs_human=tuple(clean_line(line, MAX_LINE_CHARS) for line in self.needs_human),
            learnings=self.learnings,
            made_by=self.planned_by,
            made_note=clean_line(self.not_by_model, MAX_LINE_CHARS),
        )


def read_draft(text: str, shown: str) -> tuple[PlanDraft, Source]:
    """The draft, and where its parts stand. Raises ConfigurationError for the first thing that is no such page."""
    source, data = parse_yaml(text, shown)
    return source.check(PlanRule, data).make(), source


def fault_at(source: Source, fault: Fault) -> TeamFileError:
    """The fault with its line."""
    return source.error(fault.at, fault.said)
