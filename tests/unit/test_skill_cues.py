"""Cues that a user's skill declares: they bring it into plans, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from marketeer.adapters.routing_file import load_routing
from marketeer.adapters.team_files import load_team
from marketeer.domain.goal import Category
from marketeer.domain.routing import Routing, choose_skills, infer_category
from marketeer.domain.skill import SkillInfo
from marketeer.domain.skill_cues import HOME, with_skill_cues

NAME = "podcast-notes"
GOAL = "Podcast notes for episode 12"


@pytest.fixture(scope="module")
def routing() -> Routing:
    return load_routing()


def own(squad: str = "creative", cues: tuple[str, ...] = ("podcast note*",)) -> SkillInfo:
    model = load_team(None).skill_info("copywriting")
    return replace(model, name=NAME, squad=squad, cues=cues)


def test_a_cue_in_the_goal_chooses_the_skill_and_leans_to_its_squads_category(routing: Routing) -> None:
    mine = with_skill_cues(routing, [own()])
    choice = infer_category(GOAL, mine)
    assert choice.category is Category.CONTENT
    assert NAME in choice.why
    assert NAME in [choice.skill for choice in choose_skills(GOAL, Category.CONTENT, mine)]
    assert NAME not in [choice.skill for choice in choose_skills("Write a landing page", Category.CONTENT, mine)]


@pytest.mark.parametrize("squad", HOME)
def test_a_skill_is_at_home_in_its_squads_category(routing: Routing, squad: str) -> None:
    mine = with_skill_cues(routing, [own(squad)])
    assert infer_category(GOAL, mine).category is HOME[squad]
    assert [rule.category for rule in mine.categories if NAME in rule.skills] == [HOME[squad]]


def test_every_squad_has_a_home() -> None:
    assert set(HOME) == {squad.name for squad in load_team(None).squads()}


def test_a_typing_mistake_in_a_cues_word_is_forgiven(routing: Routing) -> None:
    mine = with_skill_cues(routing, [own(cues=("webinar recap",))])
    assert NAME in [choice.skill for choice in choose_skills("Make a webinra recap", Category.CONTENT, mine)]


def test_skills_without_cues_leave_the_routing_as_it_is(routing: Routing) -> None:
    assert with_skill_cues(routing, [own(cues=())]) is routing
