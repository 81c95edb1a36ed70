"""Who works here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a port only names these: who reads must not load all that the others need
    from marketeer.domain.gates import Gates
    from marketeer.domain.plan import Pipeline
    from marketeer.domain.skill import Skill, SkillInfo
    from marketeer.domain.usage import ModelSpec, Tier


class Team(Protocol):
    """Who works here: skills, pipelines, routing and models, the workspace's own overlaid on the built-in ones.

    Raises ConfigurationError naming file, line and remedy.
    """

    def skill_names(self) -> Sequence[str]: ...

    def skill_info(self, name: str) -> SkillInfo: ...

    def skill(self, name: str) -> Skill: ...

    def pipelines(self) -> Sequence[Pipeline]: ...

    def find_pipeline(self, name: str) -> Pipeline:
        """By name or alias, whatever the case. UsageError suggesting the nearest name."""
        ...

    def gates(self) -> Gates: ...

    def house_rules(self) -> str: ...

    def model(self, tier: Tier) -> ModelSpec: ...
