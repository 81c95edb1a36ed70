"""Letting a request with a body in: who calls, and what the body says, in the order that costs us least."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from marketeer.web.auth import NO_TOKEN, Keys, unknown_caller
from marketeer.web.bodies import Bodies, check_head, parse
from marketeer.web.limits import RateLimit
from marketeer.web.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who may call and how often."""

    keys: Keys
    limit: RateLimit
    bodies: Bodies

    @asynccontextmanager
    async def body(self, request: Request, most: int) -> AsyncIterator[tuple[str | None, Any]]:
        """(the source that signed it, None for the token's holder; the JSON). Raises Refusal.

        Whoever shows neither the token nor a signature is refused before a byte of the body is read.
        """
        if not self.keys.exist:
            raise Refusal(503, NO_TOKEN)
        trusted = self.keys.has_token(request.headers)
        if not trusted and not self.keys.is_signed(request.headers):
            raise unknown_caller()
        check_head(request, most)
        async with self.bodies.read(request, most) as content:
            signer = None if trusted else self.keys.signer(request.headers, content)
            yield signer, parse(content)
