"""Questions whose answer is a form: asked of a model, held against the form, asked once more with what is wrong.

A form is a pydantic model. Every answer is stored with the call that paid for it, so that a step which is taken up
again reads the answers it has bought and never buys one twice. A step makes two calls at most, those that were lost
among them: what then cannot be used is told as `Unusable`, and whoever asked goes on without a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from marketeer.domain.document import Author, Document, DocumentKind, answer_path
from marketeer.domain.errors import BudgetExceeded, PermanentError
from marketeer.domain.goal import Goal
from marketeer.domain.json_text import json_object
from marketeer.domain.ledger import Call
from marketeer.domain.usage import Tier, dollars
from marketeer.domain.work import WorkItem
from marketeer.engine.ledger import Ledger
from marketeer.engine.prompts import fence
from marketeer.logs import get_logger
from marketeer.ports import Clock, ModelRequest, ModelResponse, PromptBlock, Store, Team

Form = TypeVar("Form", bound=BaseModel)

# The first, and one repair.
MAX_CALLS = 2
MAX_FINDINGS = 12
MAX_FINDING_CHARS = 300
CUT = frozenset({"max_tokens", "model_context_window_exceeded"})
NO_OBJECT = "There was no JSON object that can be read: answer with one of the form, whole, and nothing around it."
# What the API's forms may not say; the form itself is still held against it here.
_UNSAID = frozenset(
    {
        "default",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "title",
    }
)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[Form]):
    """What is asked. `wrong_with` says what is wrong with an answer that has the form (nothing: it can be used).

    `most_usd` is the most that one call may cost at its worst, None: what the caps allow. `rehearsed` is what a
    rehearsal answers, as JSON; None: it cannot. `skill` is whose work it is, for the bill.
    `max_calls` 1: an answer that cannot be used is not worth a second one.
    """

    form: type[Form]
    system: tuple[PromptBlock, ...]
    user: str
    tier: Tier
    max_output_tokens: int
    timeout_s: float
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    wrong_with: Callable[[Form], Sequence[str]] = lambda _form: ()
    most_usd: Decimal | None = None
    rehearsed: str | None = None
    skill: str | None = None
    max_calls: int = MAX_CALLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """There is no answer to go by. `reason` is for people, without a full stop at its end."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """An answer as it is stored, and what its call says of it."""

    text: str
    stop_reason: str | None


class Structured:
    def __init__(self, *, store: Store, ledger: Ledger, team: Team, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._team = team
        self._clock = clock

    async def ask(self, question: Question[Form], *, goal: Goal, item: WorkItem) -> Form | Unusable:
        """The form, filled in, or why there is none: no money, no tier, a refusal, nothing that can be read.

        Calls are booked under the item, with its kind. Raises ApiUnavailable, ConfigurationError, StaleClaim and
        StoreUnavailable, as any step does: that the API is away says nothing of the answer.
        """
        if goal.rehearsal and question.rehearsed is None:
            return Unusable(reason="a rehearsal has no model that could answer")
        try:
            return await self._ask(question, goal, item)
        except (BudgetExceeded, PermanentError) as exc:
            log.info("answer_unusable", error=str(exc), error_type=type(exc).__name__)
            return Unusable(reason=str(exc).rstrip("."))

    async def _ask(self, question: Question[Form], goal: Goal, item: WorkItem) -> Form | Unusable:
        earlier = await self._store.calls(goal.goal_id, work_item_id=item.work_item_id)
        spent, user, reason = len(earlier), question.user, "each of its calls was lost"
        for said in [await self._recorded(goal, item, call) for call in earlier]:
            if said is not None:
                found, again, reason = _read(question, said)
                if found is not None:
                    return found
                if not again:
                    return Unusable(reason=reason)
                user = _repaired(question.user, said.text, again)
        while spent < question.max_calls:
            spent += 1
            said = await self._buy(replace(question, user=user), goal, item, attempt=spent)
            found, again, reason = _read(question, said)
            if found is not None:
                return found
            log.info("answer_unusable", reason=reason, attempt=spent)
            if not again:
                break
            user = _repaired(question.user, said.text, again)
        return Unusable(reason=reason)

    async def _recorded(self, goal: Goal, item: WorkItem, call: Call) -> _Said | None:
        """None for a call that was lost."""
        document = await self._store.document(_path(goal, item, call.attempt))
        return _Said(text=document.content, stop_reason=call.stop_reason) if document is not None else None

    async def _buy(self, question: Question[Form], goal: Goal, item: WorkItem, *, attempt: int) -> _Said:
        tier = await self._ledger.tier(question.tier, goal)
        if tier is not question.tier:
            msg = f"the month's budget leaves no {question.tier.value} for it"
            raise PermanentError(msg)
        model = self._team.model(tier)
        request = ModelRequest(
            call_id=f"{item.work_item_id}.{item.claim}.{attempt}",
            model=model,
            system=question.system,
            user=question.user,
            max_output_tokens=min(question.max_output_tokens, model.max_output_tokens),
            timeout_s=question.timeout_s,
            effort=question.effort,
            output_schema=schema_of(question.form),
            rehearsed=question.rehearsed,
        )
        worst = request.model.worst_case_usd(request.worst_case())
        if question.most_usd is not None and worst > question.most_usd:
            msg = f"asking may cost up to {dollars(worst)}, too much of what is left"
            raise PermanentError(msg)

        def to_documents(response: ModelResponse) -> Sequence[Document]:
            return (self._document(goal, item, request, attempt, response),)

        bought = await self._ledger.buy(
            request,
            goal=goal,
            item=item,
            skill=question.skill,
            tier=tier,
            attempt=attempt,
            to_documents=to_documents,
        )
        return _Said(text=bought.response.text, stop_reason=bought.response.stop_reason)

    def _document(
        self, goal: Goal, item: WorkItem, request: ModelRequest, attempt: int, response: ModelResponse
    ) -> Document:
        return Document(
            path=_path(goal, item, attempt),
            kind=DocumentKind.ANSWER,
            content=response.text,
            author=Author.MACHINE,
            rehearsal=goal.rehearsal,
            created_at=self._clock.now(),
            goal_id=goal.goal_id,
            call_id=request.call_id,
        )


def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema as the API takes it: every object closed, no limits of length or size."""
    plain = _plain(form.model_json_schema())
    assert isinstance(plain, dict)  # noqa: S101 - a model's schema is an object
    return plain


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # What has properties may well have one that is named like a keyword.
    kept = {
        key: {name: _plain(each) for name, each in value.items()} if key in ("properties", "$defs") else _plain(value)
        for key, value in schema.items()
        if key not in _UNSAID
    }
    return {**kept, "additionalProperties": False} if kept.get("type") == "object" else kept


def _path(goal: Goal, item: WorkItem, attempt: int) -> str:
    return answer_path(goal_id=goal.goal_id, work_item_id=item.work_item_id, attempt=attempt, rehearsal=goal.rehearsal)


def _read(question: Question[Form], said: _Said) -> tuple[Form | None, Sequence[str], str]:
    """The form; else what a repair is told, and the same for people. Nothing to tell: asking again would not help,
    since the model declined."""
    if said.stop_reason == "refusal":
        return None, (), "the model declined to answer"
    found = json_object(said.text)
    if found is None and said.stop_reason in CUT:
        return None, ("The answer was cut off: be much briefer, so that it is whole.",), "the answer was cut off"
    if found is None:
        return None, (NO_OBJECT,), "the answer holds no JSON object"
    try:
        form = question.form.model_validate(found)
    except ValidationError as exc:
        wrong: Sequence[str] = [_line(error["loc"], error["msg"]) for error in exc.errors(include_url=False)]
        return None, wrong, f"the answer does not have the form: {wrong[0]}"
    wrong = question.wrong_with(form)
    if wrong:
        return None, wrong, f"the answer does not hold: {wrong[0]}".rstrip(".")
    return form, (), ""


def _line(where: tuple[int | str, ...], what: str) -> str:
    return f"{'.'.join(map(str, where)) or 'answer'}: {what}"[:MAX_FINDING_CHARS]


def _repaired(user: str, answer: str, wrong: Sequence[str]) -> str:
    told = "\n".join(f"- {one[:MAX_FINDING_CHARS]}" for one in wrong[:MAX_FINDINGS])
    return (
        f"{user}\n\n# Your previous answer\n\n{fence('your previous answer', answer)}\n\n"
        f"# What must change\n\nAnswer with the whole form again, and with these put right:\n\n{told}"
    )
