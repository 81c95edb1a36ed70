"""A planner alone, with a model that answers what it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any

from marketeer.adapters.rehearsal import RehearsalModel
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.goal import Goal
from marketeer.domain.plan import Plan
from marketeer.domain.plan_check import PlanFrame
from marketeer.engine.api_state import ApiState
from marketeer.engine.drawing_board import DrawingBoard
from marketeer.engine.ledger import Ledger, Models
from marketeer.engine.memory import Memory
from marketeer.engine.planner import Planner
from marketeer.engine.structured import Structured, Unusable
from marketeer.ports import ModelRequest
from marketeer.runtime import Office
from marketeer.testing import in_memory_office
from marketeer.testing.model import Scripted, ScriptedModel
from tests.integration.desk import CONTEXT, an_office, submit

Answering = Callable[[ModelRequest], Scripted]

GOAL = "Increase signup conversion by 20%"


@dataclass(slots=True)
class PlanningRoom:
    office: Office
    model: ScriptedModel
    enabled: bool = True

    @property
    def board(self) -> DrawingBoard:
        office = self.office
        return DrawingBoard(
            store=office.store,
            library=office.library,
            team=office.team,
            routing=office.routing,
            memory=Memory(office.store, office.library, office.clock),
            clock=office.clock,
        )

    async def goal(self, description: str = GOAL, **values: Any) -> Goal:
        return await submit(self.office, **{"pipeline": None, "description": description, **values})

    async def frame(self, goal: Goal) -> PlanFrame:
        return await self.board.frame(goal)

    async def propose(
        self, goal: Goal, *, claim: int = 1, attempts: int = 1, frame: PlanFrame | None = None
    ) -> Plan | Unusable:
        office = self.office
        ledger = Ledger(
            office.store,
            Models(real=self.model, rehearsal=RehearsalModel(office.clock)),
            office.clock,
            office.doorbell,
            api=ApiState(office.clock),
            owner="test",
            tracer=office.tracer,
        )
        planner = Planner(
            structured=Structured(store=office.store, ledger=ledger, team=office.team, clock=office.clock),
            store=office.store,
            team=office.team,
            clock=office.clock,
            zone=UTC,
            parallel=3,
            enabled=self.enabled,
        )
        item = await office.store.work_item(f"{goal.token}.plan.1")
        assert item is not None
        context = await office.library.product_context(rehearsal=goal.rehearsal)
        return await planner.propose(
            replace(item, claim=claim, attempts=attempts), frame or await self.frame(goal), context
        )


@asynccontextmanager
async def a_planning_room(
    folder: Path,
    says: Sequence[Scripted | Answering] | Answering,
    *,
    context: str | None = CONTEXT,
    **values: Any,
) -> AsyncIterator[PlanningRoom]:
    model = ScriptedModel(says if callable(says) else in_turn(*says))
    async with an_office(folder, model, context=context, **values) as office:
        yield PlanningRoom(office=office, model=model)


@asynccontextmanager
async def a_planning_room_in_memory(answer: Answering) -> AsyncIterator[PlanningRoom]:
    """For many goals: no disk is waited for."""
    model = ScriptedModel(answer)
    async with in_memory_office(model=model, files={CONTEXT_PATH: CONTEXT}) as office:
        yield PlanningRoom(office=office, model=model)


def in_turn(*answers: Scripted | Answering) -> Answering:
    """One after another; a function is asked for its answer."""
    left = iter(answers)

    def following(request: ModelRequest) -> Scripted:
        answer = next(left)
        return answer(request) if callable(answer) else answer

    return following
