"""What must hold of a workspace whose processes are killed: looked at after every kill, and when all is done."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.e2e.harness import Ledger, Server, assert_nothing_lost_or_doubled

Row = tuple[Any, ...]

_APPROVED = (
    "SELECT t.task_id, t.output_path, t.output_version, d.content FROM tasks t"
    " JOIN documents d ON d.path = t.output_path AND d.version = t.output_version WHERE t.status = 'approved'"
)
_CALLS = "SELECT call_id, work_item_id, cost_microusd, estimated, request_id FROM calls"


@dataclass(slots=True)
class Witness:
    """Remembers what it has seen recorded. `in_flight` are the calls that were under way at a kill."""

    workspace: Path
    approved: dict[str, Row] = field(default_factory=dict)
    calls: dict[str, Row] = field(default_factory=dict)
    in_flight: set[str] = field(default_factory=set)
    goals: dict[str, str] = field(default_factory=dict)

    def look(self) -> None:
        """Nothing that was recorded is gone or different, and the database is sound. No process may be at work."""
        with TemporaryDirectory() as scratch:
            copy = self._copy(Path(scratch))
            if copy is None:
                return
            with closing(sqlite3.connect(copy)) as connection:
                self._read(connection)

    def _copy(self, to: Path) -> Path | None:
        """Of the database: opening it would do the recovery that is the product's to do."""
        for name in ("marketeer.db", "marketeer.db-wal"):
            if (self.workspace / name).exists():
                shutil.copyfile(self.workspace / name, to / name)
        copy = to / "marketeer.db"
        return copy if copy.exists() else None

    def _read(self, connection: sqlite3.Connection) -> None:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)], "the database is damaged"
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'goals'").fetchone():
            assert not self.goals, "the tables are gone"
            return
        approved = {row[0]: (*row[1:3], _digest(row[3])) for row in connection.execute(_APPROVED)}
        calls = {row[0]: row[1:] for row in connection.execute(_CALLS)}
        assert self.approved.items() <= approved.items(), "an approved output was lost or changed"
        assert self.calls.items() <= calls.items(), "a recorded call was lost or changed"
        self.approved, self.calls = approved, calls
        self.goals = dict(connection.execute("SELECT goal_id, status FROM goals"))
        self.in_flight |= {row[0] for row in connection.execute("SELECT call_id FROM reservations")}

    @property
    def unfinished(self) -> bool:
        return any(status not in ("completed", "failed", "cancelled") for status in self.goals.values())

    def check_end(self, server: Server | None, *, alone: bool) -> Ledger:
        """Everything is completed, once, and paid for as the server says. `alone`: no process worked on between a kill
        and the look after it."""
        self.look()
        ledger = assert_nothing_lost_or_doubled(self.workspace)
        _check_documents(self.workspace, ledger)
        estimated = {call["call_id"] for call in ledger.estimated}
        if not alone:
            self.in_flight |= estimated
        assert estimated <= self.in_flight, "a call was booked as an estimate that no kill cut off"
        if server is not None:
            check_bill(ledger, server.requests)
        return ledger


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check_documents(workspace: Path, ledger: Ledger) -> None:
    """One document for each execution, one report for each goal, and files that are the versions they stand for."""
    tasks = {task["task_id"]: task for task in ledger.tasks}
    # A person's own have no task.
    tasked = [d for d in ledger.documents if d["kind"] in ("output", "context") and d["task_id"] is not None]
    made = Counter((d["task_id"], d["generation"]) for d in tasked)
    wanted = {(task_id, g) for task_id, task in tasks.items() for g in range(1, task["generation"] + 1)}
    assert made == Counter(wanted), "an output was stored twice, or not at all"
    reports = Counter(d["goal_id"] for d in ledger.documents if d["path"].endswith("/report.md"))
    assert reports == Counter(goal["goal_id"] for goal in ledger.goals), "not one report for each goal"
    paths = {d["path"] for d in ledger.documents if d["kind"] != "answer"}
    stored = {(d["path"], d["content"]) for d in ledger.documents}
    files = {f.relative_to(workspace).as_posix(): f for f in workspace.rglob("*.md")}
    assert paths <= files.keys(), "a document has no file"
    assert all((path, files[path].read_text()) in stored for path in paths), "a file is torn or strange"
    assert not list(workspace.rglob("*.tmp")), "half a file was left behind"


def check_bill(ledger: Ledger, requests: Sequence[dict[str, Any]]) -> None:
    """Settled rows are the server's own figures; estimates cover, call for call, what else it billed."""
    billed = {f"req_{entry['number']:06d}": round(float(entry["cost_usd"]) * 1_000_000) for entry in requests}
    for call in ledger.settled:
        assert billed.pop(call["request_id"]) == call["cost_microusd"], "the ledger and the server's bill differ"
    guessed = sorted((call["cost_microusd"] for call in ledger.estimated), reverse=True)
    unseen = sorted(billed.values(), reverse=True)
    assert len(unseen) <= len(guessed), "a call was made that nobody booked"
    assert all(guess >= cost for guess, cost in zip(guessed, unseen, strict=False)), "an estimate is below the bill"
