"""An API that fails three times in ten, or is away for two hours, fails no goal: a sample of `make prove`."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketeer.testing.faults import FaultKind
from proofs.outage import outlast
from proofs.weather import LASTING, OFTEN, PASSING, one_goal
from tests.e2e.harness import SEED


@pytest.mark.parametrize("number", range(6))
async def test_a_goal_completes_though_three_calls_in_ten_fail_in_passing_ways(tmp_path: Path, number: int) -> None:
    await one_goal(f"{SEED}-passing-{number}", tmp_path, PASSING)


@pytest.mark.parametrize("number", range(3))
async def test_bad_requests_and_refusals_fail_their_task_by_name_and_nothing_else(tmp_path: Path, number: int) -> None:
    await one_goal(f"{SEED}-mixed-{number}", tmp_path, PASSING + OFTEN * LASTING, lasting=True)


def test_the_weather_has_every_fault_that_the_server_knows() -> None:
    assert {fault.kind for fault in PASSING + LASTING} == set(FaultKind)


@pytest.mark.parametrize("way", ["no connection", "429 alone"])
async def test_two_hours_without_the_api_fail_nothing_and_then_the_oldest_goes_first(tmp_path: Path, way: str) -> None:
    waited = await outlast(way, SEED, tmp_path, goals=8)
    assert waited.most_attempts < 8
