"""Metrics as a document for programs and as pages for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from marketeer.domain import metrics as m
from marketeer.domain.goal import GoalStatus
from marketeer.domain.metrics import Family, Histogram, Metrics, SkillRecord, skill_records
from marketeer.domain.task import TaskStatus
from marketeer.domain.usage import dollars
from marketeer.domain.work import WorkKind


def metrics_document(metrics: Metrics) -> dict[str, Any]:
    """Times are seconds, money US dollars; null where there is nothing to tell."""
    queue = metrics.queue
    return {
        "goals": {**_by(metrics, m.GOALS), "duration": span_document(metrics.span(m.GOAL_TIME))},
        "tasks": {**_by(metrics, m.TASKS, label=1), "duration": span_document(metrics.span(m.TASK_TIME))},
        "calls": {
            "count": round(metrics.total(m.CALLS)),
            "estimated": round(metrics.total(m.CALLS, estimated="yes")),
            "by_kind": _by(metrics, m.CALLS),
            "duration": span_document(metrics.span(m.CALL_TIME)),
        },
        "tokens": _by(metrics, m.TOKENS, label=1),
        "cost_usd": round(metrics.total(m.COST), 6),
        "reviews": _by(metrics, m.REVIEWS),
        "revisions": round(metrics.total(m.REVISIONS)),
        "retries": round(metrics.total(m.RETRIES)),
        "queue": {
            "due": queue.due,
            "later": queue.later,
            "in_hand": queue.in_hand,
            "oldest_due": queue.oldest_due.isoformat() if queue.oldest_due else None,
        },
        "wait": _spans_by_kind(metrics, m.WAIT),
        "processing": _spans_by_kind(metrics, m.WORK),
        "skills": [_skill_document(record) for record in skill_records(metrics)],
    }


def _by(metrics: Metrics, family: Family, *, label: int = 0) -> dict[str, int]:
    sums: dict[str, int] = {}
    for labels, value in sorted(metrics.of(family).items()):
        sums[labels[label]] = sums.get(labels[label], 0) + round(value)
    return sums


def _spans_by_kind(metrics: Metrics, family: Family) -> dict[str, Any]:
    return {labels[0]: span_document(histogram) for labels, histogram in sorted(metrics.spans(family).items())}


def span_document(histogram: Histogram) -> dict[str, Any]:
    return {
        "count": histogram.count,
        "mean_s": _rounded(histogram.mean_s),
        "median_s": _rounded(histogram.quantile_s(0.5)),
        "p95_s": _rounded(histogram.quantile_s(0.95)),
    }


def _skill_document(record: SkillRecord) -> dict[str, Any]:
    return {
        "skill": record.skill,
        "approved": record.approved,
        "failed": record.failed,
        "approval_rate": _rounded(record.approval_rate),
        "first_time_rate": _rounded(record.first_time_rate),
        "revisions": record.revisions,
        "calls": record.calls,
        "cost_usd": round(record.cost_usd, 6),
        "cost_per_approved_usd": _rounded(record.cost_per_approved_usd, 6),
    }


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return round(value, digits) if value is not None else None


# -- for people ------------------------------------------------------------------------------------------------


def facts(metrics: Metrics) -> Iterator[tuple[str, str]]:
    """(what, how much), in the order of interest."""
    final = {status.value for status in GoalStatus if status.is_final}
    goals = _by(metrics, m.GOALS)
    ended = ", ".join(f"{count} {status}" for status, count in goals.items() if status in final)
    under_way = sum(count for status, count in goals.items() if status not in final)
    yield "Goals", f"{ended or 'none ended'}" + (f"; {under_way} under way" if under_way else "")
    tasks = _by(metrics, m.TASKS, label=1)
    told = [f"{tasks[status.value]} {status.value}" for status in TaskStatus if status.is_final and status in tasks]
    rest = sum(count for status, count in tasks.items() if not TaskStatus(status).is_final)
    yield "Tasks", ", ".join([*told, *([f"{rest} under way"] if rest else [])]) or "none"
    reviews = _by(metrics, m.REVIEWS)
    yield "Reviews", ", ".join(f"{count} {verdict}" for verdict, count in reviews.items()) or "none"
    yield "Sent back", f"{metrics.total(m.REVISIONS):.0f} outputs; {metrics.total(m.RETRIES):.0f} steps tried again"
    estimated = round(metrics.total(m.CALLS, estimated="yes"))
    yield (
        "Calls",
        f"{metrics.total(m.CALLS):,.0f}" + (f", {estimated} of them booked as estimates" if estimated else ""),
    )
    tokens = _by(metrics, m.TOKENS, label=1)
    came_in = sum(count for kind, count in tokens.items() if kind != "output")
    yield "Tokens", f"{came_in:,} in ({tokens.get('cache_read', 0):,} from the cache), {tokens.get('output', 0):,} out"
    yield "Cost", dollars(round(metrics.total(m.COST), 4))
    for name, family in (("Goal", m.GOAL_TIME), ("Task", m.TASK_TIME), ("Call", m.CALL_TIME)):
        if metrics.span(family).count:
            yield f"Time of a {name.lower()}", span_words(metrics.span(family))
    for name, family in (("Wait for an agent", m.WAIT), ("Work on a task", m.WORK)):
        execute = metrics.spans(family).get((WorkKind.EXECUTE.value,))
        if execute is not None:
            yield name, span_words(execute)
    queue = metrics.queue
    yield "Queue now", f"{queue.due} due, {queue.in_hand} in hand, {queue.later} later"


def span_words(histogram: Histogram) -> str:
    median, p95 = histogram.quantile_s(0.5), histogram.quantile_s(0.95)
    return f"about {seconds_words(median)} in the middle, {seconds_words(p95)} for the slowest in twenty"


def seconds_words(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


SKILL_COLUMNS = ("SKILL", "APPROVED", "FAILED", "APPROVAL", "FIRST TIME", "SENT BACK", "COST", "PER OUTPUT")


def skill_rows(metrics: Metrics) -> Sequence[tuple[str, ...]]:
    """One for each skill that has worked, as SKILL_COLUMNS."""
    return [
        (
            record.skill,
            str(record.approved),
            str(record.failed),
            _percent(record.approval_rate),
            _percent(record.first_time_rate),
            str(record.revisions),
            dollars(round(record.cost_usd, 4)),
            dollars(round(record.cost_per_approved_usd, 4)) if record.cost_per_approved_usd is not None else "-",
        )
        for record in skill_records(metrics)
    ]


def _percent(share: float | None) -> str:
    return f"{share:.0%}" if share is not None else "-"
