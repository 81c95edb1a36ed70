"""`start --dry-run`: the plan, who does what and why, and what it would cost. Nothing is called, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marketeer.cli import output, text
from marketeer.cli.common import Call
from marketeer.domain.contract_template import render_template
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.forecast import TOKENS_A_WORD, CostRange, TaskSize, task_cost
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import GoalBill, Spend
from marketeer.domain.plan import Plan
from marketeer.domain.submission import Submission
from marketeer.domain.task import Task
from marketeer.domain.usage import dollars, token_estimate
from marketeer.engine.summary import goal_dict
from marketeer.ports import Team
from marketeer.runtime import preview

PLANNED = "planned"
# What the first task is expected to write when there is no product context yet.
CONTEXT_WORDS = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Cost of each task by id, and of all together."""

    by_task: Mapping[str, CostRange]
    total: CostRange


def show_plan(call: Call, submission: Submission) -> int:
    goal, plan, team = preview(call.settings, submission)
    forecast = forecast_of(call, goal, plan, team)
    if call.as_json:
        output.document(plan_document(goal, plan, forecast))
    else:
        for line in plan_lines(goal, plan, forecast):
            output.say(line)
    return 0


def forecast_of(call: Call, goal: Goal, plan: Plan, team: Team) -> Forecast:
    """From the sizes of what each specialist reads and of what its contract allows it to write."""
    context = call.settings.workspace_dir / CONTEXT_PATH
    known = token_estimate(context.read_text("utf-8", errors="replace")) if context.is_file() else None
    shared = token_estimate(team.house_rules()) + (known or round(CONTEXT_WORDS * TOKENS_A_WORD))
    by_skill = {task.task_id: team.skill(task.skill).contract for task in plan.tasks}
    words = {task_id: (c.min_words + c.max_words) / 2 for task_id, c in by_skill.items()}
    by_task = {}
    for task in plan.tasks:
        upstream = sum(words[source] for source in task.depends_on if source in words) * TOKENS_A_WORD
        asked = token_estimate(goal.description + task.brief)
        by_task[task.task_id] = _cost(task, team, shared + round(upstream) + asked)
    return Forecast(by_task=by_task, total=sum(by_task.values(), CostRange()))


def _cost(task: Task, team: Team, read_tokens: int) -> CostRange:
    skill = team.skill(task.skill)
    own = (skill.body, *(reference.text for reference in skill.references), render_template(skill.contract))
    model = team.model(skill.info.tier)
    limit = min(skill.info.max_output_tokens, model.max_output_tokens)
    size = TaskSize(
        input_tokens=read_tokens + sum(token_estimate(part) for part in own),
        min_words=skill.contract.min_words,
        max_words=skill.contract.max_words,
        max_output_tokens=limit,
    )
    return task_cost(size, model)


def plan_document(goal: Goal, plan: Plan, forecast: Forecast) -> dict[str, Any]:
    """The goal document of a goal that does not exist yet, with what it would cost."""
    document = goal_dict(_planned(goal, plan), plan.tasks, GoalBill(total=Spend(), by_task={}), now=goal.created_at)
    total = forecast.total
    return document | {
        "goal_id": None,
        "status": PLANNED,
        "created_at": None,
        "cost_low_usd": float(total.low_usd),
        "cost_expected_usd": float(total.expected_usd),
        "cost_high_usd": float(total.high_usd),
        "why": plan.why,
    }


def _planned(goal: Goal, plan: Plan) -> Goal:
    return replace(
        goal,
        category=plan.category,
        pipeline=plan.pipeline,
        priority=plan.priority,
        phases=plan.phases,
        continues_when=plan.continues_when,
    )


def plan_lines(goal: Goal, plan: Plan, forecast: Forecast) -> list[str]:
    lines = [f"Plan for: {text.one_line(goal.description)}", plan.why, f"Priority {plan.priority.value}"]
    for index, name in enumerate(plan.phases):
        tasks = [task for task in plan.tasks if task.phase == index]
        rows = [(t.skill, t.squad or "-", _about(forecast.by_task[t.task_id].expected_usd), t.why) for t in tasks]
        lines += ["", name, *text.table(rows, indent="  ")]
        lines += [f"  Review: {b.title}" for b in plan.barriers if b.after and max(b.after) == index]
    lines += [line for note in plan.notes for line in ("", f"Note: {note}")]
    lines += [line for gate in plan.gates for line in ("", f"It asks you first: {gate.question}")]
    if plan.before_you_publish:
        lines += ["", "Before you publish:", *(f"  - {item}" for item in plan.before_you_publish)]
    if plan.continues_when:
        lines += ["", f"It ends before {plan.continues_when.rstrip('.')}."]
    return [*lines, "", _total(goal, forecast.total), "Nothing was called and nothing was written."]


def _about(amount: Decimal) -> str:
    return f"~{dollars(round(amount, 2))}"


def _total(goal: Goal, total: CostRange) -> str:
    low, likely, high = (dollars(round(x, 2)) for x in (total.low_usd, total.expected_usd, total.high_usd))
    free = " for real; a rehearsal is free" if goal.rehearsal else ""
    return f"Cost: about {likely}, between {low} and {high}{free}."
