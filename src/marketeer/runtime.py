"""The composition root: opens everything a command needs, in order, and closes it in reverse.

Three doors: `open_reader` (store and workspace, nothing heavy), `open_office` (may also submit and decide) and
`Office.work` (holds the working lock and does the work). Modules that cost start-up time are imported where they are
needed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

from marketeer import __version__
from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.system_clock import SystemClock, machine_zone
from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.approval import Decision
from marketeer.domain.budget import BudgetLevel, MonthBudget, month_key
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.errors import ConfigurationError, UsageError, WorkspaceBusy
from marketeer.domain.outcome import BudgetLooked, CancelAsked, Decided, PauseAsked, RedoAsked, UnpauseAsked
from marketeer.domain.usage import Tier
from marketeer.domain.work import Scope
from marketeer.masking import Masking
from marketeer.ports import Clock, ModelClient, Tracer

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.adapters.claude import ClaudeModel
    from marketeer.adapters.team_files import FileTeam
    from marketeer.domain.goal import Goal
    from marketeer.domain.plan import Plan
    from marketeer.domain.routing import Routing
    from marketeer.domain.submission import Submission
    from marketeer.engine.progress import Progress
    from marketeer.engine.session import Session
    from marketeer.settings import Settings

ALL_GOALS = 1_000_000
NO_KEY = (
    "no ANTHROPIC_API_KEY: set it (or ANTHROPIC_API_KEY_FILE) to work with Claude, "
    "or add --rehearse to run offline and free"
)


@dataclass(slots=True, kw_only=True)
class Reader:
    """What reading needs."""

    settings: Settings
    workspace: FileWorkspace
    store: SqliteStore
    clock: Clock


@dataclass(slots=True, kw_only=True)
class LiveText:
    """Characters received so far of answers that are streaming in, by task id."""

    characters: dict[str, int] = field(default_factory=dict)

    def note(self, task_id: str, characters: int) -> None:
        self.characters[task_id] = characters


@asynccontextmanager
async def open_reader(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Reader]:
    """Raises UsageError when there is no workspace to read."""
    workspace = FileWorkspace(settings.workspace_dir)
    workspace.check()
    if not workspace.exists:
        msg = f"nothing here yet: {str(workspace.root)!r} is no workspace; run `marketeer init` or `marketeer start`"
        raise UsageError(msg)
    async with _open_store(workspace) as store:
        yield Reader(settings=settings, workspace=workspace, store=store, clock=clock or SystemClock())


@asynccontextmanager
async def open_office(
    settings: Settings, *, clock: Clock | None = None, model: ModelClient | None = None, tracer: Tracer | None = None
) -> AsyncIterator[Office]:
    """Makes the workspace when there is none. `model` stands in for Claude, `tracer` for OpenTelemetry (tests)."""
    workspace = FileWorkspace(settings.workspace_dir)
    workspace.make()
    async with _open_store(workspace) as store, _open_tracer(settings) as found:
        office = Office(
            settings=settings,
            workspace=workspace,
            store=store,
            clock=clock or SystemClock(),
            model=model,
            tracer=tracer or found,
        )
        try:
            yield office
        finally:
            await office.aclose()


@asynccontextmanager
async def _open_tracer(settings: Settings) -> AsyncIterator[Tracer | None]:
    """None when nobody asked for traces, or when what they need is not installed."""
    if settings.otel_exporter_otlp_endpoint is None:
        yield None
        return
    try:
        from marketeer.adapters.otel import OtelTracer, http_exporter
    except ImportError as exc:
        from marketeer.logs import get_logger

        remedy = "install marketeer[otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        get_logger(__name__).warning("traces_are_off", error=str(exc), remedy=remedy)
        yield None
        return
    headers = settings.otel_exporter_otlp_headers
    exporter = http_exporter(settings.otel_exporter_otlp_endpoint, headers.get_secret_value() if headers else None)
    tracer = OtelTracer(exporter, version=__version__)
    try:
        yield tracer
    finally:
        await tracer.aclose()


@asynccontextmanager
async def _open_store(workspace: FileWorkspace) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(workspace.database_path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class Office:
    """A workspace with everything that can be done in it."""

    def __init__(
        self,
        *,
        settings: Settings,
        workspace: FileWorkspace,
        store: SqliteStore,
        clock: Clock,
        model: ModelClient | None,
        tracer: Tracer | None = None,
    ) -> None:
        from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
        from marketeer.engine.budget_page import BudgetPage
        from marketeer.engine.closing import Closing
        from marketeer.engine.library import Library
        from marketeer.engine.metrics_page import MetricsPage
        from marketeer.engine.progress import Progress
        from marketeer.engine.tracing import NoTracer

        self._tracer: Tracer = tracer or NoTracer()
        self.settings = settings
        self.workspace = workspace
        self.store = store
        self.clock = clock
        self.doorbell = SqliteDoorbell(store, clock)
        self.progress: Progress = Progress(store, clock, self.doorbell, self._tracer)
        self.library = library = Library(store, workspace, clock)
        self._closing = Closing(store=store, progress=self.progress, library=library, clock=clock)
        self.budget_page = BudgetPage(store, library, clock)
        self.metrics_page = MetricsPage(store, library, clock)
        self.progress.on_end = self._on_end
        self.progress.on_late = self._closing.report_again
        self.live = LiveText()
        self._model = model
        self._team: FileTeam | None = None
        self._routing: Routing | None = None
        self._claude: ClaudeModel | None = None

    async def _on_end(self, goal: Goal) -> None:
        await self._closing.report_early_end(goal)
        if not goal.rehearsal:
            await self.budget_page.refresh()
            await self.metrics_page.refresh()

    @property
    def team(self) -> FileTeam:
        if self._team is None:
            self._team = load_workspace_team(self.settings)
        return self._team

    @property
    def routing(self) -> Routing:
        if self._routing is None:
            self._routing = load_workspace_routing(self.settings, self.team)
        return self._routing

    @property
    def has_model(self) -> bool:
        """True when real goals can be worked on."""
        return self._model is not None or self.settings.anthropic_api_key is not None

    def require_model(self, *, rehearsal: bool) -> None:
        """Raises ConfigurationError when a real goal has no key, or a tier's model no price."""
        if rehearsal:
            return
        if not self.has_model:
            raise ConfigurationError(NO_KEY)
        for tier in Tier:
            self.team.model(tier)

    # -- what people ask -------------------------------------------------------------------------------------

    async def submit(self, submission: Submission) -> Goal:
        from marketeer.engine.submit import submit

        if not submission.rehearsal:
            await self.adopt_month_cap()
        return await submit(submission, store=self.store, team=self.team, clock=self.clock, progress=self.progress)

    async def decide(self, approval_id: str, decision: Decision, *, note: str | None, by: str) -> Goal:
        approval = await self.store.approval(approval_id)
        decided = Decided(approval_id=approval.approval_id, decision=decision, note=note, by=by)
        await self.progress.apply(approval.goal_id, decided)
        return await self.store.goal(approval.goal_id)

    async def cancel(self, goal_id: str, *, by: str, why: str | None = None) -> Goal:
        await self.progress.apply(goal_id, CancelAsked(by=by, why=why))
        return await self.store.goal(goal_id)

    async def pause(self, goal_id: str, *, paused: bool, by: str) -> Goal:
        await self.progress.apply(goal_id, PauseAsked(by=by) if paused else UnpauseAsked(by=by))
        return await self.store.goal(goal_id)

    async def redo(self, task_id: str, *, note: str | None, by: str) -> Goal:
        task = await self.store.find_task(task_id)
        await self.progress.apply(task.goal_id, RedoAsked(task_id=task.task_id, note=note, by=by))
        return await self.store.goal(task.goal_id)

    # -- money -----------------------------------------------------------------------------------------------

    async def adopt_month_cap(self) -> None:
        """BUDGET_MONTHLY is the cap for every process from now on, where it is set; where it is not, the one that is
        stored stays."""
        month = month_key(self.clock.now())
        known = await self.store.month_budget(month)
        wanted = self.settings.budget_monthly
        if known is not None and (not self.settings.sets_month_cap or known.base_usd == wanted):
            return
        who = "BUDGET_MONTHLY" if self.settings.sets_month_cap else "marketeer"
        if await self.store.set_month_cap(month, wanted, who=who, now=self.clock.now()):
            await self._look_for_money()

    async def raise_month_cap(self, by_usd: Decimal, *, by: str) -> MonthBudget:
        """This month only; what waited for its money goes on, in whatever process works here."""
        now = self.clock.now()
        await self.adopt_month_cap()
        budget = await self.store.raise_month_cap(month_key(now), by_usd, who=by, now=now)
        await self._look_for_money()
        return budget

    async def _look_for_money(self) -> None:
        for goal in await self.store.goals(limit=ALL_GOALS, unfinished_only=True):
            if not goal.rehearsal:
                await self.progress.apply(goal.goal_id, BudgetLooked())

    async def pause_everything(self, *, paused: bool, by: str, why: str | None = None) -> bool:
        """The kill switch, for every process that works here now or later. False when it stands so already."""
        now = self.clock.now()
        if paused:
            condition = Condition(name=ConditionName.PAUSED, since=now, who=by, why=why)
            return await self.store.begin_condition(condition)
        return await self.store.end_condition(ConditionName.PAUSED, who=by, now=now)

    async def budget_level(self) -> BudgetLevel:
        """Of this month. Before the first real goal has stored a cap nothing has been spent."""
        month = month_key(self.clock.now())
        budget, spend = await self.store.month_budget(month), await self.store.month_spend(month)
        return budget.level(spend.settled_usd) if budget is not None else BudgetLevel.NORMAL

    # -- work ------------------------------------------------------------------------------------------------

    async def work(
        self,
        goal_id: str | None,
        *,
        on_session: Callable[[Session], None] | None = None,
        rehearsals_only: bool = False,
    ) -> Session:
        """Work on one goal, or all, until nothing moves by itself. Raises WorkspaceBusy when another process does.

        `on_session` gets the session before it starts, to interrupt it.
        """
        async with self.workspace.work_lock(scope=goal_id or "all"):
            scope = Scope(
                goal_ids=None if goal_id is None else frozenset({goal_id}),
                rehearsals_only=rehearsals_only or not self.has_model,
            )
            if not (scope.rehearsals_only or (goal_id is not None and (await self.store.goal(goal_id)).rehearsal)):
                await self.adopt_month_cap()
            session = self._session(scope)
            if on_session is not None:
                on_session(session)
            try:
                await session.run(goal_id)
            finally:
                await self.metrics_page.flush()
            return session

    def _session(self, scope: Scope) -> Session:
        from marketeer.adapters.local_queue import LocalQueue
        from marketeer.adapters.rehearsal import RehearsalModel
        from marketeer.engine.api_state import ApiState
        from marketeer.engine.director import Director
        from marketeer.engine.executor import Executor
        from marketeer.engine.gate import Gate
        from marketeer.engine.handlers import Handlers
        from marketeer.engine.ledger import Ledger, Models
        from marketeer.engine.library import Library
        from marketeer.engine.memory import Memory
        from marketeer.engine.outbox import Outbox
        from marketeer.engine.reports import Reports
        from marketeer.engine.reviewer import Reviewer
        from marketeer.engine.session import Session
        from marketeer.engine.worker import Worker, WorkerOptions

        settings, store, clock = self.settings, self.store, self.clock
        owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        rehearsal = RehearsalModel(clock, settings.marketeer_rehearsal_latency_s)
        real, warm_up = (None, None) if scope.rehearsals_only else self._real_model()
        api = ApiState(clock)
        library = Library(store, self.workspace, clock)
        memory = Memory(store, clock)
        ledger = Ledger(
            store,
            Models(real=real, rehearsal=rehearsal),
            clock,
            self.doorbell,
            api=api,
            owner=owner,
            tracer=self._tracer,
        )
        executor = Executor(
            store=store,
            progress=self.progress,
            library=library,
            ledger=ledger,
            team=self.team,
            memory=memory,
            clock=clock,
            zone=zone_of(settings),
            progress_of=self.live.note,
        )
        director = Director(
            store=store,
            library=library,
            team=self.team,
            routing=load_workspace_routing(settings, self.team),
            memory=memory,
            reports=Reports(store, clock),
            clock=clock,
            parallel=settings.max_parallel_agents,
        )
        handlers = Handlers(
            progress=self.progress,
            director=director,
            executor=executor,
            reviewer=Reviewer(library=library, team=self.team, clock=clock),
            tracer=self._tracer,
        )
        queue = LocalQueue()
        gate = Gate(
            store=store,
            clock=clock,
            doorbell=self.doorbell,
            api=api,
            ask_api=real.answers if real is not None else None,
            disk=self.workspace.disk,
            budget_level=self.budget_level,
        )
        outbox = Outbox(
            store=store,
            queue=queue,
            progress=self.progress,
            doorbell=self.doorbell,
            clock=clock,
            scope=scope,
            gate=gate,
        )
        worker = Worker(
            store=store,
            queue=queue,
            progress=self.progress,
            handlers=handlers,
            clock=clock,
            api=api,
            gate=gate,
            options=WorkerOptions(
                owner=owner,
                max_parallel=settings.max_parallel_agents,
                lease_s=settings.marketeer_lease_s,
                masked=Masking(settings.secrets()),
            ),
        )
        return Session(
            store=store,
            progress=self.progress,
            library=library,
            outbox=outbox,
            worker=worker,
            gate=gate,
            doorbell=self.doorbell,
            clock=clock,
            owner=owner,
            grace_s=settings.shutdown_grace_s,
            warm_up=warm_up,
        )

    def _real_model(self) -> tuple[ModelClient | None, Callable[[], Awaitable[None]] | None]:
        """Who answers real goals, and what it can prepare while the plan is made."""
        if self._model is not None:
            return self._model, None
        if self.settings.anthropic_api_key is None:
            return None, None
        if self._claude is None:
            self._claude = claude_model(self.settings, self.clock)
        return self._claude, self._claude.warm_up

    async def aclose(self) -> None:
        """Let go of the connections to Claude. They are kept from one goal to the next: making a client takes 35 ms."""
        if self._claude is not None:
            await self._claude.aclose()


def require_key_and_prices(settings: Settings, team: FileTeam) -> None:
    """Raises ConfigurationError when a real goal could not be worked on: no key, or a tier's model has no price."""
    if settings.anthropic_api_key is None:
        raise ConfigurationError(NO_KEY)
    for tier in Tier:
        team.model(tier)


def require_idle(workspace: FileWorkspace) -> None:
    """Raises WorkspaceBusy while a process works in the workspace."""
    holder = workspace.worker()
    if holder is not None:
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


def zone_of(settings: Settings) -> tzinfo:
    return ZoneInfo(settings.marketeer_timezone) if settings.marketeer_timezone else machine_zone()


def preview(settings: Settings, submission: Submission) -> tuple[Goal, Plan, FileTeam]:
    """The plan of a goal without a store: nothing is called and nothing is written."""
    from marketeer.domain.document import CONTEXT_PATH
    from marketeer.domain.planning import build_plan
    from marketeer.domain.product_context import parse_context
    from marketeer.domain.submission import new_goal

    workspace = FileWorkspace(settings.workspace_dir)
    workspace.check()
    team = load_workspace_team(settings)
    pipeline = team.find_pipeline(submission.pipeline) if submission.pipeline else None
    goal = new_goal(submission, token="preview", now=SystemClock().now())  # noqa: S106 - an id, not a secret
    file = settings.workspace_dir / CONTEXT_PATH
    context = file.read_text("utf-8", errors="replace") if file.is_file() else ""
    plan = build_plan(
        goal=goal,
        now=goal.created_at,
        team={name: team.skill_info(name) for name in team.skill_names()},
        routing=load_workspace_routing(settings, team),
        pipeline=pipeline,
        pipelines=team.pipelines(),
        rivals=parse_context(context).rivals,
        context_known=bool(context.strip()),
    )
    return goal, plan, team
