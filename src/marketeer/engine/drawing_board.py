"""The drawing board: what a goal's plan has to fit into, and the plan that the rules make of it."""

from __future__ import annotations

from marketeer.domain.goal import Goal
from marketeer.domain.plan import Plan
from marketeer.domain.plan_check import PlanFrame
from marketeer.domain.plan_gates import by_policy
from marketeer.domain.planning import build_plan, with_learnings
from marketeer.domain.product_context import parse_context
from marketeer.domain.routing import Routing, escalations
from marketeer.engine.library import Library
from marketeer.engine.memory import Memory
from marketeer.ports import Clock, Store, Team


class DrawingBoard:
    def __init__(
        self, *, store: Store, library: Library, team: Team, routing: Routing, memory: Memory, clock: Clock
    ) -> None:
        self._store = store
        self._library = library
        self._team = team
        self._routing = routing
        self._memory = memory
        self._clock = clock

    async def frame(self, goal: Goal) -> PlanFrame:
        """Raises UsageError for an unknown pipeline."""
        # In this order: a task that ends between the two looks has left its context.
        foundation = await self._store.foundation_task(rehearsal=goal.rehearsal)
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        foundation = foundation if context is None else None
        rivals = parse_context(context.content if context else "").rivals
        team = {name: self._team.skill_info(name) for name in self._team.skill_names()}
        now, pipelines, gates = self._clock.now(), self._team.pipelines(), self._team.gates()
        template = build_plan(
            goal=goal,
            now=now,
            team=team,
            routing=self._routing,
            pipeline=self._team.find_pipeline(goal.pipeline) if goal.pipeline else None,
            pipelines=pipelines,
            rivals=rivals,
            foundation=foundation,
            context_known=context is not None,
            gates=gates,
        )
        return PlanFrame(
            goal=goal,
            now=now,
            team=team,
            pipelines=tuple(pipelines),
            template=template,
            risks=by_policy(escalations(goal.description, self._routing, rivals=rivals), gates),
            gates=gates,
            publish_notes=self._routing.publish_notes,
            # What was learned depends on the category.
            learnings=await self._memory.for_plan(goal, template.category.value),
            context_known=context is not None,
            waits_for=foundation.task_id if foundation is not None else None,
        )


def by_rules(frame: PlanFrame) -> Plan:
    return with_learnings(frame.template, frame.learnings)
