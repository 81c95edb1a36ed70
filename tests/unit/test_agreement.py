"""What follows when outputs contradict each other: which task is done over, how often, before what report."""

from __future__ import annotations

from typing import Any

from marketeer.domain.agreement import compared_tasks, to_do_over
from marketeer.domain.contradiction import TO_AGREE
from marketeer.domain.goal import GoalStatus
from marketeer.domain.outcome import Disagreed
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.task import MAX_PASSES, TaskStatus
from marketeer.domain.work import WorkKind
from tests.support.builders import a_task, contradiction, task_id
from tests.support.laws import check_all
from tests.support.play import Play, ref_of, started


def at_the_report() -> Play:
    """All that is left to do is the report, and somebody has it in hand."""
    play = started(a_task(1), a_task(2, 1), a_task(3, 2))
    for seq in (1, 2, 3):
        play.finish(seq)
    report(play)
    return play


def report(play: Play) -> None:
    (item,) = [item for item in play.ready() if item.kind is WorkKind.REPORT]
    play.claim(item)


def disagree(play: Play, *seqs: int) -> None:
    """These outputs are found to contradict the context."""
    (item,) = play.claimed()
    over = to_do_over([contradiction(later=task_id(seq)) for seq in seqs], list(play.tasks.values()))
    play.apply(Disagreed(item=ref_of(item), tasks=over))
    check_all(play)


def test_the_report_waits_for_a_task_that_takes_the_place_of_the_contradicting_one() -> None:
    play = at_the_report()
    disagree(play, 2)
    new = play.task(4)
    assert (new.supersedes, new.status, new.pass_number) == (task_id(2), TaskStatus.QUEUED, 2)
    assert new.why == f"{TO_AGREE}the free trial"
    assert new.feedback is not None
    assert all(quote in new.feedback for quote in ("Start your 14-day free trial.", "Try it free for 30 days."))
    assert play.task(3).depends_on == (task_id(2),), "what is finished stays as it is"
    assert not [item for item in play.ready() if item.kind is WorkKind.REPORT]
    play.finish(4)
    report(play)
    assert play.goal.pass_number == 2
    play.run()
    assert play.status() is GoalStatus.COMPLETED


def test_no_task_is_done_over_twice_for_this() -> None:
    play = at_the_report()
    disagree(play, 2)
    play.finish(4)
    tasks = list(play.tasks.values())
    assert to_do_over([contradiction(later=play.task(4).task_id)], tasks) == ()
    others = to_do_over([contradiction(later=play.task(3).task_id)], tasks)
    assert [one.task_id for one in others] == [play.task(3).task_id]


def test_several_contradictions_of_one_output_make_one_task_and_are_all_told() -> None:
    play = at_the_report()
    found = [contradiction(later=task_id(2)), contradiction(later=task_id(2), about="the price of 'crew'")]
    (over,) = to_do_over(found, list(play.tasks.values()))
    assert over.why == f"{TO_AGREE}the free trial, the price of 'crew'"
    assert (len(over.lines), over.feedback.count("[contradiction]")) == (2, 2)


def test_a_task_in_its_last_pass_and_one_that_a_human_edited_are_left_alone() -> None:
    last = a_task(1, status=TaskStatus.APPROVED, output_path="one.md", output_version=1, pass_number=MAX_PASSES)
    edited = a_task(2, status=TaskStatus.APPROVED, output_path="two.md", output_version=1)
    found = [contradiction(later=task.task_id) for task in (last, edited)]
    assert to_do_over(found, [last, edited], edited={edited.task_id}) == ()


def test_what_is_compared_are_the_newest_approved_outputs_in_the_order_of_the_plan() -> None:
    made: dict[str, Any] = {"status": TaskStatus.APPROVED, "output_path": "out.md", "output_version": 1}
    late, early = a_task(1, phase=2, **made), a_task(5, phase=0, **made)
    others = [
        a_task(2, status=TaskStatus.FAILED),
        a_task(3, superseded_by=task_id(5), **made),
        a_task(4, skill=FOUNDATION_SKILL, **made),
    ]
    assert compared_tasks([late, *others, early]) == [early, late]


def test_a_task_that_was_done_over_meanwhile_is_not_done_over_again() -> None:
    play = at_the_report()
    (item,) = play.claimed()
    over = to_do_over([contradiction(later=task_id(2))], list(play.tasks.values()))
    play.apply(Disagreed(item=ref_of(item), tasks=(*over, *over)))
    assert len(play.tasks) == 4
    check_all(play)
