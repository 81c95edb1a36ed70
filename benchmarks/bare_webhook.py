"""What webhooks are measured against: a FastAPI route that commits one row, as durably, and does nothing else.

`python -m benchmarks.bare_webhook DATABASE` serves on a free port and prints it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

CREATE = "CREATE TABLE events (event_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT"


def bare_app(database: str) -> FastAPI:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(CREATE)
    app = FastAPI()

    async def receive(request: Request) -> JSONResponse:
        event: dict[str, Any] = await request.json()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO events VALUES (?, ?)", (event["id"], json.dumps(event)))
        connection.execute("COMMIT")
        return JSONResponse({"id": event["id"]}, status_code=202)

    app.add_api_route("/webhook", receive, methods=["POST"], response_model=None)
    return app


async def _serve(database: str) -> None:
    # named TCP, or asyncio would leave the delay for small packets on, and the route would answer 40 ms late
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(bare_app(database), http="h11", lifespan="off", log_level="error", access_log=False)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
