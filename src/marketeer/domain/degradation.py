"""Degradation: how much of the work goes on when something is out of order, and that this follows from facts alone.

`degradation` decides the level and `may_claim`, with `agents_at` and `schedules_run_at`, what is done at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.goal import Priority

GIGABYTE = 10**9
MEGABYTE = 10**6
DISK_LOW_SHARE = 0.10
# Below this a flush may fail at any moment, and with it the recording of what was paid for.
DISK_FULL_BYTES = 64 * 1024 * 1024
DISK_FULL_SHARE = 0.01  # what is full on a disk so small that it never has that much


class Level(StrEnum):
    FULL = "full"
    LIMITED = "limited"
    MINIMAL = "minimal"
    OFFLINE = "offline"

    @property
    def rank(self) -> int:
        """Rises with what is given up."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Room on the disk that the workspace lies on, in bytes."""

    free: int
    total: int

    @property
    def in_words(self) -> str:
        """`3.2 of 250.0 GB free`, in megabytes where that tells more."""
        size, unit = (GIGABYTE, "GB") if self.free >= GIGABYTE else (MEGABYTE, "MB")
        return f"{self.free / size:,.1f} of {self.total / size:,.1f} {unit} free"

    @property
    def is_full(self) -> bool:
        return self.free < min(DISK_FULL_BYTES, self.total * DISK_FULL_SHARE)

    @property
    def is_low(self) -> bool:
        return self.free < self.total * DISK_LOW_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the parts that work hangs on. `disk` None: not known, and then nothing is held against it.

    `api_weak`: it answers under half of the calls. `blocked_pipelines` are those with an open circuit.
    """

    store_down: bool = False
    queue_down: bool = False
    api_down: bool = False
    api_weak: bool = False
    disk: Disk | None = None
    budget: BudgetLevel = BudgetLevel.NORMAL
    blocked_pipelines: tuple[str, ...] = ()

    def for_rehearsals(self) -> Facts:
        """They call nobody and spend nothing."""
        return replace(self, api_down=False, api_weak=False, budget=BudgetLevel.NORMAL)

    def but_for_money(self) -> Facts:
        """Without the month's budget: the ledger holds work for its sake, call by call, and says so to each task."""
        return replace(self, budget=BudgetLevel.NORMAL)


def degradation(facts: Facts) -> Level:
    """The level that these facts leave."""
    disk_full, disk_low = (facts.disk.is_full, facts.disk.is_low) if facts.disk else (False, False)
    if facts.store_down or facts.api_down or disk_full or facts.budget is BudgetLevel.EXHAUSTED:
        return Level.OFFLINE
    if facts.api_weak or facts.budget in (BudgetLevel.THROTTLE, BudgetLevel.CRITICAL):
        return Level.MINIMAL
    if facts.queue_down or disk_low or facts.blocked_pipelines or facts.budget is BudgetLevel.WARNING:
        return Level.LIMITED
    return Level.FULL


_CLAIMED = {
    Level.FULL: frozenset(Priority),
    Level.LIMITED: frozenset({Priority.P0, Priority.P1, Priority.P2}),
    Level.MINIMAL: frozenset({Priority.P0, Priority.P1}),
    Level.OFFLINE: frozenset[Priority](),
}


def may_claim(level: Level, priority: Priority) -> bool:
    """Whether a step of this priority is taken up; what is not stays where it is, and goes on by itself later."""
    return priority in _CLAIMED[level]


def agents_at(level: Level, maximum: int) -> int:
    """How many agents work at once. At the minimal level what is left is urgent, and it is not slowed down."""
    return 1 if level is Level.LIMITED else maximum


def schedules_run_at(level: Level) -> bool:
    """Whether schedules begin new goals."""
    return level.rank < Level.MINIMAL.rank


def what_it_does(level: Level) -> str:
    """In words, for people."""
    return {
        Level.FULL: "everything runs",
        Level.LIMITED: "one agent works at a time, and P3 goals wait",
        Level.MINIMAL: "only P0 and P1 goals go on, and schedules are held",
        Level.OFFLINE: "nothing is taken up; everything is kept",
    }[level]
