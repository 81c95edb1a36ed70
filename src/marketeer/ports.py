"""What the engine needs of the outside world. Each docstring is the contract an adapter is held to.

Every method may raise errors of `domain.errors` and no others. All times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from marketeer.domain.approval import Approval, ApprovalStatus
from marketeer.domain.budget import MonthBudget
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Disk
from marketeer.domain.document import Document
from marketeer.domain.goal import Goal
from marketeer.domain.health import QueueDepth
from marketeer.domain.journal import JournalEntry
from marketeer.domain.journal_chain import Flaw, Head
from marketeer.domain.learning import Learning
from marketeer.domain.ledger import Call, GoalBill, MonthBill, Refused, Reservation, Spend, TaskCost
from marketeer.domain.metrics import Metrics
from marketeer.domain.plan import Pipeline
from marketeer.domain.review import Review
from marketeer.domain.skill import Skill, SkillInfo
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.task import Task
from marketeer.domain.usage import CacheTime, ModelSpec, Tier, Usage, worst_usage
from marketeer.domain.work import Scope, WorkItem


class Clock(Protocol):
    """Time. The only source of `now` and the only way to wait for a moment."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float:
        """Seconds that only rise, for measuring spans."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Store(Protocol):
    """The truth. Every write is one transaction, durable when the call returns.

    Safe for concurrent use from one event loop, and beside other processes on the same workspace.
    """

    async def flush(self) -> None:
        """Returns when every write begun before is carried out or has failed, also one whose caller has gone."""
        ...

    # -- goals, tasks, work --------------------------------------------------------------------------------

    async def snapshot(self, goal_id: str) -> Snapshot:
        """The goal, consistent within itself. Raises UsageError for an unknown id."""
        ...

    async def commit(
        self, change: Change, *, documents: Sequence[Document] = (), reviews: Sequence[Review] = ()
    ) -> None:
        """All of it or nothing. Raises Conflict when the goal's version or a task's status and generation are not
        what the change was made from."""
        ...

    async def commit_goal_inputs(self, change: Change, documents: Sequence[Document]) -> Change:
        """Commit a new goal together with its input documents, numbering them; returns the change as stored, with
        `goal.inputs` holding `path@version`."""
        ...

    async def ready_items(self, *, now: datetime, scope: Scope, limit: int) -> Sequence[WorkItem]:
        """Due, unclaimed items of live, unpaused goals within the scope, in queue order."""
        ...

    async def work_item(self, work_item_id: str) -> WorkItem | None: ...

    async def next_due(self, *, now: datetime, scope: Scope) -> datetime | None:
        """When the next item within the scope that is not due yet will be."""
        ...

    async def extend_leases(self, items: Sequence[WorkItem], *, until: datetime) -> Sequence[str]:
        """Extend the leases of claimed items, together. Returns the ids of those that are no longer held under this
        claim, but for void ones (their goal was ended, and what is in flight may finish) and those done under it."""
        ...

    async def claimed_items(self, *, lease_before: datetime | None) -> Sequence[WorkItem]:
        """Claimed items whose lease ended before that moment (None: every claimed item)."""
        ...

    async def goals_waiting_on_other_goals(self) -> Sequence[str]:
        """Ids of live goals with a pending task whose dependency in another goal has become final."""
        ...

    async def foundation_task(self, *, rehearsal: bool) -> Task | None:
        """The unfinished product-context task of a live goal, if there is one."""
        ...

    # -- the whole workspace ---------------------------------------------------------------------------------

    async def conditions(self) -> Sequence[Condition]:
        """Those that hold, the oldest first. Cheap enough to be asked many times a second."""
        ...

    async def begin_condition(self, condition: Condition) -> bool:
        """Journaled. False when it holds already, and then nothing changes."""
        ...

    async def end_condition(self, name: ConditionName, *, who: str, now: datetime) -> bool:
        """Journaled. False when it does not hold."""
        ...

    async def metrics(
        self, *, now: datetime, ended_from: datetime | None = None, ended_before: datetime | None = None
    ) -> Metrics:
        """Since the beginning, pruned goals included; or of the goals that ended in that time (give both). Rehearsals
        are left out."""
        ...

    async def queue_depth(self, *, now: datetime) -> QueueDepth:
        """Of live, unpaused real goals."""
        ...

    async def blocked_pipelines(self) -> Sequence[str]:
        """Names of those whose real goals wait for a human after failures in a row."""
        ...

    async def failures_in_a_row(self, goal_id: str, *, most: int) -> int:
        """How many of the newest finished tasks of this goal's pipeline have failed one after the other, since a human
        last let it go on; counted up to `most`."""
        ...

    # -- reading ---------------------------------------------------------------------------------------------

    async def goal(self, goal_id: str) -> Goal: ...

    async def find_goal(self, prefix: str) -> Goal:
        """The goal whose id is, starts with, or ends with this text. UsageError when there is none or more than one."""
        ...

    async def goals(self, *, limit: int, unfinished_only: bool = False) -> Sequence[Goal]:
        """Newest first."""
        ...

    async def tasks(self, goal_id: str) -> Sequence[Task]:
        """In plan order."""
        ...

    async def find_task(self, prefix: str) -> Task:
        """The task whose id is or starts with this text. UsageError when there is none or more than one."""
        ...

    async def latest_approved(
        self, skill: str, *, rehearsal: bool, before: datetime | None = None, limit: int = 1
    ) -> Sequence[Task]:
        """Approved, not superseded tasks of this skill, newest first. Real goals see real tasks only."""
        ...

    async def approval(self, approval_id: str) -> Approval:
        """UsageError for an unknown id; a unique prefix will do."""
        ...

    async def approvals(
        self, *, status: ApprovalStatus | None = None, goal_id: str | None = None
    ) -> Sequence[Approval]:
        """Oldest first."""
        ...

    async def reviews(self, goal_id: str) -> Sequence[Review]: ...

    async def journal(
        self, *, goal_id: str | None = None, after: int = 0, since: datetime | None = None, limit: int = 1000
    ) -> Sequence[JournalEntry]:
        """Entries with a larger id, oldest first; those made `since` then."""
        ...

    async def journals(self) -> Sequence[str]:
        """The ids of all goals that have, or should have, a journal; and whatever else has one."""
        ...

    async def examine_journal(self, goal_id: str) -> tuple[Head, Sequence[Flaw]]:
        """The end of a journal's chain, and what was changed, removed or inserted in it since it was written."""
        ...

    async def journal_end(self) -> int:
        """The largest entry id, 0 when empty."""
        ...

    async def learnings(
        self, *, rehearsal: bool, agent: str | None = None, category: str | None = None, limit: int = 200
    ) -> Sequence[Learning]:
        """Newest first."""
        ...

    # -- money -----------------------------------------------------------------------------------------------

    async def reserve(self, reservation: Reservation) -> Refused | None:
        """Hold the amount against month, goal and task in one conditional update, or say which cap refuses: the month's
        level or cap first, then the goal's, then the task's, all as stored at that instant. Where no cap was ever set
        for a month, nothing may be spent.

        A rehearsal's reservation is never refused and never counts in the month."""
        ...

    async def settle(self, call: Call, documents: Sequence[Document] = ()) -> Sequence[Document]:
        """Book the call (replacing an estimate), release its reservation and store its documents, in one
        transaction, whatever has become of the task. Returns the documents with their versions."""
        ...

    async def settle_and_commit(
        self, call: Call, documents: Sequence[Document], change_of: Callable[[Sequence[Document]], Change | None]
    ) -> tuple[Sequence[Document], Change | None]:
        """Settle, and in the same transaction commit the change that follows, unless it conflicts: what was paid for is
        stored in any case. `change_of` gets the numbered documents; it is pure and may be run on any thread. Returns
        the documents and the change, None when none was committed."""
        ...

    async def release(self, call_id: str) -> None:
        """Drop a reservation whose call is known not to have been billed."""
        ...

    async def book_orphans(self, *, now: datetime, owner_not: str | None = None, owner: str | None = None) -> int:
        """Book the reservations of this dead owner, or of every other than `owner_not`, as estimated calls. The second
        is for the holder of the working lock only."""
        ...

    async def calls(self, goal_id: str, *, work_item_id: str | None = None) -> Sequence[Call]:
        """In the order of settling."""
        ...

    async def goal_bill(self, goal_id: str) -> GoalBill: ...

    async def month_spend(self, month: str) -> Spend: ...

    async def month_bill(self, month: str) -> MonthBill:
        """Each cut dearest first, days in order. Of many goals the dearest 100, and the rest under the empty name."""
        ...

    async def month_budget(self, month: str) -> MonthBudget | None:
        """None when no cap was ever set. A month that has none yet takes over the base of the one before."""
        ...

    async def set_month_cap(self, month: str, base_usd: Decimal, *, who: str, now: datetime) -> bool:
        """From this month on; its raises stay. Journaled, unless it is that already: then False.

        Whatever sets or raises a cap, and whatever settles, also journals each level that is reached: once for each
        month, cap and level, whoever does it."""
        ...

    async def raise_month_cap(self, month: str, by_usd: Decimal, *, who: str, now: datetime) -> MonthBudget:
        """This month only; journaled."""
        ...

    async def real_calls(self, *, after: int, limit: int) -> Sequence[tuple[int, Call]]:
        """(place, call) of the ledger without rehearsals, from behind a place, in the order of booking."""
        ...

    async def skill_costs(self, skill: str, *, limit: int) -> Sequence[TaskCost]:
        """Of this skill's newest approved tasks, rehearsals left out."""
        ...

    async def forecast_errors(self, *, limit: int) -> Sequence[tuple[Decimal, Decimal]]:
        """(expected, real) cost in US dollars of the newest completed goals, rehearsals left out."""
        ...

    # -- documents -------------------------------------------------------------------------------------------

    async def add_document(self, document: Document) -> Document:
        """Store the next version of its path and return it numbered. The journal is told of a human's."""
        ...

    async def document(self, path: str, version: int | None = None) -> Document | None:
        """That version, or the newest."""
        ...

    async def document_in_force(self, path: str, version: int | None) -> Document | None:
        """That version (None: the newest), or the newest human's version made after it."""
        ...

    async def adopted_document(self, path: str, *, approved_only: bool = False) -> Document | None:
        """The newest version that is a human's or that its task has taken for its output (and seen approved)."""
        ...

    async def document_of(self, work: WorkItem) -> Document | None:
        """The complete (not truncated) document recorded for this execute item's task and generation, if any."""
        ...

    async def is_stored_version(self, path: str, sha256: str) -> bool: ...

    async def unmirrored(self) -> Sequence[tuple[str, int]]:
        """Newest versions (path, version) not yet known to lie in the workspace as files."""
        ...

    async def mark_mirrored(self, written: Sequence[tuple[str, int]]) -> None:
        """(path, version) of documents whose files are as they should be; older versions are done with, too."""
        ...


class WorkQueue(Protocol):
    """Dispatch only. At least once; the claim in the store makes the effect once. Smaller priority goes first,
    equal ones in the order they were put."""

    async def put(self, entries: Sequence[tuple[str, int]]) -> None:
        """(work item id, priority). An id that is already waiting is left where it is."""
        ...

    async def get(self) -> str:
        """The next id; waits for one."""
        ...


class Doorbell(Protocol):
    """Wakes whoever waits for a change in the store, made by this process or another."""

    def ring(self) -> None: ...

    @property
    def rings(self) -> int:
        """How often it rang so far."""
        ...

    async def wait(self, seen: int, timeout_s: float) -> int:
        """Return the number of rings as soon as it is not `seen` any more, or after the time-out as it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBlock:
    """One text block of the system prompt. `cache` sets a breakpoint behind it."""

    text: str
    cache: CacheTime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the prompt was rendered from, for a model that can use it directly (the rehearsal)."""

    skill: Skill
    goal: str
    brief: str
    context: str
    upstream: Mapping[str, str]
    inputs: Mapping[str, str]
    registry: frozenset[str]
    task_id: str
    feedback: str | None
    today: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call. `user` is the only message. `timeout_s` bounds the whole call. `material` is never sent anywhere."""

    call_id: str
    model: ModelSpec
    system: tuple[PromptBlock, ...]
    user: str
    max_output_tokens: int
    timeout_s: float
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    material: Material | None = None

    def worst_case(self) -> Usage:
        """The most it can use."""
        parts = [(block.text, block.cache) for block in self.system]
        return worst_usage([*parts, (self.user, None)], max_output_tokens=self.max_output_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """What came back and was billed. `text` may be empty (refusal). `usage` None: the server reported none."""

    text: str
    stop_reason: str | None
    usage: Usage | None
    model: str
    request_id: str | None
    latency_s: float


class CallLost(Exception):
    """The call was sent and may be billed, but its usage is unknown: book it as estimated. `__cause__` says why."""


class ModelClient(Protocol):
    """A model behind the Messages API, or its offline stand-in.

    `complete` raises ApiUnavailable (nothing was billed; try later), PermanentError (nothing was billed; do not
    retry), ConfigurationError (key, base URL or model id are wrong) or CallLost, whose cause is one of these. It never
    retries by itself and returns within `timeout_s`.
    """

    async def complete(self, request: ModelRequest, on_text: Callable[[int], None] | None = None) -> ModelResponse:
        """`on_text` is told the number of characters received so far, 0 when the answer begins."""
        ...

    async def answers(self) -> bool:
        """Whether it can be reached at all, asked at no cost. Raises ConfigurationError and nothing else."""
        ...

    async def aclose(self) -> None: ...


class Team(Protocol):
    """Who works here: skills, pipelines, routing and models, the workspace's own overlaid on the built-in ones.

    Raises ConfigurationError naming file, line and remedy.
    """

    def skill_names(self) -> Sequence[str]: ...

    def skill_info(self, name: str) -> SkillInfo: ...

    def skill(self, name: str) -> Skill: ...

    def pipelines(self) -> Sequence[Pipeline]: ...

    def find_pipeline(self, name: str) -> Pipeline:
        """By name or alias, whatever the case. UsageError suggesting the nearest name."""
        ...

    def house_rules(self) -> str: ...

    def model(self, tier: Tier) -> ModelSpec: ...


class ChatSpan(Protocol):
    """A model call under way."""

    def answered(self, response: ModelResponse) -> None:
        """What came back. An error that ends the block instead is noted by its type alone."""
        ...


class Tracer(Protocol):
    """Tells tracing systems what happened, as spans: goal > task > invoke_agent > chat.

    Spans of one goal belong together whichever processes make them, and however often those were killed: a goal's and
    a task's span is told once, when it ends. Never raises, never waits, and never tells prompts, answers or secrets.
    """

    def step(self, item: WorkItem, goal: Goal, *, agent: str) -> AbstractContextManager[None]:
        """One agent's work on one item; calls made within the block belong to it."""
        ...

    def chat(self, request: ModelRequest, item: WorkItem, goal: Goal) -> AbstractContextManager[ChatSpan]:
        """One model call."""
        ...

    def committed(self, change: Change) -> None:
        """Whatever goal and tasks the change has ended are over. Every committed change is told, once."""
        ...


Stamp = tuple[int, ...]


class Workspace(Protocol):
    """The folder a user owns. Paths are relative to it, with forward slashes; none may leave it.

    Raises UsageError when it cannot be read or written.
    """

    async def read(self, path: str) -> bytes | None:
        """None when there is no such file."""
        ...

    async def write(self, path: str, content: bytes) -> None:
        """Atomic and durable: temporary file, fsync, rename."""
        ...

    async def write_many(
        self, files: Sequence[tuple[str, bytes]], *, over: Sequence[Stamp | None] | None = None
    ) -> Sequence[Stamp | None]:
        """(path, content) of several files: each as `write` would, and with `over` only where the file still is what
        its stamp says. Returns what each is now, None where it was left alone or has changed again."""
        ...

    async def stamp(self, path: str) -> Stamp | None:
        """Changes whenever the file does; None when there is none."""
        ...

    async def disk(self) -> Disk | None:
        """The room where it lies; None when that cannot be told."""
        ...

    def work_lock(self, *, scope: str) -> AbstractAsyncContextManager[None]:
        """The right to work on the embedded queue. Raises WorkspaceBusy with the holder's pid."""
        ...
