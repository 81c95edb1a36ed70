"""The ways of a goal and its tasks, one at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from marketeer.domain.advance import advance
from marketeer.domain.approval import ApprovalKind, ApprovalStatus, Decision
from marketeer.domain.decisions import APPROVED_BY_HUMAN
from marketeer.domain.errors import StaleClaim, UsageError
from marketeer.domain.goal import Barrier, GoalStatus, Priority
from marketeer.domain.judging import APPROVED, APPROVED_WITH_FINDINGS, MAX_CYCLES
from marketeer.domain.learning import LearningOutcome
from marketeer.domain.outcome import (
    ApiLooked,
    BudgetLooked,
    Claimed,
    Decided,
    Failed,
    FailureKind,
    HandedBack,
    Looked,
    Reviewed,
)
from marketeer.domain.plan import Gate
from marketeer.domain.review import Finding
from marketeer.domain.task import WAITS_FOR_API, WAITS_FOR_BUDGET, IllegalTransition, Pin, TaskStatus, check_transition
from marketeer.domain.work import WorkKind, WorkState
from tests.support.builders import CRITICAL, MAJOR, MINOR, NOW, a_goal, a_plan, a_task, task_id
from tests.support.laws import check_all
from tests.support.plans import FOUNDATION
from tests.support.play import LEASE, Play, ref_of, started

LEGAL = Gate(kind=ApprovalKind.LEGAL_RISK, question="May we name a rival?")


def revised(play: Play, times: int, finding: Finding = MAJOR) -> None:
    """Task 1, sent back this often."""
    for _ in range(times):
        play.finish(1, finding)


# -- the way everything goes well --------------------------------------------------------------------------------


def test_a_goal_is_planned_done_reviewed_and_reported() -> None:
    play = Play(a_plan([a_task(1), a_task(2, 1)]))
    assert play.status() is GoalStatus.PLANNING
    play.make_plan()
    assert (play.goal.status, play.statuses()) == (GoalStatus.RUNNING, ["queued", "pending"])
    play.finish(1)
    assert play.statuses() == ["approved", "queued"]
    play.finish(2)
    assert [item.kind for item in play.ready()] == [WorkKind.REPORT]
    play.run()
    assert play.status() is GoalStatus.COMPLETED
    assert play.goal.report_path == "goals/report.md"
    assert play.goal.finished_at == play.now
    check_all(play)


def test_the_plan_settles_priority_category_and_phases() -> None:
    play = started(a_task(1), plan=a_plan([a_task(1)], priority=Priority.P0))
    assert (play.goal.priority, play.goal.category, play.goal.phases) == (Priority.P0, play.plan.category, ("phase 0",))
    assert play.open_item(1).priority is Priority.P0


def test_a_plan_without_tasks_fails_the_goal_and_says_what_to_do() -> None:
    play = started(plan=a_plan([]))
    assert play.status() is GoalStatus.FAILED
    assert "say more" in (play.goal.error or "")
    check_all(play)


def test_a_task_waits_for_all_its_dependencies_and_pins_their_outputs() -> None:
    play = started(a_task(1), a_task(2), a_task(3, 1, 2))
    first = play.finish(1)
    assert play.statuses() == ["approved", "queued", "pending"]
    second = play.finish(2)
    assert play.task(3).status is TaskStatus.QUEUED
    assert play.task(3).pins == (
        Pin(path=first.output_path or "", version=first.output_version or 0),
        Pin(path=second.output_path or "", version=second.output_version or 0),
    )


def test_minor_findings_do_not_send_an_output_back() -> None:
    play = started(a_task(1))
    assert play.finish(1, MINOR).verdict == APPROVED


def test_an_outputs_warnings_are_journaled() -> None:
    play = started(a_task(1))
    done = play.executed(play.start(1))
    play.apply(replace(done, warnings=("inputs/old.csv could not be read",)))
    assert [e.why for e in play.entries if e.what == "task_warned"] == ["inputs/old.csv could not be read"]


# -- revisions ---------------------------------------------------------------------------------------------------


def test_a_major_finding_sends_the_output_back_with_feedback() -> None:
    play = started(a_task(1))
    task = play.finish(1, MAJOR, MINOR)
    assert (task.status, task.revision, task.generation) == (TaskStatus.QUEUED, 1, 2)
    assert task.feedback == "- [major] Summary: too short; wanted: 100 words"
    task = play.finish(1)
    assert (task.status, task.verdict, task.revision) == (TaskStatus.APPROVED, APPROVED, 1)


def test_what_a_revision_taught_is_learned() -> None:
    play = started(a_task(1))
    revised(play, 1)
    play.finish(1)
    (lesson,) = play.learnings
    assert (lesson.agent, lesson.outcome) == ("skill-1", LearningOutcome.SUCCESS)
    assert "[major] Summary: too short" in lesson.action


def test_after_three_revisions_major_findings_are_shipped_and_named() -> None:
    play = started(a_task(1))
    revised(play, 3)
    task = play.finish(1, MAJOR)
    assert (task.status, task.verdict, task.revision) == (TaskStatus.APPROVED, APPROVED_WITH_FINDINGS, 3)
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def test_after_three_revisions_a_critical_finding_asks_a_human() -> None:
    play = started(a_task(1), a_task(2, 1))
    revised(play, 3, CRITICAL)
    task = play.finish(1, CRITICAL)
    (question,) = play.questions()
    assert (task.status, task.waits_for) == (TaskStatus.BLOCKED, question.approval_id)
    assert (question.kind, play.goal.status) == (ApprovalKind.QUALITY, GoalStatus.BLOCKED)
    assert "no summary at all" in question.question
    check_all(play)


def blocked_on_quality() -> Play:
    play = started(a_task(1), a_task(2, 1))
    revised(play, 3, CRITICAL)
    play.finish(1, CRITICAL)
    return play


def test_a_human_may_ship_an_output_with_critical_findings() -> None:
    play = blocked_on_quality()
    play.decide(Decision.APPROVE)
    assert play.statuses() == ["approved", "queued"]
    assert play.task(1).verdict == APPROVED_BY_HUMAN


def test_a_human_may_ask_for_one_more_revision_and_is_asked_again_when_it_does_not_help() -> None:
    play = blocked_on_quality()
    play.decide(Decision.REVISE, "start with the number")
    task = play.task(1)
    assert task.status is TaskStatus.QUEUED
    assert task.feedback == (
        "- [from a human] start with the number\n- [critical] Summary: no summary at all; wanted: 100 words"
    )
    play.finish(1, CRITICAL)
    assert play.status() is GoalStatus.BLOCKED
    check_all(play)


def test_a_human_may_drop_a_task_and_what_depends_on_it() -> None:
    play = blocked_on_quality()
    play.decide(Decision.REJECT, "not worth it")
    assert play.statuses() == ["failed", "cancelled"]
    assert play.task(1).reason == "rejected by a human: not worth it"
    play.run()
    assert play.status() is GoalStatus.FAILED


def test_a_question_takes_one_answer_and_only_one_it_offers() -> None:
    play = started(plan=a_plan([a_task(1)], gates=(LEGAL,)))
    (question,) = play.questions()
    with pytest.raises(UsageError, match="offers approve, reject, not revise"):
        play.decide(Decision.REVISE)
    play.decide(Decision.APPROVE)
    with pytest.raises(UsageError, match="not waiting for an answer"):
        play.decide(Decision.APPROVE, which=question)
    assert play.approvals[question.approval_id].decided_by == "ana"


def test_too_many_cycles_end_the_goal() -> None:
    play = started(a_task(1))
    play.goal = replace(play.goal, cycles=MAX_CYCLES)
    revised(play, 1)
    assert play.status() is GoalStatus.RUNNING, "a task's first revision is no cycle"
    revised(play, 1)
    assert (play.goal.status, play.statuses()) == (GoalStatus.MAX_ITERATIONS, ["cancelled"])
    check_all(play)


# -- failures ----------------------------------------------------------------------------------------------------


def test_a_transient_failure_is_tried_again_later() -> None:
    play = started(a_task(1))
    task = play.fail(1, FailureKind.TRANSIENT)
    assert (task.status, task.attempts) == (TaskStatus.QUEUED, 1)
    assert play.ready() == []
    play.wait(seconds=1)
    assert [item.task_id for item in play.ready()] == [task.task_id]


def test_transient_failures_end_a_task_after_eight_attempts_and_ten_minutes() -> None:
    play = started(a_task(1))
    for _ in range(8):
        assert not play.fail(1, FailureKind.TRANSIENT).status.is_final
        play.now = play.open_item(1).due_at
    assert play.now - NOW < timedelta(minutes=10)
    attempts = 8
    while not play.fail(1, FailureKind.TRANSIENT).status.is_final:
        attempts += 1
        play.now = play.open_item(1).due_at
    assert play.now - NOW >= timedelta(minutes=10)
    assert (play.task(1).status, play.task(1).reason, play.task(1).attempts) == (
        TaskStatus.FAILED,
        "it broke",
        attempts + 1,
    )


def test_an_outage_is_not_counted_and_defers_the_task() -> None:
    play = started(a_task(1))
    for _ in range(20):
        task = play.fail(1, FailureKind.OUTAGE)
        assert (task.status, task.waits_for) == (TaskStatus.DEFERRED, WAITS_FOR_API)
        assert play.open_item(1).due_at - play.now >= timedelta(seconds=30)
        play.wait(hours=1)
    assert play.status() is GoalStatus.WAITING
    assert play.open_item(1).attempts == 0
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def test_what_failed_before_an_outage_was_declared_is_not_held_against_the_task_after_it() -> None:
    play = started(a_task(1))
    for _ in range(5):  # as often as a process begins during the outage
        play.fail(1, FailureKind.TRANSIENT)
        play.now = play.open_item(1).due_at
        play.fail(1, FailureKind.TRANSIENT)
        play.now = play.open_item(1).due_at
        play.fail(1, FailureKind.OUTAGE)
        play.wait(hours=1)
    assert play.open_item(1).attempts == 0
    task = play.fail(1, FailureKind.TRANSIENT)
    assert (task.attempts, task.attempted_at) == (1, play.now)


def test_a_long_wait_that_the_server_asks_for_defers_the_task() -> None:
    play = started(a_task(1))
    assert play.fail(1, FailureKind.TRANSIENT, after_s=90).status is TaskStatus.DEFERRED
    assert play.open_item(1).due_at == play.now + timedelta(seconds=90)
    check_all(play)


def test_a_failed_task_takes_its_dependents_with_it_and_the_rest_goes_on() -> None:
    play = started(a_task(1), a_task(2, 1), a_task(3, 2), a_task(4))
    play.fail(1)
    assert play.statuses() == ["failed", "cancelled", "cancelled", "queued"]
    assert task_id(1) in (play.task(2).reason or "")
    play.run()
    assert (play.goal.status, play.goal.error) == (GoalStatus.FAILED, "skill-1 failed: it broke")
    assert play.task(4).status is TaskStatus.APPROVED
    assert play.goal.report_path, "a failed goal is reported too"


def test_a_plan_that_cannot_be_made_fails_the_goal() -> None:
    play = Play(a_plan([a_task(1)]))
    play.apply(Failed(item=play.claim(play.ready()[0]), kind=FailureKind.PERMANENT, error="no such pipeline"))
    assert (play.goal.status, play.goal.error) == (GoalStatus.FAILED, "no plan could be made: no such pipeline")
    assert play.ready() == []


def test_a_review_that_failed_for_good_asks_a_human() -> None:
    play = started(a_task(1))
    play.execute(1)
    play.fail(1)
    assert (play.goal.status, play.questions()[0].kind) == (GoalStatus.BLOCKED, ApprovalKind.FAILURE)
    play.decide(Decision.REVISE, "shorter")
    assert play.task(1).generation == 2
    play.execute(1)
    play.fail(1)
    play.decide(Decision.APPROVE)
    assert play.task(1).status is TaskStatus.APPROVED
    check_all(play)


def test_a_review_has_its_own_ten_minutes() -> None:
    play = started(a_task(1))
    ref = play.start(1)
    play.wait(hours=2)
    play.apply(play.executed(ref))
    for _ in range(8):
        assert play.fail(1, FailureKind.TRANSIENT).status is TaskStatus.COMPLETED
        play.now = play.open_item(1).due_at


def test_a_failed_report_does_not_keep_the_goal_from_ending() -> None:
    play = started(a_task(1))
    play.finish(1)
    play.apply(Failed(item=play.claim(play.ready()[0]), kind=FailureKind.PERMANENT, error="no template"))
    assert (play.goal.status, play.goal.report_path) == (GoalStatus.COMPLETED, None)


# -- claims ------------------------------------------------------------------------------------------------------


def test_an_item_is_claimed_once() -> None:
    play = started(a_task(1))
    item = play.open_item(1)
    play.claim(item)
    again = Claimed(item_id=item.work_item_id, owner="worker-2", lease_until=play.now + LEASE)
    assert play.apply(again) is None
    assert play.open_item(1).owner == "worker-1"


def test_a_result_under_a_lost_claim_is_refused() -> None:
    play = started(a_task(1))
    slow = play.start(1)
    play.apply(HandedBack(item=slow, reason="its lease ended"))
    quick = play.start(1)
    with pytest.raises(StaleClaim):
        play.apply(play.executed(slow))
    play.apply(play.executed(quick))
    assert play.task(1).status is TaskStatus.COMPLETED


def test_handed_back_work_is_owed_again_at_once_and_held_against_nobody() -> None:
    play = started(a_task(1))
    play.apply(HandedBack(item=play.start(1), reason="shutdown"))
    assert (play.task(1).status, play.open_item(1).attempts) == (TaskStatus.QUEUED, 0)
    play.execute(1)
    play.apply(HandedBack(item=play.start(1), reason="shutdown"))
    assert play.task(1).status is TaskStatus.COMPLETED
    assert [item.kind for item in play.ready()] == [WorkKind.REVIEW]
    check_all(play)


def test_a_state_change_the_machine_does_not_have_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="cannot go from approved to queued"):
        check_transition(a_task(1, status=TaskStatus.APPROVED), TaskStatus.QUEUED)


# -- conditions, barriers, gates ---------------------------------------------------------------------------------


def conditional() -> Play:
    return started(a_task(1), a_task(2, 1, condition="skill-1"), a_task(3, 2))


def test_a_conditional_task_is_done_when_it_is_asked_for() -> None:
    play = conditional()
    play.finish(1, asked_for=frozenset({"skill-2"}))
    assert play.statuses() == ["approved", "queued", "pending"]


def test_a_conditional_task_nobody_asked_for_is_skipped_and_the_next_goes_on_without_it() -> None:
    play = conditional()
    play.finish(1)
    assert play.statuses() == ["approved", "cancelled", "queued"]
    assert (play.task(2).reason or "").startswith("skipped:")
    assert play.task(3).depends_on == (task_id(1),)
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def test_skipping_two_tasks_at_once_leaves_their_common_dependent_free() -> None:
    play = started(a_task(1), a_task(2, 1, condition="skill-1"), a_task(3, 1, 2, condition="skill-1"), a_task(4, 2, 3))
    play.finish(1)
    assert play.statuses() == ["approved", "cancelled", "cancelled", "queued"]
    assert play.task(4).depends_on == (task_id(1),)


def test_what_hung_on_a_skipped_task_is_skipped_too() -> None:
    play = started(a_task(1), a_task(2, 1, condition="skill-1"), a_task(3, 2, condition="skill-2"))
    play.finish(1)
    assert play.statuses() == ["approved", "cancelled", "cancelled"]
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def with_barrier() -> Play:
    barrier = Barrier(barrier_id="abc123-review-1", title="Direction", after=(0,))
    tasks = [a_task(1), a_task(2), a_task(3, 1, phase=1, after_barrier=barrier.barrier_id)]
    return started(plan=a_plan(tasks, barriers=(barrier,)))


def test_what_lies_behind_a_barrier_waits_for_everything_before_it_and_the_review() -> None:
    play = with_barrier()
    play.finish(1)
    assert play.statuses() == ["approved", "queued", "pending"]
    play.finish(2)
    assert play.statuses() == ["approved", "approved", "pending"]
    (review,) = play.ready()
    play.apply(play.succeed(review, play.claim(review)))
    assert play.statuses() == ["approved", "approved", "queued"]


def test_a_barrier_review_that_fails_lets_the_work_go_on() -> None:
    play = with_barrier()
    play.finish(1)
    play.finish(2)
    play.apply(Failed(item=play.claim(play.ready()[0]), kind=FailureKind.PERMANENT, error="it broke"))
    assert play.task(3).status is TaskStatus.QUEUED


def test_a_task_made_again_still_waits_for_its_barrier() -> None:
    play = with_barrier()
    play.fail(1)
    assert play.task(3).status is TaskStatus.CANCELLED
    play.redo(1)
    play.finish(4)
    assert play.statuses() == ["failed", "queued", "cancelled", "approved", "pending"]
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def test_nothing_starts_before_every_gate_is_open() -> None:
    play = started(plan=a_plan([a_task(1)], gates=(LEGAL, replace(LEGAL, question="And the other one?"))))
    assert (play.goal.status, play.statuses(), play.ready()) == (GoalStatus.BLOCKED, ["pending"], [])
    first, second = play.questions()
    play.decide(Decision.APPROVE, which=first)
    assert play.statuses() == ["pending"]
    play.decide(Decision.APPROVE, which=second)
    assert (play.goal.status, play.statuses()) == (GoalStatus.RUNNING, ["queued"])


def test_a_rejected_gate_cancels_the_goal_and_closes_the_other_questions() -> None:
    play = started(plan=a_plan([a_task(1)], gates=(LEGAL, replace(LEGAL, question="And the other one?"))))
    first, second = play.questions()
    play.decide(Decision.REJECT, "too risky", which=first)
    assert (play.goal.status, play.statuses()) == (GoalStatus.CANCELLED, ["cancelled"])
    assert play.goal.error == "rejected: too risky"
    assert play.approvals[second.approval_id].status is ApprovalStatus.VOID
    check_all(play)


# -- budget ------------------------------------------------------------------------------------------------------


def test_an_empty_month_defers_the_task_until_the_next() -> None:
    play = started(a_task(1))
    next_month = NOW + timedelta(days=9)
    task = play.over_budget(1, "month", until=next_month)
    assert (task.status, task.waits_for) == (TaskStatus.DEFERRED, WAITS_FOR_BUDGET)
    assert (play.goal.status, play.open_item(1).due_at, play.questions()) == (GoalStatus.WAITING, next_month, [])
    play.now = next_month
    play.finish(1)
    assert play.task(1).status is TaskStatus.APPROVED


def test_room_in_the_months_budget_makes_what_waited_for_it_due_and_nothing_else() -> None:
    play = started(a_task(1), a_task(2))
    play.over_budget(1, "month", until=NOW + timedelta(days=9))
    down = play.fail(2, FailureKind.OUTAGE)
    play.apply(BudgetLooked())
    assert [item.task_id for item in play.ready()] == [task_id(1)]
    assert play.task(2) == down
    check_all(play)


def test_a_process_that_begins_tries_at_once_what_met_an_outage_but_not_what_the_server_put_off() -> None:
    play = started(a_task(1), a_task(2))
    play.fail(1, FailureKind.OUTAGE)
    play.fail(2, FailureKind.OUTAGE, after_s=90)
    assert play.ready() == []
    play.apply(ApiLooked())
    assert [item.task_id for item in play.ready()] == [task_id(1)]
    assert play.open_item(2).due_at == play.now + timedelta(seconds=90)
    check_all(play)


def test_an_empty_goal_budget_is_one_question_however_many_tasks_meet_it() -> None:
    play = started(a_task(1), a_task(2), goal=a_goal(budget_usd=Decimal(1)))
    play.over_budget(1, "goal")
    assert play.status() is GoalStatus.RUNNING
    play.over_budget(2, "goal")
    assert (play.goal.status, len(play.questions())) == (GoalStatus.BLOCKED, 1)
    play.decide(Decision.APPROVE)
    assert (play.goal.budget_usd, play.statuses()) == (Decimal(3), ["queued", "queued"])


def test_refusing_to_raise_the_goals_budget_ends_it_and_keeps_what_is_done() -> None:
    play = started(a_task(1), a_task(2))
    play.finish(1)
    play.over_budget(2, "goal")
    play.decide(Decision.REJECT)
    assert (play.goal.status, play.statuses()) == (GoalStatus.BUDGET_EXHAUSTED, ["approved", "cancelled"])
    check_all(play)


def test_a_tasks_limit_is_asked_about_alone_and_refusing_it_fails_that_task() -> None:
    play = started(a_task(1), a_task(2))
    play.over_budget(1, "task")
    play.over_budget(2, "goal")
    of_task, of_goal = play.questions()
    assert (of_task.task_id, of_goal.task_id) == (task_id(1), None)
    play.decide(Decision.REJECT, which=of_task)
    assert play.statuses() == ["failed", "blocked"]
    play.decide(Decision.APPROVE, which=of_goal)
    play.run()
    assert play.status() is GoalStatus.FAILED


# -- redo --------------------------------------------------------------------------------------------------------


def finished() -> Play:
    play = started(a_task(1), a_task(2, 1))
    play.run()
    return play


def test_redo_of_a_finished_goals_task_reopens_it_for_one_more_pass() -> None:
    play = finished()
    new = play.redo(1, "with the new prices")
    assert (play.goal.status, play.goal.finished_at, play.goal.pass_number) == (GoalStatus.RUNNING, None, 2)
    assert (new.status, new.supersedes, new.pass_number) == (TaskStatus.QUEUED, task_id(1), 2)
    assert new.feedback == "- [from a human] with the new prices"
    assert play.task(2).depends_on == (task_id(1),), "what is finished stays as it is"
    play.run()
    assert play.status() is GoalStatus.COMPLETED
    assert play.journaled().count("report_written") == 2
    check_all(play)


def test_redo_of_a_failed_task_makes_again_what_was_lost_with_it() -> None:
    play = started(a_task(1), a_task(2, 1), a_task(3, 2))
    play.fail(1)
    play.run()
    assert play.status() is GoalStatus.FAILED
    play.redo(1)
    assert play.statuses() == ["failed", "cancelled", "cancelled", "queued", "pending", "pending"]
    assert play.task(6).depends_on == (play.task(5).task_id,)
    play.run()
    assert (play.goal.status, play.goal.error) == (GoalStatus.COMPLETED, None)


def test_what_was_lost_is_found_whatever_the_order_of_the_tasks() -> None:
    barrier = Barrier(barrier_id="abc123-review-1", title="Direction", after=(0,))
    last = a_task(4, 2, phase=1, after_barrier=barrier.barrier_id)
    tasks = [a_task(1), a_task(2, 1, 5), a_task(3), last, a_task(5)]
    play = started(plan=a_plan(tasks, barriers=(barrier,)))
    for seq in (1, 5, 2):
        play.finish(seq)
    play.redo(5)
    play.redo(2)
    again = play.redo(1)  # now task 4 needs the newer task 7, which needs the still newer task 8
    play.fail(again.seq)
    assert play.task(4).status is TaskStatus.CANCELLED
    play.redo(again.seq)
    play.run()
    assert play.status() is GoalStatus.COMPLETED
    check_all(play)


def test_a_task_has_at_most_three_passes() -> None:
    play = finished()
    second = play.redo(1)
    play.run()
    third = play.redo(second.seq)
    play.run()
    with pytest.raises(UsageError, match="pass 3 of 3"):
        play.redo(third.seq)


def test_unstarted_dependents_wait_for_the_new_task() -> None:
    play = with_barrier()
    play.finish(1)
    new = play.redo(1)
    assert play.task(3).depends_on == (new.task_id,)
    play.run()
    assert play.task(3).pins[0].path == play.task(new.seq).output_path


def test_a_task_done_over_works_from_the_newest_pass_of_what_it_needs() -> None:
    play = finished()
    first = play.redo(1)
    play.run()
    second = play.redo(2)
    assert second.depends_on == (first.task_id,)
    assert second.pins[0].path == play.task(first.seq).output_path


def test_redo_while_the_report_is_written_asks_for_another_report() -> None:
    play = started(a_task(1))
    play.finish(1)
    (report,) = play.ready()
    late = play.claim(report)
    play.redo(1)
    assert play.items[report.work_item_id].state is WorkState.VOID
    with pytest.raises(StaleClaim):
        play.apply(play.succeed(report, late))
    assert play.status() is GoalStatus.RUNNING
    play.run()
    assert play.status() is GoalStatus.COMPLETED
    check_all(play)


def test_a_task_that_was_skipped_can_be_asked_for_by_a_human() -> None:
    play = conditional()
    play.run()
    assert play.status() is GoalStatus.COMPLETED
    new = play.redo(2)
    assert (new.status, new.condition) == (TaskStatus.QUEUED, None)


def test_redo_is_refused_where_there_is_nothing_to_redo() -> None:
    play = started(a_task(1), a_task(2))
    with pytest.raises(UsageError, match="not finished"):
        play.redo(1)
    play.finish(1)
    play.redo(1)
    with pytest.raises(UsageError, match="done over already"):
        play.redo(1)
    play.cancel()
    with pytest.raises(UsageError, match="start a new goal"):
        play.redo(3)


# -- cancel and pause --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reached", ["planning", "queued", "running", "completed", "in_review", "deferred", "blocked"])
def test_a_goal_can_be_cancelled_in_every_state(reached: str) -> None:
    play = Play(a_plan([a_task(1), a_task(2, 1)]))
    if reached != "planning":
        play.make_plan()
    match reached:
        case "running":
            play.start(1)
        case "completed":
            play.execute(1)
        case "in_review":
            play.execute(1)
            play.start(1)
        case "deferred":
            play.over_budget(1, "month")
        case "blocked":
            play.over_budget(1, "goal")
    in_hand = play.claimed()
    play.cancel()
    assert play.status() is GoalStatus.CANCELLED
    assert play.goal.error == "cancelled by ana"
    for item in in_hand:
        with pytest.raises(StaleClaim):
            play.apply(play.succeed(item, ref_of(item)))
    with pytest.raises(UsageError, match="already cancelled"):
        play.cancel()
    check_all(play)


def test_a_paused_goal_is_not_claimed_from_and_takes_in_what_was_in_hand() -> None:
    play = started(a_task(1), a_task(2, 1))
    ref = play.start(1)
    play.pause()
    assert play.status() is GoalStatus.PAUSED
    play.apply(play.executed(ref))
    review = play.open_item(1)
    assert play.apply(Claimed(item_id=review.work_item_id, owner="w", lease_until=play.now + LEASE)) is None
    play.unpause()
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def test_pausing_twice_changes_nothing() -> None:
    play = started(a_task(1))
    play.pause()
    version = play.goal.version
    play.pause()
    assert play.goal.version == version


def test_a_goal_that_ended_while_paused_is_not_paused_when_it_is_reopened() -> None:
    play = started(a_task(1))
    play.finish(1)
    (report,) = play.ready()
    ref = play.claim(report)
    play.pause()
    play.apply(play.succeed(report, ref))
    assert play.status() is GoalStatus.COMPLETED
    play.redo(1)
    assert play.status() is GoalStatus.RUNNING


# -- another goal's foundation -----------------------------------------------------------------------------------


def waiting_elsewhere(status: TaskStatus) -> Play:
    """Task 1 depends on another goal's product context, which then ends like this."""
    play = started(a_task(1, FOUNDATION.task_id), external=(FOUNDATION,))
    assert (play.goal.status, play.statuses()) == (GoalStatus.RUNNING, ["pending"])
    ended = replace(FOUNDATION, status=status, output_path="context/c.md", output_version=3)
    play.external[FOUNDATION.task_id] = ended
    play.apply(Looked())
    return play


def test_work_starts_when_another_goals_foundation_is_approved() -> None:
    play = waiting_elsewhere(TaskStatus.APPROVED)
    assert play.statuses() == ["queued"]
    assert play.task(1).pins == (Pin(path="context/c.md", version=3),)


@pytest.mark.parametrize("end", [TaskStatus.FAILED, TaskStatus.CANCELLED])
def test_a_foundation_that_another_goal_lost_is_laid_here(end: TaskStatus) -> None:
    play = waiting_elsewhere(end)
    assert play.statuses() == ["pending", "queued"]
    assert (play.task(2).skill, play.task(2).goal_id) == (FOUNDATION.skill, play.goal.goal_id)
    assert play.task(1).depends_on == (play.task(2).task_id,)
    play.run()
    assert play.status() is GoalStatus.COMPLETED


# -- what a worker takes up at once ------------------------------------------------------------------------------


def test_an_output_that_was_judged_at_once_is_approved_in_one_step_and_its_review_is_done() -> None:
    play = started(a_task(1), a_task(2, 1))
    play.apply(play.executed(play.start(1), judged=play.judged(MINOR)))
    assert play.statuses() == ["approved", "queued"]
    (review,) = [item for item in play.items.values() if item.kind is WorkKind.REVIEW]
    assert (review.state, review.claim, review.done_at) == (WorkState.DONE, 1, play.now)
    told = [entry.what for entry in play.changes[-1].entries if entry.task_id == task_id(1)]
    assert told == ["task_completed", "task_in_review", "task_approved"]


def test_an_output_that_was_judged_at_once_and_found_wanting_is_sent_back() -> None:
    play = started(a_task(1))
    play.apply(play.executed(play.start(1), judged=play.judged(MAJOR)))
    task = play.task(1)
    assert (task.status, task.revision, task.generation) == (TaskStatus.QUEUED, 1, 2)
    assert [item.kind for item in play.ready()] == [WorkKind.EXECUTE]


def test_a_taker_holds_one_of_the_steps_that_its_result_has_made_owed() -> None:
    play = started(a_task(1), a_task(2, 1), a_task(3, 1))
    ref = play.start(1)
    play.apply(play.executed(ref, judged=play.judged()), taker=play.taker())
    assert play.statuses() == ["approved", "running", "queued"]
    (held,) = play.claimed()
    assert (held.task_id, held.owner, held.claim) == (task_id(2), "worker-1", 1)


def test_a_taker_with_several_hands_holds_as_many_steps_the_most_urgent_first() -> None:
    play = started(a_task(1), a_task(2, 1), a_task(3, 1), a_task(4, 1))
    play.apply(play.executed(play.start(1), judged=play.judged()), taker=play.taker(hands=2))
    assert play.statuses() == ["approved", "running", "running", "queued"]
    assert [(held.owner, held.claim) for held in play.claimed()] == [("worker-1", 1)] * 2


def test_a_taker_with_more_hands_than_steps_are_owed_holds_what_there_is() -> None:
    play = started(a_task(1), a_task(2, 1), a_task(3))
    play.apply(play.executed(play.start(1), judged=play.judged()), taker=play.taker(hands=9))
    assert play.statuses() == ["approved", "running", "queued"]


def test_a_taker_leaves_what_was_owed_before_to_the_queue() -> None:
    play = started(a_task(1), a_task(2))
    play.apply(play.executed(play.start(1), judged=play.judged()), taker=play.taker())
    assert play.statuses() == ["approved", "queued"]


def test_a_taker_of_reviews_begins_nothing() -> None:
    play = started(a_task(1), a_task(2, 1))
    play.apply(play.executed(play.start(1)), taker=play.taker(WorkKind.REVIEW))
    assert play.statuses() == ["in_review", "pending"]
    play.apply(play.succeed(play.claimed()[0], ref_of(play.claimed()[0])), taker=play.taker(WorkKind.REVIEW))
    assert play.statuses() == ["approved", "queued"]


@pytest.mark.parametrize(("less_urgent_by", "status"), [(0, "running"), (1, "queued")])
def test_a_taker_passes_over_what_is_less_urgent_than_what_waits_elsewhere(less_urgent_by: int, status: str) -> None:
    play = started(a_task(1), a_task(2, 1))
    item = play.open_item(1)
    taker = play.taker(at_least=item.queue_priority - less_urgent_by)
    play.apply(play.executed(play.start(1), judged=play.judged()), taker=taker)
    assert play.statuses() == ["approved", status]


def test_nobody_takes_up_anything_of_a_paused_goal() -> None:
    play = started(a_task(1), a_task(2, 1))
    ref = play.start(1)
    play.pause()
    play.apply(play.executed(ref), taker=play.taker())
    assert (play.statuses(), play.claimed()) == (["completed", "pending"], [])


# -- in general --------------------------------------------------------------------------------------------------


def test_a_human_signs_what_a_human_did() -> None:
    play = started(plan=a_plan([a_task(1)], gates=(LEGAL,)))
    play.decide(Decision.APPROVE)
    assert {entry.who for entry in play.changes[-1].entries} == {"ana"}


def test_advance_leaves_the_snapshot_as_it_was() -> None:
    play = started(a_task(1))
    snapshot, copy = play.snapshot(), play.snapshot()
    claimed = Claimed(item_id=play.open_item(1).work_item_id, owner="w", lease_until=play.now + LEASE)
    change = advance(snapshot, claimed, play.now)
    assert snapshot == copy
    assert change is not None
    assert change.goal.version == snapshot.goal.version + 1


def test_a_finished_goal_takes_no_results_and_no_answers() -> None:
    play = finished()
    report = next(item for item in play.items.values() if item.kind is WorkKind.REPORT)
    assert play.apply(Looked()) is None
    with pytest.raises(StaleClaim):
        play.apply(Reviewed(item=ref_of(report), findings=(), waived=(), asked_for=frozenset()))
    with pytest.raises(UsageError):
        play.apply(Decided(approval_id="abc123-a1", decision=Decision.APPROVE, by="ana"))
