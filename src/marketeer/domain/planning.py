"""Planning without a model: a goal's words, a template or the routing's phases become a wired plan.

The rules, in order: what the user named wins; else the goal's words choose category and skills; a fitting pipeline is
the template, adapted to the skills the goal names; without one the category's phases are filled with them
(`plan_shape.py`). Plans of the second kind end in a measuring task and one Director review; each built-in template
measures somewhere. Same arguments, same plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from marketeer.domain.best_of import unmet_wishes, variants_of
from marketeer.domain.folding import fold
from marketeer.domain.gates import USUAL_GATES, Gates
from marketeer.domain.goal import Barrier, Category, Goal
from marketeer.domain.learning import Learning
from marketeer.domain.plan import Pipeline, Plan
from marketeer.domain.plan_brief import TaskBrief
from marketeer.domain.plan_gates import by_policy, lines_of_gates, plan_gates
from marketeer.domain.plan_shape import (
    ReviewStep,
    Shape,
    Slot,
    capped,
    from_rules,
    from_template,
    with_foundation,
)
from marketeer.domain.routing import (
    Escalation,
    Routing,
    SkillChoice,
    choose_skills,
    escalations,
    infer_category,
    suggest_pipeline,
)
from marketeer.domain.skill import FOUNDATION_SKILL, SkillInfo
from marketeer.domain.task import Task

MAX_LEARNING_NOTES = 3
INLINE_GOAL_CHARS = 300
CREATIVE_SQUAD = "creative"

_OWN_SKILL_SCORE = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What the goal asks for, as understood."""

    category: Category
    confidence: float | None
    pipeline: Pipeline | None
    named: bool
    choices: tuple[SkillChoice, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A slot in its phase and behind its barrier."""

    slot: Slot
    phase: int
    barrier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What every task of the plan shares. `waits_for` is a task of another goal."""

    goal: Goal
    now: datetime
    team: Mapping[str, SkillInfo]
    reading: _Reading
    risks: tuple[Escalation, ...]
    waits_for: str | None


def build_plan(
    *,
    goal: Goal,
    now: datetime,
    team: Mapping[str, SkillInfo],
    routing: Routing,
    pipeline: Pipeline | None = None,
    pipelines: Sequence[Pipeline] = (),
    rivals: Sequence[str] = (),
    foundation: Task | None = None,
    context_known: bool = True,
    gates: Gates = USUAL_GATES,
) -> Plan:
    """The goal's plan. `pipeline` is the one the user named; None lets the goal's words choose among `pipelines`.

    `foundation` is another goal's unfinished product-context task, to wait for while the context is not known.
    """
    reading = _read(goal, team, routing, pipeline, pipelines, rivals)
    if reading.pipeline is not None and reading.pipeline.reading is not None:
        return _of_reading(goal, reading, reading.pipeline)
    risks = by_policy(escalations(goal.description, routing, rivals=rivals), gates)
    shape = _shape_of(reading, team, routing)
    own_foundation = FOUNDATION_SKILL in shape.skills()
    if not context_known and foundation is None and not own_foundation and FOUNDATION_SKILL in team:
        shape = with_foundation(shape, "the product context is missing, and everything rests on it")
    shape = capped(shape, team)
    phases, places, barriers = _laid_out(goal, shape)
    waits_for = foundation.task_id if foundation is not None and not context_known else None
    job = _Job(goal=goal, now=now, team=team, reading=reading, risks=risks, waits_for=waits_for)
    tasks = _wired(job, shape, phases, places)
    template = reading.pipeline
    return Plan(
        category=reading.category,
        pipeline=template.name if template else None,
        priority=goal.priority or (template.priority if template else routing.rule(reading.category).priority),
        phases=phases,
        tasks=tasks,
        why=reading.why,
        barriers=barriers,
        gates=plan_gates(template, risks, gates, shape.skills()),
        before_you_publish=_before_publishing(template, shape, routing, risks, gates),
        continues_when=shape.continues_when,
        notes=(*shape.notes, *unmet_wishes(goal.best_of, shape.skills())),
        confidence=reading.confidence,
    )


def _of_reading(goal: Goal, reading: _Reading, pipeline: Pipeline) -> Plan:
    """No tasks: the Director reads what the store knows."""
    return Plan(
        category=reading.category,
        pipeline=pipeline.name,
        priority=goal.priority or pipeline.priority,
        phases=(),
        tasks=(),
        why=reading.why,
        before_you_publish=pipeline.before_you_publish,
        confidence=reading.confidence,
        reading=pipeline.reading,
    )


def with_learnings(plan: Plan, learnings: Sequence[Learning]) -> Plan:
    """The plan, naming the learnings it was made with: the first few of those that fit, in its notes and by id."""
    applied = learnings[:MAX_LEARNING_NOTES]
    notes = (f"Learned earlier: {one.learning}; {one.action} ({one.learning_id})" for one in applied)
    ids = tuple(one.learning_id for one in applied)
    return replace(plan, notes=(*plan.notes, *notes), learnings=ids) if applied else plan


# -- reading the goal ----------------------------------------------------------------------------------------


def _read(
    goal: Goal,
    team: Mapping[str, SkillInfo],
    routing: Routing,
    pipeline: Pipeline | None,
    pipelines: Sequence[Pipeline],
    rivals: Sequence[str],
) -> _Reading:
    text = goal.description
    choice = infer_category(text, routing, rivals=rivals)
    named_category = goal.category or (pipeline.category if pipeline else None)
    category = named_category or choice.category
    choices = [c for c in choose_skills(text, category, routing, rivals) if c.skill in team]
    choices += _own_skills(text, team, routing)
    template = pipeline
    if template is None:
        # Plain words ask for work: what the Director reads is asked for by name, or by a schedule.
        offered = {each.name: each.category for each in pipelines if each.reading is None}
        name = suggest_pipeline(text, category, routing, offered, rivals)
        template = next((each for each in pipelines if each.name == name), None)
    confidence = None if named_category else choice.confidence
    return _Reading(
        category=category,
        confidence=confidence,
        pipeline=template,
        named=pipeline is not None,
        choices=tuple(choices),
        why=_explained(category, confidence, choice.why, template, named=pipeline is not None, ask=routing.ask_below),
    )


def _explained(
    category: Category, confidence: float | None, why: str, template: Pipeline | None, *, named: bool, ask: float
) -> str:
    if named and template:
        return f"You named the pipeline {template.name}, so its template is the plan."
    source = "No template fits, so the skills were chosen one by one."
    if template:
        source = f"Planned from the {template.name} template."
    if confidence is None:
        return f"You named the category {category.value}. {source}"
    guess = " That is little more than a guess; name a category or a pipeline to settle it." if confidence < ask else ""
    return f"Read as {category.value} (confidence {confidence:.2f}): {why}.{guess} {source}"


def _own_skills(text: str, team: Mapping[str, SkillInfo], routing: Routing) -> list[SkillChoice]:
    """Skills no cue knows (a user added them): chosen when the goal says their name, or much of their description."""
    known = {skill for cue in routing.cues for skill in cue.skills} | {FOUNDATION_SKILL}
    said = _stems(text)
    found = []
    for name, info in team.items():
        parts = _stems(name)
        in_name, in_description = len(parts & said), len(_long_stems(info.description) & said)
        if name in known or not parts:
            continue
        if in_name == len(parts) or (2 * in_name >= len(parts) and in_description >= 2) or in_description >= 4:
            found.append(SkillChoice(skill=name, score=_OWN_SKILL_SCORE, why="it speaks of what this skill is for"))
    return found


@lru_cache(maxsize=512)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word.rstrip("s") for word in re.findall(r"[^\W_]{3,}", fold(text)))


@lru_cache(maxsize=512)
def _long_stems(text: str) -> frozenset[str]:
    return frozenset(stem for stem in _stems(text) if len(stem) > 4)


def _shape_of(reading: _Reading, team: Mapping[str, SkillInfo], routing: Routing) -> Shape:
    if reading.pipeline is None:
        return from_rules(routing.rule(reading.category), reading.choices, team, routing)
    extras_from = None if reading.named else routing.strong_score
    return from_template(reading.pipeline, reading.choices, team, extras_from=extras_from)


# -- wiring tasks --------------------------------------------------------------------------------------------


def _laid_out(goal: Goal, shape: Shape) -> tuple[tuple[str, ...], list[_Place], tuple[Barrier, ...]]:
    """Slots in numbered phases. Work behind a review inside a phase gets a phase of its own: barriers lie between."""
    phases: list[str] = []
    places: list[_Place] = []
    barriers: list[Barrier] = []
    for phase in shape.phases:
        phase_open = False
        for item in phase.items:
            if isinstance(item, ReviewStep):
                if phases:
                    barriers.append(_barrier(goal, item.title, len(barriers) + 1, len(phases)))
                    phase_open = False
                continue
            if not phase_open:
                phases.append(phase.name if phase.name not in phases else f"{phase.name} ({len(phases) + 1})")
                phase_open = True
            behind = barriers[-1].barrier_id if barriers else None
            places.append(_Place(slot=item, phase=len(phases) - 1, barrier=behind))
    return tuple(phases), places, tuple(barriers)


def _barrier(goal: Goal, title: str, number: int, phases_so_far: int) -> Barrier:
    return Barrier(barrier_id=f"{goal.token}-review-{number}", title=title, after=tuple(range(phases_so_far)))


def _wired(job: _Job, shape: Shape, phases: tuple[str, ...], places: Sequence[_Place]) -> tuple[Task, ...]:
    ids = [f"{job.goal.token}-{n:02d}-{place.slot.skill}" for n, place in enumerate(places, start=1)]
    needs = _needs(places, shape, job.team)
    tasks = []
    for n, place in enumerate(places):
        slot = place.slot
        read_skills = {places[i].slot.skill for i in needs[n]}
        tasks.append(
            Task(
                task_id=ids[n],
                goal_id=job.goal.goal_id,
                seq=n + 1,
                phase=place.phase,
                skill=slot.skill,
                squad=job.team[slot.skill].squad,
                brief=_brief(job, place, phases, _neighbours(n, needs, places)),
                depends_on=tuple(ids[i] for i in needs[n]) or ((job.waits_for,) if job.waits_for else ()),
                after_barrier=place.barrier,
                condition=slot.condition if slot.condition in read_skills else None,
                latest=slot.latest,
                best_of=slot.best_of,
                pass_number=job.goal.pass_number,
                why=_why(slot, variants_of(job.goal.best_of, slot.skill, slot.best_of)),
                created_at=job.now,
            )
        )
    return tuple(tasks)


def _why(slot: Slot, variants: int) -> str:
    return slot.why if variants == 1 else f"{slot.why}; the best of {variants} variants"


def _needs(places: Sequence[_Place], shape: Shape, team: Mapping[str, SkillInfo]) -> list[list[int]]:
    """For each place the earlier places whose outputs it reads."""
    needs: list[list[int]] = []
    root = next((n for n, place in enumerate(places) if place.slot.skill == FOUNDATION_SKILL), None)
    for n, place in enumerate(places):
        earlier = [i for i in range(n) if i != root and not _side_by_side(places[i].slot, place.slot)]
        mine = _needs_of(place, earlier, places, shape, team, needs)
        if root is not None and root < n:
            mine = [root, *mine]
        needs.append(mine)
    return needs


def _side_by_side(one: Slot, other: Slot) -> bool:
    return one.group >= 0 and one.group == other.group


def _needs_of(
    place: _Place,
    earlier: Sequence[int],
    places: Sequence[_Place],
    shape: Shape,
    team: Mapping[str, SkillInfo],
    needs: Sequence[Sequence[int]],
) -> list[int]:
    slot = place.slot
    upstream = set(team[slot.skill].upstream)
    connected = [i for i in earlier if places[i].slot.skill in upstream]
    if slot.uses is not None:
        wanted = {name for used in slot.uses for name in shape.stands_for.get(used, (used,))} - {FOUNDATION_SKILL}
        newest = {places[i].slot.skill: i for i in earlier if places[i].slot.skill in wanted}
        added = [i for i in connected if places[i].slot.extra]
        if newest or not wanted:
            return sorted({*newest.values(), *added})
    if connected:
        return _newest_words(connected, places, needs, team)
    previous = max((places[i].phase for i in earlier if places[i].phase < place.phase), default=None)
    return [i for i in earlier if places[i].phase == previous]


def _newest_words(
    connected: Sequence[int], places: Sequence[_Place], needs: Sequence[Sequence[int]], team: Mapping[str, SkillInfo]
) -> list[int]:
    """Leaves out a text that another connected one has reworked: the edited copy stands for the draft."""
    creative = {i for i in connected if team[places[i].slot.skill].squad == CREATIVE_SQUAD}
    reworked = {i for other in creative for i in needs[other] if i in creative}
    return [i for i in connected if i not in reworked]


# -- what the specialist and the human read ------------------------------------------------------------------


def _neighbours(n: int, needs: Sequence[Sequence[int]], places: Sequence[_Place]) -> tuple[list[str], list[str]]:
    after = [places[i].slot.skill for i in range(n + 1, len(places)) if n in needs[i]]
    return [places[i].slot.skill for i in needs[n]], after


def _brief(job: _Job, place: _Place, phases: Sequence[str], neighbours: tuple[Sequence[str], Sequence[str]]) -> str:
    info, reading = job.team[place.slot.skill], job.reading
    text = job.goal.description.strip()
    inline = len(text) <= INLINE_GOAL_CHARS and "\n" not in text and "{goal}" in info.brief.objective
    before, after = neighbours
    return TaskBrief(
        objective=info.brief.objective.replace("{goal}", text if inline else "the goal quoted below"),
        part_of=reading.pipeline.name if reading.pipeline else f"a {reading.category.value} plan",
        phase=phases[place.phase],
        before=tuple(before),
        after=tuple(after),
        step=place.slot.note,
        limits=(*info.brief.boundaries, *limits_of(job.risks)),
        acceptance=info.brief.acceptance,
        goal=None if inline else text,
    ).text()


def limits_of(risks: Sequence[Escalation]) -> tuple[str, ...]:
    """What of the goal's risks every specialist is told."""
    return tuple(risk.note for risk in risks if risk.note)


def _before_publishing(
    template: Pipeline | None, shape: Shape, routing: Routing, risks: Sequence[Escalation], gates: Gates
) -> tuple[str, ...]:
    steps = [item for phase in shape.phases for item in phase.items if isinstance(item, Slot)]
    added = [slot.skill for slot in steps if template is None or slot.extra]
    lines = [
        *(template.before_you_publish if template else ()),
        *lines_of_gates(template, gates),
        *(risk.text for risk in risks if not risk.stops),
        *(routing.publish_notes[skill] for skill in added if skill in routing.publish_notes),
    ]
    return tuple(dict.fromkeys(lines))
