"""What can happen to a goal: outcomes of work, decisions of humans, the passing of time. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from marketeer.domain.approval import Decision
from marketeer.domain.best_of import Choice
from marketeer.domain.forecast import PlanForecast
from marketeer.domain.judgement import Opinion
from marketeer.domain.plan import Plan
from marketeer.domain.review import Finding
from marketeer.domain.snapshot import Change
from marketeer.domain.work import WorkItem, WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef:
    """The item a result belongs to, and the claim it was made under."""

    item_id: str
    claim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A worker takes an item."""

    item_id: str
    owner: str
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """The worker that brings an outcome, when it has `hands` free for steps that become owed through it.

    It takes none of other kinds, and none that is less urgent than the queue priority `at_least`.
    """

    owner: str
    lease_until: datetime
    kinds: frozenset[WorkKind]
    at_least: int | None = None
    hands: int = 1

    def takes(self, item: WorkItem) -> bool:
        return item.kind in self.kinds and (self.at_least is None or item.queue_priority <= self.at_least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """`forecast` is None for a rehearsal: nothing will be spent."""

    item: ItemRef
    plan: Plan
    forecast: PlanForecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a review found by the contract. `asked_for` are the skills that the output asks to work next; they decide
    conditional tasks. `opinion` is a model's, checked; `note` says why there is none though one was wanted."""

    findings: tuple[Finding, ...]
    waived: tuple[str, ...]
    asked_for: frozenset[str]
    began_at: datetime
    opinion: Opinion | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """The output is recorded as this version of this document. `judged` is its review, when the worker did that too;
    else it is owed. `learnings` were in the prompt, the withheld ones could have been. `choice`
    says which of several variants it is."""

    item: ItemRef
    output_path: str
    output_version: int
    warnings: tuple[str, ...] = ()
    judged: Judgement | None = None
    learnings: tuple[str, ...] = ()
    learnings_withheld: tuple[str, ...] = ()
    choice: Choice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A review that was a step of its own. See Judgement."""

    item: ItemRef
    findings: tuple[Finding, ...]
    waived: tuple[str, ...]
    asked_for: frozenset[str]
    opinion: Opinion | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierReviewed:
    item: ItemRef
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """`item` None: of a goal that was ended before it owed its report. A reading has written a page besides, and may
    begin one goal."""

    item: ItemRef | None
    report_path: str | None
    page_path: str | None = None
    headline: str | None = None
    begins: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneOver:
    """A task whose approved output contradicts another, or the product context. `feedback` is for who does it over,
    `lines` are the contradictions for the journal."""

    task_id: str
    why: str
    feedback: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreed:
    """In place of the report: these tasks are done over first."""

    item: ItemRef
    tasks: tuple[DoneOver, ...]


class FailureKind(StrEnum):
    """TRANSIENT counts attempts; OUTAGE (the API is declared down) does not; PERMANENT ends the task."""

    TRANSIENT = "transient"
    OUTAGE = "outage"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """`failed_before`: as many tasks of the goal's pipeline have failed in a row before this one."""

    item: ItemRef
    kind: FailureKind
    error: str
    retry_after_s: float | None = None
    failed_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverBudget:
    """A cap refused the next call. `until` is when the month's cap turns; `ask_usd` what would be enough
    beyond `cap_usd`."""

    item: ItemRef
    scope: str
    reason: str
    until: datetime | None = None
    ask_usd: Decimal | None = None
    cap_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedBack:
    """Nothing was done and nothing is held against it: shutdown, a wrong setting, a lost lease."""

    item: ItemRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """`output_version`: of the output as a human has edited it, which is what is approved."""

    approval_id: str
    decision: Decision
    by: str
    note: str | None = None
    output_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDecided:
    """An answer for these tasks only, to whichever open questions they wait for; to this one with `approval_id`."""

    task_ids: tuple[str, ...]
    decision: Decision
    by: str
    note: str | None = None
    approval_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsLooked:
    """Time passed: questions that are due are put again, or have expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanApproved:
    """A human lets the goal go by this plan, which waited for that. `forecast` is None for a rehearsal."""

    plan: Plan
    by: str
    note: str | None = None
    forecast: PlanForecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked:
    by: str
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAsked:
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpauseAsked:
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedoAsked:
    task_id: str
    note: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardAsked:
    """A failed task needs nobody's attention any more."""

    task_id: str
    by: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLooked:
    """A new month or a raised limit may have made room: what waits for the month's money is due now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLooked:
    """A process begins to work, or the API is `back` after an outage: what met it is due now. A wait that the server
    itself asked for goes on. Attempts that led to the outage are forgotten once it is over."""

    back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CameLate:
    """A worker had been silent for so long that its step was given to another; what it brings changes nothing."""

    item: ItemRef
    task_id: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Time passed, or another goal changed: see whether anything follows."""


Occurrence = (
    Claimed
    | Planned
    | Executed
    | Reviewed
    | BarrierReviewed
    | Reported
    | Disagreed
    | Failed
    | OverBudget
    | HandedBack
    | Decided
    | PartDecided
    | QuestionsLooked
    | PlanApproved
    | CancelAsked
    | PauseAsked
    | UnpauseAsked
    | RedoAsked
    | DiscardAsked
    | BudgetLooked
    | ApiLooked
    | CameLate
    | Looked
)

# What a worker's handler may answer with.
Outcome = Planned | Executed | Reviewed | BarrierReviewed | Reported | Disagreed | Failed | OverBudget | HandedBack

# What may open a question to a human, or put one again.
MAY_ASK = (Planned, PlanApproved, Executed, Reviewed, Failed, OverBudget, Disagreed, RedoAsked, QuestionsLooked)
