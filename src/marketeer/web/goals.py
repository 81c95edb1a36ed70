"""`POST /goals` does what `marketeer start` does, with the same checks; `GET` answers with the CLI's documents."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from structlog.contextvars import bind_contextvars

from marketeer.domain.errors import UsageError
from marketeer.domain.goal import Category, Goal, Priority
from marketeer.domain.submission import TOKEN_ALPHABET, Submission, check_description
from marketeer.engine.status_view import ALL_GOALS, SHOWN_GOALS, status_document
from marketeer.engine.summary import goal_document
from marketeer.given import chosen, money, text_inputs
from marketeer.runtime import Office
from marketeer.web.callers import Callers
from marketeer.web.refusal import Refusal
from marketeer.web.schemas import GoalRequest

BODY_BYTES = 4 * 1024 * 1024
MOST_KEY_CHARS = 200
# So many that no two keys ever share one.
KEYED_TOKEN_CHARS = 16

T = TypeVar("T")


class GoalPages:
    def __init__(self, office: Office, callers: Callers) -> None:
        self._office = office
        self._callers = callers
        # Two requests with one key at the same time: the second finds what the first has stored.
        self._storing = asyncio.Lock()

    async def submit(self, request: Request) -> Response:
        async with self._callers.body(request, BODY_BYTES) as (caller, found):
            submission = self._submission(_checked(found))
        bind_contextvars(caller=caller or "token")
        self._callers.limit.take(caller or "goals")
        if not submission.rehearsal:
            await asyncio.to_thread(self._office.require_model, rehearsal=False)
        key = request.headers.get("idempotency-key")
        if key is None:
            return await self._created(await self._office.submit(submission), new=True)
        token = _token_of(key)
        async with self._storing:
            known = await self._known(token)
            goal = known or await self._office.submit(submission, token=token)
        if known is not None and not _is_same(known, submission):
            raise Refusal(409, f"Idempotency-Key was used for another goal, {known.goal_id!r}; give each goal its own")
        return await self._created(goal, new=known is None)

    async def listing(self, request: Request) -> Response:
        """`marketeer status --json`; with `?all=true` as with `--all`."""
        self._callers.keys.require_token(request.headers)
        limit = ALL_GOALS if request.query_params.get("all", "").lower() in ("1", "true") else SHOWN_GOALS
        document = await status_document(
            self._office.store,
            self._office.clock,
            limit=limit,
            budget_usd=self._office.settings.budget_monthly,
            worker=await asyncio.to_thread(self._office.workspace.worker),
        )
        return JSONResponse(document)

    async def one(self, request: Request) -> Response:
        """`marketeer show GOAL --json`; the id must be whole."""
        self._callers.keys.require_token(request.headers)
        goal_id = request.path_params["goal_id"]
        try:
            document = await goal_document(self._office.store, goal_id, self._office.clock)
        except UsageError as exc:
            raise Refusal(404, f"no goal {goal_id[:100]!r}; GET /goals lists them") from exc
        return JSONResponse(document)

    async def _created(self, goal: Goal, *, new: bool) -> Response:
        bind_contextvars(goal_id=goal.goal_id)
        document = await goal_document(self._office.store, goal.goal_id, self._office.clock)
        return JSONResponse(document, 201 if new else 200, headers={"Location": f"/goals/{goal.goal_id}"})

    async def _known(self, token: str) -> Goal | None:
        try:
            return await self._office.store.find_goal(token)
        except UsageError:
            return None

    def _submission(self, body: GoalRequest) -> Submission:
        """Raises Refusal naming every field that cannot be."""
        wrong: dict[str, str] = {}

        def checked(field: str, given: object, check: Callable[[], T]) -> T | None:
            try:
                return check() if given is not None else None
            except UsageError as exc:
                wrong[field] = str(exc)
                return None

        pipeline = checked("pipeline", body.pipeline, lambda: self._office.team.find_pipeline(body.pipeline or "").name)
        words = body.goal if body.goal is not None or body.pipeline is None else f"Run {pipeline}"
        submission = Submission(
            description=checked("goal", "", lambda: check_description(words or "")) or "",
            rehearsal=body.rehearse,
            pipeline=pipeline,
            category=checked("category", body.category, lambda: chosen(Category, body.category or "", "category")),
            priority=checked("priority", body.priority, lambda: chosen(Priority, body.priority or "", "priority")),
            budget_usd=checked("budget", body.budget, lambda: money(str(body.budget), "budget")),
            inputs=checked("inputs", body.inputs, lambda: text_inputs([(i.name, i.text) for i in body.inputs])) or (),
        )
        if wrong:
            raise _wrong_fields(wrong)
        return submission


def _checked(found: object) -> GoalRequest:
    try:
        return GoalRequest.model_validate(found)
    except ValidationError as exc:
        wrong: dict[str, str] = {}
        for error in exc.errors(include_url=False, include_context=False, include_input=False):
            place = ".".join(str(part)[:100] for part in error["loc"] if part not in ("float", "int", "str"))
            wrong.setdefault(place or "body", error["msg"])
        raise _wrong_fields(wrong) from exc


def _wrong_fields(wrong: Mapping[str, str]) -> Refusal:
    return Refusal(400, "; ".join(f"{name}: {what}" for name, what in wrong.items())[:2000], fields=[*wrong.items()])


def _token_of(key: str) -> str:
    """The end of the goal's id follows from the key, so the goal itself is the memory of it."""
    if not key.strip() or len(key) > MOST_KEY_CHARS:
        msg = f"Idempotency-Key must have 1 to {MOST_KEY_CHARS} characters"
        raise Refusal(400, msg, fields=[("Idempotency-Key", msg)])
    number = int.from_bytes(hashlib.sha256(key.encode("latin-1", "replace")).digest(), "big")
    letters = []
    for _ in range(KEYED_TOKEN_CHARS):
        number, letter = divmod(number, len(TOKEN_ALPHABET))
        letters.append(TOKEN_ALPHABET[letter])
    return "".join(letters)


def _is_same(goal: Goal, asked: Submission) -> bool:
    return (goal.description, goal.rehearsal) == (asked.description, asked.rehearsal)
