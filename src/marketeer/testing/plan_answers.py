"""Plans as a model would answer them: what the rules suggest in the prompt, filled into the form that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from typing import Any

from marketeer.testing.answers import Answer, Asked, RehearsedAnswers

_SUGGESTED = re.compile(
    r"^# What the rules suggest\n\nCategory (\w+), template ([^\n]+)\.\n(.*?)(?=^# |\Z)", re.MULTILINE | re.DOTALL
)
_PHASE = re.compile(r"^- ([^:\n]+): ([^\n;]+)(?:; then a review: ([^\n]+))?$", re.MULTILINE)
_TASK = re.compile(r"([a-z0-9-]+)(?: \(needs ([^)]*)\))?")
_LEARNING = re.compile(r"^- (\S+): .* -> ", re.MULTILINE)


class PlanningAnswers:
    """Answers a call for a plan with one, and every other as `others` would (by default as the rehearsal)."""

    def __init__(self, others: Answer | None = None) -> None:
        self._others = others or RehearsedAnswers()

    def __call__(self, asked: Asked) -> str | Awaitable[str]:
        plan = plan_for(asked.user)
        return self._others(asked) if plan is None else json.dumps(plan)


def plan_for(prompt: str) -> dict[str, Any] | None:
    """The form, filled in; None when the prompt asks for no plan."""
    suggested = _SUGGESTED.search(prompt)
    if suggested is None:
        return None
    category, template, lines = suggested.groups()
    return {
        "category": category,
        "template": None if template == "none" else template,
        "why": "It goes the way the rules suggest, with briefs made for this goal.",
        "phases": [
            {"name": name, "review": review, "tasks": [_task(*found) for found in _TASK.findall(tasks)]}
            for name, tasks, review in _PHASE.findall(lines)
        ],
        "needs_human": ["Check the wording of the offer."],
        "learnings": _LEARNING.findall(prompt.partition("# Past learnings")[2].partition("# Money")[0]),
    }


def _task(key: str, needs: str) -> dict[str, Any]:
    return {
        "id": key,
        "skill": re.sub(r"-\d+\Z", "", key),
        "objective": f"Do the part of {key} for this goal, and no other.",
        "inputs": "The product context.",
        "output": "One document of the usual form.",
        "boundaries": ["Change no prices."],
        "acceptance": ["A stranger can act on it."],
        "needs": [need for need in needs.split(", ") if need],
        "why": "the goal calls for it",
    }
