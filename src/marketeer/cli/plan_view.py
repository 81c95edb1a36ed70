"""A goal's plan for people and as a document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketeer.cli import text
from marketeer.cli.common import Call
from marketeer.domain.plan import PlannedBy
from marketeer.domain.plan_draft import PlanDraft
from marketeer.domain.usage import dollars

if TYPE_CHECKING:
    from marketeer.runtime.plan_desk import ShownPlan

WHO = {
    PlannedBy.MODEL: "the Director, with a model",
    PlannedBy.TEMPLATE: "the rules and templates",
    PlannedBy.HUMAN: "a person",
}


def plan_dict(shown: ShownPlan) -> dict[str, Any]:
    """`task_id` is null while the plan waits: there are no tasks yet."""
    goal, draft = shown.goal, shown.draft
    return {
        "goal_id": goal.goal_id,
        "status": goal.status.value,
        "waits": shown.waits,
        "planned_by": draft.made_by.value,
        "planned_note": draft.made_note or None,
        "why": draft.why,
        "category": draft.category,
        "pipeline": draft.pipeline,
        "learnings": list(draft.learnings),
        "phases": [
            {
                "name": phase.name,
                "review": phase.review,
                "tasks": [
                    {
                        "id": task.key,
                        "task_id": shown.task_ids.get(task.key),
                        "skill": task.skill,
                        "needs": list(task.needs),
                        "why": task.why,
                        "brief": task.brief,
                    }
                    for task in phase.tasks
                ],
            }
            for phase in draft.phases
        ],
        "before_you_publish": list(shown.before_you_publish),
        "cost_expected_usd": float(goal.forecast_usd) if goal.forecast_usd is not None else None,
        "page": shown.page,
    }


def plan_lines(call: Call, shown: ShownPlan) -> list[str]:
    goal, draft = shown.goal, shown.draft
    note = f": {draft.made_note}" if draft.made_note else ""
    rows = [
        ("Goal", f"{goal.goal_id} ({goal.status.value})"),
        ("Category", draft.category),
        ("Pipeline", draft.pipeline or "none"),
        ("Planned by", f"{WHO[draft.made_by]}{note}"),
        ("Why", draft.why),
    ]
    if goal.forecast_usd is not None:
        before = " as it was proposed" if shown.waits and draft.made_by is PlannedBy.HUMAN else ""
        rows.append(("Cost", f"about {dollars(round(goal.forecast_usd, 2))}{before}"))
    rows += [("Learnings", ", ".join(draft.learnings))] if draft.learnings else []
    lines = [goal.description, "", *(f"{f'{name}:':<12}{value}" for name, value in rows)]
    lines += _phases(draft)
    if shown.before_you_publish:
        lines += ["", "Before you publish:", *(f"  - {item}" for item in shown.before_you_publish)]
    return [*lines, *(_waiting(call, shown) if shown.waits else [])]


def _phases(draft: PlanDraft) -> list[str]:
    lines = []
    for phase in draft.phases:
        rows = [(t.key, ", ".join(t.needs) or "-", t.why) for t in phase.tasks]
        lines += ["", phase.name, *text.table([("TASK", "WORKS FROM", "WHY"), *rows], indent="  ")]
        lines += [f"  Review: {phase.review}"] if phase.review else []
    return lines


def _waiting(call: Call, shown: ShownPlan) -> list[str]:
    token = shown.goal.token
    page = text.shown_path(Path(call.settings.workspace_dir) / shown.page) if shown.page else ""
    rows = [
        (call.command(f"plan approve {token}"), "begin by it"),
        (call.command(f"plan edit {token}"), f"change it first, or edit {page}"),
        (call.command(f"plan reject {token}"), "cancel the goal"),
    ]
    longest = max(len(command) for command, _ in rows)
    return ["", "It waits for you:", *(f"  {command:<{longest}}   {effect}" for command, effect in rows)]
