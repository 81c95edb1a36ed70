"""`marketeer workers`: which processes work here, what each holds, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from marketeer.adapters.system_clock import SystemClock
from marketeer.cli import output, text
from marketeer.cli.common import JsonOption, WorkspaceOption, called, run
from marketeer.domain.roll import WorkerEntry
from marketeer.domain.work import WorkItem
from marketeer.runtime import Reader, open_reader
from marketeer.settings import Settings

HEADER = ("PROCESS", "AT ONCE", "SINCE", "LAST SEEN", "HOLDS")
MOST_NAMED = 3


def workers(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Show which processes work here, what they hold, and since when."""
    call = called(workspace, as_json=as_json)
    found = run(_workers(call.settings))
    if as_json:
        output.document({"workers": found})
        return 0
    for line in _lines(found, SystemClock().now()):
        output.say(line)
    return 0


async def _workers(settings: Settings) -> list[dict[str, Any]]:
    async with open_reader(settings) as reader:
        items = await reader.store.claimed_items(lease_before=None)
        now = reader.clock.now()
        listed = [_listed(entry, items, now) for entry in await reader.store.workers()]
        return [*listed, *_alone(reader, items)]


def _listed(entry: WorkerEntry, items: Sequence[WorkItem], now: datetime) -> dict[str, Any]:
    return {
        "owner": entry.owner,
        "host": entry.host,
        "pid": entry.pid,
        "parallel": entry.parallel,
        "alive": not entry.is_silent(now),
        "started_at": entry.started_at.isoformat(),
        "seen_at": entry.seen_at.isoformat(),
        "holds": [_held(item) for item in items if item.owner == entry.owner],
    }


def _alone(reader: Reader, items: Sequence[WorkItem]) -> list[dict[str, Any]]:
    """The process that works on the embedded queue stands on no roll: its lock says that it lives."""
    holder = reader.workspace.worker()
    if holder is None or holder.get("shared"):
        return []
    pid = holder.get("pid")
    mine = [item for item in items if item.owner is not None and item.owner.split(":")[1:2] == [str(pid)]]
    return [
        {
            "owner": mine[0].owner if mine else None,
            "host": None,
            "pid": pid,
            "parallel": None,
            "alive": True,
            "started_at": None,
            "seen_at": None,
            "holds": [_held(item) for item in mine],
        }
    ]


def _held(item: WorkItem) -> dict[str, Any]:
    since = item.claimed_at.isoformat() if item.claimed_at else None
    return {"item": item.work_item_id, "goal_id": item.goal_id, "task_id": item.task_id, "since": since}


def _lines(found: Sequence[dict[str, Any]], now: datetime) -> list[str]:
    if not found:
        return ["Nobody works here now; `marketeer resume`, `marketeer worker` or `marketeer start --daemon` does."]
    return text.table([HEADER, *(_row(each, now) for each in found)])


def _row(each: dict[str, Any], now: datetime) -> tuple[str, ...]:
    names = [f"{_step(held)} for {_ago(held['since'], now)}" for held in each["holds"]]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    seen = f"{_ago(each['seen_at'], now)} ago" if each["seen_at"] else "now"
    return (
        str(each["pid"]),
        str(each["parallel"] or "-"),
        f"{each['started_at'][:16].replace('T', ' ')} UTC" if each["started_at"] else "-",
        seen if each["alive"] else f"{seen}: dead, or asleep",
        (", ".join(names[:MOST_NAMED]) + more) or "nothing",
    )


def _step(held: dict[str, Any]) -> str:
    """The task that it is about; what is about the whole goal by its own id."""
    return str(held["task_id"] or held["item"])


def _ago(iso: str | None, now: datetime) -> str:
    return text.span(max(0.0, (now - datetime.fromisoformat(iso)).total_seconds())) if iso else "?"
