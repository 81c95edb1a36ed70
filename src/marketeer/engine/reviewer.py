"""The reviewer: holds an output against its skill's contract, has a model judge it by the rubric, and writes it down.

The contract comes first and is free: what fails it goes back without a call. Where the model may not be asked, or its
answer cannot be used, the contract's verdict stands, and the review says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from marketeer.domain.changing import changed
from marketeer.domain.contract import GOAL_SOURCE
from marketeer.domain.document import Author, Document, DocumentKind, review_path
from marketeer.domain.errors import ApiUnavailable, MissingInput
from marketeer.domain.examination import Exam, Examined, Standard
from marketeer.domain.goal import Goal
from marketeer.domain.judgement import Opinion, checked, verdict_on
from marketeer.domain.outcome import Judgement
from marketeer.domain.review import Finding, Review, Verdict, verdict_of
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.skill import FOUNDATION_SKILL, Skill
from marketeer.domain.task import Task
from marketeer.domain.work import WorkItem
from marketeer.engine.inputs import Inputs
from marketeer.engine.ledger import Ledger
from marketeer.engine.library import Library
from marketeer.engine.review_depth import MAX_CALLS, MAX_OUTPUT_TOKENS, TIERS
from marketeer.engine.review_form import ReviewForm
from marketeer.engine.review_page import render_review
from marketeer.engine.review_prompt import ReviewParts, fit_review, review_message, review_system
from marketeer.engine.structured import Question, Structured, Unusable
from marketeer.logs import get_logger
from marketeer.ports import Clock, Examiner, Store, Team

TIMEOUT_S = 240.0
# So many in a row, and no model is asked any more for this goal.
MAX_UNUSABLE = 3
# How often, and for how long, a review waits for an API that is not down but busy.
MAX_TRIES = 3
LONGEST_WAIT_S = 60.0
ALONE = "judged by its contract alone: "

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A review as outcome, as a page and as a record, to be committed together."""

    judgement: Judgement
    document: Document
    review: Review


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """An output, what it is held against, and what its contract says of it."""

    output: Document
    skill: Skill
    context: str
    sources: Mapping[str, str]
    result: Examined
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What came of asking a model: nothing (never asked), an opinion, or why there is none."""

    depth: ReviewDepth = ReviewDepth.QUICK
    opinion: Opinion | None = None
    note: str | None = None
    model: str | None = None
    cost_usd: Decimal = field(default_factory=Decimal)


class Reviewer:
    """`depth` overrides what the skills say. `api_is_down` tells whether waiting for the API is any use."""

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        ledger: Ledger,
        team: Team,
        examiner: Examiner,
        clock: Clock,
        api_is_down: Callable[[], bool],
        depth: ReviewDepth | None = None,
    ) -> None:
        self._store = store
        self._library = library
        self._ledger = ledger
        self._team = team
        self._examiner = examiner
        self._clock = clock
        self._api_is_down = api_is_down
        self._depth = depth
        self._structured = Structured(store=store, ledger=ledger, team=team, clock=clock)

    async def at_once(
        self, goal: Goal, task: Task, path: str, version: int, *, made_from: Inputs | None = None
    ) -> Judged | None:
        """The review of this version, when it costs nothing. None: a model is to be asked, in a step of its own.

        `made_from` are the texts that it was made from a moment ago; None: they are read anew."""
        looked = await self._look(goal, task, path, version, made_from)
        if self._wanted(goal, looked) is not ReviewDepth.QUICK:
            return None
        return self._written(goal, task, looked, _Asked())

    async def judge(self, item: WorkItem, goal: Goal, task: Task) -> Judged:
        """The review of the task's output. Raises ApiUnavailable while it is worth trying again."""
        looked = await self._look(goal, task, task.output_path, task.output_version, None)
        depth = self._wanted(goal, looked)
        asked = await self._asked(item, goal, task, looked, depth) if depth is not ReviewDepth.QUICK else _Asked()
        return self._written(goal, task, looked, asked)

    def _wanted(self, goal: Goal, looked: _Looked) -> ReviewDepth:
        """What fails its contract goes straight back; a rehearsal asks nobody."""
        skill = looked.skill
        failed = verdict_of(looked.result.findings) is not Verdict.APPROVE
        if failed or goal.rehearsal or not skill.rubric:
            return ReviewDepth.QUICK
        return self._depth or skill.info.review_depth

    # -- by the contract -------------------------------------------------------------------------------------

    async def _look(
        self, goal: Goal, task: Task, path: str | None, version: int | None, made_from: Inputs | None
    ) -> _Looked:
        began_at = self._clock.now()
        output = await self._library.in_force(path or "", version)
        if output is None:
            msg = f"the output of {task.task_id!r} is gone"
            raise MissingInput(msg)
        if made_from is None or task.skill == FOUNDATION_SKILL:
            made_from = await self._inputs(goal, task)
        skill, exam = self._team.skill(task.skill), self._exam(goal, task, output, made_from)
        return _Looked(
            output=output,
            skill=skill,
            context=exam.standard.context,
            sources=exam.sources,
            result=await self._examiner.examine(exam),
            began_at=began_at,
        )

    async def findings(self, goal: Goal, task: Task, output: Document) -> tuple[Finding, ...]:
        """What the contract says of a text that may become the task's output."""
        exam = self._exam(goal, task, output, await self._inputs(goal, task))
        return (await self._examiner.examine(exam)).findings

    def _exam(self, goal: Goal, task: Task, output: Document, made_from: Inputs) -> Exam:
        context = made_from.context
        is_context = task.skill == FOUNDATION_SKILL
        is_earlier = context is not None and not (is_context and context.version == output.version)
        standard = Standard(
            contract=self._team.skill(task.skill).contract,
            registry=frozenset(self._team.skill_names()),
            context=context.content if context is not None and is_earlier else "",
        )
        # the texts, besides the product context, that a figure or a quote may come from
        sources = {GOAL_SOURCE: goal.description, **made_from.texts}
        return Exam(standard=standard, text=output.content, sources=sources, is_context=is_context)

    async def _inputs(self, goal: Goal, task: Task) -> Inputs:
        context = await self._library.product_context(rehearsal=goal.rehearsal)
        texts: dict[str, str] = {}
        named = [(pin.path, pin.version) for pin in task.pins]
        named += [(path, int(version)) for path, _, version in (one.rpartition("@") for one in goal.inputs)]
        for path, version in named:
            document = await self._library.in_force(path, version)
            if document is not None:
                texts[path] = document.content
        return Inputs(context=context, texts=texts)

    # -- by the rubric ---------------------------------------------------------------------------------------

    async def _asked(self, item: WorkItem, goal: Goal, task: Task, looked: _Looked, depth: ReviewDepth) -> _Asked:
        if await self._has_given_up(goal):
            why = f"{MAX_UNUSABLE} answers in a row could not be used, so this goal asks for none any more"
            return _Asked(note=f"{ALONE}{why}")
        question = self._question(task, looked, depth)
        if question is None:
            return _Asked(note=f"{ALONE}it is too long for the model that would review it")
        answer = await self._answer(item, goal, question)
        calls = await self._store.calls(goal.goal_id, work_item_id=item.work_item_id)
        asked = _Asked(
            model=calls[-1].model if calls else None, cost_usd=sum((call.cost_usd for call in calls), Decimal(0))
        )
        if isinstance(answer, Unusable):
            log.warning("review_by_contract_alone", task_id=task.task_id, why=answer.reason)
            return changed(asked, note=f"{ALONE}{answer.reason}")
        opinion, _ = checked(answer.said(), looked.skill.rubric, looked.output.content)
        return changed(asked, depth=depth, opinion=opinion)

    async def _answer(self, item: WorkItem, goal: Goal, question: Question[ReviewForm]) -> ReviewForm | Unusable:
        try:
            return await self._structured.ask(question, goal=goal, item=item)
        except ApiUnavailable as exc:
            soon = (exc.retry_after_s or 0.0) <= LONGEST_WAIT_S
            if item.attempts < MAX_TRIES and soon and not self._api_is_down():
                raise
            return Unusable(reason=f"the API could not be asked ({exc})".rstrip("."))

    async def _has_given_up(self, goal: Goal) -> bool:
        asked = [review for review in await self._store.reviews(goal.goal_id) if review.model is not None]
        return len(asked) >= MAX_UNUSABLE and all(review.unusable for review in asked[-MAX_UNUSABLE:])

    def _question(self, task: Task, looked: _Looked, depth: ReviewDepth) -> Question[ReviewForm] | None:
        tier, skill = TIERS[depth], looked.skill
        model = self._team.model(tier)
        parts = ReviewParts(
            skill=skill,
            context=looked.context,
            brief=task.brief,
            output=looked.output.content,
            sources=looked.sources,
            findings=looked.result.findings,
            taught=depth is ReviewDepth.DEEP,
            cache=self._ledger.cache_time(model),
        )
        fitting = fit_review(parts, token_limit=model.context_tokens - MAX_OUTPUT_TOKENS)
        if fitting is None:
            return None
        return Question(
            form=ReviewForm,
            system=review_system(fitting),
            user=review_message(fitting),
            tier=tier,
            max_output_tokens=MAX_OUTPUT_TOKENS,
            timeout_s=TIMEOUT_S,
            wrong_with=lambda form: checked(form.said(), skill.rubric, looked.output.content)[1],
            skill=skill.info.name,
            max_calls=MAX_CALLS[depth],
        )

    # -- what is written down --------------------------------------------------------------------------------

    def _written(self, goal: Goal, task: Task, looked: _Looked, asked: _Asked) -> Judged:
        now, result, opinion = self._clock.now(), looked.result, asked.opinion
        review = Review(
            task_id=task.task_id,
            goal_id=goal.goal_id,
            number=task.generation,
            output_version=looked.output.version,
            verdict=verdict_on(result.findings, opinion),
            findings=result.findings,
            waived=result.waived,
            path=review_path(task_id=task.task_id, number=task.generation, rehearsal=goal.rehearsal),
            created_at=now,
            sourced=result.sourced,
            sourced_count=result.sourced_count,
            depth=asked.depth,
            total=opinion.total if opinion else None,
            scores=opinion.scores if opinion else (),
            requests=opinion.requests if opinion else (),
            unsourced=opinion.unsourced if opinion else (),
            note=asked.note,
            model=asked.model,
            cost_usd=asked.cost_usd,
        )
        document = Document(
            path=review.path,
            kind=DocumentKind.REVIEW,
            content=render_review(review, task, looked.output.path),
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=now,
            goal_id=goal.goal_id,
            task_id=task.task_id,
        )
        judgement = Judgement(
            findings=result.findings,
            waived=result.waived,
            asked_for=result.asked_for,
            began_at=looked.began_at,
            opinion=opinion,
            note=asked.note,
        )
        return Judged(judgement=judgement, document=document, review=review)
