"""The office: a workspace with everything that can be done in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from marketeer.adapters.sqlite.store import SqliteStore
from marketeer.adapters.workspace import FileWorkspace
from marketeer.domain.approval import Decision
from marketeer.domain.budget import BudgetLevel, MonthBudget, month_key
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.document import Author
from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.domain.outcome import (
    BudgetLooked,
    CancelAsked,
    Decided,
    DiscardAsked,
    PartDecided,
    PauseAsked,
    RedoAsked,
    UnpauseAsked,
)
from marketeer.domain.usage import Tier
from marketeer.domain.work import Scope
from marketeer.ports import Clock, Examiner, ModelClient, Tracer
from marketeer.runtime.loading import NO_KEY, claude_model, load_workspace_routing, load_workspace_team, schedule_book

if TYPE_CHECKING:  # what start-up must not pay for
    from marketeer.adapters.bullmq_queue import RedisLink
    from marketeer.adapters.claude import ClaudeModel
    from marketeer.adapters.team_files import FileTeam
    from marketeer.domain.approval import Approval
    from marketeer.domain.firing import Circumstances
    from marketeer.domain.goal import Goal
    from marketeer.domain.routing import Routing
    from marketeer.domain.submission import Submission
    from marketeer.engine.event_bus import EventBus
    from marketeer.engine.progress import Progress
    from marketeer.engine.schedule_book import ScheduleBook
    from marketeer.engine.scheduler import Scheduler
    from marketeer.engine.session import Session, WatchedDoorbell
    from marketeer.runtime.plan_desk import PlanDesk
    from marketeer.settings import Settings


ALL_GOALS = 1_000_000
# More than can be in flight at one time: MAX_PARALLEL_AGENTS ends at 1,000.
MOST_STREAMS = 2_000


@dataclass(slots=True, kw_only=True)
class LiveText:
    """Characters received so far of answers that are streaming in, by task id."""

    characters: dict[str, int] = field(default_factory=dict)

    def note(self, task_id: str, characters: int) -> None:
        """Of tasks that began long ago nobody asks any more."""
        if task_id not in self.characters and len(self.characters) >= MOST_STREAMS:
            del self.characters[next(iter(self.characters))]
        self.characters[task_id] = characters


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
        link: RedisLink | None = None,
        examiner: Examiner | None = None,
    ) -> None:
        from marketeer.adapters.examiner.here import ExaminerHere
        from marketeer.adapters.sqlite.doorbell import SqliteDoorbell
        from marketeer.engine.budget_page import BudgetPage
        from marketeer.engine.closing import Closing
        from marketeer.engine.library import Library
        from marketeer.engine.metrics_page import MetricsPage
        from marketeer.engine.progress import Progress
        from marketeer.engine.tracing import NoTracer

        self.tracer: Tracer = tracer or NoTracer()
        self.settings = settings
        self.workspace = workspace
        self.store = store
        self.clock = clock
        self.link = link
        self.examiner: Examiner = examiner or ExaminerHere()
        self.doorbell: WatchedDoorbell = SqliteDoorbell(store, clock)
        if link is not None:
            from marketeer.adapters.bullmq_queue import RedisDoorbell

            self.doorbell = RedisDoorbell(self.doorbell, link, clock)
        self.progress: Progress = Progress(store, clock, self.doorbell, self.tracer, gates=lambda: self.team.gates())
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
        self._schedule_book: ScheduleBook | None = None
        self._claude: ClaudeModel | None = None
        self._retired: list[ClaudeModel] = []

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

    def event_bus(self, *, rehearsal: bool = False) -> EventBus:
        """The bus of this workspace's events. With `rehearsal` whatever they start is one."""
        from marketeer.adapters.team_files.event_files import FileEvents
        from marketeer.engine.event_bus import EventBus, EventBusOptions

        return EventBus(
            store=self.store,
            files=FileEvents(self.workspace.team_path, team=lambda: self.team, clock=self.clock),
            progress=self.progress,
            doorbell=self.doorbell,
            clock=self.clock,
            options=EventBusOptions(
                find_pipeline=lambda name: self.team.find_pipeline(name),
                budget_level=self.budget_level,
                before_goals=self.adopt_month_cap,
                rehearsal=rehearsal,
            ),
        )

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

    async def submit(self, submission: Submission, *, token: str | None = None) -> Goal:
        """`token` is the end of the goal's id, for a caller who must be able to find it again."""
        from marketeer.engine.submit import submit

        if not submission.rehearsal:
            await self.adopt_month_cap()
        return await submit(
            submission, store=self.store, team=self.team, clock=self.clock, progress=self.progress, token=token
        )

    async def decide(
        self, approval_id: str, decision: Decision, *, note: str | None, by: str, edited: bool = False
    ) -> Goal:
        """`edited`: what is approved is the file as a human has changed it. Raises UsageError when nobody has."""
        approval = await self.store.approval(approval_id)
        if approval.is_about_plan and decision is Decision.APPROVE:
            return await self.plan_desk().approve(await self.store.goal(approval.goal_id), by=by, note=note)
        version = await self._edited_version(approval) if edited else None
        decided = Decided(approval_id=approval.approval_id, decision=decision, note=note, by=by, output_version=version)
        await self.progress.apply(approval.goal_id, decided)
        return await self.store.goal(approval.goal_id)

    async def decide_part(
        self, text: str, only: Sequence[str], decision: Decision, *, note: str | None, by: str
    ) -> Goal:
        """Answer for some tasks of a goal, by skill, id or number. `text` names the goal, or one of its questions."""
        from marketeer.engine.partly import find_asked, find_tasks

        goal_id, approval_id = await find_asked(self.store, text)
        task_ids = find_tasks(await self.store.tasks(goal_id), only, goal_id=goal_id)
        part = PartDecided(task_ids=task_ids, decision=decision, by=by, note=note, approval_id=approval_id)
        await self.progress.apply(goal_id, part)
        return await self.store.goal(goal_id)

    async def _edited_version(self, approval: Approval) -> int | None:
        if approval.task_id is None:
            msg = (
                f"{approval.approval_id!r} asks about no output that could have been edited: answer it without --edited"
            )
            raise UsageError(msg)
        task = await self.store.find_task(approval.task_id)
        path = task.output_path or ""
        found = await self.library.in_force(path, task.output_version) if path else None
        if found is None or found.author is not Author.HUMAN or found.version == task.output_version:
            msg = f"{path or approval.task_id!r} was not edited: change the file first, or approve it without --edited"
            raise UsageError(msg)
        return found.version

    def plan_desk(self) -> PlanDesk:
        """Where a human says yes, no or otherwise to a plan that waits."""
        from marketeer.runtime.plan_desk import PlanDesk

        return PlanDesk(self)

    async def cancel(self, goal_id: str, *, by: str, why: str | None = None) -> Goal:
        await self.progress.apply(goal_id, CancelAsked(by=by, why=why))
        return await self.store.goal(goal_id)

    async def pause(self, goal_id: str, *, paused: bool, by: str) -> Goal:
        await self.progress.apply(goal_id, PauseAsked(by=by) if paused else UnpauseAsked(by=by))
        return await self.store.goal(goal_id)

    async def discard(self, task_id: str, *, note: str | None, by: str) -> Goal:
        task = await self.store.find_task(task_id)
        await self.progress.apply(task.goal_id, DiscardAsked(task_id=task.task_id, note=note, by=by))
        return await self.store.goal(task.goal_id)

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
        rests: bool = True,
    ) -> Session:
        """Work on one goal, or all, until nothing moves by itself; without `rests` until interrupted. Raises
        WorkspaceBusy when another process does that shares its work with nobody.

        `on_session` gets the session before it starts, to interrupt it.
        """
        from marketeer.runtime.crew import new_session

        # What comes off a shared queue may be any goal's.
        shared = self.link is not None
        async with self.workspace.work_lock(scope="all" if shared else goal_id or "all", shared=shared):
            scope = Scope(
                goal_ids=None if goal_id is None else frozenset({goal_id}),
                rehearsals_only=rehearsals_only or not self.has_model,
            )
            if not (scope.rehearsals_only or (goal_id is not None and (await self.store.goal(goal_id)).rehearsal)):
                await self.adopt_month_cap()
            session = new_session(self, scope, **({} if rests else {"patience_s": None}))
            if on_session is not None:
                on_session(session)
            try:
                await session.run(goal_id, rests=rests)
            finally:
                await self.metrics_page.flush()
            return session

    async def enqueue(self, goal_id: str) -> None:
        """Put what the goal owes now on the queue, for others to take. The embedded queue is each process's own."""
        from marketeer.runtime.hands import new_queue

        goal = await self.store.goal(goal_id)
        queue = new_queue(self, rehearsals_only=goal.rehearsal and not self.has_model)
        scope = Scope(goal_ids=frozenset({goal_id}))
        owed = await self.store.ready_items(now=self.clock.now(), scope=scope, limit=ALL_GOALS)
        await queue.put([(item.delivery_id, item.queue_priority) for item in owed])

    # -- schedules -------------------------------------------------------------------------------------------

    @property
    def schedule_book(self) -> ScheduleBook:
        if self._schedule_book is None:
            self._schedule_book = schedule_book(self.settings, self.store, self.clock, self.team)
        return self._schedule_book

    def scheduler(self, *, rehearsal: bool = False, look_every_s: float | None = None) -> Scheduler:
        """Begins goals by the workspace's schedules while its `run()` runs; somebody has to work on them."""
        from marketeer.engine.scheduler import LOOK_EVERY_S, Scheduler

        return Scheduler(
            store=self.store,
            book=self.schedule_book,
            progress=self.progress,
            doorbell=self.doorbell,
            clock=self.clock,
            find_pipeline=self.team.find_pipeline,
            circumstances=lambda: self._circumstances(rehearsal=rehearsal),
            mark=self.workspace.scheduler_mark,
            rehearsal=rehearsal,
            look_every_s=look_every_s or LOOK_EVERY_S,
        )

    async def _circumstances(self, *, rehearsal: bool) -> Circumstances:
        from marketeer.engine.circumstances import look_around

        if not rehearsal:
            await self.adopt_month_cap()
        return await look_around(
            self.store,
            self.clock,
            disk=self.workspace.disk,
            budget_level=self.budget_level,
            rehearsal=rehearsal,
        )

    def real_model(self) -> tuple[ModelClient | None, Callable[[], Awaitable[None]] | None]:
        """Who answers real goals, and what it can prepare while the plan is made."""
        if self._model is not None:
            return self._model, None
        if self.settings.anthropic_api_key is None:
            return None, None
        if self._claude is None:
            self._claude = claude_model(self.settings, self.clock)
        return self._claude, self._claude.warm_up

    def adopt(self, settings: Settings, team: FileTeam, routing: Routing) -> None:
        """Go by these from the next session on; the one that runs keeps what it has."""
        self.settings, self._team, self._routing = settings, team, routing
        self._schedule_book = None
        if self._claude is not None:
            self._retired.append(self._claude)
            self._claude = None

    async def aclose(self) -> None:
        """Let go of the examiner and of the connections to Claude. Both are kept from one goal to the next: making a
        client takes 35 ms."""
        await self.examiner.aclose()
        for client in (*self._retired, *((self._claude,) if self._claude else ())):
            await client.aclose()
