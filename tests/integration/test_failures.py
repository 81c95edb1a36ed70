"""What goes wrong with calls: cut, refused, lost or delayed ones are booked, retried or failed, each in its own way."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from marketeer.adapters.claude import ClaudeModel
from marketeer.domain.errors import ApiUnavailable, ConfigurationError, PermanentError
from marketeer.domain.goal import GoalStatus
from marketeer.domain.retry import LONGEST_WISH_S
from marketeer.domain.task import TaskStatus
from marketeer.domain.work import WorkState
from marketeer.ports import CallLost
from marketeer.testing.fake_claude import FakeClaude
from marketeer.testing.faults import Fault, FaultKind, scripted
from tests.integration.desk import (
    FAN,
    FUNNEL,
    KEY,
    Answer,
    Clerk,
    QuickClock,
    again,
    an_office,
    check_books,
    cut_short,
    empty,
    files,
    finish,
    journal_of,
    read,
    refused,
    statuses,
    submit,
    task_of,
    too_long,
    work,
)

SKILL = "analytics-tracking"


def lost(why: str = "the stream broke") -> CallLost:
    error = CallLost(why)
    error.__cause__ = ApiUnavailable(why)
    return error


# -- answers that are no documents -----------------------------------------------------------------------------


async def test_a_truncated_answer_is_booked_and_asked_for_again_with_twice_the_room(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [cut_short]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        first, second = clerk.calls(SKILL)
        assert second.max_output_tokens == 2 * first.max_output_tokens
        assert first.call_id != second.call_id
        booked = await office.store.calls(goal.goal_id)
        assert [(call.stop_reason, call.estimated) for call in booked] == [("max_tokens", False), ("end_turn", False)]
        assert all(call.cost_usd > 0 for call in booked)
        task = await task_of(office, goal, SKILL)
        assert (goal.status, task.revision) == (GoalStatus.COMPLETED, 0)
        assert read(office, task.output_path).rstrip().endswith(_last_line(await _stored(office, task.output_path)))
        await check_books(office, goal)


async def _stored(office: object, path: str | None) -> str:
    document = await office.store.document(path)  # type: ignore[attr-defined]
    assert document is not None
    assert not document.truncated
    return str(document.content)


def _last_line(text: str) -> str:
    return text.rstrip().splitlines()[-1]


async def test_an_answer_that_is_truncated_twice_fails_the_task_and_is_never_shipped(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says["copy-editing"] = [too_long, too_long]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FAN)
        task = await task_of(office, goal, "copy-editing")
        assert (goal.status, task.status, task.output_path) == (GoalStatus.FAILED, TaskStatus.FAILED, None)
        assert "did not fit" in (task.reason or "")
        assert (await statuses(office, goal))[SKILL] == "approved"
        assert not [path for path in files(office, "outputs") if "copy-editing" in path]
        await check_books(office, goal)


async def test_a_truncated_product_context_is_in_force_for_nobody(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says["product-marketing-context"] = [too_long, too_long]
    async with an_office(tmp_path, clerk, context=None) as office:
        assert (await finish(office)).status is GoalStatus.FAILED
        assert files(office, "context") == []
        second = await finish(office)
        assert second.status is GoalStatus.COMPLETED
        assert [seen.skill for seen in clerk.seen[2:]] == ["product-marketing-context", SKILL]
        assert "There is no product context yet." in clerk.seen[2].request.system[0].text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused, "declined to answer"),
        (PermanentError("the model API rejects this request"), "rejects this request"),
        (ZeroDivisionError("a bug"), "unexpected ZeroDivisionError: a bug"),
    ],
    ids=["refusal", "rejected", "bug"],
)
async def test_what_cannot_be_repaired_fails_its_task_by_name_and_the_others_go_on(
    tmp_path: Path, answer: Answer, said: str
) -> None:
    clerk = Clerk()
    clerk.says["seo-audit"] = [answer]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office, FUNNEL)
        assert goal.status is GoalStatus.FAILED
        assert said in (goal.error or "")
        assert await statuses(office, goal) == {
            SKILL: "approved",
            "seo-audit": "failed",
            "ab-test-setup": "approved",
            "marketing-ideas": "cancelled",
        }
        assert said in read(office, goal.report_path)
        assert len(clerk.calls("seo-audit")) == 1
        (learning,) = await office.store.learnings(rehearsal=False, agent="seo-audit")
        assert said in learning.learning
        await check_books(office, goal)


# -- the API is away -------------------------------------------------------------------------------------------


async def test_a_passing_failure_is_tried_again_after_longer_and_longer_waits(tmp_path: Path) -> None:
    clock = QuickClock(speed=200)
    clerk = Clerk(clock=clock)
    clerk.says[SKILL] = [ApiUnavailable("busy", rate_limited=True)] * 6
    async with an_office(tmp_path, clerk, clock=clock) as office:
        goal = await finish(office)
        assert goal.status is GoalStatus.COMPLETED
        moments = [seen.at for seen in clerk.seen]
        waits = [(after - before).total_seconds() for before, after in pairwise(moments)]
        assert all(wait >= 0.5 * 2**number for number, wait in enumerate(waits)), waits
        (call,) = await office.store.calls(goal.goal_id)
        assert not call.estimated
        await check_books(office, goal)


@pytest.mark.parametrize(("wish_s", "least_s"), [(45.0, 45.0), (90.0, 90.0), (86_400.0, LONGEST_WISH_S)])
async def test_the_servers_wish_to_be_left_alone_is_honoured_up_to_an_hour(
    tmp_path: Path, wish_s: float, least_s: float
) -> None:
    clock = QuickClock(speed=5_000)
    clerk = Clerk(clock=clock)
    clerk.says[SKILL] = [ApiUnavailable("busy", retry_after_s=wish_s, rate_limited=True)]
    async with an_office(tmp_path, clerk, clock=clock, marketeer_lease_s=86_400) as office:
        goal = await finish(office)
        first, second = (seen.at for seen in clerk.seen)
        assert goal.status is GoalStatus.COMPLETED
        assert timedelta(seconds=least_s) <= second - first < timedelta(hours=12)
        deferred = await journal_of(office, goal, "task_deferred")
        assert len(deferred) == (1 if least_s > 60 else 0)


async def test_an_answer_cut_well_below_its_limit_is_asked_for_again_like_any_passing_failure(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [cut_short] * 6
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert (goal.status, task.attempts) == (GoalStatus.COMPLETED, 4)
        assert await _stored(office, task.output_path)
        assert len(await office.store.calls(goal.goal_id)) == 7
        await check_books(office, goal)


async def test_an_empty_answer_is_paid_for_and_asked_for_again(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [empty, empty]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        booked = await office.store.calls(goal.goal_id)
        assert (goal.status, len(booked)) == (GoalStatus.COMPLETED, 3)
        assert all(call.cost_usd > 0 and not call.estimated for call in booked)
        assert len(await journal_of(office, goal, "task_approved")) == 1
        await check_books(office, goal)


async def test_a_task_that_keeps_failing_is_given_up_after_eight_attempts_and_ten_minutes(tmp_path: Path) -> None:
    """Of its own making, that is: the API answers, but with nothing."""
    clock = QuickClock(speed=1_000)
    clerk = Clerk(clock=clock)
    clerk.says[SKILL] = [empty] * 100
    async with an_office(tmp_path, clerk, clock=clock, marketeer_lease_s=86_400) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert (goal.status, task.status) == (GoalStatus.FAILED, TaskStatus.FAILED)
        assert len(clerk.seen) >= 8
        assert task.attempted_at is not None
        assert task.finished_at is not None
        assert task.finished_at - task.attempted_at >= timedelta(minutes=10)
        assert "answered with no text" in (task.reason or "")
        await check_books(office, goal)


async def test_rate_limits_that_last_a_minute_are_an_outage_and_then_no_attempt_counts(tmp_path: Path) -> None:
    clock = QuickClock(speed=2_000)
    clerk = Clerk(clock=clock)
    clerk.says[SKILL] = [ApiUnavailable("busy", rate_limited=True)] * 40
    async with an_office(tmp_path, clerk, clock=clock, marketeer_lease_s=86_400) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        assert clerk.seen[-1].at - clerk.seen[0].at > timedelta(minutes=10)
        assert (goal.status, task.attempts < 9) == (GoalStatus.COMPLETED, True)
        assert len(await journal_of(office, goal, "task_deferred")) > 25
        await check_books(office, goal)


async def test_while_the_api_is_down_tasks_are_deferred_and_no_attempt_counts(tmp_path: Path) -> None:
    clock = QuickClock(speed=2_000)
    clerk = Clerk(clock=clock)
    clerk.says[SKILL] = [ApiUnavailable("cannot reach the model API")] * 25
    async with an_office(tmp_path, clerk, clock=clock, marketeer_lease_s=86_400) as office:
        goal = await finish(office)
        task = await task_of(office, goal, SKILL)
        # 25 tries over more than ten minutes would have been far too many.
        assert clerk.seen[-1].at - clerk.seen[0].at > timedelta(minutes=10)
        assert (goal.status, task.attempts) == (GoalStatus.COMPLETED, 1)
        assert len(await journal_of(office, goal, "task_deferred")) == 23
        await check_books(office, goal)


async def test_a_call_that_is_lost_is_booked_at_its_reservation_and_made_again(tmp_path: Path) -> None:
    clerk = Clerk()
    clerk.says[SKILL] = [lost(), lost()]
    async with an_office(tmp_path, clerk) as office:
        goal = await finish(office)
        calls = await office.store.calls(goal.goal_id)
        assert goal.status is GoalStatus.COMPLETED
        assert [call.estimated for call in calls] == [True, True, False]
        request = clerk.calls(SKILL)[0]
        assert calls[0].cost_usd == calls[1].cost_usd > calls[2].cost_usd
        assert calls[0].cost_usd > request.max_output_tokens * request.model.price.output / 1_000_000
        assert len({call.call_id for call in calls}) == 3
        bill = await office.store.goal_bill(goal.goal_id)
        assert bill.total.settled_usd == sum(call.cost_usd for call in calls)
        assert "2 of these calls could not be observed" in read(office, goal.report_path)
        await check_books(office, goal)


# -- what only the user can mend -------------------------------------------------------------------------------


def claude(server: FakeClaude, *, key: str = KEY) -> ClaudeModel:
    return ClaudeModel(api_key=key, base_url=server.base_url, clock=QuickClock(1), max_parallel=3)


@pytest.mark.parametrize("status", [401, 404])
async def test_a_wrong_key_or_model_stops_the_run_with_nothing_failed_and_resume_completes(
    tmp_path: Path, status: int
) -> None:
    wrong = {1: Fault(kind=FaultKind.STATUS, status=status), 2: Fault(kind=FaultKind.STATUS, status=status)}
    async with FakeClaude(faults=scripted(wrong)) as server:
        model = claude(server)
        async with an_office(tmp_path, model) as office:
            goal = await submit(office, FUNNEL)
            with pytest.raises(ConfigurationError, match=f"HTTP {status}"):
                await work(office, goal)
            await _assert_nothing_is_held_against(office, goal.goal_id)
            resumed = await again(office, goal)
            assert resumed.status is GoalStatus.COMPLETED
            booked = await office.store.goal_bill(goal.goal_id)
            assert booked.total.settled_usd == server.total_usd
            await check_books(office, goal)
        await model.aclose()


async def _assert_nothing_is_held_against(office: object, goal_id: str) -> None:
    tasks = await office.store.tasks(goal_id)  # type: ignore[attr-defined]
    assert {task.status for task in tasks} <= {
        TaskStatus.QUEUED, TaskStatus.PENDING, TaskStatus.APPROVED, TaskStatus.COMPLETED
    }  # fmt: skip
    assert await office.store.claimed_items(lease_before=None) == []  # type: ignore[attr-defined]
    snapshot = await office.store.snapshot(goal_id)  # type: ignore[attr-defined]
    waiting = [item for item in snapshot.items if item.state is WorkState.READY]
    assert waiting
    assert all(item.attempts == 0 for item in waiting)
