"""Skills: the specialists, as loaded from their folders."""

from __future__ import annotations

from dataclasses import dataclass

from marketeer.domain.contract import Contract
from marketeer.domain.rubric import Dimension, ReviewDepth
from marketeer.domain.usage import Tier

FOUNDATION_SKILL = "product-marketing-context"
DIRECTOR = "director"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What the Director asks of the skill when nobody says more. `{goal}` stands for the goal's words."""

    objective: str
    boundaries: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One file of `references/`, read with the skill in alphabetical order; the last is dropped first."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillInfo:
    """What planning needs to know of a skill: cheap to load for the whole team.

    `needs` are the sections of the product context it works from. `cues` are phrases in a goal that call for it: a
    skill that a user adds declares them itself, those of the built-in ones stand in routing.yaml.
    """

    name: str
    description: str
    squad: str | None
    tier: Tier
    timeout_s: int
    max_output_tokens: int
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    review_depth: ReviewDepth
    brief: Brief
    needs: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """What doing and reviewing the work needs: the instructions, the references, the contract and the rubric."""

    info: SkillInfo
    body: str
    references: tuple[Reference, ...]
    contract: Contract
    rubric: tuple[Dimension, ...] = ()
