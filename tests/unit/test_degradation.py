"""Which level follows from which facts, and what is done at each."""

from __future__ import annotations

import pytest

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.degradation import Disk, Facts, Level, agents_at, degradation, may_claim, schedules_run_at
from marketeer.domain.goal import Priority

GB = 10**9


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        (Facts(), Level.FULL),
        (Facts(disk=Disk(free=10 * GB, total=100 * GB)), Level.FULL),
        (Facts(disk=Disk(free=10 * GB - 1, total=100 * GB)), Level.LIMITED),
        (Facts(queue_down=True), Level.LIMITED),
        (Facts(blocked_pipelines=("SEO Cycle",)), Level.LIMITED),
        (Facts(budget=BudgetLevel.WARNING), Level.LIMITED),
        (Facts(budget=BudgetLevel.THROTTLE), Level.MINIMAL),
        (Facts(budget=BudgetLevel.CRITICAL), Level.MINIMAL),
        (Facts(api_weak=True), Level.MINIMAL),
        (Facts(store_down=True), Level.OFFLINE),
        (Facts(api_down=True), Level.OFFLINE),
        (Facts(disk=Disk(free=1_000_000, total=100 * GB)), Level.OFFLINE),
        (Facts(budget=BudgetLevel.EXHAUSTED), Level.OFFLINE),
        (Facts(budget=BudgetLevel.WARNING, api_weak=True, api_down=True), Level.OFFLINE),
    ],
)
def test_the_level_is_the_worst_that_any_fact_asks_for(facts: Facts, level: Level) -> None:
    assert degradation(facts) is level


def test_each_level_takes_up_what_the_table_says() -> None:
    taken = {level: [p.value for p in Priority if may_claim(level, p)] for level in Level}
    assert taken == {
        Level.FULL: ["P0", "P1", "P2", "P3"],
        Level.LIMITED: ["P0", "P1", "P2"],
        Level.MINIMAL: ["P0", "P1"],
        Level.OFFLINE: [],
    }
    assert [agents_at(level, 8) for level in (Level.FULL, Level.LIMITED)] == [8, 1]
    assert [level for level in Level if schedules_run_at(level)] == [Level.FULL, Level.LIMITED]


def test_rehearsals_know_neither_api_nor_money_but_a_full_disk() -> None:
    facts = Facts(api_down=True, api_weak=True, budget=BudgetLevel.EXHAUSTED)
    assert degradation(facts.for_rehearsals()) is Level.FULL
    assert degradation(Facts(disk=Disk(free=0, total=GB)).for_rehearsals()) is Level.OFFLINE
