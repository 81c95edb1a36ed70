"""Cues that skills declare themselves: a skill added as a folder is found in goals as the built-in ones are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from marketeer.domain.goal import Category
from marketeer.domain.phrases import phrase_pattern, phrase_words
from marketeer.domain.routing import WORDING_VOTES, Cue, Routing
from marketeer.domain.skill import SkillInfo

# As strong as the plainest cue for a built-in skill: said in so many words, it takes part in any plan.
SKILL_VOTES = 6.0
# More than resemblance to examples alone: no example can know a skill its user wrote.
CATEGORY_VOTES = WORDING_VOTES + 1.0

# What a goal is about that asks for a member of the squad, as far as nothing else in it says more.
HOME: dict[str, Category] = {
    "strategy": Category.STRATEGIC,
    "creative": Category.CONTENT,
    "convert": Category.OPTIMIZATION,
    "activate": Category.RETENTION,
    "measure": Category.MEASUREMENT,
}


def with_skill_cues(routing: Routing, infos: Iterable[SkillInfo]) -> Routing:
    """The routing with the skills' own cues behind its own, and their skills at home in their squad's category."""
    own = [info for info in infos if info.cues]
    if not own:
        return routing
    words, stems = phrase_words(phrase for info in own for phrase in info.cues)
    return replace(
        routing,
        cues=(*routing.cues, *map(_cue, own)),
        categories=tuple(
            replace(rule, skills=(*rule.skills, *(info.name for info in own if _home(info) is rule.category)))
            for rule in routing.categories
        ),
        words=routing.words | words,
        stems=routing.stems | stems,
    )


def _cue(info: SkillInfo) -> Cue:
    home = _home(info)
    return Cue(
        cue_id=f"skill:{info.name}",
        why=f"asks for what {info.name} does",
        say=phrase_pattern(info.cues),
        unless=phrase_pattern(()),
        rival=False,
        categories={home: CATEGORY_VOTES} if home else {},
        skills={info.name: SKILL_VOTES},
        pipelines={},
    )


def _home(info: SkillInfo) -> Category | None:
    return HOME.get(info.squad or "")
