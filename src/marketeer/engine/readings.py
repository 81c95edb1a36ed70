"""Readings: the Director reads the facts of a day or a month, and may begin one goal because of them.

The answer and the page are stored with the call that paid for them. What it suggests is decided afterwards, in the
commit that also writes the goal's report: a crash in between neither asks twice nor begins two goals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marketeer.domain.advance import begin
from marketeer.domain.budget import BudgetLevel, month_key
from marketeer.domain.document import Author, Document, DocumentKind, goal_path
from marketeer.domain.errors import ApiUnavailable, BudgetExceeded, PermanentError, UsageError
from marketeer.domain.goal import Goal
from marketeer.domain.journal import JournalEntry
from marketeer.domain.plan import Reading
from marketeer.domain.reading import (
    Comment,
    FollowUp,
    ReviewFacts,
    invented,
    offline_reading,
    page_path,
    render_page,
)
from marketeer.domain.snapshot import Change
from marketeer.domain.submission import Submission, new_goal
from marketeer.domain.usage import Tier, dollars
from marketeer.domain.work import WorkItem
from marketeer.engine.ledger import Ledger
from marketeer.engine.prompts import fence
from marketeer.engine.review_facts import gather_facts, span_of
from marketeer.engine.submit import new_token
from marketeer.logs import get_logger
from marketeer.ports import Clock, ModelRequest, ModelResponse, PromptBlock, Store, Team

MAX_OUTPUT_TOKENS = 1_500
TIMEOUT_S = 180.0
ANSWER = "reading.md"
_BLOCK = re.compile(r"```(?:json)?\s*\n(\{.*?\})\s*\n```\s*$", re.DOTALL)
# From here on money is kept for what is under way.
HELD_FROM = BudgetLevel.THROTTLE

TASK = Path(__file__).parent / "templates" / "reading.md"

# Forecasts a goal that is not begun yet: the most it should cost, in US dollars.
CostOf = Callable[[Goal], Awaitable[Decimal]]

log = get_logger(__name__)


class _Suggestion(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)  # many goals never see one

    goal: str = Field(min_length=3, max_length=500)
    why: str = Field(min_length=1, max_length=500)
    pipeline: str | None = None


class _Tail(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    follow_up: _Suggestion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The page as it stands after the commit: its documents still to be stored, and the goal it begins."""

    path: str
    headline: str
    documents: Sequence[Document] = ()
    begins: Change | None = None


class Readings:
    """Writes the page of a review."""

    def __init__(self, *, store: Store, ledger: Ledger, team: Team, clock: Clock, zone: tzinfo) -> None:
        self._store = store
        self._ledger = ledger
        self._team = team
        self._clock = clock
        self._zone = zone

    async def write(self, item: WorkItem, goal: Goal, kind: Reading, cost_of: CostOf) -> Written:
        """The page of this goal. Raises what the worker's boundary knows, but not for want of money or of an answer:
        then the facts stand alone."""
        path = page_path(kind, goal.created_at.astimezone(self._zone).date(), rehearsal=goal.rehearsal)
        recorded = await self._store.document(path)
        answer = await self._store.document(_answer_path(goal))
        if recorded is None or answer is None or recorded.goal_id != goal.goal_id:
            facts = await self._facts(goal, kind)
            recorded, answer = await self._read(item, goal, path, facts)
        headline = _headline(recorded.content)
        if answer is None:
            return Written(path=path, headline=headline, documents=[recorded])
        return await self._with_follow_up(goal, recorded, answer, headline, cost_of)

    async def _facts(self, goal: Goal, kind: Reading) -> ReviewFacts:
        day = goal.created_at.astimezone(self._zone).date()
        span = span_of(kind, now=self._clock.now(), day=day, zone=self._zone, besides=goal.goal_id)
        return await gather_facts(self._store, span)

    # -- the reading -----------------------------------------------------------------------------------------

    async def _read(
        self, item: WorkItem, goal: Goal, path: str, facts: ReviewFacts
    ) -> tuple[Document, Document | None]:
        """The page, and the answer it rests on: both stored. Without an answer the page is still to be stored."""
        try:
            tier = await self._ledger.tier(Tier.OPUS, goal)
            request = self._request(item, facts, tier)
            bought = await self._ledger.buy(
                request,
                goal=goal,
                item=item,
                skill=None,
                tier=tier,
                to_documents=lambda response: self._documents(goal, path, facts, response),
            )
        except (BudgetExceeded, ApiUnavailable, PermanentError) as exc:
            log.warning("facts_stand_alone", error=str(exc))
            comment = Comment(text=None, note=f"The facts stand alone: {exc}.")
            return self._page(goal, path, render_page(facts, comment)), None
        page, answer = bought.documents
        return page, answer

    def _request(self, item: WorkItem, facts: ReviewFacts, tier: Tier) -> ModelRequest:
        span = "the last 24 hours" if facts.kind is Reading.DAY else "this month"
        names = ", ".join(sorted(pipe.name for pipe in self._team.pipelines() if pipe.reading is None))
        rules = self._team.house_rules().strip()
        task = TASK.read_text("utf-8").replace("SPAN", span).replace("PIPELINES", names)
        model = self._team.model(tier)
        told = f"{facts.headline}\n\n{facts.text}"
        return ModelRequest(
            call_id=f"{item.work_item_id}.{item.claim}.1",
            model=model,
            system=(PromptBlock(text=f"{rules}\n\n{task}"),),
            user=f"It is {facts.as_of:%Y-%m-%d %H:%M %Z}.\n\n{fence('facts', told)}",
            max_output_tokens=min(MAX_OUTPUT_TOKENS, model.max_output_tokens),
            timeout_s=TIMEOUT_S,
            rehearsed=f'{offline_reading(facts)}\n\n```json\n{{"follow_up": null}}\n```\n',
        )

    def _documents(self, goal: Goal, path: str, facts: ReviewFacts, response: ModelResponse) -> Sequence[Document]:
        answer = Document(
            path=_answer_path(goal),
            kind=DocumentKind.REPORT,
            content=response.text.strip() + "\n",
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=self._clock.now(),
            goal_id=goal.goal_id,
        )
        comment = comment_on(facts, response)
        return self._page(goal, path, render_page(facts, comment)), answer

    def _page(self, goal: Goal, path: str, content: str) -> Document:
        return Document(
            path=path,
            kind=DocumentKind.METRICS,
            content=content,
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=self._clock.now(),
            goal_id=goal.goal_id,
        )

    # -- the follow-up ---------------------------------------------------------------------------------------

    async def _with_follow_up(
        self, goal: Goal, page: Document, answer: Document, headline: str, cost_of: CostOf
    ) -> Written:
        plain = Written(path=page.path, headline=headline)
        suggested = suggestion_in(answer.content)
        if suggested is None:
            return plain
        facts = page.content.partition("\n## Facts\n")[2]
        new, refused = await self._new_goal(goal, suggested, facts, cost_of)
        if new is None:
            said = f"Suggested and not begun: {_line(suggested)} ({refused})"
            return replace(plain, documents=[self._page(goal, page.path, _following(page.content, said))])
        change = begin(new, self._clock.now())
        told = JournalEntry(
            goal_id=new.goal_id,
            at=new.created_at,
            what="started_by_review",
            who="director",
            why=f"{suggested.why} (review {goal.goal_id})",
            data={"review": goal.goal_id},
        )
        said = f"Begun: {_line(suggested)}\n\n- **Goal:** `{new.goal_id}`\n- **Why:** {suggested.why}"
        return replace(
            plain,
            documents=[self._page(goal, page.path, _following(page.content, said))],
            begins=replace(change, entries=(*change.entries, told)),
        )

    async def _new_goal(self, goal: Goal, suggested: FollowUp, facts: str, cost_of: CostOf) -> tuple[Goal | None, str]:
        """The goal, or why there is none."""
        wrong = invented(f"{suggested.goal} {suggested.why}", facts)
        if wrong:
            return None, f"{wrong[0]!r} does not stand in the facts"
        try:
            pipeline = self._team.find_pipeline(suggested.pipeline) if suggested.pipeline else None
            if pipeline is not None and pipeline.reading is not None:
                return None, "a review begins no review"
            name = pipeline.name if pipeline else None
            asked = Submission(description=suggested.goal, rehearsal=goal.rehearsal, pipeline=name)
            new = new_goal(asked, token=new_token(), now=self._clock.now())
            return (new, "") if not (held := await self._held_by_money(new, cost_of)) else (None, held)
        except UsageError as exc:
            return None, str(exc)

    async def _held_by_money(self, new: Goal, cost_of: CostOf) -> str | None:
        if new.rehearsal:
            return None
        month = month_key(self._clock.now())
        budget, spend = await self._store.month_budget(month), await self._store.month_spend(month)
        if budget is None:
            return "no budget is set"
        level = budget.level(spend.settled_usd)
        if level.rank >= HELD_FROM.rank:
            return f"the month's budget is at {level.value}"
        left, most = budget.cap_usd - spend.settled_usd - spend.reserved_usd, await cost_of(new)
        if most > min(left, budget.goal_cap_usd):
            return f"it may cost {dollars(most)}, more than is left for it"
        return None


def comment_on(facts: ReviewFacts, response: ModelResponse) -> Comment:
    """What of the answer goes on the page: all of its words or none."""
    words = _BLOCK.sub("", response.text.strip()).strip()
    if response.stop_reason == "refusal" or not words:
        return Comment(text=None, note="The facts stand alone: the model gave no answer.")
    wrong = invented(words, f"{facts.headline}\n{facts.text}\n{facts.as_of:%Y-%m-%d %H:%M}")
    if wrong:
        named = ", ".join(repr(each) for each in wrong[:3])
        return Comment(text=None, note=f"The facts stand alone: the reading said {named}, which they do not.")
    return Comment(text=words)


def suggestion_in(answer: str) -> FollowUp | None:
    """None where nothing, or nothing in the agreed form, is suggested."""
    block = _BLOCK.search(answer.strip())
    if block is None:
        return None
    try:
        found = _Tail.model_validate(json.loads(block[1])).follow_up
    except (ValueError, ValidationError) as exc:
        log.warning("suggestion_unreadable", error=type(exc).__name__)
        return None
    return FollowUp(goal=found.goal.strip(), why=found.why.strip(), pipeline=found.pipeline) if found else None


def _answer_path(goal: Goal) -> str:
    return goal_path(goal_id=goal.goal_id, name=ANSWER, rehearsal=goal.rehearsal)


def _headline(page: str) -> str:
    """The line below the title, without the time."""
    line = next((line for line in page.splitlines() if line.startswith("As of ")), "")
    return line.partition(". ")[2] or line


def _line(suggested: FollowUp) -> str:
    by = f", by {suggested.pipeline}" if suggested.pipeline else ""
    return f"“{' '.join(suggested.goal.split())}”{by}"


def _following(page: str, said: str) -> str:
    """The page with the word on its follow-up in place of none."""
    before, _, rest = page.partition("## Follow-up\n\n")
    _, _, facts = rest.partition("\n\n## Facts\n")
    return f"{before}## Follow-up\n\n{said}\n\n## Facts\n{facts}"
