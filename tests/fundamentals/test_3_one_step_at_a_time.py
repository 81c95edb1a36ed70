"""Chapter 3: `advance` decides what happens next. Here we are the worker, and take a goal through it by hand.

Everything that can happen to a goal is an occurrence. `advance(snapshot, occurrence, now)` answers with the change that
follows, and does nothing else: no store, no clock, no model. So a whole life can be played in memory.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from marketeer.domain.advance import advance, begin
from marketeer.domain.errors import StaleClaim
from marketeer.domain.goal import Category, GoalStatus, Priority
from marketeer.domain.journal import JournalEntry, replay
from marketeer.domain.outcome import Claimed, Executed, ItemRef, Occurrence, Planned, Reported, Reviewed
from marketeer.domain.plan import Plan
from marketeer.domain.review import Finding, Severity
from marketeer.domain.snapshot import Change, Snapshot
from marketeer.domain.submission import Submission, new_goal
from marketeer.domain.task import Task, TaskStatus
from marketeer.domain.work import WorkItem

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOO_LONG = Finding(section="Hero", severity=Severity.MAJOR, found="headline of 91 characters", wanted="at most 70")


class Life:
    """One goal, kept in memory: what the store would keep, without the store."""

    def __init__(self) -> None:
        goal = new_goal(Submission(description="Write and edit a page", rehearsal=True), token="abcdefgh", now=NOON)
        self.tasks: dict[str, Task] = {}
        self.items: dict[str, WorkItem] = {}
        self.journal: list[JournalEntry] = []
        self.keep(begin(goal, NOON))

    def keep(self, change: Change) -> None:
        self.goal = change.goal
        self.tasks |= {step.after.task_id: step.after for step in change.tasks}
        self.items |= {item.work_item_id: item for item in change.items}
        self.journal += change.entries

    def happens(self, occurrence: Occurrence) -> None:
        snapshot = Snapshot(goal=self.goal, tasks=tuple(self.tasks.values()), items=tuple(self.items.values()))
        change = advance(snapshot, occurrence, NOON)
        assert change is not None
        self.keep(change)

    def claim(self, item_id: str) -> ItemRef:
        """What a worker does with an item before anything else."""
        self.happens(Claimed(item_id=item_id, owner="me", lease_until=NOON + timedelta(minutes=1)))
        return ItemRef(item_id=item_id, claim=self.items[item_id].claim)

    def execute(self, item_id: str) -> None:
        self.happens(Executed(item=self.claim(item_id), output_path=f"outputs/{item_id}.md", output_version=1))

    def review(self, item_id: str, *findings: Finding) -> None:
        self.happens(Reviewed(item=self.claim(item_id), findings=findings, waived=(), asked_for=frozenset()))

    def statuses(self) -> list[TaskStatus]:
        return [self.tasks[name].status for name in ("page", "edit")]


def planned() -> Life:
    """A goal of two tasks: `edit` needs the output of `page`."""
    life = Life()
    page = Task(
        task_id="page",
        goal_id=life.goal.goal_id,
        seq=1,
        phase=0,
        skill="copywriting",
        squad="creative",
        brief="Write the page",
        created_at=NOON,
    )
    edit = replace(page, task_id="edit", seq=2, skill="copy-editing", brief="Edit the page", depends_on=("page",))
    plan = Plan(
        category=Category.CONTENT,
        pipeline=None,
        priority=Priority.P1,
        phases=("Create",),
        tasks=(page, edit),
        why="a page and its edit",
    )
    life.happens(Planned(item=life.claim("abcdefgh.plan.1"), plan=plan))
    return life


def test_a_plan_releases_what_needs_nothing() -> None:
    life = planned()

    assert life.goal.status is GoalStatus.RUNNING
    assert life.statuses() == [TaskStatus.QUEUED, TaskStatus.PENDING]


def test_a_finished_output_owes_its_review_and_releases_nothing_yet() -> None:
    life = planned()

    life.execute("page.execute.1")

    assert life.statuses() == [TaskStatus.COMPLETED, TaskStatus.PENDING]
    assert life.items["page.review.1"].state.is_open


def test_approval_releases_what_was_waiting() -> None:
    life = planned()
    life.execute("page.execute.1")

    life.review("page.review.1")

    assert life.statuses() == [TaskStatus.APPROVED, TaskStatus.QUEUED]
    (pin,) = life.tasks["edit"].pins
    assert (pin.path, pin.version) == ("outputs/page.execute.1.md", 1), "the edit works from this version"


def test_serious_findings_send_the_output_back_with_the_findings() -> None:
    life = planned()
    life.execute("page.execute.1")

    life.review("page.review.1", TOO_LONG)

    page = life.tasks["page"]
    assert (page.status, page.revision, page.generation) == (TaskStatus.QUEUED, 1, 2)
    assert "at most 70" in (page.feedback or "")
    assert life.items["page.execute.2"].state.is_open


def test_a_result_under_an_old_claim_changes_nothing() -> None:
    life = planned()
    ref = life.claim("page.execute.1")
    late = replace(ref, claim=ref.claim - 1)

    with pytest.raises(StaleClaim, match="no longer held"):
        life.happens(Executed(item=late, output_path="outputs/late.md", output_version=1))


def test_when_everything_is_approved_a_report_is_owed_and_then_the_goal_is_complete() -> None:
    life = planned()
    for name in ("page", "edit"):
        life.execute(f"{name}.execute.1")
        life.review(f"{name}.review.1")
    assert not life.goal.status.is_final

    life.happens(Reported(item=life.claim("abcdefgh.report.1"), report_path="goals/report.md"))

    assert life.goal.status is GoalStatus.COMPLETED
    told = replay(life.journal)
    assert told.goal_status == "completed", "the journal alone tells the same story"
    assert {name: values["status"] for name, values in told.tasks.items()} == {"page": "approved", "edit": "approved"}
