"""Each slot of a schedule is answered once, over years and over kills: samples of `make prove`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marketeer.domain.firing import Firing, Outcome
from marketeer.domain.goal import Priority
from marketeer.domain.schedule import Schedule
from proofs import seconds, slots
from tests.e2e.harness import SEED

SPRING = timedelta(days=80)  # from February on: the clocks of all three zones change in it


async def test_slots_of_a_spring_in_three_zones_are_those_of_cronsim() -> None:
    lived = await slots.live(SEED, SPRING)
    assert lived.changes == len(slots.ZONES)
    assert lived.slots > 800


def test_every_second_has_one_answer_though_the_daemon_is_killed(tmp_path: Path) -> None:
    lived = seconds.live(SEED, tmp_path, 4, life_s=(1, 6))
    assert lived.kills


@pytest.mark.parametrize(
    "spoil", [lambda found: found[1:], lambda found: [*found, found[-1]], lambda found: found[::-1]]
)
def test_a_slot_that_is_missing_doubled_or_out_of_order_does_not_pass(spoil: object) -> None:
    """Else the proof of ten years would prove less than it says."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    schedule = Schedule(
        schedule_id="daily", cron="30 2 * * *", zone="Europe/Berlin", pipeline="x", priority=Priority.P1
    )
    end = start + timedelta(days=60)
    found = [
        Firing(schedule_id="daily", slot=slot, outcome=Outcome.FIRED, decided_at=slot, goal_id="g")
        for slot in schedule.slots(start, end)
    ]
    slots.check(schedule, found, start, end)
    with pytest.raises(AssertionError):
        slots.check(schedule, spoil(found), start, end)  # type: ignore[operator]
    late = replace(found[0], decided_at=found[0].slot + timedelta(minutes=5))
    with pytest.raises(AssertionError):
        slots.check(schedule, [late, *found[1:]], start, end)
