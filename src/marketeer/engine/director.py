"""The Director: has a goal planned, reviews it at its barriers, and closes it with a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from marketeer.domain.agreement import Compared
from marketeer.domain.document import Author, Document, DocumentKind, goal_path
from marketeer.domain.forecast import PlanForecast
from marketeer.domain.goal import Goal
from marketeer.domain.learning import TEAM
from marketeer.domain.outcome import BarrierReviewed, Disagreed, ItemRef, Planned, Reported
from marketeer.domain.plan import Plan
from marketeer.domain.plan_cast import cast
from marketeer.domain.plan_draft import draft_of, without_foundation
from marketeer.domain.plan_page import PROPOSAL, render_draft
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.skill import DIRECTOR, FOUNDATION_SKILL
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.work import Scope, WorkItem, WorkKind
from marketeer.engine.agreement import Agreement
from marketeer.engine.closing import closing_documents
from marketeer.engine.drawing_board import DrawingBoard, by_rules
from marketeer.engine.forecasting import forecast_of, history_of
from marketeer.engine.library import Library
from marketeer.engine.memory import Memory
from marketeer.engine.planner import Planner
from marketeer.engine.readings import Readings
from marketeer.engine.reports import Reports
from marketeer.engine.structured import Unusable
from marketeer.ports import Clock, Store, Team

PLAN_LOOK_S = 0.05
HANDED_BACK_S = 3.0
MOST_LOOKED_AT = 100


class Director:
    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        team: Team,
        drawing_board: DrawingBoard,
        planner: Planner,
        memory: Memory,
        reports: Reports,
        clock: Clock,
        parallel: int,
        depth: ReviewDepth | None,
        readings: Readings,
        agreement: Agreement,
    ) -> None:
        self._agreement = agreement
        self._readings = readings
        self._store = store
        self._library = library
        self._team = team
        self._drawing_board = drawing_board
        self._planner = planner
        self._memory = memory
        self._reports = reports
        self._clock = clock
        self._parallel = parallel
        self._depth = depth

    async def make_plan(self, goal: Goal) -> Plan:
        """The plan by the rules: the same goal and workspace give the same plan. Raises UsageError for an unknown
        pipeline."""
        return by_rules(await self._drawing_board.frame(goal))

    async def plan(self, item: WorkItem, goal: Goal) -> tuple[Planned, Sequence[Document]]:
        if await self._library.product_context(rehearsal=goal.rehearsal) is None:
            await self._let_older_plans_be_made(item)
        await self._look_at_memory(goal)
        frame = await self._drawing_board.frame(goal)
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        found = await self._planner.propose(item, frame, context)
        plan = replace(by_rules(frame), made_note=found.reason) if isinstance(found, Unusable) else found
        plan = await self._up_to_date(goal, plan)
        forecast = await self._forecast(goal, plan)
        page = self._plan_document(goal, "plan.md", self._reports.plan(goal, plan, forecast))
        documents = [page]
        if goal.approve_plan and plan.tasks:
            asks = [gate.question for gate in plan.gates]
            documents.append(self._plan_document(goal, PROPOSAL, render_draft(draft_of(plan), goal, asks)))
        planned = Planned(item=_ref(item), plan=plan, forecast=None if goal.rehearsal else forecast)
        return planned, documents

    async def _up_to_date(self, goal: Goal, plan: Plan) -> Plan:
        """While a plan was made another goal may have begun the product context, or a person have written it."""
        if all(task.skill != FOUNDATION_SKILL for task in plan.tasks):
            return plan
        frame = await self._drawing_board.frame(goal)
        return cast(without_foundation(draft_of(plan)), frame) if frame.foundation_is_spare else plan

    def _plan_document(self, goal: Goal, name: str, content: str) -> Document:
        return Document(
            path=goal_path(goal_id=goal.goal_id, name=name, rehearsal=goal.rehearsal),
            kind=DocumentKind.PLAN,
            content=content,
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=self._clock.now(),
            goal_id=goal.goal_id,
        )

    async def _look_at_memory(self, goal: Goal) -> None:
        agents = frozenset({*self._team.skill_names(), DIRECTOR, TEAM})
        await self._memory.look(rehearsal=goal.rehearsal, agents=agents)

    async def _forecast(self, goal: Goal, plan: Plan) -> PlanForecast:
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        return forecast_of(
            goal,
            plan,
            self._team,
            context=context.content if context else None,
            history=await history_of(self._store, plan),
            parallel=self._parallel,
            depth=self._depth,
        )

    async def _let_older_plans_be_made(self, item: WorkItem) -> None:
        """Of goals planned at the same time the oldest writes the product context, and the others wait for its task.
        One that was handed back is waited for until somebody takes it up, but not for long: maybe nobody can."""
        patient_until = self._clock.monotonic() + HANDED_BACK_S
        while await self._an_older_is_being_planned(item) or (
            self._clock.monotonic() < patient_until and await self._an_older_was_handed_back(item)
        ):
            await self._clock.sleep(PLAN_LOOK_S)

    async def _an_older_is_being_planned(self, item: WorkItem) -> bool:
        return any(_is_older_plan(other, item) for other in await self._store.claimed_items(lease_before=None))

    async def _an_older_was_handed_back(self, item: WorkItem) -> bool:
        ready = await self._store.ready_items(now=self._clock.now(), scope=Scope(), limit=MOST_LOOKED_AT)
        return any(other.claim and _is_older_plan(other, item) for other in ready)

    def review_barrier(self, item: WorkItem, goal: Goal, tasks: Sequence[Task]) -> BarrierReviewed:
        """The state of everything before the barrier, in words: without a model, the contracts' verdicts decide."""
        barrier = next(b for b in goal.barriers if b.barrier_id == item.barrier_id)
        reviewed = [t for t in tasks if t.phase in barrier.after and t.superseded_by is None]
        approved = [t for t in reviewed if t.status is TaskStatus.APPROVED]
        open_findings = [t.skill for t in approved if t.verdict and t.verdict != "approved"]
        lost = [t.skill for t in reviewed if t.status is TaskStatus.FAILED]
        note = f"{barrier.title}: {len(approved)} of {len(reviewed)} outputs approved"
        if open_findings:
            note += f"; with findings: {', '.join(open_findings)}"
        if lost:
            note += f"; failed: {', '.join(lost)}"
        return BarrierReviewed(item=_ref(item), note=note)

    async def report(
        self, item: WorkItem, goal: Goal, tasks: Sequence[Task]
    ) -> tuple[Reported | Disagreed, Sequence[Document]]:
        """The report; or the tasks to do over before there can be one, because their outputs contradict others."""
        await self._look_at_memory(goal)
        pipeline = self._team.find_pipeline(goal.pipeline) if goal.pipeline and not tasks else None
        if pipeline is None or pipeline.reading is None:
            compared = await self._agreement.look(item, goal, tasks)
            if compared.over:
                return Disagreed(item=_ref(item), tasks=compared.over), ()
            documents = await self._closing(goal, tasks, compared=compared)
            return Reported(item=_ref(item), report_path=documents[0].path), documents
        page = await self._readings.write(item, goal, pipeline.reading, self._most_it_costs)
        documents = await self._closing(goal, tasks, page=page.path)
        reported = Reported(
            item=_ref(item),
            report_path=documents[0].path,
            page_path=page.path,
            headline=page.headline,
            begins=page.begins,
        )
        return reported, [*page.documents, *documents]

    async def _closing(
        self,
        goal: Goal,
        tasks: Sequence[Task],
        *,
        page: str | None = None,
        compared: Compared | None = None,
    ) -> Sequence[Document]:
        return await closing_documents(
            goal,
            tasks,
            reports=self._reports,
            memory=self._memory,
            clock=self._clock,
            page=page,
            compared=compared,
        )

    async def _most_it_costs(self, goal: Goal) -> Decimal:
        forecast = await self._forecast(goal, await self.make_plan(goal))
        return forecast.cost.expected_usd


def _is_older_plan(other: WorkItem, item: WorkItem) -> bool:
    is_older = (other.created_at, other.work_item_id) < (item.created_at, item.work_item_id)
    return other.kind is WorkKind.PLAN and is_older


def _ref(item: WorkItem) -> ItemRef:
    return ItemRef(item_id=item.work_item_id, claim=item.claim)
