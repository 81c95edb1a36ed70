"""The built-in team is in order: folders, examples, templates, prompts, and the time it takes to load."""

from __future__ import annotations

import time

from marketeer.adapters.team_files import load_team
from marketeer.adapters.team_files.inspection import inspect_skills
from marketeer.cli.team_page import EXAMPLE_CONTEXT
from marketeer.domain.context_gaps import context_needs
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.skill_text import BEGIN
from marketeer.engine.prefix import MAX_PREFIX_TOKENS, prefix_tokens

CONTEXT = EXAMPLE_CONTEXT.read_text("utf-8")
LIMIT_S = 0.150
# The limit holds on a quiet machine; a test must not fail on a busy one.
GENEROUS = 2


def test_the_built_in_skills_are_right_and_each_has_an_example() -> None:
    """When a template differs: marketeer skills validate src/marketeer/team/skills --fix."""
    team = load_team(None)
    inspection = inspect_skills(team, team.skill_names(), context=CONTEXT)
    assert [str(problem) for problem in inspection.problems] == []
    assert inspection.notes == ()


def test_a_prompt_has_the_template_once() -> None:
    team = load_team(None)
    for name in team.skill_names():
        assert "output template" in team.folder(name).read("SKILL.md")[0]
        assert BEGIN not in team.skill(name).body, name
        assert "## Output template" not in team.skill(name).body, name


def test_the_whole_team_loads_quickly() -> None:
    """150 ms on a quiet machine; processor time, as the tests share theirs."""
    took = []
    for _ in range(3):
        began = time.process_time()
        team = load_team(None)
        for name in team.skill_names():
            team.skill(name)
        team.pipelines()
        took.append(time.process_time() - began)
    assert min(took) < LIMIT_S * GENEROUS


def test_no_prompt_begins_with_more_than_anybody_follows() -> None:
    team = load_team(None)
    sizes = {
        name: prefix_tokens(team.skill(name), house_rules=team.house_rules(), context=CONTEXT)
        for name in team.skill_names()
    }
    assert {name: size for name, size in sizes.items() if size > MAX_PREFIX_TOKENS} == {}


def test_skills_need_what_they_declare_and_what_their_contract_looks_up() -> None:
    team = load_team(None)
    assert {"Personas", "Proof Points"} <= set(context_needs(team.skill("copywriting")))
    needless = [name for name in team.skill_names() if name != FOUNDATION_SKILL and not context_needs(team.skill(name))]
    assert needless == []
