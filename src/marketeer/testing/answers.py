"""What the fake Claude server answers: documents that pass their contracts, or plain text of a given length."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marketeer.domain.skill import Skill
from marketeer.ports import Material, ModelClient, ModelRequest, Team
from marketeer.testing.clock import FakeClock
from marketeer.testing.reviews import comparison_of, review_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as the server understood it. `user` is the text of all messages; `number` counts from 1."""

    number: int
    model: str
    system: tuple[str, ...]
    user: str
    max_tokens: int
    stream: bool
    body: Mapping[str, Any]
    headers: Mapping[str, str]


# Makes the text of an answer.
Answer = Callable[[Asked], str | Awaitable[str]]

_SENTENCE = ("The", "team", "wrote", "this", "line", "for", "the", "goal", "and", "stands", "by", "each", "word")
# The marks that the prompts of `engine/prompts.py` carry.
_SKILL = re.compile(r"\A# Skill: *([a-z0-9-]+)")
_FENCED = re.compile(r'<external-content source="([^"]*)">\n(.*?)\n</external-content>', re.DOTALL)
_CONTEXT_SOURCE = "product context"
_PREVIOUS_SOURCE = "your previous output"
_BRIEF = re.compile(
    r"^# Your brief\n\n(.*?)(?=^# (?:Your previous output|What must change)$|\Z)", re.MULTILINE | re.DOTALL
)
_FEEDBACK = re.compile(r"^# What must change\n\n[^\n]*\n\n(.*)", re.MULTILINE | re.DOTALL)
_GOALS = (
    re.compile(r"^\*\*Goal, word for word:\*\*\s+(.*)", re.MULTILINE | re.DOTALL),
    re.compile(r"^\*\*Objective:\*\* *(.*)", re.MULTILINE),
    re.compile(r"\A(.{0,200})", re.DOTALL),
)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MARKER = re.compile(r"^> Rehearsal:.*\n+", re.MULTILINE)


def plain_answer(words: int = 300) -> Answer:
    """An answer of a heading and this many words, the same for every request."""
    text = " ".join(_SENTENCE[i % len(_SENTENCE)] for i in range(words))
    return lambda _asked: f"# Answer\n\n{text}.\n"


class RehearsedAnswers:
    """Answers as the rehearsal would, so that they pass their contracts, and reviews with an 8 throughout; plain text
    when no known skill is named.

    It reads its material back out of the prompt, as `engine/prompts.py` writes it.
    """

    def __init__(self) -> None:
        self._team: Team | None = None
        self._writer: ModelClient | None = None

    async def __call__(self, asked: Asked) -> str:
        form = review_of(asked.system, asked.user) or comparison_of(asked.system)
        if form is not None:
            return json.dumps(form)
        team, writer = self._open()
        material = material_of(asked, team)
        if material is None:
            return str(plain_answer()(asked))
        request = ModelRequest(
            call_id=f"fake-{asked.number}",
            model=team.model(material.skill.info.tier),
            system=(),
            user="",
            max_output_tokens=asked.max_tokens,
            timeout_s=600.0,
            material=material,
        )
        return _MARKER.sub("", (await writer.complete(request)).text, count=1)

    def _open(self) -> tuple[Team, ModelClient]:
        if self._team is None or self._writer is None:
            # late, as both read files and most users of the fake server bring answers of their own
            from marketeer.adapters.rehearsal import RehearsalModel
            from marketeer.adapters.team_files import load_team

            self._team = load_team(None)
            self._writer = RehearsalModel(FakeClock(auto=True))
        return self._team, self._writer


def material_of(asked: Asked, team: Team) -> Material | None:
    """What the prompt was rendered from, as far as it can be read back; None when it names no skill of the team."""
    skill = _skill(asked.system, team)
    if skill is None:
        return None
    documents = {path: text for path, text in _FENCED.findall(asked.user) if path != _PREVIOUS_SOURCE}
    rest = _FENCED.sub("", asked.user)
    brief = _first(rest, _BRIEF) or rest.strip()
    return Material(
        skill=skill,
        goal=_first(brief, *_GOALS),
        brief=brief,
        context=dict(_FENCED.findall("\n".join(asked.system))).get(_CONTEXT_SOURCE, ""),
        upstream={path: text for path, text in documents.items() if "outputs/" in path},
        inputs={path: text for path, text in documents.items() if "outputs/" not in path},
        registry=frozenset(team.skill_names()),
        task_id="fake",
        feedback=_first(rest, _FEEDBACK) or None,
        today=found[0] if (found := _DATE.search(rest)) else "2026-11-22",
    )


def _skill(system: tuple[str, ...], team: Team) -> Skill | None:
    named = next(filter(None, map(_SKILL.match, system)), None)
    return team.skill(named[1]) if named and named[1] in team.skill_names() else None


def _first(text: str, *patterns: re.Pattern[str]) -> str:
    """What the first pattern that fits has caught, or nothing."""
    return next((found[1].strip() for pattern in patterns if (found := pattern.search(text))), "")
