"""The OpenAPI document is true: schemathesis sends what it allows and what it does not, and holds the answers to it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.e2e.harness import SEED, environment
from tests.support.web import TOKEN, a_site

EXAMPLES = 5


async def test_every_answer_is_one_that_the_document_tells_of(tmp_path: Path) -> None:
    async with a_site(tmp_path, webhook_per_minute=1_000_000) as site:
        address = f"{site.server.url}/openapi.json"
        options = ("-H", f"Authorization: Bearer {TOKEN}", "--seed", str(SEED), "--max-examples", str(EXAMPLES))
        command = (sys.executable, "-m", "schemathesis.cli", "run", address, *options, "--no-color")
        process = await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=STDOUT, cwd=tmp_path, env=environment()
        )
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert b"6 selected / 6 total" in said


async def test_the_document_names_the_users_own_types_and_pipelines(tmp_path: Path) -> None:
    own = tmp_path / "workspace" / "team" / "events.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("types:\n  - {name: launch_of_the_year, means: 'At last.'}\n")
    async with a_site(tmp_path) as site:
        document = (await site.get("/openapi.json", token=None)).document
    bodies = [
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
        for path in ("/webhook", "/goals")
    ]
    assert "launch_of_the_year" in bodies[0]["type"]["enum"]
    assert "Social Content" in bodies[1]["pipeline"]["enum"]
