"""Rows and records."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from marketeer.adapters.sqlite.codec import Codec
from marketeer.domain.task import Pin, Task, TaskStatus

TASKS = Codec(Task)
TASK = Task(
    task_id="t", goal_id="g", seq=1, phase=0, skill="cro", squad=None, brief="b",
    created_at=datetime(2026, 3, 2, 4, 5, 6, 7, tzinfo=UTC), depends_on=("a", "b"),
    pins=(Pin(path="a.md", version=2),), budget_usd=Decimal("1.234567"),
)  # fmt: skip


def row_of(task: Task, columns: Sequence[str], **other: str) -> sqlite3.Row:
    values = dict(zip(TASKS.columns, TASKS.values(task), strict=True)) | other
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        named = ", ".join(f"? AS {column}" for column in columns)
        row: sqlite3.Row = connection.execute(f"SELECT {named}", [values[column] for column in columns]).fetchone()
        return row


@pytest.mark.parametrize("columns", [TASKS.columns, TASKS.columns[::-1], TASKS.columns[5:] + TASKS.columns[:5]])
def test_a_record_comes_back_whatever_the_order_of_its_columns(columns: Sequence[str]) -> None:
    assert TASKS.record(row_of(TASK, columns)) == TASK


def test_only_what_differs_is_written() -> None:
    after = replace(TASK, status=TaskStatus.QUEUED, budget_usd=None, pins=())
    assert TASKS.changed(TASK, after) == (("status", "pins", "budget_microusd"), ("queued", "[]", None))
    assert TASKS.changed(TASK, replace(TASK)) == ((), ())


def test_a_state_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'asleep' is not a valid TaskStatus"):
        TASKS.record(row_of(TASK, TASKS.columns, status="asleep"))
