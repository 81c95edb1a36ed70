"""Chapter 2: the Director turns a goal's words into tasks for skills, and says why."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from marketeer.adapters.routing_file import load_routing
from marketeer.adapters.team_files import FileTeam, load_team
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Category, Priority
from marketeer.domain.plan import Plan
from marketeer.domain.planning import build_plan
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.submission import Submission, new_goal

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@cache
def team() -> FileTeam:
    """Skills, pipelines and prices are files. None: without a workspace's own files laid over them."""
    return load_team(None)


def plan_of(words: str, *, pipeline: str | None = None, context_known: bool = True) -> Plan:
    return build_plan(
        goal=new_goal(Submission(description=words, rehearsal=True), token="k3v9t2mx", now=NOON),
        now=NOON,
        team={name: team().skill_info(name) for name in team().skill_names()},
        routing=load_routing(),
        pipeline=team().find_pipeline(pipeline) if pipeline else None,
        pipelines=team().pipelines(),
        context_known=context_known,
    )


def test_the_words_of_a_goal_choose_category_and_template() -> None:
    plan = plan_of("Increase signup conversion by 20%")

    assert plan.category is Category.OPTIMIZATION
    assert plan.pipeline == "Conversion Sprint"
    assert "signing up" in plan.why, "every choice comes with its reason"


def test_a_named_pipeline_wins_over_the_words() -> None:
    plan = plan_of("Increase signup conversion by 20%", pipeline="content production")

    assert (plan.pipeline, plan.priority) == ("Content Production", Priority.P2)
    assert plan.phases == ("Plan", "Create", "Optimize")


def test_a_name_that_does_not_exist_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Content Production"):
        plan_of("Write a post", pipeline="Content Prodution")


def test_a_task_waits_for_the_outputs_it_uses_and_for_nothing_else() -> None:
    plan = plan_of("Launch the spring menu", pipeline="Product Launch")
    skills = {task.task_id: task.skill for task in plan.tasks}
    needs = {task.skill: {skills[need] for need in task.depends_on} for task in plan.tasks}

    assert needs["launch-strategy"] == set()
    for asset in ("copywriting", "email-sequence", "social-content", "paid-ads"):
        assert needs[asset] == {"launch-strategy"}, "so these four run at the same time"


def test_without_a_product_context_the_first_task_writes_one() -> None:
    first, *others = plan_of("Increase signup conversion by 20%", context_known=False).tasks

    assert first.skill == FOUNDATION_SKILL
    assert all(first.task_id in task.depends_on for task in others)


def test_a_plan_that_ends_before_the_outside_world_says_what_continues_it() -> None:
    plan = plan_of("Increase signup conversion by 20%")

    assert "the planned end of the test" in (plan.continues_when or "")
