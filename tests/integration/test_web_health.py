"""Health and metrics over HTTP: who may see what, and what an uptime monitor reads from the status."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from marketeer.domain.errors import ConfigurationError, StoreUnavailable
from marketeer.domain.metrics import Metrics
from marketeer.runtime import open_office
from marketeer.settings import load_settings
from marketeer.testing import FakeClock
from marketeer.web.server import WebServer
from tests.support.web import a_site, request


async def test_anybody_may_see_the_level_and_only_the_tokens_holder_why(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        anybody, holder = await site.get("/health", token=None), await site.get("/health")
        assert (anybody.status, anybody.document) == (200, {"level": "full"})
        assert (holder.status, holder.document["level"]) == (200, "full")
        assert {"store", "queue", "disk"} <= {part["component"] for part in holder.document["components"]}
        assert (await site.get("/health", token="wrong")).status == 401


async def test_a_monitor_may_ask_with_head(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        async with site.connection() as (reader, writer):
            writer.write(request("HEAD", "/health", token=None))
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        assert (head.split(b"\r\n")[0], rest) == (b"HTTP/1.1 200 OK", b"")


async def test_a_level_at_which_nothing_is_done_is_a_503(tmp_path: Path) -> None:
    async with a_site(tmp_path, budget_monthly=0) as site:
        answer = await site.get("/health", token=None)
        assert (answer.status, answer.document) == (503, {"level": "offline"})


async def test_a_crowd_that_asks_for_health_costs_one_look(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        first = await site.get("/health")
        site.office.store.conditions = _never  # type: ignore[method-assign, assignment]
        answers = await asyncio.gather(*(site.get("/health") for _ in range(5)))
        assert {answer.body for answer in answers} == {first.body}


async def _never() -> None:
    msg = "the store was asked again"
    raise AssertionError(msg)


async def test_metrics_are_read_by_prometheus_and_need_the_token(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        answer = await site.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {family.name for family in text_string_to_metric_families(answer.body.decode())}
        assert {"marketeer_goals", "marketeer_model_calls"} <= families
        assert (await site.get("/metrics", token=None)).status == 401


async def test_metrics_are_worked_out_once_for_a_crowd_and_say_how_old_they_are(tmp_path: Path) -> None:
    clock = FakeClock()
    async with a_site(tmp_path, clock=clock) as site:
        work_out = site.office.store.metrics
        asked: list[datetime] = []

        async def counted(*, now: datetime, **more: Any) -> Metrics:
            asked.append(now)
            return await work_out(now=now, **more)

        site.office.store.metrics = counted  # type: ignore[method-assign]
        answers = await asyncio.gather(*(site.get("/metrics") for _ in range(5)))
        assert (len(asked), {answer.status for answer in answers}) == (1, {200})
        clock.advance(9)
        old = await site.get("/metrics")
        assert (len(asked), old.headers["age"], "marketeer_metrics_age_seconds 9.0" in old.body.decode()) == (
            1,
            "9",
            True,
        )
        clock.advance(2)
        assert ((await site.get("/metrics")).headers["age"], len(asked)) == ("0", 2)


async def test_metrics_that_could_not_be_worked_out_are_asked_for_again(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        work_out = site.office.store.metrics
        site.office.store.metrics = _out_of_reach  # type: ignore[method-assign]
        assert (await site.get("/metrics")).status == 503
        site.office.store.metrics = work_out  # type: ignore[method-assign]
        assert (await site.get("/metrics")).status == 200


async def _out_of_reach(*, now: datetime, **_: Any) -> Metrics:
    msg = f"the database is locked at {now}"
    raise StoreUnavailable(msg)


async def test_without_a_token_health_stays_up_and_everything_else_names_the_variable(tmp_path: Path) -> None:
    async with a_site(tmp_path, webhook_token=None) as site:
        assert (await site.get("/health", token=None)).status == 200
        for answer in (await site.get("/metrics"), await site.get("/goals"), await site.post("/goals", {})):
            assert (answer.status, "WEBHOOK_TOKEN" in answer.document["error"]) == (503, True)


async def test_a_server_that_others_could_reach_does_not_listen_without_a_token(tmp_path: Path) -> None:
    settings = load_settings(webhook_host="0.0.0.0", webhook_port=0, workspace_dir=tmp_path / "workspace")  # noqa: S104
    async with open_office(settings) as office:
        with pytest.raises(ConfigurationError, match="WEBHOOK_TOKEN"):
            await WebServer(office).listen()
