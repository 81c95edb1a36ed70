"""`POST /webhook`: an event is checked, kept, and then answered with what it will do."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from structlog.contextvars import bind_contextvars

from marketeer.domain.event import EventRefused
from marketeer.domain.event_effect import Receipt, receipt_document
from marketeer.engine.event_bus import EventBus
from marketeer.web.callers import Callers
from marketeer.web.refusal import Refusal

BODY_BYTES = 256 * 1024
MOST_SAID_CHARS = 2_000


class WebhookPage:
    def __init__(self, bus: EventBus, callers: Callers) -> None:
        self._bus = bus
        self._callers = callers

    async def receive(self, request: Request) -> Response:
        async with self._callers.body(request, BODY_BYTES) as (signer, found):
            if signer is not None:
                found = _signed_by(signer, found, request)
            source = found.get("source") if isinstance(found, dict) else None
            bind_contextvars(caller=signer or "token")
            self._callers.limit.take(signer or (source if isinstance(source, str) else "")[:200] or "token")
            receipt = await self._accept(found)
        bind_contextvars(event_id=receipt.event_id)
        content = receipt_document(receipt) | {"differs": receipt.differs}
        return JSONResponse(content, status_code=200 if receipt.duplicate else 202)

    async def _accept(self, found: Any) -> Receipt:
        try:
            return await self._bus.receive(found)
        except EventRefused as exc:
            more = {"valid_types": list(exc.valid_types)}
            raise Refusal(400, str(exc)[:MOST_SAID_CHARS], fields=[*exc.fields.items()], more=more) from exc


def _signed_by(signer: str, found: Any, request: Request) -> Any:
    """What the signature vouches for need not stand in the body too, as Standard Webhooks has it; where it does, it
    must agree. Raises Refusal."""
    if not isinstance(found, dict):
        return found
    if found.get("source", signer) != signer:
        problem = f"is not {signer!r}, whose secret signed this"
        raise Refusal(400, f"source {problem}", fields=[("source", problem)])
    return {"id": request.headers["webhook-id"], "source": signer, **found}


def event_schema() -> dict[str, Any]:
    """The body, for the OpenAPI document."""
    text = {"type": "string", "minLength": 1, "maxLength": 200}
    return {
        "type": "object",
        "required": ["id", "type", "timestamp", "source", "data"],
        "additionalProperties": False,
        "properties": {
            "id": {**text, "description": "The same each time this event is sent: it takes effect once."},
            "type": {**text, "description": "Such as traffic_drop; `marketeer events types` lists them."},
            "timestamp": {"type": "string", "format": "date-time"},
            "source": {**text, "description": "Who says so."},
            "data": {"type": "object", "description": 'Such as {"percentageDrop": 25}.'},
        },
    }
