"""Plans: the tasks of a goal in named phases, and the templates (pipelines) they come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from marketeer.domain.approval import ApprovalKind
from marketeer.domain.goal import Barrier, Category, Priority
from marketeer.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A question that is asked before work starts. It holds the tasks of these skills; without any, the whole goal."""

    kind: ApprovalKind
    question: str
    holds: tuple[str, ...] = ()


class Reading(StrEnum):
    """What the Director reads instead of having tasks done: the facts of the last day, or of the month."""

    DAY = "day"
    MONTH = "month"


class PlannedBy(StrEnum):
    """Who made a plan: the rules and templates, the Director with a model, or a person who edited either."""

    TEMPLATE = "template"
    MODEL = "model"
    HUMAN = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A goal's tasks, wired. Task ids, phases and barriers refer to each other; `why` explains the choice. With a
    `reading` there are none: the goal owes its report at once.

    `confidence` is the category choice's, 0 to 1; None when the user named the category or pipeline. `learnings` are
    ids of those it was made with. `made_note` says why no model made it; `needs_human` is the part of
    `before_you_publish` that the draft brought.
    """

    category: Category
    pipeline: str | None
    priority: Priority
    phases: tuple[str, ...]
    tasks: tuple[Task, ...]
    why: str
    barriers: tuple[Barrier, ...] = ()
    gates: tuple[Gate, ...] = ()
    before_you_publish: tuple[str, ...] = ()
    continues_when: str | None = None
    notes: tuple[str, ...] = ()
    confidence: float | None = None
    learnings: tuple[str, ...] = ()
    reading: Reading | None = None
    made_by: PlannedBy = PlannedBy.TEMPLATE
    made_note: str = ""
    needs_human: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a pipeline: a skill at work, a Director review (`review`) or a wait (`wait`).

    `uses` are earlier skills of the run whose outputs it reads (by default the nearest earlier step); `latest` are
    skills whose newest approved output from earlier runs it reads. `joined_by` lists skills that join in parallel when
    the goal names their surface; `replaced_by` a skill that takes its place when the goal names that one.
    `condition` is the skill whose output must ask for this step. Its output is chosen from `best_of` variants.
    """

    skill: str | None = None
    review: str | None = None
    wait: str | None = None
    uses: tuple[str, ...] | None = None
    latest: tuple[str, ...] = ()
    joined_by: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    condition: str | None = None
    note: str = ""
    best_of: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinePhase:
    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A named plan template: phases, or a `reading`. `recurring` runs are told what their earlier runs made."""

    name: str
    category: Category
    priority: Priority
    phases: tuple[PipelinePhase, ...]
    aliases: tuple[str, ...] = ()
    recurring: bool = False
    gates: tuple[Gate, ...] = ()
    before_you_publish: tuple[str, ...] = ()
    description: str = ""
    reading: Reading | None = None
