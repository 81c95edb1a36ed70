"""`POST /goals` does what `marketeer start` does, with the same checks; `GET` answers with the CLI's documents."""

from __future__ import annotations

import asyncio
import hashlib
import re
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.domain.goal import Goal
from marketeer.domain.submission import TOKEN_ALPHABET, Submission
from marketeer.engine.status_view import ALL_GOALS, SHOWN_GOALS, status_document
from marketeer.engine.summary import goal_document
from marketeer.given import MONEY_DECIMALS, text_inputs
from marketeer.logs import bind
from marketeer.runtime import Office
from marketeer.web.callers import Callers
from marketeer.web.refusal import Refusal
from marketeer.web.schemas import GoalRequest

BODY_BYTES = 4 * 1024 * 1024
MOST_SAID_CHARS = 2_000
KEY_PATTERN = r"[!-~]{1,200}"
# So many that no two keys ever share one.
KEYED_TOKEN_CHARS = 16


class GoalPages:
    def __init__(self, office: Office, callers: Callers) -> None:
        self._office = office
        self._callers = callers
        # Two requests with one key at the same time: the second finds what the first has stored.
        self._storing = asyncio.Lock()

    async def submit(self, request: Request) -> Response:
        async with self._callers.body(request, BODY_BYTES) as (caller, found):
            submission = self._submission(found)
        bind(caller=caller or "token")
        self._callers.limit.take(caller or "goals")
        await self._require_model(submission)
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

    async def _require_model(self, submission: Submission) -> None:
        """A real goal that nobody could work on is refused, as `start` refuses it. Raises Refusal."""
        try:
            await asyncio.to_thread(self._office.require_model, rehearsal=submission.rehearsal)
        except ConfigurationError as exc:
            raise Refusal(409, str(exc)) from exc

    async def listing(self, request: Request) -> Response:
        """`marketeer status --json`; with `?all=true` as with `--all`."""
        self._callers.keys.require_token(request.headers)
        wanted = request.query_params.get("all", "false")
        if wanted not in ("true", "false"):
            problem = "must be true or false"
            raise Refusal(400, f"all {problem}", fields=[("all", problem)])
        limit = ALL_GOALS if wanted == "true" else SHOWN_GOALS
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
        bind(goal_id=goal.goal_id)
        document = await goal_document(self._office.store, goal.goal_id, self._office.clock)
        return JSONResponse(document, 201 if new else 200, headers={"Location": f"/goals/{goal.goal_id}"})

    async def _known(self, token: str) -> Goal | None:
        try:
            return await self._office.store.find_goal(token)
        except UsageError:
            return None

    def _submission(self, found: object) -> Submission:
        """Raises Refusal naming every field that cannot be."""
        try:
            body = GoalRequest.model_validate(found, context=self._pipelines())
        except ValidationError as exc:
            raise _wrong_fields(exc) from exc
        pipeline = self._office.team.find_pipeline(body.pipeline).name if body.pipeline is not None else None
        return Submission(
            description=body.goal or f"Run {pipeline}",
            rehearsal=body.rehearse,
            pipeline=pipeline,
            category=body.category,
            priority=body.priority,
            # a number in JSON is no exact one, and the store counts micro-dollars
            budget_usd=round(Decimal(body.budget), MONEY_DECIMALS) if body.budget is not None else None,
            inputs=text_inputs([(each.name, each.text) for each in body.inputs]),
        )

    def schema(self) -> dict[str, Any]:
        """The body, for the OpenAPI document: with the pipelines that there are."""
        schema = GoalRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["properties"]["pipeline"]["enum"] = [None, *self._pipelines()]
        schema["anyOf"] = [
            {"required": [name], "properties": {name: {"type": "string"}}} for name in ("goal", "pipeline")
        ]
        return schema

    def _pipelines(self) -> list[str]:
        return [name for pipeline in self._office.team.pipelines() for name in (pipeline.name, *pipeline.aliases)]


def _wrong_fields(error: ValidationError) -> Refusal:
    wrong: dict[str, str] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        wrong.setdefault(".".join(str(part)[:100] for part in one["loc"]) or "body", one["msg"])
    said = "; ".join(f"{name}: {what}" for name, what in wrong.items())
    return Refusal(400, said[:MOST_SAID_CHARS], fields=[*wrong.items()])


def _token_of(key: str) -> str:
    """The end of the goal's id follows from the key, so the goal itself is the memory of it."""
    if not re.fullmatch(KEY_PATTERN, key):
        msg = "Idempotency-Key must have 1 to 200 printable ASCII characters and no space"
        raise Refusal(400, msg, fields=[("Idempotency-Key", msg)])
    number = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    letters = []
    for _ in range(KEYED_TOKEN_CHARS):
        number, letter = divmod(number, len(TOKEN_ALPHABET))
        letters.append(TOKEN_ALPHABET[letter])
    return "".join(letters)


def _is_same(goal: Goal, asked: Submission) -> bool:
    return (goal.description, goal.rehearsal) == (asked.description, asked.rehearsal)
