"""`GET /health` for uptime monitors and people, `GET /metrics` for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from marketeer.adapters.prometheus import CONTENT_TYPE, exposition
from marketeer.domain.degradation import Level
from marketeer.domain.health import Health
from marketeer.engine.health import health_document
from marketeer.runtime import Office, health_of
from marketeer.web.auth import Keys, unknown_caller

# Anybody may ask, so the parts are asked no oftener than this.
FRESH_S = 1.0


class HealthPages:
    def __init__(self, office: Office, keys: Keys) -> None:
        self._office = office
        self._keys = keys
        self._asking = asyncio.Lock()
        self._known: tuple[float, Health] | None = None

    async def health(self, request: Request) -> Response:
        """The level for everybody; details with the token. 503 says that nothing can be done (level offline)."""
        may_see = self._keys.has_token(request.headers)
        if "authorization" in request.headers and not may_see:
            raise unknown_caller()
        found = await self._look()
        content: dict[str, Any] = health_document(found) if may_see else {"level": found.level.value}
        return JSONResponse(content, status_code=503 if found.level is Level.OFFLINE else 200)

    async def metrics(self, request: Request) -> Response:
        """What `marketeer metrics --prometheus` prints. Needs the token: it tells of money."""
        self._keys.require_token(request.headers)
        found = await self._office.store.metrics(now=self._office.clock.now())
        return Response(await asyncio.to_thread(exposition, found), media_type=CONTENT_TYPE)

    async def _look(self) -> Health:
        async with self._asking:
            office = self._office
            now = office.clock.monotonic()
            if self._known is None or now - self._known[0] > FRESH_S:
                found = await health_of(
                    office.settings, office.store, office.workspace, office.clock, office.schedule_book
                )
                self._known = (now, found)
            return self._known[1]
