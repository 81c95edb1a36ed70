"""The head of SKILL.md: who the skill is, after the Agent Skills specification."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from marketeer.adapters.team_files.source import Strict, wrong

SKILL_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_NAME_CHARS = 64
MAX_DESCRIPTION_CHARS = 1024
MAX_COMPATIBILITY_CHARS = 500

Line = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]


class Frontmatter(Strict):
    """The head of SKILL.md, after the Agent Skills specification."""

    name: Line
    description: Line
    license: Line | None = None
    compatibility: Line | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    allowed_tools: Line | None = Field(default=None, alias="allowed-tools")

    @model_validator(mode="after")
    def _within_the_specification(self) -> Self:
        if not SKILL_NAME.fullmatch(self.name) or len(self.name) > MAX_NAME_CHARS:
            msg = f"name {self.name!r} must be 1 to {MAX_NAME_CHARS} lowercase letters, digits and single hyphens"
            raise wrong(msg, "name")
        if len(self.description) > MAX_DESCRIPTION_CHARS:
            size = len(self.description)
            msg = f"description has {size} characters; shorten it to {MAX_DESCRIPTION_CHARS}"
            raise wrong(msg, "description")
        if len(self.compatibility or "") > MAX_COMPATIBILITY_CHARS:
            msg = f"compatibility is too long; shorten it to {MAX_COMPATIBILITY_CHARS} characters"
            raise wrong(msg, "compatibility")
        return self
