"""A record with some fields changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from marketeer.domain.changing import changed
from marketeer.domain.ledger import Spend
from marketeer.domain.task import Pin, Task, TaskStatus

NOW = datetime(2026, 3, 2, tzinfo=UTC)
TASK = Task(
    task_id="t", goal_id="g", seq=1, phase=0, skill="cro", squad="convert", brief="b", created_at=NOW,
    pins=(Pin(path="a.md", version=2),), score=0.5,
)  # fmt: skip


@pytest.mark.parametrize(
    ("record", "fields"),
    [(TASK, {"status": TaskStatus.QUEUED, "generation": 1}), (TASK, {}), (Spend(calls=3), {"latency_s": 1.5})],
)
def test_it_is_what_replace_would_make(record: Any, fields: dict[str, Any]) -> None:
    made = changed(record, **fields)
    assert made == replace(record, **fields)
    assert made is not record


def test_the_record_itself_stays_as_it_was() -> None:
    changed(TASK, status=TaskStatus.CANCELLED)
    assert TASK.status is TaskStatus.PENDING


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="Task has no field 'stat'"):
        changed(TASK, stat=TaskStatus.QUEUED)
