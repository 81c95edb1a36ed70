"""`POST /webhook`: an event is checked, kept, and then answered with what it will do."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from marketeer.domain.event import (
    MAX_DATA_BYTES,
    MAX_DEPTH,
    MAX_KEY_CHARS,
    MAX_NAME_CHARS,
    MAX_NUMBER,
    EventRefused,
    read_event,
)
from marketeer.domain.event_effect import Receipt, receipt_document
from marketeer.engine.event_bus import EventBus
from marketeer.logs import bind
from marketeer.web.callers import Callers
from marketeer.web.refusal import Refusal
from marketeer.web.schemas import NO_NUL

BODY_BYTES = 256 * 1024
MOST_SAID_CHARS = 2_000
NAME = r"[!-~]([ -~]*[!-~])?"


class WebhookPage:
    def __init__(self, bus: EventBus, callers: Callers) -> None:
        self._bus = bus
        self._callers = callers

    async def receive(self, request: Request) -> Response:
        async with self._callers.body(request, BODY_BYTES) as (signer, found):
            if signer is not None:
                found = _signed_by(signer, found, request)
            source = found.get("source") if isinstance(found, dict) else None
            bind(caller=signer or "token")
            self._callers.limit.take(signer or (source if isinstance(source, str) else "")[:200] or "token")
            receipt = await self._accept(found)
        bind(event_id=receipt.event_id)
        content = receipt_document(receipt) | {"differs": receipt.differs}
        return JSONResponse(content, status_code=200 if receipt.duplicate else 202)

    async def schema(self) -> dict[str, Any]:
        """The body, for the OpenAPI document: with the types that there are."""
        return event_schema((await self._bus.rules()).types)

    async def _accept(self, found: Any) -> Receipt:
        odd = _odd_names(found)
        try:
            if odd:
                # for whatever else is wrong
                read_event(found, types=(await self._bus.rules()).types)
                raise _wrong_fields(odd)
            return await self._bus.receive(found)
        except EventRefused as exc:
            more = {"valid_types": list(exc.valid_types)}
            raise _wrong_fields({**odd, **exc.fields}, more) from exc


def _odd_names(found: Any) -> dict[str, str]:
    """Over the wire names are plain, so that OpenAPI can say what they may be."""
    names = {name: found.get(name) for name in ("id", "source")} if isinstance(found, dict) else {}
    problem = "has characters other than printable ASCII, or space around it"
    return {name: problem for name, text in names.items() if isinstance(text, str) and not re.fullmatch(NAME, text)}


def _wrong_fields(wrong: Mapping[str, str], more: Mapping[str, Any] | None = None) -> Refusal:
    said = "; ".join(f"{name} {what}" for name, what in wrong.items())
    return Refusal(400, said[:MOST_SAID_CHARS], fields=[*wrong.items()], more=more)


def _signed_by(signer: str, found: Any, request: Request) -> Any:
    """What the signature vouches for need not stand in the body too, as Standard Webhooks has it; where it does, it
    must agree. Raises Refusal."""
    if not isinstance(found, dict):
        return found
    if found.get("source", signer) != signer:
        problem = f"is not {signer!r}, whose secret signed this"
        raise Refusal(400, f"source {problem}", fields=[("source", problem)])
    return {"id": request.headers["webhook-id"], "source": signer, **found}


def event_schema(types: Collection[str]) -> dict[str, Any]:
    text = {"type": "string", "maxLength": MAX_NAME_CHARS}
    return {
        "type": "object",
        "required": ["id", "type", "timestamp", "source", "data"],
        "additionalProperties": False,
        "properties": {
            "id": {**text, "pattern": f"^{NAME}$", "description": "It takes effect once, however often it comes."},
            "type": {"enum": list(types)},
            "timestamp": {"type": "string", "format": "date-time"},
            "source": {**text, "pattern": f"^{NAME}$", "description": "Who says so; signed events need not."},
            "data": {
                "type": "object",
                "propertyNames": {"maxLength": MAX_KEY_CHARS, "pattern": NO_NUL},
                "additionalProperties": {"$ref": "#/components/schemas/EventValue"},
                "description": f"At most {MAX_DEPTH} levels and {MAX_DATA_BYTES // 1024} KiB.",
            },
        },
    }


EVENT_VALUE = {
    "anyOf": [
        {"type": ["null", "boolean"]},
        {"type": "string", "pattern": NO_NUL},
        {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
        {"type": "array", "items": {"$ref": "#/components/schemas/EventValue"}},
        {
            "type": "object",
            "propertyNames": {"maxLength": MAX_KEY_CHARS, "pattern": NO_NUL},
            "additionalProperties": {"$ref": "#/components/schemas/EventValue"},
        },
    ]
}
