"""The library's door: `run_goal` takes one goal from words to finished deliverables, as `marketeer start` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketeer.adapters.system_clock import SystemClock
from marketeer.engine.summary import goal_document
from marketeer.given import submission_of
from marketeer.runtime import load_workspace_team, open_link, open_office, require_idle, require_key_and_prices
from marketeer.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalResult:
    """How a goal ended. `document` is what `marketeer show GOAL --json` prints: plain data, paths relative to
    `workspace`, money in US dollars."""

    workspace: Path
    document: Mapping[str, Any]

    @property
    def goal_id(self) -> str:
        return str(self.document["goal_id"])

    @property
    def status(self) -> str:
        """`completed`, `failed`, `blocked` and so on: see the glossary."""
        return str(self.document["status"])

    @property
    def completed(self) -> bool:
        """Whether every task was approved."""
        return self.status == "completed"

    @property
    def cost_usd(self) -> float:
        """What it cost; of a rehearsal, what it would have cost."""
        return float(self.document["cost_usd"])

    @property
    def error(self) -> str | None:
        error: str | None = self.document["error"]
        return error

    @property
    def report_path(self) -> Path | None:
        """The report's file, None while there is none."""
        path = self.document["report_path"]
        return self.workspace / path if path else None

    @property
    def output_paths(self) -> tuple[Path, ...]:
        """The files of the approved deliverables, in plan order."""
        tasks = [task for phase in self.document["phases"] for task in phase["tasks"]]
        return tuple(
            self.workspace / task["output_path"]
            for task in tasks
            if task["status"] == "approved" and task["superseded_by"] is None
        )


async def run_goal(
    description: str | None,
    *,
    workspace: str | Path = "workspace",
    rehearse: bool = False,
    pipeline: str | None = None,
    category: str | None = None,
    priority: str | None = None,
    budget_usd: Decimal | float | str | None = None,
    inputs: Sequence[str | Path] = (),
    settings: Settings | None = None,
) -> GoalResult:
    """Plan a goal, do it, review it and report, until it is final or waits for somebody.

    `description` may be None when a `pipeline` is named. `inputs` are files it works from. `settings` None: from the
    environment and `.env`; when given, its workspace counts. Raises UsageError for what cannot be asked and
    ConfigurationError for a missing key or wrong setting, both before anything is written, and WorkspaceBusy when
    another process works in the workspace. A goal that ends badly is a result, not an exception.
    """
    settings = settings or load_settings(workspace_dir=Path(workspace))
    team = load_workspace_team(settings)
    submission = submission_of(
        description,
        workspace=settings.workspace_dir,
        rehearsal=rehearse,
        pipeline=team.find_pipeline(pipeline).name if pipeline is not None else None,
        category=category,
        priority=priority,
        budget_usd=budget_usd,
        inputs=inputs,
    )
    if not rehearse:
        require_key_and_prices(settings, team)
    async with open_link(settings, SystemClock()) as link, open_office(settings, link=link) as office:
        require_idle(office.workspace, shares=link is not None)
        goal = await office.submit(submission)
        await office.work(goal.goal_id)
        document = await goal_document(office.store, goal.goal_id, office.clock)
    return GoalResult(workspace=settings.workspace_dir, document=document)
