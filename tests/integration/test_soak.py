"""The daemon through a short day with an outage, a locked store and a full disk: a sample of `make prove`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proofs.soak import a_day, idle_share


async def test_through_every_fault_health_tells_the_truth_and_all_that_is_owed_gets_done(tmp_path: Path) -> None:
    day = await a_day(tmp_path, hours=1, goals_an_hour=4)
    assert day.goals == 5, "four that somebody asked for, and one that met the outage"
    assert list(day.health.values()) == ["full", "offline", "full", "full", "offline", "full"]


@pytest.mark.skipif(sys.platform != "linux", reason="the time of another process is read from /proc")
def test_a_daemon_with_nothing_to_do_takes_little_and_asks_no_model(tmp_path: Path) -> None:
    share, calls = idle_share(tmp_path, seconds=2.0)
    assert calls == 0
    assert share < 0.05, "the proof holds it to less, over a minute on an idle machine"
