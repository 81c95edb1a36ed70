"""What the fake Claude server answers: documents that pass their contracts, or plain text of a given length."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marketeer.domain.errors import MarketeerError
from marketeer.ports import Material, ModelClient, ModelRequest, Team
from marketeer.testing.clock import FakeClock


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
_SKILL = re.compile(r"^# Skill: *([a-z0-9-]+)", re.MULTILINE)
_CONTEXT = re.compile(r"^# Product Marketing Context.*", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"<external-content([^>]*)>\n?(.*?)\n?</external-content>", re.DOTALL)
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_GOAL = re.compile(r"^(?:#+ *)?(?:\*\*)?goal:?(?:\*\*)?:?\s*(\S.*)", re.MULTILINE | re.IGNORECASE)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_FEEDBACK = re.compile(r"^#+ *(?:revision )?feedback\b.*\n(.*)", re.MULTILINE | re.IGNORECASE | re.DOTALL)
_MARKER = re.compile(r"^> Rehearsal:.*\n+", re.MULTILINE)


def plain_answer(words: int = 300) -> Answer:
    """An answer of a heading and this many words, the same for every request."""
    text = " ".join(_SENTENCE[i % len(_SENTENCE)] for i in range(words))
    return lambda _asked: f"# Answer\n\n{text}.\n"


class RehearsedAnswers:
    """Answers as the rehearsal would, so that they pass their contracts; plain text when no known skill is named.

    It reads its material back out of the prompt, so it depends on the prompt's marks: a line `# Skill: <name>` in the
    system prompt, the product context under its H1, and `<external-content>` fences in the user message.
    """

    def __init__(self) -> None:
        self._team: Team | None = None
        self._writer: ModelClient | None = None

    async def __call__(self, asked: Asked) -> str:
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
    named = _SKILL.search("\n".join(asked.system))
    try:
        skill = team.skill(named[1]) if named else None
    except MarketeerError:
        skill = None
    if skill is None:
        return None
    upstream, inputs = _fenced(asked.user)
    brief = _FENCED.sub("", asked.user).strip()
    goal, date, feedback = _GOAL.search(brief), _DATE.search(brief), _FEEDBACK.search(brief)
    return Material(
        skill=skill,
        goal=goal[1].strip() if goal else brief[:200],
        brief=brief,
        context=_context(asked.system),
        upstream=upstream,
        inputs=inputs,
        registry=frozenset(team.skill_names()),
        task_id="fake",
        feedback=feedback[1].strip() if feedback else None,
        today=date[0] if date else "2026-11-22",
    )


def _context(system: tuple[str, ...]) -> str:
    """The product context ends where its block or its fence does."""
    for block in system:
        found = _CONTEXT.search(block)
        if found:
            return found[0].partition("</external-content>")[0].strip()
    return ""


def _fenced(user: str) -> tuple[dict[str, str], dict[str, str]]:
    """Fenced documents by the name in their opening tag: outputs of other skills, and everything else."""
    upstream: dict[str, str] = {}
    inputs: dict[str, str] = {}
    for number, (attributes, text) in enumerate(_FENCED.findall(user), start=1):
        name = _QUOTED.search(attributes)
        path = name[1] if name else f"document-{number}"
        (upstream if "outputs/" in path else inputs)[path] = text
    return upstream, inputs
