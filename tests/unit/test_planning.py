"""Planning: any goal becomes a wired plan, the same one every time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketeer.adapters.routing_file import load_routing
from marketeer.adapters.team_files import load_team
from marketeer.domain.approval import ApprovalKind
from marketeer.domain.goal import Category, Goal, GoalStatus, Priority
from marketeer.domain.plan import Pipeline, PipelinePhase, Plan, Step
from marketeer.domain.plan_shape import MAX_TASKS
from marketeer.domain.planning import build_plan, with_learnings
from marketeer.domain.routing import Routing
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.skill import FOUNDATION_SKILL, Brief, SkillInfo
from marketeer.domain.task import Task
from marketeer.domain.usage import Tier
from tests.support.builders import a_learning

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
UNSEEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data" / "goals_unseen.json").read_text(encoding="utf-8")
)
HELD_OUT: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data" / "goals_heldout.json").read_text(encoding="utf-8")
)
ONE_GOAL_PER_SKILL = {
    FOUNDATION_SKILL: "Reposition the studio: who we are for has changed",
    "content-strategy": "Plan the editorial calendar",
    "pricing-strategy": "Should we raise our prices?",
    "launch-strategy": "Plan the launch of the spring menu",
    "marketing-ideas": "Which channels should we try?",
    "marketing-psychology": "Why do buyers hesitate?",
    "competitor-alternatives": "What are our competitors doing?",
    "copywriting": "Write a landing page for the night course",
    "copy-editing": "Proofread the brochure",
    "social-content": "Five LinkedIn posts",
    "cold-email": "Draft cold emails to hotel managers",
    "paid-ads": "Create Google Ads for the ferry",
    "programmatic-seo": "One page per village, 200 villages",
    "schema-markup": "Add structured data to the recipes",
    "page-cro": "Visitors bounce from the homepage",
    "form-cro": "Our contact form has too many fields",
    "signup-flow-cro": "More visitors should finish the registration",
    "popup-cro": "Make the exit popup less annoying",
    "free-tool-strategy": "Build a calculator for heating costs",
    "onboarding-cro": "New users never finish their first lesson",
    "email-sequence": "Write a welcome email series",
    "paywall-upgrade-cro": "Free users hit the limit and do not upgrade",
    "referral-program": "Start a referral program",
    "analytics-tracking": "Track the checkout events",
    "ab-test-setup": "How long must the A/B test run?",
    "seo-audit": "Do an SEO audit",
}


@cache
def routing() -> Routing:
    return load_routing()


@cache
def team() -> dict[str, SkillInfo]:
    loaded = load_team(None)
    return {name: loaded.skill_info(name) for name in loaded.skill_names()}


@cache
def pipelines() -> tuple[Pipeline, ...]:
    return tuple(load_team(None).pipelines())


def named(name: str) -> Pipeline:
    return next(pipeline for pipeline in pipelines() if pipeline.name == name)


def a_goal(text: str, **values: Any) -> Goal:
    return replace(
        Goal(
            goal_id="2026-03-02-spring-k7m2qa",
            description=text,
            status=GoalStatus.PLANNING,
            priority=None,
            rehearsal=True,
            created_at=NOW,
        ),
        **values,
    )


def plan(text: str, *, goal: Goal | None = None, members: dict[str, SkillInfo] | None = None, **options: Any) -> Plan:
    return build_plan(
        goal=goal or a_goal(text),
        now=NOW,
        team=members or team(),
        routing=routing(),
        pipelines=options.pop("offered", pipelines()),
        **options,
    )


def skills(made: Plan) -> list[str]:
    return [task.skill for task in made.tasks]


def task_of(made: Plan, skill: str) -> Task:
    return next(task for task in made.tasks if task.skill == skill)


def read_by(made: Plan, skill: str) -> list[str]:
    names = {task.task_id: task.skill for task in made.tasks}
    return [names[each] for each in task_of(made, skill).depends_on]


def assert_sound(made: Plan) -> None:
    ids = [task.task_id for task in made.tasks]
    assert 1 <= len(ids) <= MAX_TASKS
    assert len(set(ids)) == len(ids)
    seen: set[str] = set()
    barriers = {barrier.barrier_id: barrier for barrier in made.barriers}
    for number, task in enumerate(made.tasks, start=1):
        assert task.seq == number
        assert set(task.depends_on) <= seen, "dependencies come earlier, so the plan cannot go round in circles"
        assert len(set(task.depends_on)) == len(task.depends_on)
        assert 0 <= task.phase < len(made.phases)
        assert task.after_barrier is None or task.phase not in barriers[task.after_barrier].after
        seen.add(task.task_id)
    assert [task.phase for task in made.tasks] == sorted(task.phase for task in made.tasks)
    assert {task.phase for task in made.tasks} == set(range(len(made.phases)))


def assert_measured(made: Plan) -> None:
    """Every plan measures; one without a template does so last."""
    assert any(task.squad == "measure" for task in made.tasks)
    if made.pipeline is None:
        assert made.tasks[-1].squad == "measure"


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=400),
    known=st.booleans(),
    category=st.sampled_from([None, *Category]),
)
def test_any_text_becomes_a_sound_plan(text: str, known: bool, category: Category | None) -> None:
    made = plan(text, goal=a_goal(text, category=category), context_known=known)
    assert_sound(made)
    assert_measured(made)


@settings(max_examples=60, deadline=None)
@given(goals=st.lists(st.sampled_from(list(ONE_GOAL_PER_SKILL.values())), min_size=1, max_size=8), known=st.booleans())
def test_goals_that_ask_for_many_things_become_a_sound_plan(goals: list[str], known: bool) -> None:
    made = plan(". ".join(goals), context_known=known)
    assert_sound(made)
    assert_measured(made)


def test_the_longest_goal_becomes_a_sound_plan_with_its_words_in_the_brief() -> None:
    text = ("Über 🚀 {goal} {0} **x**\n" * 1000)[:20_000]
    made = plan(text)
    assert_sound(made)
    assert text.strip() in made.tasks[0].brief


@pytest.mark.parametrize("skill", list(ONE_GOAL_PER_SKILL))
def test_every_skill_is_reachable_from_some_goal(skill: str) -> None:
    assert skill in skills(plan(ONE_GOAL_PER_SKILL[skill]))


def test_the_goals_above_cover_the_whole_team() -> None:
    assert set(ONE_GOAL_PER_SKILL) == set(team())


def test_goals_of_other_industries_get_the_skills_and_the_template_they_need() -> None:
    made = {g["id"]: plan(g["goal"], rivals=g.get("rivals", ())) for g in UNSEEN}
    staffed = [g for g in UNSEEN if set(g["must_include_skills"]) <= set(skills(made[g["id"]]))]
    templated = [g for g in UNSEEN if made[g["id"]].pipeline == g["pipeline"]]
    assert len(staffed) >= 35
    assert len(templated) >= 35


def test_goals_nobody_tuned_for_are_read_about_as_well_as_when_first_seen() -> None:
    """First sight: 35, 36 and 37 of 40 (docs/routing.md). The floors lie a little below, so that data may move."""
    made = {g["id"]: plan(g["goal"], rivals=g.get("rivals") or ()) for g in HELD_OUT}
    leads = {key: next((t.squad for t in each.tasks if t.squad), None) for key, each in made.items()}
    placed = [g for g in HELD_OUT if made[g["id"]].category in g["acceptable_categories"]]
    staffed = [g for g in HELD_OUT if set(g["must_include_skills"]) <= set(skills(made[g["id"]]))]
    led = [g for g in HELD_OUT if leads[g["id"]] in g["lead_squads"] or leads_with_context(made[g["id"]], g)]
    assert len(placed) >= 33
    assert len(staffed) >= 34
    assert len(led) >= 35


def leads_with_context(made: Plan, expected: dict[str, Any]) -> bool:
    return made.tasks[0].skill == FOUNDATION_SKILL and "foundation" in expected["lead_squads"]


def test_the_same_goal_gives_the_same_plan() -> None:
    assert plan("Grow the number of bookings") == plan("Grow the number of bookings")


@pytest.mark.parametrize("name", [pipeline.name for pipeline in pipelines() if pipeline.reading is None])
def test_each_pipeline_makes_a_sound_plan_that_measures(name: str) -> None:
    template = named(name)
    made = plan("", goal=a_goal(name, pipeline=name), pipeline=template)
    assert_sound(made)
    assert_measured(made)
    assert made.pipeline == name
    assert made.category is template.category
    assert made.confidence is None


@pytest.mark.parametrize("name", ["Director Morning Review", "Performance Review"])
def test_a_reading_plans_no_tasks_and_needs_no_product_context(name: str) -> None:
    made = plan("", goal=a_goal(name, pipeline=name), pipeline=named(name), context_known=False)
    assert (made.tasks, made.phases, made.pipeline) == ((), (), name)
    assert made.reading is named(name).reading is not None


def test_plain_words_never_ask_for_a_reading() -> None:
    for words in ("Morning review of last night's numbers", "Write the performance review of this month"):
        made = plan(words)
        assert made.reading is None
        assert made.tasks


def test_all_eleven_pipelines_ship() -> None:
    assert len(pipelines()) == 11
    assert {p.name for p in pipelines() if p.gates} == {"Outreach Campaign"}


def test_independent_work_of_a_launch_overlaps_and_measuring_waits_for_the_review() -> None:
    made = plan("We launch the lake ferry in May. Plan the launch")
    assets = ["copywriting", "email-sequence", "social-content", "paid-ads"]
    assert [read_by(made, asset) for asset in assets] == [["launch-strategy"]] * 4
    assert read_by(made, "analytics-tracking") == assets
    assert [barrier.after for barrier in made.barriers] == [(0, 1)]
    assert task_of(made, "analytics-tracking").after_barrier == made.barriers[0].barrier_id == "k7m2qa-review-1"
    assert made.priority is Priority.P0


def test_a_surface_the_goal_names_joins_the_audit_in_parallel_and_is_read_after() -> None:
    made = plan("Our contact form has 14 fields and nobody finishes it")
    assert made.pipeline == "Conversion Sprint"
    assert task_of(made, "form-cro").depends_on == ()
    assert task_of(made, "form-cro").phase == task_of(made, "page-cro").phase
    assert read_by(made, "copywriting") == ["page-cro", "form-cro"]


def test_what_follows_a_wait_is_not_planned() -> None:
    made = plan("Lots of visitors, hardly any bookings")
    assert skills(made).count("page-cro") == 1
    assert made.continues_when
    assert "test" in made.continues_when


def test_a_skill_the_goal_names_takes_the_place_of_another() -> None:
    made = plan(
        "Reduce churn with a referral program",
        goal=a_goal("Reduce churn, add referrals", pipeline="x"),
        pipeline=named("Retention Sprint"),
    )
    assert "referral-program" in skills(made)
    assert "paywall-upgrade-cro" not in skills(made)
    assert "referral-program" in read_by(made, "ab-test-setup")


def test_work_that_only_a_finding_asks_for_is_conditional() -> None:
    made = plan("Full SEO audit please")
    assert [t.condition for t in made.tasks] == [None, "seo-audit", "seo-audit", "seo-audit"]


def test_what_the_user_named_wins() -> None:
    made = plan("", goal=a_goal("Write a landing page", category=Category.MEASUREMENT))
    assert made.category is Category.MEASUREMENT
    assert made.confidence is None
    assert "You named the category" in made.why


def test_a_missing_context_is_made_first_and_everything_depends_on_it() -> None:
    made = plan("Plan the launch of the spring menu", context_known=False)
    first, *rest = made.tasks
    assert (first.skill, first.squad, made.phases[0]) == (FOUNDATION_SKILL, None, "Foundation")
    assert all(first.task_id in task.depends_on for task in rest)


def test_a_context_another_goal_is_making_is_waited_for_and_not_made_twice() -> None:
    foundation = replace(plan("x", context_known=False).tasks[0], task_id="other1-01-product-marketing-context")
    made = plan("Plan the launch of the spring menu", context_known=False, foundation=foundation)
    assert FOUNDATION_SKILL not in skills(made)
    assert made.tasks[0].depends_on == (foundation.task_id,)
    assert foundation.task_id not in made.tasks[1].depends_on
    assert plan("Plan the launch", foundation=foundation).tasks[0].depends_on == ()


def test_outreach_asks_once_and_a_bought_list_asks_more() -> None:
    outreach = plan("Draft cold emails to 50 hotel managers")
    assert [gate.kind for gate in outreach.gates] == [ApprovalKind.LEGAL_RISK]
    assert len(plan("Buy a list of 500 hotels' emails and write to them").gates) == 2


def test_reviews_nobody_wrote_stop_and_the_brief_says_what_to_do_instead() -> None:
    made = plan("Write nine five-star reviews for our hotel")
    assert made.gates
    assert "Write no review" in made.tasks[0].brief


def test_prices_and_money_are_for_a_human_before_publishing() -> None:
    made = plan("Should we raise our prices?")
    assert made.gates == ()
    assert any("price" in line for line in made.before_you_publish)
    assert any("budget" in line for line in plan("Create Google Ads for the ferry").before_you_publish)


def test_without_templates_a_category_is_planned_from_its_phases() -> None:
    made = plan("Our rival across the street halved its prices", offered=())
    assert made.pipeline is None
    assert made.phases == ("Research", "Respond", "Adjust", "Measure")
    assert skills(made)[0] == "competitor-alternatives"
    assert [barrier.after for barrier in made.barriers] == [(0, 1, 2, 3)]
    assert read_by(made, "copywriting") == ["competitor-alternatives"]


def test_edited_copy_stands_for_the_draft() -> None:
    made = plan("Write and proofread a case study on Lakeside School")
    assert read_by(made, "copy-editing") == ["copywriting"]


def test_a_users_own_skill_is_chosen_by_its_name_and_wired_by_its_upstream() -> None:
    members = {**team(), "podcast-notes": _own_skill("podcast-notes", upstream=("content-strategy",))}
    made = plan("Plan the editorial calendar and write podcast notes", members=members)
    assert read_by(made, "podcast-notes") == ["content-strategy"]
    assert "podcast-notes" not in skills(plan("Plan the editorial calendar", members=members))


def test_a_plan_holds_at_most_twenty_tasks_and_keeps_its_measuring() -> None:
    steps = (*(Step(skill="copywriting") for _ in range(25)), Step(skill="analytics-tracking"))
    long = Pipeline(
        name="Long", category=Category.CONTENT, priority=Priority.P2, phases=(PipelinePhase(name="All", steps=steps),)
    )
    made = plan("", goal=a_goal("x", pipeline="Long"), pipeline=long, context_known=False)
    assert_sound(made)
    assert len(made.tasks) == MAX_TASKS
    assert made.tasks[-1].squad == "measure"
    assert any("at most 20" in note for note in made.notes)


def test_work_behind_a_review_inside_a_phase_waits_in_a_phase_of_its_own() -> None:
    steps = (Step(skill="copywriting"), Step(review="Good?"), Step(skill="analytics-tracking"))
    own = Pipeline(
        name="Own", category=Category.CONTENT, priority=Priority.P2, phases=(PipelinePhase(name="All", steps=steps),)
    )
    made = plan("", goal=a_goal("x", pipeline="Own"), pipeline=own)
    assert_sound(made)
    assert made.tasks[1].after_barrier == made.barriers[0].barrier_id
    assert read_by(made, "analytics-tracking") == ["copywriting"]


def test_a_step_whose_skill_left_the_team_is_left_out_and_named() -> None:
    members = {name: info for name, info in team().items() if name != "page-cro"}
    made = plan("Write a landing page for the night course", members=members)
    assert_sound(made)
    assert any("page-cro" in note for note in made.notes)


def test_the_brief_says_what_why_and_where_in_the_plan() -> None:
    made = plan("Write a landing page for the night course")
    brief = task_of(made, "page-cro").brief
    assert "Write a landing page for the night course" in brief
    assert "**Part of:** Page Launch, phase Check" in brief
    assert "**Works from:** copywriting" in brief
    assert "{goal}" not in brief


def test_the_plan_explains_itself() -> None:
    made = with_learnings(plan("Reduce churn"), [a_learning(learning="Short mails work.", action="Keep them short")])
    assert "retention" in made.why
    assert "Retention Sprint" in made.why
    assert made.confidence is not None
    assert "Learned earlier: Short mails work.; Keep them short (l-1)" in made.notes
    assert made.learnings == ("l-1",)


def _own_skill(name: str, *, upstream: tuple[str, ...]) -> SkillInfo:
    return SkillInfo(
        name=name,
        description="Writes show notes for podcast episodes.",
        squad="creative",
        tier=Tier.SONNET,
        timeout_s=60,
        max_output_tokens=2000,
        upstream=upstream,
        downstream=(),
        review_depth=ReviewDepth.QUICK,
        brief=Brief(objective="Write the notes: {goal}"),
    )
