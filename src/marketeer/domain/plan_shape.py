"""The shape of a plan: which skills work in which phases, before tasks are numbered and wired.

A shape comes from a pipeline, adapted to the skills the goal names, or from the routing's phases for a category.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from marketeer.domain.plan import Pipeline, Step
from marketeer.domain.routing import CategoryRule, Routing, SkillChoice
from marketeer.domain.skill import FOUNDATION_SKILL, SkillInfo

MAX_TASKS = 20
MEASURE_SQUAD = "measure"
DEFAULT_MEASURE = "analytics-tracking"
FOUNDATION_PHASE = "Foundation"
FINAL_REVIEW = "Does the whole answer the goal?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A task to be. Slots of one `group` work side by side; `extra` ones were added to a template."""

    skill: str
    why: str
    group: int = -1
    uses: tuple[str, ...] | None = None
    latest: tuple[str, ...] = ()
    condition: str | None = None
    note: str = ""
    extra: bool = False
    best_of: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewStep:
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapePhase:
    name: str
    items: tuple[Slot | ReviewStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Phases before wiring. `stands_for` maps a template's skill to those that read or write in its place."""

    phases: tuple[ShapePhase, ...]
    stands_for: Mapping[str, tuple[str, ...]]
    continues_when: str | None = None
    notes: tuple[str, ...] = ()

    def skills(self) -> list[str]:
        return [item.skill for phase in self.phases for item in phase.items if isinstance(item, Slot)]


def from_template(
    pipeline: Pipeline,
    choices: Sequence[SkillChoice],
    team: Mapping[str, SkillInfo],
    *,
    extras_from: float | None = None,
) -> Shape:
    """The template's steps up to its first wait, cast by what the goal names.

    `extras_from`: chosen skills with at least this score join even if the template lacks them; None adds none.
    """
    shape = _template_steps(pipeline, choices, team)
    present = set(shape.skills())
    for choice in choices:
        if extras_from is not None and choice.score >= extras_from and choice.skill not in present:
            shape = _with_extra(shape, choice, team)
    return shape


def _template_steps(pipeline: Pipeline, choices: Sequence[SkillChoice], team: Mapping[str, SkillInfo]) -> Shape:
    scores = {choice.skill: choice.score for choice in choices}
    phases: list[ShapePhase] = []
    stands_for: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    group = 0
    for phase in pipeline.phases:
        items: list[Slot | ReviewStep] = []
        for step in phase.steps:
            if step.wait is not None:
                phases.append(ShapePhase(name=phase.name, items=tuple(items)))
                return _finished(phases, stands_for, notes, step.wait)
            if step.skill is None:
                items.append(ReviewStep(title=step.review or FINAL_REVIEW))
                continue
            cast = _cast(step, step.skill, scores)
            stands_for[step.skill] = cast
            missing = [name for name in cast if name not in team]
            notes += [f"The step {name} was left out: no such skill is on the team." for name in missing]
            items += [_step_slot(step, name, group, pipeline.name) for name in cast if name in team]
            group += 1
        phases.append(ShapePhase(name=phase.name, items=tuple(items)))
    return _finished(phases, stands_for, notes, None)


def _finished(
    phases: Iterable[ShapePhase], stands_for: Mapping[str, tuple[str, ...]], notes: Iterable[str], wait: str | None
) -> Shape:
    kept = tuple(phase for phase in phases if phase.items)
    return Shape(phases=kept, stands_for=stands_for, continues_when=wait, notes=tuple(notes))


def _cast(step: Step, skill: str, scores: Mapping[str, float]) -> tuple[str, ...]:
    """Who does the step: its skill or the one the goal names instead, and those who join."""
    rivals = [name for name in step.replaced_by if scores.get(name, 0.0) > scores.get(skill, 0.0)]
    main = max(rivals, key=lambda name: scores[name], default=skill)
    return (main, *(name for name in step.joined_by if name in scores and name != main))


def _step_slot(step: Step, name: str, group: int, pipeline: str) -> Slot:
    return Slot(
        skill=name,
        why=f"a step of {pipeline}" if name == step.skill else f"the goal names it, so it takes part in {pipeline}",
        group=group,
        uses=step.uses,
        latest=step.latest,
        condition=step.condition,
        note=step.note,
        best_of=step.best_of,
    )


def _with_extra(shape: Shape, choice: SkillChoice, team: Mapping[str, SkillInfo]) -> Shape:
    if choice.skill == FOUNDATION_SKILL:
        return with_foundation(shape, choice.why)
    slot = Slot(skill=choice.skill, why=choice.why, extra=True)
    at = _fitting_phase(shape, team[choice.skill].squad, team)
    if at is None:
        return replace(shape, phases=(ShapePhase(name="Create", items=(slot,)), *shape.phases))
    phase = shape.phases[at]
    first_review = next((i for i, item in enumerate(phase.items) if isinstance(item, ReviewStep)), len(phase.items))
    items = (*phase.items[:first_review], slot, *phase.items[first_review:])
    phases = (*shape.phases[:at], replace(phase, items=items), *shape.phases[at + 1 :])
    return replace(shape, phases=phases)


def _fitting_phase(shape: Shape, squad: str | None, team: Mapping[str, SkillInfo]) -> int | None:
    """The last phase where this squad works; else before the measuring starts. None: a phase of its own, first."""
    squads = [{team[i.skill].squad for i in phase.items if isinstance(i, Slot)} for phase in shape.phases]
    same = [i for i, present in enumerate(squads) if squad in present]
    if same:
        return same[-1]
    if squad == MEASURE_SQUAD:
        return len(squads) - 1 if squads else None
    first_measure = next((i for i, present in enumerate(squads) if present == {MEASURE_SQUAD}), len(squads))
    return first_measure - 1 if first_measure > 0 else None


def with_foundation(shape: Shape, why: str) -> Shape:
    """The product context first, in a phase of its own."""
    first = ShapePhase(name=FOUNDATION_PHASE, items=(Slot(skill=FOUNDATION_SKILL, why=why, uses=()),))
    return replace(shape, phases=(first, *shape.phases))


def from_rules(
    rule: CategoryRule, choices: Sequence[SkillChoice], team: Mapping[str, SkillInfo], routing: Routing
) -> Shape:
    """The category's phases, filled with the chosen skills, closed by measuring and one Director review."""
    whys = {choice.skill: choice.why for choice in choices}
    cast = _cast_phases(rule, list(whys), team)
    if not any(team[skill].squad == MEASURE_SQUAD for _, skills in cast for skill in skills):
        cast[-1][1].extend(_measuring(cast, team, routing))
    phases = []
    for name, skills in cast:
        slots = [Slot(skill=s, why=whys.get(s, _usual(s, rule, team))) for s in _sorted(skills, team)]
        phases += [ShapePhase(name=name, items=tuple(slots))] if slots else []
    if phases:
        phases[-1] = replace(phases[-1], items=(*phases[-1].items, ReviewStep(title=FINAL_REVIEW)))
    shape = Shape(phases=tuple(phases), stands_for={})
    return with_foundation(shape, whys[FOUNDATION_SKILL]) if FOUNDATION_SKILL in whys else shape


def _cast_phases(
    rule: CategoryRule, chosen: Sequence[str], team: Mapping[str, SkillInfo]
) -> list[tuple[str, list[str]]]:
    """Each chosen skill goes to the first phase that takes its squad; one that no phase takes, before the last."""
    left = [s for s in chosen if s != FOUNDATION_SKILL] or [s for s in rule.fallback if s in team]
    cast: list[tuple[str, list[str]]] = []
    for phase in rule.phases:
        mine = [skill for skill in left if team[skill].squad in phase.squads]
        mine += [skill for skill in phase.always if skill in team and skill not in mine]
        mine = mine or [skill for skill in phase.otherwise if skill in team]
        left = [skill for skill in left if skill not in mine]
        cast.append((phase.name, mine))
    cast[max(0, len(cast) - 2)][1].extend(left)
    return cast


def _usual(skill: str, rule: CategoryRule, team: Mapping[str, SkillInfo]) -> str:
    if team[skill].squad == MEASURE_SQUAD:
        return "every plan ends by making its effect measurable"
    return f"the usual work for {rule.category.value} goals"


def _measuring(
    named: Sequence[tuple[str, Sequence[str]]], team: Mapping[str, SkillInfo], routing: Routing
) -> list[str]:
    work = [skill for _, skills in named for skill in skills]
    closers = {routing.measured_by.get(skill, DEFAULT_MEASURE) for skill in work} or {DEFAULT_MEASURE}
    wanted = [*(closers if len(closers) == 1 else ()), DEFAULT_MEASURE]
    wanted += [name for name, info in team.items() if info.squad == MEASURE_SQUAD]
    return [skill for skill in wanted if skill in team][:1]


def _sorted(skills: Sequence[str], team: Mapping[str, SkillInfo]) -> list[str]:
    """Producers before their readers, otherwise as given."""
    waiting, ordered = list(skills), list[str]()
    while waiting:
        ready = next((s for s in waiting if not set(team[s].upstream) & (set(waiting) - {s})), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def capped(shape: Shape, team: Mapping[str, SkillInfo]) -> Shape:
    """At most MAX_TASKS tasks: the last go that neither measure nor lay the foundation."""
    surplus = len(shape.skills()) - MAX_TASKS
    if surplus <= 0:
        return shape
    spare: list[tuple[int, int]] = []
    measuring: list[tuple[int, int]] = []
    for p, phase in enumerate(shape.phases):
        for i, item in enumerate(phase.items):
            if isinstance(item, Slot) and item.skill != FOUNDATION_SKILL:
                (measuring if team[item.skill].squad == MEASURE_SQUAD else spare).append((p, i))
    dropped = set([*reversed(spare), *reversed(measuring)][:surplus])
    phases = [
        replace(phase, items=tuple(item for i, item in enumerate(phase.items) if (p, i) not in dropped))
        for p, phase in enumerate(shape.phases)
    ]
    note = f"{surplus} steps were left out: a plan holds at most {MAX_TASKS} tasks."
    return replace(shape, phases=tuple(phase for phase in phases if phase.items), notes=(*shape.notes, note))
