"""From a draft with which nothing is wrong to the plan: tasks numbered and wired, behind the reviews they wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marketeer.domain.best_of import unmet_wishes
from marketeer.domain.goal import Barrier, Category, Priority
from marketeer.domain.plan import Gate, Pipeline, Plan, PlannedBy, Step
from marketeer.domain.plan_check import PlanFrame
from marketeer.domain.plan_draft import PlanDraft, TaskDraft
from marketeer.domain.plan_gates import lines_of_gates, plan_gates
from marketeer.domain.planning import with_learnings
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.task import Task


def cast(draft: PlanDraft, frame: PlanFrame) -> Plan:
    """What the rules stop a goal for, and want a person to see to, holds for every plan of it."""
    chosen, template = frame.pipeline(draft.pipeline), frame.template
    barriers = _barriers(draft, frame)
    plan = replace(
        template,
        category=Category(draft.category),
        pipeline=chosen.name if chosen else None,
        priority=_priority(frame, chosen),
        phases=tuple(phase.name for phase in draft.phases),
        tasks=_tasks(draft, frame, barriers),
        why=draft.why,
        barriers=barriers,
        gates=_gates(draft, frame, chosen),
        before_you_publish=_before_publishing(draft, frame, chosen),
        continues_when=_continues_when(frame, chosen),
        notes=template.notes if draft.made_by is PlannedBy.TEMPLATE else _notes(draft, frame),
        confidence=template.confidence if draft.made_by is PlannedBy.TEMPLATE else None,
        learnings=(),
        made_by=draft.made_by,
        made_note=draft.made_note,
        needs_human=draft.needs_human,
    )
    return with_learnings(plan, [one for one in frame.learnings if one.learning_id in draft.learnings])


def _priority(frame: PlanFrame, chosen: Pipeline | None) -> Priority:
    return frame.goal.priority or (chosen.priority if chosen else frame.template.priority)


def _barriers(draft: PlanDraft, frame: PlanFrame) -> tuple[Barrier, ...]:
    reviewed = [(index, phase.review) for index, phase in enumerate(draft.phases) if phase.review]
    return tuple(
        Barrier(barrier_id=f"{frame.goal.token}-review-{n}", title=title, after=tuple(range(index + 1)))
        for n, (index, title) in enumerate(reviewed, start=1)
    )


def _tasks(draft: PlanDraft, frame: PlanFrame, barriers: Sequence[Barrier]) -> tuple[Task, ...]:
    drafts = draft.tasks()
    ids = {task.key: f"{frame.goal.token}-{n:02d}-{task.skill}" for n, task in enumerate(drafts, start=1)}
    root = next((ids[task.key] for task in drafts if task.skill == FOUNDATION_SKILL), None)
    phase_of = {task.key: p for p, phase in enumerate(draft.phases) for task in phase.tasks}
    return tuple(
        Task(
            task_id=ids[task.key],
            goal_id=frame.goal.goal_id,
            seq=n,
            phase=phase_of[task.key],
            skill=task.skill,
            squad=frame.team[task.skill].squad,
            brief=task.brief,
            depends_on=_depends_on(task, ids, root, frame.waits_for),
            after_barrier=_behind(phase_of[task.key], barriers),
            condition=task.condition,
            latest=task.latest,
            best_of=task.best_of,
            pass_number=frame.goal.pass_number,
            why=task.why,
            created_at=frame.now,
        )
        for n, task in enumerate(drafts, start=1)
    )


def _depends_on(task: TaskDraft, ids: dict[str, str], root: str | None, waits_for: str | None) -> tuple[str, ...]:
    own = ids[task.key]
    needs = [ids[need] for need in sorted(task.needs, key=list(ids).index)]
    first = [root] if root is not None and root != own else []
    return tuple(dict.fromkeys([*first, *needs])) or ((waits_for,) if waits_for else ())


def _behind(phase: int, barriers: Sequence[Barrier]) -> str | None:
    passed = [barrier.barrier_id for barrier in barriers if max(barrier.after) < phase]
    return passed[-1] if passed else None


def _notes(draft: PlanDraft, frame: PlanFrame) -> tuple[str, ...]:
    return tuple(unmet_wishes(frame.goal.best_of, [task.skill for task in draft.tasks()]))


def _gates(draft: PlanDraft, frame: PlanFrame, chosen: Pipeline | None) -> tuple[Gate, ...]:
    """Those of the rules' own template, too, which hold the skills of this plan. What is asked twice is asked once."""
    usual = frame.pipeline(frame.template.pipeline)
    skills = {task.skill for task in draft.tasks()}
    both = dict.fromkeys(pipeline.name if pipeline else None for pipeline in (usual, chosen))
    made = [gate for name in both for gate in plan_gates(frame.pipeline(name), frame.risks, frame.gates, skills)]
    return tuple({gate.question: gate for gate in reversed(made)}.values())[::-1]


def _before_publishing(draft: PlanDraft, frame: PlanFrame, chosen: Pipeline | None) -> tuple[str, ...]:
    usual = {step.skill for step in steps_of(chosen)} if chosen else set()
    added = [task.skill for task in draft.tasks() if task.skill not in usual]
    lines = [
        *frame.template.before_you_publish,
        *(chosen.before_you_publish if chosen else ()),
        *lines_of_gates(chosen, frame.gates),
        *draft.needs_human,
        *(frame.publish_notes[skill] for skill in added if skill in frame.publish_notes),
    ]
    return tuple(dict.fromkeys(lines))


def _continues_when(frame: PlanFrame, chosen: Pipeline | None) -> str | None:
    if chosen is None:
        return None
    if chosen.name == frame.template.pipeline:
        return frame.template.continues_when
    return next((step.wait for step in steps_of(chosen) if step.wait), None)


def steps_of(pipeline: Pipeline) -> list[Step]:
    return [step for phase in pipeline.phases for step in phase.steps]
