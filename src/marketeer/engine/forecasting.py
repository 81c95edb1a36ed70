"""Forecasting a plan: from the ledger's history of each skill, or from what it reads and may write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketeer.domain.best_of import variants_of
from marketeer.domain.by_identity import by_identity
from marketeer.domain.contract_template import render_template
from marketeer.domain.forecast import (
    LEAST_HISTORY,
    LONGEST_HISTORY,
    TOKENS_A_WORD,
    PlanForecast,
    TaskForecast,
    TaskSize,
    of_several,
    plan_forecast,
    task_forecast,
)
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import TaskCost
from marketeer.domain.plan import Plan
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.skill import Skill
from marketeer.domain.task import Task
from marketeer.domain.usage import Tier, token_estimate
from marketeer.engine.review_depth import MAX_OUTPUT_TOKENS, TIERS
from marketeer.ports import Store, Team

# What the first task is expected to write when there is no product context yet.
CONTEXT_WORDS = 1_200

# Of a day or a month, and of what is said about it.
FACTS_TOKENS = 2_500
READING_WORDS = 300
READING_TOKENS = 1_500
# Of a review: five dimensions with their reasons, and some requests.
REVIEW_WORDS = 600

History = Mapping[str, Sequence[TaskCost]]


async def history_of(store: Store, plan: Plan) -> History:
    """Of each skill in the plan."""
    skills = {task.skill for task in plan.tasks}
    return await store.costs_of_skills(sorted(skills), limit=LONGEST_HISTORY)


def forecast_of(
    goal: Goal,
    plan: Plan,
    team: Team,
    *,
    context: str | None,
    history: History,
    parallel: int,
    depth: ReviewDepth | None = None,
) -> PlanForecast:
    """`context` is the product context, None when the plan begins by writing one; `depth` that of all reviews, None
    where each skill says its own."""
    known = token_estimate(context) if context is not None else round(CONTEXT_WORDS * TOKENS_A_WORD)
    shared = token_estimate(team.house_rules()) + known
    if plan.reading is not None:
        return _of_reading(team)
    contracts = {task.task_id: team.skill(task.skill).contract for task in plan.tasks}
    words = {task_id: (c.min_words + c.max_words) / 2 for task_id, c in contracts.items()}
    by_task = {}
    for task in plan.tasks:
        upstream = sum(words[source] for source in task.depends_on if source in words) * TOKENS_A_WORD
        asked = token_estimate(goal.description + task.brief)
        read_tokens = shared + round(upstream) + asked
        count = variants_of(goal.best_of, task.skill, task.best_of)
        known_costs = history.get(task.skill, ())
        found = _of_task(task, team, read_tokens, known_costs, count=count)
        if len(known_costs) < LEAST_HISTORY:
            found = _with_review(found, team.skill(task.skill), team, read_tokens, depth)
        by_task[task.task_id] = found
    return plan_forecast(plan.tasks, plan.phases, by_task, parallel=parallel)


def _of_reading(team: Team) -> PlanForecast:
    """One call of the Director's, which is never revised."""
    model = team.model(Tier.OPUS)
    tokens = token_estimate(team.house_rules()) + FACTS_TOKENS
    size = TaskSize(
        input_tokens=tokens, min_words=READING_WORDS // 2, max_words=READING_WORDS, max_output_tokens=READING_TOKENS
    )
    found = task_forecast(size, model, Tier.OPUS, ())
    return PlanForecast(by_task={}, phases=(), cost=found.cost, time=found.time)


@by_identity
def _own_tokens(skill: Skill) -> int:
    own = (skill.body, *(reference.text for reference in skill.references), render_template(skill.contract))
    return sum(map(token_estimate, own))


def _with_review(
    found: TaskForecast, skill: Skill, team: Team, read_tokens: int, depth: ReviewDepth | None
) -> TaskForecast:
    """A skill's history has its reviews in it; sizes alone have not."""
    tier = TIERS.get(depth or skill.info.review_depth)
    if tier is None or not skill.rubric:
        return found
    written = round((skill.contract.min_words + skill.contract.max_words) / 2 * TOKENS_A_WORD)
    taught = _own_tokens(skill) if tier is Tier.OPUS else 0
    size = TaskSize(
        input_tokens=read_tokens + written + taught,
        min_words=REVIEW_WORDS // 2,
        max_words=REVIEW_WORDS,
        max_output_tokens=MAX_OUTPUT_TOKENS,
    )
    review = task_forecast(size, team.model(tier), tier, ())
    return TaskForecast(cost=found.cost + review.cost, time=found.time + review.time)


def _of_task(task: Task, team: Team, read_tokens: int, history: Sequence[TaskCost], *, count: int) -> TaskForecast:
    skill = team.skill(task.skill)
    model = team.model(skill.info.tier)
    size = TaskSize(
        input_tokens=read_tokens + _own_tokens(skill),
        min_words=skill.contract.min_words,
        max_words=skill.contract.max_words,
        max_output_tokens=min(skill.info.max_output_tokens, model.max_output_tokens),
    )
    one = task_forecast(size, model, skill.info.tier, history)
    return one if count == 1 else of_several(one, size, team.model(Tier.SONNET), Tier.SONNET, count=count)
