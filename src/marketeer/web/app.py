"""The application: which path does what, what every answer has in common, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from email.utils import format_datetime
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketeer import __version__
from marketeer.domain.errors import ConfigurationError, MarketeerError, TransientError, UsageError
from marketeer.logs import bound, get_logger
from marketeer.ports import Clock
from marketeer.runtime import Office
from marketeer.web.auth import Keys
from marketeer.web.bodies import Bodies
from marketeer.web.bounds import Bounds
from marketeer.web.callers import Callers
from marketeer.web.goals import KEY_PATTERN, GoalPages
from marketeer.web.health import HealthPages
from marketeer.web.limits import RateLimit
from marketeer.web.refusal import Refusal, try_later
from marketeer.web.schemas import EventReceipt, GoalDocument, HealthDocument, Problem, StatusDocument
from marketeer.web.webhooks import EVENT_VALUE, WebhookPage

log = get_logger(__name__)

_PROBLEMS = {
    400: "The body is wrong; every wrong field is named.",
    401: "Neither the token nor a valid signature.",
    404: "There is no such goal.",
    408: "The body came too slowly.",
    409: "Real goals cannot be worked on here (no key), or the Idempotency-Key belongs to another goal.",
    413: "The body is too large.",
    415: "The body is not uncompressed JSON in UTF-8.",
    429: "Too many from this source; Retry-After says when to go on.",
    503: "Not now, or not without a setting that is named.",
}


def make_app(office: Office, bounds: Bounds) -> ASGIApp:
    settings, clock = office.settings, office.clock
    token = settings.webhook_token.get_secret_value() if settings.webhook_token else None
    keys = Keys(token, settings.webhook_secrets(), clock)
    callers = Callers(keys=keys, limit=RateLimit(settings.webhook_per_minute, clock), bodies=Bodies(bounds))
    app = FastAPI(
        title="Marketeer", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False, openapi_url=None
    )
    _add_routes(app, WebhookPage(office.event_bus(), callers), GoalPages(office, callers), HealthPages(office, keys))
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(MarketeerError, _failed)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(Exception, _broken)
    return Front(app, clock)


def _add_routes(app: FastAPI, webhooks: WebhookPage, goals: GoalPages, health: HealthPages) -> None:
    kept = {200: (EventReceipt, "Known already: what became of it the first time."), 202: (EventReceipt, "Kept.")}
    created = {200: (GoalDocument, "Known by its Idempotency-Key."), 201: (GoalDocument, "Stored; it is worked on.")}
    body_problems = (400, 401, 408, 413, 415, 429, 503)
    _route(app, "POST", "/webhook", webhooks.receive, kept, body_problems, _SIGNED)
    _route(app, "POST", "/goals", goals.submit, created, (*body_problems, 409), _SIGNED | _KEYED)
    _route(app, "GET", "/goals", goals.listing, {200: (StatusDocument, "As of now.")}, (400, 401, 503), _TOKEN | _ALL)
    _route(
        app, "GET", "/goals/{goal_id}", goals.one, {200: (GoalDocument, "As of now.")}, (401, 404, 503), _TOKEN | _ID
    )
    found = {200: (HealthDocument, "Something goes on."), 503: (HealthDocument, "Level offline: nothing can be done.")}
    _route(app, "GET", "/health", health.health, found, (401,), {"security": [{}, {"token": []}]})
    app.add_route("/health", health.health, methods=["HEAD"])
    metrics = {"text/plain": {"schema": {"type": "string"}}}
    _route(app, "GET", "/metrics", health.metrics, {}, (401, 503), _TOKEN | {"responses": {"200": _ok(metrics)}})

    async def openapi(_: Request) -> Response:
        return JSONResponse(_document(app, await webhooks.schema(), goals.schema()))

    app.add_route("/openapi.json", openapi, methods=["GET"])


def _route(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: Callable[[Request], Awaitable[Response]],
    found: Mapping[int, tuple[type, str]],
    problems: tuple[int, ...],
    extra: dict[str, Any],
) -> None:
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": _PROBLEMS[status]} for status in problems
    }
    told |= {status: {"model": model, "description": description} for status, (model, description) in found.items()}
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        responses=told,
        response_model=None,
        status_code=max(found, default=200),
        openapi_extra=extra,
    )


def _ok(content: dict[str, Any]) -> dict[str, Any]:
    return {"description": "As of now.", "content": content}


# -- the OpenAPI document --------------------------------------------------------------------------------------

_TOKEN: dict[str, Any] = {"security": [{"token": []}]}
_SIGNED: dict[str, Any] = {"security": [{"token": []}, {"signature": []}]}
_ALL = {
    "parameters": [
        {"name": "all", "in": "query", "required": False, "schema": {"type": "boolean"}, "description": "Every goal."}
    ]
}
_ID = {"parameters": [{"name": "goal_id", "in": "path", "required": True, "schema": {"type": "string"}}]}
_KEYED = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
            "description": "The same key again answers with the goal it has stored the first time.",
        }
    ]
}
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "WEBHOOK_TOKEN."},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks: also webhook-id and webhook-timestamp, signed by one of WEBHOOK_SOURCES.",
    },
}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _document(app: FastAPI, event: dict[str, Any], goal: dict[str, Any]) -> dict[str, Any]:
    """Made anew for whoever asks: types and pipelines are the user's own."""
    document: dict[str, Any] = deepcopy(app.openapi())
    document["paths"]["/webhook"]["post"] |= _body(event)
    document["paths"]["/goals"]["post"] |= _body(goal)
    document["components"]["schemas"] |= {"EventValue": EVENT_VALUE, **goal.pop("$defs")}
    document["components"]["securitySchemes"] = _SECURITY
    return document


# -- what every answer has in common ---------------------------------------------------------------------------


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - what it is registered for
    return error.response()


async def _failed(_: Request, error: Exception) -> Response:
    """What the house itself says, as a status: who must act decides."""
    match error:
        case ConfigurationError():
            refusal = Refusal(503, str(error))
        case UsageError():
            refusal = Refusal(400, str(error))
        case TransientError():
            refusal = try_later(str(error), after_s=error.retry_after_s or 1.0)
        case _:
            refusal = try_later(str(error))
    return refusal.response()


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    what = f"{request.method} {request.url.path[:200]}"
    headers = {"Allow": ", ".join(_methods(request))} if error.status_code == 405 else None
    refusal = Refusal(error.status_code, f"{what}: {error.detail}; see /openapi.json", headers=headers)
    return refusal.response()


def _methods(request: Request) -> list[str]:
    """Of all routes of this path; the framework names those of the first."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in route.methods})


async def _broken(_: Request, error: Exception) -> Response:
    # What went wrong is in the log; it may hold what a stranger must not see.
    return Refusal(500, f"unexpected {type(error).__name__}; the log says more").response()


class Front:
    """Around it all: the date, and a line in the log for each request, with the ids it was about."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = self._clock.monotonic(), 0
        date = format_datetime(self._clock.now(), usegmt=True).encode()

        async def dated(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"date", date)]
            await send(message)

        with bound(method=scope["method"], path=scope["path"][:200]):
            try:
                await self._app(scope, receive, dated)
            finally:
                log.info("request", status=status, took_ms=round((self._clock.monotonic() - began) * 1000, 1))
