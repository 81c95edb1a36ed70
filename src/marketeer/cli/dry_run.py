"""`start --dry-run`: the plan, who does what and why, and what it would cost. Nothing is called, nothing is written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output, text
from marketeer.cli.common import Call, run
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.forecast import PlanForecast
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import GoalBill, Spend
from marketeer.domain.plan import Plan
from marketeer.domain.submission import Submission
from marketeer.domain.usage import dollars
from marketeer.engine.forecasting import History, forecast_of, history_of
from marketeer.engine.summary import goal_dict
from marketeer.ports import Team
from marketeer.runtime import open_reader, preview

PLANNED = "planned"


def show_plan(call: Call, submission: Submission) -> int:
    goal, plan, team = preview(call.settings, submission)
    forecast = run(_forecast(call, goal, plan, team))
    if call.as_json:
        output.document(plan_document(goal, plan, forecast))
    else:
        for line in plan_lines(goal, plan, forecast):
            output.say(line)
    return 0


async def _forecast(call: Call, goal: Goal, plan: Plan, team: Team) -> PlanForecast:
    """From the workspace's own history, if it has any yet."""
    context = call.settings.workspace_dir / CONTEXT_PATH
    known = context.read_text("utf-8", errors="replace") if context.is_file() else None
    history: History = {}
    if FileWorkspace(call.settings.workspace_dir).exists:
        async with open_reader(call.settings) as reader:
            history = await history_of(reader.store, plan)
    parallel, depth = call.settings.max_parallel_agents, call.settings.marketeer_review
    return forecast_of(goal, plan, team, context=known, history=history, parallel=parallel, depth=depth)


def plan_document(goal: Goal, plan: Plan, forecast: PlanForecast) -> dict[str, Any]:
    """The goal document of a goal that does not exist yet, with what it would cost."""
    document = goal_dict(_planned(goal, plan), plan.tasks, GoalBill(total=Spend(), by_task={}), now=goal.created_at)
    total, time = forecast.cost, forecast.time
    return document | {
        "goal_id": None,
        "status": PLANNED,
        "created_at": None,
        "cost_low_usd": float(total.low_usd),
        "cost_expected_usd": float(total.expected_usd),
        "cost_high_usd": float(total.high_usd),
        "time_low_s": round(time.low_s, 1),
        "time_expected_s": round(time.expected_s, 1),
        "time_high_s": round(time.high_s, 1),
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


def plan_lines(goal: Goal, plan: Plan, forecast: PlanForecast) -> list[str]:
    lines = [f"Plan for: {text.one_line(goal.description)}", plan.why, f"Priority {plan.priority.value}"]
    for index, name in enumerate(plan.phases):
        tasks = [task for task in plan.tasks if task.phase == index]
        rows = [(t.skill, t.squad or "-", _about(forecast.by_task[t.task_id].cost.expected_usd), t.why) for t in tasks]
        phase = forecast.phases[index]
        about = f"{_about(phase.cost.expected_usd)}, {text.span(phase.time.expected_s)}"
        lines += ["", f"{name} ({about})", *text.table(rows, indent="  ")]
        lines += [f"  Review: {b.title}" for b in plan.barriers if b.after and max(b.after) == index]
    lines += [line for note in plan.notes for line in ("", f"Note: {note}")]
    lines += [line for gate in plan.gates for line in ("", f"It asks you first: {gate.question}")]
    if plan.before_you_publish:
        lines += ["", "Before you publish:", *(f"  - {item}" for item in plan.before_you_publish)]
    if plan.continues_when:
        lines += ["", f"It ends before {plan.continues_when.rstrip('.')}."]
    return [*lines, "", *_total(goal, forecast), "Nothing was called and nothing was written."]


def _about(amount: Decimal) -> str:
    return f"~{dollars(round(amount, 2))}"


def _total(goal: Goal, forecast: PlanForecast) -> list[str]:
    cost, time = forecast.cost, forecast.time
    low, likely, high = (dollars(round(x, 2)) for x in (cost.low_usd, cost.expected_usd, cost.high_usd))
    free = " for real; a rehearsal is free" if goal.rehearsal else ""
    shortest, usual, longest = (text.span(x) for x in (time.low_s, time.expected_s, time.high_s))
    known = sum(1 for task in forecast.by_task.values() if task.known)
    basis = (
        f" ({known} of {len(forecast.by_task)} tasks judged by what their skill has cost here before)" if known else ""
    )
    return [
        f"Cost: about {likely}, between {low} and {high}{free}.{basis}",
        f"Time: about {usual}, between {shortest} and {longest}, without waiting for people.",
    ]
