"""What is made of the settings: the team, its routing, the time zone, the client of Claude.

Modules that cost start-up time are imported where they are needed.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from marketeer.adapters.system_clock import SystemClock, machine_zone, machine_zone_name
from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.errors import ConfigurationError, WorkspaceBusy
from marketeer.domain.usage import Tier
from marketeer.masking import Masking
from marketeer.ports import Clock, Store

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.adapters.claude import ClaudeModel
    from marketeer.adapters.team_files import FileTeam
    from marketeer.domain.goal import Goal
    from marketeer.domain.plan import Plan
    from marketeer.domain.routing import Routing
    from marketeer.domain.submission import Submission
    from marketeer.engine.schedule_book import ScheduleBook
    from marketeer.settings import Settings

NO_KEY = (
    "no ANTHROPIC_API_KEY: set it (or ANTHROPIC_API_KEY_FILE) to work with Claude, "
    "or add --rehearse to run offline and free"
)


def require_key_and_prices(settings: Settings, team: FileTeam) -> None:
    """Raises ConfigurationError when a real goal could not be worked on: no key, or a tier's model has no price."""
    if settings.anthropic_api_key is None:
        raise ConfigurationError(NO_KEY)
    for tier in Tier:
        team.model(tier)


def require_idle(workspace: FileWorkspace, *, shares: bool = False) -> None:
    """Raises WorkspaceBusy while a process works in the workspace. Whoever `shares` the work is only kept out by one
    that does not."""
    holder = workspace.worker()
    if holder is not None and not (shares and holder.get("shared")):
        msg = (
            f"process {holder.get('pid', 'unknown')} already works in {str(workspace.root)!r}; "
            "wait for it to end, stop it, or give another --workspace"
        )
        raise WorkspaceBusy(msg)


def claude_model(settings: Settings, clock: Clock) -> ClaudeModel:
    """The Claude adapter. Raises ConfigurationError without a key."""
    from marketeer.adapters.claude import ClaudeModel

    if settings.anthropic_api_key is None:
        raise ConfigurationError(NO_KEY)
    return ClaudeModel(
        api_key=settings.anthropic_api_key.get_secret_value(),
        base_url=settings.anthropic_base_url,
        clock=clock,
        max_parallel=settings.max_parallel_agents,
        masked=Masking(settings.secrets()),
    )


def load_workspace_team(settings: Settings, *, checked: bool = True) -> FileTeam:
    """The workspace's team. `checked`: refuse one whose own files are wrong. Raises ConfigurationError."""
    from marketeer.adapters.team_files import load_team

    overrides = {
        tier: model
        for tier, model in (
            (Tier.OPUS, settings.marketeer_model_opus),
            (Tier.SONNET, settings.marketeer_model_sonnet),
            (Tier.HAIKU, settings.marketeer_model_haiku),
        )
        if model
    }
    return load_team(settings.workspace_dir / "team", model_overrides=overrides, checked=checked)


def load_workspace_routing(settings: Settings, team: FileTeam) -> Routing:
    """The routing rules, with the cues that the workspace's own skills declare. Raises ConfigurationError."""
    from marketeer.adapters.routing_file import Names, load_routing
    from marketeer.domain.skill_cues import with_skill_cues

    overlay = settings.workspace_dir / "team" / "routing.yaml"
    names = None
    if overlay.is_file():
        pipelines = [pipeline.name for pipeline in team.pipelines()]
        squads = [squad.name for squad in team.squads()]
        names = Names(skills=team.skill_names(), pipelines=pipelines, squads=squads)
    routing = load_routing(overlay=overlay, names=names)
    # Cues for the built-in skills stand in routing.yaml, so their contracts need not be read here.
    return with_skill_cues(routing, [team.skill_info(name) for name in team.own_skills()])


def schedule_book(settings: Settings, store: Store, clock: Clock, team: FileTeam) -> ScheduleBook:
    """The schedules of the workspace, which need not have a team folder."""
    from marketeer.adapters.team_files.schedules import FileSchedules
    from marketeer.engine.schedule_book import ScheduleBook

    return ScheduleBook(
        store=store,
        files=FileSchedules(settings.workspace_dir / "team", team.find_pipeline),
        clock=clock,
        find_pipeline=team.find_pipeline,
        zone=settings.marketeer_timezone,
        machine_zone=machine_zone_name,
    )


def check_schedules_and_events(settings: Settings, team: FileTeam) -> None:
    """Raises ConfigurationError for what team/schedules.yaml or team/events.yaml says wrong."""
    from marketeer.adapters.team_files.event_files import load_events
    from marketeer.adapters.team_files.schedules import FileSchedules

    folder = settings.workspace_dir / "team"
    FileSchedules(folder, team.find_pipeline).read(zone=settings.marketeer_timezone or "UTC")
    load_events(folder, team)


def zone_of(settings: Settings) -> tzinfo:
    return ZoneInfo(settings.marketeer_timezone) if settings.marketeer_timezone else machine_zone()


def preview(settings: Settings, submission: Submission) -> tuple[Goal, Plan, FileTeam]:
    """The plan of a goal without a store: nothing is called and nothing is written."""
    workspace = FileWorkspace(settings.workspace_dir)
    workspace.check()
    team = load_workspace_team(settings)
    routing = load_workspace_routing(settings, team)
    context = context_file(settings) or ""
    goal, plan = planned(submission, team, routing, context, now=SystemClock().now())
    return goal, plan, team


def context_file(settings: Settings) -> str | None:
    """The product context as it lies in the workspace, None when there is none."""
    from marketeer.domain.document import CONTEXT_PATH

    file = settings.workspace_dir / CONTEXT_PATH
    return file.read_text("utf-8", errors="replace") if file.is_file() else None


def planned(
    submission: Submission, team: FileTeam, routing: Routing, context: str, *, now: datetime
) -> tuple[Goal, Plan]:
    """A goal as if it were submitted now, and the plan it would get; without a context it begins by writing one."""
    from marketeer.domain.planning import build_plan
    from marketeer.domain.product_context import parse_context
    from marketeer.domain.submission import new_goal

    goal = new_goal(submission, token="preview", now=now)  # noqa: S106 - an id, not a secret
    plan = build_plan(
        goal=goal,
        now=now,
        team={name: team.skill_info(name) for name in team.skill_names()},
        routing=routing,
        pipeline=team.find_pipeline(submission.pipeline) if submission.pipeline else None,
        pipelines=team.pipelines(),
        rivals=parse_context(context).rivals,
        context_known=bool(context.strip()),
        gates=team.gates(),
    )
    return goal, plan
