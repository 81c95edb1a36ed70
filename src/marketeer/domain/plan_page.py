"""A plan that waits for a person, as the page they read and change: YAML that gives the same draft when it is read."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

from marketeer.domain.goal import Goal
from marketeer.domain.plan_draft import PhaseDraft, PlanDraft, TaskDraft, clean_text

PROPOSAL = "plan.yaml"


def render_draft(draft: PlanDraft, goal: Goal, asks: Iterable[str] = ()) -> str:
    """`asks` are questions that the work stops for whatever stands here."""
    lines = [
        f"# The plan of goal {goal.goal_id}, which waits for you. Change what you like, then run",
        f"#   marketeer plan approve {goal.token}",
        "# A task works from the outputs of the tasks in `needs`, by their ids. Phases follow each other; `review` is",
        "# what the Director asks of everything so far before the next one begins. The specialist reads the `brief`.",
        *(f"# Before the work begins you are also asked: {_comment(question)}" for question in asks),
        f"category: {draft.category}",
        f"pipeline: {_text(draft.pipeline)}",
        f"why: {_text(draft.why)}",
        *_list("needs_human", draft.needs_human, ""),
        *_list("learnings", draft.learnings, ""),
        f"planned_by: {draft.made_by.value}",
        f"not_by_model: {_text(draft.made_note)}",
        "phases:",
    ]
    lines += [line for phase in draft.phases for line in _phase(phase)]
    return "\n".join(lines) + "\n"


def _phase(phase: PhaseDraft) -> list[str]:
    head = [f"  - name: {_text(phase.name)}", f"    review: {_text(phase.review)}", "    tasks:"]
    return [*head, *(line for task in phase.tasks for line in _task(task))]


def _task(task: TaskDraft) -> list[str]:
    indent = " " * 8
    lines = [
        f"      - id: {_text(task.key)}",
        f"{indent}skill: {_text(task.skill)}",
        f"{indent}needs: [{', '.join(map(_text, task.needs))}]",
        f"{indent}why: {_text(task.why)}",
    ]
    lines += [f"{indent}condition: {_text(task.condition)}"] if task.condition else []
    lines += _list("latest", task.latest, indent) if task.latest else []
    lines += [f"{indent}best_of: {task.best_of}"] if task.best_of > 1 else []
    # The number says how far it is indented, so that a first line may begin with spaces of its own.
    lines.append(f"{indent}brief: |2")
    return lines + [f"{indent}  {line}" if line else "" for line in clean_text(task.brief).split("\n")]


def _list(name: str, texts: Iterable[str], indent: str) -> list[str]:
    items = [f"{indent}  - {_text(text)}" for text in texts]
    return [f"{indent}{name}:", *items] if items else [f"{indent}{name}: []"]


def _text(text: str | None) -> str:
    """A scalar in quotes, which says the same in JSON and in YAML."""
    if text is None:
        return "null"
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(_escaped(sign) for sign in quoted)


def _escaped(sign: str) -> str:
    odd = unicodedata.category(sign) in ("Cc", "Zl", "Zp") or sign == "\ufeff"
    return f"\\u{ord(sign):04x}" if odd else sign


def _comment(text: str) -> str:
    return " ".join(text.split())
