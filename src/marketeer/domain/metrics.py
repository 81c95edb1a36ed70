"""Metrics: what real goals have taken and brought, as sums that can be added up. Rehearsals are never counted.

A series is a name and the values of its labels; `FAMILIES` says which there are. All of them follow from the store's
rows, so every process tells the same, before and after a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

from marketeer.domain.health import QueueDepth
from marketeer.domain.task import TaskStatus

# Upper ends of a histogram's buckets in seconds; the last bucket has none.
BUCKETS_S = (0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0)

Series = tuple[str, tuple[str, ...]]


class FamilyKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric. `name` is without the ending that its kind adds where it is shown."""

    name: str
    help: str
    kind: FamilyKind
    labels: tuple[str, ...] = ()


GOALS = Family(name="goals", help="Goals by their status.", kind=FamilyKind.GAUGE, labels=("status",))
GOAL_TIME = Family(name="goal_duration_seconds", help="From a goal's creation to its end.", kind=FamilyKind.HISTOGRAM)
TASKS = Family(name="tasks", help="Tasks by skill and status.", kind=FamilyKind.GAUGE, labels=("skill", "status"))
TASK_TIME = Family(
    name="task_duration_seconds",
    help="From a task's planning to its end.",
    kind=FamilyKind.HISTOGRAM,
    labels=("skill",),
)
FIRST_TIME = Family(
    name="tasks_approved_unrevised", help="Tasks approved as first written.", kind=FamilyKind.COUNTER, labels=("skill",)
)
REVISIONS = Family(name="revisions", help="Outputs sent back by a review.", kind=FamilyKind.COUNTER, labels=("skill",))
RETRIES = Family(
    name="retries",
    help="Further tries of a step after one that failed; those of an outage are not counted.",
    kind=FamilyKind.COUNTER,
    labels=("kind",),
)
REVIEWS = Family(name="reviews", help="Reviews by verdict.", kind=FamilyKind.COUNTER, labels=("verdict",))
CALLS = Family(
    name="model_calls",
    help="Model calls; estimated: their real usage is not known.",
    kind=FamilyKind.COUNTER,
    labels=("kind", "skill", "model", "estimated"),
)
CALL_TIME = Family(
    name="model_call_duration_seconds",
    help="From sending a call to its last word.",
    kind=FamilyKind.HISTOGRAM,
    labels=("model",),
)
TOKENS = Family(name="tokens", help="Tokens by type.", kind=FamilyKind.COUNTER, labels=("model", "type"))
COST = Family(
    name="cost_usd", help="Booked cost in US dollars.", kind=FamilyKind.COUNTER, labels=("kind", "skill", "model")
)
WAIT = Family(
    name="step_wait_seconds",
    help="From the moment a step was due to the moment it was taken up.",
    kind=FamilyKind.HISTOGRAM,
    labels=("kind",),
)
WORK = Family(
    name="step_processing_seconds",
    help="From the moment a step was taken up to its end.",
    kind=FamilyKind.HISTOGRAM,
    labels=("kind",),
)
QUEUE = Family(name="queue_depth", help="Steps owed.", kind=FamilyKind.GAUGE, labels=("state",))
APPROVAL_RATE = Family(
    name="skill_approval_ratio",
    help="Approved tasks among those approved or failed.",
    kind=FamilyKind.GAUGE,
    labels=("skill",),
)
COST_PER_OUTPUT = Family(
    name="skill_cost_per_approved_usd",
    help="Cost of all of a skill's calls for each of its approved outputs.",
    kind=FamilyKind.GAUGE,
    labels=("skill",),
)
FAMILIES = (
    *(GOALS, GOAL_TIME, TASKS, TASK_TIME, FIRST_TIME, REVISIONS, RETRIES, REVIEWS, CALLS, CALL_TIME, TOKENS, COST),
    *(WAIT, WORK, QUEUE, APPROVAL_RATE, COST_PER_OUTPUT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """`counts` by bucket, one more than there are BUCKETS_S; `total_s` is the sum of all values."""

    counts: tuple[int, ...]
    total_s: float

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def mean_s(self) -> float | None:
        return self.total_s / self.count if self.count else None

    def quantile_s(self, share: float) -> float | None:
        """About: within the bucket it falls into values are taken to be spread evenly."""
        wanted = share * self.count
        before = 0.0
        for index, upto in enumerate(accumulate(self.counts)):
            if upto and upto >= wanted:
                low = BUCKETS_S[index - 1] if index else 0.0
                high = BUCKETS_S[index] if index < len(BUCKETS_S) else low
                return low + (high - low) * (wanted - before) / self.counts[index] if self.counts[index] else low
            before = upto
        return None

    def __add__(self, other: Histogram) -> Histogram:
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Histogram(counts=counts, total_s=self.total_s + other.total_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Numbers and histograms by series. `queue` is as of now, the rest counts up from the beginning."""

    numbers: Mapping[Series, float] = field(default_factory=dict)
    histograms: Mapping[Series, Histogram] = field(default_factory=dict)
    queue: QueueDepth = field(default_factory=QueueDepth)

    def __add__(self, other: Metrics) -> Metrics:
        """Of both; the queue is this one's."""
        numbers = Counter(self.numbers)
        numbers.update(other.numbers)
        histograms = dict(self.histograms)
        for series, histogram in other.histograms.items():
            histograms[series] = histograms[series] + histogram if series in histograms else histogram
        return Metrics(numbers=dict(numbers), histograms=histograms, queue=self.queue)

    def of(self, family: Family) -> Mapping[tuple[str, ...], float]:
        """A family's numbers by their labels' values."""
        return {labels: value for (name, labels), value in self.numbers.items() if name == family.name}

    def spans(self, family: Family) -> Mapping[tuple[str, ...], Histogram]:
        return {labels: value for (name, labels), value in self.histograms.items() if name == family.name}

    def total(self, family: Family, **labels: str) -> float:
        """The sum over all series of the family that have these labels."""
        return sum(
            value
            for values, value in self.of(family).items()
            if all(values[family.labels.index(label)] == wanted for label, wanted in labels.items())
        )

    def span(self, family: Family) -> Histogram:
        """All of a family's series together."""
        together = Histogram(counts=(0,) * (len(BUCKETS_S) + 1), total_s=0.0)
        for histogram in self.spans(family).values():
            together += histogram
        return together


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillRecord:
    """What one skill's work came to. Rates and cost per output are None where there is nothing to divide by."""

    skill: str
    approved: int
    failed: int
    unrevised: int
    revisions: int
    calls: int
    cost_usd: float

    @property
    def approval_rate(self) -> float | None:
        judged = self.approved + self.failed
        return self.approved / judged if judged else None

    @property
    def first_time_rate(self) -> float | None:
        return self.unrevised / self.approved if self.approved else None

    @property
    def cost_per_approved_usd(self) -> float | None:
        return self.cost_usd / self.approved if self.approved else None


def skill_records(metrics: Metrics) -> Sequence[SkillRecord]:
    """Of every skill that has worked, by name."""
    names = {labels[0] for labels in metrics.of(TASKS)} | {labels[1] for labels in metrics.of(COST)}
    return [_record(metrics, name) for name in sorted(names - {""})]


def _record(metrics: Metrics, skill: str) -> SkillRecord:
    return SkillRecord(
        skill=skill,
        approved=round(metrics.total(TASKS, skill=skill, status=TaskStatus.APPROVED.value)),
        failed=round(metrics.total(TASKS, skill=skill, status=TaskStatus.FAILED.value)),
        unrevised=round(metrics.total(FIRST_TIME, skill=skill)),
        revisions=round(metrics.total(REVISIONS, skill=skill)),
        calls=round(metrics.total(CALLS, skill=skill)),
        cost_usd=metrics.total(COST, skill=skill),
    )


def derived(metrics: Metrics) -> Iterator[tuple[Family, tuple[str, ...], float]]:
    """The gauges that follow from the sums."""
    queue = metrics.queue
    for state, depth in (("due", queue.due), ("later", queue.later), ("in_hand", queue.in_hand)):
        yield QUEUE, (state,), float(depth)
    for record in skill_records(metrics):
        if record.approval_rate is not None:
            yield APPROVAL_RATE, (record.skill,), record.approval_rate
        if record.cost_per_approved_usd is not None:
            yield COST_PER_OUTPUT, (record.skill,), record.cost_per_approved_usd
