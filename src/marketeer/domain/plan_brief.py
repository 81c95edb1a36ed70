"""A task's brief, as its specialist reads it: what to do, its limits, and where it stands in the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBrief:
    """`before` and `after` are the skills it works from and is read by. `goal` are the goal's own words, where the
    objective does not hold them: they come last, as they are."""

    objective: str
    part_of: str
    phase: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    step: str = ""
    inputs: str = ""
    output: str = ""
    limits: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    goal: str | None = None

    def text(self) -> str:
        """Markdown."""
        lines = [f"**Objective:** {self.objective}", f"**Part of:** {self.part_of}, phase {self.phase}"]
        lines += [f"**Works from:** {', '.join(self.before)}"] if self.before else []
        lines += [f"**Read next by:** {', '.join(self.after)}"] if self.after else []
        lines += [f"**For this step:** {self.step}"] if self.step else []
        lines += [f"**Look at:** {self.inputs}"] if self.inputs else []
        lines += [f"**Deliver:** {self.output}"] if self.output else []
        lines += _bullets("Limits", self.limits)
        lines += _bullets("Good enough when", self.acceptance)
        lines += [] if self.goal is None else [f"**Goal, word for word:**\n\n{self.goal}"]
        return "\n\n".join(lines) + "\n"


def _bullets(title: str, points: Sequence[str]) -> list[str]:
    return [f"**{title}:**\n\n" + "\n".join(f"- {point}" for point in dict.fromkeys(points))] if points else []
