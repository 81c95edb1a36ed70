"""Health: each part that work hangs on, how it does and why, for people and for whatever watches us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from marketeer.domain.budget import BudgetLevel
from marketeer.domain.condition import Condition, ConditionName
from marketeer.domain.degradation import Disk, Facts, Level, degradation
from marketeer.domain.flow import Flow
from marketeer.domain.usage import dollars

# A step that nobody has taken up for so long, though somebody works here and nothing holds it.
OVERDUE_S = 600.0


class Component(StrEnum):
    STORE = "store"
    QUEUE = "queue"
    MODEL_API = "model API"
    DISK = "disk"
    BUDGET = "budget"
    PIPELINES = "pipelines"
    SCHEDULER = "scheduler"
    DAEMON = "daemon"


class State(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one component answered. `counts`: in the level, where it is not healthy."""

    component: Component
    state: State
    reason: str
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Steps of real goals: due now, due later, and in hand. `oldest_due` is when the first of the due became so."""

    due: int = 0
    later: int = 0
    in_hand: int = 0
    oldest_due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """The month's money in US dollars."""

    level: BudgetLevel
    settled_usd: Decimal
    cap_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The whole picture. `paused` is the kill switch: no fault, so it changes no level. `flow` None: not known."""

    checks: tuple[Check, ...]
    level: Level
    paused: Condition | None = None
    flow: Flow | None = None

    @property
    def behind_level(self) -> Sequence[Check]:
        """What the level follows from, where it is not full."""
        return [check for check in self.checks if check.counts and check.state is not State.HEALTHY]


def health(facts: Facts, checks: Sequence[Check], paused: Condition | None) -> Health:
    return Health(checks=tuple(checks), level=degradation(facts), paused=paused)


def check_store(trouble: str | None) -> Check:
    if trouble is None:
        return Check(component=Component.STORE, state=State.HEALTHY, reason="opens and answers")
    return Check(component=Component.STORE, state=State.OFFLINE, reason=trouble)


def check_queue(
    depth: QueueDepth, *, worked_on: bool, held: bool, now: datetime, lost: Condition | None = None
) -> Check:
    """`lost`: whoever works here cannot reach what carries the queue. `held`: the level or the kill switch keeps steps
    waiting, so their wait is no fault of the queue."""
    said = f"{depth.due} due, {depth.in_hand} in hand, {depth.later} later"
    waited_s = (now - depth.oldest_due).total_seconds() if depth.oldest_due is not None else 0.0
    if lost is not None:
        reason = f"{said}; out of reach since {lost.since:%Y-%m-%d %H:%M:%S} UTC, what is in hand goes on: {lost.why}"
        return Check(component=Component.QUEUE, state=State.DEGRADED, reason=reason)
    if worked_on and not held and waited_s > OVERDUE_S:
        reason = f"{said}; one has waited {waited_s / 60:.0f} min though a process works here"
        return Check(component=Component.QUEUE, state=State.DEGRADED, reason=reason, counts=False)
    if depth.due and not worked_on:
        said = f"{said}; nobody works here, `marketeer resume` does"
    return Check(component=Component.QUEUE, state=State.HEALTHY, reason=said)


def check_api(conditions: Sequence[Condition], *, has_key: bool, worked_on: bool) -> Check:
    """As the processes that call it have found it. Nobody is asked for this answer."""
    known = {condition.name: condition for condition in conditions}
    down, weak = known.get(ConditionName.API_DOWN), known.get(ConditionName.API_WEAK)
    if down is not None:
        stale = "" if worked_on else "; nobody works here, the next process asks it again"
        reason = f"does not answer since {down.since:%Y-%m-%d %H:%M} UTC: {down.why}{stale}"
        return Check(component=Component.MODEL_API, state=State.OFFLINE, reason=reason)
    if weak is not None:
        return Check(component=Component.MODEL_API, state=State.DEGRADED, reason=weak.why or "answers rarely")
    if not has_key:
        reason = "no ANTHROPIC_API_KEY: only rehearsals can be worked on"
        return Check(component=Component.MODEL_API, state=State.DEGRADED, reason=reason, counts=False)
    return Check(component=Component.MODEL_API, state=State.HEALTHY, reason="no outage known")


def check_daemon(conditions: Sequence[Condition], *, daemon_pid: int | None) -> Check:
    """Whether one works day and night here, and whether all of its parts do."""
    if daemon_pid is None:
        reason = "none runs here, so no schedule and no event begins anything; `marketeer start --daemon` runs one"
        return Check(component=Component.DAEMON, state=State.HEALTHY, reason=reason)
    down = next((each for each in conditions if each.name is ConditionName.PART_DOWN), None)
    if down is None:
        return Check(component=Component.DAEMON, state=State.HEALTHY, reason=f"process {daemon_pid} is at work")
    reason = f"since {down.since:%Y-%m-%d %H:%M} UTC parts fail and are begun anew: {down.why}"
    return Check(component=Component.DAEMON, state=State.DEGRADED, reason=reason)


def check_scheduler(
    *, running: bool, active: int = 0, unanswered: Sequence[tuple[datetime, str]] = (), trouble: str | None = None
) -> Check:
    """`unanswered` are slots, with the ids of their schedules, that should have been answered: the oldest first."""
    if unanswered:
        (slot, schedule_id), count = unanswered[0], len(unanswered)
        slots = "1 slot has" if count == 1 else f"{count} slots have"
        first = f"{schedule_id} at {slot:%Y-%m-%d %H:%M} UTC"
        reason = f"{slots} no answer, the first of {first}; look into the daemon's log, or start it anew"
        return Check(component=Component.SCHEDULER, state=State.DEGRADED, reason=reason)
    if trouble is not None:
        return Check(component=Component.SCHEDULER, state=State.DEGRADED, reason=trouble)
    if not running:
        reason = "not running; slots that come meanwhile are answered by the next daemon"
        return Check(component=Component.SCHEDULER, state=State.HEALTHY, reason=reason)
    reason = f"every slot is answered; {active} schedule{'' if active == 1 else 's'} enabled"
    return Check(component=Component.SCHEDULER, state=State.HEALTHY, reason=reason)


def check_disk(disk: Disk | None) -> Check:
    if disk is None:
        return Check(component=Component.DISK, state=State.DEGRADED, reason="its room cannot be told")
    reason = disk.in_words
    if disk.is_full:
        return Check(component=Component.DISK, state=State.OFFLINE, reason=f"full: {reason}")
    if disk.is_low:
        return Check(component=Component.DISK, state=State.DEGRADED, reason=f"nearly full: {reason}")
    return Check(component=Component.DISK, state=State.HEALTHY, reason=reason)


def check_budget(budget: BudgetState) -> Check:
    spent = f"{dollars(budget.settled_usd)} of {dollars(budget.cap_usd)} spent this month"
    if budget.level is BudgetLevel.NORMAL:
        return Check(component=Component.BUDGET, state=State.HEALTHY, reason=spent)
    state = State.OFFLINE if budget.level is BudgetLevel.EXHAUSTED else State.DEGRADED
    return Check(component=Component.BUDGET, state=state, reason=f"{budget.level.value}: {spent}")


def check_pipelines(blocked: Sequence[str]) -> Check:
    if not blocked:
        return Check(component=Component.PIPELINES, state=State.HEALTHY, reason="none is blocked")
    named = ", ".join(repr(name) for name in blocked)
    reason = f"blocked after failures in a row: {named}; `marketeer approvals` shows how to go on"
    return Check(component=Component.PIPELINES, state=State.DEGRADED, reason=reason)
