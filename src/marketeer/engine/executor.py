"""The executor: one path from a task to its recorded output, whatever kind of goal it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal
from functools import lru_cache

from marketeer.domain.changing import changed
from marketeer.domain.document import Author, Document, DocumentKind, output_path, variant_path
from marketeer.domain.forecast import LEAST_HISTORY, LONGEST_HISTORY
from marketeer.domain.goal import Goal
from marketeer.domain.ledger import Call
from marketeer.domain.markdown import unwrap
from marketeer.domain.outcome import Executed, ItemRef
from marketeer.domain.recall import Recalled
from marketeer.domain.skill import FOUNDATION_SKILL, Skill
from marketeer.domain.task import Task
from marketeer.domain.usage import ModelSpec, Tier, Usage, one_up
from marketeer.domain.work import WorkItem
from marketeer.engine.answer_ends import TRUNCATED_REASONS, check_answer, check_paid_for, cut_error, filled, limits_of
from marketeer.engine.inputs import Inputs
from marketeer.engine.ledger import Bought, Ledger
from marketeer.engine.library import Library
from marketeer.engine.memory import Memory
from marketeer.engine.prompts import PromptParts, fit, references_of
from marketeer.logs import get_logger
from marketeer.ports import Clock, Material, ModelRequest, ModelResponse, Store, Team

EARLIER_RUNS = 3
# Writing a prompt to the cache costs a quarter more, reading it saves nineteen twentieths of it.
CALLS_THAT_PAY = 1.27

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one execution made. `usage` and `cost_usd` are those of all its calls; `duration_s` is wall time."""

    task_id: str
    skill: str
    content: str
    output_path: str
    output_version: int
    usage: Usage
    cost_usd: Decimal
    model: str
    duration_s: float
    truncated: bool
    learnings_included: tuple[str, ...]
    learnings_withheld: tuple[str, ...]
    missing_inputs: tuple[str, ...]
    warnings: tuple[str, ...]
    inputs: Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """`inputs` None: the output was made before a crash, and nobody knows any more what was read for it."""

    executed: Executed
    inputs: Inputs | None = None


class Executor:
    """`progress_of` is told (task id, characters) while an answer streams in."""

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        ledger: Ledger,
        team: Team,
        memory: Memory,
        clock: Clock,
        zone: tzinfo,
        progress_of: Callable[[str, int], None],
    ) -> None:
        self._store = store
        self._library = library
        self._ledger = ledger
        self._team = team
        self._memory = memory
        self._clock = clock
        self._zone = zone
        self._progress_of = progress_of
        self._calls_a_task: dict[str, float] = {}

    async def run(self, item: WorkItem, goal: Goal, task: Task, *, again: bool = False) -> Done:
        """Do the task, or find that it was done before a crash. Its output is recorded when this returns. Raises what
        the worker's boundary knows."""
        # The first claim of an item finds nothing that an earlier one has recorded.
        recorded = await self._store.document_of(item) if item.claim > 1 else None
        if recorded is not None:
            log.info("output_found", path=recorded.path, version=recorded.version)
            return Done(executed=_executed(item, recorded.path, recorded.version, recorded.warnings))
        result = await self._execute(item, goal, task, again=again)
        log.debug(
            "execution_done",
            model=result.model,
            cost_usd=str(result.cost_usd),
            output_tokens=result.usage.output_tokens,
            duration_s=round(result.duration_s, 3),
            truncated=result.truncated,
            learnings_included=len(result.learnings_included),
            missing_inputs=list(result.missing_inputs),
        )
        executed = changed(
            _executed(item, result.output_path, result.output_version, result.warnings),
            learnings=result.learnings_included,
            learnings_withheld=result.learnings_withheld,
        )
        return Done(executed=executed, inputs=result.inputs)

    async def variant(self, item: WorkItem, goal: Goal, task: Task, number: int, *, angle: str, again: bool) -> Result:
        """One of the variants that the output is to be chosen from, recorded beside it. `item` is its own part of the
        step. Raises as `run` does."""
        briefed = changed(task, brief=f"{task.brief.rstrip()}\n\n**Angle of this variant:** {angle}\n")
        return await self._execute(item, goal, briefed, again=again, variant=number)

    async def _execute(
        self, item: WorkItem, goal: Goal, task: Task, *, again: bool, variant: int | None = None
    ) -> Result:
        started = self._clock.monotonic()
        skill = self._team.skill(task.skill)
        wanted = skill.info.tier if not task.rejections else one_up(skill.info.tier)
        tier = await self._ledger.tier(wanted, goal)
        model = self._team.model(tier)
        gathered = await self._gather(goal, task, skill)
        kept = self._ledger.cache_time(model)
        again = again or task.revision > 0 or await self._is_called_again(task.skill)
        timed = changed(gathered.parts, cache=kept, skill_cache=kept if again else None)
        gathered = changed(gathered, parts=timed, variant=variant)
        # What was paid for before a crash is not asked for again; a cut answer is, but with more room.
        earlier = await self._store.calls(goal.goal_id, work_item_id=item.work_item_id) if item.claim > 1 else ()
        check_paid_for(earlier)
        limits = limits_of(skill, model)
        known = [call for call in earlier if not call.estimated]
        calls: list[Call] = []
        for limit in (room for room in limits if not any(filled(call, room) for call in known)):
            attempt = len(earlier) + len(calls) + 1
            bought, warnings = await self._call(item, goal, task, gathered, model, tier, limit, attempt)
            calls.append(bought.call)
            if bought.response.stop_reason not in TRUNCATED_REASONS:
                break
            log.warning("answer_truncated", limit=limit, stop_reason=bought.response.stop_reason)
        else:
            raise cut_error(calls, limits[-1])
        check_answer(bought.response.text, bought.response.stop_reason)
        document = bought.documents[0]
        return Result(
            task_id=task.task_id,
            skill=task.skill,
            content=document.content,
            output_path=document.path,
            output_version=document.version,
            usage=sum((call.usage for call in calls), Usage()),
            cost_usd=sum((call.cost_usd for call in calls), Decimal(0)),
            model=bought.response.model,
            duration_s=self._clock.monotonic() - started,
            truncated=document.truncated,
            learnings_included=gathered.told.used,
            learnings_withheld=gathered.told.withheld,
            missing_inputs=gathered.missing,
            warnings=warnings,
            inputs=gathered.inputs,
        )

    async def _call(
        self,
        item: WorkItem,
        goal: Goal,
        task: Task,
        gathered: _Gathered,
        model: ModelSpec,
        tier: Tier,
        limit: int,
        attempt: int,
    ) -> tuple[Bought, tuple[str, ...]]:
        parts, prompt, cut = fit(gathered.parts, token_limit=model.context_tokens - limit)
        warnings = (*gathered.warnings, *cut)
        request = ModelRequest(
            call_id=f"{item.work_item_id}.{item.claim}.{attempt}",
            model=model,
            system=prompt.system,
            user=prompt.user,
            max_output_tokens=limit,
            timeout_s=parts.skill.info.timeout_s,
            material=self._material(goal, task, parts),
        )

        def to_documents(response: ModelResponse) -> Sequence[Document]:
            return self._output(request, goal, task, gathered, response, warnings)

        bought = await self._ledger.buy(
            request,
            goal=goal,
            item=item,
            skill=task.skill,
            tier=tier,
            attempt=attempt,
            to_documents=to_documents,
            on_text=lambda characters: self._progress_of(task.task_id, characters),
        )
        return bought, warnings

    def _output(
        self,
        request: ModelRequest,
        goal: Goal,
        task: Task,
        gathered: _Gathered,
        response: ModelResponse,
        warnings: tuple[str, ...],
    ) -> Sequence[Document]:
        """What is stored with the call: nothing when there is no text, a version never shipped when it is cut."""
        if not response.text.strip() or response.stop_reason == "refusal":
            return ()
        path, kind = output_place(goal, task)
        if gathered.variant is not None:
            path, kind = variant_place(goal, task, gathered.variant), DocumentKind.VARIANT
        return (
            Document(
                path=path,
                kind=kind,
                content=unwrap(response.text).strip() + "\n",
                author=Author.MACHINE,
                rehearsal=goal.rehearsal,
                created_at=self._clock.now(),
                goal_id=goal.goal_id,
                task_id=task.task_id,
                generation=task.generation,
                call_id=request.call_id,
                truncated=response.stop_reason in TRUNCATED_REASONS,
                warnings=warnings,
                made_from=gathered.made_from,
            ),
        )

    # -- what it works from ----------------------------------------------------------------------------------

    async def _is_called_again(self, skill: str) -> bool:
        """Whether its tasks usually take more than one call, so often that keeping its prompt pays."""
        if skill not in self._calls_a_task:
            known = await self._store.skill_costs(skill, limit=LONGEST_HISTORY)
            enough = len(known) >= LEAST_HISTORY
            self._calls_a_task[skill] = sum(task.calls for task in known) / len(known) if enough else 1.0
        return self._calls_a_task[skill] >= CALLS_THAT_PAY

    async def _gather(self, goal: Goal, task: Task, skill: Skill) -> _Gathered:
        sources = _Sources(self._library)
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        upstream: dict[str, str] = {}
        for pin in task.pins:
            await sources.add(upstream, pin.path, pin.version)
        earlier: dict[str, str] = {}
        for name in task.latest:
            for old in await self._store.latest_approved(
                name, rehearsal=goal.rehearsal, before=goal.created_at, limit=EARLIER_RUNS
            ):
                await sources.add(earlier, old.output_path or "", old.output_version)
        inputs: dict[str, str] = {}
        for reference in goal.inputs:
            path, _, version = reference.rpartition("@")
            await sources.add(inputs, path, int(version))
        previous = await self._previous(task)
        told = await self._memory.recall(goal, task)
        if context is not None:
            sources.made_from.append(f"{context.path}@{context.version}")
        parts = PromptParts(
            house_rules=self._team.house_rules(),
            context=context.content if context else "",
            skill=skill,
            references=references_of(skill),
            learnings=told.text,
            today=self._today(),
            brief=task.brief,
            upstream=_without(upstream, context),
            inputs=inputs,
            earlier=earlier,
            previous=previous.content if previous else None,
            feedback=task.feedback,
            from_scratch=task.from_scratch,
        )
        return _Gathered(
            parts=parts,
            told=told,
            inputs=Inputs(context=context, texts=upstream | inputs),
            missing=tuple(sources.missing),
            warnings=tuple(f"{path} could not be read" for path in sources.missing),
            made_from=tuple(sources.made_from),
        )

    async def _previous(self, task: Task) -> Document | None:
        """The output that was sent back, this task's or the one it does over; none that was rejected."""
        if not task.feedback or task.from_scratch:
            return None
        if task.output_path and task.output_version:
            return await self._library.in_force(task.output_path, task.output_version)
        if task.supersedes:
            old = await self._store.find_task(task.supersedes)
            if old.output_path and old.output_version:
                return await self._library.in_force(old.output_path, old.output_version)
        return None

    def _today(self) -> str:
        local = self._clock.now().astimezone(self._zone)
        return _day_in_words(local.date(), local.tzname())

    def _material(self, goal: Goal, task: Task, parts: PromptParts) -> Material | None:
        if not goal.rehearsal:
            return None
        return Material(
            skill=parts.skill,
            goal=goal.description,
            brief=parts.brief,
            context=parts.context,
            upstream={**parts.upstream, **parts.earlier},
            inputs=parts.inputs,
            registry=frozenset(self._team.skill_names()),
            task_id=task.task_id,
            feedback=parts.feedback,
            today=parts.today[:10],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered:
    parts: PromptParts
    told: Recalled
    inputs: Inputs
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    made_from: tuple[str, ...]
    variant: int | None = None


class _Sources:
    """Collects documents as they are read, and notes what is not there."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.made_from: list[str] = []
        self.missing: list[str] = []

    async def add(self, into: dict[str, str], path: str, version: int | None) -> None:
        document = await self._library.in_force(path, version) if path else None
        if document is None:
            self.missing.append(path or "an output without a path")
            return
        into[path] = document.content
        self.made_from.append(f"{document.path}@{document.version}")


def output_place(goal: Goal, task: Task) -> tuple[str, DocumentKind]:
    """Where the task's output lies, and as what."""
    path = output_path(squad=task.squad, skill=task.skill, task_id=task.task_id, rehearsal=goal.rehearsal)
    return path, DocumentKind.CONTEXT if task.skill == FOUNDATION_SKILL else DocumentKind.OUTPUT


def variant_place(goal: Goal, task: Task, number: int) -> str:
    return variant_path(
        skill=task.skill,
        squad=task.squad,
        task_id=task.task_id,
        generation=task.generation,
        number=number,
        rehearsal=goal.rehearsal,
    )


@lru_cache(maxsize=2)
def _day_in_words(day: date, zone: str | None) -> str:
    return f"{day:%Y-%m-%d} ({day:%A}), time zone {zone}"


def _executed(item: WorkItem, path: str, version: int, warnings: tuple[str, ...]) -> Executed:
    ref = ItemRef(item_id=item.work_item_id, claim=item.claim)
    return Executed(item=ref, output_path=path, output_version=version, warnings=warnings)


def _without(texts: Mapping[str, str], context: Document | None) -> dict[str, str]:
    """The product context stands in the system prompt already."""
    return {path: text for path, text in texts.items() if context is None or path != context.path}
