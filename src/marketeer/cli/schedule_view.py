"""Schedules and their slots as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from marketeer.cli import text
from marketeer.domain.firing import Circumstances, Firing, Outcome, hindrance_now
from marketeer.domain.schedule import Schedule
from marketeer.domain.usage import dollars

if TYPE_CHECKING:  # what reading must not pay for
    from marketeer.runtime.schedule_outlook import Outlook

NONE = "-"


def local(slot: datetime | None, zone: str) -> str:
    """As the clock on the wall of that zone has it, seconds only where there are some."""
    if slot is None:
        return NONE
    at = slot.astimezone(ZoneInfo(zone))
    return f"{at:%a %Y-%m-%d %H:%M:%S}" if at.second else f"{at:%a %Y-%m-%d %H:%M}"


def list_rows(
    schedules: Sequence[Schedule], last: Mapping[str, Firing], at: Circumstances, *, has_scheduler: bool
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("SCHEDULE", "CRON", "PIPELINE", "PRI", "NEXT", "LAST")]
    for schedule in schedules:
        firing = last.get(schedule.schedule_id)
        rows.append(
            (
                schedule.schedule_id,
                schedule.cron,
                schedule.pipeline,
                schedule.priority.value,
                next_words(schedule, at, has_scheduler=has_scheduler),
                last_words(firing, schedule.zone),
            )
        )
    return rows


def next_words(schedule: Schedule, at: Circumstances, *, has_scheduler: bool) -> str:
    """When, or why not."""
    if not schedule.enabled:
        return "disabled"
    slot, held = local(schedule.next_slot(at.now), schedule.zone), hindrance_now(schedule, at)
    if held is not None:
        slot += f", held: {held[0].value}"
    return slot if has_scheduler else f"{slot} *"


def last_words(firing: Firing | None, zone: str) -> str:
    """The answer first, as the end may not fit."""
    if firing is None:
        return NONE
    what, details = _answer(firing)
    return f"{what}, {local(firing.slot, zone)}{details}"


def answer_words(firing: Firing) -> str:
    """What became of the slot, and why."""
    return "".join(_answer(firing))


def _answer(firing: Firing) -> tuple[str, str]:
    why = f" ({firing.why})" if firing.why else ""
    if firing.outcome is Outcome.FIRED:
        return "fired", f" {firing.goal_id}{why}"
    reason = f": {firing.reason.value}" if firing.reason is not None else ""
    return f"{firing.outcome.value}{reason}", why


def history_rows(firings: Sequence[Firing], zones: Mapping[str, str], zone: str) -> Iterator[tuple[str, str, str]]:
    """`zone` is for schedules that are there no more."""
    yield ("SLOT", "SCHEDULE", "WHAT BECAME OF IT")
    for firing in firings:
        where = zones.get(firing.schedule_id, zone)
        yield (local(firing.slot, where), firing.schedule_id, answer_words(firing))


def outlook_lines(outlook: Outlook) -> list[str]:
    """When each schedule begins next, and what a month of them is expected to cost."""
    if not outlook.rows:
        return ["No schedule is enabled."]
    rows = [
        (
            row.schedule.schedule_id,
            f"{local(row.next_slot, row.schedule.zone)} {row.schedule.zone}",
            f"{row.a_month:,.1f} a month",
            f"~{dollars(round(row.goal_usd, 2))} each",
            row.schedule.pipeline,
        )
        for row in outlook.rows
    ]
    return [*text.table(rows), cost_line(outlook)]


def cost_line(outlook: Outlook) -> str:
    share = f" ({outlook.month_usd / outlook.cap_usd:.0%})" if outlook.cap_usd else ""
    line = f"Expected cost of the schedules: {dollars(outlook.month_usd)} a month of {dollars(outlook.cap_usd)}{share}."
    if outlook.month_usd > outlook.cap_usd:
        line += " Some of them will be held when the budget runs out."
    return line


# -- for programs ------------------------------------------------------------------------------------------------


def schedule_document(
    schedule: Schedule, last: Firing | None, at: Circumstances, *, source: str, has_scheduler: bool
) -> dict[str, Any]:
    """Without a scheduler there is a next slot all the same, and nobody for it."""
    next_slot = schedule.next_slot(at.now) if schedule.enabled else None
    held = hindrance_now(schedule, at)
    why_not = f"{held[0].value}: {held[1]}" if held is not None else None if has_scheduler else "no daemon runs"
    return {
        "id": schedule.schedule_id,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "pipeline": schedule.pipeline,
        "priority": schedule.priority.value,
        "overlap": schedule.overlap.value,
        "missed": str(schedule.missed),
        "enabled": schedule.enabled,
        "source": source,
        "next": next_slot.isoformat() if next_slot else None,
        "why_not": why_not,
        "last": firing_document(last) if last is not None else None,
    }


def firing_document(firing: Firing) -> dict[str, Any]:
    return {
        "schedule": firing.schedule_id,
        "slot": firing.slot.isoformat(),
        "outcome": firing.outcome.value,
        "reason": firing.reason.value if firing.reason else None,
        "why": firing.why,
        "goal_id": firing.goal_id,
        "decided_at": firing.decided_at.isoformat(),
    }


def outlook_document(outlook: Outlook) -> dict[str, Any]:
    return {
        "expected_usd": float(outlook.month_usd),
        "budget_usd": float(outlook.cap_usd),
        "schedules": [
            {
                "schedule": row.schedule.schedule_id,
                "a_month": round(row.a_month, 2),
                "goal_usd": float(round(row.goal_usd, 4)),
                "expected_usd": float(round(row.month_usd, 2)),
            }
            for row in outlook.rows
        ],
    }
