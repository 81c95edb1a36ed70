"""Planning without a model: a goal's words, a template or the routing's phases become a wired plan.

The rules, in order: what the user named wins; else the goal's words choose category and skills; a fitting pipeline is the
template, adapted to the skills the goal names; without one the category's phases are filled with them. Every plan
of the second kind ends in a measuring task and one Director review. Same arguments, same plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from marketeer.domain.approval import ApprovalKind
from marketeer.domain.goal import Barrier, Category, Goal
from marketeer.domain.plan import Gate, Pipeline, Plan, Step
from marketeer.domain.routing import (
    CategoryRule,
    Escalation,
    Routing,
    SkillChoice,
    choose_skills,
    escalations,
    fold,
    infer_category,
    suggest_pipeline,
)
from marketeer.domain.skill import FOUNDATION_SKILL, SkillInfo
from marketeer.domain.task import Task

MAX_TASKS = 20
MAX_LEARNING_NOTES = 3
INLINE_GOAL_CHARS = 300
MEASURE_SQUAD = "measure"
CREATIVE_SQUAD = "creative"
DEFAULT_MEASURE = "analytics-tracking"
FOUNDATION_PHASE = "Foundation"
FINAL_REVIEW = "Does the whole answer the goal?"

_OWN_SKILL_SCORE = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """A task to be. Slots of one `group` work side by side; `extra` ones were added to a template."""

    skill: str
    why: str
    group: int = -1
    uses: tuple[str, ...] | None = None
    latest: tuple[str, ...] = ()
    condition: str | None = None
    note: str = ""
    extra: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Review:
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    name: str
    items: tuple[_Slot | _Review, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Phases before wiring. `stands_for` maps a template's skill to those that read or write in its place."""

    phases: tuple[_Phase, ...]
    stands_for: Mapping[str, tuple[str, ...]]
    continues_when: str | None = None
    notes: tuple[str, ...] = ()

    def skills(self) -> list[str]:
        return [item.skill for phase in self.phases for item in phase.items if isinstance(item, _Slot)]


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

    slot: _Slot
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
    recent_learnings: tuple[str, ...] = (),
) -> Plan:
    """The goal's plan. `pipeline` is the one the user named; None lets the goal's words choose among `pipelines`.

    `foundation` is another goal's unfinished product-context task, to wait for while the context is not known.
    """
    reading = _read(goal, team, routing, pipeline, pipelines, rivals)
    risks = escalations(goal.description, routing, rivals=rivals)
    shape = _shape(reading, team, routing)
    own_foundation = FOUNDATION_SKILL in shape.skills()
    if not context_known and foundation is None and not own_foundation and FOUNDATION_SKILL in team:
        shape = _with_foundation(shape, "the product context is missing, and everything rests on it")
    shape = _capped(shape, team)
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
        gates=_gates(template, risks),
        before_you_publish=_before_publishing(template, shape, routing, risks),
        continues_when=shape.continues_when,
        notes=(*shape.notes, *(f"Learned earlier: {text}" for text in recent_learnings[:MAX_LEARNING_NOTES])),
        confidence=reading.confidence,
    )


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
        offered = {each.name: each.category for each in pipelines}
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
    source = f"Planned from the {template.name} template." if template else "No template fits, so its skills were chosen."
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
        in_name, in_description = len(parts & said), len({w for w in _stems(info.description) if len(w) > 4} & said)
        if name in known or not parts:
            continue
        if in_name == len(parts) or (2 * in_name >= len(parts) and in_description >= 2) or in_description >= 4:
            found.append(SkillChoice(skill=name, score=_OWN_SKILL_SCORE, why="it speaks of what this skill is for"))
    return found


def _stems(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"[^\W_]{3,}", fold(text))}


# -- shaping phases ------------------------------------------------------------------------------------------


def _shape(reading: _Reading, team: Mapping[str, SkillInfo], routing: Routing) -> _Shape:
    if reading.pipeline is None:
        return _from_rules(routing.rule(reading.category), reading, team, routing)
    shape = _from_template(reading.pipeline, reading, team)
    if reading.named:
        return shape
    present = set(shape.skills())
    for choice in reading.choices:
        if choice.score >= routing.strong_score and choice.skill not in present:
            shape = _with_extra(shape, choice, team)
    return shape


def _from_template(pipeline: Pipeline, reading: _Reading, team: Mapping[str, SkillInfo]) -> _Shape:
    scores = {choice.skill: choice.score for choice in reading.choices}
    phases: list[_Phase] = []
    stands_for: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    group = 0
    for phase in pipeline.phases:
        items: list[_Slot | _Review] = []
        for step in phase.steps:
            if step.wait is not None:
                phases.append(_Phase(name=phase.name, items=tuple(items)))
                return _finished(phases, stands_for, notes, step.wait)
            if step.skill is None:
                items.append(_Review(title=step.review or FINAL_REVIEW))
                continue
            cast = _cast(step, step.skill, scores)
            stands_for[step.skill] = cast
            missing = [name for name in cast if name not in team]
            notes += [f"The step {name} was left out: no such skill is on the team." for name in missing]
            items += [_step_slot(step, name, group, pipeline.name) for name in cast if name in team]
            group += 1
        phases.append(_Phase(name=phase.name, items=tuple(items)))
    return _finished(phases, stands_for, notes, None)


def _finished(
    phases: Iterable[_Phase], stands_for: Mapping[str, tuple[str, ...]], notes: Iterable[str], wait: str | None
) -> _Shape:
    kept = tuple(phase for phase in phases if phase.items)
    return _Shape(phases=kept, stands_for=stands_for, continues_when=wait, notes=tuple(notes))


def _cast(step: Step, skill: str, scores: Mapping[str, float]) -> tuple[str, ...]:
    """Who does the step: its skill or the one the goal names instead, and those who join."""
    rivals = [name for name in step.replaced_by if scores.get(name, 0.0) > scores.get(skill, 0.0)]
    main = max(rivals, key=lambda name: scores[name], default=skill)
    return (main, *(name for name in step.joined_by if name in scores and name != main))


def _step_slot(step: Step, name: str, group: int, pipeline: str) -> _Slot:
    return _Slot(
        skill=name,
        why=f"a step of {pipeline}" if name == step.skill else f"the goal names it, so it takes part in {pipeline}",
        group=group,
        uses=step.uses,
        latest=step.latest,
        condition=step.condition,
        note=step.note,
    )


def _with_extra(shape: _Shape, choice: SkillChoice, team: Mapping[str, SkillInfo]) -> _Shape:
    if choice.skill == FOUNDATION_SKILL:
        return _with_foundation(shape, choice.why)
    slot = _Slot(skill=choice.skill, why=choice.why, extra=True)
    at = _fitting_phase(shape, team[choice.skill].squad, team)
    if at is None:
        return replace(shape, phases=(_Phase(name="Create", items=(slot,)), *shape.phases))
    phase = shape.phases[at]
    first_review = next((i for i, item in enumerate(phase.items) if isinstance(item, _Review)), len(phase.items))
    items = (*phase.items[:first_review], slot, *phase.items[first_review:])
    phases = (*shape.phases[:at], replace(phase, items=items), *shape.phases[at + 1 :])
    return replace(shape, phases=phases)


def _fitting_phase(shape: _Shape, squad: str | None, team: Mapping[str, SkillInfo]) -> int | None:
    """The last phase where this squad works; else before the measuring starts. None: a phase of its own, first."""
    squads = [{team[i.skill].squad for i in phase.items if isinstance(i, _Slot)} for phase in shape.phases]
    same = [i for i, present in enumerate(squads) if squad in present]
    if same:
        return same[-1]
    if squad == MEASURE_SQUAD:
        return len(squads) - 1 if squads else None
    first_measure = next((i for i, present in enumerate(squads) if present == {MEASURE_SQUAD}), len(squads))
    return first_measure - 1 if first_measure > 0 else None


def _with_foundation(shape: _Shape, why: str) -> _Shape:
    first = _Phase(name=FOUNDATION_PHASE, items=(_Slot(skill=FOUNDATION_SKILL, why=why, uses=()),))
    return replace(shape, phases=(first, *shape.phases))


def _from_rules(
    rule: CategoryRule, reading: _Reading, team: Mapping[str, SkillInfo], routing: Routing
) -> _Shape:
    whys = {choice.skill: choice.why for choice in reading.choices}
    open_skills = [skill for skill in whys if skill != FOUNDATION_SKILL] or [s for s in rule.fallback if s in team]
    named: list[tuple[str, list[str]]] = []
    for phase in rule.phases:
        mine = [skill for skill in open_skills if team[skill].squad in phase.squads]
        mine += [s for s in phase.always if s in team and s not in mine]
        mine = mine or [skill for skill in phase.otherwise if skill in team]
        open_skills = [skill for skill in open_skills if skill not in mine]
        named.append((phase.name, mine))
    named[max(0, len(named) - 2)][1].extend(open_skills)
    if not any(team[skill].squad == MEASURE_SQUAD for _, skills in named for skill in skills):
        named[-1][1].extend(_measuring(named, team, routing))
    phases = tuple(
        _Phase(name=name, items=tuple(_Slot(skill=s, why=whys.get(s, _usual(s, rule, team))) for s in _sorted(skills, team)))
        for name, skills in named
        if skills
    )
    shape = _Shape(phases=phases, stands_for={})
    if FOUNDATION_SKILL in whys and FOUNDATION_SKILL in team:
        shape = _with_foundation(shape, whys[FOUNDATION_SKILL])
    if not shape.phases:
        return shape
    last = shape.phases[-1]
    closed = replace(last, items=(*last.items, _Review(title=FINAL_REVIEW)))
    return replace(shape, phases=(*shape.phases[:-1], closed))


def _usual(skill: str, rule: CategoryRule, team: Mapping[str, SkillInfo]) -> str:
    if team[skill].squad == MEASURE_SQUAD:
        return "every plan ends by making its effect measurable"
    return f"the usual work for {rule.category.value} goals"


def _measuring(
    named: Sequence[tuple[str, Sequence[str]]], team: Mapping[str, SkillInfo], routing: Routing
) -> list[str]:
    work = [skill for _, skills in named for skill in skills]
    wanted = [routing.measured_by[skill] for skill in work if skill in routing.measured_by]
    fallback = [name for name, info in team.items() if info.squad == MEASURE_SQUAD]
    usable = [skill for skill in (*(wanted if len(wanted) == len(work) else ()), DEFAULT_MEASURE, *fallback) if skill in team]
    return usable[:1]


def _sorted(skills: Sequence[str], team: Mapping[str, SkillInfo]) -> list[str]:
    """Producers before their readers, otherwise as given."""
    waiting, ordered = list(skills), list[str]()
    while waiting:
        ready = next((s for s in waiting if not set(team[s].upstream) & (set(waiting) - {s})), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _capped(shape: _Shape, team: Mapping[str, SkillInfo]) -> _Shape:
    """At most MAX_TASKS tasks: the last that neither measure nor found anything are left out."""
    surplus = len(shape.skills()) - MAX_TASKS
    if surplus <= 0:
        return shape
    places = [(p, i) for p, phase in enumerate(shape.phases) for i, item in enumerate(phase.items) if isinstance(item, _Slot)]
    names = dict(zip(places, shape.skills(), strict=True))
    spare = [at for at in reversed(places) if names[at] != FOUNDATION_SKILL and team[names[at]].squad != MEASURE_SQUAD]
    rest = [at for at in reversed(places) if at not in spare and names[at] != FOUNDATION_SKILL]
    dropped = set((*spare, *rest)[:surplus])
    phases = [
        replace(phase, items=tuple(item for i, item in enumerate(phase.items) if (p, i) not in dropped))
        for p, phase in enumerate(shape.phases)
    ]
    note = f"{surplus} steps were left out: a plan holds at most {MAX_TASKS} tasks."
    return replace(shape, phases=tuple(phase for phase in phases if phase.items), notes=(*shape.notes, note))


# -- wiring tasks --------------------------------------------------------------------------------------------


def _laid_out(goal: Goal, shape: _Shape) -> tuple[tuple[str, ...], list[_Place], tuple[Barrier, ...]]:
    """Slots in numbered phases. Work behind a review inside a phase gets a phase of its own: barriers lie between."""
    phases: list[str] = []
    places: list[_Place] = []
    barriers: list[Barrier] = []
    for phase in shape.phases:
        phase_open = False
        for item in phase.items:
            if isinstance(item, _Review):
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


def _wired(
    job: _Job, shape: _Shape, phases: tuple[str, ...], places: Sequence[_Place]
) -> tuple[Task, ...]:
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
                pass_number=job.goal.pass_number,
                why=slot.why,
                created_at=job.now,
            )
        )
    return tuple(tasks)


def _needs(places: Sequence[_Place], shape: _Shape, team: Mapping[str, SkillInfo]) -> list[list[int]]:
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


def _side_by_side(one: _Slot, other: _Slot) -> bool:
    return one.group >= 0 and one.group == other.group


def _needs_of(
    place: _Place,
    earlier: Sequence[int],
    places: Sequence[_Place],
    shape: _Shape,
    team: Mapping[str, SkillInfo],
    needs: Sequence[Sequence[int]],
) -> list[int]:
    slot = place.slot
    upstream = set(team[slot.skill].upstream)
    connected = [i for i in earlier if places[i].slot.skill in upstream]
    if slot.uses is not None:
        wanted = {name for used in slot.uses for name in shape.stands_for.get(used, (used,))}
        newest = {places[i].slot.skill: i for i in earlier if places[i].slot.skill in wanted}
        added = [i for i in connected if places[i].slot.extra]
        if newest or not slot.uses:
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


def _brief(
    job: _Job, place: _Place, phases: Sequence[str], neighbours: tuple[Sequence[str], Sequence[str]]
) -> str:
    """Markdown: what to do, its limits, and where it stands in the plan. The goal's words come last, as they are."""
    info, reading = job.team[place.slot.skill], job.reading
    text = job.goal.description.strip()
    inline = len(text) <= INLINE_GOAL_CHARS and "\n" not in text and "{goal}" in info.brief.objective
    objective = info.brief.objective.replace("{goal}", text if inline else "the goal quoted below")
    part = reading.pipeline.name if reading.pipeline else f"a {reading.category.value} plan"
    before, after = neighbours
    lines = [f"**Objective:** {objective}", f"**Part of:** {part}, phase {phases[place.phase]}"]
    lines += [f"**Works from:** {', '.join(before)}"] if before else []
    lines += [f"**Read next by:** {', '.join(after)}"] if after else []
    lines += [f"**For this step:** {place.slot.note}"] if place.slot.note else []
    lines += _bullets("Limits", (*info.brief.boundaries, *(risk.note for risk in job.risks if risk.note)))
    lines += _bullets("Good enough when", info.brief.acceptance)
    lines += [] if inline else [f"**Goal, word for word:**\n\n{text}"]
    return "\n\n".join(lines) + "\n"


def _bullets(title: str, points: Sequence[str]) -> list[str]:
    return [f"**{title}:**\n\n" + "\n".join(f"- {point}" for point in dict.fromkeys(points))] if points else []


def _gates(template: Pipeline | None, risks: Sequence[Escalation]) -> tuple[Gate, ...]:
    """Only law and honesty stop a goal before it starts. A question the pipeline asks is not asked twice."""
    asked = template.gates if template else ()
    name = template.name if template else ""
    own = [r for r in risks if r.stops and not (asked and name in r.asked_by)]
    return tuple(dict.fromkeys((*asked, *(Gate(kind=ApprovalKind.LEGAL_RISK, question=risk.text) for risk in own))))


def _before_publishing(
    template: Pipeline | None, shape: _Shape, routing: Routing, risks: Sequence[Escalation]
) -> tuple[str, ...]:
    steps = [item for phase in shape.phases for item in phase.items if isinstance(item, _Slot)]
    added = [slot.skill for slot in steps if template is None or slot.extra]
    lines = [
        *(template.before_you_publish if template else ()),
        *(risk.text for risk in risks if not risk.stops),
        *(routing.publish_notes[skill] for skill in added if skill in routing.publish_notes),
    ]
    return tuple(dict.fromkeys(lines))
