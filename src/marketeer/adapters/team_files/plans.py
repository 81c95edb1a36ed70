"""What pipelines.yaml and squads.yaml may say, and how they become domain data."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from marketeer.adapters.team_files.schema import Flag, Hint, Line, Lines
from marketeer.adapters.team_files.source import Source, Strict, suggest, wrong
from marketeer.domain.approval import ApprovalKind
from marketeer.domain.best_of import LEAST, MOST
from marketeer.domain.goal import Category, Priority
from marketeer.domain.plan import Gate, Pipeline, PipelinePhase, Reading, Step

Place = tuple[str | int, ...]
_STEP_KINDS = ("skill", "review", "wait")


@dataclass(frozen=True, slots=True, kw_only=True)
class Squad:
    """A part of the team and its job. Which skills belong to it, each skill's contract says."""

    name: str
    job: str


class SquadRule(Strict):
    name: Line
    job: Line


class SquadsFile(Strict):
    squads: Annotated[tuple[SquadRule, ...], Field(min_length=1)]

    def make(self) -> tuple[Squad, ...]:
        return tuple(Squad(name=squad.name, job=squad.job) for squad in self.squads)


class GateRule(Strict):
    kind: ApprovalKind
    question: Line


class StepRule(Strict):
    skill: Line | None = None
    review: Line | None = None
    wait: Line | None = None
    uses: Lines | None = None
    latest: Lines = ()
    joined_by: Lines = ()
    replaced_by: Lines = ()
    condition: Line | None = None
    note: Hint = ""
    best_of: Annotated[int, Field(strict=True, ge=LEAST, le=MOST)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in _STEP_KINDS) != 1:
            msg = f"a step has exactly one of {', '.join(_STEP_KINDS)}; start a new `- ` entry for each"
            raise wrong(msg, "step")
        if self.best_of is not None and self.skill is None:
            msg = "best_of is for a step with a skill; leave it out"
            raise wrong(msg, "best_of")
        return self

    def make(self) -> Step:
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return Step(**(values | {"best_of": self.best_of or 1}))

    def named_skills(self) -> Iterator[tuple[Place, str]]:
        """Every skill the step names, with its place within the step."""
        for key in ("skill", "condition"):
            if name := getattr(self, key):
                yield (key,), name
        for key in ("uses", "latest", "joined_by", "replaced_by"):
            yield from (((key, index), name) for index, name in enumerate(getattr(self, key) or ()))


class PhaseRule(Strict):
    name: Line
    steps: Annotated[tuple[StepRule, ...], Field(min_length=1)]


class PipelineRule(Strict):
    name: Line
    category: Category
    priority: Priority
    phases: tuple[PhaseRule, ...] = ()
    reading: Reading | None = None
    aliases: Lines = ()
    recurring: Flag = False
    gates: tuple[GateRule, ...] = ()
    before_you_publish: Lines = ()
    description: Hint = ""

    @model_validator(mode="after")
    def _phases_or_reading(self) -> Self:
        if bool(self.phases) is (self.reading is not None):
            msg = "a pipeline has phases, or a reading (day or month) and no phases; give one of the two"
            raise wrong(msg, "phases")
        return self

    @property
    def all_names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def steps(self) -> Iterator[tuple[Place, StepRule]]:
        """Every step in order, with its place within the pipeline."""
        for phase_index, phase in enumerate(self.phases):
            for index, step in enumerate(phase.steps):
                yield ("phases", phase_index, "steps", index), step

    def make(self) -> Pipeline:
        return Pipeline(
            name=self.name,
            category=self.category,
            priority=self.priority,
            phases=tuple(
                PipelinePhase(name=phase.name, steps=tuple(step.make() for step in phase.steps))
                for phase in self.phases
            ),
            aliases=self.aliases,
            recurring=self.recurring,
            gates=tuple(Gate(kind=gate.kind, question=gate.question) for gate in self.gates),
            before_you_publish=self.before_you_publish,
            description=self.description,
            reading=self.reading,
        )


class PipelinesFile(Strict):
    pipelines: tuple[PipelineRule, ...]


def read_pipelines(source: Source, data: object, *, skills: Collection[str]) -> tuple[Pipeline, ...]:
    """The file's pipelines. Raises ConfigurationError for a taken name or a skill that does not exist."""
    rules = source.check(PipelinesFile, data).pipelines
    _check_names(source, rules)
    for number, rule in enumerate(rules):
        _check_skills(source, number, rule, skills)
    return tuple(rule.make() for rule in rules)


def overlay_pipelines(
    built_in: tuple[Pipeline, ...], own: tuple[Pipeline, ...], source: Source
) -> tuple[Pipeline, ...]:
    """The built-in pipelines with the user's own in place of their namesakes, new ones last."""
    own_by_name = {pipeline.name.casefold(): pipeline for pipeline in own}
    kept = {pipeline.name.casefold(): pipeline for pipeline in built_in}
    taken = {
        name.casefold(): pipeline.name
        for key, pipeline in kept.items()
        if key not in own_by_name
        for name in (pipeline.name, *pipeline.aliases)
    }
    for number, pipeline in enumerate(own):
        for name in (pipeline.name, *pipeline.aliases):
            if name.casefold() in taken:
                msg = f"{name!r} already means the built-in pipeline {taken[name.casefold()]!r}; choose another name"
                raise source.error(("pipelines", number), msg)
    return tuple((kept | own_by_name).values())


def _check_names(source: Source, rules: tuple[PipelineRule, ...]) -> None:
    seen: dict[str, str] = {}
    for number, rule in enumerate(rules):
        for index, name in enumerate(rule.all_names):
            key = name.casefold()
            if key in seen:
                place: Place = ("aliases", index - 1) if index else ("name",)
                msg = f"the pipeline name {name!r} is taken by {seen[key]!r}; choose another name"
                raise source.error(("pipelines", number, *place), msg)
            seen[key] = rule.name


def _check_skills(source: Source, number: int, rule: PipelineRule, skills: Collection[str]) -> None:
    so_far: set[str] = set()
    for place, step in rule.steps():
        for within, name in step.named_skills():
            if name not in skills:
                msg = f"no skill {name!r} for pipeline {rule.name!r}; {suggest(name, skills)}"
                raise source.error(("pipelines", number, *place, *within), msg)
            if within[0] in ("uses", "condition") and name not in so_far:
                msg = f"{name!r} does not come before this step, so its output cannot be used; move it or use `latest`"
                raise source.error(("pipelines", number, *place, *within), msg)
        so_far.update(name for name in (step.skill, *step.joined_by, *step.replaced_by) if name)
