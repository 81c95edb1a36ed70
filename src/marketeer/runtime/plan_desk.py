"""The plan desk: what a human does about a goal's plan. Reads it, changes one that waits, lets the goal go by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from marketeer.domain.approval import Approval, ApprovalStatus
from marketeer.domain.document import Author, Document, DocumentKind, goal_path
from marketeer.domain.errors import UsageError
from marketeer.domain.forecast import LONGEST_HISTORY, PlanForecast
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.outcome import PlanApproved
from marketeer.domain.plan import Plan, PlannedBy
from marketeer.domain.plan_cast import cast
from marketeer.domain.plan_check import PlanFrame, cost_fault, faults_in
from marketeer.domain.plan_draft import PlanDraft, draft_of, without_foundation
from marketeer.domain.plan_page import PROPOSAL
from marketeer.domain.task import Task
from marketeer.ports import Store, Workspace

if TYPE_CHECKING:
    from marketeer.runtime.office import Office

MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPlan:
    """A goal's plan as people see it. `waits` for a human; `task_ids` by the draft's ids once there are tasks; `page`
    is where one that waits can be changed."""

    goal: Goal
    draft: PlanDraft
    waits: bool
    task_ids: dict[str, str]
    before_you_publish: tuple[str, ...]
    page: str | None = None


class PlanDesk:
    def __init__(self, office: Office) -> None:
        from marketeer.engine.drawing_board import DrawingBoard
        from marketeer.engine.memory import Memory

        self._office = office
        self._store = office.store
        self._library = office.library
        self._board = DrawingBoard(
            store=office.store,
            library=office.library,
            team=office.team,
            routing=office.routing,
            memory=Memory(office.store, office.library, office.clock),
            clock=office.clock,
        )

    async def waiting(self, goal: Goal) -> Document | None:
        """The plan that waits, as it lies in the workspace or was stored last."""
        if not await _questions(self._store, goal):
            return None
        path = _path(goal)
        await self._library.refresh(path)
        return await self._store.document_in_force(path, None)

    async def check(self, goal: Goal, text: str, shown: str) -> Plan:
        """The plan that this page makes. Raises UsageError with the line of what is wrong."""
        plan, _ = await self._planned(goal, text, shown, by_human=True)
        return plan

    async def edit(self, goal: Goal, text: str, shown: str) -> Document:
        """Store this page as a human's version of the plan that waits. Raises UsageError for one that does not hold."""
        await self._required(goal)
        await self.check(goal, text, shown)
        document = Document(
            path=_path(goal),
            kind=DocumentKind.PLAN,
            content=text,
            author=Author.HUMAN,
            rehearsal=goal.rehearsal,
            created_at=self._office.clock.now(),
            goal_id=goal.goal_id,
        )
        stored = await self._store.add_document(document)
        await self._library.mirror(stored.path, stored.version)
        return stored

    async def approve(self, goal: Goal, *, by: str, note: str | None) -> Goal:
        """The goal has its tasks from here on. Raises UsageError when no plan waits, or it does not hold."""
        from marketeer.engine.reports import Reports

        document = await self._required(goal)
        by_human = document.author is Author.HUMAN
        plan, forecast = await self._planned(goal, document.content, document.path, by_human=by_human)
        page = Document(
            path=goal_path(goal_id=goal.goal_id, name="plan.md", rehearsal=goal.rehearsal),
            kind=DocumentKind.PLAN,
            content=Reports(self._store, self._office.clock).plan(goal, plan, forecast),
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=self._office.clock.now(),
            goal_id=goal.goal_id,
        )
        approved = PlanApproved(plan=plan, by=by, note=note, forecast=None if goal.rehearsal else forecast)
        await self._office.progress.apply(goal.goal_id, approved, documents=[page])
        await self._library.mirror_missing()
        return await self._store.goal(goal.goal_id)

    async def question(self, goal: Goal) -> Approval:
        """Raises UsageError when no plan of the goal waits."""
        asked = await _questions(self._store, goal)
        if not asked:
            raise UsageError(_none_waits(goal))
        return asked[0]

    # -- privately -------------------------------------------------------------------------------------------

    async def _planned(self, goal: Goal, text: str, shown: str, *, by_human: bool) -> tuple[Plan, PlanForecast]:
        from marketeer.adapters.team_files.plan_page import fault_at, read_draft

        draft, source = read_draft(text, shown)
        frame = await self._board.frame(goal)
        if frame.foundation_is_spare and not by_human:
            draft = without_foundation(draft)
        faults = faults_in(draft, frame)
        if faults:
            first, *more = sorted((fault_at(source, fault) for fault in faults), key=lambda one: one.line or 0)
            msg = f"{first}{f' (and {len(more)} more)' if more else ''}"
            raise UsageError(msg)
        plan = cast(_by_human(draft) if by_human else draft, frame)
        forecast = await self._forecast(goal, plan, frame)
        await self._check_cost(goal, forecast, shown)
        return plan, forecast

    async def _forecast(self, goal: Goal, plan: Plan, frame: PlanFrame) -> PlanForecast:
        from marketeer.engine.forecasting import forecast_of

        context = await self._library.product_context(rehearsal=goal.rehearsal) if frame.context_known else None
        skills = sorted({task.skill for task in plan.tasks})
        return forecast_of(
            goal,
            plan,
            self._office.team,
            context=context.content if context else None,
            history=await self._store.costs_of_skills(skills, limit=LONGEST_HISTORY),
            parallel=self._office.settings.max_parallel_agents,
        )

    async def _check_cost(self, goal: Goal, forecast: PlanForecast, shown: str) -> None:
        from marketeer.engine.planner import left_for

        left = None if goal.rehearsal else await left_for(self._store, self._office.clock, goal)
        fault = cost_fault(forecast.cost.expected_usd, left)
        if fault is not None:
            msg = f"{shown}: {fault.said}"
            raise UsageError(msg)

    async def _required(self, goal: Goal) -> Document:
        document = await self.waiting(goal)
        if document is None:
            raise UsageError(_none_waits(goal))
        return document


async def shown(store: Store, workspace: Workspace, goal: Goal) -> ShownPlan:
    """The goal's plan as it stands. Nothing is written. Raises UsageError while there is none."""
    if await _questions(store, goal):
        return await _shown_waiting(store, workspace, goal)
    entries = await store.journal(goal_id=goal.goal_id, limit=MAX_ENTRIES)
    entry = next((entry for entry in entries if entry.what == "goal_planned"), None)
    return _shown_adopted(goal, await store.tasks(goal.goal_id), entry)


async def _shown_waiting(store: Store, workspace: Workspace, goal: Goal) -> ShownPlan:
    from marketeer.adapters.team_files.plan_page import read_draft

    path = _path(goal)
    stored = await store.document_in_force(path, None)
    content = stored.content if stored is not None else ""
    by_human = stored is not None and stored.author is Author.HUMAN
    raw = await workspace.read(path)
    if raw is not None and raw != content.encode():  # an edit that nobody has taken in yet
        content, by_human = raw.decode("utf-8", "replace"), True
    draft, _ = read_draft(content, path)
    return ShownPlan(
        goal=goal,
        draft=_by_human(draft) if by_human else draft,
        waits=True,
        task_ids={},
        before_you_publish=draft.needs_human,
        page=path,
    )


async def _questions(store: Store, goal: Goal) -> Sequence[Approval]:
    asked = await store.approvals(status=ApprovalStatus.OPEN, goal_id=goal.goal_id)
    return [approval for approval in asked if approval.is_about_plan]


def _shown_adopted(goal: Goal, tasks: Sequence[Task], entry: JournalEntry | None) -> ShownPlan:
    """Of a goal that goes by it. Raises UsageError while there is none."""
    if entry is None or goal.category is None or goal.priority is None:
        msg = f"goal {goal.goal_id!r} has no plan ({goal.status.value})"
        raise UsageError(msg)
    first = tuple(task for task in tasks if task.superseded_by is None)
    plan = Plan(
        category=goal.category,
        pipeline=goal.pipeline,
        priority=goal.priority,
        phases=goal.phases,
        tasks=first,
        why=entry.why or "",
        barriers=goal.barriers,
        learnings=tuple(entry.data.get("learnings") or ()),
        made_by=PlannedBy(entry.data.get("planned_by") or PlannedBy.TEMPLATE),
        made_note=str(entry.data.get("not_by_model") or ""),
    )
    draft = draft_of(plan)
    ids = dict(zip((task.key for task in draft.tasks()), (t.task_id for t in _by_phase(first)), strict=True))
    return ShownPlan(goal=goal, draft=draft, waits=False, task_ids=ids, before_you_publish=goal.before_you_publish)


def _by_phase(tasks: Sequence[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: task.phase)


def _by_human(draft: PlanDraft) -> PlanDraft:
    before = "the Director proposed, with a model" if draft.made_by is PlannedBy.MODEL else "the rules proposed"
    return replace(draft, made_by=PlannedBy.HUMAN, made_note=f"changed from what {before}")


def _none_waits(goal: Goal) -> str:
    return f"no plan of goal {goal.goal_id!r} waits for you (it is {goal.status.value}): see `marketeer plan show`"


def _path(goal: Goal) -> str:
    return goal_path(goal_id=goal.goal_id, name=PROPOSAL, rehearsal=goal.rehearsal)
