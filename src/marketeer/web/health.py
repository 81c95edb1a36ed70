"""`GET /health` for uptime monitors and people, `GET /metrics` for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from marketeer.adapters.prometheus import CONTENT_TYPE, age, exposition
from marketeer.domain.degradation import Level
from marketeer.domain.health import Health
from marketeer.engine.health import health_document
from marketeer.runtime import Office, health_of
from marketeer.web.auth import Keys, unknown_caller
from marketeer.web.fresh import Fresh

# Anybody may ask, so the parts are asked no oftener than this.
HEALTH_KEPT_S = 1.0
# All rows of history are added up for it: seconds of a processor after some 100,000 tasks.
METRICS_KEPT_S = 10.0


class HealthPages:
    def __init__(self, office: Office, keys: Keys) -> None:
        self._office = office
        self._keys = keys
        self._known_health = Fresh(self._health, office.clock, kept_s=HEALTH_KEPT_S)
        self._known_metrics = Fresh(self._metrics, office.clock, kept_s=METRICS_KEPT_S)

    async def health(self, request: Request) -> Response:
        """The level for everybody; details with the token. 503 says that nothing can be done (level offline)."""
        may_see = self._keys.has_token(request.headers)
        if "authorization" in request.headers and not may_see:
            raise unknown_caller()
        found, _ = await self._known_health.get()
        content: dict[str, Any] = health_document(found) if may_see else {"level": found.level.value}
        return JSONResponse(content, status_code=503 if found.level is Level.OFFLINE else 200)

    async def metrics(self, request: Request) -> Response:
        """What `marketeer metrics --prometheus` prints, and how old it is. Needs the token: it tells of money."""
        self._keys.require_token(request.headers)
        found, age_s = await self._known_metrics.get()
        return Response(found + age(age_s), media_type=CONTENT_TYPE, headers={"Age": f"{age_s:.0f}"})

    async def _health(self) -> Health:
        office = self._office
        return await health_of(office.settings, office.store, office.workspace, office.clock, office.schedule_book)

    async def _metrics(self) -> str:
        found = await self._office.store.metrics(now=self._office.clock.now())
        return await asyncio.to_thread(exposition, found)
