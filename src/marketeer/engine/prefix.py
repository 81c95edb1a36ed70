"""How long the stable part of a skill's prompt is: what every call of it begins with, and the cache holds."""

from __future__ import annotations

from marketeer.domain.skill import Skill
from marketeer.domain.usage import token_estimate
from marketeer.engine.prompts import PromptParts, system_blocks

# A team whose prompts begin with more than this has instructions that nobody will follow.
MAX_PREFIX_TOKENS = 9_000


def prefix_tokens(skill: Skill, *, house_rules: str, context: str) -> int:
    """House rules, product context, skill, references and template, estimated in tokens."""
    parts = PromptParts(
        house_rules=house_rules,
        context=context,
        skill=skill,
        references=tuple((reference.name, reference.text) for reference in skill.references),
        learnings="",
        today="",
        brief="",
    )
    return token_estimate("".join(block.text for block in system_blocks(parts)))
