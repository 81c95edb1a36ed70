"""The form that a model fills in when it plans, and the draft that becomes of it."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

from marketeer.domain.plan import Pipeline
from marketeer.domain.plan_brief import TaskBrief
from marketeer.domain.plan_cast import steps_of
from marketeer.domain.plan_check import MAX_NAME_CHARS, MAX_WHY_CHARS, PlanFrame
from marketeer.domain.plan_draft import PhaseDraft, PlanDraft, TaskDraft, clean_line
from marketeer.domain.planning import limits_of

MAX_LINE_CHARS = 900
MAX_LINES = 8
MAX_KEY_CHARS = 60
_NO_TEMPLATE = frozenset({"", "none", "null"})


class TaskForm(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)  # many goals never see one

    id: str
    skill: str
    objective: str
    inputs: str = ""
    output: str = ""
    boundaries: list[str] = Field(default_factory=list)
    acceptance: list[str] = Field(default_factory=list)
    needs: list[str] = Field(default_factory=list)
    why: str = ""


class PhaseForm(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    name: str
    review: str | None = None
    tasks: list[TaskForm]


class PlanForm(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    category: str
    template: str | None = None
    why: str
    phases: list[PhaseForm]
    needs_human: list[str] = Field(default_factory=list)
    learnings: list[str] = Field(default_factory=list)


def draft_from(form: PlanForm, frame: PlanFrame) -> PlanDraft:
    """Its words on single lines and no longer than they may be; what it says is checked elsewhere."""
    named = clean_line(form.template or "", MAX_NAME_CHARS)
    chosen = frame.pipeline(named)
    return PlanDraft(
        category=form.category.strip().lower(),
        pipeline=None if named.casefold() in _NO_TEMPLATE else chosen.name if chosen else named,
        why=clean_line(form.why, MAX_WHY_CHARS),
        phases=tuple(
            PhaseDraft(
                name=clean_line(phase.name, MAX_NAME_CHARS),
                tasks=tuple(_task(task, phase, form, frame, chosen) for task in phase.tasks),
                review=clean_line(phase.review or "", MAX_LINE_CHARS) or None,
            )
            for phase in form.phases
        ),
        needs_human=_lines(form.needs_human),
        learnings=tuple(form.learnings),
    )


def _task(task: TaskForm, phase: PhaseForm, form: PlanForm, frame: PlanFrame, chosen: Pipeline | None) -> TaskDraft:
    skill, key, needs = task.skill.strip(), _key(task.id), tuple(dict.fromkeys(map(_key, task.needs)))
    others = [other for each in form.phases for other in each.tasks]
    before = dict.fromkeys(other.skill.strip() for other in others if _key(other.id) in needs)
    after = dict.fromkeys(other.skill.strip() for other in others if key in map(_key, other.needs))
    info = frame.team.get(skill)
    brief = TaskBrief(
        objective=clean_line(task.objective, MAX_LINE_CHARS),
        part_of=chosen.name if chosen else f"a {clean_line(form.category, MAX_NAME_CHARS).lower()} plan",
        phase=clean_line(phase.name, MAX_NAME_CHARS),
        before=tuple(before),
        after=tuple(after),
        inputs=clean_line(task.inputs, MAX_LINE_CHARS),
        output=clean_line(task.output, MAX_LINE_CHARS),
        limits=(*(info.brief.boundaries if info else ()), *limits_of(frame.risks), *_lines(task.boundaries)),
        acceptance=(*(info.brief.acceptance if info else ()), *_lines(task.acceptance)),
        goal=frame.goal.description.strip(),
    )
    step = next((step for step in steps_of(chosen) if step.skill == skill), None) if chosen else None
    return TaskDraft(
        key=key,
        skill=skill,
        brief=brief.text() if brief.objective else "",
        needs=needs,
        why=clean_line(task.why, MAX_WHY_CHARS),
        condition=step.condition if step and step.condition in before else None,
        latest=step.latest if step else (),
        best_of=step.best_of if step else 1,
    )


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:MAX_KEY_CHARS].strip("-")


def _lines(texts: list[str]) -> tuple[str, ...]:
    cleaned = (clean_line(text, MAX_LINE_CHARS) for text in texts[:MAX_LINES])
    return tuple(dict.fromkeys(filter(None, cleaned)))
