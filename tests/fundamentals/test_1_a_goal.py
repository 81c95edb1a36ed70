"""Chapter 1: a goal is a sentence, and from the first moment it owes something.

Read these files in order. Each is a chapter and a test at once, so nothing in here can be out of date.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from marketeer.domain.advance import begin
from marketeer.domain.errors import UsageError
from marketeer.domain.goal import GoalStatus
from marketeer.domain.submission import Submission, new_goal
from marketeer.domain.work import WorkKind, WorkState

# Pure code never asks what time it is. Whoever calls it says so.
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ASKED = Submission(description="  Increase signup conversion by 20%\n", rehearsal=True)


def test_a_submission_becomes_a_goal_with_a_readable_id() -> None:
    goal = new_goal(ASKED, token="k3v9t2mx", now=NOON)

    assert goal.description == "Increase signup conversion by 20%"
    assert goal.goal_id == "increase-signup-conversion-by-20-k3v9t2mx"
    assert goal.status is GoalStatus.PLANNING
    assert goal.rehearsal, "a goal remembers that it is a rehearsal: nothing can turn it into a real one later"


def test_what_cannot_be_a_goal_is_refused_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="the goal is empty: say what you want"):
        new_goal(replace(ASKED, description=" \n "), token="k3v9t2mx", now=NOON)


def test_records_are_never_changed_only_replaced() -> None:
    goal = new_goal(ASKED, token="k3v9t2mx", now=NOON)

    raised = replace(goal, version=goal.version + 1)

    assert (goal.version, raised.version) == (0, 1)


def test_beginning_a_goal_owes_its_plan() -> None:
    """A Change is everything that is to be committed together: here the goal, one work item and one journal entry."""
    change = begin(new_goal(ASKED, token="k3v9t2mx", now=NOON), NOON)

    assert change.goal.version == 1
    assert [(item.work_item_id, item.kind, item.state) for item in change.items] == [
        ("k3v9t2mx.plan.1", WorkKind.PLAN, WorkState.READY)
    ]
    assert [entry.what for entry in change.entries] == ["goal_created"]
