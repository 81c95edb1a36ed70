"""What is wrong with a draft of a plan, whoever drafted it: a model and a person are held to the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketeer.domain.gates import USUAL_GATES, Gates
from marketeer.domain.goal import Category, Goal
from marketeer.domain.learning import Learning
from marketeer.domain.plan import Pipeline, Plan
from marketeer.domain.plan_draft import PlanDraft, TaskDraft
from marketeer.domain.plan_shape import MAX_TASKS, MEASURE_SQUAD
from marketeer.domain.routing import Escalation
from marketeer.domain.skill import FOUNDATION_SKILL, SkillInfo
from marketeer.domain.usage import dollars

MAX_PHASES = 8
MAX_BRIEF_CHARS = 24_000
MAX_WHY_CHARS = 500
MAX_NAME_CHARS = 60
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFrame:
    """What a goal's plan has to fit into. `template` is the plan that the rules make; what it stops for by the `gates`,
    every other plan stops for too. `risks` are those of the goal's words. `waits_for` is another goal's task that
    writes the product context."""

    goal: Goal
    now: datetime
    team: Mapping[str, SkillInfo]
    pipelines: Sequence[Pipeline]
    template: Plan
    risks: tuple[Escalation, ...] = ()
    gates: Gates = USUAL_GATES
    publish_notes: Mapping[str, str]
    learnings: tuple[Learning, ...] = ()
    context_known: bool = True
    waits_for: str | None = None

    @property
    def needs_foundation(self) -> bool:
        """Nobody has written the product context, and nobody is about to."""
        return not self.context_known and self.waits_for is None and FOUNDATION_SKILL in self.team

    @property
    def foundation_is_spare(self) -> bool:
        """A plan that was made before may still write the product context, though somebody has begun or done it by
        now, and the goal did not ask for a new one."""
        asked_for = any(task.skill == FOUNDATION_SKILL for task in self.template.tasks)
        return self.waits_for is not None or (self.context_known and not asked_for)

    def pipeline(self, name: str | None) -> Pipeline | None:
        """Among those that have tasks."""
        wanted = (name or "").casefold()
        return next((p for p in self.pipelines if p.name.casefold() == wanted and p.reading is None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`at` is the way to it within the draft, such as ("phases", 0, "tasks", 2, "needs"). `said` has the remedy."""

    at: tuple[str | int, ...]
    said: str

    def line(self) -> str:
        """Places counted from 1, as people do."""
        way = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in self.at)
        return f"{way.removeprefix('.') or 'plan'}: {self.said}"


def faults_in(draft: PlanDraft, frame: PlanFrame) -> list[Fault]:
    """Everything that keeps it from being carried out; nothing: it can be cast."""
    return [
        *_head(draft, frame),
        *_phases(draft),
        *_tasks(draft, frame),
        *_needs(draft),
        *_foundation(draft, frame),
        *_measuring(draft, frame),
    ]


def cost_fault(expected_usd: Decimal, left_usd: Decimal | None) -> Fault | None:
    """`left_usd` None: nothing is spent."""
    if left_usd is None or expected_usd <= left_usd:
        return None
    said = f"it may cost about {dollars(expected_usd)} and {dollars(left_usd)} is left for it: plan fewer tasks"
    return Fault(at=("phases",), said=said)


def _head(draft: PlanDraft, frame: PlanFrame) -> Iterator[Fault]:
    asked = frame.goal.category
    if draft.category not in {each.value for each in Category}:
        yield Fault(at=("category",), said=f"no category {draft.category!r}; one of {', '.join(Category)}")
    elif asked is not None and draft.category != asked.value:
        yield Fault(at=("category",), said=f"the user asked for {asked.value}: keep that category")
    if draft.pipeline is not None and frame.pipeline(draft.pipeline) is None:
        yield Fault(at=("pipeline",), said=f"no pipeline {draft.pipeline!r}; a name of the list, or none")
    if not draft.why.strip():
        yield Fault(at=("why",), said="say in a sentence or two why this plan")


def _phases(draft: PlanDraft) -> Iterator[Fault]:
    if not 1 <= len(draft.phases) <= MAX_PHASES:
        yield Fault(at=("phases",), said=f"{len(draft.phases)} phases; a plan has 1 to {MAX_PHASES}")
    seen: set[str] = set()
    for index, phase in enumerate(draft.phases):
        name = phase.name.strip().casefold()
        if not name or len(name) > MAX_NAME_CHARS:
            yield Fault(at=("phases", index, "name"), said=f"give the phase a name of at most {MAX_NAME_CHARS} signs")
        if name in seen:
            yield Fault(at=("phases", index, "name"), said=f"two phases are called {phase.name!r}: rename one")
        if not phase.tasks:
            yield Fault(at=("phases", index, "tasks"), said="a phase without tasks: leave it out")
        seen.add(name)


def _tasks(draft: PlanDraft, frame: PlanFrame) -> Iterator[Fault]:
    count = len(draft.tasks())
    if count > MAX_TASKS:
        yield Fault(at=("phases",), said=f"{count} tasks; a plan has at most {MAX_TASKS}: keep those that matter most")
    keys: set[str] = set()
    for at, task in placed(draft):
        if not _KEY.fullmatch(task.key):
            yield Fault(at=(*at, "id"), said=f"{task.key!r} is no id; small letters, digits and hyphens")
        if task.key in keys:
            yield Fault(at=(*at, "id"), said=f"two tasks are called {task.key!r}: rename one")
        keys.add(task.key)
        if task.skill not in frame.team:
            yield Fault(at=(*at, "skill"), said=f"no skill {task.skill!r} on the team; a name of the list")
        if not task.brief.strip() or len(task.brief) > MAX_BRIEF_CHARS:
            yield Fault(at=(*at, "brief"), said=f"a brief has 1 to {MAX_BRIEF_CHARS} signs, this has {len(task.brief)}")
        if len(task.why) > MAX_WHY_CHARS:
            yield Fault(at=(*at, "why"), said=f"{len(task.why)} signs; at most {MAX_WHY_CHARS}")
        for name in task.latest:
            if name not in frame.team:
                yield Fault(at=(*at, "latest"), said=f"no skill {name!r} on the team; a name of the list")


def placed(draft: PlanDraft) -> Iterator[tuple[tuple[str | int, ...], TaskDraft]]:
    """Every task with the way to it."""
    for p, phase in enumerate(draft.phases):
        for t, task in enumerate(phase.tasks):
            yield ("phases", p, "tasks", t), task


def _needs(draft: PlanDraft) -> Iterator[Fault]:
    phase_of = {task.key: p for p, phase in enumerate(draft.phases) for task in phase.tasks}
    skill_of = {task.key: task.skill for task in draft.tasks()}
    for at, task in placed(draft):
        for need in task.needs:
            if need not in phase_of:
                yield Fault(at=(*at, "needs"), said=f"no task {need!r} in this plan; name ids of its tasks")
            elif need == task.key:
                yield Fault(at=(*at, "needs"), said="a task cannot need itself")
            elif phase_of[need] > phase_of[task.key]:
                yield Fault(at=(*at, "needs"), said=f"{need!r} comes in a later phase: move one of the two")
        if task.condition is not None and task.condition not in {skill_of.get(need) for need in task.needs}:
            said = f"its condition {task.condition!r} is the skill of no task it needs: add that need"
            yield Fault(at=(*at, "condition"), said=said)
    if circle := _circle(draft):
        yield Fault(at=("phases",), said=f"tasks wait for each other in a circle: {', '.join(circle)}")


def _circle(draft: PlanDraft) -> list[str]:
    """Those that never become free."""
    known = {task.key for task in draft.tasks()}
    waiting = {task.key: {need for need in task.needs if need in known and need != task.key} for task in draft.tasks()}
    while free := [key for key, needs in waiting.items() if not needs & waiting.keys()]:
        for key in free:
            del waiting[key]
    return sorted(waiting)


def _foundation(draft: PlanDraft, frame: PlanFrame) -> Iterator[Fault]:
    found = [(at, task) for at, task in placed(draft) if task.skill == FOUNDATION_SKILL]
    if frame.needs_foundation and not found:
        said = f"there is no product context yet: begin with a task of {FOUNDATION_SKILL}"
        yield Fault(at=("phases",), said=said)
    if frame.waits_for is not None and found:
        yield Fault(at=found[0][0], said="another goal writes the product context already: leave this task out")
    for at, task in found[1:]:
        yield Fault(at=at, said=f"{task.key!r} writes the product context a second time: leave it out")
    for at, task in found[:1]:
        if at != ("phases", 0, "tasks", 0) or task.needs:
            yield Fault(at=at, said="the product context comes first, and waits for nothing")


def _measuring(draft: PlanDraft, frame: PlanFrame) -> Iterator[Fault]:
    """Somebody measures in the last phase; in one that goes by a template, where the template does. With a skill that
    nobody knows it cannot be told."""
    if not any(info.squad == MEASURE_SQUAD for info in frame.team.values()) or not draft.phases:
        return
    phases = draft.phases if frame.pipeline(draft.pipeline) is not None else draft.phases[-1:]
    skills = {task.skill for phase in phases for task in phase.tasks}
    if not skills <= frame.team.keys():
        return
    squads = {frame.team[skill].squad for skill in skills}
    if MEASURE_SQUAD not in squads:
        said = f"nothing measures the effect: let the last phase have a task of the {MEASURE_SQUAD} squad"
        yield Fault(at=("phases",), said=said)
