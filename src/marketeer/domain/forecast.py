"""Forecasts: what a plan will cost and how long it will take, and how right they have been.

A skill's own history is the best guide; without any, the sizes of its prompt and of what its contract allows are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marketeer.domain.ledger import TaskCost
from marketeer.domain.task import Task
from marketeer.domain.usage import MICRO, ModelSpec, Tier, Usage

TOKENS_A_WORD = 1.5
THINKING_TOKENS = 1_500
EXPECTED_REVISIONS = 0.3
HIGH_EXECUTIONS = 2
# Fewer say little of a skill's usual cost, and older ones little of today's.
LEAST_HISTORY = 3
LONGEST_HISTORY = 20
# How fast answers come, about, and how long until they begin.
TOKENS_A_SECOND = {Tier.OPUS: 50.0, Tier.SONNET: 75.0, Tier.HAIKU: 150.0}
BEGIN_S = 2.0
# Of a comparison of two variants.
JUDGE_TOKENS = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """Tokens in, and words the contract allows out."""

    input_tokens: int
    min_words: int
    max_words: int
    max_output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRange:
    """US dollars."""

    low_usd: Decimal = Decimal(0)
    expected_usd: Decimal = Decimal(0)
    high_usd: Decimal = Decimal(0)

    def __add__(self, other: CostRange) -> CostRange:
        return CostRange(
            low_usd=self.low_usd + other.low_usd,
            expected_usd=self.expected_usd + other.expected_usd,
            high_usd=self.high_usd + other.high_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Seconds."""

    low_s: float = 0.0
    expected_s: float = 0.0
    high_s: float = 0.0

    def __add__(self, other: TimeRange) -> TimeRange:
        return TimeRange(
            low_s=self.low_s + other.low_s,
            expected_s=self.expected_s + other.expected_s,
            high_s=self.high_s + other.high_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskForecast:
    """`known` is how many earlier tasks of the skill it rests on; 0: on sizes."""

    cost: CostRange
    time: TimeRange
    known: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseForecast:
    name: str
    cost: CostRange
    time: TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForecast:
    """Of each task by id, of each phase in order, and of all together."""

    by_task: Mapping[str, TaskForecast]
    phases: tuple[PhaseForecast, ...]
    cost: CostRange
    time: TimeRange


def task_forecast(size: TaskSize, model: ModelSpec, tier: Tier, history: Sequence[TaskCost]) -> TaskForecast:
    if len(history) >= LEAST_HISTORY:
        return _from_history(history[:LONGEST_HISTORY])
    return TaskForecast(cost=task_cost(size, model), time=_task_time(size, tier))


def _from_history(history: Sequence[TaskCost]) -> TaskForecast:
    costs, times = [task.cost_usd for task in history], [task.latency_s for task in history]
    return TaskForecast(
        cost=CostRange(
            low_usd=min(costs),
            expected_usd=(sum(costs, Decimal(0)) / len(costs)).quantize(MICRO),
            high_usd=max(costs),
        ),
        time=TimeRange(low_s=min(times), expected_s=sum(times) / len(times), high_s=max(times)),
        known=len(history),
    )


def task_cost(size: TaskSize, model: ModelSpec) -> CostRange:
    """Low: the shortest output, once. Expected: a middling one and a third of a revision. High: the whole output limit,
    twice."""
    return CostRange(
        low_usd=_cost(model, size.input_tokens, size.min_words * TOKENS_A_WORD),
        expected_usd=_cost(model, size.input_tokens, _middle_tokens(size)) * Decimal(str(1 + EXPECTED_REVISIONS)),
        high_usd=_cost(model, size.input_tokens, size.max_output_tokens) * HIGH_EXECUTIONS,
    )


def _task_time(size: TaskSize, tier: Tier) -> TimeRange:
    speed = TOKENS_A_SECOND[tier]
    return TimeRange(
        low_s=BEGIN_S + size.min_words * TOKENS_A_WORD / speed,
        expected_s=(BEGIN_S + _middle_tokens(size) / speed) * (1 + EXPECTED_REVISIONS),
        high_s=(BEGIN_S + size.max_output_tokens / speed) * HIGH_EXECUTIONS,
    )


def of_several(one: TaskForecast, size: TaskSize, judge: ModelSpec, tier: Tier, *, count: int) -> TaskForecast:
    """An output chosen from so many variants, made side by side: each pair that is compared is read twice."""
    read = 2 * round(_middle_tokens(size))
    comparing = CostRange(
        low_usd=_cost(judge, read, JUDGE_TOKENS / 2),
        expected_usd=_cost(judge, read, JUDGE_TOKENS / 2),
        high_usd=_cost(judge, 2 * size.max_output_tokens, JUDGE_TOKENS),
    )
    cost = one.cost
    for _ in range(count - 1):
        cost = cost + one.cost + comparing + comparing
    wait_s = (count - 1) * (BEGIN_S + JUDGE_TOKENS / TOKENS_A_SECOND[tier])
    time = one.time + TimeRange(low_s=wait_s / 2, expected_s=wait_s, high_s=wait_s)
    return TaskForecast(cost=cost, time=time, known=one.known)


def _middle_tokens(size: TaskSize) -> float:
    middle = (size.min_words + size.max_words) / 2 * TOKENS_A_WORD + THINKING_TOKENS
    return min(middle, size.max_output_tokens)


def _cost(model: ModelSpec, input_tokens: int, output_tokens: float) -> Decimal:
    usage = Usage(cache_write_5m_tokens=input_tokens, output_tokens=round(output_tokens))
    return model.cost_usd(usage).quantize(MICRO)


def plan_forecast(
    tasks: Sequence[Task], phases: Sequence[str], by_task: Mapping[str, TaskForecast], *, parallel: int
) -> PlanForecast:
    """Phases follow each other; within one so many tasks run at a time."""
    found = []
    for index, name in enumerate(phases):
        own = [by_task[task.task_id] for task in tasks if task.phase == index]
        cost = sum((forecast.cost for forecast in own), CostRange())
        found.append(PhaseForecast(name=name, cost=cost, time=_side_by_side([one.time for one in own], parallel)))
    return PlanForecast(
        by_task=by_task,
        phases=tuple(found),
        cost=sum((phase.cost for phase in found), CostRange()),
        time=sum((phase.time for phase in found), TimeRange()),
    )


def _side_by_side(times: Sequence[TimeRange], parallel: int) -> TimeRange:
    """No shorter than the longest, nor than all shared out evenly."""

    def span(seconds: Sequence[float]) -> float:
        return max(max(seconds), sum(seconds) / parallel) if seconds else 0.0

    return TimeRange(
        low_s=span([time.low_s for time in times]),
        expected_s=span([time.expected_s for time in times]),
        high_s=span([time.high_s for time in times]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How forecasts have held, over so many finished goals: what they were off by in all, and to which side, both as
    shares of what was really spent. A `bias` above 0 means that more was expected."""

    goals: int
    error: Decimal
    bias: Decimal

    def in_words(self) -> str:
        goals = "the last goal" if self.goals == 1 else f"the last {self.goals} goals"
        side = "too high" if self.bias > 0 else "too low"
        return f"off by {self.error:.0%} over {goals}, {abs(self.bias):.0%} {side} in sum"


def record_of(pairs: Sequence[tuple[Decimal, Decimal]]) -> Record | None:
    """From (expected, real) costs; None while nothing was spent."""
    real = sum((spent for _, spent in pairs), Decimal(0))
    if not real:
        return None
    off = sum((abs(expected - spent) for expected, spent in pairs), Decimal(0))
    bias = sum((expected - spent for expected, spent in pairs), Decimal(0))
    return Record(goals=len(pairs), error=off / real, bias=bias / real)


def grade(*, low_usd: Decimal, expected_usd: Decimal, high_usd: Decimal, real_usd: Decimal) -> str:
    """How a goal's forecast has held, in words."""
    where = "within the range" if low_usd <= real_usd <= high_usd else "outside of the range"
    if not expected_usd:
        return where
    share = (real_usd - expected_usd) / expected_usd
    return f"{where}, {abs(share):.0%} {'more' if share > 0 else 'less'} than expected"
